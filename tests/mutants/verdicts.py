"""A pytest plugin: how each test ended, and whether a failure is a finding or just a thing that broke.

A finding is an assertion of a test, a proof that fails, or a simulation that locks up. Anything else that is
raised (a name that does not exist, a width that Amaranth refuses) says nothing about the test.
"""

from collections.abc import Generator
from pathlib import Path
from typing import Any

import pytest

__all__ = ["FINDING", "PASSED", "pytest_addoption", "pytest_runtest_makereport"]

PASSED, FINDING = "passed", "finding"
TESTS = Path(__file__).parents[1]


def pytest_addoption(parser: pytest.Parser) -> None:
    """The file that gets a line a test: its name, a tab, how it ended."""
    parser.addoption("--verdicts", required=True, metavar="FILE")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]
                              ) -> Generator[None, Any, pytest.TestReport]:  # fmt: skip
    """Write down how the test ended: after its call, or where it did not come to that."""
    report: pytest.TestReport = yield
    if call.when == "call" or (call.when == "setup" and not report.passed):
        with Path(item.config.getoption("--verdicts")).open("a") as file:
            file.write(f"{item.nodeid}\t{PASSED if report.passed else judged(call)}\n")
    return report


def judged(call: pytest.CallInfo[None]) -> str:
    """FINDING, or what else went wrong, in a line."""
    if call.excinfo is None:
        return "skipped"
    error = call.excinfo.value
    asserted = isinstance(error, AssertionError) and TESTS in Path(call.excinfo.traceback[-1].path).parents
    found = type(error).__name__ == "LockedError" or "proof did fail" in str(error)
    if asserted or found:
        return FINDING
    return f"{type(error).__name__}: {' '.join(str(error).split())[:200]}"
