"""What the parts of a training can be asked for: evolving masks, pruned channels, teachers."""

from dataclasses import dataclass, fields
from typing import Any, Literal

from spikewright.errors import ConfigError
from spikewright.models.learning.layers import parse_layers

__all__ = ["EvolutionOptions", "PruningOptions", "TeacherOptions"]


@dataclass(frozen=True, slots=True, kw_only=True)
class EvolutionOptions:
    """How a sparse network's synapses move while it is trained (:class:`.masks.EvolvingMask`).

    Parameters
    ----------
    initial
        How layers share the density: ``erdos_renyi`` (in proportion to both ends), ``erdos_renyi_kernel``
        (kernels' sizes counted too), ``uniform``.
    grow
        Where new synapses come: where the loss falls fastest (``gradient``), has kept falling (``momentum``),
        at ``random``, or nowhere (``none``: the first mask stays).
    period
        Updates of the optimizer from one change of the masks to the next.
    fraction, schedule
        Share of a layer's synapses that the first change moves, and how the share falls: ``cosine``,
        ``linear``, ``constant``.
    until
        Share of all updates after which masks stay.
    """

    initial: Literal["erdos_renyi", "erdos_renyi_kernel", "uniform"] = "erdos_renyi"
    grow: Literal["gradient", "momentum", "random", "none"] = "gradient"
    period: int = 60
    fraction: float = 0.4
    schedule: Literal["cosine", "linear", "constant"] = "cosine"
    until: float = 0.75

    def __post_init__(self) -> None:
        _choices(self, "evolution")
        if self.period < 1:
            raise ConfigError(f"evolution: period must be 1 or more, not {self.period}")
        for key in ("fraction", "until"):
            if not 0 < getattr(self, key) <= 1:
                raise ConfigError(f"evolution: {key} must be above 0 and at most 1, not {getattr(self, key)}")


@dataclass(frozen=True, slots=True, kw_only=True)
class PruningOptions:
    """How channels come and go while a network is trained (:class:`.channels.ChannelPruner`).

    Parameters
    ----------
    keep
        Share of the channels that are left in the end, of all layers together.
    regrow
        Share of the channels that come back at every change: among ``keep``, those where the loss asks for
        them most.
    ranking
        What a channel is kept for: its ``activity``, its normalisation's scale (``gamma``), or nothing
        (``random``).
    scope
        Whether channels of the whole network compete, as in the paper, or those of a layer: small networks
        may lose nearly all of a layer otherwise.
    fade
        Whether the share that comes back goes down to 0 until masks stay.
    minimum
        Channels that every layer keeps.
    schedule
        How the pruned share comes to ``1 - keep``: at once, or over the epochs (``linear``, ``cubic``).
    until
        Share of the epochs after which channels stay.
    """

    keep: float = 0.3
    regrow: float = 0.2
    ranking: Literal["activity", "gamma", "random"] = "activity"
    scope: Literal["network", "layer"] = "network"
    fade: bool = False
    minimum: int = 2
    schedule: Literal["constant", "linear", "cubic"] = "constant"
    until: float = 0.6

    def __post_init__(self) -> None:
        _choices(self, "pruning")
        for key in ("keep", "until"):
            if not 0 < getattr(self, key) <= 1:
                raise ConfigError(f"pruning: {key} must be above 0 and at most 1, not {getattr(self, key)}")
        if not 0 <= self.regrow < self.keep:
            must = f"must be 0 or more and below keep, {self.keep}"
            raise ConfigError(f"pruning: regrow {must}, not {self.regrow}")
        if self.minimum < 1:
            raise ConfigError(f"pruning: minimum must be 1 or more, not {self.minimum}")


@dataclass(frozen=True, slots=True, kw_only=True)
class TeacherOptions:
    """What a network learns from beside the labels (:mod:`.distillation`).

    Parameters
    ----------
    kind
        ``ann``: a network of rectifiers that sees an image once; ``snn``: a spiking one; ``virtual``: none,
        but what one that is always right would say.
    layers
        Of the teacher; None: the student's.
    data
        What the teacher is trained on, a specification as ``--data``; None: what the student is trained on.
    epochs, learning_rate, density, norm
        Of the teacher's own training.
    correct
        What a virtual teacher gives to the right class.
    response, temperature
        Weight of the teacher's answers against the labels, 0..1, and how much they are softened.
    feature, feature_loss
        Weight of the loss between the layers' activities, and which: ``partial`` (Heo et al. 2019),
        ``square``, ``attention`` (Zagoruyko & Komodakis 2017).
    convert, percentile
        Whether the student starts as the teacher (needs the same layers), its thresholds balanced by what so
        many percent of the teacher's activities stay below: the lower, the more a few steps fire.
    """

    kind: Literal["ann", "snn", "virtual"] = "ann"
    layers: str | None = None
    data: str | None = None
    epochs: int = 15
    learning_rate: float = 2e-3
    density: float = 1.0
    norm: bool = False
    correct: float = 0.9
    response: float = 0.0
    temperature: float = 4.0
    feature: float = 0.0
    feature_loss: Literal["partial", "square", "attention"] = "square"
    convert: bool = False
    percentile: float = 99.9

    def __post_init__(self) -> None:
        _choices(self, "teacher")
        try:
            parse_layers(self.layers or "")
        except ConfigError as error:
            raise ConfigError(f"teacher: {error}") from None
        if self.epochs < 1:
            raise ConfigError(f"teacher: epochs must be 1 or more, not {self.epochs}")
        if not 0 <= self.response <= 1:
            raise ConfigError(f"teacher: response must be 0..1, not {self.response}")
        if not self.feature >= 0:
            raise ConfigError(f"teacher: feature must be 0 or more, not {self.feature}")
        for key in ("learning_rate", "density", "correct"):
            if not 0 < getattr(self, key) <= 1:
                raise ConfigError(f"teacher: {key} must be above 0 and at most 1, not {getattr(self, key)}")
        if not self.temperature > 0:
            raise ConfigError(f"teacher: temperature must be above 0, not {self.temperature}")
        if not 0 < self.percentile <= 100:
            raise ConfigError(f"teacher: percentile must be above 0 and at most 100, not {self.percentile}")
        if self.kind == "virtual" and (self.feature or self.convert):
            raise ConfigError("teacher: a virtual one has neither features nor weights, only answers")
        if self.convert and self.kind != "ann":
            raise ConfigError(f"teacher: convert needs kind ann, not {self.kind}")


def _choices(options: Any, place: str) -> None:
    for entry in fields(options):
        allowed = getattr(entry.type, "__args__", ())
        value = getattr(options, entry.name)
        if getattr(entry.type, "__origin__", None) is Literal and value not in allowed:
            raise ConfigError(f"{place}: {entry.name} must be one of {', '.join(allowed)}, not {value!r}")
