"""Laws between SRAM macros: through a power law exactly, near the published ones, and beyond them."""

import pytest

from spikewright.boards.sram import FIGURES, macro_model
from spikewright.boards.technology import Technology
from spikewright.boards.technology_file import load_technology
from spikewright.boards.technology_rows import Error, Logic, Sram, Supply, Term


def macro(words: int, bits: int, ports: int) -> Sram:
    """A macro whose figures are powers: of bits, of the root of words, of the ports for area and leakage."""
    size = bits * words**0.5
    return Sram(words=words, word_bits=bits, ports=ports, area_um2=10 * size * ports, read_pj=size,
                write_pj=2 * size, leakage_nw=0.1 * size * ports**2, access_ns=words**0.25,
                setup_ns=0.1 * ports, source="by hand")


def technology(*rows: Sram) -> Technology:
    logic = Logic(terms=[Term(term="updates", energy_pj=1.0, source="x")],
                  error=Error(low=0.5, high=2.0, designs=1, source="x"))
    supply = Supply(volts=2.0, source="x")
    return Technology(version=1, name="mine", supply=supply, srams=list(rows), logic=logic)


def test_a_power_law_is_found() -> None:
    rows = [macro(64, 8, 1), macro(256, 8, 2), macro(64, 32, 1), macro(1024, 16, 1), macro(256, 64, 2)]
    model = macro_model(technology(*rows))
    assert all(worst == pytest.approx(1.0) for worst in model.worst.values())
    assert model.figure("read_pj", depth=100, width=10) == pytest.approx(100)
    assert model.figure("write_pj", depth=100, width=10, ports=2) == pytest.approx(200)
    assert model.figure("area_um2", depth=100, width=10, ports=2) == pytest.approx(2000)
    assert model.figure("leakage_nw", depth=100, width=10, ports=2) == pytest.approx(40)
    assert model.figure("access_ns", depth=10000, width=10) == pytest.approx(10)
    assert model.setup_ns == pytest.approx(0.2), "the longest"
    shallow, least = (model.figure("read_pj", depth=depth, width=10) for depth in (4, 64))
    assert shallow == least, "no macro is shallower than the shallowest"
    half = model.figure("read_pj", depth=100, width=10, volts=1.0)
    assert half == pytest.approx(25), "half the supply, a quarter of the energy"
    assert model.figure("area_um2", depth=100, width=10, volts=1.0) == pytest.approx(1000)


def test_published_macros() -> None:
    table = load_technology("130nm")
    assert table.srams is not None
    model = macro_model(table)
    for row in table.srams:
        size = {"depth": row.words, "width": row.word_bits, "ports": row.ports}
        for name in FIGURES:
            ratio = model.figure(name, **size) / getattr(row, name)
            assert 1 / model.worst[name] - 1e-9 <= ratio <= model.worst[name] + 1e-9
    assert model.worst["read_pj"] < 1.12
    assert model.worst["write_pj"] < 1.12
    assert model.worst["area_um2"] < 1.2
    assert model.worst["leakage_nw"] < 1.01, "in proportion to the bits"
    assert model.worst["access_ns"] < 1.16
