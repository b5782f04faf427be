"""Event recordings as a data set: read one by one, when they are needed."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from spikewright.errors import ConfigError
from spikewright.models.event_files import SUFFIXES, Recording, read_recording
from spikewright.models.files import read_arrays

__all__ = ["EVENT_KEYS", "Recordings", "recordings_of_folder", "recordings_of_npz"]

EVENT_KEYS = ("t", "t_us", "x", "y", "p", "offset", "label", "is_test", "sensor")
"""Arrays of an npz of events; ``t`` and ``t_us`` are the same, microseconds."""

PARTS = {"train": False, "test": True}
"""Folders that say which part the recordings below them belong to."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Recordings:
    """Recordings, and what is known of them before they are read.

    Parameters
    ----------
    count
        How many there are.
    read
        Gives the one of that place.
    labels
        Classes, ``(count,)``, if known.
    is_test
        Which belong to the part for testing, ``(count,)``, if they say so themselves.
    sensor
        Height and width, if known of all.
    """

    count: int
    read: Callable[[int], Recording]
    labels: npt.NDArray[np.int64] | None = None
    is_test: npt.NDArray[np.bool_] | None = None
    sensor: tuple[int, int] | None = None

    def __len__(self) -> int:
        return self.count


def recordings_of_folder(path: Path) -> Recordings:
    """One file, or all recordings below a folder.

    Folders ``train`` and ``test`` directly below it part them; the folders that hold files are their
    classes, in the order of their names, or by the names themselves where all are numbers.
    """
    place = f"data {str(path)!r}"
    if not path.is_dir():
        if path.suffix not in SUFFIXES:
            known = ", ".join(SUFFIXES)
            raise ConfigError(f"{place}: must be a folder, an npz, or a recording in one of {known}")
        return Recordings(count=1, read=lambda _: read_recording(path))
    files = sorted(file for file in path.rglob("*") if file.suffix in SUFFIXES)
    if not files:
        raise ConfigError(f"{place}: holds no recordings ({', '.join(SUFFIXES)}), and no sound")
    ways = [list(file.relative_to(path).parts[:-1]) for file in files]
    is_test = None
    if all(way and way[0].lower() in PARTS for way in ways):
        is_test = np.array([PARTS[way.pop(0).lower()] for way in ways])
    labels = None
    if all(ways):
        names = sorted({way[-1] for way in ways})
        numbers = all(name.isdecimal() for name in names)
        labels = np.array([int(way[-1]) if numbers else names.index(way[-1]) for way in ways], np.int64)
    return Recordings(
        count=len(files), read=lambda index: read_recording(files[index]), labels=labels, is_test=is_test
    )


def recordings_of_npz(path: Path) -> Recordings | None:
    """An npz of events: one recording, or many that begin at ``offset``; None if it holds no times.

    Raises
    ------
    ConfigError
        If the file or an array is not as it must be.
    """
    place = f"data {str(path)!r}"
    # NumPy reads an array only when it is asked for, so this looks at names first.
    if not {"t", "t_us"} & set(read_arrays(path, ())[1]):
        return None
    arrays, keys = read_arrays(path, EVENT_KEYS)
    time = arrays.get("t", arrays.get("t_us"))
    if time is None or not {"x", "y", "p"} <= set(arrays):
        raise ConfigError(f"{place}: events must have t, x, y and p, not only {keys}")
    columns = {"t": time} | {key: arrays[key] for key in ("x", "y", "p")}
    for key, array in columns.items():
        if array.ndim != 1 or array.shape != time.shape or array.dtype.kind not in "bui":
            raise ConfigError(
                f"{place}: {key} must be integers of shape ({time.size},), not {array.dtype} of shape"
                f" {array.shape}"
            )
    if not len(time):
        raise ConfigError(f"{place}: has no events")
    for key in ("t", "x", "y"):
        if int(columns[key].min()) < 0:
            raise ConfigError(f"{place}: {key} must be 0 or more, not {int(columns[key].min())}")
    offset = arrays.get("offset", np.array([0, len(time)]))
    if offset.ndim != 1 or offset.dtype.kind not in "ui" or len(offset) < 2:
        raise ConfigError(f"{place}: offset must be integers of shape (recordings + 1,)")
    offset = offset.astype(np.int64)
    if offset[0] != 0 or offset[-1] != len(time) or (np.diff(offset) < 0).any():
        raise ConfigError(f"{place}: offset must rise from 0 to the number of events, {len(time)}")
    count = len(offset) - 1
    labels, is_test, sensor = (arrays.get(key) for key in ("label", "is_test", "sensor"))
    for key, marks in (("label", labels), ("is_test", is_test)):
        if marks is not None and (
            marks.shape != (count,) or marks.dtype.kind not in "bui" or int(marks.min()) < 0
        ):
            raise ConfigError(f"{place}: {key} must be integers from 0 up of shape ({count},)")
    if sensor is not None and (sensor.shape != (2,) or sensor.dtype.kind not in "ui" or sensor.min() < 1):
        raise ConfigError(f"{place}: sensor must be height and width, two integers from 1 up")

    def read(index: int) -> Recording:
        part = slice(offset[index], offset[index + 1])
        found: dict[str, Any] = {key: array[part] for key, array in columns.items()}
        return Recording(**found | {"t": found["t"].astype(np.int64), "p": found["p"] > 0})

    return Recordings(
        count=count,
        read=read,
        labels=None if labels is None else labels.astype(np.int64),
        is_test=None if is_test is None else is_test != 0,
        sensor=None if sensor is None else (int(sensor[0]), int(sensor[1])),
    )
