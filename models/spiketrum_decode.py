"""Spikes back to sound as they come, and how much of the sound they carry."""

from math import log10

import numpy as np

from spikewright.gammatone import Reals
from spikewright.models.spiketrum_spikes import Spikes

__all__ = ["StreamDecoder", "StreamSnr"]


class StreamDecoder:
    """Adds up kernels; holds only the sound that kernels to come may still change.

    Parameters
    ----------
    bank
        Kernels of unit norm, ``(channels, longest)``.
    """

    def __init__(self, bank: Reals) -> None:
        self._bank = bank
        self._first = 0
        self._sound = np.zeros(0)  # from the first sample on that was not taken yet

    def add(self, spikes: Spikes) -> None:
        """Take further spikes, none before what was taken."""
        if not len(spikes):
            return
        longest = self._bank.shape[1]
        at = spikes.position - self._first
        self._grow(int(at.max()) + longest)
        for start, channel, amplitude in zip(
            at.tolist(), spikes.channel.tolist(), spikes.amplitude.tolist(), strict=True
        ):
            self._sound[start : start + longest] += amplitude * self._bank[channel]

    def take(self, until: int) -> Reals:
        """The sound up to a sample, from where it was last taken; no spike may begin before it any more."""
        count = max(0, until - self._first)
        self._grow(count)
        taken, self._sound = self._sound[:count], self._sound[count:].copy()
        self._first += count
        return taken

    def _grow(self, samples: int) -> None:
        more = samples - len(self._sound)
        if more > 0:
            self._sound = np.concatenate([self._sound, np.zeros(more)])


class StreamSnr:
    """Compares sound with what is decoded of it, piece by piece."""

    def __init__(self) -> None:
        self._waiting = np.zeros(0)
        self._signal = self._noise = 0.0

    def push(self, sound: Reals) -> None:
        """Take further sound."""
        self._waiting = np.concatenate([self._waiting, sound])

    def compare(self, decoded: Reals) -> None:
        """Take what was decoded of the sound that waits longest."""
        part, self._waiting = self._waiting[: len(decoded)], self._waiting[len(decoded) :].copy()
        self._signal += float(part @ part)
        self._noise += float(np.square(part - decoded).sum())

    @property
    def db(self) -> float | None:
        """Energy of the sound over that of the difference; None of silence, or where nothing differs."""
        return 10 * log10(self._signal / self._noise) if self._signal and self._noise else None
