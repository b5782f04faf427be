"""Recordings as a chip with an encoder takes them, and the spikes that its integers make of them."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from spikewright.config import ChipConfig, Encoder
from spikewright.errors import ConfigError
from spikewright.filterbank import FilterBankConfig
from spikewright.models.filterbank import FixedFilterBank
from spikewright.models.spiketrum_fixed import encode_fixed

__all__ = ["Counts", "Encoder", "Sound", "encode_sound", "encoded_events"]

Counts = npt.NDArray[np.uint8]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Sound:
    """Recordings of PCM samples that a chip is fed one after the other, each for the same number of steps.

    Parameters
    ----------
    samples
        Of each recording, integers of the encoder's ``pcm_bits``.
    steps
        Time steps of a recording: silent ones behind it make it as long.
    """

    samples: tuple[npt.NDArray[np.int64], ...]
    steps: int

    def __len__(self) -> int:
        return len(self.samples)

    def __getitem__(self, chosen: slice) -> "Sound":
        return Sound(samples=self.samples[chosen], steps=self.steps)


def encode_sound(
    encoder: Encoder, sound: Sound, advance: Callable[[], None] | None = None
) -> Counts:
    """Spikes on every line, ``(recordings, steps, lines)``, as integers make them.

    ``advance`` is called after every recording.

    Raises
    ------
    ConfigError
        If a recording is longer than its steps, or brings more than 255 spikes on a line in a step.
    """
    counts = np.zeros((len(sound), sound.steps, encoder.lines), np.uint8)
    for index, samples in enumerate(sound.samples):
        needed = encoder.steps(len(samples))
        if needed > sound.steps:
            raise ConfigError(f"recording {index}: takes {needed} steps, and {sound.steps} are given")
        found = _counts(encoder, samples)
        if found.size and found.max() > 255:
            most = int(found.max())
            raise ConfigError(f"recording {index}: a line must fire at most 255 times a step, not {most}")
        counts[index, : len(found)] = found
        if advance is not None:
            advance()
    return counts


def encoded_events(chip: ChipConfig, given: Mapping[str, Any]) -> dict[str, Any]:
    """What cores take: events as they are given, and of sound what an encoder's integers make of it.

    Raises
    ------
    ConfigError
        If an input with an encoder is given events, or another one sound.
    """
    events = dict(given)
    for port in chip.inputs:
        value = given.get(port.name)
        if (port.encoder is not None) != isinstance(value, Sound):
            takes, not_that = ("sound", "events") if port.encoder is not None else ("events", "sound")
            raise ConfigError(f"input {port.name!r}: takes {takes}, not {not_that}")
        if port.encoder is not None and isinstance(value, Sound):
            events[port.name] = encode_sound(port.encoder, value)
    return events


def _counts(encoder: Encoder, samples: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """Spikes of one recording, ``(steps, lines)``."""
    if isinstance(encoder, FilterBankConfig):
        return FixedFilterBank(encoder).counts(samples)
    return encode_fixed(samples, encoder).raster(encoder, len(samples))
