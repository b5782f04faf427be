"""The integer network: what quantization gives, the PyTorch reference runs and the compiler maps."""

from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import numpy as np
import numpy.typing as npt

from spikewright.errors import ConfigError
from spikewright.neuron import NeuronConfig

__all__ = ["DECODES", "Decode", "Edge", "InputPort", "IntegerNetwork", "Population"]

Decode = Literal["count", "potential_sum", "potential_last", "first_spike"]
DECODES: tuple[Decode, ...] = ("count", "potential_sum", "potential_last", "first_spike")
Integers = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True, kw_only=True)
class InputPort:
    """Where spikes or values come in from outside.

    Parameters
    ----------
    shape
        Shape of one step of one sample; addresses count through it in C order.
    kind
        ``drive``: what comes in counts in its own step. ``hold``: it adds to a held drive that stays
        until a later step brings events on this port, which replace it, or until the end of the sample.
    value_bits
        0 for spikes; else events carry an unsigned value of so many bits.
    value_scale
        The float value ``x`` comes in as ``round(x * value_scale)``.
    """

    name: str
    shape: tuple[int, ...]
    kind: Literal["drive", "hold"] = "drive"
    value_bits: int = 0
    value_scale: float = 1.0

    @property
    def size(self) -> int:
        """Number of addresses."""
        return int(np.prod(self.shape))

    @property
    def max_value(self) -> int:
        """Highest value that one event carries; 1 for a spike."""
        return (1 << self.value_bits) - 1 if self.value_bits else 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Population:
    """Neurons that share one arithmetic; ``scale``: integer codes per 1.0 of the float network."""

    name: str
    size: int
    neuron: NeuronConfig
    scale: float = 1.0


@dataclass(frozen=True, kw_only=True, eq=False)
class Edge:
    """Synapses from one source (an input or a population) to one population.

    ``weights`` are integers of shape ``(size of target, size of source)``.
    """

    source: str
    target: str
    weights: Integers


@dataclass(frozen=True, kw_only=True, eq=False)
class IntegerNetwork:
    """A quantized feed-forward network; ``populations`` stand in topological order.

    Parameters
    ----------
    outputs
        Populations whose spikes or potentials leave the chip.
    decode
        How a class is read from the outputs.
    """

    name: str
    inputs: tuple[InputPort, ...]
    populations: tuple[Population, ...]
    edges: tuple[Edge, ...]
    outputs: tuple[str, ...]
    decode: Decode = "count"
    weight_bits: int = 8

    def __post_init__(self) -> None:
        sizes = self.sizes
        if len(sizes) != len(self.inputs) + len(self.populations):
            raise ConfigError(f"network {self.name!r}: the names of inputs and populations must differ")
        seen = {port.name for port in self.inputs}
        order = {population.name: index for index, population in enumerate(self.populations)}
        for edge in self.edges:
            for end in (edge.source, edge.target):
                if end not in sizes:
                    raise ConfigError(f"edge {edge.source!r} to {edge.target!r}: there is no {end!r}")
            if edge.target in seen:
                raise ConfigError(f"edge {edge.source!r} to {edge.target!r}: an input takes no edge")
            if edge.source in order and order[edge.source] >= order[edge.target]:
                raise ConfigError(f"edge {edge.source!r} to {edge.target!r}: the source must come first")
            if edge.weights.shape != (sizes[edge.target], sizes[edge.source]):
                raise ConfigError(
                    f"edge {edge.source!r} to {edge.target!r}: weights must have shape"
                    f" {(sizes[edge.target], sizes[edge.source])}, not {edge.weights.shape}"
                )
        for name in self.outputs:
            if name not in order:
                raise ConfigError(f"output {name!r}: there is no such population")

    @cached_property
    def sizes(self) -> dict[str, int]:
        """Number of addresses of every input and population, by name."""
        return {port.name: port.size for port in self.inputs} | {
            population.name: population.size for population in self.populations
        }

    def edges_to(self, name: str) -> tuple[Edge, ...]:
        """Edges into one population, in the network's order."""
        return tuple(edge for edge in self.edges if edge.target == name)

    def input(self, name: str) -> InputPort | None:
        """The input of that name, if it is one."""
        return next((port for port in self.inputs if port.name == name), None)

    def population(self, name: str) -> Population:
        """The population of that name."""
        return next(population for population in self.populations if population.name == name)
