"""What is fixed before quantization: widths, scales, decays that were asked for, trained or calibrated."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, get_args

from spikewright.compiler.semantics import DecaySpec
from spikewright.errors import ConfigError

__all__ = ["DEFAULT_WEIGHT_BITS", "Granularity", "Plan"]

DEFAULT_WEIGHT_BITS = 8

Granularity = Literal["layer", "channel"]
"""Who shares a scale: all neurons of a population, or those of a channel (of dense edges: each its own)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What is fixed before quantization; all by name of the population.

    Parameters
    ----------
    weight_bits
        Width of weights; ``narrower`` of those into some populations, below it.
    granularity
        Who shares a scale, of populations that fire.
    scales
        Codes per 1.0, from training or search, for all neurons or for each. Others are chosen: the largest
        weight becomes the largest code.
    clips
        Share of the largest weight that becomes the largest code, where that is not all of it; for all
        channels or for each.
    decays
        Decays that are asked for.
    trained
        Populations whose decay is that of the training, which must be the network's own.
    state_bits
        State widths; one for all, or by population. Others are chosen.
    current_bits
        Widths of synaptic currents. Others are chosen.
    """

    weight_bits: int = DEFAULT_WEIGHT_BITS
    narrower: Mapping[str, int] = field(default_factory=dict)
    granularity: Granularity = "layer"
    scales: Mapping[str, float | tuple[float, ...]] = field(default_factory=dict)
    clips: Mapping[str, float | tuple[float, ...]] = field(default_factory=dict)
    decays: Mapping[str, DecaySpec] = field(default_factory=dict)
    trained: frozenset[str] = frozenset()
    state_bits: int | Mapping[str, int] | None = None
    current_bits: Mapping[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.granularity not in get_args(Granularity):
            raise ConfigError(
                f"scales must be {' or '.join(get_args(Granularity))}, not {self.granularity!r}"
            )
        for bits in (self.weight_bits, *self.narrower.values()):
            if not 2 <= bits <= 16:
                raise ConfigError(f"weight_bits must be 2..16, not {bits}")
        asked = (self.state_bits,) if isinstance(self.state_bits, int) else (self.state_bits or {}).values()
        for bits in asked:
            if not 8 <= bits <= 24:
                raise ConfigError(f"state_bits must be 8..24, not {bits}")

    def bits_of(self, name: str) -> int:
        """Width of the weights into a population."""
        return min(self.narrower.get(name, self.weight_bits), self.weight_bits)

    def asked_state_bits(self, name: str) -> int | None:
        """State width of a population, if one is asked for."""
        if isinstance(self.state_bits, int) or self.state_bits is None:
            return self.state_bits
        return self.state_bits.get(name)
