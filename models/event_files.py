"""Reads event recordings: the 5-byte layout of N-MNIST by itself, camera formats through ``faery``.

Times are microseconds. Those of the 5-byte layout count from the recording's start; camera formats may have
the time of day, and count from their first event.
"""

import importlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from spikewright.errors import ConfigError
from spikewright.models.files import reason

__all__ = ["CAMERA", "FIVE_BYTES", "SUFFIXES", "Recording", "read_five_bytes", "read_recording"]

FIVE_BYTES = (".bin", ".bs2")
"""Files of x, y, and 24 bits, highest first: polarity, and the time in microseconds."""
CAMERA = (".aedat4", ".raw", ".dat", ".es")
"""AEDAT4 of iniVation, EVT2, EVT2.1 and EVT3 (``.raw``) and DAT of Prophesee, Event Stream."""
SUFFIXES = (*FIVE_BYTES, *CAMERA)

OVERFLOW_ROW, OVERFLOW_US = 240, 1 << 13
"""The ATIS camera has 240 rows; an event of row 240 says that its clock began anew, after so long."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Recording:
    """Events of one recording.

    Parameters
    ----------
    t, x, y, p
        Time (int64, microseconds from 0 on), column, row, and polarity (0 or 1) of every event.
    sensor
        Height and width, where the file says them.
    """

    t: npt.NDArray[np.int64]
    x: npt.NDArray[Any]
    y: npt.NDArray[Any]
    p: npt.NDArray[Any]
    sensor: tuple[int, int] | None = None


def read_recording(path: Path) -> Recording:
    """Read one file by what its name ends with, one of :data:`SUFFIXES`.

    Raises
    ------
    ConfigError
        If the format's reader is not installed, or the file missing, cut short or empty.
    """
    recording = read_five_bytes(path) if path.suffix in FIVE_BYTES else _read_camera(path)
    if not len(recording.t):
        raise ConfigError(f"data {str(path)!r}: has no events")
    return recording


def read_five_bytes(path: Path) -> Recording:
    """A recording in the layout of N-MNIST, which DVS Gesture's ``.bs2`` share."""
    try:
        data = np.fromfile(path, np.uint8)
    except OSError as error:
        raise ConfigError(f"data {str(path)!r}: must be a readable file: {reason(error)}") from error
    if len(data) % 5:
        raise ConfigError(f"data {str(path)!r}: must be whole events of 5 bytes, not {len(data)} bytes")
    x, y, high, middle, low = data.reshape(-1, 5).T
    time = (high.astype(np.int64) & 127) << 16 | middle.astype(np.int64) << 8 | low
    overflows = y == OVERFLOW_ROW
    if overflows.any():
        time += np.cumsum(overflows) * OVERFLOW_US
        x, y, high, time = (array[~overflows] for array in (x, y, high, time))
    return Recording(t=time, x=x, y=y, p=high >> 7)


def _read_camera(path: Path) -> Recording:
    if not path.is_file():
        raise ConfigError(f"data {str(path)!r}: must be a readable file: No such file or directory")
    try:
        faery = importlib.import_module("faery")
    except ImportError as error:
        raise ConfigError(
            f"data {str(path)!r}: {path.suffix} files need a reader: pip install 'spikewright[events]'"
        ) from error
    unknown = (0, 0)
    try:
        stream = faery.events_stream_from_file(path, dimensions_fallback=unknown)
        size, events = stream.dimensions(), stream.to_array()
    except Exception as error:  # what its decoders raise for a broken file is not documented
        must = f"must be a whole {path.suffix} file"
        raise ConfigError(f"data {str(path)!r}: {must}: {reason(error)}") from error
    time = events["t"].astype(np.int64)
    width, height = size
    return Recording(
        t=time - (time[0] if len(time) else 0),
        x=events["x"],
        y=events["y"],
        p=events["on"].astype(np.uint8),
        sensor=None if size == unknown else (height, width),
    )
