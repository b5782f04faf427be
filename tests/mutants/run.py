"""Runs tests on copies of the tree, one of them changed."""

import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.mutants import verdicts
from tests.mutants.mutant import Mutant

__all__ = ["Outcome", "run_mutant", "run_unbroken"]

ROOT = Path(__file__).parents[2]
COPIED = ("rtl", "compiler", "models", "cosim", "boards", "src", "tests", "pyproject.toml")
SECONDS = 300
"""What no test that is named takes; a mutant may make one run for ever."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a mutant fared.

    Parameters
    ----------
    verdict
        ``caught``; ``survived``: the test passes; ``invalid``: anything else, of which ``detail`` tells.
    """

    verdict: str
    detail: str
    seconds: float


def apply(mutant: Mutant, text: str) -> str:
    """The file's text with the change; the old text must stand there exactly once."""
    count = text.count(mutant.old)
    if count != 1:
        raise ValueError(f"{mutant.name}: {mutant.old!r} must stand once in {mutant.file}, not {count} times")
    return text.replace(mutant.old, mutant.new)


def copy_tree(folder: Path) -> Path:
    """All that tests need."""
    for name in COPIED:
        source = ROOT / name
        if source.is_dir():
            shutil.copytree(source, folder / name, symlinks=True,
                            ignore=shutil.ignore_patterns("__pycache__"))  # fmt: skip
        else:
            shutil.copyfile(source, folder / name)
    return folder


def run_tests(folder: Path, tests: Sequence[str]) -> dict[str, str]:
    """How tests end in a copy of the tree, by name; ``""`` holds what pytest said at last."""
    written = folder / "verdicts.txt"
    written.touch()
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", verdicts.__name__,
               f"--verdicts={written}", *(f"tests/{test}" for test in tests)]  # fmt: skip
    environment = {**os.environ, "PYTHONPATH": str(folder / "src"), "PYTHONDONTWRITEBYTECODE": "1"}
    try:
        done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True,
                              check=False, timeout=SECONDS)  # fmt: skip
        said = (done.stdout + done.stderr).strip().splitlines()
    except subprocess.TimeoutExpired:
        said = [f"not done after {SECONDS} s"]
    lines = (line.split("\t", 1) for line in written.read_text().splitlines())
    found = {name.removeprefix("tests/"): verdict for name, verdict in lines}
    return {"": said[-1] if said else "", **found}


def run_unbroken(tests: Sequence[str]) -> dict[str, str]:
    """Tests that do not pass on an unbroken tree, and why."""
    with tempfile.TemporaryDirectory(prefix="spikewright-") as folder:
        found = run_tests(copy_tree(Path(folder)), tests)
    return {test: found.get(test, found[""]) for test in tests if found.get(test) != verdicts.PASSED}


def run_mutant(mutant: Mutant) -> Outcome:
    """Whether its test catches a mutant."""
    started = time.perf_counter()
    with tempfile.TemporaryDirectory(prefix="spikewright-") as folder:
        changed = copy_tree(Path(folder)) / mutant.file
        changed.write_text(apply(mutant, changed.read_text()))
        found = run_tests(Path(folder), [mutant.test])
    detail = found.get(mutant.test, found[""])
    verdict = {verdicts.PASSED: "survived", verdicts.FINDING: "caught"}.get(detail, "invalid")
    return Outcome(verdict, detail if verdict == "invalid" else "", time.perf_counter() - started)
