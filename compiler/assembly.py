"""The real network of a flat graph: everything folded into weights, decays, biases, levels and delays."""

from collections.abc import Sequence
from dataclasses import replace
from math import prod

import nir  # type: ignore[import-untyped]
import numpy as np

from spikewright.compiler.discrete import Step, discretise
from spikewright.compiler.flow import Flow, Flows, Term
from spikewright.compiler.graph import FlatGraph
from spikewright.compiler.nodes import FIRING, NEURONS, shape_text
from spikewright.compiler.operators import Diagonal, Kernel, as_kernel, compose, dense
from spikewright.compiler.recurrence import Recurrence
from spikewright.compiler.semantics import InputSpec, Semantics
from spikewright.compiler.shapes import Shapes
from spikewright.convolution import Plane
from spikewright.errors import ConfigError
from spikewright.ir import RealEdge, RealNetwork, RealPopulation
from spikewright.network import Decode, InputPort
from spikewright.neuron import Levels

__all__ = ["Assembly"]


class Assembly:
    """Builds the real network of a graph whose types, wiring and cycles are right."""

    def __init__(
        self, graph: FlatGraph, recurrence: Recurrence, semantics: Semantics, repaired: Sequence[str] = ()
    ) -> None:
        self.graph, self.recurrence, self.semantics = graph, recurrence, semantics
        self.problems: list[str] = []
        self.notes: list[str] = [*repaired, *graph.notes, *recurrence.notes]
        self.steps: dict[str, Step] = {}
        self.planes: dict[str, Plane] = {}

    def network(self, name: str) -> RealNetwork | None:
        """The whole network; None where there are problems. What all hangs on is raised."""
        outputs = self.outputs()
        self.check_names(outputs)
        shapes = self.shapes = Shapes(self.graph, self.recurrence.order, self.semantics.dt)
        self.problems += shapes.problems
        self.notes += shapes.notes
        neurons = [node for node in self.recurrence.order if isinstance(self.graph.nodes[node], NEURONS)]
        for node in neurons:
            self.step(node)
        if self.problems:
            return None
        flows = Flows(self.graph, shapes, self.recurrence.late)
        self.notes += flows.notes
        places = [*neurons, *(output for output in outputs if output not in neurons)]
        into = {node: self.flow(node, flows.into(node)) for node in places}
        self.find_planes(into)
        populations = tuple(self.population(node, into[node]) for node in places)
        edges = [edge for node in places for edge in self.edges(node, into[node])]
        return RealNetwork(
            name=name,
            inputs=tuple(self.input_port(node) for node in self.graph.of_type(nir.Input)),
            populations=populations,
            edges=tuple(edges),
            outputs=outputs,
            decode=self.decode(populations, outputs),
            dt=self.semantics.dt,
            notes=tuple(self.notes),
        )

    def check_names(self, outputs: Sequence[str]) -> None:
        """Names in the semantics must be of nodes that are there."""
        neurons = {*self.graph.of_type(NEURONS)}
        populations = {*neurons, *outputs}
        state_bits = self.semantics.state_bits if isinstance(self.semantics.state_bits, dict) else {}
        for key, named, there in (
            ("nodes", self.semantics.nodes, neurons),
            ("inputs", self.semantics.inputs, {*self.graph.of_type(nir.Input)}),
            ("scales", self.semantics.scales, populations),
            ("decays", self.semantics.decays, populations),
            ("state_bits", state_bits, populations),
        ):
            for node in named:
                if node not in there:
                    names = ", ".join(sorted(there))
                    raise ConfigError(f"semantics: {key}: must be among {names}, not {node!r}")

    def step(self, name: str) -> None:
        """Make the neurons of one node discrete."""
        if name not in self.shapes.takes:
            return
        try:
            self.steps[name] = discretise(
                name, self.graph.nodes[name], self.shapes.takes[name], self.semantics.of(name)
            )
            self.notes += self.steps[name].notes
        except ConfigError as error:
            self.problems.append(str(error))

    def flow(self, name: str, flow: Flow) -> Flow:
        """What reaches a population, with its neurons' gain folded in."""
        for (source, _), term in flow.terms.items():
            node = self.graph.nodes[source]
            if isinstance(node, NEURONS) and not isinstance(node, FIRING):
                at = term.nodes[0] if term.nodes else name
                raise ConfigError(
                    f"{at}: takes {source!r}, which gives potentials and no spikes: analog values between"
                    " cores are not realised"
                )
        if name not in self.steps or (self.steps[name].gain == 1).all():
            return flow
        gain = self.steps[name].gain
        try:
            terms = {
                key: Term(operator=compose(Diagonal(gain), term.operator), nodes=term.nodes)
                for key, term in flow.terms.items()
            }
        except ConfigError as error:
            raise ConfigError(f"{name}: {error}") from None
        return Flow(terms=terms, bias=None if flow.bias is None else gain * flow.bias)

    def find_planes(self, into: dict[str, Flow]) -> None:
        """Which inputs and populations lie in the plane: by their shape, else by a convolution's."""
        for name in (*self.graph.of_type(nir.Input), *into):
            shape = self.shapes.gives[name]
            if len(shape) == 3:
                self.planes[name] = (shape[0], shape[1], shape[2])
        for name, flow in into.items():
            for (source, _), term in flow.terms.items():
                if isinstance(term.operator, Kernel):
                    self.planes.setdefault(source, term.operator.geometry.source)
                    self.planes.setdefault(name, term.operator.geometry.target)

    def input_port(self, name: str) -> InputPort:
        """One input; in the plane its shape is that which convolutions take."""
        shape = self.shapes.gives[name]
        plane = self.planes.get(name, shape)
        if plane != shape and (plane[0], *plane[2:]) != shape:  # of one dimension it stays (channels, length)
            self.notes.append(f"{name}: shape {shape_text(shape)}, comes in as {shape_text(plane)}")
            shape = plane
        spec = self.semantics.inputs.get(name, InputSpec())
        return InputPort(
            name=name,
            shape=shape,
            kind=spec.kind,
            value_bits=spec.value_bits,
            value_scale=spec.value_scale,
            max_events=spec.max_events,
        )

    def population(self, name: str, flow: Flow) -> RealPopulation:
        """One population."""
        node, semantics = self.graph.nodes[name], self.semantics.of(name)
        size = prod(self.shapes.takes[name])
        zeros = np.zeros(size)
        arriving = zeros if flow.bias is None else flow.bias
        step = self.steps.get(name)
        if step is None:  # the sums that an Output takes are its potentials, forgotten in every step
            levels = {"decay": zeros, "bias": zeros, "threshold": zeros, "reset_value": zeros}
            step = Step(gain=zeros + 1, current=None, notes=(), **levels)
        compares = isinstance(node, nir.Threshold)
        integrates = name in self.steps and not compares
        current = step.current
        if current is not None:
            current, arriving = replace(current, bias=current.bias + arriving), zeros
        return RealPopulation(
            name=name,
            size=size,
            fires=isinstance(node, FIRING),
            decay=step.decay,
            bias=step.bias + arriving,
            threshold=step.threshold,
            reset_amount=zeros if semantics.reset == "none" else step.threshold,
            reset_value=step.reset_value,
            compare=semantics.compare,
            reset="set" if semantics.reset == "zero" or compares else "subtract",
            reset_when="now" if compares else semantics.reset_when,
            max_spikes=semantics.max_spikes_per_step if integrates else 1,
            v_min=semantics.v_min if integrates else None,
            node=name,
            shape=self.planes.get(name, ()),
            current=current,
        )

    def edges(self, name: str, flow: Flow) -> list[RealEdge]:
        """Edges into one population."""
        return [
            self.edge(source, name, delay, term)
            for (source, delay), term in sorted(flow.terms.items(), key=lambda item: item[0])
        ]

    def edge(self, source: str, target: str, delay: Levels, term: Term) -> RealEdge:
        """One edge: a convolution where it is one, else a matrix."""
        operator, plane = term.operator, self.planes.get(source)
        if isinstance(operator, Diagonal) and plane is not None and plane == self.planes.get(target):
            operator = as_kernel(operator, plane) or operator
        node = "+".join(term.nodes)
        if isinstance(operator, Kernel):
            weights, geometry = operator.weights, operator.geometry
            return RealEdge(
                source=source, target=target, weights=weights, node=node, convolution=geometry, delay=delay
            )
        try:
            weights = dense(operator)
        except ConfigError as error:
            raise ConfigError(f"{target}: {error}") from None
        return RealEdge(source=source, target=target, weights=weights, node=node, delay=delay)

    def outputs(self) -> tuple[str, ...]:
        """Populations that leave, in the order of the Output nodes' names; an Output's own where it adds."""
        fed: dict[str, str] = {}
        for output in self.graph.of_type(nir.Output):
            walk = [output]
            while len(self.graph.sources[walk[-1]]) == 1:
                walk.append(self.graph.sources[walk[-1]][0])
                if (
                    not isinstance(self.graph.nodes[walk[-1]], nir.Flatten)
                    and walk[-1] not in self.graph.passes
                ):
                    break
            population = walk[-1]
            if not isinstance(self.graph.nodes[population], NEURONS):
                population = output
                names = ", ".join(map(repr, self.graph.sources[output]))
                self.notes.append(f"{output}: takes {names}, not neurons: gives the sum of every step")
            if population in fed:
                first = fed[population]
                raise ConfigError(f"{output}: takes {population!r}, as {first!r} does: one Output is enough")
            fed[population] = output
        return tuple(fed)

    def decode(self, populations: Sequence[RealPopulation], outputs: Sequence[str]) -> Decode:
        """How a class is read; by default from spikes, or the sum of potentials, of the first output."""
        fires = next(population.fires for population in populations if population.name == outputs[0])
        mode = self.semantics.decode
        if mode is None:
            return "count" if fires else "potential_sum"
        if fires != (mode in ("count", "first_spike")):
            needs = "does not fire (LI, I or CubaLI)" if fires else "fires (LIF, IF, CubaLIF or Threshold)"
            raise ConfigError(f"semantics: decode {mode} needs an output that {needs}, not {outputs[0]!r}")
        return mode
