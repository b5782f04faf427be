"""Verilog of a filter bank alone: for synthesis, and for designs that bring the rest themselves."""

import shutil
from pathlib import Path

from spikewright.filterbank import FilterBankConfig
from spikewright.filterbank_memories import coefficient_memory, filterbank_images, threshold_memory
from spikewright.rtl import verilog
from spikewright.rtl.filterbank.core import FilterBankCore
from spikewright.rtl.verilog import CELLS, VerilogPlatform, to_verilog

__all__ = ["write_filterbank"]


def write_filterbank(config: FilterBankConfig, folder: Path, *, name: str = "filterbank") -> Path:
    """Write ``rtl/*.v`` and the contents ``memory/*.hex`` into a folder; returns the folder of the Verilog.

    Parameters
    ----------
    name
        Name of the top module and its file.
    """
    rtl, images = folder / "rtl", folder / "memory"
    for made in (rtl, images):
        made.mkdir(parents=True, exist_ok=True)
    core = FilterBankCore(config)
    (rtl / f"{name}.v").write_text(to_verilog(core, name=name, platform=VerilogPlatform(contents=True)))
    for cell in CELLS:
        shutil.copyfile(Path(verilog.__file__).parent / "verilog" / cell, rtl / cell)
    contents = filterbank_images(config, core.tables)
    for memory in (coefficient_memory(config), threshold_memory(config, core.tables)):
        digits = -(-memory.width // 4)
        lines = [f"{word:0{digits}x}\n" for word in contents[memory.name]]
        (images / f"{memory.name}.hex").write_text("".join(lines))
    return rtl
