"""Cells of designs that are known, contents in block RAM, and what goes wrong."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from spikewright.boards.devices import DEVICES
from spikewright.boards.synth import synthesis_commands, synthesise
from spikewright.boards.yosys import first_error, run_yosys
from spikewright.errors import ConfigError, ToolError

ECP5, UP5K, HX8K = DEVICES["ecp5"], DEVICES["ice40"], DEVICES["ice40-hx8k"]


def cells_of(netlist: Path, kind: str) -> list[dict[str, Any]]:
    cells = json.loads(netlist.read_text())["modules"]["chip"]["cells"].values()
    return [cell for cell in cells if cell["type"] == kind]


def test_counter_on_ecp5(counter: Path, tmp_path: Path) -> None:
    found = synthesise(counter, ECP5, tmp_path / "out")
    # Eight bits: a flip-flop each, a carry cell for two; the lowest bit is inverted on the way.
    assert (found.ffs, found.carries, found.luts) == (8, 4, 1)
    assert (found.brams, found.dsps, found.lutram_cells) == (0, 0, 0)
    assert found.cells["TRELLIS_FF"] == 8
    assert found.least_logic_cells == 9
    assert found.netlist.is_file()


@pytest.mark.parametrize("device", [UP5K, HX8K], ids=lambda device: device.part)
def test_counter_on_ice40(counter: Path, tmp_path: Path, device: Any) -> None:
    found = synthesise(counter, device, tmp_path / "out")
    # The lowest bit needs no carry, the highest gives none.
    assert (found.ffs, found.carries, found.luts) == (8, 6, 8)
    assert (found.brams, found.dsps) == (0, 0)
    assert found.least_logic_cells == 8


def test_rom_with_its_contents_is_one_block_ram(rom: Path, rom_words: list[int], tmp_path: Path) -> None:
    found = synthesise(rom, ECP5, tmp_path / "out")
    assert found.brams == 1
    assert found.luts == found.lutram_cells == 0
    (ram,) = cells_of(found.netlist, "DP16KD")
    lines = [ram["parameters"][f"INITVAL_{line:02X}"] for line in range(64)]
    bits = int("".join(reversed(lines)), 2)
    assert [bits >> 20 * word & 0x3FFFF for word in range(1024)] == rom_words


def test_rom_on_ice40_keeps_its_contents(rom: Path, rom_words: list[int], tmp_path: Path) -> None:
    found = synthesise(rom, UP5K, tmp_path / "out")
    assert found.brams == 5  # 18 bits of 1024 words in 4096-bit blocks: 4.5
    lines = [ram["parameters"][f"INIT_{line:X}"] for ram in cells_of(found.netlist, "SB_RAM40_4K")
             for line in range(16)]
    assert sum(line.count("1") for line in lines) == sum(word.bit_count() for word in rom_words)


def test_contents_are_looked_for_where_it_says(rom: Path, rom_words: list[int], tmp_path: Path) -> None:
    elsewhere = tmp_path / "else where"
    (elsewhere / "memory").mkdir(parents=True)
    others = [word ^ 0x3FFFF for word in rom_words]
    (elsewhere / "memory" / "rom.hex").write_text("".join(f"{word:x}\n" for word in others))
    found = synthesise(rom, ECP5, tmp_path / "out put", run_in=elsewhere)
    (ram,) = cells_of(found.netlist, "DP16KD")
    assert int(ram["parameters"]["INITVAL_00"], 2) == sum(others[word] << 20 * word for word in range(16))


def test_a_memory_that_always_has_contents(verilog: Any, tmp_path: Path) -> None:
    """With its default parameter the module could not be elaborated."""
    rtl = verilog("""
        module table_of #(parameter CONTENTS = "none.hex") (input clk, input [3:0] at, output reg [3:0] word);
            reg [3:0] words [0:15];
            initial $readmemh(CONTENTS, words);
            always @(posedge clk) word <= words[at];
        endmodule""", """
        module chip(input clk, input [3:0] at, output [3:0] word);
            table_of #(.CONTENTS("table.hex")) rows (.clk(clk), .at(at), .word(word));
        endmodule""")
    (rtl.parent / "table.hex").write_text("\n".join("0123456789abcdef"[::-1]))
    found = synthesise(rtl, ECP5, tmp_path / "out")
    assert (found.ffs, found.brams) == (4, 0)
    assert 0 < found.luts <= 4


def test_small_memory_is_distributed_ram(verilog: Any, tmp_path: Path) -> None:
    rtl = verilog("""
        module chip(input clk, input write, input [3:0] to, from, input [31:0] given, output reg [31:0] word);
            reg [31:0] words [0:15];
            always @(posedge clk) begin if (write) words[to] <= given; word <= words[from]; end
        endmodule""")
    found = synthesise(rtl, ECP5, tmp_path / "out")
    assert (found.lutram_cells, found.brams, found.ffs) == (8, 0, 32)
    assert found.least_logic_cells == 48  # nextpnr: 32 RAM LUTs, 16 RAMW LUTs


def test_multiplier(verilog: Any, tmp_path: Path) -> None:
    rtl = verilog("""
        module chip(input clk, input signed [15:0] a, b, output reg signed [31:0] product);
            always @(posedge clk) product <= a * b;
        endmodule""")
    assert synthesise(rtl, ECP5, tmp_path / "ecp5").dsps == 1
    assert synthesise(rtl, UP5K, tmp_path / "up5k").dsps == 1
    assert synthesis_commands(HX8K, "chip") == ["synth_ice40 -device hx -top chip -json netlist.json"]


def test_nothing_to_synthesise(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=f"^{re.escape(str(tmp_path))}: must hold Verilog files"
                                          r" \(\*\.v\), and holds none$"):
        synthesise(tmp_path, ECP5, tmp_path / "out")


def test_verilog_that_does_not_parse(verilog: Any, tmp_path: Path) -> None:
    rtl = verilog("module chip(input a;\nendmodule\n")
    with pytest.raises(ToolError) as caught:
        synthesise(rtl, ECP5, tmp_path / "out")
    assert str(caught.value) == (
        f"yosys: {rtl / 'part_0.v'}:1: syntax error, unexpected ';', expecting ')' or ',' or '='")


def test_unknown_top(counter: Path, tmp_path: Path) -> None:
    with pytest.raises(ToolError, match=r"^yosys: Module `nothing' not found!$"):
        synthesise(counter, ECP5, tmp_path / "out", top="nothing")


def test_missing_module(verilog: Any, tmp_path: Path) -> None:
    rtl = verilog("module chip(input a); absent inner(.a(a)); endmodule\n")
    with pytest.raises(ToolError, match=r"^yosys: Module `\\absent' referenced in module `\\chip'"):
        synthesise(rtl, ECP5, tmp_path / "out")


def test_missing_contents(rom: Path, tmp_path: Path) -> None:
    (rom.parent / "memory" / "rom.hex").unlink()
    expected = r"^yosys: .*part_1\.v:6: Can not open file `memory/rom\.hex`"
    with pytest.raises(ToolError, match=expected) as error:
        synthesise(rom, ECP5, tmp_path / "out")
    assert "\n" not in str(error.value)


def test_a_crash_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ToolError, match=r"^yosys: stopped with code -9$"):
        run_yosys([(tmp_path, ["exec -- kill -KILL $PPID"])], tmp_path / "log")


def test_prints_go_to_the_log(counter: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    synthesise(counter, ECP5, tmp_path / "out")
    assert capfd.readouterr() == ("", "")
    assert "Executing SYNTH_" in (tmp_path / "out" / "yosys.log").read_text()


def test_without_yosys(counter: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda _: None)
    with pytest.raises(ToolError, match=r"^yosys is missing: pip install pyosys$"):
        synthesise(counter, ECP5, tmp_path / "out")


@pytest.mark.parametrize(("output", "expected"), [
    ("a\nb.v:3: ERROR: wrong\nERROR: later\n", "b.v:3: wrong"),
    ("ERROR: File `x' not found\n", "File `x' not found"),
    ("Warning: no such thing\n", None),
])
def test_first_error(output: str, expected: str | None) -> None:
    assert first_error(output) == expected
