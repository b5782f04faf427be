"""How large the sums of a network can become, and in which dtype torch holds them exactly."""

import numpy as np
import torch

from spikewright.errors import ConfigError
from spikewright.fixed import signed_range
from spikewright.network import Edge, IntegerNetwork, Integers, Population

__all__ = [
    "FLOAT32_INTEGERS",
    "FLOAT64_INTEGERS",
    "drive_bound",
    "drive_dtype",
    "float32_products_are_exact",
    "potential_bound",
    "state_dtype",
]

FLOAT32_INTEGERS = 1 << 24
"""A sum all of whose partial sums stay below this in magnitude is exact in float32, in any order."""
FLOAT64_INTEGERS = 1 << 53


def drive_bound(network: IntegerNetwork, name: str) -> int:
    """Highest magnitude of any partial sum of drive and held drive of a neuron of that population.

    Of convolutions that of a neuron that sees every tap, be there one or not.
    """
    total = [0] * network.population(name).size
    for edge in network.edges_to(name):
        port = network.input(edge.source)
        highest = port.max_value if port else network.population(edge.source).neuron.max_spikes
        total = [bound + highest * row for bound, row in zip(total, weight_sums(edge), strict=True)]
    return max(total, default=0)


def weight_sums(edge: Edge) -> list[int]:
    """Bound of the sum of the magnitudes of the weights into every neuron of the target."""
    convolution = edge.convolution
    if convolution is None:
        return _row_sums(edge.weights)
    down, across = convolution.pool
    channels = _row_sums(edge.weights.reshape(len(edge.weights), -1))
    _, height, width = convolution.target
    return [down * across * channel for channel in channels for _ in range(height * width)]


def potential_bound(population: Population) -> int:
    """Highest magnitude that the potential or the stored potential of a neuron can have."""
    neuron = population.neuron
    low, high = neuron.potential_range
    highest = max(-low, high)
    if neuron.fires:
        amount = max(map(abs, neuron.reset_amount), default=0)
        highest = max(highest, *map(abs, neuron.reset_value), max(map(abs, neuron.compare)) + amount) + amount
    return highest + max(map(abs, neuron.bias), default=0) + current_bound(population)


def current_bound(population: Population) -> int:
    """Highest magnitude of the synaptic current; 0 where there is none."""
    current = population.neuron.current
    return 0 if current is None else -signed_range(current.bits)[0]


def drive_dtype(bound: int) -> torch.dtype:
    """Dtype that holds the drive."""
    if bound < FLOAT32_INTEGERS:
        return torch.float32
    return torch.float64 if bound < FLOAT64_INTEGERS else torch.int64


def state_dtype(population: Population, drive: int) -> torch.dtype:
    """Dtype that holds states, and everything between one state and the next.

    Raises
    ------
    ConfigError
        If that is beyond 64 bits.
    """
    neuron, current = population.neuron, population.neuron.current
    potential = potential_bound(population)
    highest = potential + drive
    if neuron.decay.kind == "multiply":
        highest = max(highest, potential * max(neuron.decay.factor))
    if current is not None:
        stored = current_bound(population) + max(map(abs, current.bias))
        highest = max(highest, potential + current_bound(population), stored + drive)
        if current.decay.kind == "multiply":
            highest = max(highest, stored * max(current.decay.factor))
    if highest >= 1 << 63:
        raise ConfigError(f"population {population.name!r}: sums must stay below 2**63, not reach {highest}")
    return torch.int32 if highest < 1 << 31 else torch.int64


def float32_products_are_exact() -> bool:
    """Whether torch multiplies float32 matrices in float32, not in TF32 or bfloat16."""
    backends = (torch.backends.mkldnn, torch.backends.cuda)
    modes = {getattr(getattr(backend, "matmul", None), "fp32_precision", "none") for backend in backends}
    return torch.get_float32_matmul_precision() == "highest" and modes <= {"none", "ieee"}


def _row_sums(weights: Integers) -> list[int]:
    """Sum of the magnitudes of every row; in Python's integers where 64 bits might not do."""
    peak = max(int(weights.max(initial=0)), -int(weights.min(initial=0)))
    if peak * weights.shape[1] >= 1 << 63:
        return [sum(map(abs, row)) for row in weights.tolist()]
    sums: list[int] = np.abs(weights).sum(axis=1).tolist()
    return sums
