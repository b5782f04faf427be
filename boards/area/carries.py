"""Carry cells of a chip before synthesis, by what they are for."""

from spikewright.boards.area.adders import chains, pairs
from spikewright.boards.area.lanes import lane_carries
from spikewright.compiler.blockram import used_lanes
from spikewright.config import ChipConfig, CompressedRows, CoreConfig, slot_bits
from spikewright.fixed import unsigned_bits

__all__ = ["carry_terms"]


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
