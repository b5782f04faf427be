"""Which edges of a graph with cycles deliver in the next step, and the order of all nodes without them."""

from collections.abc import Callable, Collection
from dataclasses import dataclass
from graphlib import CycleError, TopologicalSorter

from spikewright.compiler.graph import FlatGraph, NodeEdge
from spikewright.errors import ConfigError

__all__ = ["Recurrence", "untangle"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Recurrence:
    """How the cycles of a graph are cut.

    Parameters
    ----------
    order
        All nodes, sources first but for edges that close a cycle.
    late
        Edges that deliver a step later.
    """

    order: tuple[str, ...]
    late: frozenset[NodeEdge]
    notes: tuple[str, ...]


def untangle(
    graph: FlatGraph,
    starts: Collection[str],
    neurons: Collection[str],
    delaying: Collection[str],
    named: Collection[NodeEdge] = (),
) -> Recurrence:
    """Cut every cycle.

    Edges that are named deliver a step later; so do the back edges of a depth-first walk from ``starts``,
    over targets in order of their names, which does not go on behind ``delaying`` nodes: a cycle with a
    delay of a step or more in it needs no other.

    Raises
    ------
    ConfigError
        If a cycle has no neuron in it, or an edge that is named closes none.
    """
    refuse_linear_cycles(graph, neurons)
    cut = {edge for pair in named for edge in named_edges(graph, neurons, *pair)}
    notes = [f"{source} to {target}: delivers a step later, as named" for source, target in sorted(cut)]
    behind = {edge for edge in graph.edges if edge[0] in delaying}
    backward = back_edges(graph, starts, cut | behind)
    for source, target in sorted(backward):
        around = " -> ".join([*path(graph, target, source, cut | behind), target])
        notes.append(f"{source} to {target}: closes the cycle {around}: delivers a step later")
    late = cut | backward
    before = {
        name: {s for s in graph.sources[name] if (s, name) not in late | behind} for name in graph.nodes
    }
    for source, target in sorted(behind - late):
        before[target].add(source)
        if not acyclic(before):
            before[target].remove(source)
            notes.append(f"{source} to {target}: closes a cycle, which {source} delays: no further step")
    return Recurrence(
        order=tuple(TopologicalSorter({name: sorted(before[name]) for name in graph.nodes}).static_order()),
        late=frozenset(late),
        notes=tuple(notes),
    )


def acyclic(before: dict[str, set[str]]) -> bool:
    """Whether the nodes can be put in order."""
    try:
        TopologicalSorter(before).prepare()
    except CycleError:
        return False
    return True


def refuse_linear_cycles(graph: FlatGraph, neurons: Collection[str]) -> None:
    """A cycle without a neuron would be a sum without end."""
    before = {
        name: [source for source in graph.sources[name] if source not in neurons]
        for name in graph.nodes
        if name not in neurons
    }
    try:
        TopologicalSorter(before).prepare()
    except CycleError as error:
        around = error.args[1][:-1]
        first = around.index(min(around))
        walk = " -> ".join([*around[first:], *around[:first], around[first]])
        raise ConfigError(f"cycle {walk}: must have a neuron in it") from None


def back_edges(graph: FlatGraph, starts: Collection[str], without: Collection[NodeEdge]) -> set[NodeEdge]:
    """Edges that lead back into the path of a depth-first walk."""
    found: set[NodeEdge] = set()
    seen: set[str] = set()
    for start in [*sorted(starts), *graph.nodes]:
        if start in seen:
            continue
        seen.add(start)
        on_path = {start: iter(graph.targets[start])}
        while on_path:
            name, targets = next(reversed(on_path.items()))
            for target in targets:
                if (name, target) in without:
                    continue
                if target in on_path:
                    found.add((name, target))
                elif target not in seen:
                    seen.add(target)
                    on_path[target] = iter(graph.targets[target])
                    break
            else:
                del on_path[name]
    return found


def path(
    graph: FlatGraph,
    first: str,
    last: str,
    without: Collection[NodeEdge] = (),
    through: Callable[[str], bool] = lambda _: True,
) -> list[str]:
    """A shortest path, or nothing; nodes between the two are such as ``through`` allows."""
    came_from = {first: ""}
    queue = [first]
    for name in queue:
        for target in graph.targets[name]:
            if target in came_from or (name, target) in without:
                continue
            if target == last or through(target):
                came_from[target] = name
                queue.append(target)
        if last in came_from:
            break
    if last not in came_from:
        return []
    walk = [last]
    while walk[-1] != first:
        walk.append(came_from[walk[-1]])
    return walk[::-1]


def named_edges(graph: FlatGraph, neurons: Collection[str], source: str, target: str) -> list[NodeEdge]:
    """The edges of the graph that are meant by two nodes, neighbours or the neurons at a path's ends."""
    pair = f"semantics: delayed_edges: {source!r} to {target!r}"
    for name in (source, target):
        if name not in graph.nodes:
            raise ConfigError(f"{pair}: there is no node {name!r}")

    def linear(name: str) -> bool:
        return name not in neurons

    meant = [(source, target)] if target in graph.targets[source] else []
    if not meant and source in neurons and target in neurons:
        out = [name for name in graph.targets[source] if linear(name) and leads(graph, name, target, linear)]
        into = [name for name in graph.sources[target] if linear(name) and leads(graph, source, name, linear)]
        if all(neuron_ends(neurons, name, graph.targets) == {target} for name in out):
            meant = [(source, name) for name in out]
        elif all(neuron_ends(neurons, name, graph.sources) == {source} for name in into):
            meant = [(name, target) for name in into]
        else:
            raise ConfigError(f"{pair}: other paths share its nodes: name two neighbours of the path")
    if not meant:
        raise ConfigError(f"{pair}: must be two neighbours, or the neurons at a path's ends")
    if not any(leads(graph, end, begin) for begin, end in meant):
        raise ConfigError(f"{pair}: must close a cycle; a Delay node delays what closes none")
    return meant


def leads(graph: FlatGraph, first: str, last: str, through: Callable[[str], bool] = lambda _: True) -> bool:
    """Whether a path leads from one node to the other, or they are one."""
    return bool(path(graph, first, last, through=through))


def neuron_ends(neurons: Collection[str], name: str, onward: dict[str, list[str]]) -> set[str]:
    """Neurons (and ends of the network) that a linear node leads to, or comes from."""
    ends: set[str] = set()
    queue = [name]
    for node in queue:
        for other in onward[node]:
            if other in neurons or not onward[other]:
                ends.add(other)
            elif other not in queue:
                queue.append(other)
    return ends
