"""Energies at and between the rows, and refusals to the letter."""

import math
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from spikewright.boards.technology_file import load_technology, shipped_technologies
from spikewright.boards.technology_rows import TERMS
from spikewright.errors import ConfigError

GOOD: dict[str, Any] = {
    "version": 1,
    "name": "mine",
    "supply": {"volts": 1.0, "source": "data sheet"},
    "adders": [{"bits": 8, "energy_pj": 1.0, "source": "data sheet"}],
    "memories": [{"bytes": 1024, "word_bits": 32, "energy_pj": 4.0, "source": "data sheet"}],
}


def written(path: Path, content: Any) -> Path:
    path.write_text(content if isinstance(content, str) else yaml.safe_dump(content))
    return path


def test_rows_of_the_table() -> None:
    table = load_technology("45nm")
    assert table.add_pj(8) == pytest.approx(0.03)
    assert table.add_pj(32) == pytest.approx(0.1)
    assert table.multiply_pj(8, 8) == pytest.approx(0.2)
    assert table.multiply_pj(32, 32) == pytest.approx(3.1)
    assert table.memory_pj(depth=1024, width=64) == pytest.approx(10.0)
    assert table.memory_pj(depth=4096, width=64) == pytest.approx(20.0)
    assert table.memory_pj(depth=131072, width=64) == pytest.approx(100.0)
    assert (table.supply.volts, table.clock) == (0.9, None)


def test_between_the_rows() -> None:
    table = load_technology("45nm")
    assert table.add_pj(20) == pytest.approx(0.065)  # half way
    assert table.add_pj(4) == pytest.approx(0.015)  # below the first: in proportion
    assert table.add_pj(56) == pytest.approx(0.17)  # above the last: on the same line
    assert table.multiply_pj(16, 16) == pytest.approx(math.sqrt(0.2 * 3.1))  # half way in the logarithm
    assert table.multiply_pj(4, 16) == pytest.approx(0.2)  # as many partial products as 8 by 8
    assert table.memory_pj(depth=2048, width=64) == pytest.approx(10 * math.sqrt(2))
    assert table.memory_pj(depth=2048, width=32) == pytest.approx(5.0)  # as many bytes as the first row
    assert table.memory_pj(depth=64, width=64) == pytest.approx(2.5)  # a 16th of the capacity: a quarter
    middle = math.sqrt(32768 * 1048576)
    assert table.memory_pj(depth=round(middle / 8), width=64) == pytest.approx(math.sqrt(20 * 100), rel=1e-4)


def test_one_row_each(tmp_path: Path) -> None:
    mine = load_technology(written(tmp_path / "mine.yaml", GOOD))
    assert mine.add_pj(24) == pytest.approx(3.0)
    assert mine.memory_pj(depth=1024, width=32) == pytest.approx(8.0)  # four times the bytes
    expected = "technology mine: multipliers must have a row, the chip multiplies"
    with pytest.raises(ConfigError, match=f"^{expected}$"):
        mine.multiply_pj(8, 8)
    more = GOOD | {"multipliers": [{"bits": 8, "energy_pj": 1.0, "source": "data sheet"}]}
    assert load_technology(written(tmp_path / "more.yaml", more)).multiply_pj(16, 16) == pytest.approx(4.0)


def test_every_shipped_technology_loads() -> None:
    assert shipped_technologies() == ["130nm", "45nm", "ice40"]
    for name in shipped_technologies():
        assert load_technology(name).name == name


def test_exponents_are_numbers(tmp_path: Path) -> None:
    text = yaml.safe_dump(GOOD).replace("energy_pj: 1.0", "energy_pj: 1e-4")
    assert "1e-4" in text
    assert load_technology(written(tmp_path / "mine.yaml", text)).add_pj(8) == pytest.approx(1e-4)


def changed(**keys: Any) -> dict[str, Any]:
    return GOOD | keys


def row(**keys: Any) -> dict[str, Any]:
    return {"bits": 8, "energy_pj": 1.0, "source": "data sheet"} | keys


def macro(**keys: Any) -> dict[str, Any]:
    return {"words": 64, "word_bits": 8, "ports": 1, "area_um2": 1.0, "read_pj": 1.0, "write_pj": 1.0,
            "leakage_nw": 1.0, "access_ns": 1.0, "setup_ns": 0.1, "source": "data sheet"} | keys


TERM = {"term": "updates", "energy_pj": 1.0, "source": "runs"}
ERROR = {"low": 0.5, "high": 2.0, "designs": 20, "source": "runs"}
LOGIC = {"terms": [TERM], "error": ERROR}
HEAD = {key: GOOD[key] for key in ("version", "name", "supply")}
FABRIC = {key: {"value": value, "source": "board"} for key, value in
          (("cycle_pj", 10.0), ("quiet_cell_pj", 1.0), ("busy_cell_pj", 4.0), ("static_mw", 0.5))}
KNOWN = ", ".join(repr(term) for term in TERMS[:-1]) + f" or {TERMS[-1]!r}"


def calibrated(**keys: Any) -> dict[str, Any]:
    return HEAD | {"srams": [macro()] * 4, "logic": LOGIC} | keys


def measured(**keys: Any) -> dict[str, Any]:
    return HEAD | {"fabric": FABRIC | keys}


def test_the_other_kinds_are_good(tmp_path: Path) -> None:
    assert load_technology(written(tmp_path / "one.yaml", calibrated())).logic is not None
    assert load_technology(written(tmp_path / "two.yaml", measured())).fabric is not None


@pytest.mark.parametrize(("content", "message"), [
    (changed(adders=[{"bits": 8, "energy_pj": 1.0}]), "adders.0.source is missing"),
    (changed(adders=[row(source="")]), "adders.0.source: must name where the figure comes from, not ''"),
    (changed(adders=[row(source="  ")]), "adders.0.source: must name where the figure comes from, not '  '"),
    (changed(adders=[row(source=None)]), "adders.0.source: must name where the figure comes from, not None"),
    (changed(supply={"volts": 1.0}), "supply.source is missing"),
    (changed(clock={"mhz": 100}), "clock.source is missing"),
    (changed(colour="red"), "colour: there is no such key"),
    (changed(adders=[row(energy=1.0)]), "adders.0.energy: there is no such key"),
    (changed(adders=[row(energy_pj=0)]), "adders.0.energy_pj: must be greater than 0, not 0"),
    (changed(adders=[row(energy_pj=-1.5)]), "adders.0.energy_pj: must be greater than 0, not -1.5"),
    (changed(adders=[row(energy_pj="much")]), "adders.0.energy_pj: must be a number, not 'much'"),
    (changed(adders=[row(energy_pj=True)]), "adders.0.energy_pj: must be a number, not True"),
    (changed(adders=[row(energy_pj=float("nan"))]), "adders.0.energy_pj: must be a finite number, not nan"),
    (changed(adders=[row(energy_pj=float("inf"))]), "adders.0.energy_pj: must be a finite number, not inf"),
    (changed(adders=[row(bits=8.5)]), "adders.0.bits: must be an integer, not 8.5"),
    (changed(adders=3), "adders: must be a list of rows, not 3"),
    (changed(adders=[]), "adders: must have at least one row, not []"),
    (changed(adders=[row(), row(energy_pj=2.0)]), "adders: bits must rise from row to row, not 8 then 8"),
    (changed(adders=[row(), row(bits=16)]), "adders: energy_pj must rise from row to row, not 1.0 then 1.0"),
    (changed(memories=[]), "memories: must have at least one row, not []"),
    (changed(version=2), "version: must be 1, not 2"),
    ({key: GOOD[key] for key in GOOD if key != "memories"}, "memories or srams must be there, and not both"),
    (changed(srams=[macro()] * 4), "memories or srams must be there, and not both"),
    (changed(logic=LOGIC), "adders or logic must be there, and not both"),
    (changed(fabric=FABRIC), "adders must not stand beside fabric"),
    (calibrated(srams=[macro()] * 3), "srams: must have 4 rows or more, not 3"),
    (calibrated(srams=[macro(ports=3)] * 4), "srams.0.ports: must be less than or equal to 2, not 3"),
    (calibrated(srams=[macro(read_pj=0)] * 4), "srams.0.read_pj: must be greater than 0, not 0"),
    (calibrated(srams=[{k: v for k, v in macro().items() if k != "source"}] * 4),
     "srams.0.source is missing"),
    (calibrated(logic=LOGIC | {"terms": []}), "logic.terms: must have at least one row, not []"),
    (calibrated(logic=LOGIC | {"terms": [TERM, TERM]}), "logic.terms: updates must stand once, not 2 times"),
    (calibrated(logic=LOGIC | {"terms": [TERM | {"term": "luck"}]}),
     f"logic.terms.0.term: must be {KNOWN}, not 'luck'"),
    (calibrated(logic=LOGIC | {"error": ERROR | {"low": 1.5}}),
     "logic.error: low and high must lie around 1, not 1.5 and 2.0"),
    (measured(busy_cell_pj={"value": 0.5, "source": "board"}),
     "fabric: busy_cell_pj must be above quiet_cell_pj, not 0.5 and 1.0"),
    (measured(static_mw={"value": 0.5}), "fabric.static_mw.source is missing"),
    ([1], "the file: must be a mapping of keys, not [1]"),
    ("", "the file: must be a mapping of keys, not None"),
    ("version: 1\nname: a\nname: b\n", "line 1: key 'name' must stand once, not 2 times"),
    ("version: [1\n", "line 2: expected ',' or ']', but got '<stream end>'"),
    ("a: !!python/object:os.system x\n",
     "line 1: could not determine a constructor for the tag 'tag:yaml.org,2002:python/object:os.system'"),
])
def test_refusals(tmp_path: Path, content: Any, message: str) -> None:
    with pytest.raises(ConfigError, match=f"^bad\\.yaml: {re.escape(message)}$"):
        load_technology(written(tmp_path / "bad.yaml", content))


def test_no_such_technology(tmp_path: Path) -> None:
    known = "130nm, 45nm, ice40"
    with pytest.raises(ConfigError, match=f"^technology must be one of {known} or a YAML file, not '28nm'$"):
        load_technology("28nm")
    absent = tmp_path / "absent.yaml"
    expected = f"{absent}: cannot be read: No such file or directory"
    with pytest.raises(ConfigError, match=f"^{re.escape(expected)}$"):
        load_technology(absent)
    (tmp_path / "binary.yaml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ConfigError, match=r"binary\.yaml: must be UTF-8 text$"):
        load_technology(tmp_path / "binary.yaml")
