"""Area: Verilog through Yosys to the cells of an FPGA."""

import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from pathlib import Path

from spikewright.boards.devices import Device, Family
from spikewright.boards.yosys import run_yosys
from spikewright.errors import ConfigError, ToolError

__all__ = ["CELLS", "Synthesis", "synthesise", "verilog_files"]

CELLS: dict[Family, dict[str, tuple[str, ...]]] = {
    "ecp5": {
        "luts": ("LUT4",),
        "carries": ("CCU2C",),
        "ffs": ("TRELLIS_FF",),
        "brams": ("DP16KD", "PDPW16KD"),  # the second is the first at its full width
        "dsps": ("MULT18X18D",),
        "lutram_cells": ("TRELLIS_DPR16X4",),
    },
    "ice40": {
        "luts": ("SB_LUT4",),
        "carries": ("SB_CARRY",),
        "ffs": ("SB_DFF*",),
        "brams": ("SB_RAM40_4K*",),
        "dsps": ("SB_MAC16",),
        "lutram_cells": (),  # it has none
    },
}
"""Cell types behind every figure; a star stands for any ending (clock edge, enable, reset)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Synthesis:
    """What Yosys made of a design.

    Parameters
    ----------
    netlist
        File that the placer takes.
    cells
        Number of every cell type.
    luts, carries, ffs, brams, dsps, lutram_cells
        As in :data:`CELLS`. On ECP5 a carry cell takes two logic cells beside ``luts``, and a
        distributed RAM cell four and two that write.
    instances
        The same sums for every instance inside the top module.
    """

    device: Device
    netlist: Path
    cells: Mapping[str, int]
    luts: int
    carries: int
    ffs: int
    brams: int
    dsps: int
    lutram_cells: int
    instances: Mapping[str, Mapping[str, int]] = field(default_factory=dict)

    @property
    def least_logic_cells(self) -> int:
        """Logic cells that it needs at the least, before anything is placed."""
        if self.device.family == "ecp5":
            return self.luts + 2 * self.carries + 6 * self.lutram_cells
        return max(self.luts, self.carries, self.ffs)  # one of each shares a logic cell


def synthesise(rtl: Path, device: Device, folder: Path, *, top: str = "chip", run_in: Path | None = None
               ) -> Synthesis:
    """Synthesise every Verilog file of a folder.

    Parameters
    ----------
    rtl
        Folder of ``*.v`` and ``*.sv`` files.
    folder
        Takes ``netlist.json``, ``cells.json`` and ``yosys.log``; made if it is not there.
    top
        Module to synthesise.
    run_in
        Folder that file names in ``$readmemh`` are relative to; by default the one above ``rtl``.

    Raises
    ------
    ConfigError
        If there is no Verilog file.
    ToolError
        If Yosys stops: with its first error line.
    """
    # -defer: memories are read once their parameters are known, not with the parameters' defaults.
    read = " ".join(f'"{path.resolve()}"' for path in verilog_files(rtl))
    folder.mkdir(parents=True, exist_ok=True)
    run_yosys(
        [
            (run_in or rtl.parent, [f"read_verilog -sv -defer {read}", f"hierarchy -check -top {top}"]),
            (folder, [*synthesis_commands(device, top), "tee -q -o cells.json stat -json"]),
        ],
        folder / "yosys.log",
    )
    cells = read_cells(folder / "cells.json")
    netlist = folder / "netlist.json"
    return Synthesis(
        device=device, netlist=netlist, cells=cells, instances=cells_by_instance(netlist, device, top),
        **{figure: count_types(cells, types) for figure, types in CELLS[device.family].items()})


def cells_by_instance(netlist: Path, device: Device, top: str) -> dict[str, dict[str, int]]:
    """Cells of each instance inside ``top``, by the figures of :data:`CELLS`.

    Flattening keeps an instance's name at the head of its cells' names; what Yosys shares between
    instances, or names anew, belongs to none.
    """
    cells = json.loads(netlist.read_text())["modules"][top]["cells"]
    types: dict[str, Counter[str]] = {}
    for name, cell in cells.items():
        instance, dot, _ = name.partition(".")
        if dot and not cell["type"].startswith("$"):
            types.setdefault(instance, Counter())[cell["type"]] += 1
    figures = CELLS[device.family].items()
    return {
        instance: {figure: count_types(counted, names) for figure, names in figures}
        for instance, counted in sorted(types.items())
    }


def verilog_files(rtl: Path) -> list[Path]:
    """Verilog files of a folder, in the order of their names."""
    files = sorted(path for path in rtl.glob("*") if path.suffix in (".v", ".sv"))
    if not files:
        raise ConfigError(f"{rtl}: must hold Verilog files (*.v), and holds none")
    return files


def synthesis_commands(device: Device, top: str) -> list[str]:
    """Yosys's own flow for the device, as it is."""
    if device.family == "ecp5":
        return [f"synth_ecp5 -top {top} -json netlist.json"]
    options = "-device u -dsp" if device.dsps else "-device hx"
    return [f"synth_ice40 {options} -top {top} -json netlist.json"]


def read_cells(path: Path) -> dict[str, int]:
    """Cells by type, from the file that ``stat -json`` wrote."""
    try:
        cells = json.loads(path.read_text(encoding="utf-8"))["design"]["num_cells_by_type"]
        return {str(name): int(number) for name, number in cells.items()}
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise ToolError(f"yosys: {path.name} cannot be read: {error!r}") from error


def count_types(cells: Mapping[str, int], types: tuple[str, ...]) -> int:
    """Number of cells of some types."""
    return sum(number for name, number in cells.items() if any(fnmatchcase(name, kind) for kind in types))
