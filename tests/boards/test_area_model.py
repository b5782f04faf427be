"""The area model: close to what Yosys makes of random networks, block RAM exact, quick, and honest."""

import importlib
import itertools
import json
import time
from dataclasses import asdict, replace
from pathlib import Path

import pytest

from spikewright.boards.area.model import (
    AreaEstimate,
    Images,
    chip_terms,
    estimate_area,
    load_model,
    unfitted,
)
from spikewright.boards.devices import DEVICES
from spikewright.boards.synth import Synthesis, synthesise
from spikewright.cli import main
from spikewright.cli.building_tables import area_of
from spikewright.compiler.images import write_images
from spikewright.compiler.mapping import Mapped, map_network
from spikewright.config import ChipConfig
from spikewright.filterbank import FilterBankConfig
from spikewright.rtl.verilog import write_chip
from tests.boards.layers import layer
from tests.networks import Case, random_case
from tests.plane_networks import random_plane_case
from tests.recurrent_networks import random_recurrent_case

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"
HELD_OUT = (70_003, 70_010, 70_023, 70_030)
"""Chips of benchmarks/area_model.py that nothing was fitted to, synthesised in a few seconds each."""
QUICK, PLANE = (15, 16, 20), 8
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


def test_a_random_network_in_the_plane_is_close(tmp_path: Path) -> None:
    check(mapped(random_plane_case(PLANE)), tmp_path)


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


def test_compile_prints_it_with_its_error(
    capsys: pytest.CaptureFixture[str], network_file: Path, tmp_path: Path
) -> None:
    assert main(["compile", str(network_file), "--source", "snntorch", "-o", str(tmp_path / "b")]) == 0
    text = " ".join(capsys.readouterr().out.split())
    stored = json.loads((tmp_path / "b" / "compile.json").read_text())["area_model"]
    assert stored["technology"] == "ecp5"
    assert set(stored) == {"luts", "carries", "brams", "error_percent", "mean_error_percent", "held_out",
                           "within_10", "technology", "beyond"}
    assert f"about {stored['luts']:,} LUT4, {stored['carries']:,} carry cells, {stored['brams']} bl" in text
    assert f"LUT4 within 10 % on {stored['within_10']} of {stored['held_out']} other designs" in text


def test_what_it_does_not_know_is_told() -> None:
    chip = layer(inputs=600, size=120, lanes=1).chip  # 72,000 words of one lane
    found = estimate_area(chip)
    assert (found.luts, found.carries, found.beyond) == (None, None, ("weights in more than 32 banks",))
    assert area_of(asdict(found)).endswith("LUT4 are not modelled for weights in more than 32 banks")
    assert estimate_area(layer(inputs=600, size=120, lanes=2).chip).beyond == ()


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


def test_the_estimate_says_what_it_is_worth() -> None:
    case = layer(inputs=20, size=40, lanes=2)
    found = asdict(estimate_area(case.chip, case.images))
    held_out = load_model()["held_out_by_kind"]["no rings"]
    assert found["error_percent"] == held_out["luts"]["max_percent"]
    assert (found["held_out"], found["within_10"]) == (held_out["designs"], held_out["luts"]["within_10"])
    assert held_out["luts"]["within_10"] >= 0.95 * held_out["designs"] >= 20


def test_delays_and_encoders_are_told_to_be_beyond_it() -> None:
    case = layer(inputs=20, size=40, lanes=2)
    core, source = case.chip.cores[0], case.chip.inputs[0]
    delayed = replace(core, ports=(replace(core.ports[0], delay=(2,)),))
    found = estimate_area(replace(case.chip, cores=(delayed,)), case.images)
    assert (found.luts, found.beyond, found.brams) == (None, ("delays",), 0)
    encoder = FilterBankConfig()
    sound = replace(source, encoder=encoder, shape=(encoder.lines,))
    assert unfitted(replace(case.chip, inputs=(sound,))) == ("encoders of sound",)
