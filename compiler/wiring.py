"""How the nodes of a NIR graph hang together: every edge followed through nodes that change nothing."""

import re
from collections import Counter
from graphlib import CycleError, TopologicalSorter
from typing import Any

import nir  # type: ignore[import-untyped]

from spikewright.compiler.nodes import FIRING, NEURONS, WEIGHTS
from spikewright.errors import ConfigError

__all__ = ["Wiring"]

NAME = re.compile(r"[A-Za-z0-9_.-]+")


class Wiring:
    """Sources and targets of every node, with Flatten nodes left out.

    Parameters
    ----------
    graph
        A NIR graph of supported node types.

    Raises
    ------
    ConfigError
        If edges name nodes that are not there, stand twice, or close a cycle.
    """

    def __init__(self, graph: Any) -> None:
        self.nodes: dict[str, Any] = dict(graph.nodes)
        self.edges = [(str(source), str(target)) for source, target in graph.edges]
        for name in self.nodes:
            if not NAME.fullmatch(name):
                raise ConfigError(f"{name!r}: names must be of letters, digits, '_', '.' and '-'")
        for edge, count in Counter(self.edges).items():
            for end in edge:
                if end not in self.nodes:
                    raise ConfigError(f"edge {edge[0]!r} to {edge[1]!r}: there is no node {end!r}")
            if count > 1:
                raise ConfigError(f"edge {edge[0]!r} to {edge[1]!r}: stands {count} times")
        before: dict[str, list[str]] = {name: [] for name in sorted(self.nodes)}
        for source, target in sorted(self.edges):
            before[target].append(source)
        try:
            # Names in order, so that a graph in memory and its file (sorted by name) come out the same.
            self.order = tuple(TopologicalSorter(before).static_order())
        except CycleError as error:
            around = error.args[1][:-1]
            first = around.index(min(around))
            walk = " -> ".join([*around[first:], *around[:first], around[first]])
            raise ConfigError(f"cycle {walk}: recurrent networks are not supported yet") from None
        self.before = before

    def sources(self, name: str) -> list[str]:
        """Nodes that feed this one, looking through Flatten nodes; in order of their names."""
        found: list[str] = []
        for source in self.before[name]:
            found += self.sources(source) if isinstance(self.nodes[source], nir.Flatten) else [source]
        return sorted(found)

    def of_type(self, types: type | tuple[type, ...]) -> list[str]:
        """Names of all nodes of these types, sources first."""
        return [name for name in self.order if isinstance(self.nodes[name], types)]

    def check(self) -> list[str]:
        """What stands where it cannot: one line a node."""
        problems: list[str] = []
        for kind in (nir.Input, nir.Output, NEURONS):
            if not self.of_type(kind):
                what = "neuron (LIF, IF, LI or I)" if kind is NEURONS else kind.__name__  # type: ignore[union-attr]
                problems.append(f"network: must have a node of type {what}, and has none")
        fed = {source for name in self.nodes for source in self.sources(name)}
        for name in sorted(self.nodes):
            problem = self.misplaced(name)
            ends = isinstance(self.nodes[name], (nir.Output, nir.Flatten))
            if problem is None and name not in fed and not ends:
                problem = f"{name}: feeds nothing"
            if problem:
                problems.append(problem)
        return problems

    def misplaced(self, name: str) -> str | None:
        """Why a node cannot take what feeds it, if so."""
        node, sources = self.nodes[name], self.sources(name)
        if isinstance(node, nir.Input):
            return f"{name}: takes {sources[0]!r}, and an Input takes nothing" if sources else None
        if not sources:
            return f"{name}: nothing feeds it"
        for source in sources:
            other = self.nodes[source]
            if isinstance(other, nir.Output):
                return f"{name}: takes {source!r}, and an Output feeds nothing"
            if isinstance(node, WEIGHTS) and isinstance(other, WEIGHTS):
                return f"{name}: takes {source!r}, weights like itself: multiply the two into one layer"
            if isinstance(node, WEIGHTS) and isinstance(other, NEURONS) and not isinstance(other, FIRING):
                return f"{name}: takes {source!r}, which gives potentials and no spikes"
            if isinstance(node, NEURONS) and not isinstance(other, WEIGHTS):
                return f"{name}: takes {source!r} without weights between: put a Linear or Affine node there"
            if isinstance(node, nir.Output) and not isinstance(other, NEURONS):
                return f"{name}: takes {source!r}, and must take neurons (LIF, IF, LI or I)"
        if isinstance(node, nir.Output) and len(sources) > 1:
            return f"{name}: must take one population, not {', '.join(sources)}"
        return None
