"""Progress bars on the error stream, for work that takes over two seconds."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from rich.progress import Progress

__all__ = ["Advance", "progress"]

DELAY_S = 2.0
"""Work that ends sooner shows no bar."""


class Advance(Protocol):
    """Says that so much more of the work is done; ``note`` replaces what stands beside the bar."""

    def __call__(self, amount: float = 1, note: str | None = None) -> None: ...


@contextmanager
def progress(what: str, total: float | None, *, shown: bool = True) -> Iterator[Advance]:
    """Follow one piece of work; the bar comes up after two seconds, on a terminal only.

    Parameters
    ----------
    what
        Short name of the work.
    total
        Sum of the amounts to come, if it is known.
    shown
        False for no bar at all.
    """
    bar: Progress | None = None
    start = time.monotonic()
    done, text = 0.0, what

    def advance(amount: float = 1, note: str | None = None) -> None:
        nonlocal bar, done, text
        done += amount
        text = what if note is None else f"{what}: {note}"
        if not shown or time.monotonic() - start < DELAY_S:
            return
        if bar is None:
            bar = make_bar()
            bar.add_task(text, total=total)
            bar.start()
        bar.update(bar.task_ids[0], completed=done, description=text)

    try:
        yield advance
    finally:
        if bar is not None:
            bar.stop()


def make_bar() -> "Progress":
    """A bar with elapsed and remaining time; it goes away when the work is done."""
    from rich import progress as bars
    from rich.console import Console

    console = Console(stderr=True)
    return bars.Progress(
        bars.TextColumn("{task.description}"),
        bars.BarColumn(),
        bars.TaskProgressColumn(),
        bars.TimeElapsedColumn(),
        bars.TimeRemainingColumn(),
        console=console,
        transient=True,
        disable=not console.is_terminal,
    )
