"""A chip mapped to the cells of a Liberty library by Yosys and ABC.

Memories of more than :data:`~spikewright.boards.terms.FLOP_BITS` bits stay SRAM macros
(``spikewright_sram``); smaller ones become flip-flops, contents that are baked into them logic. The netlist
comes as JSON, and as Verilog with functional models of its cells, which are Yosys's reading of the
library's own ``function`` attributes.
"""

from dataclasses import dataclass
from pathlib import Path

from spikewright.boards.asic_memory import (
    MEMORY,
    macro_for_simulation,
    macro_for_synthesis,
    memory_for_synthesis,
)
from spikewright.boards.cells import Library
from spikewright.boards.liberty import read_text
from spikewright.boards.netlist import Netlist, read_netlist
from spikewright.boards.synth import verilog_files
from spikewright.boards.terms import FLOP_BITS
from spikewright.boards.yosys import run_yosys
from spikewright.errors import ToolError

__all__ = ["GATES", "Mapped", "map_gates"]

TARGET_PS = 10_000
"""What ABC sizes gates for: 100 MHz, as the FPGAs' placers."""

GATES = "chip_gates"
"""Module of the mapped chip, with the ports of the chip."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Mapped:
    """What mapping gave.

    Parameters
    ----------
    netlist
        Cells and nets.
    sources
        The netlist as module :data:`GATES`, models of its cells, and of its macros.
    """

    netlist: Netlist
    sources: tuple[Path, Path, Path]


def map_gates(rtl: Path, library: Library, folder: Path, *, top: str = "chip",
              run_in: Path | None = None) -> Mapped:
    """Map every Verilog file of a folder to gates.

    Parameters
    ----------
    rtl
        Folder of the Verilog; its memory is replaced.
    folder
        Takes the library's text, netlists, models and logs.
    run_in
        Folder that file names in ``$readmemh`` are relative to; by default the one above ``rtl``.

    Raises
    ------
    ConfigError
        If there is no Verilog.
    ToolError
        If Yosys stops, or the library lacks a cell that every chip needs.
    """
    folder.mkdir(parents=True, exist_ok=True)
    files = [path for path in verilog_files(rtl) if path.stem != MEMORY]
    own = rtl / f"{MEMORY}.v"
    texts = {"memory.v": "", "macro.v": "", "macros.v": ""}
    if own.is_file():
        verilog = own.read_text(encoding="utf-8")
        texts = {"memory.v": memory_for_synthesis(verilog, FLOP_BITS),
                 "macro.v": macro_for_synthesis(verilog), "macros.v": macro_for_simulation(verilog)}
    for name, text in texts.items():
        (folder / name).write_text(text, encoding="utf-8")
    read = " ".join(f'"{path.resolve()}"' for path in (*files, folder / "memory.v"))
    (folder / "library.lib").write_text(read_text(library.path), encoding="utf-8")
    excluded = [f"-dont_use {name}" for name in library.excluded]
    run_yosys([
        (run_in or rtl.parent, [
            f"read_verilog -sv -defer {read}", f'read_verilog -sv -lib "{(folder / "macro.v").resolve()}"',
            f"hierarchy -check -top {top}"]),
        (folder, mapping_commands(library, " ".join(excluded), top, folder)),
    ], folder / "mapping.log")
    netlist = read_netlist(folder / "gates.json", top)
    used = sorted(netlist.cell_types())
    missing = [name for name in used if name not in library.cell_groups]
    if missing:
        raise ToolError(f"{library.path.name}: has no cell for {missing[0]}, see {folder / 'mapping.log'}")
    run_yosys([(folder, [
        "read_liberty -ignore_miss_func -ignore_buses library.lib", f"select {' '.join(used)}", "proc",
        "write_verilog -noattr -selected models.v"])], folder / "models.log")
    return Mapped(netlist=netlist, sources=(folder / "gates.v", folder / "models.v", folder / "macros.v"))


def mapping_commands(library: Library, excluded: str, top: str, folder: Path) -> list[str]:
    """Yosys's generic synthesis, then flip-flops and logic mapped; names short and flat at the end."""
    buffer = library.buffer()
    sizing = ""
    if buffer is not None:  # with a driver named, ABC also buffers nets and sizes gates
        (folder / "abc.constr").write_text(f"set_driving_cell {buffer}\nset_load 0\n", encoding="utf-8")
        sizing = f"-constr abc.constr -D {TARGET_PS}"
    return [
        f"synth -flatten -top {top}",
        f"dfflibmap -liberty library.lib {excluded}",
        "opt",
        f"abc -liberty library.lib {sizing} {excluded}",
        "setundef -zero", "opt_clean -purge", "splitnets",
        # Every net and cell gets a short name, so that it is the same in JSON, Verilog and SAIF.
        "rename -hide w:* t:*", "rename -enumerate -pattern n% w:*", "rename -enumerate -pattern g% t:*",
        "write_json gates.json", f"rename {top} {GATES}", "write_verilog -noattr -noexpr gates.v",
    ]
