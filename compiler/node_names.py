"""Names of nodes as files and Verilog take them: others are changed, and told."""

import re
from dataclasses import dataclass
from typing import Any

from spikewright.errors import ConfigError

__all__ = ["Named", "named"]

NAME = re.compile(r"[A-Za-z0-9_.-]+")
OTHER = re.compile(r"[^A-Za-z0-9_.-]")


@dataclass(frozen=True, slots=True, kw_only=True)
class Named:
    """One graph, without those within it: all names are text that suits.

    Parameters
    ----------
    notes
        Which names were changed.
    """

    nodes: dict[str, Any]
    edges: list[tuple[str, str]]
    notes: tuple[str, ...]


def named(graph: Any, prefix: str = "") -> Named:
    """A graph by names of letters, digits, '_', '.' and '-'; ``prefix`` stands before them in notes.

    Some converters number nodes, and frameworks take what their users call layers.
    """
    given = {str(name): node for name, node in graph.nodes.items()}
    new = {name: name for name in sorted(given) if NAME.fullmatch(name)}
    taken, notes = set(new), []
    for name in sorted(set(given) - taken):
        base = OTHER.sub("_", name)
        if not base:
            raise ConfigError(f"{prefix or 'network'}: a node's name must not be empty")
        choices = (base, *(f"{base}_{number}" for number in range(2, len(given) + 2)))
        choice = next(choice for choice in choices if choice not in taken)
        new[name] = choice
        taken.add(choice)
        stands = f"{prefix}{choice}: stands for {prefix + name!r}"
        notes.append(f"{stands}, as names are of letters, digits, _ . -")
    edges = [tuple(new.get(str(end), str(end)) for end in edge) for edge in graph.edges]
    return Named(
        nodes={new[name]: given[name] for name in sorted(given)},
        edges=edges,  # type: ignore[arg-type]
        notes=tuple(notes),
    )
