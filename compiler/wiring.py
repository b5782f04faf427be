"""What stands where it cannot in a flat graph."""

import nir  # type: ignore[import-untyped]

from spikewright.compiler.graph import FlatGraph

__all__ = ["misplaced"]


def misplaced(graph: FlatGraph) -> list[str]:
    """Nodes that cannot stand where they do: one line each."""
    problems = [
        f"network: must have a node of type {kind.__name__}, and has none"
        for kind in (nir.Input, nir.Output)
        if not graph.of_type(kind)
    ]
    for name, node in graph.nodes.items():
        sources, targets, passes = graph.sources[name], graph.targets[name], name in graph.passes
        if isinstance(node, nir.Input) and not passes:
            if sources:
                problems.append(f"{name}: takes {sources[0]!r}, and an Input takes nothing")
            elif not targets:
                problems.append(f"{name}: feeds nothing")
        elif isinstance(node, nir.Output) and not passes and targets:
            problems.append(f"{name}: feeds {targets[0]!r}, and an Output feeds nothing")
        elif not sources:
            problems.append(f"{name}: nothing feeds it")
        elif not isinstance(node, nir.Output) and not targets:
            problems.append(f"{name}: feeds nothing")
    return problems
