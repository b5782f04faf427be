"""Spikes of a spiketrum encoder: kernels with a place in time, a channel and an amplitude."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from spikewright.spiketrum import SpiketrumConfig

__all__ = ["Spikes", "decode", "join", "snr_db"]

Reals = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Spikes:
    """Spikes in the order in which they were chosen; arrays ``(spikes,)``.

    Parameters
    ----------
    position
        First sample of the kernel.
    channel
        Which kernel.
    level
        Which of the levels, or -1 where amplitudes are not rounded to levels.
    amplitude
        Signed factor of the unit-norm kernel, full scale being 1.
    """

    position: npt.NDArray[np.int64]
    channel: npt.NDArray[np.int64]
    level: npt.NDArray[np.int64]
    amplitude: Reals

    def __len__(self) -> int:
        return len(self.position)

    def __getitem__(self, which: slice | npt.NDArray[np.bool_] | npt.NDArray[np.int64]) -> "Spikes":
        return Spikes(
            position=self.position[which],
            channel=self.channel[which],
            level=self.level[which],
            amplitude=self.amplitude[which],
        )

    @property
    def negative(self) -> npt.NDArray[np.bool_]:
        """Whether the kernel is subtracted."""
        return self.amplitude < 0

    def in_time(self) -> "Spikes":
        """The same, sorted by position; in the order in which they were chosen where that is equal."""
        return self[np.argsort(self.position, kind="stable")]

    def lines(self, config: SpiketrumConfig) -> npt.NDArray[np.int64]:
        """Address of each spike (intensity to place)."""
        return (self.channel * config.levels + self.level) * config.polarities + self.negative

    def steps(self, config: SpiketrumConfig) -> npt.NDArray[np.int64]:
        """Network step of each spike."""
        return self.position // config.step

    def raster(self, config: SpiketrumConfig, samples: int) -> npt.NDArray[np.int64]:
        """How many spikes each line has in each step of a recording, ``(steps, lines)``."""
        counts = np.zeros((config.steps(samples), config.lines), np.int64)
        np.add.at(counts, (self.steps(config), self.lines(config)), 1)
        return counts


def join(parts: Iterable[Spikes]) -> Spikes:
    """Spikes one after the other."""
    some = list(parts)
    if not some:
        nothing = np.zeros(0, np.int64)
        return Spikes(position=nothing, channel=nothing, level=nothing, amplitude=np.zeros(0))
    return Spikes(
        position=np.concatenate([part.position for part in some]),
        channel=np.concatenate([part.channel for part in some]),
        level=np.concatenate([part.level for part in some]),
        amplitude=np.concatenate([part.amplitude for part in some]),
    )


def decode(spikes: Spikes, bank: Reals, samples: int) -> Reals:
    """The sound that spikes stand for, ``(samples,)``: the sum of their kernels.

    Parameters
    ----------
    bank
        Kernels of unit norm, ``(channels, longest)``.
    samples
        Length of the recording; what kernels add beyond is dropped.
    """
    longest = bank.shape[1]
    sound = np.zeros(samples + longest)
    for channel, kernel in enumerate(bank):
        mine = spikes.channel == channel
        if mine.any():
            impulses = np.zeros(samples)
            np.add.at(impulses, spikes.position[mine], spikes.amplitude[mine])
            for position in np.flatnonzero(impulses):
                sound[position : position + longest] += impulses[position] * kernel
    return sound[:samples]


def snr_db(sound: Reals, decoded: Reals) -> float | None:
    """Energy of the sound over that of the difference; None of silence, or where nothing differs."""
    signal = float(np.square(sound).sum())
    noise = float(np.square(sound - decoded).sum())
    return None if signal == 0 or noise == 0 else float(10 * np.log10(signal / noise))
