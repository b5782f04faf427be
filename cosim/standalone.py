"""Simulations that need no bench: programs of their own, which start in milliseconds.

Co-simulation proper runs under cocotb. Waveforms of a window and runs with faults take the same harness,
which feeds and records by itself, as a plain program: many short runs of one build.
"""

import hashlib
import os
import shutil
import subprocess
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from spikewright.cosim.simulators import (
    MAKE_OPTIONS,
    TOP,
    RuntimeObjects,
    Simulator,
    find_verilator,
)
from spikewright.errors import ToolError

__all__ = ["Program", "build_program"]

BUILD_SECONDS = 1800


@dataclass(frozen=True, slots=True)
class Program:
    """A simulator built for one harness."""

    command: tuple[str, ...]
    build_seconds: float

    def run(self, folder: Path, plusargs: Sequence[str], *, timeout: float | None = None) -> bool:
        """Run in a folder with the harness's files until it ends; whether it did, within the time.

        What it prints goes to ``simulation.log``.
        """
        with (folder / "simulation.log").open("w") as log:
            try:
                done = subprocess.run(
                    [*self.command, "+finish", *plusargs],
                    cwd=folder,
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=subprocess.STDOUT,
                    timeout=timeout,
                    check=False,
                )
            except subprocess.TimeoutExpired:
                return False
        return done.returncode == 0


def build_program(
    simulator: Simulator, sources: Sequence[Path], folder: Path, *, waves: bool = False, level: str = "-O0"
) -> Program:
    """Build a program, unless ``folder`` has one for the same sources already.

    ``level`` is the C++ compiler's: ``-O0`` is sooner there, others are faster to run.

    Raises
    ------
    ToolError
        If the simulator is missing or refuses the sources.
    """
    started = time.perf_counter()
    digest = hashlib.sha256(f"{simulator} {waves} {level}".encode())
    for source in sources:
        digest.update(source.read_bytes())
    target = folder / f"{simulator}-program-{digest.hexdigest()[:16]}"
    program = target / ("simulation.vvp" if simulator == "icarus" else "simulation")
    if not program.exists():
        shutil.rmtree(target, ignore_errors=True)
        target.mkdir(parents=True)
        if simulator == "icarus":
            _icarus(sources, target, program)
        else:
            _verilator(sources, target, program, waves=waves, level=level)
    command = ("vvp", "-n", str(program)) if simulator == "icarus" else (str(program),)
    return Program(command, time.perf_counter() - started)


def _verilator(sources: Sequence[Path], target: Path, program: Path, *, waves: bool, level: str) -> None:
    """Verilate, then compile with the run-time library as it is kept."""
    root = find_verilator()
    verilate = [
        "perl", str(root / "bin" / "verilator"), "--cc", "--exe", "--main", "--timing", "-O3", "-Wno-fatal",
        "--x-initial", "unique", "--timescale", "1ns/1ps", "--prefix", "Vtop", "--top-module", TOP,
        "--Mdir", str(target), "-o", program.name, "-CFLAGS", "-std=c++20", *(["--trace"] if waves else []),
        *map(str, sources),
    ]  # fmt: skip
    _call(verilate, target, root)
    objects = RuntimeObjects(waves=waves, kind="program")
    objects.restore(target)
    for kept in target.glob("verilated*.o"):
        kept.touch()  # newer than the makefile just written
    _call(["make", "-C", str(target), "-f", "Vtop.mk", *MAKE_OPTIONS, f"OPT_FAST={level}"], target, root)
    objects.keep(target)


def _icarus(sources: Sequence[Path], target: Path, program: Path) -> None:
    for tool in ("iverilog", "vvp"):
        if shutil.which(tool) is None:
            raise ToolError(f"{tool} is not on PATH: apt-get install iverilog, or use --simulator verilator")
    _call(["iverilog", "-g2012", "-s", TOP, "-o", str(program), *map(str, sources)], target, None)


def _call(command: list[str], target: Path, root: Path | None) -> None:
    """Run a tool; what it says is in ``build.log``."""
    log = target / "build.log"
    environment = dict(os.environ) if root is None else {**os.environ, "VERILATOR_ROOT": str(root)}
    with log.open("a") as stream:
        done = subprocess.run(
            command, stdin=subprocess.DEVNULL, stdout=stream, stderr=subprocess.STDOUT, env=environment,
            timeout=BUILD_SECONDS, check=False,
        )  # fmt: skip
    if done.returncode:
        tool = Path(command[1] if command[0] == "perl" else command[0]).name
        raise ToolError(f"{tool} did not build the simulation (code {done.returncode}), see {log}")
