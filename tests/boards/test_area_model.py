"""The area model: close to what Yosys makes of random networks, block RAM exact, quick, and honest."""

import importlib
import itertools
import json
import time
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from spikewright.boards.area.adders import pairs, product_columns, signed_digits
from spikewright.boards.area.model import AreaEstimate, Images, chip_terms, estimate_area, load_model
from spikewright.boards.area.tables import filled, table_luts
from spikewright.boards.devices import DEVICES
from spikewright.boards.synth import Synthesis, synthesise
from spikewright.cli import main
from spikewright.compiler.images import write_images
from spikewright.compiler.mapping import Mapped, map_network
from spikewright.config import ChipConfig
from spikewright.network import Edge, InputPort, IntegerNetwork, Population
from spikewright.neuron import Decay, NeuronConfig
from spikewright.rtl.verilog import write_chip
from tests.networks import Case, random_case
from tests.plane_networks import random_plane_case
from tests.recurrent_networks import random_recurrent_case

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"
HELD_OUT = ()
"""Chips of benchmarks/area_model.py that nothing was fitted to, synthesised in a few seconds each."""
QUICK = (15, 16, 20)
MORE = (0, 2, 4, 5, 8, 10, 11, 12, 14, 17, 19, 21)


def mapped(case: Case) -> Mapped:
    """A random network as a chip: drawn otherwise than those that the model was fitted to."""
    return map_network(case.network, **case.mapping)


def mapped_case(seed: int) -> Mapped:
    """One of layers."""
    return mapped(random_case(seed))


def synthesised(mapped: Mapped, folder: Path) -> Synthesis:
    """What Yosys makes of it."""
    write_chip(mapped.chip, folder / "rtl")
    write_images(mapped.chip, mapped.images, folder / "memory")
    return synthesise(folder / "rtl", DEVICES["ecp5"], folder / "synthesis")


def check(case: Mapped, folder: Path) -> float:
    """Compare one network; the relative error of its look-up tables."""
    modelled, found = estimate_area(case.chip, case.images), synthesised(case, folder)
    assert modelled.brams == found.brams
    assert modelled.luts is not None
    assert modelled.carries == pytest.approx(found.carries, rel=0.3, abs=10)
    assert modelled.luts == pytest.approx(found.luts, rel=0.25)
    return abs(modelled.luts / found.luts - 1)


@pytest.mark.parametrize("seed", HELD_OUT)
def test_held_out_chips_are_within_10_percent(
    monkeypatch: pytest.MonkeyPatch, seed: int, tmp_path: Path
) -> None:
    monkeypatch.syspath_prepend(BENCHMARKS)
    benchmark = importlib.import_module("area_model")
    assert seed in benchmark.HELD_OUT
    assert check(benchmark.random_chip(seed), tmp_path) <= 0.1


@pytest.mark.parametrize("seed", QUICK)
def test_random_networks_are_close(seed: int, tmp_path: Path) -> None:
    check(mapped_case(seed), tmp_path)


@pytest.mark.parametrize("draw", [random_plane_case, random_recurrent_case])
def test_planes_and_rings_are_close(draw: Any, tmp_path: Path) -> None:
    check(mapped(draw(3)), tmp_path)


@pytest.mark.slow
def test_many_random_networks_are_closer_on_average(tmp_path: Path) -> None:
    errors = [check(mapped_case(seed), tmp_path / str(seed)) for seed in MORE]
    assert sum(errors) / len(errors) < 0.1


def test_it_takes_milliseconds() -> None:
    mapped = mapped_case(17)
    estimate_area(mapped.chip, mapped.images)
    start = time.perf_counter()
    for _ in range(10):
        estimate_area(mapped.chip, mapped.images)
    assert (time.perf_counter() - start) / 10 < 0.02


def test_every_term_has_a_coefficient_that_counts_something() -> None:
    model = load_model()
    names: dict[str, set[str]] = {"luts": set(), "carries": set()}
    draws = (random_case, random_plane_case, random_recurrent_case)
    for seed, draw in itertools.product(range(40), draws):
        case = mapped(draw(seed))
        for figure, terms in chip_terms(case.chip, case.images).items():
            names[figure] |= {term for term, amount in terms.items() if amount}
    for figure, known in names.items():
        assert known <= set(model["coefficients"][figure])
        assert all(value >= 0 for value in model["coefficients"][figure].values())
    assert model["held_out"]["designs"] >= 40
    assert model["held_out"]["brams_exact"] == model["held_out"]["designs"]


def test_adders_of_a_few_bits_are_look_up_tables() -> None:
    assert [pairs(bits) for bits in (1, 4, 5, 6, 7)] == [0, 0, 3, 3, 4]


@pytest.mark.parametrize(("words", "luts"), [
    ([3, 3, 3], 0),  # always the same
    ([0, 1, 2, 3], 0),  # the address itself
    ([0, 1, 1, 0], 1),
    ([0, 3, 3, 0], 1),  # both bits are one function
    ([2, 1, 1, 2], 1),  # and one its inverse
    ([int(n % 3 == 0) for n in range(16)], 1),
    ([int(n % 3 == 0) for n in range(32)], 2),  # two and a multiplexer of the slice
    ([int(n % 16 == 5) for n in range(128)], 1),  # upper address bits do not count
])
def test_tables_by_contents(words: Sequence[int], luts: int) -> None:
    assert table_luts(words) == luts


def test_beyond_its_end_a_table_goes_on_as_in_its_other_half() -> None:
    assert filled([1, 2, 3], 2) == [1, 2, 3, 3]
    assert filled([1, 2, 3, 4, 5], 3) == [1, 2, 3, 4, 5, 5, 5, 5]
    assert filled([1, 2, 3, 4, 5, 6], 3) == [1, 2, 3, 4, 5, 6, 5, 6]
    alternating = [0, 1, 0, 1, 0, 1]
    assert (table_luts(alternating), table_luts([*alternating[:5]], last=True)) == (0, 1)


@pytest.mark.parametrize("constant", [1, 3, 11, 25, 173, 1843, 3789, 65535])
def test_signed_digits_make_up_the_constant(constant: int) -> None:
    found = signed_digits(constant)
    assert sum(sign << power for power, sign in found) == constant
    assert all(later - earlier > 1 for (earlier, _), (later, _) in itertools.pairwise(found))


def test_columns_of_products() -> None:
    assert product_columns(12, 16, 20) == (0, 0, 0)  # 16 - 4: one adder
    assert product_columns(13, 16, 20) == (0, 0, 0)  # 1 - 4 is a carry chain of its own, 16 another
    assert product_columns(21, 8, 13) == (4, 0, 0)  # bits 4 to 7 are in all of 1, 4, 16
    assert product_columns(0, 8, 8) == (0, 0, 0)


def test_compile_prints_it_with_its_error(
    capsys: pytest.CaptureFixture[str], network_file: Path, tmp_path: Path
) -> None:
    semantics = network_file.with_name("semantics.yaml")  # decays by a shift
    assert main(["compile", str(network_file), "--semantics", str(semantics), "-o", str(tmp_path / "b")]) == 0
    text = " ".join(capsys.readouterr().out.split())
    stored = json.loads((tmp_path / "b" / "compile.json").read_text())["area_model"]
    assert stored["technology"] == "ecp5"
    assert set(stored) == {"luts", "carries", "brams", "error_percent", "mean_error_percent", "held_out",
                           "within_10", "technology", "beyond"}
    assert f"about {stored['luts']:,} LUT4, {stored['carries']:,} carry cells, {stored['brams']} bl" in text
    assert f"LUT4 within 10 % on {stored['within_10']} of {stored['held_out']} other designs" in text


def test_what_it_was_not_fitted_to_is_told(
    capsys: pytest.CaptureFixture[str], network_file: Path, tmp_path: Path
) -> None:
    assert main(["compile", str(network_file), "--source", "snntorch", "-o", str(tmp_path / "b")]) == 0
    stored = json.loads((tmp_path / "b" / "compile.json").read_text())["area_model"]
    assert (stored["luts"], stored["beyond"]) == (None, ["decays by a constant factor"])
    text = " ".join(capsys.readouterr().out.split())
    assert "LUT4 are not modelled for decays by a constant factor" in text


def test_compile_gives_the_model_the_contents(
    monkeypatch: pytest.MonkeyPatch, network_file: Path, tmp_path: Path
) -> None:
    given: list[Images] = []

    def recording(chip: ChipConfig, images: Images = None) -> AreaEstimate:
        given.append(images)
        return estimate_area(chip, images)

    monkeypatch.setattr("spikewright.stages.compile.estimate_area", recording)
    assert main(["compile", str(network_file), "--source", "snntorch", "-o", str(tmp_path / "b")]) == 0
    assert [set(images or {}) for images in given] == [{"hidden.weights", "hidden.parameters", "out.weights"}]


def test_amounts_of_a_known_core() -> None:
    neuron = NeuronConfig(state_bits=16, decay=Decay(kind="shift", shift=3), compare=(5000,),
                          reset_amount=(5000,))
    network = IntegerNetwork(
        name="known", inputs=(InputPort(name="in", shape=(20,)),),
        populations=(Population(name="out", size=40, neuron=neuron),),
        edges=(Edge(source="in", target="out", weights=np.full((40, 20), 3)),),
        outputs=("out",), weight_bits=8)
    chip = map_network(network, lanes=2, rows="dense").chip
    luts, carries = ({term: amount for term, amount in chip_terms(chip)[figure].items() if amount}
                     for figure in ("luts", "carries"))
    assert luts == {
        "store": 2 * 16, "fires": 2, "reset subtract": 2 * 16, "dense": 1,  # two lanes, 16-bit states
        "choice of two": 2 * 16 + (2 + 5 + 2), "ram rows": 2 * 2 + 2,  # 20 slots: two rows of RAM
        "control": 1, "control slot": 5, "emit encode": 2, "emit queue": 5}
    assert carries == {
        "accumulate": 2 * 8, "compare": 2 * 9, "shift": 2 * 8, "dense": 5 + 3, "row": 5, "control": 1 + 3,
        "emit": 1 + 2 * 3 + 3}


def test_the_estimate_says_what_it_is_worth() -> None:
    mapped = mapped_case(16)
    found = asdict(estimate_area(mapped.chip, mapped.images))
    held_out = load_model()["held_out"]
    assert found["error_percent"] == held_out["luts"]["max_percent"]
    assert found["held_out"] == held_out["designs"]
