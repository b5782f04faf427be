"""Printing results: as JSON on one stream, as tables for people on the other."""

import json
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rich.console import Console

__all__ = ["Result", "line", "pairs", "show", "table", "tell"]

Result = Mapping[str, Any]
"""What a command found out, as ``--json`` prints it."""

PLAIN_WIDTH = 110
"""Columns of tables where there is no terminal."""


def show(result: Result, how: "Callable[[Console, Result], None]", as_json: bool) -> None:
    """Print a result: as JSON on stdout and for people on stderr, or for people on stdout."""
    from spikewright.stages.common import plain

    how(console_on(sys.stderr if as_json else sys.stdout), result)
    if as_json:
        json.dump(plain(result), sys.stdout, indent=1, allow_nan=False)
        sys.stdout.write("\n")


def tell(text: str, as_json: bool) -> None:
    """Print a line for people."""
    line(console_on(sys.stderr if as_json else sys.stdout), text)


def console_on(stream: Any) -> "Console":
    """Where tables go; wide enough where there is no terminal."""
    from rich.console import Console

    return Console(file=stream, width=None if stream.isatty() else PLAIN_WIDTH)


def table(
    console: "Console", header: Sequence[str], rows: Iterable[Sequence[str]], *, title: str | None = None
) -> None:
    """Print a table; the first column to the left, numbers to the right."""
    from rich.box import SIMPLE_HEAD
    from rich.table import Table
    from rich.text import Text

    rows = [*rows]
    heading = None if title is None else Text(title)
    grid = Table(box=SIMPLE_HEAD, title=heading, title_justify="left", pad_edge=False)
    for name in header:
        grid.add_column(Text(name))
    for index, column in enumerate(grid.columns):
        cells = [row[index] for row in rows]
        if index and cells and all(cell[:1].isdigit() or cell[:1] in "–-" for cell in cells):
            column.justify = "right"
    for row in rows:
        grid.add_row(*[Text(cell) for cell in row])
    console.print(grid)


def pairs(console: "Console", rows: Iterable[Sequence[str]]) -> None:
    """Print names and values in columns; a third says where they come from."""
    from rich.table import Table
    from rich.text import Text

    grid = Table.grid(padding=(0, 2))
    for name, value, *more in rows:
        grid.add_row(Text(name, style="dim"), Text(value), *[Text(text, style="dim") for text in more])
    console.print(grid)


def line(console: "Console", text: str, style: str | None = None) -> None:
    """Print one line as it is."""
    console.print(text, style=style, markup=False, emoji=False, highlight=False, soft_wrap=True)
