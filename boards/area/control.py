"""Control before synthesis: intake, sequencer, emitter, rings, configuration bus."""

from spikewright.boards.area.planes import place_terms, plane_row_terms
from spikewright.config import ChipConfig, CoreConfig, slot_bits
from spikewright.memories import bus_memories
from spikewright.memory import BUS_BITS, window
from spikewright.rings import RingConfig
from spikewright.rtl.rows import event_layout

__all__ = ["bus_terms", "control_terms", "emitter_terms", "ring_terms"]


def control_terms(chip: ChipConfig, core: CoreConfig) -> dict[str, float]:
    """Intake and sequencer."""
    ports = [port for port in core.ports if port.kind != "pace"]
    more = len(ports) - 1
    terms: dict[str, float] = {
        "control": 1, "control slot": slot_bits(core), "port": len(core.ports) - 1,
        "port choice": more * event_layout(core).size, "control held": int(core.holds),
        "control readout": int(not core.neuron.fires), "partial": core.partial_slots > 0,
        "closing": sum(chip.closes_cycle(core, port) for port in core.ports),
        "control repeats": core.neuron.repeats}
    for port in ports:
        if port.plane is not None and port.convolution is None:
            for name, amount in plane_row_terms(port).items():
                terms[name] = terms.get(name, 0) + amount
            terms["plane row"] = terms.get("plane row", 0) + 1
    return terms


def emitter_terms(core: CoreConfig, lanes: int, *, waits: bool) -> dict[str, float]:
    """What sends spikes or potentials, without its queue's memory.

    ``lanes``: those that have neurons. ``waits``: for a core, whose answer comes late in the cycle: what
    depends on it is made several times, for either answer.
    """
    neuron = core.neuron
    if not neuron.fires:
        return {"readout": 1, "readout shift": core.lanes * neuron.state_bits} | place_terms(core)
    depth = max(1, (core.slots - 1).bit_length())
    return place_terms(core) | {
        "emit": 1, "emit lanes": lanes - 1, "emit encode": lanes * (lanes - 1).bit_length(),
        "emit queue": depth, "emit waits": (depth + 1) * waits * (lanes >= 4),
        "emit wide": (depth + 1) * (lanes >= 8),
        "emit lanes wait": lanes * waits, "emit mask": core.lanes * (core.partial_slots > 0),
        "emit repeats": neuron.repeats, "emit counts": lanes * neuron.count_bits * neuron.repeats}


def ring_terms(ring: RingConfig) -> dict[str, float]:
    """A ring of step slots, without its memory."""
    memory, bits = ring.memory, ring.field_bits
    words, depth = (ring.words - 1).bit_length(), (memory.depth - 1).bit_length()
    counted = ring.most > 1 and not ring.word.value_bits
    return {
        "ring": 1, "ring word": memory.width,
        "ring fields": ring.fields * max(1, ring.fields.bit_length() - 1),
        "ring values": ring.fields * bits * (bits > 1), "ring counts": memory.width * counted,
        "ring address": depth, "ring words": words, "ring ahead": depth * (ring.slots > 1),
        "ring delays": depth * (len(ring.table) > 1)}


def bus_terms(chip: ChipConfig) -> dict[str, float]:
    """The configuration bus at every memory."""
    if chip.contents == "baked":
        return {}
    memories = bus_memories(chip)
    return {
        "bus": 1, "bus memory": len(memories),
        "bus address": sum(window(memory).bit_length() - 1 for memory in memories if memory.depth > 1),
        "bus answer": sum(min(BUS_BITS, memory.width) for memory in memories),
        "bus wide": sum(memory.width for memory in memories if memory.width > BUS_BITS),
        "bus level": sum(memory.width for memory in memories if memory.depth == 1)}
