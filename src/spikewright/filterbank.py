"""What a cochlear filter bank is built for: the one object that models and RTL read."""

from dataclasses import dataclass
from math import isfinite
from typing import Literal

from spikewright.errors import ConfigError
from spikewright.events import WordFormat
from spikewright.fixed import unsigned_bits

__all__ = ["ORDER", "FilterBankConfig"]

ORDER = 4
"""Sections of a channel: the order of the gammatone filter."""

LIMITS: dict[str, tuple[float, float]] = {
    "sample_rate_hz": (100, 1_000_000),
    "channels": (4, 1024),
    "pcm_bits": (8, 24),
    "coefficient_bits": (8, 18),
    "state_bits": (12, 30),
    "threshold": (1 / 64, 1024),
    "leak_shift": (1, 20),
    "step": (1, 65536),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class FilterBankConfig:
    """Gammatone filters, half-wave rectifiers, and a neuron a channel that integrates and fires.

    Parameters
    ----------
    sample_rate_hz
        Of the sound.
    channels
        Filters, their centre frequencies equally spaced on the ERB-rate scale.
    low_hz, high_hz
        Centre frequencies of the first and the last filter.
    pcm_bits
        Signed width of a sample.
    coefficient_bits
        Signed width of the two coefficients of a channel, real and imaginary part of its pole.
    state_bits
        Signed width of the real and the imaginary part of a section's state.
    threshold
        Rectified output, summed over samples, that makes a spike; 1 is full scale. A channel fires
        ``sample_rate_hz / (pi * threshold)`` times a second for a sine at full scale at its centre frequency.
    leak_shift
        In every sample the sum loses ``2**-leak_shift`` of itself; None: nothing.
    step
        Samples of a time step of the network that takes the spikes.
    """

    kind: Literal["filterbank"] = "filterbank"
    sample_rate_hz: int = 16000
    channels: int = 64
    low_hz: float = 50.0
    high_hz: float = 7000.0
    pcm_bits: int = 16
    coefficient_bits: int = 18
    state_bits: int = 24
    threshold: float = 2.5
    leak_shift: int | None = 12
    step: int = 256

    def __post_init__(self) -> None:
        for name, (low, high) in LIMITS.items():
            value = getattr(self, name)
            if value is None and name == "leak_shift":
                continue
            real = name == "threshold"
            if isinstance(value, bool) or not isinstance(value, (int, float) if real else int):
                raise ConfigError(f"{name} must be a {'' if real else 'whole '}number, not {value!r}")
            if not low <= value <= high:
                raise ConfigError(f"{name} must be in {low:g}..{high:g}, not {value}")
        if not (0 < self.low_hz < self.high_hz < self.sample_rate_hz / 2 and isfinite(self.high_hz)):
            raise ConfigError(
                f"low_hz and high_hz must be above 0, in this order and below half the sample rate, "
                f"{self.sample_rate_hz / 2:g}, not {self.low_hz:g} and {self.high_hz:g}"
            )
        if self.state_bits < self.pcm_bits:
            raise ConfigError(
                f"state_bits must be at least pcm_bits, {self.pcm_bits}, not {self.state_bits}"
            )

    @property
    def lines(self) -> int:
        """Lines on which spikes go out: one a channel."""
        return self.channels

    @property
    def most_events(self) -> int:
        """Spikes that a line may have in a step: one a sample, and no more than counts can say."""
        return min(self.step, 255)

    def steps(self, samples: int) -> int:
        """Steps of a recording of that length."""
        return -(-samples // self.step)

    @property
    def fraction_bits(self) -> int:
        """Bits of a coefficient below the point."""
        return self.coefficient_bits - 1

    @property
    def sample_word(self) -> WordFormat:
        """Words in: a sample is the value of an event; the end of a recording is the end of a sample."""
        return WordFormat(address_bits=1, value_bits=self.pcm_bits, signed=True)

    @property
    def word(self) -> WordFormat:
        """Words out: spikes by their channel."""
        return WordFormat(address_bits=unsigned_bits(self.channels - 1))

    @property
    def cycles(self) -> int:
        """Clock cycles of the hardware a sample: every channel, every section, four products."""
        return 4 * ORDER * self.channels

    @property
    def clock_hz(self) -> int:
        """Lowest clock rate at which the hardware keeps up with the sound."""
        return self.cycles * self.sample_rate_hz
