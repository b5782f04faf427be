"""From a NIR graph to the real network: everything folded into weights, decays, biases and levels."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import nir  # type: ignore[import-untyped]
import numpy as np

from spikewright.compiler.discrete import discretise
from spikewright.compiler.nir_file import read_nir
from spikewright.compiler.nodes import FIRING, NEURONS, Reals, array, shape_size, unsupported
from spikewright.compiler.semantics import InputSpec, Semantics
from spikewright.compiler.wiring import Wiring
from spikewright.errors import ConfigError
from spikewright.ir import RealEdge, RealNetwork, RealPopulation
from spikewright.network import Decode, InputPort

__all__ = ["Reading", "examine", "read_network", "read_nir"]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Reading:
    """A real network, or the reasons why there is none: one line each, beginning with the node's name.

    ``order`` has all nodes, sources first, if their wiring allows one.
    """

    network: RealNetwork | None
    problems: tuple[str, ...] = ()
    order: tuple[str, ...] = ()


def read_network(graph: Any, semantics: Semantics, name: str = "network") -> RealNetwork:
    """The real network of a graph; what cannot be realised is refused by name."""
    reading = examine(graph, semantics, name)
    if reading.network is None:
        more = len(reading.problems) - 1
        others = f" (and {more} more: `spikewright check` lists all)" if more else ""
        raise ConfigError(reading.problems[0] + others)
    return reading.network


def examine(graph: Any, semantics: Semantics, name: str = "network") -> Reading:
    """Read a graph as far as it goes; never raises for what a graph can contain."""
    types = [unsupported(node, graph.nodes[node]) for node in sorted(graph.nodes)]
    problems = [problem for problem in types if problem]
    if problems:
        return Reading(network=None, problems=tuple(problems))
    try:
        wiring = Wiring(graph)
    except ConfigError as error:
        return Reading(network=None, problems=(str(error),))
    problems = wiring.check()
    if problems:
        return Reading(network=None, problems=tuple(problems), order=wiring.order)
    try:
        return Reading(network=Reader(wiring, semantics).network(name), order=wiring.order)
    except ConfigError as error:
        return Reading(network=None, problems=(str(error),), order=wiring.order)


class Reader:
    """Builds the real network of a graph whose types and wiring are right."""

    def __init__(self, wiring: Wiring, semantics: Semantics) -> None:
        self.wiring = wiring
        self.nodes = wiring.nodes
        self.semantics = semantics
        self.notes: list[str] = []
        self.sizes: dict[str, int] = {}

    def network(self, name: str) -> RealNetwork:
        """The whole network; see :func:`read_network`."""
        self.check_names()
        inputs = tuple(self.input_port(node) for node in sorted(self.wiring.of_type(nir.Input)))
        populations: list[RealPopulation] = []
        edges: list[RealEdge] = []
        for node in self.wiring.of_type(NEURONS):
            population, into = self.population(node)
            populations.append(population)
            edges += into
        outputs = self.outputs()
        return RealNetwork(
            name=name,
            inputs=inputs,
            populations=tuple(populations),
            edges=tuple(edges),
            outputs=outputs,
            decode=self.decode(outputs),
            dt=self.semantics.dt,
            notes=tuple(self.notes),
        )

    def check_names(self) -> None:
        """Names in the semantics must be of nodes that are there."""
        if self.semantics.delayed_edges:
            source, target = self.semantics.delayed_edges[0]
            edge = f"{source!r} to {target!r}"
            raise ConfigError(f"semantics: delayed_edges: {edge}: recurrent networks are not supported yet")
        populations = self.wiring.of_type(NEURONS)
        state_bits = self.semantics.state_bits if isinstance(self.semantics.state_bits, dict) else {}
        for key, named, there in (
            ("inputs", self.semantics.inputs, self.wiring.of_type(nir.Input)),
            ("scales", self.semantics.scales, populations),
            ("decays", self.semantics.decays, populations),
            ("state_bits", state_bits, populations),
        ):
            for node in named:
                if node not in there:
                    names = ", ".join(sorted(there))
                    raise ConfigError(f"semantics: {key}: must be among {names}, not {node!r}")

    def input_port(self, name: str) -> InputPort:
        """One input."""
        declared = shape_size(name, self.nodes[name])
        if declared is None:
            raise ConfigError(f"{name}: an Input must say its shape")
        shape, self.sizes[name] = declared
        spec = self.semantics.inputs.get(name, InputSpec())
        return InputPort(
            name=name, shape=shape, kind=spec.kind, value_bits=spec.value_bits, value_scale=spec.value_scale
        )

    def population(self, name: str) -> tuple[RealPopulation, list[RealEdge]]:
        """One population, and the edges into it; parallel edges from one source add up."""
        node = self.nodes[name]
        layers = self.wiring.sources(name)
        matrices = {layer: self.matrix(layer) for layer in layers}
        size = len(matrices[layers[0]])
        for layer, matrix in matrices.items():
            if len(matrix) != size:
                raise ConfigError(f"{name}: {layers[0]!r} brings {size} values and {layer!r} {len(matrix)}")
        self.sizes[name] = size
        step = discretise(name, node, size, self.semantics)
        self.notes.append(step.note)
        affine = [layer for layer in layers if isinstance(self.nodes[layer], nir.Affine)]
        bias = step.bias + step.gain * sum((self.bias(layer, size) for layer in affine), np.zeros(size))
        into: dict[str, tuple[Reals, list[str]]] = {}
        for layer in layers:
            for source in self.wiring.sources(layer):
                weights, names = into.get(source, (np.zeros_like(matrices[layer]), []))
                into[source] = (weights + step.gain[:, None] * matrices[layer], [*names, layer])
        edges = [
            RealEdge(source=source, target=name, weights=weights, node="+".join(names))
            for source, (weights, names) in sorted(into.items())
        ]
        semantics = self.semantics
        return RealPopulation(
            name=name,
            size=size,
            fires=isinstance(node, FIRING),
            decay=step.decay,
            bias=bias,
            threshold=step.threshold,
            reset_amount=step.threshold,
            reset_value=step.reset_value,
            compare=semantics.compare,
            reset="set" if semantics.reset == "zero" else "subtract",
            reset_when=semantics.reset_when,
            max_spikes=semantics.max_spikes_per_step,
            v_min=semantics.v_min,
            node=name,
        ), edges

    def matrix(self, name: str) -> Reals:
        """Weights of a Linear or Affine node, which must fit all that feeds it."""
        weights = array(name, "weight", self.nodes[name].weight)
        if weights.ndim != 2:
            raise ConfigError(f"{name}: weight must have 2 dimensions (targets, sources), not {weights.ndim}")
        for source in self.wiring.sources(name):
            if self.sizes[source] != weights.shape[1]:
                takes, gives = weights.shape[1], self.sizes[source]
                raise ConfigError(f"{name}: weight takes {takes} values and {source!r} gives {gives}")
        return weights

    def bias(self, name: str, size: int) -> Reals:
        """Bias of an Affine node."""
        bias = array(name, "bias", self.nodes[name].bias).ravel()
        if len(bias) not in (1, size):
            raise ConfigError(f"{name}: bias must have 1 or {size} values, not {len(bias)}")
        return np.broadcast_to(bias, (size,))

    def outputs(self) -> tuple[str, ...]:
        """Populations that feed Output nodes, in the order of those nodes' names."""
        fed: dict[str, str] = {}
        for node in sorted(self.wiring.of_type(nir.Output)):
            (population,) = self.wiring.sources(node)
            declared = shape_size(node, self.nodes[node])
            if declared and declared[1] not in (1, self.sizes[population]):
                takes, gives = declared[1], self.sizes[population]
                raise ConfigError(f"{node}: takes {takes} values and {population!r} gives {gives}")
            if population in fed:
                first = fed[population]
                raise ConfigError(f"{node}: takes {population!r}, as {first!r} does: one Output is enough")
            fed[population] = node
        return tuple(fed)

    def decode(self, outputs: Sequence[str]) -> Decode:
        """How a class is read; by default from spikes, or the sum of potentials, of the first output."""
        fires = isinstance(self.nodes[outputs[0]], FIRING)
        mode = self.semantics.decode
        if mode is None:
            return "count" if fires else "potential_sum"
        if fires != (mode in ("count", "first_spike")):
            needs = "does not fire (LI or I)" if fires else "fires (LIF or IF)"
            raise ConfigError(f"semantics: decode {mode} needs an output that {needs}, not {outputs[0]!r}")
        return mode
