"""The integers of a spiketrum encoder: kernels, their correlations, levels; for the twin, compiler and RTL.

docs/numerics.md has the definitions.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from math import ceil

import numpy as np
import numpy.typing as npt

from spikewright.errors import ConfigError
from spikewright.gammatone import Reals, centre_frequencies, kernels
from spikewright.spiketrum import SpiketrumConfig

__all__ = ["GramBlock", "Integers", "SpiketrumTables", "cross_correlations", "make_tables"]

Integers = npt.NDArray[np.int64]

MOST_GRAM_WORDS = 1 << 26
"""Correlations of kernels, with those left out, that are tabulated; more would be a mistake."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class GramBlock:
    """How the correlations of all channels change when a kernel is subtracted.

    Parameters
    ----------
    low, high
        First and last lag of each channel, ``(channels,)``; ``low > high`` where there is none.
    first_channel, first_lag
        What ``values[0, 0]`` belongs to.
    values
        ``(channels, lags)`` of the smallest rectangle that holds all ranges, 0 outside of them.
    """

    low: Integers
    high: Integers
    first_channel: int
    first_lag: int
    values: npt.NDArray[np.int32]

    def of(self, channel: int) -> npt.NDArray[np.int32]:
        """Correlations of a channel, lag by lag over its range."""
        low, high = int(self.low[channel]), int(self.high[channel])
        if low > high:
            return np.zeros(0, np.int32)
        row: npt.NDArray[np.int32] = self.values[channel - self.first_channel]
        return row[low - self.first_lag : high - self.first_lag + 1]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class SpiketrumTables:
    """All contents of an encoder's constant memories.

    Parameters
    ----------
    config
        What they were made for.
    frequencies_hz
        Centre frequencies, ``(channels,)``.
    kernels
        ``(channels, longest)``, each in units of ``2**-exponent``, 0 beyond its length.
    lengths, exponents
        Of the kernels, ``(channels,)``.
    correlation_shift
        A correlation of 1 is ``2**correlation_shift`` times full scale over ``2**(pcm_bits - 1)``.
    levels
        Rising thresholds, which are also the amplitudes, in units of correlations, ``(levels,)``.
    gram
        For every kernel that is subtracted.
    """

    config: SpiketrumConfig
    frequencies_hz: Reals
    kernels: Integers
    lengths: Integers
    exponents: Integers
    correlation_shift: int
    levels: Integers
    gram: tuple[GramBlock, ...]

    @property
    def longest(self) -> int:
        """Samples of the longest kernel."""
        return int(self.lengths.max())

    @property
    def gram_words(self) -> int:
        """Correlations of kernels that are stored."""
        return sum(int(np.maximum(block.high - block.low + 1, 0).sum()) for block in self.gram)

    @property
    def amplitudes(self) -> Reals:
        """What each level stands for, full scale being 1: ``decoded += amplitude * kernel / 2**exponent``."""
        return self.levels * 2.0**self.correlation_shift / self.config.full_scale

    @property
    def real_kernels(self) -> Reals:
        """The integer kernels as real numbers, of about unit norm."""
        return self.kernels * 2.0 ** -self.exponents[:, None].astype(np.float64)


@cache
def make_tables(config: SpiketrumConfig) -> SpiketrumTables:
    """Make the tables of a configuration.

    Raises
    ------
    ConfigError
        If they would be too large, or correlations of that width cannot hold the levels.
    """
    frequencies = centre_frequencies(config.channels, config.low_hz, config.high_hz)
    bank, lengths = kernels(frequencies, config.sample_rate_hz, config.truncate)
    exponents = kernel_exponents(bank, config.kernel_bits)
    codes = np.rint(bank * 2.0 ** exponents[:, None]).astype(np.int64)
    largest = (np.abs(codes).sum(axis=1) * 2.0**-exponents).max() * 2.0**config.pcm_bits
    shift = 0
    while largest > ((1 << (config.correlation_bits - 1)) - 1) << shift:
        shift += 1
    unit = 2.0**shift / config.full_scale
    levels = np.maximum(1, np.rint(np.array(config.level_amplitudes) / unit)).astype(np.int64)
    top = (1 << (config.correlation_bits - 1)) - 1
    if int(levels[-1]) > top:
        raise ConfigError(
            f"top_db must give a highest level of at most {top} units of correlation, not {levels[-1]}"
        )
    real = codes * 2.0 ** -exponents[:, None].astype(np.float64)
    return SpiketrumTables(
        config=config,
        frequencies_hz=frequencies,
        kernels=codes,
        lengths=lengths,
        exponents=exponents,
        correlation_shift=shift,
        levels=levels,
        gram=tuple(gram_blocks(config, real)),
    )


def kernel_exponents(bank: Reals, bits: int) -> Integers:
    """Largest exponents with which the kernels fit the width."""
    top = (1 << (bits - 1)) - 1
    exponents = []
    for peak in np.abs(bank).max(axis=1):
        exponent = ceil(np.log2((top + 1) / peak)) + 1
        while round(float(peak) * 2.0**exponent) > top:
            exponent -= 1
        exponents.append(exponent)
    return np.array(exponents, np.int64)


def cross_correlations(bank: Reals, reach: int) -> Iterator[Reals]:
    """For every kernel ``m``: ``sum_k bank[b, k] bank[m, k + lag]``, ``(channels, 2 * reach + 1)``.

    Lags run from ``-reach`` to ``reach``.
    """
    size = 1 << (2 * bank.shape[1] - 1).bit_length()
    spectra = np.fft.rfft(bank, size)
    lags = np.arange(-reach, reach + 1)
    inside = np.abs(lags) < bank.shape[1]
    for spectrum in spectra:
        full = np.fft.irfft(spectrum * spectra.conj(), size)
        yield np.where(inside, full[:, np.where(inside, lags, 0) % size], 0.0)


def gram_blocks(config: SpiketrumConfig, real: Reals) -> Iterator[GramBlock]:
    """Correlations of kernels as integers, where they matter.

    Lags of a window or more are left out: no spike reaches so far.
    """
    reach = min(config.window, real.shape[1]) - 1
    words = config.channels**2 * (2 * reach + 1)
    if words > MOST_GRAM_WORDS:
        raise ConfigError(
            f"correlations of kernels must be at most {MOST_GRAM_WORDS}, not {words}: use fewer channels or"
            " a shorter window"
        )
    top = (1 << (config.gram_bits - 1)) - 1
    unit = real / np.linalg.norm(real, axis=1, keepdims=True)
    for exact in cross_correlations(unit, reach):
        matters = np.abs(exact) >= config.gram_floor
        any_lag = matters.any(axis=1)
        first = np.argmax(matters, axis=1)
        last = matters.shape[1] - 1 - np.argmax(matters[:, ::-1], axis=1)
        low = np.where(any_lag, first - reach, 1)
        high = np.where(any_lag, last - reach, 0)
        lags = np.arange(-reach, reach + 1)
        inside = (lags >= low[:, None]) & (lags <= high[:, None])
        codes = np.where(inside, np.clip(np.rint(exact * (top + 1)), -top, top), 0).astype(np.int32)
        channels, columns = np.flatnonzero(any_lag), np.flatnonzero(inside.any(axis=0))
        yield GramBlock(
            low=low,
            high=high,
            first_channel=int(channels[0]),
            first_lag=int(lags[columns[0]]),
            values=np.ascontiguousarray(codes[channels[0] : channels[-1] + 1, columns[0] : columns[-1] + 1]),
        )
