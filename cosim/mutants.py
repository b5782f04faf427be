"""Faults in the logic: Yosys' ``mutate`` makes one Verilog with all of them, chosen by an input ``fault``.

A fault inverts a bit of a cell's port, ties it to 0 or 1, or inverts it where another bit of the same port is
0 or 1. Cells that nothing but the observers' port ``activity`` depends on are left out, and so are clock and
reset trees.
"""

import re
import shlex
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from spikewright.errors import ToolError

__all__ = ["Mutant", "fault_bits", "write_mutants"]

SPARE = 2
"""So many times as many as are wanted are drawn: some are not to be used."""

HOW = {
    "inv": "inverted",
    "const0": "tied to 0",
    "const1": "tied to 1",
    "cnot0": "inverted where another bit is 0",
    "cnot1": "inverted where another bit is 1",
}

# In a process of its own: the names that Yosys gives depend on what it did before.
_YOSYS = """\
import sys
from pathlib import Path
from pyosys import libyosys
design = libyosys.Design()
count, seed, bits = map(int, sys.argv[1:4])
for command in ("read_verilog cells.v", "read_verilog chip.v", "hierarchy -top chip", "proc",
                "memory_collect", "design -save base", "delete -port chip/activity", "opt_clean", "opt_hier",
                "opt_clean",
                f"mutate -list {count * SPARE} -seed {seed} -o drawn.txt", "design -load base"):
    design.run_pass(command)
chosen = []
for line in Path("drawn.txt").read_text().splitlines():
    words = line.split()
    option = dict(zip(words[1::2], words[2::2]))
    clock = option.get("-wire") in ("clk", "rst") or option["-port"].upper().endswith(("CLK", "RST"))
    if not clock and line not in chosen:
        chosen.append(line)
chosen = chosen[:count]
Path("chosen.txt").write_text("".join(f"{line}\\n" for line in chosen))
for number, line in enumerate(chosen, 1):
    design.run_pass(line.replace("mutate ", f"mutate -ctrl fault {bits} {number} ", 1))
design.run_pass("write_verilog -noattr mutants.v")
""".replace("SPARE", str(SPARE))


@dataclass(frozen=True, slots=True, kw_only=True)
class Mutant:
    """One fault in the logic; it is there while the input ``fault`` is ``number``.

    ``module`` is Yosys' name of the module, ``wire`` the signal at the port where it has a name.
    """

    number: int
    module: str
    cell: str
    port: str
    bit: int
    mode: str
    wire: str | None

    @property
    def how(self) -> str:
        """What the fault does."""
        return HOW[self.mode]

    @property
    def where(self) -> str:
        """Where it sits."""
        signal = f", signal {self.wire}" if self.wire else ""
        return f"{self.module}: bit {self.bit} of {self.port} of {self.cell}{signal}"


def fault_bits(count: int) -> int:
    """Width of the input ``fault``; 0 where there are no faults."""
    return count.bit_length()


def write_mutants(rtl: Path, target: Path, count: int, seed: int) -> list[Mutant]:
    """Write the chip with so many faults to the file ``target``; fewer where the design has no more.

    Raises
    ------
    ToolError
        If Yosys stops: with the last line that it prints.
    """
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        cells = sorted(file for file in rtl.glob("*.v") if file.name != "chip.v")
        (folder / "cells.v").write_text("".join(_black_box(file.read_text()) for file in cells))
        (folder / "chip.v").write_bytes((rtl / "chip.v").read_bytes())
        done = subprocess.run(
            [sys.executable, "-P", "-c", _YOSYS, str(count), str(seed), str(fault_bits(count))],
            cwd=folder, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False,
        )  # fmt: skip
        if done.returncode:
            said = (done.stdout + done.stderr).strip() or f"stopped with code {done.returncode}"
            raise ToolError(f"yosys: {said.splitlines()[-1]}")
        target.write_bytes((folder / "mutants.v").read_bytes())
        lines = (folder / "chosen.txt").read_text().splitlines()
    return [_mutant(number, line) for number, line in enumerate(lines, 1)]


def _black_box(text: str) -> str:
    """The head of a module that a tool may replace: Yosys needs its ports only."""
    bare = re.sub(r"//[^\n]*", "", text)
    return f"(* blackbox *)\n{bare[: bare.index(');') + 2]}\nendmodule\n"


def _mutant(number: int, line: str) -> Mutant:
    words = shlex.split(line.replace("\\", "\\\\"))
    option: dict[str, str] = {}
    for key, value in zip(words[1::2], words[2::2], strict=True):
        option.setdefault(key.removeprefix("-"), value)
    return Mutant(
        number=number,
        module=option["module"],
        cell=option["cell"],
        port=option["port"],
        bit=int(option["portbit"]),
        mode=option["mode"],
        wire=option.get("wire"),
    )
