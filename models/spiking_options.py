"""What the methods ``conv`` and ``recurrent`` can be asked for."""

from dataclasses import dataclass
from typing import Any, Literal

from spikewright.errors import ConfigError
from spikewright.models.binning import Binning, Polarity
from spikewright.models.encoders import Encoder
from spikewright.models.surrogate import SurrogateName

__all__ = ["METHODS", "SpikingOptions"]


@dataclass(frozen=True, slots=True, kw_only=True)
class SpikingOptions:
    """What to train on data in time, and how; :meth:`of` has what each method begins with.

    Parameters
    ----------
    method
        ``conv``, ``recurrent`` or ``sound``: a name for what the other options say.
    channels
        Of convolutional layers, which come first: the first with kernels of 5 and stride 2, the others with
        kernels of 3 after sums over 2 by 2. What follows them takes such sums too.
    hidden
        Neurons of dense layers after these.
    recurrent
        Whether the neurons of a dense layer reach each other, a step later.
    density
        Fraction of the synapses of dense layers, recurrent ones among them, that exist, drawn once.
    bin_ms, steps, polarity
        How event recordings become steps (:class:`spikewright.models.binning.Binning`); data in steps have
        their own.
    encoder
        Makes spikes of sound.
    max_events
        Most events of an address in a step; what recordings have above is left out. None: 15 of recordings,
        what an encoder may send, else the most that the data have.
    weight_bits, state_bits
        Integers of the last ``1 - real_share`` of the epochs: 2..16 and 8..24 bits.
    decay_shift, readout_shift
        Potentials of hidden layers, and of the read-out, lose ``2**-shift`` of themselves in a step.
    reset, reset_when, compare
        How neurons fire.
    decode
        ``potential_sum`` or ``potential_last`` of a leaky integrator.
    shift
        Planes are moved by up to so many pixels in training.
    drop
        Share of the events that training leaves out, drawn anew for every sample: up to so much.
    shift_steps
        Samples are moved in time by up to so many steps in training.
    rate_penalty
        Weight of the mean firing rate in the loss: spikes cost energy and time.
    """

    method: str = "conv"
    channels: tuple[int, ...] = ()
    hidden: tuple[int, ...] = ()
    recurrent: bool = False
    density: float = 1.0
    bin_ms: float | None = None
    steps: int | None = None
    polarity: Polarity | None = None
    encoder: Encoder | None = None
    max_events: int | None = None
    epochs: int = 20
    seed: int = 0
    weight_bits: int = 8
    state_bits: int = 16
    decay_shift: int = 3
    readout_shift: int = 4
    reset: Literal["subtract", "set"] = "subtract"
    reset_when: Literal["now", "next"] = "now"
    compare: Literal["gt", "ge"] = "ge"
    decode: Literal["potential_sum", "potential_last"] = "potential_sum"
    batch: int = 50
    learning_rate: float = 4e-3
    real_share: float = 0.7
    shift: int = 0
    drop: float = 0.0
    shift_steps: int = 0
    rate_penalty: float = 0.1
    surrogate: SurrogateName = "atan"
    sharpness: float = 2.0

    @classmethod
    def of(cls, method: str, **options: Any) -> "SpikingOptions":
        """Options of a method, with what is given in the place of what it begins with."""
        if method not in METHODS:
            raise ConfigError(f"method must be one of {', '.join(METHODS)}, not {method!r}")
        return cls(**{"method": method, **METHODS[method], **options})

    @property
    def binning(self) -> Binning:
        """How recordings become steps."""
        most = 15 if self.max_events is None else self.max_events
        return Binning(
            bin_ms=self.bin_ms, steps=self.steps, polarity=self.polarity, most=most, encoder=self.encoder
        )

    def __post_init__(self) -> None:
        for key in ("epochs", "batch"):
            if getattr(self, key) < 1:
                raise ConfigError(f"{key} must be 1 or more, not {getattr(self, key)}")
        for key in ("channels", "hidden"):
            for size in getattr(self, key):
                if size < 1:
                    raise ConfigError(f"{key} must be layers of 1 or more, not {size}")
        if self.max_events is not None and not 1 <= self.max_events <= 255:
            raise ConfigError(f"max_events must be 1..255, not {self.max_events}")
        for key, low, high in (("weight_bits", 2, 16), ("state_bits", 8, 24)):
            if not low <= getattr(self, key) <= high:
                raise ConfigError(f"{key} must be {low}..{high}, not {getattr(self, key)}")
        if not 0 <= self.drop < 1:
            raise ConfigError(f"drop must be 0 or more and below 1, not {self.drop}")
        for key in ("seed", "shift", "shift_steps", "rate_penalty"):
            if getattr(self, key) < 0:
                raise ConfigError(f"{key} must be 0 or more, not {getattr(self, key)}")
        for key in ("decay_shift", "readout_shift"):
            if not 0 <= getattr(self, key) < self.state_bits:
                must = f"must be 0..{self.state_bits - 1} for {self.state_bits}-bit states"
                raise ConfigError(f"{key} {must}, not {getattr(self, key)}")
        if self.decode not in ("potential_sum", "potential_last"):
            raise ConfigError(f"decode must be potential_sum or potential_last, not {self.decode!r}")
        if not 0 < self.density <= 1:
            raise ConfigError(f"density must be above 0 and at most 1, not {self.density}")
        if self.density < 1 and self.channels:
            raise ConfigError(f"density must be 1 with convolutions, not {self.density}")
        if not 0 <= self.real_share < 1:
            raise ConfigError(f"real_share must be 0 or more and below 1, not {self.real_share}")
        if not 0 < self.learning_rate <= 1:
            raise ConfigError(f"learning_rate must be above 0 and at most 1, not {self.learning_rate}")


METHODS: dict[str, dict[str, Any]] = {
    "conv": {"channels": (12, 24), "shift": 2},
    # Gradients through hundreds of steps stay in bounds if only neurons near the threshold learn.
    "recurrent": {
        "hidden": (38,),
        "recurrent": True,
        "epochs": 60,
        "learning_rate": 2e-3,
        "readout_shift": 5,
        "sharpness": 8.0,
    },
    "sound": {
        "hidden": (256,),
        "recurrent": True,
        "density": 0.3,
        "epochs": 30,
        "learning_rate": 3e-3,
        "decay_shift": 2,
        "readout_shift": 5,
        "sharpness": 8.0,
        "drop": 0.3,
        "shift_steps": 3,
        "rate_penalty": 0.0,
    },
}
"""What each method begins with, where that is not the default."""
