"""The integers of a filter bank: poles, shifts, thresholds, and proof that no state overflows."""

from dataclasses import dataclass
from functools import cache
from math import floor, sqrt

import numpy as np
import numpy.typing as npt

from spikewright.errors import ConfigError
from spikewright.filterbank import ORDER, FilterBankConfig
from spikewright.fixed import unsigned_bits
from spikewright.gammatone import Reals, bandwidth_hz, centre_frequencies

__all__ = ["FilterBankTables", "filterbank_tables", "gain", "poles"]

Complexes = npt.NDArray[np.complex128]
Integers = npt.NDArray[np.int64]

SHIFT_STEP = 2
"""Shifts are multiples of this: half as many ways through the hardware's shifter, one bit of a state lost."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class FilterBankTables:
    """What the hardware keeps for every channel; scaled so that nothing needs to saturate.

    Parameters
    ----------
    real, imaginary
        The pole of all its sections, with ``fraction_bits`` bits below the point, ``(channels,)``.
    pole
        The same as a number.
    shifts
        What comes into a section is ``2**-shift`` of what the section before gives, ``(channels, 4)``.
    thresholds
        Level at which a channel's sum fires, ``(channels,)``.
    scales
        Output codes of a channel for 1.0 at the output of the real filter, ``(channels,)``.
    bounds
        Largest magnitude that the last section's state can have, for any sound, ``(channels,)``.
    """

    real: Integers
    imaginary: Integers
    pole: Complexes
    shifts: Integers
    thresholds: Integers
    scales: Reals
    bounds: Integers

    @property
    def sum_bits(self) -> int:
        """Unsigned width of the sum that fires."""
        return unsigned_bits(int((self.thresholds + self.bounds).max()))

    @property
    def saturates(self) -> bool:
        """Whether a sum can exceed its width: only where a sample may bring more than a threshold."""
        return bool((self.thresholds < self.bounds).any())


def poles(config: FilterBankConfig) -> Complexes:
    """Pole of all sections of every channel, ``(channels,)``."""
    frequencies = centre_frequencies(config.channels, config.low_hz, config.high_hz)
    angle = 2 * np.pi / config.sample_rate_hz
    return np.asarray(np.exp(angle * (1j * frequencies - bandwidth_hz(frequencies))), np.complex128)


def gain(pole: Complexes, config: FilterBankConfig) -> Reals:
    """Amplitude at the real output of sections ``1 / (1 - pole/z)`` for a sine at the centre frequency."""
    centre = centre_frequencies(config.channels, config.low_hz, config.high_hz)
    turn = np.exp(-2j * np.pi * centre / config.sample_rate_hz)
    # The real part of a complex filter hears a frequency and its mirror image.
    both: Complexes = (1 - pole * turn) ** -ORDER + (1 - pole.conj() * turn) ** -ORDER
    return np.abs(both) / 2


@cache
def filterbank_tables(config: FilterBankConfig) -> FilterBankTables:
    """Quantize the poles of a filter bank, and scale its sections by shifts.

    The magnitudes of a one-pole section's impulse response sum to ``1 / (1 - |pole|)``: that bounds its
    state for every input. Shifts are the smallest that keep the bound within the state's width.

    Raises
    ------
    ConfigError
        If the coefficients are too short for the lowest filter to decay, or for its shifts.
    """
    unit = 1 << config.fraction_bits
    exact = poles(config)
    real = np.rint(exact.real * unit).astype(np.int64)
    imaginary = np.rint(exact.imag * unit).astype(np.int64)
    magnitudes = np.hypot(real, imaginary) / unit
    if (real**2 + imaginary**2 >= unit**2).any() or (magnitudes > 1 - 2**-16).any():
        raise ConfigError(
            f"coefficient_bits must be enough for a filter at {config.low_hz:g} Hz to decay, not"
            f" {config.coefficient_bits}"
        )
    full_scale = 1 << (config.state_bits - 1)
    shifts = np.empty((config.channels, ORDER), np.int64)
    bounds = np.empty(config.channels, np.int64)
    for channel, magnitude in enumerate(magnitudes):
        bound = float(full_scale)
        for section in range(ORDER):
            bound, shifts[channel, section] = scaled(bound, float(magnitude), full_scale - 1)
        bounds[channel] = floor(bound)
    if shifts.max() > config.fraction_bits:
        raise ConfigError(
            f"coefficient_bits must be above {shifts.max()}, the largest shift, not {config.coefficient_bits}"
        )
    pole = np.asarray((real + 1j * imaginary) / unit, np.complex128)
    scales = full_scale * 0.5 ** shifts.sum(axis=1) * gain(pole, config)
    return FilterBankTables(
        pole=pole, real=real, imaginary=imaginary, shifts=shifts, scales=scales, bounds=bounds,
        thresholds=np.maximum(1, np.rint(config.threshold * scales)).astype(np.int64),
    )


def scaled(bound: float, magnitude: float, limit: int) -> tuple[float, int]:
    """Bound of a section's state for that of what comes in, and the smallest shift that keeps it."""
    shift = 0
    while True:
        # Rounding adds up to half a code to both parts, in every sample.
        result = (bound * 0.5**shift + sqrt(0.5)) / (1 - magnitude)
        if result <= limit:
            return result, shift
        shift += SHIFT_STEP
        if shift > 64:
            raise ConfigError(f"state_bits must be more: rounding alone fills a state up to {limit}")
