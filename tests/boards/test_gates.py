"""Timing and energy of mapped gates, by the tiny library: sums worked out by hand."""

import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from spikewright.boards.cells import Delay, Library
from spikewright.boards.mapping import map_gates
from spikewright.boards.netlist import Netlist, read_netlist
from spikewright.boards.power import leakage_nw, logic_energy
from spikewright.boards.saif import Switching, read_saif
from spikewright.boards.sta import Timing, net_loads, static_timing, through
from spikewright.boards.tables import Table
from spikewright.errors import ToolError
from tests.boards.libraries import REAL, TINY, real_library

PIPE = """
module chip(input wire clk, input wire d, output reg q);
    reg a;
    always @(posedge clk) begin a <= d; q <= ~a; end
endmodule
"""

Write = Callable[..., Path]


@pytest.fixture(name="library")
def library_fixture() -> Library:
    return Library(TINY)


def mapped(library: Library, rtl: Path, folder: Path) -> Netlist:
    netlist = map_gates(rtl, library, folder).netlist
    netlist.connect({name: {pin.name: pin.direction for pin in library.cell(name).pins.values()}
                     for name in netlist.cell_types()})
    return netlist


def driven_by(netlist: Netlist, kind: str) -> list[int]:
    """Nets that cells of a type drive."""
    return [number for number, net in netlist.nets.items() if net.driver and net.driver[0].type == kind]


def test_timing_and_energy(library: Library, verilog: Write, tmp_path: Path) -> None:
    netlist = mapped(library, verilog(PIPE), tmp_path / "work")
    assert dict(netlist.cell_types()) == {"DFF": 2, "INV": 1}
    loads = net_loads(netlist, library, library.wire_load(21.0))
    inverted, = driven_by(netlist, "INV")
    first, = (net for net in driven_by(netlist, "DFF") if netlist.nets[net].readers)
    last, = (net for net in driven_by(netlist, "DFF") if net != first)
    clk, d = (next(n for n, net in netlist.nets.items() if net.name == name) for name in ("clk", "d"))
    # Pins of 3 (inverter), 1 (data), 2 (clock) fF; wires of 1 fF to one reader, 2 fF to two.
    assert [round(loads[net] * 1e3, 6) for net in (first, inverted, last, clk, d)] == [4, 2, 1, 6, 2]
    timing = static_timing(netlist, library, loads, {}, 0.0)
    # A delay is 10 ps, 1 a fF of load, 1 a 100 ps of transition; the setup 30 ps, every transition 100 ps.
    assert timing.longest_ns == pytest.approx(1e-3 * ((10 + 4 + 1) + (10 + 2 + 1) + 30))
    assert timing.slew_of(inverted) == pytest.approx(0.1)
    toggles = {first: 10, inverted: 10, last: 8, clk: 100, d: 20}
    switching = {netlist.nets[net].name: Switching(0.5, count) for net, count in toggles.items()}
    energy = logic_energy(netlist, library, loads, timing, switching)
    # Half of C V^2 at 2 V is 2 C a toggle.
    assert energy.nets_pj == pytest.approx(2e-3 * (4 * 10 + 2 * 10 + 1 * 8 + 6 * 100 + 2 * 20))
    # A clock pin takes 6 fJ an edge; an output (2 + load/50 + 6)/2.
    outputs = 1e-3 * ((8 + 4 / 50) / 2 * 10 + (8 + 2 / 50) / 2 * 10 + (8 + 1 / 50) / 2 * 8)
    assert energy.internal_pj == pytest.approx(1e-3 * 6 * 100 * 2 + outputs)
    assert energy.clock_pj == pytest.approx(2e-3 * 6 * 100 + 1e-3 * 6 * 100 * 2)
    assert energy.total_pj == pytest.approx(energy.nets_pj + energy.internal_pj)
    assert leakage_nw(netlist, library) == pytest.approx(2 * 2000 + 500)
    quiet = {name: Switching(0.5, 0) for name in switching}
    assert logic_energy(netlist, library, loads, timing, quiet).total_pj == 0.0
    del switching[netlist.nets[inverted].name]
    with pytest.raises(ToolError, match=r"^switching: net '\w+' of the netlist is missing$"):
        logic_energy(netlist, library, loads, timing, switching)


def test_toggles_are_shared_between_the_inputs_that_cause_them(library: Library, verilog: Write,
                                                               tmp_path: Path) -> None:
    chip = "module chip(input wire a, input wire b, output wire y); assign y = ~(a & b); endmodule"
    netlist = mapped(library, verilog(chip), tmp_path / "work")
    gate, = netlist.instances
    assert gate.type == "NAND2"
    loads = dict.fromkeys(netlist.nets, 0.0)
    names = {pin: netlist.nets[bit].name for pin, bit in gate.pins.items() if isinstance(bit, int)}
    for a, b in ((5, 0), (0, 5), (0, 0)):
        switching = {names["A"]: Switching(0, a), names["B"]: Switching(0, b), names["Y"]: Switching(0, 4)}
        energy = logic_energy(netlist, library, loads, Timing(), switching)
        assert energy.total_pj == pytest.approx(1e-3 * 4 * 4), "both inputs alike in this library"


@pytest.mark.parametrize(("sense", "kind", "rise", "fall"), [
    ("positive_unate", "combinational", 1.0, 5.0),
    ("negative_unate", "combinational", 5.0, 1.0),
    ("non_unate", "combinational", 5.0, 5.0),
    ("non_unate", "rising_edge", 1.0, 1.0),
])
def test_which_edge_causes_which(sense: str, kind: str, rise: float, fall: float) -> None:
    flat = Table((), (), (2.0,))
    arc = Delay("A", kind, sense, dict.fromkeys(
        ("cell_rise", "cell_fall", "rise_transition", "fall_transition"), flat))
    arrival: dict[str, float] = {}
    slew: dict[str, float] = {}
    through(arc, ({"rise": 1.0, "fall": 5.0}, {"rise": 0.1, "fall": 0.1}), 0.0, 1.0, arrival, slew)
    assert arrival == {"rise": rise + 2.0, "fall": fall + 2.0}
    assert slew == {"rise": 2.0, "fall": 2.0}


def test_loops_are_refused(library: Library, verilog: Write, tmp_path: Path) -> None:
    netlist = mapped(library, verilog(PIPE), tmp_path / "work")
    gate = next(instance for instance in netlist.instances if instance.type == "INV")
    bit = gate.pins["Y"]
    assert isinstance(bit, int)
    buffer = type(gate)("g9", "BUF", {"A": bit, "Y": 999})
    gate.pins["A"] = 999
    looped = Netlist(instances=(*netlist.instances, buffer), macros=(), inputs=netlist.inputs,
                     nets={**netlist.nets, 999: type(netlist.nets[bit])("n999", (buffer, "Y"))})
    with pytest.raises(ToolError, match=r"^timing: gates form a loop: "):
        static_timing(looped, library, dict.fromkeys(looped.nets, 0.0), {}, 0.0)


def test_a_library_without_flip_flops(verilog: Write, tmp_path: Path) -> None:
    text = TINY.read_text()
    start, end = text.index("  cell (DFF)"), text.index("  cell (lpflow_NOT)")
    path = tmp_path / "dry.lib"
    path.write_text(text[:start] + text[end:])
    with pytest.raises(ToolError, match=r"^yosys: FF .* cannot be legalized"):
        map_gates(verilog(PIPE), Library(path), tmp_path / "work")


def test_broken_netlists(tmp_path: Path) -> None:
    path = tmp_path / "gates.json"
    for text in ("", "{}", json.dumps({"modules": {"chip": {"netnames": {}, "cells": {"g": {}}}}})):
        path.write_text(text)
        with pytest.raises(ToolError, match=r"^yosys: gates\.json cannot be read: "):
            read_netlist(path, "chip")


SAIF = r"""(SAIFILE
(DURATION 200)
 (INSTANCE top
  (NET
   (clk (T0 100) (T1 100) (TZ 0) (TX 0) (TB 0) (TC 4))
  )
  (INSTANCE gates
   (NET
    (clk (T0 150) (T1 50) (TZ 0) (TX 0) (TB 0) (TC 9))
    (word\[3\] (T0 200) (T1 0) (TZ 0) (TX 0) (TB 0) (TC 0))
   )
   (INSTANCE inner
    (NET
     (hidden (T0 0) (T1 200) (TZ 0) (TX 0) (TB 0) (TC 1))
    )
   )
  )
 )
)
"""


def test_saif(tmp_path: Path) -> None:
    path = tmp_path / "x.saif"
    path.write_text(SAIF)
    assert read_saif(path, "gates") == {"clk": Switching(0.25, 9), "word[3]": Switching(0.0, 0)}
    with pytest.raises(ToolError, match=re.escape("x.saif: holds no switching of 'chip'")):
        read_saif(path, "chip")


@pytest.mark.parametrize("name", REAL)
def test_real_libraries(name: str, verilog: Write, tmp_path: Path) -> None:
    library = Library(real_library(name))
    netlist = mapped(library, verilog(PIPE), tmp_path / "work")
    loads = net_loads(netlist, library, library.wire_load(100.0))
    timing = static_timing(netlist, library, loads, {}, 0.0)
    assert timing.longest_ns is not None
    assert 0.2 < timing.longest_ns < 1.0, "clock to data, a gate, setup at 130 nm"
    switching = {net.name: Switching(0.5, 200 if net.name == "clk" else 10) for net in netlist.nets.values()}
    energy = logic_energy(netlist, library, loads, timing, switching)
    assert 0.02 < energy.clock_pj / 100 / 2 < 0.1, "some 50 fJ a register and cycle"
