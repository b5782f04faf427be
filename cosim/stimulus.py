"""What goes into a simulation: stream words of the inputs, and bus writes of the contents."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from spikewright.config import ChipConfig, InputConfig
from spikewright.events import Kind
from spikewright.memories import bus_map, bus_memories
from spikewright.memory import BUS_BITS, MemoryConfig
from spikewright.models.encoders import Sound

__all__ = ["bernoulli", "bus_writes", "input_words", "sound_words", "word_writes"]

Words = npt.NDArray[np.uint64]


def input_words(port: InputConfig, x: npt.NDArray[Any]) -> Words:
    """Words of an input for events ``x`` of shape ``(samples, steps, size)``: values, or counts of spikes.

    Events of a step in the order of their physical addresses, its token; after the last step, the sample's
    end. A count comes as so many events, one after the other.
    """
    samples, steps, _ = x.shape
    order = np.argsort(port.addresses)
    x = x if port.plane is None else x[:, :, order]
    sample, step, place = np.nonzero(x)
    if not port.value_bits:
        counts = x[sample, step, place].astype(np.int64)
        sample, step, place = (np.repeat(index, counts) for index in (sample, step, place))
    address = port.addresses[order][place]
    tokens = samples * (steps + 1)
    words = np.empty(len(address) + tokens, dtype=np.uint64)
    events = (address.astype(np.uint64) << np.uint64(2)) | np.uint64(Kind.EVENT)
    if port.value_bits:
        values = x[sample, step, place].astype(np.uint64)
        events |= values << np.uint64(2 + port.word.address_bits)
    # A token comes before an event for every step and sample that ended before it.
    places = np.arange(len(address)) + sample * (steps + 1) + step
    is_event = np.zeros(len(words), dtype=bool)
    is_event[places] = True
    words[places] = events
    ends = np.full((samples, steps + 1), Kind.END_OF_STEP, dtype=np.uint64)
    ends[:, -1] = Kind.END_OF_SAMPLE
    words[~is_event] = ends.ravel()
    return words


def sound_words(port: InputConfig, sound: Sound) -> Words:
    """Words of an input with an encoder: samples, a token at a recording's end, and one for each silent step.

    Of a recording without samples all steps are silent.
    """
    assert port.encoder is not None
    value = 2 + port.source_word.address_bits
    mask = (1 << port.source_word.value_bits) - 1
    parts: list[Words] = []
    for samples in sound.samples:
        silent = sound.steps - port.encoder.steps(len(samples))
        codes = (np.asarray(samples, np.int64) & mask).astype(np.uint64)
        parts += [
            codes << np.uint64(value) | np.uint64(Kind.EVENT),
            np.full(1 + silent, Kind.END_OF_STEP, np.uint64),
            np.full(1, Kind.END_OF_SAMPLE, np.uint64),
        ]
    return np.concatenate(parts)


def bus_writes(chip: ChipConfig, images: Mapping[str, Any]) -> Words:
    """Transfers that load all contents: address in the upper, data in the lower 32 bits."""
    bases = bus_map(chip)
    writes: list[int] = []
    for memory in bus_memories(chip):
        if not memory.state:
            for index, word in enumerate(images[memory.name]):
                writes += _transfers(memory, bases[memory.name], index, int(word))
    return np.array(writes, dtype=np.uint64)


def word_writes(chip: ChipConfig, images: Mapping[str, Any], name: str, index: int) -> Words:
    """Transfers that load one word of one memory."""
    memory = next(memory for memory in bus_memories(chip) if memory.name == name)
    word = int(images[name][index])
    return np.array(_transfers(memory, bus_map(chip)[name], index, word), dtype=np.uint64)


def _transfers(memory: MemoryConfig, base: int, index: int, word: int) -> list[int]:
    address = base + index * memory.transfers
    used = -(-memory.width // BUS_BITS)
    return [((address + t) << 32) | (word >> (BUS_BITS * t)) & 0xFFFFFFFF for t in range(used)]


def bernoulli(
    shape: tuple[int, ...], *, probability: float, samples: int, steps: int, seed: int
) -> npt.NDArray[np.uint8]:
    """Random spikes ``(samples, steps, *shape)``, each with the same probability."""
    random = np.random.default_rng(seed).random((samples, steps, *shape), dtype=np.float32)
    return (random < probability).astype(np.uint8)
