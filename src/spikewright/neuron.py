"""What one population computes in a step, as integers: the part that model and hardware share."""

from dataclasses import dataclass
from typing import Literal

from spikewright.errors import ConfigError
from spikewright.fixed import Codes, decay_multiply, decay_shift, signed_range, unsigned_bits

__all__ = ["Current", "Decay", "Levels", "NeuronConfig"]

Levels = tuple[int, ...]
"""One integer for all neurons of a population, or one for each."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Decay:
    """How the potential decays in a step, ``D`` of the contract.

    Parameters
    ----------
    kind
        ``none``; ``shift``: ``x - (x >> shift)``; ``multiply``: ``sign(x) * ((|x| * factor) >>
        fraction_bits)``.
    shift
        Of kind shift: bits to shift by, from 0 (forgets everything) up to the state width less one.
    factor
        Of kind multiply: 0..2**fraction_bits, for all neurons or for each.
    fraction_bits
        Of kind multiply: 0 to 16.
    """

    kind: Literal["none", "shift", "multiply"] = "none"
    shift: int = 0
    factor: Levels = (0,)
    fraction_bits: int = 0

    def __post_init__(self) -> None:
        if self.shift < 0:
            raise ConfigError(f"decay: shift must be 0 or more, not {self.shift}")
        if not 0 <= self.fraction_bits <= 16:
            raise ConfigError(f"decay: fraction_bits must be 0..16, not {self.fraction_bits}")
        for factor in self.factor:
            if not 0 <= factor <= 1 << self.fraction_bits:
                raise ConfigError(f"decay: factor must be 0..{1 << self.fraction_bits}, not {factor}")

    def apply(self, x: Codes, factor: Codes = None) -> Codes:
        """Decayed ``x``; ``factor`` replaces a per-neuron factor by an array that broadcasts with ``x``."""
        if self.kind == "shift":
            return decay_shift(x, self.shift)
        if self.kind == "multiply":
            return decay_multiply(x, self.factor[0] if factor is None else factor, self.fraction_bits)
        return x


@dataclass(frozen=True, slots=True, kw_only=True)
class Current:
    """A synaptic current in every neuron: ``j = sat(D_syn(j) + i + h + b_syn)`` feeds the potential.

    Parameters
    ----------
    bits
        Width of the current, 8 to 24.
    decay
        ``D_syn``, applied to the stored current before the drive is added.
    bias
        ``b_syn``, added in every step.
    feeds
        Whether the potential takes the ``new`` current of the step, or the ``old`` one of the step before.
    """

    bits: int = 16
    decay: Decay = Decay()
    bias: Levels = (0,)
    feeds: Literal["new", "old"] = "new"

    def __post_init__(self) -> None:
        if not 8 <= self.bits <= 24:
            raise ConfigError(f"current: bits must be 8..24, not {self.bits}")
        if self.decay.kind == "shift" and self.decay.shift >= self.bits:
            raise ConfigError(
                f"current: decay: shift must be 0..{self.bits - 1} for {self.bits}-bit currents, not"
                f" {self.decay.shift}"
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class NeuronConfig:
    """The arithmetic of one population (docs/numerics.md); all levels are integer codes.

    Parameters
    ----------
    fires
        Whether it emits spikes. A population that does not gives its potential in every step.
    state_bits
        Width of the potential, 8 to 24; ``sat`` clamps to it (and to ``floor``).
    decay
        Applied to the stored potential before the drive is added.
    compare
        ``c``: it fires where ``u >= c``.
    reset
        ``subtract`` takes ``reset_amount`` off, ``set`` stores ``reset_value``.
    reset_when
        ``now`` in the step of the spike, ``next`` in the step after.
    reset_amount, reset_value, bias
        ``r``, ``v_reset``, ``b``.
    floor
        Lowest potential that ``sat`` leaves, if not that of the state width.
    max_spikes
        Most spikes of a neuron in a step, 1 to 255; above 1 the reset is ``subtract``, ``now``.
    current
        A synaptic current between drive and potential, where there is one.
    """

    fires: bool = True
    state_bits: int = 16
    decay: Decay = Decay()
    compare: Levels = (1,)
    reset: Literal["subtract", "set"] = "subtract"
    reset_when: Literal["now", "next"] = "now"
    reset_amount: Levels = (0,)
    reset_value: Levels = (0,)
    bias: Levels = (0,)
    floor: int | None = None
    max_spikes: int = 1
    current: Current | None = None

    def __post_init__(self) -> None:
        if not 8 <= self.state_bits <= 24:
            raise ConfigError(f"state_bits must be 8..24, not {self.state_bits}")
        low, high = self.potential_range
        if self.decay.kind == "shift" and self.decay.shift >= self.state_bits:
            raise ConfigError(
                f"decay: shift must be 0..{self.state_bits - 1} for {self.state_bits}-bit states,"
                f" not {self.decay.shift}"
            )
        if (
            low > 0
            or low >= high
            or (self.floor is not None and self.floor < signed_range(self.state_bits)[0])
        ):
            raise ConfigError(f"floor must be in {signed_range(self.state_bits)[0]}..0, not {self.floor}")
        if not 1 <= self.max_spikes <= 255:
            raise ConfigError(f"max_spikes must be 1..255, not {self.max_spikes}")
        if self.max_spikes > 1 and (self.reset, self.reset_when) != ("subtract", "now"):
            raise ConfigError("max_spikes above 1 needs reset subtract, now")
        if self.fires and self.reset == "set":
            for value in self.reset_value:
                if not low <= value <= high:
                    raise ConfigError(f"reset_value must be in {low}..{high}, not {value}")
        if self.fires and self.reset == "subtract":
            for amount in self.reset_amount:
                if not 0 <= amount <= high:
                    raise ConfigError(f"reset_amount must be in 0..{high}, not {amount}")
        if self.fires:
            for level in self.compare:
                if not low < level <= high:
                    raise ConfigError(
                        f"compare must be in {low + 1}..{high}, not {level}: it would fire always or never"
                    )

    @property
    def potential_range(self) -> tuple[int, int]:
        """Lowest and highest potential that ``sat`` leaves."""
        low, high = signed_range(self.state_bits)
        return (low if self.floor is None else self.floor), high

    @property
    def resets_by_compare(self) -> bool:
        """Whether what it takes off is what it compares with, of every neuron."""
        return self.fires and self.reset == "subtract" and self.reset_amount == self.compare

    @property
    def stores_spike(self) -> bool:
        """Whether the spike of the last step is a stored bit (reset to a value in the next step)."""
        return self.fires and self.reset == "set" and self.reset_when == "next"

    @property
    def repeats(self) -> bool:
        """Whether it may fire several times in a step."""
        return self.fires and self.max_spikes > 1

    @property
    def count_bits(self) -> int:
        """Width of the number of its spikes in a step."""
        return unsigned_bits(self.max_spikes) if self.fires else 1
