"""Look-up tables of a Liberty library: values over transition times and a load capacitance."""

import itertools
from bisect import bisect_right
from collections.abc import Mapping
from dataclasses import dataclass

from spikewright.boards.liberty import Group
from spikewright.errors import ConfigError

__all__ = ["Table", "read_table"]


@dataclass(frozen=True, slots=True)
class Table:
    """Values over no, one or two axes, in the library's own units.

    Parameters
    ----------
    axes
        What each axis is: ``slew`` (transition of the related or input pin), ``data`` (of the constrained
        pin) or ``load`` (capacitance).
    points
        Rising points of every axis.
    values
        In the order of the axes, the last one fastest.
    """

    axes: tuple[str, ...]
    points: tuple[tuple[float, ...], ...]
    values: tuple[float, ...]

    def at(self, *, slew: float = 0.0, data: float = 0.0, load: float = 0.0) -> float:
        """Value there: linear between the points, and beyond them on the line of the nearest two."""
        place = {"slew": slew, "data": data, "load": load}
        if not self.axes:
            return self.values[0]
        low, share = position(self.points[0], place[self.axes[0]])
        if len(self.axes) == 1:
            return between(self.values[low], self.values[min(low + 1, len(self.values) - 1)], share)
        width = len(self.points[1])
        column, part = position(self.points[1], place[self.axes[1]])
        rows = [min(row, len(self.points[0]) - 1) * width for row in (low, low + 1)]
        right = min(column + 1, width - 1)
        first, second = (between(self.values[row + column], self.values[row + right], part) for row in rows)
        return between(first, second, share)


def position(points: tuple[float, ...], x: float) -> tuple[int, float]:
    """Index of the lower of the two nearest points, and how far ``x`` lies from it to the next."""
    if len(points) == 1:
        return 0, 0.0
    low = max(0, min(len(points) - 2, bisect_right(points, x) - 1))
    return low, (x - points[low]) / (points[low + 1] - points[low])


def between(low: float, high: float, share: float) -> float:
    """On the line through two values."""
    return low + (high - low) * share


def axis_of(variable: str) -> str:
    """What a template's variable is."""
    if "capacitance" in variable:
        return "load"
    return "data" if variable.startswith("constrained") else "slew"


def read_table(group: Group, templates: Mapping[str, Group], place: str) -> Table:
    """The table that stands in ``group``, with axes and, where it has none, points of its template.

    Raises
    ------
    ConfigError
        If template, points or values do not fit together.
    """
    template = templates.get(group.name)
    if template is None and group.name != "scalar":
        raise ConfigError(f"{place}: template {group.name!r} must be defined in the library, and is not")
    axes, points = [], []
    for index in (1, 2, 3):
        variable = template.text(f"variable_{index}") if template is not None else None
        if template is None or variable is None:
            break
        name = f"index_{index}"
        text = group.attributes.get(name, template.attributes.get(name))
        points.append(numbers(text, f"{place}: {name}"))
        axes.append(axis_of(variable))
    values = numbers(group.attributes.get("values"), f"{place}: values")
    expected = 1
    for point in points:
        expected *= len(point)
        if any(after <= before for before, after in itertools.pairwise(point)):
            raise ConfigError(f"{place}: points of an index must rise, not {', '.join(map(str, point))}")
    if len(values) != expected or len(axes) > 2:
        raise ConfigError(f"{place}: must have {expected} values over at most 2 axes,"
                          f" not {len(values)} over {len(axes)}")
    return Table(tuple(axes), tuple(points), values)


def numbers(text: str | tuple[str, ...] | None, place: str) -> tuple[float, ...]:
    """Numbers of a list attribute."""
    if not isinstance(text, tuple) or not text:
        raise ConfigError(f"{place}: must be a list of numbers in brackets, not {text!r}")
    parts = " ".join(text).replace("\\\n", " ").replace(",", " ").split()
    try:
        return tuple(float(part) for part in parts)
    except ValueError:
        raise ConfigError(f"{place}: must be numbers, not {' '.join(parts)[:40]!r}") from None
