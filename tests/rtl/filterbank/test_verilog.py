"""The Verilog of a filter bank: taken by the tools, within its budget, with its images equal to the model."""

import os
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest

from spikewright.boards.devices import DEVICES
from spikewright.boards.synth import synthesise
from spikewright.cosim.simulators import find_verilator
from spikewright.events import Kind
from spikewright.filterbank import FilterBankConfig
from spikewright.models.filterbank import FixedFilterBank
from spikewright.rtl import verilog
from spikewright.rtl.filterbank.verilog import write_filterbank
from tests.rtl.cores import word

WAIVERS = Path(verilog.__file__).parent / "verilog" / "lint.vlt"
BANK = FilterBankConfig()

BENCH = """\
`timescale 1ns/1ps
module bench;
    reg clk = 0, rst = 1;
    reg [{width}:0] words [0:{last}];
    integer next = 0, gap = 0;
    wire ready, valid;
    wire [1:0] kind;
    wire [{address}:0] address;
    initial $readmemh("words.hex", words);
    chip chip (.clk(clk), .rst(rst), .source__valid(next <= {last}), .source__ready(ready),
        .source__payload(words[next]), .sink__valid(valid), .sink__ready(gap == 0),
        .sink__payload({{address, kind}}));
    always #5 clk = ~clk;
    always @(posedge clk) begin
        rst <= 0;
        gap <= (gap == 2) ? 0 : gap + 1;
        if (!rst && ready && next <= {last}) next <= next + 1;
        if (!rst && valid && gap == 0) begin
            $display("%0d", kind == 0 ? {{address, kind}} : kind);
            if (kind == 2) $finish;
        end
    end
endmodule
"""


def test_64_channels_stay_within_their_budget(tmp_path: Path) -> None:
    """On an ECP5, with room for a tool's next version; the figures are in docs/benchmarks.md."""
    rtl = write_filterbank(BANK, tmp_path)
    made = synthesise(rtl, DEVICES["ecp5"], tmp_path / "out", top="filterbank")
    assert made.luts <= 600
    assert made.least_logic_cells <= 1000
    assert (made.brams, made.dsps, made.lutram_cells) == (5, 2, 0)
    log = (tmp_path / "out" / "yosys.log").read_text()
    assert [line for line in log.splitlines() if line.startswith("Warning:")] == []


def test_verilator_takes_it(tmp_path: Path) -> None:
    rtl = write_filterbank(BANK, tmp_path, name="chip")  # the name that the waivers are for
    root = find_verilator()
    files = sorted(path.relative_to(tmp_path) for path in rtl.glob("*.v"))
    command = ["perl", str(root / "bin" / "verilator"), "--lint-only", "-Wall", "--top-module", "chip"]
    done = subprocess.run([*command, *map(str, (WAIVERS, *files))], cwd=tmp_path, capture_output=True,
                          text=True, check=False, env={**os.environ, "VERILATOR_ROOT": str(root)})
    assert done.stderr == ""


@pytest.mark.skipif(shutil.which("iverilog") is None, reason="iverilog is not on PATH")
def test_icarus_gives_the_spikes_of_the_model(tmp_path: Path) -> None:
    """From the files alone: Verilog, and images of poles and thresholds."""
    config = FilterBankConfig(threshold=0.1, low_hz=200.0, step=64)
    sound = np.random.default_rng(1).integers(-32768, 32767, size=150, endpoint=True)
    rtl = write_filterbank(config, tmp_path, name="chip")
    words = [word(config.sample_word, Kind.EVENT, 0, sample) for sample in sound.tolist()]
    words.append(word(config.sample_word, Kind.END_OF_SAMPLE))
    (tmp_path / "words.hex").write_text("".join(f"{bits:x}\n" for bits in words))
    (tmp_path / "bench.v").write_text(BENCH.format(
        width=config.sample_word.width - 1, address=config.word.address_bits - 1, last=len(sound)))
    files = [str(path) for path in rtl.glob("*.v")]
    subprocess.run(["iverilog", "-g2012", "-o", "bench", "bench.v", *files], cwd=tmp_path, check=True)
    said = subprocess.run(["vvp", "-n", "bench"], cwd=tmp_path, check=True, capture_output=True, text=True)
    times, channels = FixedFilterBank(config).events(sound)
    expected = []
    for sample in range(len(sound)):
        expected += [int(channel) << 2 for channel in channels[times == sample]]
        if sample in (63, 127, 149):
            expected.append(Kind.END_OF_STEP)
    assert len(set(channels.tolist())) > 40
    assert [int(line) for line in said.stdout.split() if line.isdigit()] == [*expected, Kind.END_OF_SAMPLE]
