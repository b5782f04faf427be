"""The exact integer reference (docs/numerics.md), which every form of a network must equal bit by bit."""

from dataclasses import dataclass

import numpy as np
import torch

from spikewright.errors import ConfigError
from spikewright.ir import RealEdge
from spikewright.models.forward import Advanced, ForwardModel
from spikewright.models.inputs import Feed, check_integers
from spikewright.network import Edge, IntegerNetwork, Integers, Population
from spikewright.neuron import Levels

__all__ = ["FLOAT32_INTEGERS", "FLOAT64_INTEGERS", "IntegerModel", "drive_bound", "potential_bound"]

FLOAT32_INTEGERS = 1 << 24
"""A sum all of whose partial sums stay below this in magnitude is exact in float32, in any order."""
FLOAT64_INTEGERS = 1 << 53


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
        self._drive_dtypes = {name: _drive_dtype(bound) for name, bound in bounds.items()}
        self._state_dtypes = {p.name: _state_dtype(p, bounds[p.name]) for p in network.populations}
        super().__init__(network, memory_bytes=memory_bytes)
        self.network = network
        for population in network.populations:
            _LevelTensors.of(population, torch.int64, torch.device("cpu"))

    def _check(self, feed: Feed) -> dict[str, torch.Tensor]:
        return check_integers(self.network.inputs, feed)

    def _weights(self, edge: Edge | RealEdge) -> torch.Tensor:
        return torch.from_numpy(edge.weights).to(self._drive_dtypes[edge.target])

    def _matrix(self, index: int) -> torch.Tensor:
        matrix = super()._matrix(index)
        inexact = matrix.dtype == torch.float32 and not _float32_products_are_exact()
        return matrix.double() if inexact else matrix

    def _after_step(self, index: int, stored: torch.Tensor, fired: torch.Tensor) -> None:
        """Called with what hardware stores of population ``index`` after every step, ``(samples, size)``."""

    def _advance(self, index: int, drive: torch.Tensor) -> Advanced:
        population = self.network.populations[index]
        neuron = population.neuron
        dtype = self._state_dtypes[population.name]
        levels = _LevelTensors.of(population, dtype, drive.device)
        drive = drive.to(dtype)
        samples, steps, size = drive.shape
        low, high = neuron.potential_range
        outputs = torch.empty(samples, steps, size, dtype=_output_dtype(population), device=drive.device)
        stored = levels.bias.expand(samples, size)
        fired = torch.zeros(samples, size, dtype=torch.bool, device=drive.device)
        potential = torch.zeros(samples, size, dtype=dtype, device=drive.device)
        # Unbinding once is quicker than indexing in every step.
        for now, out in zip(drive.unbind(1), outputs.unbind(1), strict=True):
            potential = (stored + now).clamp_(low, high)
            if neuron.stores_spike:
                potential = torch.where(fired, levels.reset_value, potential)
            if not neuron.fires:
                out.copy_(potential)
            elif neuron.max_spikes > 1:
                count = torch.zeros_like(potential)
                for _ in range(neuron.max_spikes):
                    fired = potential >= levels.compare
                    if not bool(fired.any()):
                        break
                    potential = potential - fired * levels.reset_amount
                    count += fired
                out.copy_(count)
            else:
                fired = potential >= levels.compare
                out.copy_(fired)
                if neuron.reset_when == "now":
                    if neuron.reset == "subtract":
                        potential = potential - fired * levels.reset_amount
                    else:
                        potential = torch.where(fired, levels.reset_value, potential)
            stored = neuron.decay.apply(potential, levels.factor) + levels.bias
            if neuron.fires and (neuron.reset, neuron.reset_when) == ("subtract", "next"):
                stored = stored - fired * levels.reset_amount
            self._after_step(index, stored, fired)
        states = {"stored": stored, "potential": potential}
        if neuron.stores_spike:
            states["fired"] = fired
        return outputs, states


@dataclass(frozen=True, slots=True, kw_only=True)
class _LevelTensors:
    """Levels of a population as tensors ``(1,)`` or ``(size,)``."""

    compare: torch.Tensor
    reset_amount: torch.Tensor
    reset_value: torch.Tensor
    bias: torch.Tensor
    factor: torch.Tensor

    @classmethod
    def of(cls, population: Population, dtype: torch.dtype, device: torch.device) -> "_LevelTensors":
        neuron = population.neuron

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
        )


def drive_bound(network: IntegerNetwork, name: str) -> int:
    """Highest magnitude of any partial sum of drive and held drive of a neuron of that population."""
    total = [0] * network.population(name).size
    for edge in network.edges_to(name):
        port = network.input(edge.source)
        highest = port.max_value if port else network.population(edge.source).neuron.max_spikes
        total = [bound + highest * row for bound, row in zip(total, _row_sums(edge.weights), strict=True)]
    return max(total, default=0)


def potential_bound(population: Population) -> int:
    """Highest magnitude that the potential or the stored potential of a neuron can have."""
    neuron = population.neuron
    low, high = neuron.potential_range
    highest = max(-low, high)
    if neuron.fires:
        amount = max(map(abs, neuron.reset_amount), default=0)
        highest = max(highest, *map(abs, neuron.reset_value), max(map(abs, neuron.compare)) + amount) + amount
    return highest + max(map(abs, neuron.bias), default=0)


def _row_sums(weights: Integers) -> list[int]:
    """Sum of the magnitudes of every row; in Python's integers where 64 bits might not do."""
    peak = max(int(weights.max(initial=0)), -int(weights.min(initial=0)))
    if peak * weights.shape[1] >= 1 << 63:
        return [sum(map(abs, row)) for row in weights.tolist()]
    sums: list[int] = np.abs(weights).sum(axis=1).tolist()
    return sums


def _drive_dtype(bound: int) -> torch.dtype:
    if bound < FLOAT32_INTEGERS:
        return torch.float32
    return torch.float64 if bound < FLOAT64_INTEGERS else torch.int64


def _state_dtype(population: Population, drive: int) -> torch.dtype:
    potential = potential_bound(population)
    highest = potential + drive
    if population.neuron.decay.kind == "multiply":
        highest = max(highest, potential * max(population.neuron.decay.factor))
    if highest >= 1 << 63:
        raise ConfigError(f"population {population.name!r}: sums must stay below 2**63, not reach {highest}")
    return torch.int32 if highest < 1 << 31 else torch.int64


def _output_dtype(population: Population) -> torch.dtype:
    if not population.neuron.fires:
        return torch.int32
    return torch.uint8 if population.neuron.max_spikes <= 255 else torch.int32


def _float32_products_are_exact() -> bool:
    """Whether torch multiplies float32 matrices in float32, not in TF32 or bfloat16."""
    backends = (torch.backends.mkldnn, torch.backends.cuda)
    modes = {getattr(getattr(backend, "matmul", None), "fp32_precision", "none") for backend in backends}
    return torch.get_float32_matmul_precision() == "highest" and modes <= {"none", "ieee"}
