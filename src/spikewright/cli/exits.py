"""How a command line ends: exit codes, and errors as one line."""

import sys

import typer

__all__ = ["FAILED", "OK", "STOPPED", "WRONG", "complain", "os_reason", "usage"]

OK, FAILED, WRONG, STOPPED = 0, 1, 2, 130
"""It ran and held; the check failed; the input is wrong; stopped by the user."""


def complain(message: str, code: int) -> int:
    """Print an error as one line."""
    print(f"spikewright: {' '.join(message.split())}", file=sys.stderr)
    return code


def usage(error: typer.TyperException) -> str:
    """What is wrong with a command line, and what came, which Typer leaves out of a value's limits."""
    said, findings = error.format_message(), getattr(error.__cause__, "errors", None)
    return f"{said}, not {findings()[0]['input']!r}" if callable(findings) else said


def os_reason(error: OSError) -> str:
    """What the system refused, and where."""
    reason = error.strerror or str(error)
    return reason if error.filename is None else f"{error.filename}: {reason}"
