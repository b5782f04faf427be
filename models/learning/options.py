"""What a training can be asked for; a method is a set of these to begin with, and parts that take part."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Literal, get_args

from spikewright.errors import ConfigError
from spikewright.models.binning import Binning, Polarity
from spikewright.models.encoders import Encoder
from spikewright.models.learning.layers import parse_layers
from spikewright.models.learning.parts_options import EvolutionOptions, PruningOptions, TeacherOptions
from spikewright.models.surrogate import SurrogateName

__all__ = ["SECTIONS", "TrainOptions"]

CHOICES: dict[str, tuple[str, ...]] = {
    "coding": ("direct", "rate", "latency"),
    "decode": ("potential_sum", "potential_last", "count"),
    "loss": ("mean", "tet"),
    "optimizer": ("adam", "adamw", "sgd"),
    "reset": ("subtract", "set"),
    "reset_when": ("now", "next"),
    "compare": ("gt", "ge"),
    "surrogate": get_args(SurrogateName),
}

SECTIONS: dict[str, Any] = {
    "evolution": EvolutionOptions,
    "pruning": PruningOptions,
    "teacher": TeacherOptions,
}
"""Parts of a training, and the options of each."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainOptions:
    """What to train, and how.

    Parameters
    ----------
    method
        What the other options begin with: a name of :data:`spikewright.models.learning.methods.METHODS`.
    layers
        Hidden layers, as :func:`spikewright.models.learning.layers.parse_layers` reads them:
        ``16c5s2-p2-32c3-p2-64``. The read-out follows them, a neuron a class.
    norm
        Whether drives are normalised over the batch (Ioffe & Szegedy 2015); folded into weights and biases
        when these become integers, and no part of the hardware.
    density
        Fraction of synapses that exist, of all layers together, above 0, at most 1.
    decay_shift, readout_shift
        Potentials of hidden layers, and of the read-out, lose ``2**-shift`` of themselves in a step. None:
        they lose nothing, integrate-and-fire.
    reset, reset_when, compare
        How neurons fire.
    detach_reset
        Whether the reset passes no gradient.
    decode
        ``potential_sum``, ``potential_last``: a leaky integrator reads out; ``count``: spiking neurons do.
    coding
        Of images. ``direct``: as values of ``input_bits``, held; ``rate``: Bernoulli spikes; ``latency``:
        time to first spike. Data in time come as they are.
    steps
        Time steps that an image is shown for, or that a recording has; data in steps have their own.
    training_steps
        Steps in training. None: of direct coding at most 10, which is enough to learn from and costs less.
    bin_ms, polarity
        How event recordings become steps (:class:`spikewright.models.binning.Binning`).
    encoder
        Makes spikes of sound.
    max_events
        Most events of an address in a step; what recordings have above is left out. None: 15 of recordings,
        what an encoder may send, else the most that the data have.
    graded
        Whether counts of data in steps are values of one event, or events that repeat.
    epochs, batch, optimizer, learning_rate, momentum, weight_decay, clip
        Passes over the data (0 leaves a converted network as it is); samples of an update; the rate falls to
        0 as a cosine; gradients are scaled down to a norm of ``clip``, if given. The momentum is that of
        ``sgd``.
    loss
        Cross entropy of what the read-out says of all steps together (``mean``), or the mean of every step's
        own (``tet``, temporal efficient training: Deng et al., ICLR 2022, eq. 8).
    rate_penalty
        Weight of the mean firing rate in the loss: spikes cost energy and time.
    weight_bits, state_bits
        Integers of the last ``1 - real_share`` of the epochs: 2..16 and 8..24 bits. A share of 1 leaves all
        epochs to real numbers; the integers are then made of what they end in.
    shift, drop, shift_steps
        Augmentation: samples are moved by up to so many pixels (None: 1, of images under 16 pixels none); up
        to so much of a sample's events is left out; samples are moved in time.
    label_noise
        Share of the training samples that get a wrong class, to study what that does.
    validation, patience
        Share of the training samples that is held out; after so many epochs without gain on it the training
        goes over to integers, and after as many more of them it ends, with the best it had.
    device
        ``auto``: a GPU where there is one.
    evolution, pruning, teacher
        What the methods add: masks that evolve, channels that are pruned, a network to learn from.
    """

    method: str = "sparse"
    layers: str = "128"
    norm: bool = False
    density: float = 1.0
    decay_shift: int | None = 3
    readout_shift: int | None = 3
    reset: Literal["subtract", "set"] = "subtract"
    reset_when: Literal["now", "next"] = "now"
    compare: Literal["gt", "ge"] = "ge"
    detach_reset: bool = True
    surrogate: SurrogateName = "atan"
    sharpness: float = 2.0
    decode: Literal["potential_sum", "potential_last", "count"] = "potential_sum"
    coding: Literal["direct", "rate", "latency"] = "direct"
    input_bits: int = 4
    steps: int | None = None
    training_steps: int | None = None
    bin_ms: float | None = None
    polarity: Polarity | None = None
    encoder: Encoder | None = None
    max_events: int | None = None
    graded: bool = False
    dt: float = 1e-3
    epochs: int = 20
    batch: int = 50
    optimizer: Literal["adam", "adamw", "sgd"] = "adam"
    learning_rate: float = 4e-3
    momentum: float = 0.9
    weight_decay: float = 0.0
    clip: float | None = None
    loss: Literal["mean", "tet"] = "mean"
    rate_penalty: float = 0.1
    weight_bits: int = 8
    state_bits: int = 16
    real_share: float = 0.7
    shift: int | None = 0
    drop: float = 0.0
    shift_steps: int = 0
    label_noise: float = 0.0
    validation: float = 0.0
    patience: int | None = None
    seed: int = 0
    device: str = "auto"
    evolution: EvolutionOptions | None = None
    pruning: PruningOptions | None = None
    teacher: TeacherOptions | None = None

    @property
    def recurrent(self) -> bool:
        """Whether a layer's neurons reach each other."""
        return any(layer.recurrent for layer in parse_layers(self.layers)[0])

    @property
    def binning(self) -> Binning:
        """How recordings become steps."""
        most = 15 if self.max_events is None else self.max_events
        return Binning(
            bin_ms=self.bin_ms, steps=self.steps, polarity=self.polarity, most=most, encoder=self.encoder
        )

    @property
    def step_s(self) -> float:
        """Time of a step, in seconds."""
        if self.encoder is not None:
            return self.encoder.step / self.encoder.sample_rate_hz
        return self.dt if self.bin_ms is None else self.bin_ms / 1000

    def __post_init__(self) -> None:
        parse_layers(self.layers)
        for key, choices in CHOICES.items():
            if getattr(self, key) not in choices:
                raise ConfigError(f"{key} must be one of {', '.join(choices)}, not {getattr(self, key)!r}")
        for key, kind in SECTIONS.items():
            if not isinstance(getattr(self, key), kind | None):
                raise ConfigError(f"{key} must be a mapping of its options, not {getattr(self, key)!r}")
        _at_least(self, 1, ("steps", "training_steps", "batch", "patience"))
        converted = self.teacher is not None and self.teacher.convert
        _at_least(self, 0 if converted else 1, ("epochs",))
        _at_least(self, 0, ("seed", "shift", "shift_steps", "rate_penalty", "weight_decay"))
        for key, low, high in (
            ("weight_bits", 2, 16), ("state_bits", 8, 24), ("input_bits", 1, 16), ("max_events", 1, 255),
            ("seed", 0, 2**63 - 2),  # torch's are of 64 bits, and the teacher's is the next one
        ):  # fmt: skip
            value = getattr(self, key)
            if value is not None and not low <= value <= high:
                raise ConfigError(f"{key} must be {low}..{high}, not {value}")
        for key in ("decay_shift", "readout_shift"):
            shift = getattr(self, key)
            if shift is not None and not 0 <= shift < self.state_bits:
                must = f"must be 0..{self.state_bits - 1} for {self.state_bits}-bit states"
                raise ConfigError(f"{key} {must}, not {shift}")
        for key in ("density", "learning_rate"):
            if not 0 < getattr(self, key) <= 1:
                raise ConfigError(f"{key} must be above 0 and at most 1, not {getattr(self, key)}")
        for key in ("drop", "label_noise", "validation", "momentum"):
            if not 0 <= getattr(self, key) < 1:
                raise ConfigError(f"{key} must be 0 or more and below 1, not {getattr(self, key)}")
        if not 0 <= self.real_share <= 1:
            raise ConfigError(f"real_share must be 0..1, not {self.real_share}")
        for key in ("clip", "dt", "sharpness"):
            value = getattr(self, key)
            if value is not None and not value > 0:
                raise ConfigError(f"{key} must be above 0, not {value}")
        if self.evolution is not None and self.pruning is not None:
            raise ConfigError("evolution and pruning must not stand together: channels are whole or gone")
        if self.pruning is not None and self.density < 1:
            raise ConfigError(f"pruning needs density 1, not {self.density}: channels are whole or gone")
        # A pruned channel is at rest, one threshold away from firing.
        flat = self.surrogate == "triangle" and self.sharpness >= 1
        if self.pruning is not None and self.pruning.regrow and flat:
            must = "must be below 1 for a triangle, or a pruned channel has no gradient to regrow by"
            raise ConfigError(f"pruning: sharpness {must}, not {self.sharpness}")
        if self.teacher is not None and self.teacher.convert and (self.norm or self.recurrent):
            raise ConfigError("teacher: convert needs layers without norm and recurrence")
        if self.patience is not None and not self.validation:
            raise ConfigError("patience needs validation above 0, a share of the samples to judge by")


def _at_least(options: TrainOptions, least: int, keys: Iterable[str]) -> None:
    for key in keys:
        value = getattr(options, key)
        if value is not None and not value >= least:
            raise ConfigError(f"{key} must be {least} or more, not {value}")
