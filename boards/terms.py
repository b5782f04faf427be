"""What calibrated logic energy is made of: counts that follow from the configuration and the activity alone.

===================  ===========================================================================
lane_cycles          clocks times lanes times ``accumulator_bits``: a lane's pipeline
row_cycles           in compressed cores, clocks times lanes times the bits of a row pointer, an
                     entry and ``accumulator_bits``: what a lane's walker holds
walker_cycles        in compressed cores, clocks times lanes times the bits of an event:
                     a lane's queue of them
flop_cycles          clocks times the bits of memories that are flip-flops (see :data:`FLOP_BITS`), and of
                     the words that are read from these and from small fixed ones
port_cycles          clocks times the bits of the words that a core takes and gives
neuron_cycles        clocks times places of neurons: spikes that wait to be sent
multiplier_cycles    clocks times lanes times the bits of registers between the adders of a decay by a
                     factor (of state and factor, where that is in memory), and of weight and value where
                     events carry values
additions            additions times ``accumulator_bits``
passes               shift-and-add passes times ``weight_bits + value_bits``
updates              updates of neurons times ``accumulator_bits`` and those of a potential beside a current
multiplications      updates times the bits of the adders of a decay by a factor (of state times those of
                     the factor, where that is in memory)
events               events times the bits of a word
===================  ===========================================================================

Terms with clocks are what is clocked and does not rest; the others are what an operation switches on top.
"""

from spikewright.boards.activity import Activity
from spikewright.boards.area.lanes import has_level
from spikewright.boards.technology_rows import TERMS
from spikewright.config import ChipConfig, CompressedRows, CoreConfig, slot_bits
from spikewright.memories import core_memories
from spikewright.memory import MemoryConfig
from spikewright.neuron import Decay
from spikewright.rings import port_rings
from spikewright.rtl.decay import ADDERS_A_CYCLE, decay_adders
from spikewright.rtl.rows import event_layout

__all__ = ["FLOP_BITS", "core_terms", "is_macro"]

FLOP_BITS = 256
"""Memories of more bits are SRAM macros. The smallest macro behind technologies/130nm.yaml takes 38,100 µm²,
a flip-flop of that process 47 µm², and with its share of addressing about twice that: areas are equal at
some 400 bits. A flip-flop takes clock energy in every cycle, a macro only where it is accessed: the line is
drawn lower."""


def is_macro(memory: MemoryConfig) -> bool:
    """Whether a memory is an SRAM macro; else it is flip-flops, or logic where its contents are fixed."""
    return memory.depth * memory.width > FLOP_BITS


def core_rings(chip: ChipConfig, core: CoreConfig) -> tuple[MemoryConfig, ...]:
    """Memories of the rings in front of a core, in the order of their ports."""
    return tuple(ring.memory for owner, _, ring in port_rings(chip) if owner.name == core.name)


def core_terms(chip: ChipConfig, core: CoreConfig, activity: Activity) -> dict[str, float]:
    """Counts of one core over a whole run; those with clocks are 0 where these are not known."""
    counted = activity.cores[core.name]
    cycles = activity.cycles or 0
    accumulator = core.accumulator_bits
    flops = sum(memory.width * (1 + memory.depth * (memory.state or chip.contents == "bus"))
                for memory in (*core_memories(core), *core_rings(chip, core)) if not is_macro(memory))
    words = sum(word_bits(chip, port.source) for port in core.ports) + core.word.width
    walked = 0
    if isinstance(core.rows, CompressedRows):
        rows = core.rows
        walked = core.lanes * (rows.start_bits + rows.group * rows.offset_bits + slot_bits(core)
                               + core.weight_bits + accumulator)
    neuron, current = core.neuron, core.neuron.current
    decays = [decay_bits(neuron.decay, neuron.state_bits, in_memory=has_level(core, "decay"))]
    if current is not None:
        decays.append(decay_bits(current.decay, current.bits, in_memory=has_level(core, "current_decay")))
    multiplied = (core.weight_bits + core.value_bits) * (core.value_bits > 0)
    counts = {
        "lane_cycles": cycles * core.lanes * accumulator,
        "row_cycles": cycles * walked,
        "walker_cycles": cycles * core.lanes * event_layout(core).size * (walked > 0),
        "flop_cycles": cycles * flops,
        "port_cycles": cycles * words,
        "neuron_cycles": cycles * core.slots * core.lanes,
        "multiplier_cycles": cycles * core.lanes * (multiplied + sum(held for held, _ in decays)),
        "additions": counted.additions * accumulator,
        "passes": counted.multiply_passes * (core.weight_bits + core.value_bits),
        "updates": counted.neuron_updates * (accumulator + core.stored_bits),
        "multiplications": counted.neuron_updates * sum(switched for _, switched in decays),
        "events": counted.events * words,
    }
    return {name: float(counts[name]) for name in TERMS}


def decay_bits(decay: Decay, bits: int, *, in_memory: bool) -> tuple[int, int]:
    """Bits that a decay of a state holds in registers, and that its adders switch in an update."""
    if decay.kind != "multiply":
        return 0, 0
    if in_memory:
        return bits + decay.fraction_bits, bits * decay.fraction_bits
    adders = decay_adders(decay, bits)
    registers = -(-len(adders) // ADDERS_A_CYCLE)  # each beside one of the state before
    return 2 * bits * registers, sum(adder.bits for adder in adders)


def word_bits(chip: ChipConfig, source: str) -> int:
    """Width of the words that an input or a core gives."""
    return next((port.word.width for port in chip.inputs if port.name == source), 0) or (
        chip.core(source).word.width)
