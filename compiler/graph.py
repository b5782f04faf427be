"""A NIR graph as one flat list of nodes and edges: graphs within graphs opened, small faults repaired."""

from collections import Counter
from typing import Any

import nir  # type: ignore[import-untyped]

from spikewright.compiler.node_names import Named, named
from spikewright.errors import ConfigError

__all__ = ["FlatGraph", "NodeEdge"]

NodeEdge = tuple[str, str]


class FlatGraph:
    """Nodes by name, ``outer.inner`` where they stood in a graph within the graph.

    Attributes
    ----------
    nodes
        All but graphs.
    edges
        Each once, in order of the names.
    graphs
        The graphs that were opened.
    passes
        Input and Output nodes within them: what comes in goes on.
    sources, targets
        Of every node, in order of their names.
    notes
        What was repaired.

    Parameters
    ----------
    loops_take_drive
        What comes into a graph within the graph goes to its neurons, where it is drawn to the weights of
        their loop.

    Raises
    ------
    ConfigError
        If an edge or a name means nothing.
    """

    def __init__(self, graph: Any, *, loops_take_drive: bool = False) -> None:
        self.nodes: dict[str, Any] = {}
        self.graphs: dict[str, Any] = {}
        self._drawn: dict[str, Named] = {}
        self.passes: set[str] = set()
        self.notes: list[str] = []
        edges: list[NodeEdge] = []
        self._open(graph, "", edges)
        for edge, count in Counter(edges).items():
            if count > 1:
                self.notes.append(f"edge {edge[0]!r} to {edge[1]!r}: stands {count} times, taken once")
        self._connect(set(edges))
        self._loop_inputs(loops_take_drive)
        self._pass_through()
        self._add_ends(nir.Input)
        self._add_ends(nir.Output)

    def of_type(self, types: type | tuple[type, ...]) -> list[str]:
        """Names of all nodes of these types but those that only pass on, in order."""
        return [
            name for name, node in self.nodes.items() if isinstance(node, types) and name not in self.passes
        ]

    def _open(self, graph: Any, prefix: str, edges: list[NodeEdge]) -> None:
        """Take over the nodes and edges of a graph, and of the graphs within it."""
        drawn = named(graph, prefix)
        self._drawn[prefix.removesuffix(".")] = drawn
        self.notes += drawn.notes
        for name in sorted(drawn.nodes):
            node, full = drawn.nodes[name], f"{prefix}{name}"
            if full in self.nodes or full in self.graphs:
                raise ConfigError(f"{full}: two nodes have this name")
            if isinstance(node, nir.NIRGraph):
                self.graphs[full] = node
                self._open(node, f"{full}.", edges)
                continue
            self.nodes[full] = node
            if prefix and isinstance(node, nir.Input | nir.Output):
                self.passes.add(full)
        for source, target in drawn.edges:
            edge = f"edge {prefix + source!r} to {prefix + target!r}"
            ends = (
                self._end(edge, f"{prefix}{end}", kind)
                for end, kind in ((source, nir.Output), (target, nir.Input))
            )
            edges.append((next(ends), next(ends)))

    def _end(self, edge: str, name: str, kind: type) -> str:
        """The node at an edge's end: of a graph its Input or Output, or what stands for that."""
        if name in self.nodes:
            return name
        if name not in self.graphs:
            raise ConfigError(f"{edge}: there is no node {name!r}")
        graph, what = self._drawn[name], kind.__name__
        doors = sorted(inner for inner, node in graph.nodes.items() if isinstance(node, kind))
        if not doors:
            side = 0 if kind is nir.Output else 1
            taken = {inner[side] for inner in graph.edges}
            doors = sorted(inner for inner in graph.nodes if inner not in taken)
            if len(doors) == 1:
                self.notes.append(f"{name}: has no {what}: {name + '.' + doors[0]!r} taken for it")
        if len(doors) != 1:
            named = ", ".join(f"{name}.{door}" for door in doors) or "none"
            raise ConfigError(f"{edge}: {name!r} must have one {what}, and the edge could mean {named}")
        return self._end(edge, f"{name}.{doors[0]}", kind)

    def _connect(self, edges: set[NodeEdge]) -> None:
        """Set the edges, all in order of the names: a graph in memory and its file come out the same."""
        self.nodes = {name: self.nodes[name] for name in sorted(self.nodes)}
        self.edges = sorted(edges)
        self.sources: dict[str, list[str]] = {name: [] for name in self.nodes}
        self.targets: dict[str, list[str]] = {name: [] for name in self.nodes}
        for source, target in self.edges:
            self.sources[target].append(source)
            self.targets[source].append(target)

    def _loop_inputs(self, take_drive: bool) -> None:
        """Some exporters draw a recurrent layer's Input to the weights of its loop, and mean its neurons."""
        for name in sorted(self.passes):
            node, weights = self.nodes[name], self.targets[name]
            if not isinstance(node, nir.Input) or len(weights) != 1:
                continue
            (loop,) = weights
            neurons = self.targets[loop]
            if not isinstance(self.nodes[loop], nir.Linear | nir.Affine) or len(neurons) != 1 or \
                    set(self.sources[loop]) != {name, *neurons} or self.sources[neurons[0]] != [loop]:
                continue  # fmt: skip
            edge = f"edge {name!r} to {loop!r}"
            if take_drive:
                self.notes.append(f"{edge}: taken to {neurons[0]!r}, whose loop goes through {loop!r}")
                self._connect({*self.edges} - {(name, loop)} | {(name, neurons[0])})
            else:
                self.notes.append(
                    f"WARNING: {edge}: what comes in goes through recurrent weights, too; if it is to go to"
                    f" {neurons[0]!r} give `loop_input: neurons`"
                )

    def _pass_through(self) -> None:
        """Old files have Inputs and Outputs of graphs within among the nodes of the outer: `lif.input`."""
        for name, node in self.nodes.items():
            fed = isinstance(node, nir.Input) and self.sources[name]
            feeds = isinstance(node, nir.Output) and self.targets[name]
            if "." in name and name not in self.passes and (fed or feeds):
                self.passes.add(name)
                self.notes.append(f"{name}: {type(node).__name__} within the graph: passes on what comes in")

    def _add_ends(self, kind: type) -> None:
        """Put Inputs before what nothing feeds, and Outputs behind what feeds nothing, if there are none."""
        if self.of_type(kind):
            return
        first = kind is nir.Input
        beside = self.sources if first else self.targets
        doors = nir.Input, nir.Output
        ends = [name for name, node in self.nodes.items() if not beside[name] and not isinstance(node, doors)]
        edges = set(self.edges)
        for name in ends:
            new = f"{kind.__name__.lower()}_{name}"
            if new in self.nodes:
                raise ConfigError(f"network: has no {kind.__name__}, and the name {new!r} is taken")
            self.nodes[new] = kind(None)
            edges.add((new, name) if first else (name, new))
            where = "before" if first else "behind"
            self.notes.append(f"network: has no {kind.__name__}: {new!r} put {where} {name!r}")
        self._connect(edges)
