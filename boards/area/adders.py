"""Adders of a chip: bits of carry chains, and constant multiplications, made of rows of adders."""

from collections import Counter
from dataclasses import dataclass
from functools import cache
from math import ceil

from spikewright.compiler.blockram import used_lanes
from spikewright.config import ChipConfig, CompressedRows, CoreConfig, slot_bits
from spikewright.fixed import unsigned_bits

__all__ = ["carry_terms", "product_columns"]


@dataclass(frozen=True, slots=True)
class Operand:
    """What is added up: bits from ``low`` up to ``high``; signed ones go on above."""

    low: int
    high: int
    signed: bool = False


@cache
def product_columns(constant: int, bits: int, width: int) -> tuple[int, ...]:
    """How many columns of a product with a constant have three bits to be added, or more; four; five.

    Yosys joins additions to one of many operands, but not what a first subtraction of unsigned numbers
    gives: that is a carry chain of its own. Columns of one or two bits go into the last carry chain.
    """
    found: Counter[int] = Counter()
    for operands in joined(signed_digits(constant), bits):
        if len(operands) > 2:
            top = min(width, max(operand.high for operand in operands) + 1)
            found.update(sum(operand.low <= column and (operand.signed or column < operand.high)
                             for operand in operands) for column in range(top))
    return tuple(sum(number for count, number in found.items() if count >= least) for least in range(3, 6))


def joined(terms: list[tuple[int, int]], bits: int) -> list[list[Operand]]:
    """Operands of the additions that Yosys makes of these powers and signs."""
    operands = [Operand(power, power + bits) for power, _ in terms]
    first = next((index for index, (_, sign) in enumerate(terms) if sign < 0), None)
    if first is None:
        return [operands]
    result = Operand(terms[0][0], terms[first][0] + bits + 1, signed=True)
    return [operands[: first + 1], [result, *operands[first + 1:]]]


def signed_digits(constant: int) -> list[tuple[int, int]]:
    """Canonical signed digits, lowest first: power, and +1 or -1."""
    found, power = [], 0
    while constant:
        if constant & 1:
            found.append((power, 2 - (constant & 3)))
            constant -= found[-1][1]
        constant >>= 1
        power += 1
    return found


def chains(constant: int) -> int:
    """Carry chains of the product with a constant."""
    return sum(len(operands) > 1 or operands[0].signed
               for operands in joined(signed_digits(constant), 1)) if constant else 0


def pairs(bits: int) -> int:
    """Carry cells of an adder: each has two bits."""
    return ceil(bits / 2)


def carry_terms(chip: ChipConfig) -> dict[str, float]:
    """Carry cells that the adders of a chip would take, by kind."""
    terms: dict[str, float] = {}
    for core in chip.cores:
        lanes = used_lanes(chip, core)
        lane = {term: (lanes if term in ("accumulate", "value") else core.lanes) * amount
                for term, amount in lane_carries(core).items()}
        for kind, cells in (lane | row_carries(core, lanes) | control_carries(core, core.lanes)).items():
            terms[kind] = terms.get(kind, 0.0) + cells
    return terms


def lane_carries(core: CoreConfig) -> dict[str, float]:
    """One lane: accumulation, comparison and reset, decay, bias."""
    neuron, held = core.neuron, int(core.holds)
    width, bits = core.accumulator_bits, core.neuron.state_bits
    stored = {level.name for level in (*core.parameters, *core.levels)}
    shifts = neuron.decay.kind == "shift" and neuron.decay.shift > 0
    biased = "bias" in stored or neuron.bias[0] != 0
    late = neuron.fires and neuron.reset == "subtract" and neuron.reset_when == "next"
    amount = neuron.fires and neuron.reset == "subtract" and neuron.reset_when == "now"
    terms: dict[str, float] = {
        "accumulate": pairs(width), "held": held * pairs(width + 1),
        "floor": pairs(width + held) if neuron.floor is not None else 0,
        "value": pairs(core.weight_bits + core.value_bits) if core.value_bits else 0,
        "compare": pairs(bits + 1) if neuron.fires else 0,
        "amount": pairs(bits) if amount and not neuron.resets_by_compare else 0,
        "shift": pairs(bits) if shifts else 0,
        "stored": 0 if shifts and width == bits else pairs(width) if late or biased else 0,
    }
    if neuron.decay.kind == "multiply":
        terms["magnitude"] = 2 * pairs(bits)
        fraction, factor = neuron.decay.fraction_bits, neuron.decay.factor[0]
        if "decay" in stored:
            terms["wide product"] = pairs(bits + fraction) if bits > 18 else 0
        elif factor:
            terms["product"] = chains(factor) * pairs(bits + fraction)
    return terms


def row_carries(core: CoreConfig, lanes: int) -> dict[str, float]:
    """Walkers: addresses and counters."""
    passes = pairs(unsigned_bits(core.value_bits - 1)) if core.value_bits else 0
    if isinstance(core.rows, CompressedRows):
        rows = core.rows
        address = pairs(unsigned_bits(rows.entries - 1))
        return {"walker": lanes * (2 * address + 3 * pairs(rows.offset_bits) + passes), "queue": lanes}
    address = pairs(unsigned_bits(core.total_rows * core.slots - 1))
    return {"dense": address + pairs(slot_bits(core)) + passes, "row": chains(core.slots) * address}


def control_carries(core: CoreConfig, lanes: int) -> dict[str, float]:
    """Intake, sequencer and emitter."""
    event = pairs(unsigned_bits(core.total_rows - 1))
    terms: dict[str, float] = {"control": 1 + pairs(slot_bits(core)),
                               "port": sum(event for port in core.ports if port.first_row)}
    if core.neuron.fires:
        depth = max(1, (core.slots - 1).bit_length())
        terms["emit"] = (pairs(lanes) if lanes > 1 else 0) + 2 * pairs(depth) + pairs(depth + 1)
    return terms
