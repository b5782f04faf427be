"""The network in real numbers: what a NIR graph means before quantization."""

import torch

from spikewright.ir import RealNetwork, RealPopulation
from spikewright.models.forward import ForwardModel
from spikewright.models.inputs import Feed, check_reals

__all__ = ["RealModel"]


class RealModel(ForwardModel):
    """Runs a :class:`RealNetwork`: the same step as the integer network, without rounding or saturation.

    Inputs are values of the float network (what a port quantizes as ``round(x * value_scale)``); those of a
    hold port stay until the next step with any value but 0 on a hold port of the population.

    Parameters
    ----------
    network
        What to run.
    dtype
        ``torch.float64`` or ``torch.float32``.
    memory_bytes
        Samples are run in chunks of about so much memory.
    """

    def __init__(
        self, network: RealNetwork, *, dtype: torch.dtype = torch.float64, memory_bytes: int = 1 << 28
    ) -> None:
        self._dtype = dtype
        self._sum_dtypes = {population.name: dtype for population in network.populations}
        super().__init__(network, memory_bytes=memory_bytes)
        self.network = network

    def _check(self, feed: Feed) -> dict[str, torch.Tensor]:
        return check_reals(self.network.inputs, feed)

    def _neurons(self, index: int, samples: int, device: torch.device) -> "RealNeurons":
        return RealNeurons(self.network.populations[index], samples, self._dtype, device)


class RealNeurons:
    """Neurons of one population, of some samples, from rest on."""

    def __init__(
        self, population: RealPopulation, samples: int, dtype: torch.dtype, device: torch.device
    ) -> None:
        self.dtype = dtype
        outputs = dtype
        if population.fires:
            outputs = torch.uint8 if population.max_spikes <= 255 else torch.int32
        self.outputs = torch.empty(0, dtype=outputs, device=device)
        self._population = population
        self._potential = torch.zeros(samples, population.size, dtype=dtype, device=device)
        self._spikes = torch.zeros_like(self._potential)
        self._current = torch.zeros_like(self._potential)
        self.integrated = self.current = self._potential
        names = ["decay", "bias", "threshold", "reset_amount", "reset_value"]
        arrays = {name: getattr(population, name) for name in names}
        if population.current is not None:
            arrays |= {"current_decay": population.current.decay, "current_bias": population.current.bias}
        self._levels = {name: torch.from_numpy(array).to(self._potential) for name, array in arrays.items()}

    def step(self, drive: torch.Tensor) -> torch.Tensor:
        """One step with ``i + h``: the number of spikes of every neuron, or the potential."""
        population, levels = self._population, self._levels
        feeding = drive
        if population.current is not None:
            new = levels["current_decay"] * self._current + drive + levels["current_bias"]
            feeding = new if population.current.feeds == "new" else self._current
            self._current = self.current = new
        potential = levels["decay"] * self._potential + feeding + levels["bias"]
        waits = population.fires and population.reset_when == "next"
        if waits and population.reset == "subtract":
            potential = potential - self._spikes * levels["reset_amount"]
        if population.v_min is not None:
            potential = potential.clamp(min=population.v_min)
        if waits and population.reset == "set":
            potential = torch.where(self._spikes > 0, levels["reset_value"], potential)
        self._potential = self.integrated = potential
        if not population.fires:
            return potential
        self._fire()
        return self._spikes

    def _fire(self) -> None:
        """Spikes, and the resets that are due now."""
        population, levels = self._population, self._levels
        self._spikes = torch.zeros_like(self._potential)
        for _ in range(population.max_spikes):
            threshold = levels["threshold"]
            greater = population.compare == "gt"
            over = self._potential > threshold if greater else self._potential >= threshold
            self._spikes += over
            if population.reset_when == "now":
                subtract = population.reset == "subtract"
                reset = self._potential - levels["reset_amount"] if subtract else levels["reset_value"]
                self._potential = torch.where(over, reset, self._potential)
            if population.max_spikes == 1 or not bool(over.any()):
                break

    def stored(self) -> dict[str, torch.Tensor]:
        """``potential`` (``v``) and, where there is one, ``current`` (``j``)."""
        current = {} if self._population.current is None else {"current": self._current}
        return {"potential": self._potential, **current}

    def states(self) -> dict[str, torch.Tensor]:
        """The same."""
        return self.stored()
