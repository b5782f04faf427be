"""What a chip is made of, counted: bits of multiplexers, of logic around adders, of tables, of decoders.

Each count is an amount of a named *term*; :mod:`spikewright.boards.area.model` has the look-up tables that
Yosys takes for one of each. Counts come by *part*, as parts are instances in the netlist.
"""

from collections.abc import Mapping

from spikewright.boards.area.adders import product_columns
from spikewright.boards.area.lanes import lane_terms
from spikewright.compiler.blockram import Realised, used_lanes
from spikewright.config import ChipConfig, CompressedRows, CoreConfig, slot_bits
from spikewright.fixed import unsigned_bits
from spikewright.memories import chip_memories, core_memories
from spikewright.memory import BUS_BITS, window

__all__ = ["Terms", "add", "lut_terms"]

Terms = dict[str, float]
FED = ("forward", "forward compare", "value")
"""Terms of a lane that its walker feeds: baked, a lane without a neuron has none."""

Memories = Mapping[str, Realised]
Widths = Mapping[str, int]


def lut_terms(chip: ChipConfig, memories: Memories, widths: Widths) -> dict[tuple[str, str], Terms]:
    """Terms by core and part: "work" (lanes, rows, memories) and "control"; and the "bus" of core ""."""
    parts: dict[tuple[str, str], Terms] = {("", "bus"): bus_terms(chip)}
    for core in chip.cores:
        lanes = used_lanes(chip, core)
        fed = FED if isinstance(core.rows, CompressedRows) else ("value",)
        work = {term: (lanes if term in fed else core.lanes) * amount
                for term, amount in lane_terms(core).items()}
        add(work, row_terms(core, lanes))
        for memory in core_memories(core):
            if memory.name in memories:
                realised = memories[memory.name]
                written = chip.contents == "bus" and not memory.state
                add(work, memory_terms(realised, memory.depth, widths[memory.name], written=written))
                add(work, {"block contents": realised.kind == "block" and not memory.state})
        control = control_terms(core)
        add(control, emitter_terms(core, min(core.lanes, core.neurons)))
        if f"{core.name}.queue" in memories:
            queue = memories[f"{core.name}.queue"]
            add(control, memory_terms(queue, 0, 2 + slot_bits(core) + core.lanes * core.neuron.count_bits))
        parts |= {(core.name, "work"): work, (core.name, "control"): control}
    return parts


def add(terms: Terms, more: Terms) -> None:
    """Add amounts to those that are there."""
    for term, amount in more.items():
        terms[term] = terms.get(term, 0.0) + amount


def memory_terms(realised: Realised, depth: int, width: int, *, written: bool = False) -> Terms:
    """The choice between rows of RAM, or a table in logic; ``written``: contents that the bus writes."""
    if realised.kind == "logic":
        if depth <= 1:
            return {}
        return {"small table": width} if depth <= 4 else {"table": width} if depth <= 16 else \
            {"large table": width * depth / 16}
    terms: Terms = {"rows written": realised.rows} if written and realised.kind == "distributed" else {}
    if realised.rows == 1:
        return terms
    if realised.rows == 2:
        return terms | {"choice of two": width, "ram rows": 2}
    return terms | {"choice of more": width * realised.rows, "ram rows": realised.rows}


def row_terms(core: CoreConfig, lanes: int) -> Terms:
    """Walkers, without their memories."""
    values = core.value_bits
    if isinstance(core.rows, CompressedRows):
        rows = core.rows
        address, offset = unsigned_bits(rows.entries - 1), rows.offset_bits
        one: Terms = {"walker": 1, "walk": address + 2 * offset + rows.start_bits,
                      "walk values": values > 0, "walk value": values}
        return {term: lanes * amount for term, amount in one.items()} | {"idle walker": core.lanes - lanes}
    address = unsigned_bits(core.total_rows * core.slots - 1)
    columns = product_columns(core.slots, unsigned_bits(core.total_rows - 1), address)
    terms: Terms = {"dense": 1, "dense slot": slot_bits(core), "dense value": values}
    terms |= {f"columns of {least}": number for least, number in enumerate(columns, 3)}
    banks = sum(memory.name.startswith(f"{core.name}.weights.") for memory in core_memories(core))
    if banks > 1:  # pairs of LUTs are joined by what stands beside them in a slice, but not beyond 8 ways
        terms["banks"] = lanes * core.weight_bits * min(banks, 8) / 2
        terms["many banks"] = lanes * core.weight_bits * max(0, banks - 8)
    return terms


def emitter_terms(core: CoreConfig, lanes: int) -> Terms:
    """What sends spikes or potentials, without its queue's memory."""
    if not core.neuron.fires:
        return {"readout": 1, "readout shift": (lanes - 1) * core.neuron.state_bits}
    return {"emit encode": lanes * (lanes - 1).bit_length(),
            "emit counts": lanes * core.neuron.count_bits if core.neuron.repeats else 0,
            "emit queue": max(1, (core.slots - 1).bit_length())}


def control_terms(core: CoreConfig) -> Terms:
    """Intake and sequencer."""
    more, event = len(core.ports) - 1, unsigned_bits(core.total_rows - 1) + core.value_bits
    return {"control": 1, "control slot": slot_bits(core), "port choice": more * event,
            "control held": int(core.holds), "control readout": int(not core.neuron.fires),
            "partial": core.partial_slots > 0}


def bus_terms(chip: ChipConfig) -> Terms:
    """The configuration bus at every memory."""
    if chip.contents == "baked":
        return {}
    memories = chip_memories(chip)
    return {
        "bus": 1, "bus memory": len(memories),
        "bus address": sum(window(memory).bit_length() - 1 for memory in memories if memory.depth > 1),
        "bus answer": sum(min(BUS_BITS, memory.width) for memory in memories),
        "bus wide": sum(memory.width for memory in memories if memory.width > BUS_BITS),
        "bus level": sum(memory.width for memory in memories if memory.depth == 1)}
