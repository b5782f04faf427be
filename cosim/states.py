"""Words of the state memories, as recorded, sorted into states by population and neuron."""

import numpy as np
import numpy.typing as npt

from spikewright.config import ChipConfig, slot_bits
from spikewright.cosim.names import state_memories, state_parts

__all__ = ["States", "sort_states", "state_words"]

Integers = npt.NDArray[np.int64]
States = dict[str, dict[str, Integers]]
"""``stored``, ``current``, ``held``, ``fired`` by population, ``(readings, neurons)``."""


def state_words(chip: ChipConfig) -> int:
    """Records that one reading of all states takes."""
    return sum(_sizes(chip))


def _sizes(chip: ChipConfig) -> list[int]:
    return [memory.depth * state_parts(chip, memory)[0] for memory in state_memories(chip)]


def sort_states(chip: ChipConfig, words: Integers, readings: int) -> States:
    """Sort the words of so many readings into neurons."""
    memories = state_memories(chip)
    blocks = np.split(words.reshape(readings, state_words(chip)), np.cumsum(_sizes(chip))[:-1], axis=1)
    by_name = {}
    for memory, block in zip(memories, blocks, strict=True):
        count, bits = state_parts(chip, memory)
        parts = block.reshape(readings, memory.depth, count)
        if memory.width > 63:  # wider than a NumPy integer
            parts = parts.astype(object)
        by_name[memory.name] = sum(parts[:, :, part] << (bits * part) for part in range(count))
    states: States = {}
    for core in chip.cores:
        lanes = np.stack([by_name[f"{core.name}.state.{lane}"] for lane in range(core.lanes)], axis=2)
        places = np.flatnonzero(np.array(core.placement) >= 0)
        neurons = np.array(core.placement)[places]
        offset, words = 1 << slot_bits(core), lanes[:, : core.slots]
        received, above = core.accumulator_bits, core.accumulator_bits + core.neuron.stores_spike
        fields = {"stored": (words, 0, received)}
        if core.neuron.current is not None:
            fields = {"current": (words, 0, received), "stored": (words, above, core.potential_bits)}
        if core.holds:
            fields["held"] = (lanes[:, offset : offset + core.slots], 0, received)
        if core.neuron.stores_spike:
            fields["fired"] = (words, received, 1)
        states[core.name] = {}
        for name, (field, low, bits) in fields.items():
            value = field.reshape(readings, len(core.placement))[:, places] >> low & ((1 << bits) - 1)
            if name != "fired":
                value = value - ((value >> (bits - 1)) << bits)
            states[core.name][name] = np.empty((readings, core.neurons), dtype=np.int64)
            states[core.name][name][:, neurons] = value
    return states
