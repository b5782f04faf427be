"""What the probe of a run with faults saw, compared with what it saw of a clean run (fault_parts.py)."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from spikewright.config import ChipConfig
from spikewright.cosim.fault_parts import BUS_TAG, MEMORY_TAG, OUTPUT_TAG
from spikewright.cosim.names import PAYLOAD_BITS, state_memories
from spikewright.memory import MemoryConfig

__all__ = ["Probe", "effect", "read_probe"]


@dataclass(frozen=True, slots=True, eq=False)
class Probe:
    """Words of every output, bits of all state memories at every rest, words that came over the bus."""

    outputs: list[npt.NDArray[np.uint64]]
    states: npt.NDArray[np.uint64]
    bus: npt.NDArray[np.uint64]


def read_probe(path: Path, chip: ChipConfig) -> Probe:
    """Read ``probe.bin``, as far as a run came."""
    raw = np.fromfile(path, dtype="<u4")
    words = raw[: len(raw) // 2 * 2].astype(np.uint64)
    entries = words[0::2] | (words[1::2] << np.uint64(32))
    tags, payloads = entries & np.uint64(0xFF), entries >> np.uint64(8)
    size = sum(memory.depth * _parts(memory) for memory in state_memories(chip))
    states = payloads[tags == MEMORY_TAG]
    return Probe(
        outputs=[payloads[tags == OUTPUT_TAG + index] for index in range(len(chip.outputs))],
        states=states[: len(states) // size * size].reshape(-1, size),
        bus=payloads[tags == BUS_TAG],
    )


def effect(chip: ChipConfig, clean: Probe, faulty: Probe) -> str | None:
    """What a fault did to outputs and states, in short; None where it did nothing."""
    found = []
    for name, before, after in zip(chip.outputs, clean.outputs, faulty.outputs, strict=True):
        if not np.array_equal(before, after):
            same = np.array_equal(_in_order(before), _in_order(after))
            found.append(f"{'order of events within steps' if same else 'words'} of output {name!r}")
    if clean.states.shape != faulty.states.shape:
        found.append(f"{len(faulty.states)} rests instead of {len(clean.states)}")
    rests = min(len(clean.states), len(faulty.states))
    differs = clean.states[:rests] != faulty.states[:rests]
    if differs.any():
        where = np.flatnonzero(differs.any(axis=0))
        when = np.flatnonzero(differs.any(axis=1))
        shown = ", ".join(_place(chip, int(word)) for word in where[:4])
        more = f" and {len(where) - 4} more" if len(where) > 4 else ""
        found.append(f"{shown}{more} in {len(when)} of {rests} rests, first {int(when[0])}")
    if not np.array_equal(clean.bus, faulty.bus):
        found.append("words read over the bus")
    return "; ".join(found) or None


def _in_order(words: npt.NDArray[np.uint64]) -> npt.NDArray[np.uint64]:
    """Words of a stream with the events between two tokens sorted."""
    tokens = np.cumsum((words & np.uint64(3)) != 0)
    return words[np.lexsort((words, tokens - ((words & np.uint64(3)) != 0)))]


def _parts(memory: MemoryConfig) -> int:
    """Reports that a word takes."""
    return -(-memory.width // PAYLOAD_BITS)


def _place(chip: ChipConfig, report: int) -> str:
    """Which word of which state memory."""
    for memory in state_memories(chip):
        if report < memory.depth * _parts(memory):
            return f"{memory.name}[{report // _parts(memory)}]"
        report -= memory.depth * _parts(memory)
    raise AssertionError("a word beyond all memories")
