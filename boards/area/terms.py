"""What a chip is made of, counted: bits of multiplexers, of logic around adders, of tables, of decoders.

Each count is an amount of a named *term*; :mod:`spikewright.boards.area.model` has the look-up tables that
Yosys takes for one of each. Counts come core by core.
"""

from collections.abc import Mapping

from spikewright.boards.area.control import bus_terms, control_terms, emitter_terms, ring_terms
from spikewright.boards.area.lanes import lane_terms
from spikewright.boards.area.tables import table_luts
from spikewright.boards.area.walkers import address_terms, row_terms
from spikewright.compiler.blockram import Realised, live_lanes, used_lanes
from spikewright.compiler.words import Image
from spikewright.config import ChipConfig, CompressedRows, CoreConfig, slot_bits
from spikewright.memories import core_memories
from spikewright.rings import port_ring

__all__ = ["Terms", "add", "lut_terms"]

Terms = dict[str, float]

Memories = Mapping[str, Realised]
Widths = Mapping[str, int]
Images = Mapping[str, Image] | None


def lut_terms(chip: ChipConfig, memories: Memories, widths: Widths, images: Images = None
              ) -> dict[str, Terms]:
    """Terms by core, the rings in front of it included; and of the bus, as ``""``."""
    return {"": bus_terms(chip)} | {core.name: core_terms(chip, core, memories, widths, images)
                                    for core in chip.cores}


def core_terms(chip: ChipConfig, core: CoreConfig, memories: Memories, widths: Widths, images: Images
               ) -> Terms:
    """Terms of a core and its rings."""
    lanes, fed, bus = live_lanes(chip, core), used_lanes(chip, core), chip.contents == "bus"
    compressed = isinstance(core.rows, CompressedRows)
    work: Terms = {}
    for term, amount in lane_terms(core).items():
        work[term] = amount * (fed if term == "value" or (term == "forward" and compressed) else lanes)
    add(work, row_terms(core, fed))
    add(work, address_terms(core, bus=bus))
    for memory in core_memories(core):
        if memory.name in memories:
            realised, written = memories[memory.name], bus and not memory.state
            words = None if images is None else images.get(memory.name)
            if realised.kind == "logic" and not memory.state and words is not None and not bus:
                work["tables"] = work.get("tables", 0) + table_luts([int(word) for word in words])
            else:
                add(work, memory_terms(realised, memory.depth, widths[memory.name], written=written))
            add(work, {"block contents": realised.kind == "block" and not memory.state})
    add(work, control_terms(chip, core))
    add(work, emitter_terms(core, min(lanes, core.neurons), waits=feeds_core(chip, core)))
    if f"{core.name}.queue" in memories:
        place = slot_bits(core) if core.plane is None else sum(core.plane.field_bits[1:])
        width, queue = 2 + place + core.lanes * core.neuron.count_bits, memories[f"{core.name}.queue"]
        add(work, {f"queue {term}": amount for term, amount in memory_terms(queue, 0, width).items()})
        add(work, {"queue block": width * (queue.kind == "block")})
    for index in range(len(core.ports)):
        ring = port_ring(chip, core, index)
        if ring is not None:
            add(work, ring_terms(ring))
            add(work, memory_terms(memories[ring.name], ring.memory.depth, ring.memory.width))
            if ring.table_memory is not None and memories[f"{ring.name}.delays"].kind == "logic":
                add(work, {"tables": table_luts(ring.table)})
    return work


def feeds_core(chip: ChipConfig, core: CoreConfig) -> bool:
    """Whether what it sends waits for another core: a ring or an output takes it sooner."""
    return any(port.source == core.name and not port.delayed for other in chip.cores for port in other.ports)


def add(terms: Terms, more: Mapping[str, float]) -> None:
    """Add amounts to those that are there."""
    for term, amount in more.items():
        terms[term] = terms.get(term, 0.0) + amount


def memory_terms(realised: Realised, depth: int, width: int, *, written: bool = False) -> Terms:
    """The choice between rows of RAM, or a table in logic; ``written``: contents that the bus writes."""
    if realised.kind == "logic":
        return {"unknown tables": width * max(1, depth / 16)} if depth > 1 else {}
    terms: Terms = {"rows written": realised.rows} if written and realised.kind == "distributed" else {}
    if realised.rows == 1:
        return terms
    if realised.rows == 2:
        return terms | {"choice of two": width, "ram rows": 2}
    return terms | {"choice of more": width * realised.rows, "ram rows": realised.rows}
