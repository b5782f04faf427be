"""A lane before synthesis: the widths that pass through its update, and the terms that follow from them."""

from dataclasses import dataclass
from math import ceil

from spikewright.boards.area.adders import pairs
from spikewright.config import CoreConfig, ParameterName
from spikewright.neuron import Decay
from spikewright.rtl.decay import decay_adders
from spikewright.rtl.latency import CoreLatency

__all__ = ["has_level", "lane_carries", "lane_terms"]


def has_level(core: CoreConfig, name: ParameterName) -> bool:
    """Whether a level stands in a memory, rather than being a constant."""
    return any(level.name == name for level in (*core.parameters, *core.levels))


@dataclass(frozen=True, slots=True)
class Clamp:
    """``sat`` from one width to another."""

    width: int
    bits: int
    floor: bool = False


@dataclass(frozen=True, slots=True)
class Leak:
    """A decay of a potential or a current, and the sum that is stored of it.

    ``later``: adders of that sum stand apart from the decay's, behind a register. ``operands``: what the sum
    adds, of which Yosys makes one tree; a shift adds two where it is as wide.
    """

    decay: Decay
    bits: int
    stored: bool
    width: int
    more: int
    later: bool
    stores_potential: bool = True

    @property
    def shifts(self) -> bool:
        """Whether a subtraction decays it."""
        return self.decay.kind == "shift" and self.decay.shift > 0

    @property
    def operands(self) -> int:
        """What the stored sum adds up."""
        return 1 + self.more + (self.shifts and not self.later and self.width == self.bits)


def constant(core: CoreConfig, name: ParameterName) -> int | None:
    """A level that is a constant of the logic; None if it comes from memory."""
    if has_level(core, name):
        return None
    levels: tuple[int, ...] = getattr(core.neuron, name)
    return levels[0]


def taken_off(core: CoreConfig) -> int | None:
    """What a spike takes off, if it is a constant."""
    return constant(core, "compare" if core.neuron.resets_by_compare else "reset_amount")


def clamps(core: CoreConfig) -> list[Clamp]:
    """What is clamped on the way to the potential, last first."""
    neuron, current = core.neuron, core.neuron.current
    width, floor = core.accumulator_bits + core.holds, neuron.floor is not None
    if current is None:
        return [Clamp(width, neuron.state_bits, floor)]
    summed = core.stored_bits
    if current.feeds == "new":
        summed = max(summed, current.bits) + 1
    return [Clamp(summed, neuron.state_bits, floor), Clamp(width, current.bits)]


def leaks(core: CoreConfig) -> list[Leak]:
    """What decays and is stored: the potential, then the current."""
    neuron, current, latency = core.neuron, core.neuron.current, CoreLatency(core)
    late = (neuron.fires and neuron.reset == "subtract" and neuron.reset_when == "next"
            and taken_off(core) != 0)
    biased = constant(core, "bias") != 0 or (current is not None and current.feeds == "old")
    found = [Leak(neuron.decay, neuron.state_bits, has_level(core, "decay"),
                  core.stored_bits or core.accumulator_bits, late + biased, latency.decay > 0)]
    if current is not None:
        biased = has_level(core, "current_bias") or current.bias[0] != 0
        found.append(Leak(current.decay, current.bits, has_level(core, "current_decay"),
                          core.accumulator_bits, int(biased), latency.decay > 0, stores_potential=False))
    return found


def lane_terms(core: CoreConfig) -> dict[str, float]:
    """Look-up tables of one lane without its memory and the addresses of that."""
    neuron = core.neuron
    terms: dict[str, float] = {"store": core.state_word_bits}

    def more(name: str, amount: float) -> None:
        terms[name] = terms.get(name, 0.0) + amount

    if core.forwards:
        more("forward", core.state_word_bits)
    if core.value_bits:
        more("value", 2 * core.weight_bits + core.value_bits - 1)
    for clamp in clamps(core):
        if clamp.width > clamp.bits:  # every bit is chosen, and all above it looked at
            more("clamp", clamp.width)
            more("clamp floor", clamp.bits * clamp.floor)
        elif clamp.floor:  # it alone sets and clears the register
            more("floor", clamp.bits)
    if neuron.stores_spike:
        first = clamps(core)[0]
        value = constant(core, "reset_value")
        if value is None:
            more("late reset level", first.width)
        else:
            more("late reset", ones(value, first.width))
    if neuron.fires:
        more("fires", 1)
        for name, amount in reset_terms(core).items():
            more(name, amount)
    if neuron.repeats:
        more("repeat", neuron.state_bits + neuron.count_bits)
    for leak in leaks(core):
        if leak.decay.kind == "multiply" and leak.stored:
            more("magnitude", 2 * leak.bits - 2)
            more("wide product", leak.bits + leak.decay.fraction_bits if leak.bits > 18 else 0)
        elif leak.decay.kind == "multiply":
            more("decay carries", decay_luts(leak.decay, leak.bits))
        if leak.operands > 2:
            more("three operands", joined_columns(core, leak))
    return terms


def joined_columns(core: CoreConfig, leak: Leak) -> int:
    """Columns of the stored sum in which three operands meet: what makes two of them takes two tables each.

    A constant bias and a constant amount, which a spike takes off, are one operand that has its bits.
    """
    current = core.neuron.current
    added = current.bits if current is not None and current.feeds == "old" and leak.stores_potential else 0
    columns = min(max(leak.bits, added), leak.width)
    amount = taken_off(core)
    constants = bool(constant(core, "bias")) and amount is not None  # they are one operand
    if leak.operands > 3:
        return columns if constants else 2 * columns
    return ones(amount or 0, columns) if constants and not leak.shifts else columns


def reset_terms(core: CoreConfig) -> dict[str, float]:
    """What chooses the potential that a spike leaves; constants take less than levels from memory."""
    neuron = core.neuron
    if neuron.reset_when == "next":
        return {}
    if neuron.reset == "set":
        value = constant(core, "reset_value")
        return {"reset level": neuron.state_bits} if value is None else \
            {"reset set": ones(value, neuron.state_bits)}
    amount = taken_off(core)
    below = trailing_zeros(amount, neuron.state_bits) if amount is not None else 0
    # What is left of a potential that was at least the level has its sign, and mostly a bit less.
    return {"reset subtract": max(0, neuron.state_bits - 2 - below)}


def ones(value: int, bits: int) -> int:
    """Bits of a constant that are set: others clear a register."""
    return (value & (1 << bits) - 1).bit_count()


def trailing_zeros(value: int, bits: int) -> int:
    """Low bits that a constant leaves as they are."""
    return (value & -value).bit_length() - 1 if value else bits


def decay_luts(decay: Decay, bits: int) -> int:
    """Look-up tables that find carries into a decay by a constant: from the sign and the bits left out."""
    return sum(ceil(adder.drop / 3) if adder.dropped is not None else adder.negative is False
               for adder in decay_adders(decay, bits))


def decay_carries(decay: Decay, bits: int) -> int:
    """Carry cells of a decay by a constant: a carry that comes in takes one more bit."""
    return sum(pairs(adder.bits + (adder.negative is not None)) for adder in decay_adders(decay, bits))


def lane_carries(core: CoreConfig) -> dict[str, float]:
    """Carry cells of one lane: accumulation, comparison and reset, decay, bias."""
    neuron, current = core.neuron, core.neuron.current
    width, bits = core.accumulator_bits, neuron.state_bits
    subtracts = neuron.fires and neuron.reset == "subtract"
    amount, late = subtracts and neuron.reset_when == "now", subtracts and neuron.reset_when == "next"
    terms: dict[str, float] = {
        "accumulate": pairs(width), "held": core.holds * pairs(width + 1),
        "floor": pairs(clamps(core)[0].width) if neuron.floor is not None else 0,
        "value": pairs(core.weight_bits + core.value_bits) if core.value_bits else 0,
        "compare": pairs(bits + 1) if neuron.fires else 0,
        "amount": pairs(bits) if amount and not neuron.resets_by_compare else 0,
        "shift": 0, "stored": 0, "own bias": 0, "magnitude": 0, "wide product": 0, "decay": 0,
    }
    if current is not None:
        old = current.feeds == "old"
        biased = constant(core, "bias") != 0
        terms["current"] = (pairs(max(current.bits, bits)) * biased if old else pairs(clamps(core)[0].width))
    for leak in leaks(core):
        merged = leak.operands > 1 + leak.more
        if leak.shifts:
            terms["shift"] += pairs(leak.bits)
        if leak.more and not merged:
            own = leak.more == 1 and any(level.name == "bias" for level in core.parameters) and not late
            terms["own bias" if own else "stored"] += \
                pairs(leak.width) * (leak.more if leak.operands < 3 else 1)
        if leak.decay.kind == "multiply" and leak.stored:
            terms["magnitude"] += 2 * pairs(leak.bits)
            terms["wide product"] += pairs(leak.bits + leak.decay.fraction_bits) if leak.bits > 18 else 0
        elif leak.decay.kind == "multiply":
            terms["decay"] += decay_carries(leak.decay, leak.bits)
    return terms
