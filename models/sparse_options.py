"""What the method ``sparse`` can be asked for."""

from dataclasses import dataclass
from typing import Literal

from spikewright.errors import ConfigError
from spikewright.models.surrogate import SurrogateName

__all__ = ["TrainSparseOptions"]

CODINGS = ("direct", "rate", "latency")
DECODES = ("potential_sum", "potential_last", "count")


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainSparseOptions:
    """What to train, and how.

    Parameters
    ----------
    hidden
        Neurons of each hidden layer; may be empty.
    density
        Fraction of synapses that exist, of all layers together, above 0, at most 1.
    steps
        Time steps that an image is shown for; data in time have their own.
    training_steps
        Steps in training. None: of direct coding at most 10, which is enough to learn from and costs less.
    weight_bits, state_bits
        Integers of the last ``1 - real_share`` of the epochs: 2..16 and 8..24 bits.
    coding
        ``direct``: the image as values of ``input_bits``, held; ``rate``: Bernoulli spikes; ``latency``: time
        to first spike. Data in time come as they are.
    decay_shift
        Potentials lose ``2**-decay_shift`` of themselves in a step.
    reset, reset_when, compare
        How hidden neurons (and a spiking read-out) fire.
    decode
        ``potential_sum``, ``potential_last``: a leaky integrator reads out; ``count``: spiking neurons do.
    shift
        Training images are moved by up to so many pixels. None: 1, of images under 16 pixels none.
    rate_penalty
        Weight of the mean firing rate in the loss: spikes cost energy and time.
    """

    hidden: tuple[int, ...] = (128,)
    density: float = 0.1
    steps: int = 25
    training_steps: int | None = None
    epochs: int = 80
    seed: int = 0
    weight_bits: int = 8
    state_bits: int = 16
    coding: Literal["direct", "rate", "latency"] = "direct"
    input_bits: int = 4
    decay_shift: int = 3
    reset: Literal["subtract", "set"] = "subtract"
    reset_when: Literal["now", "next"] = "now"
    compare: Literal["gt", "ge"] = "ge"
    decode: Literal["potential_sum", "potential_last", "count"] = "potential_sum"
    batch: int = 100
    learning_rate: float = 4e-3
    real_share: float = 0.6
    shift: int | None = None
    rate_penalty: float = 0.3
    surrogate: SurrogateName = "atan"
    sharpness: float = 2.0
    dt: float = 1e-3

    def __post_init__(self) -> None:
        for key in ("steps", "epochs", "batch", "input_bits"):
            if getattr(self, key) < 1:
                raise ConfigError(f"{key} must be 1 or more, not {getattr(self, key)}")
        if self.training_steps is not None and self.training_steps < 1:
            raise ConfigError(f"training_steps must be 1 or more, not {self.training_steps}")
        for size in self.hidden:
            if size < 1:
                raise ConfigError(f"hidden must be layers of 1 or more neurons, not {size}")
        for key, low, high in (("weight_bits", 2, 16), ("state_bits", 8, 24), ("input_bits", 1, 16)):
            if not low <= getattr(self, key) <= high:
                raise ConfigError(f"{key} must be {low}..{high}, not {getattr(self, key)}")
        for key in ("seed", "shift", "rate_penalty"):
            if (getattr(self, key) or 0) < 0:
                raise ConfigError(f"{key} must be 0 or more, not {getattr(self, key)}")
        for key, choices in (("coding", CODINGS), ("decode", DECODES)):
            if getattr(self, key) not in choices:
                raise ConfigError(f"{key} must be one of {', '.join(choices)}, not {getattr(self, key)!r}")
        if not 0 <= self.decay_shift < self.state_bits:
            must = f"must be 0..{self.state_bits - 1} for {self.state_bits}-bit states"
            raise ConfigError(f"decay_shift {must}, not {self.decay_shift}")
        if not 0 < self.density <= 1:
            raise ConfigError(f"density must be above 0 and at most 1, not {self.density}")
        if not 0 <= self.real_share < 1:
            raise ConfigError(f"real_share must be 0 or more and below 1, not {self.real_share}")
        if not 0 < self.learning_rate <= 1:
            raise ConfigError(f"learning_rate must be above 0 and at most 1, not {self.learning_rate}")
