"""The exact integer reference (docs/numerics.md), which every form of a network must equal bit by bit."""

import torch

from spikewright.models.forward import ForwardModel
from spikewright.models.inputs import Feed, check_integers
from spikewright.models.integer_neurons import IntegerNeurons, LevelTensors
from spikewright.models.sums import drive_bound, drive_dtype, float32_products_are_exact, state_dtype
from spikewright.network import IntegerNetwork

__all__ = ["IntegerModel"]


class IntegerModel(ForwardModel):
    """Runs an :class:`IntegerNetwork` exactly, fast: vectorised over samples, neurons and, for drives, steps.

    Drives are summed in float32 where the proven bound of every partial sum is below 2**24, in float64
    where it is below 2**53, else in int64; states are updated in int32 or int64, wide enough for every
    intermediate.

    Parameters
    ----------
    network
        What to run.
    memory_bytes
        Samples are run in chunks of about so much memory.

    Raises
    ------
    ConfigError
        If an edge comes from a population that does not fire, or a bound is beyond 64 bits.
    """

    def __init__(self, network: IntegerNetwork, *, memory_bytes: int = 1 << 28) -> None:
        bounds = {
            population.name: drive_bound(network, population.name) for population in network.populations
        }
        self._sum_dtypes = {name: drive_dtype(bound) for name, bound in bounds.items()}
        self._state_dtypes = [state_dtype(p, bounds[p.name]) for p in network.populations]
        super().__init__(network, memory_bytes=memory_bytes)
        self.network = network
        for population in network.populations:
            LevelTensors.of(population, torch.int64, torch.device("cpu"))

    def _check(self, feed: Feed) -> dict[str, torch.Tensor]:
        return check_integers(self.network.inputs, feed)

    def _matrix(self, number: int) -> torch.Tensor:
        matrix = super()._matrix(number)
        inexact = matrix.dtype == torch.float32 and not float32_products_are_exact()
        return matrix.double() if inexact else matrix

    def _neurons(self, index: int, samples: int, device: torch.device) -> IntegerNeurons:
        return IntegerNeurons(self.network.populations[index], samples, self._state_dtypes[index], device)
