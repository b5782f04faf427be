"""In which order populations run, and which must run together, step by step."""

from collections.abc import Iterable, Sequence

__all__ = ["components"]


def components(names: Sequence[str], edges: Iterable[tuple[str, str]]) -> list[list[int]]:
    """Populations that lie on common cycles, together; what a component takes from others stands before it.

    Parameters
    ----------
    names
        Populations, in the order in which a component steps them.
    edges
        Source and target of every edge; sources that are no populations are left out.

    Returns
    -------
    list
        Indices into ``names``, ascending within a component.
    """
    index = {name: number for number, name in enumerate(names)}
    ahead = [1 << number for number in range(len(names))]  # bit s of ahead[t]: s leads to t
    for source, target in edges:
        if source in index:
            ahead[index[target]] |= 1 << index[source]
    for between in range(len(names)):
        through = ahead[between]
        ahead = [known | through if known >> between & 1 else known for known in ahead]
    together: dict[int, list[int]] = {}
    for number, known in enumerate(ahead):  # on a common cycle: the same populations lead there
        together.setdefault(known, []).append(number)
    # Of two components of which one leads to the other, the first has fewer that lead to it.
    return sorted(together.values(), key=lambda members: (ahead[members[0]].bit_count(), members[0]))
