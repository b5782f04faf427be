"""Gammatone kernels on the ERB scale (Glasberg and Moore 1990), as finite impulse responses.

A kernel of finite length is stable whatever its frequency. The recursive form that
``scipy.signal.gammatone`` also knows is not: at low frequencies it diverges.
"""

from typing import Any

import numpy as np
import numpy.typing as npt

from spikewright.errors import ConfigError

__all__ = ["Reals", "bandwidth_hz", "centre_frequencies", "erb_hz", "erb_rate", "hz_of_erb_rate", "kernels"]

Reals = npt.NDArray[np.float64]

ORDER = 4
BANDWIDTHS = 1.019
"""Bandwidth of a fourth-order gammatone filter, in ERB, that fits the ear's filters (Patterson 1987)."""

MOST_VALUES = 1 << 24
"""Samples of all kernels together; more would be a mistake in the configuration."""


def erb_hz(frequency_hz: Any) -> Reals:
    """Equivalent rectangular bandwidth of the ear's filter at a frequency."""
    return 24.7 * (4.37e-3 * np.asarray(frequency_hz, np.float64) + 1)


def erb_rate(frequency_hz: Any) -> Reals:
    """Place on the scale on which filters one ERB apart are 1 apart."""
    return np.log1p(4.37e-3 * np.asarray(frequency_hz, np.float64)) / (24.7 * 4.37e-3)


def hz_of_erb_rate(place: Any) -> Reals:
    """The inverse of :func:`erb_rate`."""
    return np.expm1(np.asarray(place, np.float64) * (24.7 * 4.37e-3)) / 4.37e-3


def bandwidth_hz(frequency_hz: Any) -> Reals:
    """Bandwidth parameter ``b`` of the gammatone filter at a frequency: 1.019 ERB."""
    return BANDWIDTHS * erb_hz(frequency_hz)


def centre_frequencies(channels: int, low_hz: float, high_hz: float) -> Reals:
    """Frequencies equally spaced on the ERB-rate scale, both ends among them; a single one in the middle."""
    low, high = erb_rate(low_hz), erb_rate(high_hz)
    if channels == 1:
        return hz_of_erb_rate([(low + high) / 2])
    frequencies = hz_of_erb_rate(np.linspace(low, high, channels))
    frequencies[[0, -1]] = low_hz, high_hz
    return frequencies


def kernels(
    frequencies_hz: npt.ArrayLike, sample_rate_hz: float, truncate: float = 1e-3
) -> tuple[Reals, npt.NDArray[np.int64]]:
    """Kernels ``t^3 exp(-2 pi b t) cos(2 pi f t)`` of unit norm, ``(channels, longest)``, and their lengths.

    A kernel ends where its envelope has fallen below ``truncate`` of its peak for good; the rest of its
    row is zero.

    Raises
    ------
    ConfigError
        If a frequency is not below half the sample rate, or kernels are too long to hold.
    """
    frequencies = np.atleast_1d(np.asarray(frequencies_hz, np.float64))
    highest = float(frequencies.max())
    if not 0 < float(frequencies.min()) <= highest < sample_rate_hz / 2:
        raise ConfigError(
            f"frequencies must be above 0 and below half the sample rate, {sample_rate_hz / 2:g}, not"
            f" {frequencies.min():g}..{highest:g}"
        )
    decay = 2 * np.pi * bandwidth_hz(frequencies) / sample_rate_hz  # a sample
    lengths = np.array([envelope_length(float(rate), truncate) for rate in decay])
    if len(frequencies) * int(lengths.max()) > MOST_VALUES:
        raise ConfigError(
            f"kernels must have at most {MOST_VALUES} samples together, not {len(frequencies)} times"
            f" {lengths.max()}"
        )
    time = np.arange(int(lengths.max()))
    # Normalised by the envelope's peak first: t^3 at a high sample rate is large, its product is not.
    peak = (ORDER - 1) / decay[:, None]
    envelope = (time / peak) ** (ORDER - 1) * np.exp((ORDER - 1) - decay[:, None] * time)
    bank = envelope * np.cos(2 * np.pi * frequencies[:, None] / sample_rate_hz * time)
    bank[time >= lengths[:, None]] = 0
    norms = np.linalg.norm(bank, axis=1)
    if (norms == 0).any():
        raise ConfigError(f"truncate must leave a kernel more than its first sample, not {truncate}")
    return bank / norms[:, None], lengths


def envelope_length(decay: float, truncate: float) -> int:
    """Samples until ``t^3 exp(-decay t)`` is below ``truncate`` of its peak for good."""
    peak = (ORDER - 1) / decay
    low, high = peak, peak * 2
    level = np.log(truncate)

    def height(time: float) -> float:
        return float((ORDER - 1) * np.log(time / peak) + (ORDER - 1) - decay * time)

    while height(high) > level:
        high *= 2
    while high - low > 1e-6 * peak:
        middle = (low + high) / 2
        low, high = (middle, high) if height(middle) > level else (low, middle)
    return max(2, int(np.ceil(high)))
