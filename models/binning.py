"""Turns event recordings into steps: how many events came in a bin of time, by polarity, row and column."""

import math
from dataclasses import dataclass
from typing import Any, Literal, get_args

import numpy as np
import numpy.typing as npt

from spikewright.errors import ConfigError
from spikewright.models.encoders import Encoder
from spikewright.models.event_files import Recording
from spikewright.models.recordings import Recordings

__all__ = ["Binning", "Polarity", "bin_recordings"]

Polarity = Literal["separate", "merge", "on", "off"]
"""What becomes of polarities: a channel for each, one for both together, or only one of them."""

MAX_BYTES = 1 << 32
"""Of all bins together."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Binning:
    """How recordings of events, or of sound, become steps.

    Parameters
    ----------
    bin_ms
        Milliseconds of a step.
    steps
        What comes later is left out, silence is added to what is shorter; None: as long as the longest
        recording of the whole data set.
    shape
        Of the input: channels, height, width; height and width of one channel; or flat. None: the sensor's.
    polarity
        None: a channel for each where the input has two, else merged.
    most
        Highest count of an address in a step.
    encoder
        Makes spikes of sound.
    """

    bin_ms: float | None = None
    steps: int | None = None
    shape: tuple[int, ...] | None = None
    polarity: Polarity | None = None
    most: int = 255
    encoder: Encoder | None = None

    def __post_init__(self) -> None:
        if self.bin_ms is not None and not (self.bin_ms > 0 and math.isfinite(self.bin_ms)):
            raise ConfigError(f"bin_ms must be above 0 and finite, not {self.bin_ms}")
        if self.steps is not None and self.steps < 1:
            raise ConfigError(f"steps must be 1 or more, not {self.steps}")
        if self.polarity is not None and self.polarity not in get_args(Polarity):
            names = ", ".join(get_args(Polarity))
            raise ConfigError(f"polarity must be one of {names}, not {self.polarity!r}")


def bin_recordings(
    recordings: Recordings, chosen: npt.NDArray[np.int64], binning: Binning, name: str
) -> tuple[npt.NDArray[Any], tuple[str, ...]]:
    """Counts of the chosen recordings, and what is to be told of what was left out.

    Returns
    -------
    tuple
        ``(samples, steps, channels, height, width)``, ``uint8`` or ``uint16``; lines.

    Raises
    ------
    ConfigError
        If no bin is given, the sensor is wider than the input, or an event lies outside it.
    """
    place = f"data {name!r}"
    if binning.bin_ms is None:
        raise ConfigError(
            f"{place}: are events in time, and the network does not say how long a step is; give --bin-ms"
        )
    bin_us = binning.bin_ms * 1000
    last_us, seen = 0, recordings.sensor
    if binning.steps is None or (binning.shape is None and seen is None):
        last_us, seen = _extent(recordings)
    shape = _plane(place, recordings.sensor, seen, binning)
    steps = binning.steps or int(last_us // bin_us) + 1
    kind = np.uint8 if binning.most <= 255 else np.uint16
    size = len(chosen) * steps * math.prod(shape) * np.dtype(kind).itemsize
    if size > MAX_BYTES:
        raise ConfigError(
            f"{place}: {len(chosen)} samples of {steps} steps of shape {shape} take {size / 1e9:.1f} GB: take"
            " fewer samples, fewer steps or longer bins"
        )
    x = np.zeros((len(chosen), steps, *shape), kind)
    total = late = clipped = 0
    for row, index in zip(x, chosen, strict=True):
        recording = recordings.read(int(index))
        _check_inside(f"{place}: recording {index}", recording, shape)
        step, address = _addresses(recording, shape, bin_us, binning.polarity)
        within = step < steps
        places, counts = np.unique(step[within] * math.prod(shape) + address[within], return_counts=True)
        row.reshape(-1)[places] = np.minimum(counts, binning.most)
        total += len(step)
        late += len(step) - int(within.sum())
        clipped += int((counts - np.minimum(counts, binning.most)).sum())
    notes = []
    if late:
        notes.append(f"{name}: {late:,} of {total:,} events come after the last of {steps} steps: left out")
    if clipped:
        most = f"above {binning.most} an address and step"
        notes.append(f"{name}: {clipped:,} of {total:,} events are {most}: left out")
    return x, tuple(notes)


def _extent(recordings: Recordings) -> tuple[int, tuple[int, int]]:
    """Last time, and height and width, of all events of all recordings."""
    last = height = width = 0
    for index in range(len(recordings)):
        recording = recordings.read(index)
        if recording.sensor is not None:
            height, width = max(height, recording.sensor[0]), max(width, recording.sensor[1])
        if len(recording.t):
            last = max(last, int(recording.t.max()))
            height, width = max(height, int(recording.y.max()) + 1), max(width, int(recording.x.max()) + 1)
    return last, recordings.sensor or (height, width)


def _plane(
    place: str, sensor: tuple[int, int] | None, seen: tuple[int, int] | None, binning: Binning
) -> tuple[int, int, int]:
    """Channels, height and width of the bins."""
    one = binning.polarity in ("merge", "on", "off")
    if binning.shape is None:
        assert seen is not None  # looked for by the caller
        return (1 if one else 2, *seen)
    given, size = binning.shape, math.prod(binning.shape)
    if len(given) == 2:
        plane = (1, *given)
    elif len(given) == 3:
        plane = (given[0], given[1], given[2])
    else:
        fits = [channels for channels in (2, 1) if sensor and channels * math.prod(sensor) == size]
        if not fits or sensor is None:
            what = "of unknown size" if sensor is None else f"of shape {(2, *sensor)}"
            raise ConfigError(f"{place}: recordings {what} do not fit an input of shape {given}")
        plane = (fits[0], *sensor)
    wanted = 1 if one or (binning.polarity is None and plane[0] == 1) else 2
    if plane[0] != wanted:
        name = binning.polarity or "separate"
        raise ConfigError(f"{place}: polarity {name} gives {wanted} channels, the input has shape {given}")
    if sensor and (sensor[0] > plane[1] or sensor[1] > plane[2]):
        raise ConfigError(f"{place}: recordings of shape {(2, *sensor)} are wider than the input, {given}")
    return plane


def _check_inside(place: str, recording: Recording, shape: tuple[int, int, int]) -> None:
    if recording.sensor is not None and (recording.sensor[0] > shape[1] or recording.sensor[1] > shape[2]):
        raise ConfigError(f"{place}: of shape {(2, *recording.sensor)}, is wider than the input, {shape}")
    outside = (recording.x >= shape[2]) | (recording.y >= shape[1])
    if outside.any():
        first = int(np.argmax(outside))
        where = f"x {int(recording.x[first])}, y {int(recording.y[first])}"
        raise ConfigError(f"{place}: event {first} at {where} is outside of {shape[2]} by {shape[1]} pixels")


def _addresses(
    recording: Recording, shape: tuple[int, int, int], bin_us: float, polarity: Polarity | None
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Step, and address within a step, of every event that counts."""
    channels, height, width = shape
    step = (recording.t // bin_us).astype(np.int64)
    address = recording.y.astype(np.int64) * width + recording.x
    if channels == 2:
        address += recording.p.astype(np.int64) * (height * width)
    if polarity in ("on", "off"):
        kept = recording.p == (polarity == "on")
        return step[kept], address[kept]
    return step, address
