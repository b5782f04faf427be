"""Breaks the RTL in every way of the table, and demands that the named test notices: ``make mutants``."""

import argparse
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor, as_completed
from itertools import groupby

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from tests.mutants.mutant import Mutant
from tests.mutants.run import Outcome, run_mutant, run_unbroken
from tests.mutants.table import MUTANTS

WIDTH = 220
"""Of the table in a file."""
COLOURS = {"caught": "green", "survived": "red", "invalid": "yellow"}


def main() -> int:
    """Exit code 0 if every mutant is caught."""
    parser = argparse.ArgumentParser(prog="python -m tests.mutants", description=__doc__)
    parser.add_argument("names", nargs="*", help="of mutants; all by default")
    parser.add_argument("-j", "--jobs", type=int, default=2, help="processes (2)")
    options = parser.parse_args()
    unknown = set(options.names) - {mutant.name for mutant in MUTANTS}
    if unknown:
        parser.error(f"there is no mutant {', '.join(sorted(unknown))}")
    chosen = [mutant for mutant in MUTANTS if not options.names or mutant.name in options.names]
    started, console = time.perf_counter(), Console()
    if not console.is_terminal:
        console = Console(width=WIDTH)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with ThreadPoolExecutor(options.jobs) as pool, Progress(*columns, console=console) as progress:
        broken = unbroken_failures(chosen, pool, progress)
        outcomes = dict(judged(chosen, pool, progress))
    console.print(table([(mutant, outcomes[mutant.name]) for mutant in chosen]))
    for test, why in broken.items():
        console.print(f"fails though nothing is broken: {test}: {why}", style="red", markup=False)
    caught = sum(outcome.verdict == "caught" for outcome in outcomes.values())
    tests = len({mutant.test for mutant in chosen})
    console.print(
        f"{caught} of {len(chosen)} mutants caught by {tests} tests in {time.perf_counter() - started:.0f} s"
    )
    return int(bool(broken) or caught < len(chosen))


def unbroken_failures(chosen: list[Mutant], pool: ThreadPoolExecutor, progress: Progress) -> dict[str, str]:
    """The named tests that fail though nothing is broken, a process for each of their files."""
    tests = sorted({mutant.test for mutant in chosen})
    files = [list(group) for _, group in groupby(tests, key=lambda test: test.partition("::")[0])]
    task = progress.add_task("unbroken", total=len(files))
    broken: dict[str, str] = {}
    for failures in progress.track(pool.map(run_unbroken, files), task_id=task, total=len(files)):
        broken |= failures
    return broken


def judged(chosen: list[Mutant], pool: ThreadPoolExecutor, progress: Progress
           ) -> Iterator[tuple[str, Outcome]]:  # fmt: skip
    """Outcomes by name; whoever is not caught is told at once."""
    task = progress.add_task("mutants", total=len(chosen))
    futures = {pool.submit(run_mutant, mutant): mutant for mutant in chosen}
    for future in as_completed(futures):
        mutant, outcome = futures[future], future.result()
        if outcome.verdict != "caught":
            text = f"{outcome.verdict}: {mutant.name} ({mutant.breaks}) {outcome.detail}"
            progress.console.print(text, style=COLOURS[outcome.verdict], markup=False)
        progress.advance(task)
        yield mutant.name, outcome


def table(rows: list[tuple[Mutant, Outcome]]) -> Table:
    """What became of each."""
    made = Table("mutant", "file", "what it breaks", "", "s", "test", box=None)
    for column in (0, 1, 3, 4):
        made.columns[column].no_wrap = True
    made.columns[5].overflow = "fold"
    for mutant, outcome in rows:
        colour = COLOURS[outcome.verdict]
        made.add_row(mutant.name, mutant.file, mutant.breaks, f"[{colour}]{outcome.verdict}[/]",
                     f"{outcome.seconds:.0f}", mutant.test.replace("[", r"\["))  # fmt: skip
    return made


if __name__ == "__main__":
    raise SystemExit(main())
