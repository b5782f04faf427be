"""Carry cells of a chip before synthesis, by what they are for."""

from spikewright.boards.area.adders import chains, pairs
from spikewright.boards.area.lanes import lane_carries
from spikewright.boards.area.planes import kernel_adders, row_adders
from spikewright.boards.area.terms import Terms, add
from spikewright.compiler.blockram import live_lanes, used_lanes
from spikewright.config import ChipConfig, CompressedRows, CoreConfig, KernelRows, slot_bits
from spikewright.fixed import unsigned_bits
from spikewright.rings import RingConfig, port_ring
from spikewright.rtl.rows import QUEUE_DEPTH

__all__ = ["carry_terms"]


FED = ("accumulate", "value", "own bias")
"""Terms of lanes that weights and contents feed: baked, others add nothing."""


def carry_terms(chip: ChipConfig) -> Terms:
    """Carry cells that the adders of a chip would take, by kind."""
    terms: Terms = {}
    for core in chip.cores:
        fed, lanes = used_lanes(chip, core), live_lanes(chip, core)
        for term, amount in lane_carries(core).items():
            add(terms, {term: (fed if term in FED else lanes) * amount})
        add(terms, row_carries(core, fed))
        add(terms, control_carries(core, core.lanes))
        for index in range(len(core.ports)):
            ring = port_ring(chip, core, index)
            if ring is not None:
                add(terms, ring_carries(ring))
    return terms


def row_carries(core: CoreConfig, lanes: int) -> Terms:
    """Walkers: addresses and counters."""
    passes = pairs(unsigned_bits(core.value_bits - 1)) if core.value_bits else 0
    if isinstance(core.rows, CompressedRows):
        rows = core.rows
        address = pairs(unsigned_bits(rows.entries - 1))
        queue = 3 * pairs(QUEUE_DEPTH.bit_length())  # its level goes up and down, and one more is read
        return {"walker": lanes * (queue + 2 * address + 3 * pairs(rows.offset_bits) + passes)}
    address = pairs(unsigned_bits(core.weight_words - 1))
    if isinstance(core.rows, KernelRows):
        return {"kernels": sum(pairs(bits) for bits in kernel_adders(core)), "dense": passes}
    return {"dense": address + pairs(slot_bits(core)) + passes, "row": chains(core.slots) * address}


def control_carries(core: CoreConfig, lanes: int) -> Terms:
    """Intake, sequencer and emitter."""
    event = pairs(unsigned_bits(core.total_rows - 1))
    planes = [port for port in core.ports if port.plane is not None and port.convolution is None]
    terms: Terms = {
        "control": pairs(slot_bits(core)),
        "port": sum(event for port in core.ports if port.first_row and port.convolution is None),
        "plane rows": sum(pairs(bits) for port in planes for bits in row_adders(port))}
    if core.plane is not None:
        terms["place"] = sum(pairs(bits) for bits in core.plane.field_bits[1:])
    if core.neuron.fires:
        depth = max(1, (core.slots - 1).bit_length())
        terms["emit"] = pairs(lanes) + 2 * pairs(depth) + 2 * pairs(depth + 1)
    return terms


def ring_carries(ring: RingConfig) -> Terms:
    """Pointers into a ring's slots, and the next event of a word."""
    depth, words = (ring.memory.depth - 1).bit_length(), (ring.words - 1).bit_length()
    terms: Terms = {"ring": pairs(depth) + 2 * pairs(words),
                    "ring events": 0 if ring.word.value_bits else pairs(ring.memory.width)}
    if ring.slots > 1:  # an event's slot, and its word there
        terms["ring ahead"] = 2 * pairs(depth) + 2 * pairs(depth + 1) * (len(ring.table) > 1)
    return terms
