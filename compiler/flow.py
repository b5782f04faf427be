"""What reaches every population: one operator a source and delay, composed from all linear nodes between."""

from collections.abc import Collection
from dataclasses import dataclass, field
from graphlib import TopologicalSorter
from math import prod

import numpy as np

from spikewright.compiler.graph import FlatGraph, NodeEdge
from spikewright.compiler.linear import Layer
from spikewright.compiler.nodes import NEURONS, Reals
from spikewright.compiler.operators import Diagonal, Operator, add, compose, identity, matvec
from spikewright.compiler.shapes import Shapes
from spikewright.errors import ConfigError
from spikewright.neuron import Levels

__all__ = ["Flow", "Flows", "Term"]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Term:
    """How one source reaches a place, through which linear nodes."""

    operator: Operator
    nodes: tuple[str, ...] = ()


@dataclass(slots=True, kw_only=True, eq=False)
class Flow:
    """All that reaches a place: a term for every source and delay, and a constant in every step."""

    terms: dict[tuple[str, Levels], Term] = field(default_factory=dict)
    bias: Reals | None = None

    def take(self, source: str, delay: Levels, term: Term) -> None:
        """Add a term."""
        levels = delay[:1] if len(set(delay)) == 1 else delay
        there = self.terms.get((source, levels))
        if there is not None:
            nodes = tuple(dict.fromkeys((*there.nodes, *term.nodes)))
            term = Term(operator=add(there.operator, term.operator), nodes=nodes)
        self.terms[source, levels] = term

    def merge(self, other: "Flow", late: int) -> None:
        """Add another flow, ``late`` steps later."""
        for (source, delay), term in other.terms.items():
            self.take(source, tuple(steps + late for steps in delay), term)
        if other.bias is not None:
            self.bias = other.bias if self.bias is None else self.bias + other.bias

    def through(self, name: str, layer: Layer) -> "Flow":
        """What a linear node makes of it."""
        flow = Flow(bias=self.bias)
        if layer.operator is not None:
            for (source, delay), term in self.terms.items():
                composed = compose(layer.operator, term.operator)
                flow.take(source, delay, Term(operator=composed, nodes=(*term.nodes, name)))
            flow.bias = None if self.bias is None else matvec(layer.operator, self.bias)
        else:
            flow.terms = dict(self.terms)
        if layer.bias is not None:
            flow.bias = layer.bias if flow.bias is None else flow.bias + layer.bias
        return flow if layer.delay is None else flow.delayed(name, layer.delay)

    def delayed(self, name: str, steps: tuple[int, ...]) -> "Flow":
        """The same with a delay of every value."""
        flow = Flow(bias=self.bias)
        every = np.array(steps)
        for (source, delay), term in self.terms.items():
            nodes = (*term.nodes, name)
            if isinstance(term.operator, Diagonal):  # values are the sources themselves
                longer = np.broadcast_to(np.array(delay), every.shape) + every
                flow.take(source, tuple(int(d) for d in longer), Term(operator=term.operator, nodes=nodes))
                continue
            for more in sorted(set(steps)):
                part = (
                    term.operator
                    if len(set(steps)) == 1
                    else compose(Diagonal(1.0 * (every == more)), term.operator)
                )
                flow.take(source, tuple(d + more for d in delay), Term(operator=part, nodes=nodes))
        return flow


class Flows:
    """Flows into the populations and read-outs of a graph.

    Parameters
    ----------
    late
        Edges that deliver a step later.
    """

    def __init__(self, graph: FlatGraph, shapes: Shapes, late: Collection[NodeEdge]) -> None:
        self.graph, self.shapes, self.late = graph, shapes, late
        self.notes: list[str] = []
        self._behind: dict[str, Flow] = {}
        linear = {
            name: [source for source in graph.sources[name] if self._linear(source)]
            for name in graph.nodes
            if self._linear(name)
        }
        for name in TopologicalSorter(linear).static_order():
            flow = self.into(name)
            delay = shapes.layers[name].delay
            if flow.bias is not None and delay is not None and any(delay):
                self.notes.append(f"{name}: a bias comes in, which counts from the first step on")
            try:
                self._behind[name] = flow.through(name, shapes.layers[name])
            except ConfigError as error:
                raise ConfigError(f"{name}: {error}") from None

    def _linear(self, name: str) -> bool:
        node = self.graph.nodes[name]
        return name in self.shapes.layers and not isinstance(node, NEURONS) and bool(self.graph.targets[name])

    def into(self, name: str) -> Flow:
        """All that reaches a node."""
        flow = Flow()
        for source in self.graph.sources[name]:
            flow.merge(self._from(source), (source, name) in self.late)
        return flow

    def _from(self, source: str) -> Flow:
        """What comes out of a node."""
        if source in self._behind:
            return self._behind[source]
        size = prod(self.shapes.gives[source])
        return Flow(terms={(source, (0,)): Term(operator=identity(size))})
