"""The modules that stand beside a chip's Verilog, against Amaranth's: simulated, and proven equal."""

import subprocess
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from spikewright.rtl.link import Link
from spikewright.rtl.memory import Memory
from spikewright.rtl.verilog import to_verilog
from tests.rtl.accesses import SHAPES, config, core_accesses
from tests.rtl.test_verilog import CELL_FOLDER, needs_icarus, yosys

BENCH = """\
module bench;
    reg clk = 0;
    reg [{bits}-1:0] inputs [0:{cycles}-1];
    reg write_enable, read_enable;
    reg [{address}-1:0] write_address, read_address;
    reg [{width}-1:0] write_data;
    wire [{width}-1:0] read_data;
    spikewright_memory #(
        .WIDTH({width}), .DEPTH({depth}), .ADDRESS_BITS({address}), .CONTENTS("contents.hex")
    ) memory(clk, write_enable, write_address, write_data, read_enable, read_address, read_data);
    integer cycle;
    initial begin
        $readmemh("inputs.hex", inputs);
        #1 for (cycle = 0; cycle < {cycles}; cycle = cycle + 1) begin
            {{write_enable, write_address, write_data, read_enable, read_address}} = inputs[cycle];
            #1 $display("%h", read_data);
            clk = 1;
            #1 clk = 0;
        end
        $finish;
    end
endmodule
"""


def simulate(folder: Path, depth: int, width: int, contents: Sequence[int], inputs: Sequence[dict[str, int]]
             ) -> list[str]:
    """What the hand-written memory reads in every cycle, in Icarus; x where it is not known."""
    address = max(1, (depth - 1).bit_length())
    fields = [("write_enable", 1), ("write_address", address), ("write_data", width), ("read_enable", 1),
              ("read_address", address)]
    rows = []
    for row in inputs:
        bits = 0
        for name, size in fields:
            bits = bits << size | row[name]
        rows.append(f"{bits:x}\n")
    (folder / "inputs.hex").write_text("".join(rows))
    (folder / "contents.hex").write_text("".join(f"{word:x}\n" for word in contents))
    bits = sum(size for _, size in fields)
    (folder / "bench.v").write_text(
        BENCH.format(bits=bits, cycles=len(rows), address=address, width=width, depth=depth))
    cell = CELL_FOLDER / "spikewright_memory.v"
    subprocess.run(["iverilog", "-g2012", "-o", "bench.vvp", "bench.v", str(cell)], cwd=folder, check=True)
    result = subprocess.run(["vvp", "-n", "bench.vvp"], cwd=folder, check=True, capture_output=True,
                            text=True)
    return result.stdout.split()


@needs_icarus
@pytest.mark.parametrize(("depth", "width"), SHAPES)
def test_the_verilog_memory_reads_what_amaranths_reads(tmp_path: Path, depth: int, width: int) -> None:
    """The same random accesses, contents and all; the word read last holds."""
    contents = np.random.default_rng(1).integers(0, 1 << min(width, 62), depth).tolist()
    accesses = core_accesses(depth, width, list(contents), 200)
    amaranth = accesses.play(Memory(config(depth, width), contents))
    read = simulate(tmp_path, depth, width, contents, accesses.inputs)
    assert amaranth == accesses.expected
    known = [row["read_data"] for row in amaranth if row]
    assert len(known) > 150
    assert read[-len(known):] == [f"{word:0{-(-width // 4)}x}" for word in known]
    assert all(set(text) == {"x"} for text in read[:-len(known)]), "nothing is read before the first read"


@needs_icarus
def test_the_verilog_memory_finds_out_who_reads_what_is_being_written(tmp_path: Path) -> None:
    """In simulation such a read gives neither the old word nor the new."""
    idle = {"write_enable": 0, "write_address": 0, "write_data": 0, "read_enable": 0, "read_address": 0}
    later = {**idle, "read_enable": 1, "read_address": 2}
    collision = {**later, "write_enable": 1, "write_address": 2, "write_data": 0x35}
    read = simulate(tmp_path, 4, 8, [1, 2, 3, 4], [collision, later, idle])
    assert int(read[1], 16) not in (3, 0x35)
    assert int(read[2], 16) == 0x35


MEMORIES = """\
module {name}_top(input clk, input we, input [{address}-1:0] wa, input [{width}-1:0] wd, input re,
                  input [{address}-1:0] ra, output [{width}-1:0] rd);
    wire [{address}-1:0] write_address = wa & {last}, read_address = ra & {last};
    wire write_enable = we & ~(re & (write_address == read_address));
    {module} memory(.clk(clk), .write_enable(write_enable), .write_address(write_address), .write_data(wd),
                    .read_enable(re), .read_address(read_address), .read_data(rd));
endmodule
"""


def prove_equal(folder: Path, gold: str, wrappers: str, cell: str, *, cycles: int) -> str:
    """Ask Yosys for inputs that tell the two apart within so many cycles; what it says."""
    (folder / "gold.v").write_text(gold)
    (folder / "wrappers.v").write_text(wrappers)
    return yosys(
        folder, f"read_verilog -DSYNTHESIS {folder}/gold.v {folder}/wrappers.v {CELL_FOLDER / cell}",
        "hierarchy -check", "proc", "flatten", "memory -nomap", "memory_map", "opt_clean", "async2sync",
        "miter -equiv -ignore_gold_x -make_outputs gold_top gate_top miter", "flatten miter", "opt_clean",
        "sat -verify -prove trigger 0 -seq 1 -set-init-undef -set-def-inputs -tempinduct-baseonly"
        f" -maxsteps {cycles} miter")


@pytest.mark.parametrize(("depth", "width"), [(1, 3), (2, 1), (4, 2)])
def test_no_accesses_tell_the_verilog_memory_from_amaranths(tmp_path: Path, depth: int, width: int) -> None:
    """Proven, for all accesses of the first cycles that read no word while it is written."""
    contents = [(index * 5 + 2) % (1 << width) for index in range(depth)]
    (tmp_path / "contents.hex").write_text("".join(f"{word:x}\n" for word in contents))
    gold = to_verilog(Memory(config(depth, width), contents), name="gold")
    address = max(1, (depth - 1).bit_length())
    sizes = f".WIDTH({width}), .DEPTH({depth}), .ADDRESS_BITS({address})"
    modules = {"gold": "gold", "gate": f'spikewright_memory #({sizes}, .CONTENTS("contents.hex"))'}
    wrappers = "".join(
        MEMORIES.format(name=name, module=module, width=width, address=address, last=depth - 1)
        for name, module in modules.items())
    log = prove_equal(tmp_path, gold, wrappers, "spikewright_memory.v", cycles=6)
    assert "proved base case for 6 steps: SUCCESS!" in log


LINKS = """\
module {name}_top(input clk, input rst, input [4:0] a, input v, input r, output ready, output valid,
                  output [4:0] b);
    {module} link({clock}.source{_}valid(v), .source{_}ready(ready), .source{_}payload(a),
                  .sink{_}valid(valid), .sink{_}ready(r), .sink{_}payload(b));
endmodule
"""


def test_nothing_tells_the_verilog_link_from_amaranths(tmp_path: Path) -> None:
    wrappers = LINKS.format(name="gold", module="gold", clock="", _="__")
    wrappers += LINKS.format(name="gate", module="spikewright_link #(.WIDTH(5))", _="_",
                             clock=".clk(clk), .rst(rst), ")
    gold = to_verilog(Link(5), name="gold")
    log = prove_equal(tmp_path, gold, wrappers, "spikewright_link.v", cycles=2)
    assert "proved base case for 2 steps: SUCCESS!" in log
