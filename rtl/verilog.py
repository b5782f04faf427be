"""Verilog of a chip: one file of Amaranth's, and the two modules that are meant to be replaced."""

import shutil
import subprocess
import sys
import tempfile
from collections.abc import Collection
from pathlib import Path

from amaranth.back import rtlil  # type: ignore[attr-defined]  # the stubs lack it
from amaranth.hdl import ClockSignal, Elaboratable, Instance, Module, ResetSignal

from spikewright.config import ChipConfig, InputConfig
from spikewright.errors import ToolError
from spikewright.memories import bus_memories, chip_memories
from spikewright.rtl.chip import Chip
from spikewright.rtl.i2s import I2sConfig
from spikewright.rtl.link import Link
from spikewright.rtl.memory import Memory
from spikewright.rtl.microphone import TOP as MICROPHONE_TOP
from spikewright.rtl.microphone import MicrophoneChip
from spikewright.rtl.pdm import PdmConfig

__all__ = ["CELLS", "TOP", "VerilogPlatform", "to_verilog", "write_chip", "write_microphone"]

TOP = "chip"
"""Name of the top module."""

CELLS = ("spikewright_memory.v", "spikewright_link.v")
"""The modules that stand beside a chip's Verilog."""

_YOSYS = """\
import sys
from pyosys import libyosys
design = libyosys.Design()
for command in sys.argv[1:]:
    design.run_pass(command)
"""

_FOLDER = Path(__file__).parent / "verilog"


class VerilogPlatform:
    """Puts instances of ``spikewright_memory`` and ``spikewright_link`` where Amaranth has its own.

    A memory reads its contents from ``memory/<name>.hex``, relative to where the tool runs; with
    ``contents=False`` they are left to the bus, but for those of the memories ``fixed``, that it does not
    reach.
    """

    def __init__(self, *, contents: bool, fixed: Collection[str] = ()) -> None:
        self.contents, self.fixed = contents, fixed

    def get_core_memory(self, memory: Memory) -> Elaboratable:
        """Instance of ``spikewright_memory``."""
        config = memory.config
        m = Module()
        reads = (self.contents or config.name in self.fixed) and not config.state
        file = f"memory/{config.name}.hex" if reads else ""
        m.submodules.ram = Instance(
            "spikewright_memory", p_WIDTH=config.width, p_DEPTH=config.depth,
            p_ADDRESS_BITS=len(memory.read_address), p_CONTENTS=file,
            p_STYLE="block" if config.block else "auto", i_clk=ClockSignal(),
            i_write_enable=memory.write_enable, i_write_address=memory.write_address,
            i_write_data=memory.write_data, i_read_enable=memory.read_enable,
            i_read_address=memory.read_address, o_read_data=memory.read_data)
        return m

    def get_link(self, link: Link) -> Elaboratable:
        """Instance of ``spikewright_link``."""
        m = Module()
        source, sink = link.source, link.sink
        m.submodules.link = Instance(
            "spikewright_link", p_WIDTH=len(sink.payload.as_value()),
            i_clk=ClockSignal(), i_rst=ResetSignal(),
            i_source_valid=source.valid, o_source_ready=source.ready,
            i_source_payload=source.payload.as_value(), o_sink_valid=sink.valid, i_sink_ready=sink.ready,
            o_sink_payload=sink.payload.as_value())
        return m


def to_verilog(design: Elaboratable, *, name: str = TOP, platform: object = None) -> str:
    """Verilog of a component; the same component always gives the same text.

    Raises
    ------
    ToolError
        If Yosys stops: with the last line that it prints.
    """
    text = rtlil.convert(design, name=name, platform=platform, emit_src=False)
    with tempfile.TemporaryDirectory() as folder:
        source, target = Path(folder, "design.il"), Path(folder, "design.v")
        source.write_text(text)
        commands = [
            f"read_rtlil {source}", "proc", "memory_collect", "opt_clean",
            # Of all attributes only parallel_case stays: as a comment, Yosys itself would warn of it.
            "setattr -mod -unset top -unset generator", "setattr -unset full_case",
            f"write_verilog {target}",
        ]
        # A process of its own: names and order in what Yosys writes depend on what it did before.
        done = subprocess.run([sys.executable, "-P", "-c", _YOSYS, *commands], capture_output=True, text=True,
                              check=False)
        if done.returncode:
            said = (done.stdout + done.stderr).strip() or f"stopped with code {done.returncode}"
            raise ToolError(f"yosys: {said.splitlines()[-1]}")
        return target.read_text()


def write_chip(chip: ChipConfig, folder: Path) -> list[Path]:
    """Write ``chip.v`` (top module ``chip``) and the replaceable modules into a folder; returns the files."""
    folder.mkdir(parents=True, exist_ok=True)
    fixed = {memory.name for memory in chip_memories(chip)} - {memory.name for memory in bus_memories(chip)}
    platform = VerilogPlatform(contents=chip.contents == "baked", fixed=fixed)
    files = [folder / "chip.v"]
    files[0].write_text(to_verilog(Chip(chip), platform=platform))
    for name in CELLS:
        files.append(folder / name)
        shutil.copyfile(_FOLDER / name, files[-1])
    return files


def write_microphone(chip: ChipConfig, port: InputConfig, microphone: I2sConfig | PdmConfig, folder: Path
                     ) -> Path:
    """Write ``microphone_chip.v`` beside ``chip.v``, which its top module has inside; it has a microphone."""
    file = folder / f"{MICROPHONE_TOP}.v"
    file.write_text(to_verilog(MicrophoneChip(chip, port, microphone), name=MICROPHONE_TOP))
    return file
