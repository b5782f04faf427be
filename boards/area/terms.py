"""What a chip is made of, counted: bits of multiplexers, of logic around adders, of tables, of decoders.

Each count is an amount of a named *term*; :mod:`spikewright.boards.area.model` has the look-up tables that
Yosys takes for one of each. Counts come by *part*, as parts are instances in the netlist.
"""

from collections.abc import Mapping

from spikewright.boards.area.adders import product_columns
from spikewright.compiler.blockram import Realised, used_lanes
from spikewright.config import ChipConfig, CompressedRows, CoreConfig, slot_bits
from spikewright.fixed import unsigned_bits
from spikewright.memories import chip_memories, core_memories
from spikewright.memory import BUS_BITS, window

__all__ = ["Terms", "add", "has_level", "lut_terms", "varies"]

Terms = dict[str, float]
FED = ("forward", "forward compare", "value")
"""Terms of a lane that its weights feed: baked, a lane without a neuron has none."""

Memories = Mapping[str, Realised]
Widths = Mapping[str, int]


def lut_terms(chip: ChipConfig, memories: Memories, widths: Widths) -> dict[tuple[str, str], Terms]:
    """Terms by core and part: "work" (lanes, rows, memories) and "control"; and the "bus" of core ""."""
    parts: dict[tuple[str, str], Terms] = {("", "bus"): bus_terms(chip)}
    for core in chip.cores:
        lanes = used_lanes(chip, core)
        fed = FED if chip.contents == "baked" else ()
        work = {term: (lanes if term in fed else core.lanes) * amount
                for term, amount in lane_terms(core).items()}
        add(work, row_terms(core, lanes))
        for memory in core_memories(core):
            if memory.name in memories:
                add(work, memory_terms(memories[memory.name], memory.depth, widths[memory.name]))
        control = control_terms(core)
        add(control, emitter_terms(core, min(core.lanes, core.neurons)))
        if f"{core.name}.queue" in memories:
            queue = memories[f"{core.name}.queue"]
            add(control, memory_terms(queue, 0, 2 + slot_bits(core) + core.lanes))
        parts |= {(core.name, "work"): work, (core.name, "control"): control}
    return parts


def add(terms: Terms, more: Terms) -> None:
    """Add amounts to those that are there."""
    for term, amount in more.items():
        terms[term] = terms.get(term, 0.0) + amount


def choice(ways: int) -> float:
    """LUTs that choose one of so many bits; pairs are joined by what stands beside LUTs in a slice."""
    return ways / 2 if ways > 1 else 0


def has_level(core: CoreConfig, name: str) -> bool:
    """Whether a level stands in a memory, rather than being a constant."""
    return any(level.name == name for level in (*core.parameters, *core.levels))


def varies(core: CoreConfig, name: str) -> bool:
    """Whether a level is in memory, or a constant other than zero."""
    constant: tuple[int, ...] = getattr(core.neuron, name)
    return has_level(core, name) or constant[0] != 0


def memory_terms(realised: Realised, depth: int, width: int) -> Terms:
    """The choice between rows of RAM, or a table in logic."""
    if realised.kind == "logic":
        return {"table": width * (max(1.0, depth / 16) if depth > 4 else 0.3)} if depth > 1 else {}
    if realised.rows == 1:
        return {}
    if realised.rows == 2:
        return {"choice of two": width, "ram rows": 2}
    return {"choice of more": width * realised.rows, "ram rows": realised.rows}


def lane_terms(core: CoreConfig) -> Terms:
    """One lane without its memory."""
    neuron, held = core.neuron, int(core.holds)
    width, bits = core.accumulator_bits, core.neuron.state_bits
    address = slot_bits(core) + held
    terms: Terms = {"store": core.state_word_bits}
    if held:
        terms["held store"] = core.state_word_bits
    if isinstance(core.rows, CompressedRows) or core.slots == 1:
        terms["forward"] = width
    if isinstance(core.rows, CompressedRows):
        terms["forward compare"] = address
    if width + held > bits:  # a floor alone sets and clears the register
        terms["clamp"], terms["clamp excess"] = bits, width + held - bits
    if neuron.floor is not None:
        terms["floor"] = 1
    if neuron.stores_spike:
        terms["late reset level" if has_level(core, "reset_value") else "late reset"] = width + held
    if neuron.fires:
        terms["fires"] = 1
        if neuron.reset_when == "now":
            level = " level" if neuron.reset == "set" and has_level(core, "reset_value") else ""
            terms[f"reset {neuron.reset}{level}"] = bits
        elif neuron.reset == "subtract":
            terms["late amount"] = bits
    if neuron.decay.kind == "multiply":
        terms["magnitude"] = bits
        fraction = neuron.decay.fraction_bits
        if has_level(core, "decay"):
            terms["wide product"] = bits + fraction if bits > 18 else 0
        else:
            columns = product_columns(neuron.decay.factor[0], bits, bits + fraction)
            terms |= {f"columns of {least}": number for least, number in enumerate(columns, 3)}
    late = neuron.fires and neuron.reset == "subtract" and neuron.reset_when == "next"
    shifts = neuron.decay.kind == "shift" and neuron.decay.shift > 0
    more = late + varies(core, "bias") - 1 + (shifts and width == bits)  # else they are added one by one
    terms["stored operands"] = width * max(0, more)
    if core.value_bits:
        terms["value"] = core.weight_bits + core.value_bits
    return terms


def row_terms(core: CoreConfig, lanes: int) -> Terms:
    """Walkers, without their memories."""
    values = core.value_bits
    if isinstance(core.rows, CompressedRows):
        rows = core.rows
        address, offset = unsigned_bits(rows.entries - 1), rows.offset_bits
        one: Terms = {"walker": 1, "walk": address + 2 * offset + rows.start_bits, "walk value": values}
        return {term: lanes * amount for term, amount in one.items()}
    address = unsigned_bits(core.total_rows * core.slots - 1)
    columns = product_columns(core.slots, unsigned_bits(core.total_rows - 1), address)
    terms: Terms = {"dense": 1, "dense value": values}
    terms |= {f"columns of {least}": number for least, number in enumerate(columns, 3)}
    banks = sum(memory.name.startswith(f"{core.name}.weights.") for memory in core_memories(core))
    terms["banks"] = lanes * core.weight_bits * choice(banks)
    return terms


def emitter_terms(core: CoreConfig, lanes: int) -> Terms:
    """What sends spikes or potentials, without its queue's memory."""
    if not core.neuron.fires:
        return {"readout": 1, "readout shift": (lanes - 1) * core.neuron.state_bits}
    return {"emit encode": lanes * (lanes - 1).bit_length(),
            "emit queue": max(1, (core.slots - 1).bit_length())}


def control_terms(core: CoreConfig) -> Terms:
    """Intake and sequencer."""
    more, event = len(core.ports) - 1, unsigned_bits(core.total_rows - 1) + core.value_bits
    return {"control": 1, "control slot": slot_bits(core), "port choice": more * event,
            "control held": int(core.holds), "control readout": int(not core.neuron.fires)}


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
