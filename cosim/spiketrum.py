"""A spiketrum encoder alone, in Verilator: written with its contents, and run on sound as a plain program."""

import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from spikewright.compiler.words import to_hex
from spikewright.cosim.simulators import Simulator
from spikewright.cosim.standalone import Program, build_program
from spikewright.errors import ToolError
from spikewright.rtl import verilog
from spikewright.rtl.spiketrum.encoder import SpiketrumEncoder
from spikewright.rtl.verilog import CELLS, VerilogPlatform, to_verilog
from spikewright.spiketrum_memories import SpiketrumLayout, spiketrum_images, spiketrum_memories
from spikewright.spiketrum_tables import SpiketrumTables

__all__ = ["TOP", "Recorded", "SpiketrumProgram", "write_encoder"]

TOP = "spiketrum"
"""Name of the encoder's module."""

HARNESS = Path(__file__).parent / "verilog" / "spiketrum_harness.sv"


def write_encoder(layout: SpiketrumLayout, tables: SpiketrumTables, folder: Path, *, name: str = TOP
                  ) -> list[Path]:
    """Write ``rtl/*.v`` and ``memory/*.hex`` into a folder, which simulators run in; returns the Verilog."""
    rtl, contents = folder / "rtl", folder / "memory"
    rtl.mkdir(parents=True, exist_ok=True)
    contents.mkdir(exist_ok=True)
    files = [rtl / f"{name}.v"]
    design = SpiketrumEncoder(layout)
    files[0].write_text(to_verilog(design, name=name, platform=VerilogPlatform(contents=True)))
    for cell in CELLS:
        files.append(rtl / cell)
        shutil.copyfile(Path(verilog.__file__).parent / "verilog" / cell, files[-1])
    images = spiketrum_images(layout, tables)
    for memory in spiketrum_memories(layout):
        if not memory.state:
            image = np.array(images[memory.name], object)
            (contents / f"{memory.name}.hex").write_text(to_hex(image, memory.width))
    return files


@dataclass(frozen=True, slots=True, kw_only=True)
class Recorded:
    """What a run gave.

    Parameters
    ----------
    words
        Words out, in order.
    active_cycles
        Clocks of each time that the encoder was active: a window, or the end of a recording.
    """

    words: tuple[int, ...]
    active_cycles: tuple[int, ...]


class SpiketrumProgram:
    """An encoder built into a program; ``folder`` holds it, with all that it reads and writes."""

    def __init__(self, layout: SpiketrumLayout, tables: SpiketrumTables, folder: Path, *,
                 simulator: Simulator = "verilator", level: str = "-O1") -> None:
        self.layout, self.folder = layout, folder
        sources = write_encoder(layout, tables, folder)
        harness = folder / "rtl" / "harness.sv"
        bits = {"SOURCE_BITS": layout.sample_word.width, "SINK_BITS": layout.word.width}
        defines = "".join(f"`define {name} {width}\n" for name, width in bits.items())
        harness.write_text(defines + HARNESS.read_text())
        self.program: Program = build_program(simulator, [*sources, harness], folder, level=level)

    def run(self, recordings: Sequence[npt.NDArray[np.int64]], *, valid: int = 100, ready: int = 100,
            seed: int = 1, patience: int = 10_000_000) -> Recorded:
        """Encode recordings one after the other; ``valid`` and ``ready`` are chances in percent.

        Raises
        ------
        ToolError
            If the simulation does not end, or ``patience`` clocks go by without a word.
        """
        mask = (1 << self.layout.config.pcm_bits) - 1
        lines = [line for samples in recordings
                 for line in (*(f"{(int(sample) & mask) << 3:x}" for sample in samples), "2")]
        (self.folder / "stimulus.txt").write_text("\n".join([*lines, ""]))
        plusargs = [f"+valid={valid}", f"+ready={ready}", f"+ends={len(recordings)}", f"+patience={patience}",
                    f"+verilator+seed+{seed}"]
        if not self.program.run(self.folder, plusargs):
            raise ToolError(f"the encoder's simulation failed, see {self.folder / 'simulation.log'}")
        records = [line.split() for line in (self.folder / "records.txt").read_text().splitlines()]
        words = tuple(int(value, 16) for kind, value in records if kind == "w")
        ends = sum(word & 3 == 2 for word in words)
        if ends != len(recordings):
            raise ToolError(f"the encoder ended {ends} of {len(recordings)} recordings")
        return Recorded(words=words,
                        active_cycles=tuple(int(value) for kind, value in records if kind == "a"))
