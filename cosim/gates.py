"""Gate-level runs: a mapped netlist in lockstep with the RTL, and how often its nets switch, as SAIF."""

import hashlib
import os
import re
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from spikewright.config import ChipConfig
from spikewright.cosim.gates_bench import gates_bench
from spikewright.cosim.simulators import MAKE_OPTIONS, RuntimeObjects, find_verilator
from spikewright.cosim.stimulus import bus_writes, input_words
from spikewright.errors import ToolError

__all__ = ["GateRun", "run_gates"]

INSTANCE = "gates"
"""What the netlist is called in SAIF."""

MAIN = Path(__file__).parent / "verilog" / "gates_main.cpp"


@dataclass(frozen=True, slots=True, kw_only=True)
class GateRun:
    """What a run gave.

    Parameters
    ----------
    saif, instance
        Switching of the netlist's nets, of the cycles between first word in and last token out.
    cycles, samples
        Clocks in it, and samples.
    words
        Words that came out, the same ones from RTL and gates.
    """

    saif: Path
    instance: str
    cycles: int
    samples: int
    words: int


class SaifObjects(RuntimeObjects):
    """Verilator's run-time library with SAIF and without cocotb, kept beside that of co-simulation."""

    def __init__(self) -> None:
        super().__init__(waves=False)
        self.folder = self.folder.with_name(f"{self.folder.name}-saif")


def run_gates(chip: ChipConfig, x: Mapping[str, Any], *, rtl: Path, memory: Path, gates: str,
              sources: Sequence[Path], work: Path, images: Mapping[str, Any] | None = None) -> GateRun:
    """Feed RTL and gates with ``x`` and compare every output of every cycle.

    Parameters
    ----------
    x
        Events by name of the input, ``(samples, steps, *shape)``.
    rtl, memory
        Folders of the Verilog and of the memory images of a build.
    gates, sources
        Module of the netlist, and the files of it, its cells and its macros.
    images
        Contents by name of memory; needed for contents ``bus``.

    Raises
    ------
    ToolError
        If the simulator cannot be built, the run locks up, or gates and RTL differ.
    """
    work.mkdir(parents=True, exist_ok=True)
    bench = work / "bench.sv"
    bench.write_text(gates_bench(chip, gates), encoding="utf-8")
    quiet = sorted(rtl.glob("*.v"))
    built = build(bench, quiet, sources, work)
    run = work / "run"
    shutil.rmtree(run, ignore_errors=True)
    run.mkdir()
    shutil.copytree(memory, run / "memory")
    samples = 0
    for index, port in enumerate(chip.inputs):
        events = np.asarray(x[port.name])
        samples = len(events)
        words = input_words(port, events.reshape(*events.shape[:2], -1))
        words.astype(">u8").tofile(run / f"input_{index}.bin")
    if chip.contents == "bus":
        assert images is not None, "a chip with a bus needs its images"
        bus_writes(chip, images).astype(">u8").tofile(run / "load.bin")
    options = [f"+samples={samples}", "+verilator+rand+reset+2", "+verilator+seed+1"]
    log = run / "simulation.log"
    call([str(built), *options], run, log)
    return checked(log, run / "gates.saif", samples)


def checked(log: Path, saif: Path, samples: int) -> GateRun:
    """The run's own words about itself; refused unless everything ran and was the same."""
    found = re.search(r"words (\d+) mismatches (\d+) first (\d+) cycles (\d+) samples (\d+)", log.read_text())
    if found is None:
        raise ToolError(f"gate-level run failed, see {log}")
    words, mismatches, first, cycles, done = map(int, found.groups())
    if mismatches:
        raise ToolError(f"gates differ from the RTL in {mismatches} cycles, first in {first}, see {log}")
    if done != samples or not words:
        raise ToolError(f"gate-level run locked up after {done} of {samples} samples, see {log}")
    return GateRun(saif=saif, instance=INSTANCE, cycles=cycles, samples=samples, words=words)


def build(bench: Path, quiet: Sequence[Path], sources: Sequence[Path], work: Path) -> Path:
    """Build the simulator, unless it is there for the same texts; its executable.

    Only the netlist is traced: not the RTL beside it, nor what is inside of cells and macros.
    """
    root = find_verilator()
    files = [bench, *quiet, *sources, MAIN]
    digest = hashlib.sha256()
    for file in files:
        digest.update(file.read_bytes())
    target = work / f"verilator-{digest.hexdigest()[:16]}"
    executable = target / "Vbench"
    if executable.exists():
        return executable
    shutil.rmtree(target, ignore_errors=True)
    target.mkdir()
    config = target / "trace.vlt"
    lines = [f'tracing_off -file "*{file.name}"' for file in (*quiet, *sources[1:])]
    config.write_text("\n".join(["`verilator_config", *lines, ""]), encoding="utf-8")
    objects = SaifObjects()
    log = target / "build.log"
    call(["perl", str(root / "bin" / "verilator"), "--cc", "--exe", "--trace-saif", "-O3", "-Wno-fatal",
          "-Wno-lint", "--x-initial", "unique", "--top", "bench", "--Mdir", str(target),
          str(config), *(str(file.resolve()) for file in files)], work, log, VERILATOR_ROOT=str(root))
    objects.restore(target)
    for kept in target.glob("verilated*.o"):
        kept.touch()  # newer than the makefile just written
    call(["make", "-C", str(target), "-f", "Vbench.mk", "Vbench", *MAKE_OPTIONS, "OPT_FAST=-O0"],
         work, log, VERILATOR_ROOT=str(root))
    objects.keep(target)
    return executable


def call(command: Sequence[str], folder: Path, log: Path, **environment: str) -> None:
    """Run a command in a folder; what it prints goes to the end of a log."""
    with log.open("a", encoding="utf-8") as stream:
        done = subprocess.run(command, cwd=folder, stdout=stream, stderr=subprocess.STDOUT, check=False,
                              env={**os.environ, **environment})
    if done.returncode:
        name = Path(command[0]).name
        raise ToolError(f"gate-level run failed: {name} ended with {done.returncode}, see {log}")
