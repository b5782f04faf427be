"""Spiking neurons to train: every rule of docs/numerics.md, in real numbers or on the integer grid."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import torch

from spikewright.errors import ConfigError
from spikewright.models.quantize import decay_codes, decay_factor, levels
from spikewright.models.surrogate import Surrogate, spike
from spikewright.neuron import Decay, NeuronConfig

__all__ = ["IF", "LI", "LIF", "NeuronRule", "NeuronState", "Neurons", "Observer"]

NO_DECAY = Decay()

NeuronState = tuple[torch.Tensor, torch.Tensor]
"""Potentials and last spikes, ``(batch, size)``."""

Observer = Callable[[torch.Tensor, torch.Tensor], None]
"""Called in every step with spikes and potentials after the reset that they cause, in units of the float
network, each of the drive's shape, without its steps."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NeuronRule:
    """How the neurons of a layer behave, in units of the float network.

    Parameters
    ----------
    fires
        Whether they spike; otherwise their output is the potential of every step.
    decay
        The integer decay, and by its real factor that of the float network.
    threshold, compare
        Fires where ``u >= threshold`` (ge), or ``u > threshold`` (gt).
    reset, reset_when, reset_value
        ``subtract`` takes the threshold off, ``set`` stores ``reset_value``; in the step of the spike or the
        next one.
    max_spikes
        Most spikes in a step; above 1 the reset is ``subtract``, ``now``.
    v_min
        Floor of the potential, if any, at most 0.
    """

    fires: bool = True
    decay: Decay = NO_DECAY
    threshold: float = 1.0
    compare: Literal["gt", "ge"] = "ge"
    reset: Literal["subtract", "set"] = "subtract"
    reset_when: Literal["now", "next"] = "now"
    reset_value: float = 0.0
    max_spikes: int = 1
    v_min: float | None = None

    def __post_init__(self) -> None:
        if self.fires and not self.threshold > 0:
            raise ConfigError(f"threshold must be above 0, not {self.threshold}")
        if self.v_min is not None and self.v_min > 0:
            raise ConfigError(f"v_min must be at most 0, not {self.v_min}")
        if self.max_spikes < 1 or (
            self.max_spikes > 1 and (self.reset, self.reset_when) != ("subtract", "now")
        ):
            raise ConfigError(
                f"max_spikes must be 1, or more with reset subtract, now, not {self.max_spikes}"
            )

    def integers(self, *, scale: float, state_bits: int, bias: tuple[int, ...] = (0,)) -> NeuronConfig:
        """The integer arithmetic at ``scale`` codes per 1.0; ``bias`` in codes."""
        compared, amount = levels(self.threshold, scale, self.compare) if self.fires else (1, 0)
        return NeuronConfig(
            fires=self.fires,
            state_bits=state_bits,
            decay=self.decay,
            compare=(compared,),
            reset=self.reset,
            reset_when=self.reset_when,
            reset_amount=(amount,),
            reset_value=(round(self.reset_value * scale),),
            bias=bias,
            floor=None if self.v_min is None else math.ceil(self.v_min * scale - 1e-6),
            max_spikes=self.max_spikes,
        )


class Neurons(torch.nn.Module):
    """Neurons of one rule, stepped through time; they train by the surrogate's gradient.

    Real at first; :meth:`quantize` puts them on the integer grid: potentials and drives are then integers
    carried in floats, and forward is exactly what :class:`spikewright.models.integer.IntegerModel` computes.

    Parameters
    ----------
    rule
        Their arithmetic.
    surrogate
        Stands in for the derivative of a spike.
    detach_reset
        Whether the reset passes no gradient; trains more steadily.
    """

    def __init__(
        self, rule: NeuronRule, *, surrogate: Surrogate | None = None, detach_reset: bool = True
    ) -> None:
        super().__init__()
        self.rule = rule
        self.surrogate = surrogate or Surrogate()
        self.detach_reset = detach_reset
        self.scale = 1.0
        self.integers: NeuronConfig | None = None
        self.observer: Observer | None = None
        """Watches neurons that fire; not part of the network's state."""

    def quantize(self, scale: float, state_bits: int) -> None:
        """Go over to the integer grid of ``scale`` codes per 1.0, with states of ``state_bits``."""
        self.integers = self.rule.integers(scale=scale, state_bits=state_bits)
        self.scale = scale

    def forward(self, drive: torch.Tensor, steps: int | None = None) -> torch.Tensor:
        """Outputs of every step, from rest.

        Parameters
        ----------
        drive
            All drive and bias, in codes if quantized: ``(batch, steps, size)``, or ``(batch, size)`` for one
            that stands still for ``steps`` steps.

        Returns
        -------
        torch.Tensor
            ``(batch, steps, size)``: spikes, or potentials ``u`` (in codes if quantized).
        """
        drives = drive.unbind(1) if steps is None else (drive,) * steps
        outputs = []
        state = self.rest(drives[0])
        for current in drives:
            output, state = self.step(state, current)
            outputs.append(output)
        return torch.stack(outputs, dim=1)

    def rest(self, like: torch.Tensor) -> NeuronState:
        """The state before the first step, for drives of that shape."""
        zeros = torch.zeros_like(like)
        return zeros, zeros

    def step(self, state: NeuronState, current: torch.Tensor) -> tuple[torch.Tensor, NeuronState]:
        """Output of one step, and the state that it leaves; ``current`` is the drive of the step."""
        rule = self.rule
        potential, fired = state
        resets_next = rule.fires and rule.reset_when == "next"
        potential = self._decayed(potential) + current
        if resets_next and rule.reset == "subtract":
            potential = self._reset(potential, fired)
        potential = self._bounded(potential)
        if resets_next and rule.reset == "set":
            potential = self._reset(potential, fired)
        if not rule.fires:
            return potential, (potential, fired)
        fired, potential = self._fire(potential)
        if self.observer is not None:
            after = self._reset(potential, fired) if resets_next else potential
            self.observer(fired, after / self.scale)
        return fired, (potential, fired)

    def _decayed(self, potential: torch.Tensor) -> torch.Tensor:
        if self.integers is not None:
            return decay_codes(potential, self.integers.decay)
        return potential if self.rule.decay.kind == "none" else potential * decay_factor(self.rule.decay)

    def _bounded(self, potential: torch.Tensor) -> torch.Tensor:
        if self.integers is not None:
            return potential.clamp(*self.integers.potential_range)
        return potential if self.rule.v_min is None else potential.clamp(min=self.rule.v_min)

    def _fire(self, potential: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Spikes of a step, and the potential that they leave."""
        rule, grid = self.rule, self.integers
        level = rule.threshold if grid is None else grid.compare[0]
        strict = grid is None and rule.compare == "gt"  # an integer level has it folded in
        count = None
        for _ in range(rule.max_spikes):
            distance = (potential - level) / (self.scale * rule.threshold)
            fired = spike(distance, self.surrogate, strict=strict)
            if rule.reset_when == "now":
                potential = self._reset(potential, fired)
            count = fired if count is None else count + fired
        assert count is not None  # max_spikes is 1 or more
        return count, potential

    def _reset(self, potential: torch.Tensor, fired: torch.Tensor) -> torch.Tensor:
        rule, grid = self.rule, self.integers
        signal = fired.detach() if self.detach_reset else fired
        if rule.reset == "subtract":
            return potential - signal * (rule.threshold if grid is None else grid.reset_amount[0])
        value = rule.reset_value if grid is None else float(grid.reset_value[0])
        if self.detach_reset:
            return torch.where(signal > 0, value, potential)
        return potential * (1 - signal) + value * signal


class LIF(Neurons):
    """Leaky integrate-and-fire neurons; by default they lose an eighth of the potential in a step."""

    def __init__(self, rule: NeuronRule | None = None, *, surrogate: Surrogate | None = None) -> None:
        super().__init__(rule or NeuronRule(decay=Decay(kind="shift", shift=3)), surrogate=surrogate)


class IF(Neurons):
    """Integrate-and-fire neurons: nothing decays."""

    def __init__(self, rule: NeuronRule | None = None, *, surrogate: Surrogate | None = None) -> None:
        rule = rule or NeuronRule()
        if rule.decay.kind != "none":
            raise ConfigError(f"IF: decay must be of kind none, not {rule.decay.kind}")
        super().__init__(rule, surrogate=surrogate)


class LI(Neurons):
    """Leaky integrators that do not fire: a read-out that gives its potential in every step."""

    def __init__(self, decay: Decay | None = None, *, v_min: float | None = None) -> None:
        decay = Decay(kind="shift", shift=3) if decay is None else decay
        super().__init__(NeuronRule(fires=False, decay=decay, v_min=v_min))
