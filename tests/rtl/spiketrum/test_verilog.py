"""The encoder's Verilog: taken by the tools without a warning, and of the size that the documents state."""

import os
import subprocess
from pathlib import Path

import pytest

from spikewright.boards.devices import DEVICES
from spikewright.boards.synth import synthesise
from spikewright.compiler.blockram import ECP5, realise
from spikewright.cosim.simulators import find_verilator
from spikewright.cosim.spiketrum import write_encoder
from spikewright.rtl import verilog
from spikewright.spiketrum import SpiketrumConfig
from spikewright.spiketrum_memories import spiketrum_memories
from tests.rtl.spiketrum.encoders import case

WAIVERS = Path(verilog.__file__).parent / "verilog" / "lint.vlt"


@pytest.mark.slow
def test_40_channels_are_as_large_as_stated(tmp_path: Path) -> None:
    """On an ECP5, with room for a tool's next version; block RAM is what the compiler counts for memories."""
    made = case(SpiketrumConfig(), lanes=2)
    write_encoder(made.layout, made.tables, tmp_path)
    synthesis = synthesise(tmp_path / "rtl", DEVICES["ecp5"], tmp_path / "out", top="spiketrum")
    assert synthesis.luts < 1800
    assert synthesis.dsps == 2 * made.layout.lanes
    realised = [realise(ECP5, memory.depth, memory.width, written=memory.state, block=memory.block)
                for memory in spiketrum_memories(made.layout)]
    assert synthesis.brams == sum(found.cells for found in realised if found.kind == "block") == 55
    log = (tmp_path / "out" / "yosys.log").read_text()
    assert [line for line in log.splitlines() if line.startswith("Warning:")] == []


def test_verilator_takes_it(tmp_path: Path) -> None:
    made = case(SpiketrumConfig(), lanes=4)
    # The waivers are for a file of this name.
    files = write_encoder(made.layout, made.tables, tmp_path, name="chip")
    command = ["perl", find_verilator() / "bin" / "verilator", "--lint-only", "-Wall", "--top-module", "chip",
               WAIVERS, *(path.relative_to(tmp_path) for path in files)]
    done = subprocess.run(list(map(str, command)), cwd=tmp_path, capture_output=True, text=True, check=False,
                          env={**os.environ, "VERILATOR_ROOT": str(find_verilator())})
    assert done.stderr == ""
