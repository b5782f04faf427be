"""What a spiketrum encoder is built for: the one object that models, compiler and RTL read."""

from dataclasses import dataclass
from math import inf, sqrt
from typing import Literal

from spikewright.errors import ConfigError
from spikewright.events import WordFormat

__all__ = ["UNIT_GAIN", "SpiketrumConfig"]

UNIT_GAIN = 64
"""A feedback gain of 1."""

REFERENCE_S = 0.01
"""Levels count from the norm of a sine at full scale that lasts so long."""

LIMITS: dict[str, tuple[float, float]] = {
    "sample_rate_hz": (100, 1_000_000),
    "channels": (1, 1024),
    "rate_hz": (1, 1_000_000),
    "window": (1, 65536),
    "step": (1, 65536),
    "levels": (1, 64),
    "range_db": (0, 200),
    "top_db": (-100, 100),
    "burst": (1, 65536),
    "pcm_bits": (8, 24),
    "kernel_bits": (3, 12),
    "correlation_bits": (12, 24),
    "gram_bits": (4, 18),
    "gram_floor": (0, 0.5),
    "truncate": (1e-6, 0.5),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class SpiketrumConfig:
    """Matching pursuit on gammatone kernels: what is coded, how fast, and in how many bits.

    Parameters
    ----------
    sample_rate_hz
        Of the sound that the encoder takes.
    channels
        Kernels, their centre frequencies equally spaced on the ERB-rate scale.
    low_hz, high_hz
        Centre frequencies of the first and the last kernel.
    rate_hz
        Spikes a second, over all channels.
    window
        Samples at which spikes may start that are coded at a time; a multiple of ``step``.
    step
        Samples of a time step of the network that takes the spikes.
    signed
        Whether a kernel may also be subtracted: two lines a level instead of one.
    levels
        Intensities that are told apart, each a line of its own.
    range_db
        From the lowest level to the highest.
    top_db
        Highest level, relative to the norm of a sine at full scale that lasts 10 ms.
    gate
        Least correlation that becomes a spike, in units of the integer correlations.
    burst
        Most spikes of a window, and most that are saved up for later ones.
    pcm_bits, kernel_bits, correlation_bits, gram_bits
        Signed widths of samples, kernels, correlations, and correlations of kernels.
    gram_floor
        Correlations of kernels below this are left out, where no larger one lies beyond.
    truncate
        Kernels end where their envelope has fallen below this part of its peak.
    gains
        Factor by which a channel's correlations count in the choice of a spike, 64 being 1; none is 1
        throughout. What is subtracted and decoded does not depend on it.
    """

    kind: Literal["spiketrum"] = "spiketrum"
    sample_rate_hz: int = 8000
    channels: int = 40
    low_hz: float = 50.0
    high_hz: float = 3700.0
    rate_hz: int = 400
    window: int = 256
    step: int = 128
    signed: bool = True
    levels: int = 8
    range_db: float = 36.0
    top_db: float = -6.0
    gate: int = 1
    burst: int = 64
    pcm_bits: int = 16
    kernel_bits: int = 8
    correlation_bits: int = 18
    gram_bits: int = 9
    gram_floor: float = 0.02
    truncate: float = 1e-3
    gains: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        for key, (low, high) in LIMITS.items():
            value = getattr(self, key)
            if not low <= value <= high:
                raise ConfigError(f"{key} must be in {low}..{high}, not {value}")
        nyquist = self.sample_rate_hz / 2
        if not 0 < self.low_hz < inf:
            raise ConfigError(f"low_hz must be above 0, not {self.low_hz}")
        if not self.low_hz <= self.high_hz < nyquist or (self.channels > 1 and self.low_hz == self.high_hz):
            raise ConfigError(
                f"high_hz must be above low_hz, {self.low_hz}, and below half the sample rate, {nyquist:g},"
                f" not {self.high_hz}"
            )
        if self.window % self.step:
            raise ConfigError(f"window must be a multiple of step, {self.step}, not {self.window}")
        least = -(-self.rate_hz * self.window // self.sample_rate_hz)
        if self.burst < least:
            raise ConfigError(
                f"burst must be at least what {self.rate_hz} spikes a second bring in a window of"
                f" {self.window} samples, {least}, not {self.burst}"
            )
        top_code = (1 << (self.correlation_bits - 1)) - 1
        if not 1 <= self.gate <= top_code:
            raise ConfigError(f"gate must be in 1..{top_code}, not {self.gate}")
        if self.gains and len(self.gains) != self.channels:
            raise ConfigError(f"gains must be {self.channels} numbers, one a channel, not {len(self.gains)}")
        for gain in self.gains:
            if not 0 <= gain <= 255:
                raise ConfigError(f"gains must be in 0..255, not {gain}")

    @property
    def channel_gains(self) -> tuple[int, ...]:
        """Gains of all channels."""
        return self.gains or (UNIT_GAIN,) * self.channels

    @property
    def full_scale(self) -> int:
        """The sample value that stands for 1."""
        return 1 << (self.pcm_bits - 1)

    @property
    def level_amplitudes(self) -> tuple[float, ...]:
        """Amplitude of each level, lowest first, as a factor of unit-norm kernels, full scale being 1.

        A single level stands in the middle of the range.
        """
        top = sqrt(REFERENCE_S / 2 * self.sample_rate_hz) * 10 ** (self.top_db / 20)
        if self.levels == 1:
            return (top * 10 ** (-self.range_db / 40),)
        last = self.levels - 1
        return tuple(top * 10 ** (-self.range_db / 20 * (last - level) / last) for level in range(last + 1))

    @property
    def sample_word(self) -> WordFormat:
        """Words in: a sample is the value of an event."""
        return WordFormat(address_bits=1, value_bits=self.pcm_bits, signed=True)

    @property
    def polarities(self) -> int:
        """Lines of a level: 2 if spikes have a sign."""
        return 2 if self.signed else 1

    @property
    def lines(self) -> int:
        """Lines on which spikes go out: channel by channel, level by level, positive before negative."""
        return self.channels * self.levels * self.polarities

    @property
    def most_events(self) -> int:
        """Spikes that a line may have in a step: all of its window's, and no more than counts can say."""
        return min(self.burst, 255)

    def line(self, channel: int, level: int, negative: bool) -> int:
        """Address of a spike."""
        return (channel * self.levels + level) * self.polarities + int(negative)

    def spikes(self, samples: int) -> int:
        """Spikes of a recording of that length: the rate times its duration, half rounded up."""
        return (self.sample_rate_hz // 2 + self.rate_hz * samples) // self.sample_rate_hz

    def steps(self, samples: int) -> int:
        """Steps of a recording of that length."""
        return -(-samples // self.step)
