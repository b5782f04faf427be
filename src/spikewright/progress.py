"""Progress on the error stream, for work that takes over two seconds.

Nothing is shown unless the command line asks for it (:func:`enable`), and on a terminal only.
"""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from rich.console import Console
    from rich.progress import Progress

__all__ = ["Advance", "enable", "progress", "waiting"]

DELAY_S = 2.0
"""Work that ends sooner shows nothing."""

_enabled = False


class Advance(Protocol):
    """Says that so much more of the work is done; ``note`` replaces what stands beside the bar."""

    def __call__(self, amount: float = 1, note: str | None = None) -> None: ...


def enable(shown: bool = True) -> None:
    """Show progress from now on, or no more."""
    global _enabled
    _enabled = shown


@contextmanager
def progress(what: str, total: float) -> Iterator[Advance]:
    """Follow one piece of work whose amounts sum up to ``total``."""
    done, text = 0.0, what
    with _after_delay(total) as bar:

        def advance(amount: float = 1, note: str | None = None) -> None:
            nonlocal done, text
            done += amount
            text = what if note is None else f"{what}: {note}"
            bar.update(bar.task_ids[0], completed=done, description=text)

        bar.update(bar.task_ids[0], description=what)
        yield advance


@contextmanager
def waiting(what: str) -> Iterator[Callable[[str], None]]:
    """Say what is being waited for; what is given calls it by its details."""
    with _after_delay(None) as bar:
        bar.update(bar.task_ids[0], description=what)
        yield lambda note: bar.update(bar.task_ids[0], description=f"{what}: {note}")


@contextmanager
def _after_delay(total: float | None) -> Iterator["Progress"]:
    """A bar that comes up when the work has lasted for some time, and goes away with it."""
    from rich.console import Console

    console = Console(stderr=True)
    bar = _make_bar(console)
    bar.add_task("", total=total)
    ended = threading.Event()

    def show() -> None:
        if not ended.wait(DELAY_S):
            bar.start()

    thread = threading.Thread(target=show, daemon=True) if _enabled and console.is_terminal else None
    if thread is not None:
        thread.start()
    try:
        yield bar
    finally:
        ended.set()
        if thread is not None:
            thread.join()
            bar.stop()


def _make_bar(console: "Console") -> "Progress":
    from rich import progress as bars

    return bars.Progress(
        bars.SpinnerColumn(),
        bars.TextColumn("{task.description}"),
        bars.BarColumn(),
        bars.TaskProgressColumn(),
        bars.TimeElapsedColumn(),
        bars.TimeRemainingColumn(),
        console=console,
        transient=True,
    )
