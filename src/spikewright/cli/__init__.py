"""The command line: a thin layer over :mod:`spikewright.api`.

Exit codes: 0 it ran and held; 1 the check failed; 2 the input is wrong, said in one line; 130 stopped
by the user. Anything else is a traceback, and a bug.
"""

from spikewright.cli.application import app, main

__all__ = ["app", "main"]
