"""Sound files of any format, rate and number of channels as a stream of samples at one rate."""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from spikewright.errors import ConfigError
from spikewright.gammatone import Reals
from spikewright.models.resample import Resampler

__all__ = ["SoundFile", "normalise", "read_sound", "scaling", "to_pcm", "write_sound"]

PIECE = 1 << 16
"""Samples that are read at a time."""


class SoundFile:
    """A sound file, read piece by piece as often as asked for; full scale is 1.

    Parameters
    ----------
    path
        WAV, FLAC, Ogg or whatever else libsndfile reads.
    rate_hz
        Rate that it is wanted at.

    Attributes
    ----------
    notes
        What is done to it, for people: channels mixed down, resampled.

    Raises
    ------
    ConfigError
        If it is no sound file, or has no samples.
    """

    def __init__(self, path: Path, rate_hz: int) -> None:
        self.path, self.rate_hz = path, rate_hz
        with self._open() as file:
            if not file.frames:
                raise ConfigError(f"{path}: must have samples, and has none")
            self.frames: int = file.frames
            self.file_rate_hz: int = file.samplerate
            channels: int = file.channels
        self.notes: list[str] = []
        if channels > 1:
            self.notes.append(f"{channels} channels mixed down to their mean")
        if self.file_rate_hz != rate_hz:
            self.notes.append(f"resampled from {self.file_rate_hz} Hz to {rate_hz} Hz")

    @property
    def length(self) -> int:
        """Samples at the wanted rate."""
        return -(-self.frames * self.rate_hz // self.file_rate_hz)

    def pieces(self) -> Iterator[Reals]:
        """The samples of all channels' mean at the wanted rate, piece by piece.

        Raises
        ------
        ConfigError
            If a sample is not finite, or the file ends in the middle of one.
        """
        resampler = Resampler(self.file_rate_hz, self.rate_hz)
        done = 0
        with self._open() as file:
            while done < self.frames:
                try:
                    block: Reals = file.read(PIECE, dtype="float64", always_2d=True)
                except RuntimeError as error:
                    raise ConfigError(
                        f"{self.path}: cannot be read on from sample {done}: {error}"
                    ) from error
                if not len(block):
                    break
                bad = np.flatnonzero(~np.isfinite(block).all(axis=1))
                if len(bad):
                    at = done + int(bad[0])
                    raise ConfigError(
                        f"{self.path}: sample {at} ({at / self.file_rate_hz:.3f} s) must be finite, not"
                        f" {block[bad[0]][~np.isfinite(block[bad[0]])][0]}"
                    )
                done += len(block)
                yield resampler.push(block.mean(axis=1))
        yield resampler.finish()

    def _open(self) -> Any:
        import soundfile  # type: ignore[import-untyped]  # loads a library

        if not self.path.is_file():
            what = "is not a file" if self.path.exists() else "there is no such file"
            raise ConfigError(f"{self.path}: {what}")
        try:
            return soundfile.SoundFile(str(self.path))
        except (soundfile.SoundFileError, TypeError, OSError) as error:
            why = getattr(error, "error_string", None) or error
            raise ConfigError(f"{self.path}: must be sound in WAV, FLAC, Ogg or the like: {why}") from error


def read_sound(path: Path, rate_hz: int) -> Reals:
    """All samples of a file."""
    return np.concatenate(list(SoundFile(path, rate_hz).pieces()))


def normalise(samples: Reals) -> Reals:
    """A recording without its constant offset, its peak at full scale, as ``spikewright encode`` has it."""
    offset, gain = scaling(float(samples.mean()), float(samples.min()), float(samples.max()))
    return (samples - offset) * gain


def scaling(mean: float, low: float, high: float) -> tuple[float, float]:
    """What to subtract from a recording of that mean and extremes, and what to multiply it by then."""
    peak = max(high - mean, mean - low)
    # What is left of a constant without its mean is rounding: it stays as it is.
    return mean, 1 / peak if peak > np.finfo(np.float32).eps else 1.0


def write_sound(path: Path, pieces: Iterable[Reals], rate_hz: int, file_format: str) -> int:
    """Write 16-bit samples, piece by piece; how many were beyond full scale and are clipped."""
    import soundfile

    total = 0
    with soundfile.SoundFile(str(path), "w", rate_hz, 1, format=file_format) as file:
        for piece in pieces:
            pcm, clipped = to_pcm(piece, 16)
            file.write(pcm.astype(np.int16))
            total += clipped
    return total


def to_pcm(samples: Reals, bits: int) -> tuple[npt.NDArray[np.int64], int]:
    """Samples as integers of that width, full scale being 1; how many were clipped, beyond rounding."""
    full_scale = 1 << (bits - 1)
    scaled = np.rint(samples * full_scale)
    clipped = int(((scaled > full_scale) | (scaled < -full_scale)).sum())
    return np.clip(scaled, -full_scale, full_scale - 1).astype(np.int64), clipped
