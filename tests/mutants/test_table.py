"""The table of mutants keeps up with the RTL and with the tests; ``make mutants`` runs all of them."""

import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from tests.mutants.mutant import Mutant
from tests.mutants.run import ROOT, apply, run_mutant, run_unbroken
from tests.mutants.table import MUTANTS

SAMPLE = next(mutant for mutant in MUTANTS if mutant.name == "port-priority")


def changed(**fields: str) -> Mutant:
    """The sample, but for these fields."""
    names = ("name", "file", "breaks", "old", "new", "test")
    return Mutant(**{name: getattr(SAMPLE, name) for name in names} | fields)


def test_the_text_to_change_stands_there_once() -> None:
    for mutant in MUTANTS:
        text = (ROOT / mutant.file).read_text()
        mutated = apply(mutant, text)  # an error names the mutant
        assert mutated != text, mutant.name
        if mutant.file.endswith(".py"):
            compile(mutated, mutant.name, "exec")


def test_every_named_test_exists() -> None:
    tests = sorted({f"tests/{mutant.test}" for mutant in MUTANTS})
    command = [sys.executable, "-m", "pytest", "-q", "--collect-only", "-p", "no:cacheprovider", *tests]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert {line for line in done.stdout.splitlines() if "::" in line} == set(tests)


def test_the_table_covers_the_rtl() -> None:
    """Every file with logic of its own is broken in several ways; names are different."""
    assert len({mutant.name for mutant in MUTANTS}) == len(MUTANTS) >= 100
    files = Counter(mutant.file for mutant in MUTANTS)
    without_logic = {"__init__.py", "words.py"}
    sources = [*(ROOT / "rtl").glob("*.py"), *(ROOT / "rtl" / "verilog").glob("*.v")]
    for source in sources:
        if source.name not in without_logic:
            assert files[str(source.relative_to(ROOT))] >= 2, source


def test_a_text_that_does_not_stand_there_once_is_an_error() -> None:
    for old, count in (("no such text", 0), ("self.enable", 6)):
        message = rf"^port-priority: '{old}' must stand once in rtl/intake\.py, not {count} times$"
        with pytest.raises(ValueError, match=message):
            apply(changed(old=old), (ROOT / SAMPLE.file).read_text())


def test_a_mutant_is_caught_by_its_test_and_by_no_other() -> None:
    assert run_unbroken([SAMPLE.test]) == {}
    assert run_mutant(SAMPLE).verdict == "caught"
    blind = changed(test="rtl/test_intake.py::test_every_event_of_a_step_then_its_token[0.0-1.0-1.0-one]")
    assert run_mutant(blind).verdict == "survived"


@pytest.mark.parametrize(("fields", "detail"), [
    ({"new": "earlier = no_such_name"}, "NameError: name 'no_such_name' is not defined"),
    ({"new": "earlier = ("}, "ERROR: found no collectors for"),
])  # fmt: skip
def test_what_breaks_otherwise_is_no_finding(fields: dict[str, str], detail: str) -> None:
    outcome = run_mutant(changed(**fields))
    assert outcome.verdict == "invalid"
    assert outcome.detail.startswith(detail), outcome.detail


def test_a_test_that_fails_on_the_unbroken_tree_is_told() -> None:
    failures = run_unbroken([SAMPLE.test, "rtl/test_intake.py::test_nothing"])
    assert failures["rtl/test_intake.py::test_nothing"].startswith("(no match in any of")


@pytest.mark.slow
def test_all_are_caught(tmp_path: Path) -> None:
    with (tmp_path / "table.txt").open("w") as said:
        done = subprocess.run([sys.executable, "-m", "tests.mutants"], cwd=ROOT, stdout=said, check=False)
    assert done.returncode == 0, (tmp_path / "table.txt").read_text()
