"""Liberty text: what it holds, and refusals to the letter."""

import gzip
import re
from pathlib import Path

import pytest

from spikewright.boards.cells import Library
from spikewright.boards.liberty import is_liberty, parse_liberty
from spikewright.boards.tables import Table
from spikewright.errors import ConfigError
from tests.boards.libraries import REAL, TINY, real_library

TEXT = """
library ("small") { // a comment
  time_unit : "1ns"; voltage_unit : "1V"; leakage_power_unit : "1nW";
  capacitive_load_unit (1, pf) ;
  nom_voltage : 1.5
  date : "a { brace";  /* and another } */
  cell (A) { area : 1.5; pin (X) { direction : input; capacitance : 0.25 } }
  cell ("B") {
    area : 2; pin (Y) { direction : output; function : "X"; }
  }
}
"""


def written(path: Path, text: str) -> Path:
    path.write_text(text)
    return path


def test_groups_and_attributes(tmp_path: Path) -> None:
    root = parse_liberty(written(tmp_path / "small.lib", TEXT))
    assert (root.kind, root.name) == ("library", "small")
    assert root.text("date") == "a { brace"
    assert root.number("nom_voltage") == 1.5, "no semicolon: the line ends it"
    assert root.attributes["capacitive_load_unit"] == ("1", "pf")
    first, second = root.all("cell")
    assert (first.name, first.line, second.name, second.line) == ("A", 7, "B", 8)
    assert second.all("pin")[0].text("function") == "X"


def test_a_compressed_file_is_the_same(tmp_path: Path) -> None:
    packed = tmp_path / "small.lib.gz"
    packed.write_bytes(gzip.compress(TEXT.encode()))
    assert Library(packed).cell("A").pins["X"].capacitance_pf == 0.25
    assert is_liberty(packed)
    assert is_liberty("x.lib")
    assert not is_liberty("x.yaml")


@pytest.mark.parametrize(("text", "message"), [
    ("", "must hold one library with cells"),
    ("library (x) { }", "must hold one library with cells"),
    ("module chip; endmodule", "line 1: '(' must come here, not 'chip'"),
    (TEXT[:-3], "line 2: a group is opened and not closed, the file is cut off"),
    ("library (x", "line 1: ')' is missing"),
    ("}", "line 1: an attribute must come here, not '}'"),
    ("a :\n\x00\\", "line 2: must be Liberty, not '\\\\'"),
    (TEXT.replace("1ns", "1 fortnight"), "time_unit must be a number and one of ps, ns, not '1 fortnight'"),
    (TEXT.replace("(1, pf)", "(1, pounds)"),
     "capacitive_load_unit must be a number and ff or pf, not ('1', 'pounds')"),
])
def test_refusals(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(ConfigError, match=f"^bad\\.lib: {re.escape(message)}$"):
        Library(written(tmp_path / "bad.lib", text))


@pytest.mark.parametrize(("old", "new", "message"), [
    ("area : 2; pin", "pin", "cell B: area is missing"),
    ("area : 2; pin", "area : big; pin", "cell B: area must be a number, not 'big'"),
    ("capacitance : 0.25", 'internal_power () { rise_power (t) { values ("1"); } }',
     "cell A: pin X: template 't' must be defined in the library, and is not"),
    ("capacitance : 0.25", 'internal_power () { rise_power (scalar) { values ("1, 2"); } }',
     "cell A: pin X: must have 1 values over at most 2 axes, not 2 over 0"),
    ("capacitance : 0.25", 'internal_power () { rise_power (scalar) { values ("much"); } }',
     "cell A: pin X: values: must be numbers, not 'much'"),
    ("capacitance : 0.25", "internal_power () { rise_power (scalar) { } }",
     "cell A: pin X: values: must be a list of numbers in brackets, not None"),
])
def test_refusals_of_a_cell(tmp_path: Path, old: str, new: str, message: str) -> None:
    library = Library(written(tmp_path / "bad.lib", TEXT.replace(old, new)))
    with pytest.raises(ConfigError, match=f"^bad\\.lib: {re.escape(message)}$"):
        _ = [library.cell(name) for name in ("A", "B")]


def test_what_no_file_can_be_read_from(tmp_path: Path) -> None:
    absent = tmp_path / "absent.lib"
    with pytest.raises(ConfigError, match=f"^{re.escape(str(absent))}: cannot be read: No such file"):
        Library(absent)
    packed = tmp_path / "cut.lib.gz"
    packed.write_bytes(gzip.compress(TEXT.encode())[:-20])
    with pytest.raises(ConfigError, match=f"^{re.escape(str(packed))}: must be a whole gzip file: "):
        Library(packed)
    packed.write_bytes(b"library (x) {}")
    with pytest.raises(ConfigError, match=r"must be a whole gzip file: Not a gzipped file"):
        Library(packed)


def test_no_such_cell() -> None:
    with pytest.raises(ConfigError, match=r"^tiny\.lib: cell 'NAND9' is missing$"):
        Library(TINY).cell("NAND9")


def test_units_of_the_tiny_library() -> None:
    library = Library(TINY)
    assert library.volts == 2.0
    flop, inverter = library.cell("DFF"), library.cell("INV")
    assert (flop.area_um2, flop.leakage_nw, flop.clock) == (10.0, 2000.0, "C"), "leakage: mean of its states"
    assert inverter.leakage_nw == 500.0
    assert inverter.pins["A"].capacitance_pf == pytest.approx(0.003)
    power, = inverter.pins["Y"].powers
    assert power.related == "A"
    assert power.toggle_pj(slew=0.0, load=50.0) == pytest.approx((3 + 6) / 2), "in the library's own unit"
    assert library.scales.pj == pytest.approx(1e-3), "a femtofarad times a volt squared"
    assert library.excluded == ["FORBIDDEN", "lpflow_NOT"]
    assert library.buffer() == "BUF"


def test_energy_is_capacitance_times_voltage_squared(tmp_path: Path) -> None:
    library = Library(written(tmp_path / "low.lib", TEXT.replace('"1V"', '"100mV"')))
    assert library.scales.pj == pytest.approx(0.01)
    assert library.volts == pytest.approx(0.15)


def test_energies_with_and_without_a_condition(tmp_path: Path) -> None:
    def arc(value: int, when: str) -> str:
        return f'internal_power () {{ {when} rise_power (scalar) {{ values ("{value}"); }} }}'

    def energies(*arcs: str) -> list[float]:
        text = TEXT.replace("capacitance : 0.25", "capacitance : 0.25; " + " ".join(arcs))
        pin = Library(written(tmp_path / "when.lib", text)).cell("A").pins["X"]
        return [2 * power.toggle_pj(slew=0.0) for power in pin.powers]

    assert energies(arc(1, 'when : "Y";'), arc(3, 'when : "!Y";')) == [1, 3]
    assert energies(arc(1, 'when : "Y";'), arc(3, "")) == [3], "one for all conditions stands for them"


def test_tables() -> None:
    table = Table(("slew", "load"), ((0.0, 10.0), (0.0, 1.0, 3.0)), (0.0, 10.0, 30.0, 5.0, 15.0, 35.0))
    assert table.at(slew=0, load=0) == 0
    assert table.at(slew=5, load=0.5) == pytest.approx(7.5)
    assert table.at(slew=10, load=2) == pytest.approx(25)
    assert table.at(slew=20, load=4) == pytest.approx(50), "beyond its points, on the same lines"
    assert table.at(slew=-10, load=0) == pytest.approx(-5)
    assert Table(("load",), ((1.0, 3.0),), (2.0, 6.0)).at(load=2, slew=99) == pytest.approx(4)
    assert Table(("load",), ((1.0,),), (2.0,)).at(load=7) == 2.0
    assert Table((), (), (3.0,)).at(slew=1) == 3.0


def test_wire_load() -> None:
    wires = Library(TINY).wire_load(100.0)
    assert wires is not None
    found = [wires.capacitance_pf(count) * 1e3 for count in (0, 1, 2, 3, 5)]
    assert found == pytest.approx([0, 1, 2, 3, 5]), "half a femtofarad a length of 0, 2, 4, 6, 6 + 2 * 2"


def test_wire_load_by_area(tmp_path: Path) -> None:
    wires = """
  wire_load ("few") { capacitance : 1; fanout_length (1, 1); }
  wire_load ("many") { capacitance : 1; fanout_length (1, 5); }
  wire_load_selection ("by") {
    wire_load_from_area (0, 100, "few"); wire_load_from_area (100, 200, "many");
  }
"""
    library = Library(written(tmp_path / "wires.lib", TEXT.replace("  cell (A)", wires + "  cell (A)", 1)))
    found = [getattr(library.wire_load(area), "name", None) for area in (50, 150, 500)]
    assert found == ["few", "many", None]


@pytest.mark.parametrize("name", REAL)
def test_real_libraries(name: str) -> None:
    library = Library(real_library(name))
    sky = name.startswith("sky130")
    assert library.volts == (1.8 if sky else 1.2)
    flop = library.cell("sky130_fd_sc_hd__dfxtp_1" if sky else "sg13g2_dfrbp_1")
    assert flop.clock == "CLK"
    assert flop.area_um2 == pytest.approx(20.0192 if sky else 47.1744)
    assert flop.leakage_nw == pytest.approx(0.008438635 if sky else 0.538542)
    clock, = {power.related for power in flop.pins["CLK"].powers}
    assert clock is None
    assert 0.01 < flop.pins["CLK"].powers[0].toggle_pj(slew=0.1) < 0.05, "some 20 fJ an edge"
    assert any("lpflow" in cell for cell in library.excluded) == sky
    for cell in list(library.cell_groups)[::8]:
        library.cell(cell)  # whatever else it has can be read
