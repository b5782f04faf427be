"""The shape of what every node of a graph takes and gives, and every linear node read for it."""

from collections.abc import Sequence
from math import prod
from typing import Any

import nir  # type: ignore[import-untyped]
import numpy as np

from spikewright.compiler.graph import FlatGraph
from spikewright.compiler.linear import Layer, Shape, layer, trimmed
from spikewright.compiler.nodes import NEURONS, array, counts, declared_shape, shape_text
from spikewright.errors import ConfigError

__all__ = ["Shapes"]


class Shapes:
    """Shapes by name of the node.

    Attributes
    ----------
    takes, gives
        Shapes before and behind every node that is right.
    layers
        Every linear node that is right.
    problems
        What is wrong: a line for each node that does not fit what feeds it.
    notes
        Which shapes were taken for what the graph says.
    """

    def __init__(self, graph: FlatGraph, order: Sequence[str], dt: float) -> None:
        self.graph, self.dt = graph, dt
        self.takes: dict[str, Shape] = {}
        self.gives: dict[str, Shape] = {}
        self.layers: dict[str, Layer] = {}
        self.problems: list[str] = []
        self.notes: list[str] = []
        failed: set[str] = set()
        pending = list(order)
        while pending:
            waiting = []
            for name in pending:
                try:
                    if not self._settle(name):
                        waiting.append(name)
                except ConfigError as error:
                    self.problems.append(str(error))
                    failed.add(name)
            if len(waiting) == len(pending):
                break
            pending = waiting
        if pending and not self.problems:
            self.problems.append(f"{pending[0]}: its shape is not known, for nothing that feeds it has one")
        for name in order:
            if name in self.takes:
                self._check(name)

    def _settle(self, name: str) -> bool:
        """Find what a node takes and gives, if something says it already."""
        node = self.graph.nodes[name]
        if isinstance(node, nir.Input) and name not in self.graph.passes:
            self.takes[name] = self.gives[name] = self._input(name)
            return True
        shape = self._arriving(name)
        if isinstance(node, NEURONS):
            shape = neuron_shape(node, name, shape)
            if shape is None:
                return False
            self.takes[name] = self.gives[name] = shape
            return True
        shape = own_shape(name, node) if shape is None else shape
        if shape is None:
            return False
        if isinstance(node, nir.Output | nir.Input):
            self._declared(name, shape)
        read = layer(name, node, shape, self.dt, next(iter(self.graph.sources[name]), ""))
        self.notes += read.notes
        self.takes[name], self.gives[name], self.layers[name] = read.takes, read.gives, read
        return True

    def _arriving(self, name: str) -> Shape | None:
        """Shape of what feeds a node: of several, which must agree, the one with most dimensions."""
        known = [source for source in self.graph.sources[name] if source in self.gives]
        best: str | None = None
        for source in known:
            if best is None or len(self.gives[source]) > len(self.gives[best]):
                best = source
        if best is None:
            return None
        for source in known:
            self._agree(name, source, self.gives[best], best)
        return self.gives[best]

    def _agree(self, name: str, source: str, shape: Shape, first: str) -> None:
        gives = self.gives[source]
        if prod(gives) != prod(shape):
            raise ConfigError(
                f"{name}: {first!r} brings {shape_text(shape)} values and {source!r} {shape_text(gives)}"
            )
        if len(gives) == len(shape) and gives != shape:
            raise ConfigError(
                f"{name}: {first!r} brings values of shape {shape_text(shape)} and {source!r} of"
                f" {shape_text(gives)}"
            )

    def _check(self, name: str) -> None:
        """What closes a cycle comes after its target's shape is settled: it must fit, too."""
        for source in self.graph.sources[name]:
            if source in self.gives and prod(self.gives[source]) != prod(self.takes[name]):
                takes, gives = prod(self.takes[name]), prod(self.gives[source])
                problem = f"{name}: takes {takes} values and {source!r} gives {gives}"
                if not any(line.startswith(f"{name}: ") for line in self.problems):
                    self.problems.append(problem)

    def _declared(self, name: str, shape: Shape) -> None:
        """An Output, or an Input or Output within, says a shape that is there already."""
        declared = declared_shape(name, self.graph.nodes[name])
        if declared is None or prod(declared) in (1, prod(shape)):
            return
        if name not in self.graph.passes:
            source = self.graph.sources[name][0]
            raise ConfigError(
                f"{name}: takes {shape_text(declared)} values and {source!r} gives {shape_text(shape)}"
            )
        self.notes.append(f"{name}: says {shape_text(declared)}, passes on {shape_text(shape)}")

    def _input(self, name: str) -> Shape:
        """Shape of an Input: what it says, without a batch of 1, else what the layer behind it takes."""
        declared = declared_shape(name, self.graph.nodes[name])
        queue = [name]
        for passed in queue:
            for target in self.graph.targets[passed]:
                shape = own_shape(target, self.graph.nodes[target])
                if shape is not None and (declared is None or trimmed(declared, len(shape)) == shape):
                    if shape != declared:
                        says = "no shape" if declared is None else shape_text(declared)
                        self.notes.append(f"{name}: says {says}: {shape_text(shape)} as {target!r} takes")
                    return shape
                if target in self.graph.passes and target not in queue:
                    queue.append(target)
        if declared is None:
            raise ConfigError(f"{name}: an Input must say its shape, and nothing that it feeds does")
        return declared


def own_shape(name: str, node: Any) -> Shape | None:
    """The shape that a node takes, as far as its own parameters say it."""
    if isinstance(node, nir.Linear | nir.Affine):
        return (array(name, "weight", node.weight).shape[-1],)
    if isinstance(node, nir.Conv1d | nir.Conv2d) and node.input_shape is not None:
        channels = array(name, "weight", node.weight).shape[1] * counts(name, "groups", node.groups, 1, 1)[0]
        dims = 1 if isinstance(node, nir.Conv1d) else 2
        lengths = counts(name, "input_shape", node.input_shape, dims, 1)
        return (channels, *(lengths * dims)[:dims])
    if isinstance(node, nir.Scale | nir.Delay):
        what = "scale" if isinstance(node, nir.Scale) else "delay"
        shape = array(name, what, getattr(node, what)).shape
        return shape if prod(shape) > 1 else None
    if isinstance(node, nir.Flatten) and isinstance(node.input_type, dict):
        declared = node.input_type.get("input")
        return None if declared is None else tuple(int(length) for length in np.atleast_1d(declared))
    if isinstance(node, NEURONS):
        return neuron_shape(node, name, None)
    return None


def neuron_shape(node: Any, name: str, arriving: Shape | None) -> Shape | None:
    """Shape of a node's neurons: that of its parameters and of what feeds them, whichever says more."""
    own: Shape = ()
    for what, value in vars(node).items():
        if what in ("input_type", "output_type", "metadata") or value is None:
            continue
        shape = array(name, what, value).shape
        own = shape if prod(shape) > prod(own) else own
    own = trimmed(own, 3)
    if prod(own) == 1:
        return arriving
    if arriving is None:
        return own
    return own if prod(own) == prod(arriving) and len(own) > len(arriving) else arriving
