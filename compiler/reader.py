"""From a NIR graph to the real network, or to all the reasons why there is none."""

from dataclasses import dataclass
from typing import Any

import nir  # type: ignore[import-untyped]
import numpy as np

from spikewright.compiler.assembly import Assembly
from spikewright.compiler.graph import FlatGraph
from spikewright.compiler.nir_file import read_nir, repairs
from spikewright.compiler.nodes import NEURONS, array, unsupported
from spikewright.compiler.recurrence import untangle
from spikewright.compiler.semantics import Semantics
from spikewright.compiler.wiring import misplaced
from spikewright.errors import ConfigError
from spikewright.ir import RealNetwork

__all__ = ["Reading", "examine", "read_network", "read_nir"]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Reading:
    """A real network, or the reasons why there is none: one line each, beginning with the node's name.

    ``graph`` and ``order``, which has all nodes, sources first, are there if edges and cycles allow them.
    """

    network: RealNetwork | None
    problems: tuple[str, ...] = ()
    graph: FlatGraph | None = None
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
    try:
        flat = FlatGraph(graph, loops_take_drive=semantics.loop_input == "neurons")
    except ConfigError as error:
        return Reading(network=None, problems=(str(error),))
    types = [unsupported(node, flat.nodes[node]) for node in flat.nodes]
    problems = [problem for problem in types if problem] or misplaced(flat)
    if problems:
        return Reading(network=None, problems=tuple(problems), graph=flat)
    try:
        neurons, inputs = flat.of_type(NEURONS), flat.of_type(nir.Input)
        recurrence = untangle(flat, inputs, neurons, delaying(flat, semantics.dt), semantics.delayed_edges)
    except ConfigError as error:
        return Reading(network=None, problems=(str(error),), graph=flat)
    order = recurrence.order
    assembly = Assembly(flat, recurrence, semantics, repairs(graph))
    try:
        network = assembly.network(name)
    except ConfigError as error:
        return Reading(network=None, problems=(*assembly.problems, str(error)), graph=flat, order=order)
    if network is None:
        return Reading(network=None, problems=tuple(assembly.problems), graph=flat, order=order)
    return Reading(network=network, graph=flat, order=order)


def delaying(graph: FlatGraph, dt: float) -> set[str]:
    """Delay nodes that delay every value by a step or more."""
    return {
        name
        for name in graph.of_type(nir.Delay)
        if np.rint(array(name, "delay", graph.nodes[name].delay) / dt).min() >= 1
    }
