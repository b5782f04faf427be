"""The integer network: what quantization gives, the PyTorch reference runs and the compiler maps."""

from dataclasses import dataclass
from functools import cached_property
from math import prod
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from spikewright.convolution import Convolution
from spikewright.errors import ConfigError
from spikewright.neuron import Levels, NeuronConfig

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
    max_events
        Most spikes that an address brings in a step, 1 to 255: a count comes in as so many events. 1 where
        events carry values.
    """

    name: str
    shape: tuple[int, ...]
    kind: Literal["drive", "hold"] = "drive"
    value_bits: int = 0
    value_scale: float = 1.0
    max_events: int = 1

    def __post_init__(self) -> None:
        most = 1 if self.value_bits else 255
        if not 1 <= self.max_events <= most:
            raise ConfigError(f"input {self.name!r}: max_events must be 1..{most}, not {self.max_events}")

    @property
    def size(self) -> int:
        """Number of addresses."""
        return prod(self.shape)

    @property
    def max_value(self) -> int:
        """Highest value that an address brings in a step: of its one event, or of its spikes together."""
        return (1 << self.value_bits) - 1 if self.value_bits else self.max_events


@dataclass(frozen=True, slots=True, kw_only=True)
class Population:
    """Neurons that share one arithmetic.

    Parameters
    ----------
    scale
        Integer codes per 1.0 of the float network.
    scales
        The same of every neuron, where they differ; ``scale`` is then their largest.
    shape
        Shape whose C order counts the neurons, where it is not ``(size,)``.
    weight_bits
        Width of the weights of all edges into it, where it is below the network's.
    """

    name: str
    size: int
    neuron: NeuronConfig
    scale: float = 1.0
    scales: tuple[float, ...] = ()
    shape: tuple[int, ...] = ()
    weight_bits: int | None = None

    def __post_init__(self) -> None:
        if self.shape and prod(self.shape) != self.size:
            raise ConfigError(f"population {self.name!r}: shape {self.shape} must be of {self.size} neurons")
        if len(self.scales) not in (0, self.size):
            raise ConfigError(f"population {self.name!r}: scales must be of {self.size} neurons")


@dataclass(frozen=True, kw_only=True, eq=False)
class Edge:
    """Synapses from one source (an input or a population) to one population.

    Parameters
    ----------
    weights
        Integers ``(size of target, size of source)``, or the kernel of the convolution.
    convolution
        Geometry of the convolution, if it is one.
    delay
        Steps by which spikes come later, of all sources or of each. An edge from the population itself or
        from a later one has a delay of 1 or more.
    """

    source: str
    target: str
    weights: Integers
    convolution: Convolution | None = None
    delay: Levels = (0,)

    @property
    def shape(self) -> tuple[int, int]:
        """Sizes of target and source."""
        if self.convolution is None:
            return self.weights.shape[0], self.weights.shape[1]
        return prod(self.convolution.target), prod(self.convolution.source)

    @property
    def connections(self) -> int:
        """Synapses, those of weight 0 too: entries of the matrix, or targets that see a source."""
        if self.convolution is None:
            return self.weights.size
        return int(self.convolution.passes().sum()) * self.convolution.channels_a_group

    @cached_property
    def fan_out(self) -> Integers:
        """Synapses of each source whose weight is not 0, ``(size of source,)``."""
        if self.convolution is None:
            counted: Integers = np.count_nonzero(self.weights, axis=0)
            return counted
        reached: Integers = self.convolution.matrix((self.weights != 0).astype(np.int64)).sum(axis=0)
        return reached

    def matrix(self) -> Any:
        """Weights ``(size of target, size of source)``, a SciPy sparse matrix if of a convolution."""
        return self.weights if self.convolution is None else self.convolution.matrix(self.weights)


@dataclass(frozen=True, kw_only=True, eq=False)
class IntegerNetwork:
    """A quantized network; ``populations`` stand in topological order but for edges that close a cycle.

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
            between = f"edge {edge.source!r} to {edge.target!r}"
            if min(edge.delay) < 0 or len(edge.delay) not in (1, sizes[edge.source]):
                raise ConfigError(f"{between}: delay must be of 0 or more, for all sources or for each")
            if edge.source in order and order[edge.source] >= order[edge.target] and min(edge.delay) < 1:
                raise ConfigError(f"{between}: the source must come first, or its spikes a step later")
            if edge.convolution is not None and edge.weights.shape != edge.convolution.kernel_shape:
                raise ConfigError(
                    f"{between}: kernel must have shape {edge.convolution.kernel_shape}, not"
                    f" {edge.weights.shape}"
                )
            if edge.shape != (sizes[edge.target], sizes[edge.source]):
                raise ConfigError(
                    f"{between}: weights must have shape {(sizes[edge.target], sizes[edge.source])}, not"
                    f" {edge.shape}"
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

    def closes_cycle(self, edge: Edge) -> bool:
        """Whether an edge comes from its own target or from a later population."""
        order = [population.name for population in self.populations]
        return edge.source in order and order.index(edge.source) >= order.index(edge.target)

    def weight_bits_into(self, name: str) -> int:
        """Width of the weights of all edges into one population."""
        return self.population(name).weight_bits or self.weight_bits

    def edges_to(self, name: str) -> tuple[Edge, ...]:
        """Edges into one population, in the network's order."""
        return tuple(edge for edge in self.edges if edge.target == name)

    def input(self, name: str) -> InputPort | None:
        """The input of that name, if it is one."""
        return next((port for port in self.inputs if port.name == name), None)

    def population(self, name: str) -> Population:
        """The population of that name."""
        return next(population for population in self.populations if population.name == name)
