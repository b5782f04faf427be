"""The file of records that a simulation leaves, and when things happened in it."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from spikewright.config import ChipConfig
from spikewright.cosim.names import RECORD_BYTES, Tag, encoded_inputs
from spikewright.events import Kind

__all__ = ["Records", "last_cycle", "read_file", "word_cycles"]

Integers = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class Records:
    """Tag, payload and cycle of every record."""

    tags: Integers
    payloads: Integers
    cycles: Integers

    def of(self, tag: int) -> Integers:
        """Payloads of the records with this tag."""
        chosen: Integers = self.payloads[self.tags == tag]
        return chosen


def read_file(path: Path) -> Records:
    """Read ``records.bin``, as far as a run came."""
    raw = np.fromfile(path, dtype="<u4")
    raw = raw[: len(raw) // (RECORD_BYTES // 4) * (RECORD_BYTES // 4)].reshape(-1, RECORD_BYTES // 4)
    payloads = (raw[:, 0].astype(np.int64) >> 8) | (raw[:, 1].astype(np.int64) << 24)
    return Records((raw[:, 0] & 0xFF).astype(np.int64), payloads, raw[:, 2].astype(np.int64))


def last_cycle(path: Path) -> int:
    """Clock of the last record."""
    return int(read_file(path).cycles[-1])


def word_cycles(path: Path, chip: ChipConfig, *, steps: int) -> tuple[Integers, Integers, Integers]:
    """When things happened in a run, as far as it came: clocks, zero where there is none.

    Returns
    -------
    starts
        The first word of each sample came in, ``(samples,)``.
    taken, passed_on
        The last input took each step's token, or the encoder behind it gave it, the last population passed it
        on, ``(samples, steps)``.
    """
    records = read_file(path)
    inputs, populations = range(len(chip.inputs)), range(len(chip.cores))
    starts = np.zeros(0, dtype=np.int64)
    for index in inputs:
        chosen = records.tags == Tag.INPUT + index
        ends = (records.payloads[chosen] & 3) == Kind.END_OF_SAMPLE
        begins = records.cycles[chosen][np.r_[True, ends][: len(ends)]]
        starts = begins if not len(starts) else np.minimum(starts[: len(begins)], begins[: len(starts)])
    encoded = [port.name for port in encoded_inputs(chip)]
    given = [Tag.ENCODER + encoded.index(port.name) if port.encoder is not None else Tag.INPUT + index
             for index, port in enumerate(chip.inputs)]
    taken = _token_cycles(records, given, steps)
    passed_on = _token_cycles(records, [Tag.POPULATION + index for index in populations], steps)
    return starts, taken, passed_on


def _token_cycles(records: Records, tags: list[int], steps: int) -> Integers:
    """Latest clock of every step's token over several streams, ``(samples, steps)``."""
    streams = []
    for tag in tags:
        chosen = records.tags == tag
        when = records.cycles[chosen][(records.payloads[chosen] & 3) == Kind.END_OF_STEP]
        streams.append(np.pad(when, (0, -len(when) % steps)).reshape(-1, steps))
    latest = np.zeros((max(map(len, streams)), steps), dtype=np.int64)
    for stream in streams:
        latest[: len(stream)] = np.maximum(latest[: len(stream)], stream)
    return latest
