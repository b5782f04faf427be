"""Proofs: Yosys turns a design into an and-inverter graph, ABC proves it or finds a counterexample.

Both come with pyosys. ``pdr`` (property-directed reachability) proves for any number of cycles, and
checks the invariant that it found; ``bmc3`` looks through so many cycles after power-up.
"""

import importlib.util
import re
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from amaranth.back import rtlil  # type: ignore[attr-defined]  # the stubs lack it

from tests.formal.formal import Formal
from tests.formal.replay import Trace, replay

__all__ = ["Model"]

_YOSYS = """\
import sys
from pyosys import libyosys
design = libyosys.Design()
for command in sys.argv[1:]:
    design.run_pass(command)
"""

# What is undefined in the design is anything; what Yosys leaves undefined later is never selected.
_TO_GATES = ("flatten", "setundef -anyseq", "opt -fast", "memory -nordff", "memory_map", "opt", "techmap",
             "opt -fast", "dffunmap", "setundef -zero", "aigmap", "opt_clean")


class Model:
    """A design as the prover takes it.

    Parameters
    ----------
    platform, verilog
        A platform only for the prover, that puts modules of these files where Amaranth's simulator has parts
        that it knows.
    mutation
        Commands for Yosys between reading the design and flattening it.
    """

    def __init__(self, formal: Formal, *, platform: object = None, verilog: Sequence[Path] = (),
                 mutation: Sequence[str] = ()) -> None:
        self.formal = formal
        platform = formal.platform if platform is None else platform
        outputs = [formal.failed, *formal.checks.values(), *formal.covers.values()]
        self._outputs = {name: index for index, name in
                         enumerate(["any", *formal.checks, *(f"cover {name}" for name in formal.covers)])}
        ports = [formal.domain.clk, formal.domain.rst, *formal.inputs.values(), *outputs]
        text = rtlil.convert(formal, platform=platform, ports=ports, name="top", emit_src=False)
        with tempfile.TemporaryDirectory() as folder:
            source, graph, names = (Path(folder, name) for name in ("top.il", "top.aig", "top.map"))
            source.write_text(text)
            read = [f"read_rtlil {source}", *(f"read_verilog {file}" for file in verilog)]
            _yosys([*read, "hierarchy -top top", "proc", *mutation, *_TO_GATES,
                    f"write_aiger -zinit -map {names} {graph}"])
            self._graph, self._inputs = graph.read_bytes(), _input_bits(names.read_text())

    def prove(self, *, seconds: int = 60) -> None:
        """Prove all checks for any number of cycles; what ABC takes as an invariant it verifies too."""
        said, trace = self._abc("any", f"pdr -T {seconds}")
        if trace is not None:
            raise AssertionError(f"a counterexample:\n{trace.table()}")
        if "Property proved." not in said or not re.search(r"Verification of invariant .* successful", said):
            raise AssertionError(f"undecided after {seconds} s:\n{said[-300:]}")

    def bounded(self, depth: int, *, engine: str = "bmc3", seconds: int = 300) -> None:
        """Prove all checks for the first ``depth`` cycles after power-up; ``pdr`` is better for queues.

        A counterexample that ``pdr`` comes across may be longer.
        """
        said, trace = self._abc("any", f"{engine} -F {depth} -T {seconds}")
        if trace is not None:
            raise AssertionError(f"a counterexample:\n{trace.table()}")
        done = ("Property proved.", f"No output asserted in {depth} frames.",
                f"Reached limit on the number of timeframes ({depth}).")
        if "timeout" in said or not any(line in said for line in done):
            raise AssertionError(f"{depth} cycles are too many for {seconds} s:\n{said[-300:]}")

    def reach(self, depth: int) -> dict[str, int]:
        """Show that all that is to be possible happens within ``depth`` cycles; in how many."""
        cycles: dict[str, int] = {}
        for name in self.formal.covers:
            said, trace = self._abc(f"cover {name}", f"bmc3 -F {depth}")
            assert trace is not None, f"{name!r} is not reached in {depth} cycles:\n{said}"
            assert name in trace.reached, f"{name!r} is reached by the prover, not in simulation"
            cycles[name] = trace.cycles
        return cycles

    def refute(self, check: str, depth: int) -> Trace:
        """Find a counterexample to a check, and see it in the simulator too."""
        said, trace = self._abc(check, f"bmc3 -F {depth}")
        assert trace is not None, f"{check!r} holds for {depth} cycles all the same:\n{said}"
        return trace

    def caught(self, depth: int) -> bool:
        """Whether any check fails within ``depth`` cycles; for a design that the simulator does not know."""
        return "was asserted in frame" in self._run("any", f"bmc3 -F {depth} -T 30")[0]

    def _run(self, output: str, command: str) -> tuple[str, str]:
        """Give ABC a command for one output; what it said, and the counterexample it wrote."""
        with tempfile.TemporaryDirectory() as folder:
            graph, found = Path(folder, "top.aig"), Path(folder, "top.cex")
            graph.write_bytes(self._graph)
            script = (f"read_aiger {graph}; cone -O {self._outputs[output]}; {command}; write_cex -a {found}")
            done = subprocess.run([_abc(), "-c", script], capture_output=True, text=True, check=False)
            return done.stdout + done.stderr, found.read_text() if found.exists() else ""

    def _abc(self, output: str, command: str) -> tuple[str, Trace | None]:
        said, found = self._run(output, command)
        if "was asserted in frame" not in said:
            return said, None
        rows = [line for line in found.splitlines() if re.fullmatch(r"[01x]+", line)]
        frames: list[dict[str, int]] = []
        for row in rows[1:]:  # the first row is the state at power-up, all zero
            frame: dict[str, int] = {}
            for index, (name, bit) in self._inputs.items():
                frame[name] = frame.get(name, 0) | (row[index] == "1") << bit
            frames.append(frame)
        trace = replay(self.formal, frames)
        checks = list(self.formal.checks) if output == "any" else [output]
        if not output.startswith("cover ") and not any(name in trace.broken for name in checks):
            raise AssertionError(f"the prover's counterexample is none in simulation:\n{trace.table()}")
        return said, trace


def _yosys(commands: Sequence[str]) -> None:
    """In a process of its own: nothing is left of one design when the next comes."""
    done = subprocess.run([sys.executable, "-P", "-c", _YOSYS, *commands], capture_output=True, text=True,
                          check=False)
    assert not done.returncode, (done.stdout + done.stderr)[-2000:]


def _abc() -> str:
    """The ABC that pyosys brings."""
    spec = importlib.util.find_spec("pyosys")
    assert spec is not None
    assert spec.origin is not None
    return str(Path(spec.origin).with_name("yosys-abc"))


def _input_bits(names: str) -> dict[int, tuple[str, int]]:
    """By number of the input in the graph: which bit of which port it is."""
    rows = (line.split(maxsplit=3) for line in names.splitlines())
    return {int(row[1]): (row[3], int(row[2])) for row in rows if row[0] == "input"}
