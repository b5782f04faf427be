"""Yosys in a process of its own: what it prints stays in a log, and its crash is an error message.

Run as a module it takes a job from standard input: ``[[folder, [command, ...]], ...]``.
"""

import importlib.metadata
import importlib.util
import json
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from spikewright.errors import ToolError

__all__ = ["Stage", "first_error", "run_yosys", "yosys_version"]

Stage = tuple[Path, Sequence[str]]
"""A folder, and the commands to give while in it: Yosys reads and writes relative file names there."""


def yosys_version() -> str:
    """Version of the installed pyosys."""
    if importlib.util.find_spec("pyosys") is None:
        raise ToolError("yosys is missing: pip install pyosys")
    return importlib.metadata.version("pyosys")


def run_yosys(stages: Sequence[Stage], log: Path) -> None:
    """Give Yosys commands.

    Parameters
    ----------
    stages
        Folders and commands, done in order in one design.
    log
        Where everything it prints is written.

    Raises
    ------
    ToolError
        With Yosys's first error line, if it stops.
    """
    yosys_version()
    job = json.dumps([[str(folder.resolve()), list(commands)] for folder, commands in stages])
    # -P: nothing in the current folder may stand in for a module.
    done = subprocess.run([sys.executable, "-P", "-m", __spec__.name], input=job, text=True, errors="replace",
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
    log.write_text(done.stdout, encoding="utf-8")
    if done.returncode:
        raise ToolError(f"yosys: {first_error(done.stdout) or f'stopped with code {done.returncode}'}")


def first_error(output: str) -> str | None:
    """The first line that reports an error, from the file name or message on; None where there is none."""
    for line in output.splitlines():
        before, found, message = line.partition("ERROR:")
        if found:
            return f"{before.strip()} {message.strip()}".strip()
    return None


def main() -> None:
    """Do the job that stands in standard input."""
    from pyosys import libyosys  # type: ignore[import-untyped]  # here: it takes long to load

    design = libyosys.Design()
    for folder, commands in json.load(sys.stdin):
        os.chdir(folder)
        for command in commands:
            design.run_pass(command)


if __name__ == "__main__":
    main()
