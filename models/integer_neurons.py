"""The update of a population in a step, in integers: the table of docs/numerics.md."""

from dataclasses import dataclass

import torch

from spikewright.errors import ConfigError
from spikewright.fixed import signed_range
from spikewright.network import Population
from spikewright.neuron import Levels

__all__ = ["IntegerNeurons", "LevelTensors"]


class IntegerNeurons:
    """Neurons of one population, of some samples, from rest on.

    Between steps they keep what hardware stores: ``p``, and ``q`` beside it where there is a current.

    Parameters
    ----------
    dtype
        Holds every state and every sum on the way to it.
    """

    def __init__(
        self, population: Population, samples: int, dtype: torch.dtype, device: torch.device
    ) -> None:
        self.dtype = dtype
        neuron = population.neuron
        outputs = torch.uint8 if neuron.fires else torch.int32
        self.outputs = torch.empty(0, dtype=outputs, device=device)
        self._neuron = neuron
        self._levels = LevelTensors.of(population, dtype, device)
        shape = samples, population.size
        self._stored = self._levels.bias.expand(shape)
        self._current = self._levels.current_bias.expand(shape)
        self._potential = torch.zeros(shape, dtype=dtype, device=device)
        self.integrated = self.current = self._potential
        self._fired = torch.zeros(shape, dtype=torch.bool, device=device)

    def step(self, drive: torch.Tensor) -> torch.Tensor:
        """One step with ``i + h``: the number of spikes of every neuron, or the potential."""
        neuron, levels, current = self._neuron, self._levels, self._neuron.current
        feeding = drive
        if current is not None:
            self.current = feeding = (self._current + drive).clamp_(*signed_range(current.bits))
            self._current = current.decay.apply(feeding, levels.current_factor) + levels.current_bias
        late = current is not None and current.feeds == "old"
        potential = self._stored.clone() if late else self._stored + feeding
        potential.clamp_(*neuron.potential_range)
        if neuron.stores_spike:
            potential = torch.where(self._fired, levels.reset_value, potential)
        outputs = self.integrated = potential
        if neuron.fires:
            outputs, potential = self._fire(potential)
        self._potential = potential
        self._stored = neuron.decay.apply(potential, levels.factor) + levels.bias
        if neuron.fires and (neuron.reset, neuron.reset_when) == ("subtract", "next"):
            self._stored = self._stored - self._fired * levels.reset_amount
        if late:
            self._stored = self._stored + feeding
        return outputs

    def _fire(self, potential: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Spikes, and the potential after a reset that is due now."""
        neuron, levels = self._neuron, self._levels
        self._fired = potential >= levels.compare
        if neuron.reset_when == "next":
            return self._fired, potential
        if neuron.reset == "set":
            return self._fired, torch.where(self._fired, levels.reset_value, potential)
        if neuron.max_spikes == 1:
            return self._fired, potential - self._fired * levels.reset_amount
        # As often as `while u >= c: u -= r` runs; without end where r is 0.
        reset = levels.reset_amount.clamp(min=1)
        often = (potential - levels.compare).div_(reset, rounding_mode="floor") + 1
        count = torch.where(levels.reset_amount > 0, often, neuron.max_spikes * self._fired)
        count = count.clamp_(0, neuron.max_spikes)
        return count, potential - count * levels.reset_amount

    def stored(self) -> dict[str, torch.Tensor]:
        """What hardware keeps: ``stored`` (``p``) and, if there are such, ``current`` (``q``), ``fired``."""
        states = {"stored": self._stored}
        if self._neuron.current is not None:
            states["current"] = self._current
        if self._neuron.stores_spike:
            states["fired"] = self._fired
        return states

    def states(self) -> dict[str, torch.Tensor]:
        """The same, and ``potential`` (``v``)."""
        return {**self.stored(), "potential": self._potential}


@dataclass(frozen=True, slots=True, kw_only=True)
class LevelTensors:
    """Levels of a population as tensors ``(1,)`` or ``(size,)``."""

    compare: torch.Tensor
    reset_amount: torch.Tensor
    reset_value: torch.Tensor
    bias: torch.Tensor
    factor: torch.Tensor
    current_bias: torch.Tensor
    current_factor: torch.Tensor

    @classmethod
    def of(cls, population: Population, dtype: torch.dtype, device: torch.device) -> "LevelTensors":
        """Those of the neurons, checked."""
        neuron, current = population.neuron, population.neuron.current

        def tensor(what: str, levels: Levels) -> torch.Tensor:
            if len(levels) not in (1, population.size):
                must = f"must have 1 or {population.size} values, not {len(levels)}"
                raise ConfigError(f"population {population.name!r}: {what} {must}")
            return torch.tensor(levels, dtype=dtype, device=device)

        return cls(
            compare=tensor("compare", neuron.compare),
            reset_amount=tensor("reset_amount", neuron.reset_amount),
            reset_value=tensor("reset_value", neuron.reset_value),
            bias=tensor("bias", neuron.bias),
            factor=tensor("factor", neuron.decay.factor),
            current_bias=tensor("current bias", current.bias if current else (0,)),
            current_factor=tensor("current factor", current.decay.factor if current else (0,)),
        )
