"""Sound files as a data set, and the steps of spikes that an encoder makes of them."""

import csv
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from spikewright.errors import ConfigError
from spikewright.models.encoders import Counts, Encoder, Sound, encode_sound
from spikewright.models.sound import SoundFile, normalise, read_sound, to_pcm
from spikewright.progress import progress

__all__ = ["SUFFIXES", "Sounds", "digits_by_name", "encode_sounds", "sounds_of_folder", "sounds_of_table"]

SUFFIXES = (".wav", ".flac", ".ogg")
MAX_BYTES = 1 << 32
"""Of all steps together."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Sounds:
    """Sound files, and what is known of them before they are read.

    Parameters
    ----------
    files
        Where they are.
    labels
        Classes, ``(files,)``, if known.
    is_test
        Which belong to the part for testing, if they say so themselves.
    """

    files: tuple[Path, ...]
    labels: npt.NDArray[np.int64] | None = None
    is_test: npt.NDArray[np.bool_] | None = None

    def __len__(self) -> int:
        return len(self.files)


def sounds_of_folder(path: Path) -> Sounds:
    """All sound files below a folder; the folders that hold them are their classes, by name."""
    files = tuple(sorted(file for file in path.rglob("*") if file.suffix.lower() in SUFFIXES))
    if not files:
        raise ConfigError(f"data {str(path)!r}: holds no sound ({', '.join(SUFFIXES)})")
    if any(file.parent == path for file in files):
        return Sounds(files=files)
    names = sorted({file.parent.name for file in files})
    return Sounds(files=files, labels=np.array([names.index(file.parent.name) for file in files], np.int64))


def digits_by_name(folder: Path) -> Sounds:
    """Files ``{digit}_{speaker}_{take}.wav`` of the Free Spoken Digit Dataset; takes 0 to 4 are to test."""
    files = tuple(sorted(folder.glob("*.wav")))
    if not files:
        raise ConfigError(f"data fsdd: {str(folder)!r} holds no WAV files")
    parts = [file.stem.split("_") for file in files]
    for file, part in zip(files, parts, strict=True):
        if len(part) != 3 or not part[0].isdecimal() or not part[2].isdecimal():
            raise ConfigError(f"data fsdd: files must be named digit_speaker_take.wav, not {file.name!r}")
    return Sounds(
        files=files,
        labels=np.array([int(digit) for digit, _, _ in parts], np.int64),
        is_test=np.array([int(take) < 5 for _, _, take in parts]),
    )


def sounds_of_table(table: Path) -> Sounds:
    """Files that a CSV lists with columns ``file``, ``label`` and ``split``; ``test`` is for testing."""
    try:
        with table.open(newline="", encoding="utf-8") as stream:
            rows = list(csv.DictReader(stream))
        names = sorted({row["label"] for row in rows})
        return Sounds(
            files=tuple(table.parent / row["file"] for row in rows),
            labels=np.array([names.index(row["label"]) for row in rows], np.int64),
            is_test=np.array([row["split"] == "test" for row in rows]),
        )
    except (OSError, KeyError, UnicodeDecodeError) as error:
        raise ConfigError(f"data {str(table)!r}: must list file, label and split: {error}") from error


def encode_sounds(
    sounds: Sounds, chosen: npt.NDArray[np.int64], encoder: Encoder, steps: int | None, name: str
) -> tuple[Counts, Sound, tuple[str, ...]]:
    """Spikes of the chosen files, ``(files, steps, lines)``, their samples, and what is to be told.

    Every recording is brought to full scale, without its constant offset, as ``spikewright encode`` does.

    Parameters
    ----------
    steps
        What comes later is cut off, silence added to what is shorter; None: as long as the longest recording
        of the whole data set, so that its parts take equally many.
    """
    rate, bits = encoder.sample_rate_hz, encoder.pcm_bits
    samples = [to_pcm(normalise(read_sound(sounds.files[index], rate)), bits)[0] for index in chosen]
    most = longest(sounds, encoder) if steps is None else steps
    size = len(samples) * most * encoder.lines
    if size > MAX_BYTES:
        raise ConfigError(
            f"data {name!r}: {len(samples)} recordings of {most} steps of {encoder.lines} lines take"
            f" {size / 1e9:.1f} GB: take fewer recordings or fewer steps"
        )
    cut = sum(len(recording) > most * encoder.step for recording in samples)
    sound = Sound(samples=tuple(recording[: most * encoder.step] for recording in samples), steps=most)
    with progress(f"encoding {name}", len(samples)) as advance:
        counts = encode_sound(encoder, sound, advance)
    note = f"{name}: {cut} of {len(samples)} recordings are longer than {most} steps: cut off"
    return counts, sound, (note,) if cut else ()


def longest(sounds: Sounds, encoder: Encoder) -> int:
    """Steps of the longest recording, by what the files say of themselves."""
    return max(encoder.steps(SoundFile(file, encoder.sample_rate_hz).length) for file in sounds.files)
