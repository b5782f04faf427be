"""The command doctor, and how its findings look."""

from typing import TYPE_CHECKING

from spikewright import __version__
from spikewright.cli.exits import FAILED, OK
from spikewright.cli.options import Json
from spikewright.cli.printing import Result, line, show, table

if TYPE_CHECKING:
    from rich.console import Console

__all__ = ["doctor_command", "show_doctor"]


def doctor_command(as_json: Json = False) -> int:
    """Say which tools are there, which are missing and how to get them."""
    from dataclasses import asdict

    from spikewright.doctor import examine

    findings = examine()
    complete = all(finding.found for finding in findings if finding.required)
    result = {
        "complete": complete,
        "spikewright": __version__,
        "tools": [asdict(finding) for finding in findings],
    }
    show(result, show_doctor, as_json)
    return OK if complete else FAILED


def show_doctor(console: "Console", result: Result) -> None:
    """What is there, and how to get the rest."""
    rows = [
        (
            entry["name"],
            ("ok" if entry["found"] else "MISSING" if entry["required"] else "no"),
            entry["version"] or "–",
            entry["needed_for"] if entry["found"] else f"{entry['needed_for']}: {entry['remedy']}",
        )
        for entry in result["tools"]
    ]
    table(console, ("tool", "", "version", "needed for"), rows)
    missing = [entry["name"] for entry in result["tools"] if entry["required"] and not entry["found"]]
    line(console, f"missing: {', '.join(missing)}" if missing else "everything that is needed is there")
