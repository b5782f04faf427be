"""Spiketrum in floating point: sound to spikes by matching pursuit, at a rate that is met exactly."""

from bisect import bisect_right

import numpy as np
import numpy.typing as npt

from spikewright.errors import ConfigError
from spikewright.gammatone import Reals, centre_frequencies, kernels
from spikewright.models.spiketrum_pursuit import Pursuit
from spikewright.models.spiketrum_spikes import Spikes, join
from spikewright.spiketrum import UNIT_GAIN, SpiketrumConfig

__all__ = ["RealEncoder", "checked_samples", "encode", "kernel_bank"]


def kernel_bank(config: SpiketrumConfig) -> Reals:
    """The kernels of a configuration, of unit norm, ``(channels, longest)``."""
    frequencies = centre_frequencies(config.channels, config.low_hz, config.high_hz)
    return kernels(frequencies, config.sample_rate_hz, config.truncate)[0]


class RealEncoder:
    """Encodes a stream of samples window by window; holds a window and the longest kernel of it.

    The spikes do not depend on the pieces in which samples come. Budget as in the integer encoder:
    every sample brings ``rate_hz`` of credit, a spike costs ``sample_rate_hz``, what is left over is kept
    for the next window; at the end there are ``config.spikes(samples)`` spikes, unless silence left
    credit over. ``gate`` and widths in bits belong to the integer encoder and are not looked at here.

    Parameters
    ----------
    window
        Samples at which spikes may start that are coded at a time, instead of the configuration's.
    burst
        Most spikes of a window, and most that are kept; without, as many as there is credit for.
    quantised
        Whether amplitudes are the configuration's levels (the next lower one; the lowest below that).
    bank
        Other kernels of unit norm, ``(channels, longest)``.
    """

    def __init__(
        self,
        config: SpiketrumConfig,
        *,
        window: int | None = None,
        burst: int | None = None,
        quantised: bool = True,
        bank: Reals | None = None,
    ) -> None:
        self.config = config
        self.window = config.window if window is None else window
        if self.window < 1:
            raise ConfigError(f"window must be 1 or more, not {self.window}")
        self.burst = burst
        self.quantised = quantised
        self.bank = kernel_bank(config) if bank is None else bank
        self._levels = list(config.level_amplitudes)
        gains = np.array(config.channel_gains) / UNIT_GAIN
        self._pursuit = Pursuit(self.bank, gains, signed=config.signed)
        self.reset()

    def reset(self) -> None:
        """Begin a new recording."""
        self._pieces: list[Reals] = []
        self._held = 0
        self._start = 0
        self._credit = self.config.sample_rate_hz // 2  # rounds the number of spikes

    @property
    def coded(self) -> int:
        """Samples of the recording at which no spike begins any more."""
        return self._start

    def push(self, samples: npt.ArrayLike) -> Spikes:
        """Take further samples, full scale being 1; the spikes of all windows that they complete.

        Raises
        ------
        ConfigError
            If a sample is not finite.
        """
        piece = checked_samples(samples, self._start + self._held)
        self._pieces.append(piece)
        self._held += len(piece)
        needed = self.window + self.bank.shape[1] - 1
        if self._held < needed:
            return join([])
        residual = np.concatenate(self._pieces)
        spikes = []
        while len(residual) >= needed:
            spikes.append(self._code(residual[:needed], self.window))
            residual = residual[self.window :]
        self._pieces, self._held = [residual.copy()], len(residual)
        return join(spikes)

    def finish(self) -> Spikes:
        """End the recording: the spikes that are left. The next sample begins a new one."""
        left, longest = self._held, self.bank.shape[1]
        residual = np.concatenate([*self._pieces, np.zeros(longest)])
        spikes = []
        for first in range(0, left, self.window):
            positions = min(self.window, left - first)
            spikes.append(self._code(residual[first : first + positions + longest - 1], positions))
        self.reset()
        return join(spikes)

    def _code(self, residual: Reals, positions: int) -> Spikes:
        """Code the next window, and take its spikes out of the residual."""
        fs = self.config.sample_rate_hz
        self._credit += self.config.rate_hz * positions
        most = self._credit // fs if self.burst is None else min(self.burst, self._credit // fs)
        found = self._pursuit.run(residual, positions, most, self._amplitude)
        self._credit -= len(found) * fs
        if self.burst is not None:
            self._credit = min(self._credit, self.burst * fs + fs - 1)
        longest = self.bank.shape[1]
        for spike in found:
            amplitude = self._amplitude(spike.correlation)
            residual[spike.position : spike.position + longest] -= amplitude * self.bank[spike.channel]
        correlations = [spike.correlation for spike in found]
        levels = [self._level(value) if self.quantised else -1 for value in correlations]
        spikes = Spikes(
            position=np.array([spike.position for spike in found], np.int64) + self._start,
            channel=np.array([spike.channel for spike in found], np.int64),
            level=np.array(levels, np.int64),
            amplitude=np.array([self._amplitude(value) for value in correlations], np.float64),
        )
        self._start += positions
        return spikes

    def _level(self, correlation: float) -> int:
        return max(bisect_right(self._levels, abs(correlation)) - 1, 0)

    def _amplitude(self, correlation: float) -> float:
        if not self.quantised:
            return correlation
        level = self._levels[self._level(correlation)]
        return -level if correlation < 0 else level


def checked_samples(samples: npt.ArrayLike, first: int = 0) -> Reals:
    """Samples as real numbers in a row, a copy; ``first`` is how many came before.

    Raises
    ------
    ConfigError
        If there are several rows, or a sample is not finite.
    """
    row = np.array(samples, np.float64)
    if row.ndim != 1:
        raise ConfigError(f"samples must be numbers in a row, not of shape {row.shape}")
    bad = np.flatnonzero(~np.isfinite(row))
    if len(bad):
        raise ConfigError(f"sample {first + bad[0]} must be finite, not {row[bad[0]]}")
    return row


def encode(
    sound: npt.ArrayLike, config: SpiketrumConfig, *, window: int | None = None, quantised: bool = True
) -> Spikes:
    """Spikes of a recording, full scale being 1: of all of it at once, or window by window.

    At once, spikes go wherever in the recording they tell most; window by window every stretch has the
    same rate, with up to ``config.burst`` spikes (of the configuration's window) saved for the next.
    """
    samples = np.asarray(sound, np.float64)
    burst = None if window is None else -(-config.burst * window // config.window)
    encoder = RealEncoder(config, window=window or max(1, samples.size), burst=burst, quantised=quantised)
    return join([encoder.push(samples), encoder.finish()])
