"""Spiketrum in integers: what the hardware equals bit for bit (docs/numerics.md, "Spiketrum")."""

from bisect import bisect_right
from typing import Any

import numpy as np
import numpy.typing as npt

from spikewright.errors import ConfigError
from spikewright.fixed import signed_range
from spikewright.models.spiketrum_spikes import Spikes, join
from spikewright.spiketrum import SpiketrumConfig
from spikewright.spiketrum_tables import SpiketrumTables, make_tables

__all__ = ["FixedEncoder", "encode_fixed", "round_shift"]

Integers = npt.NDArray[Any]

BANDS = 8
"""Matrix products that correlations of a window are split into, so that short kernels cost little."""

MOST_WORDS = 1 << 22
"""Samples that a matrix of shifted sound holds; a long window takes several."""


def round_shift(product: Any, shift: int) -> Any:
    """``product / 2**shift``, half rounded up; integers or arrays of them."""
    if shift <= 0:
        return product << -shift
    return (product + (1 << (shift - 1))) >> shift


class FixedEncoder:
    """Encodes a stream of PCM samples, window by window; holds a window and the longest kernel of it.

    The spikes do not depend on the pieces in which samples come.

    Parameters
    ----------
    config
        What to encode.
    tables
        Its tables, if they are at hand.
    """

    def __init__(self, config: SpiketrumConfig, tables: SpiketrumTables | None = None) -> None:
        self.config = config
        self.tables = tables or make_tables(config)
        self._gains = np.array(config.channel_gains, np.int64)
        self._levels = self.tables.levels.tolist()
        # The widest number of a window is an amplitude times a correlation of kernels.
        narrow = config.correlation_bits + config.gram_bits <= 31
        self._dtype: Any = np.int32 if narrow else np.int64
        self._gram = [block.values.astype(self._dtype) for block in self.tables.gram]
        self._bands = kernel_bands(self.tables)
        self.reset()

    def reset(self) -> None:
        """Begin a new recording."""
        self._residual = np.zeros(0, np.int64)  # from the first sample of the next window on
        self._start = 0
        self._credit = self.config.sample_rate_hz // 2  # rounds the number of spikes

    @property
    def coded(self) -> int:
        """Samples of the recording at which no spike begins any more."""
        return self._start

    def push(self, samples: npt.ArrayLike) -> Spikes:
        """Take further samples; the spikes of all windows that they complete.

        Raises
        ------
        ConfigError
            If samples are not integers of ``pcm_bits``.
        """
        taken = np.asarray(samples)
        if not taken.size:
            return join([])
        if taken.ndim != 1 or taken.dtype.kind not in "iu":
            raise ConfigError(f"samples must be integers in a row, not {taken.dtype} of shape {taken.shape}")
        low, high = signed_range(self.config.pcm_bits)
        if int(taken.min()) < low or int(taken.max()) > high:
            raise ConfigError(f"samples must be in {low}..{high}, not {taken.min()}..{taken.max()}")
        self._residual = np.concatenate([self._residual, taken.astype(np.int64)])
        window, needed = self.config.window, self.config.window + self.tables.longest - 1
        spikes = []
        first = 0
        while len(self._residual) - first >= needed:
            spikes.append(self._window(self._residual[first : first + needed], window))
            first += window
        self._residual = self._residual[first:].copy()
        return join(spikes)

    def finish(self) -> Spikes:
        """End the recording: the spikes that are left. The next sample begins a new one."""
        window, longest = self.config.window, self.tables.longest
        left = len(self._residual)
        residual = np.concatenate([self._residual, np.zeros(window + longest, np.int64)])
        spikes = [
            self._window(residual[first : first + window + longest - 1], min(window, left - first))
            for first in range(0, left, window)
        ]
        self.reset()
        return join(spikes)

    def _window(self, residual: Integers, positions: int) -> Spikes:
        """Code the next window; changes the residual, ``(positions + longest - 1,)`` or more."""
        config, fs = self.config, self.config.sample_rate_hz
        self._credit += config.rate_hz * positions
        found = self._pursue(residual, self._correlate(residual, positions))
        self._credit = min(self._credit, config.burst * fs + fs - 1)
        position, channel, level, sign = np.array(found, np.int64).reshape(-1, 4).T
        spikes = Spikes(
            position=position + self._start,
            channel=channel,
            level=level,
            amplitude=self.tables.amplitudes[level] * sign,
        )
        self._start += positions
        return spikes

    def _correlate(self, residual: Integers, positions: int) -> Integers:
        """Correlations of every kernel at every position, ``(channels, positions)``."""
        low, high = signed_range(self.config.correlation_bits)
        # Sums are below 2**53 in any configuration (bits of a sample, a kernel and its length), so that
        # floating point, which has fast matrix products, is exact whatever the order of additions.
        real = residual.astype(np.float64)
        longest = self.tables.longest
        correlations = np.empty((self.config.channels, positions), self._dtype)
        stretch = max(1, MOST_WORDS // longest)
        for first in range(0, positions, stretch):
            part = real[first : min(first + stretch, positions) + longest - 1]
            shifted = np.lib.stride_tricks.sliding_window_view(part, longest).copy()
            for channels, length, matrix in self._bands:
                sums = (matrix @ shifted[:, :length].T).astype(np.int64)
                for row, channel in enumerate(channels):
                    shift = int(self.tables.exponents[channel]) + self.tables.correlation_shift
                    units = np.clip(round_shift(sums[row], shift), low, high)
                    correlations[channel, first : first + len(shifted)] = units
        return correlations

    def _pursue(self, residual: Integers, correlations: Integers) -> list[tuple[int, int, int, int]]:
        """Choose spikes while there is credit: position in the window, channel, level, sign."""
        config, tables = self.config, self.tables
        low, high = signed_range(config.correlation_bits)
        residual_low, residual_high = signed_range(config.pcm_bits + 1)
        positions = correlations.shape[1]
        scores = np.abs(correlations) if config.signed else np.maximum(correlations, 0)
        best_at = scores.argmax(axis=1)  # the first of equals
        best = scores[np.arange(len(scores)), best_at].astype(np.int64)
        half, gram_shift = 1 << (config.gram_bits - 2), config.gram_bits - 1
        found: list[tuple[int, int, int, int]] = []
        while len(found) < config.burst and self._credit >= config.sample_rate_hz:
            products = best * self._gains
            channel = int(products.argmax())
            score = int(best[channel])
            if score < config.gate or products[channel] == 0:
                break
            at = int(best_at[channel])
            level = max(bisect_right(self._levels, score) - 1, 0)
            sign = -1 if correlations[channel, at] < 0 else 1
            amplitude = sign * self._levels[level]
            found.append((at, channel, level, sign))
            self._credit -= config.sample_rate_hz

            block, gram = tables.gram[channel], self._gram[channel]
            first = max(0, at + block.first_lag)
            end = min(positions, at + block.first_lag + gram.shape[1])
            lag = at + block.first_lag
            change = gram[:, first - lag : end - lag] * amplitude
            change += half
            change >>= gram_shift
            rows = slice(block.first_channel, block.first_channel + len(gram))
            changed = correlations[rows, first:end] - change
            np.minimum(changed, high, out=changed)
            np.maximum(changed, low, out=changed)
            correlations[rows, first:end] = changed
            scores = np.abs(correlations[rows]) if config.signed else correlations[rows]
            best_at[rows] = scores.argmax(axis=1)
            best[rows] = np.maximum(scores[np.arange(len(gram)), best_at[rows]], 0)

            length = int(tables.lengths[channel])
            shift = int(tables.exponents[channel]) - tables.correlation_shift
            removed = round_shift(amplitude * tables.kernels[channel, :length], shift)
            part = residual[at : at + length]
            part -= removed
            np.clip(part, residual_low, residual_high, out=part)
        return found


def kernel_bands(tables: SpiketrumTables) -> list[tuple[npt.NDArray[np.int64], int, npt.NDArray[np.float64]]]:
    """Channels in bands of similar length: which, the longest, kernels ``(channels, longest)``."""
    order = np.argsort(-tables.lengths, kind="stable")
    bands = []
    for channels in np.array_split(order, min(BANDS, len(order))):
        length = int(tables.lengths[channels].max())
        bands.append((channels, length, tables.kernels[channels, :length].astype(np.float64)))
    return bands


def encode_fixed(
    samples: npt.ArrayLike, config: SpiketrumConfig, tables: SpiketrumTables | None = None
) -> Spikes:
    """Spikes of a whole recording of PCM samples."""
    encoder = FixedEncoder(config, tables)
    return join([encoder.push(samples), encoder.finish()])
