"""The check is checked: injected faults are found, and the counting cannot flatter."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from spikewright.cosim.compare import Comparison
from spikewright.cosim.faults import Fault, contents_faults, state_faults
from spikewright.cosim.inject import inject
from spikewright.cosim.mutants import write_mutants
from spikewright.cosim.outcomes import Injection, Outcome
from spikewright.cosim.run import Setup
from spikewright.errors import ConfigError
from spikewright.stages.injection import faults_found, faults_summary
from tests.cosim.builds import Files, write_files
from tests.cosim.test_run import SIMULATOR, network


@pytest.fixture(scope="module")
def x() -> Any:
    events = (np.random.default_rng(4).random((3, 8, 20)) < 0.2).astype(np.uint8)
    events[:, :, 19] = 0  # one input never fires
    return events


def run(files: Files, x: Any, count: int, seed: int = 0) -> Injection:
    setup = Setup(
        rtl=files.folder / "rtl",
        memory=files.folder / "memory",
        work=files.folder / "cosim",
        images=files.mapped.images,
        simulator=SIMULATOR,
        seed=seed,
    )
    return inject(files.mapped.chip, files.network, x, setup, count=count)


@pytest.mark.parametrize(
    ("mapping", "count"),
    [({"rows": "dense"}, 42), ({"rows": "compressed", "contents": "bus"}, 18)],
    ids=["dense, baked", "compressed, bus"],
)
def test_effective_faults_are_found_and_located(
    mapping: dict[str, Any], count: int, x: Any, tmp_path: Path
) -> None:
    injection = run(write_files(network(), tmp_path, mapping), x[:, :6], count)
    found = injection.count()
    assert found["injected"] == count
    assert found["effective"] >= count / 2
    assert found["detected"] >= 0.95 * found["effective"]
    assert found["located"] >= 0.95 * found["effective"]
    kinds = [injection.count(kind) for kind in ("logic", "contents", "state")]
    assert [kind["injected"] for kind in kinds] == [count // 2, count // 3, count // 6]
    assert all(kind["effective"] for kind in kinds)
    contents = [o for o in injection.outcomes if o.fault.kind == "contents" and o.detected]
    assert all(f"population {o.fault.population!r}" in str(o.found) for o in contents)
    summary = faults_summary(injection, 0)
    assert summary["by_kind"]["logic"] == kinds[0]
    assert [entry["number"] for entry in summary["faults"]] == list(range(count))


def test_a_checker_that_sees_nothing_detects_nothing(
    x: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is effective does not hang on the checker: were it blind, the figures would say so."""
    seen: list[object] = []

    def blind(*arguments: object) -> Comparison:
        seen.append(arguments)
        return Comparison(spikes_compared=0, places_compared=0, readouts_compared=0, states_compared=0,
                          step_states_compared=0, mismatches=0, divergence=None)  # fmt: skip

    monkeypatch.setattr("spikewright.cosim.inject.compare", blind)
    injection = run(write_files(network(), tmp_path), x, 9, seed=5)
    ended = [o for o in injection.outcomes if "locked up" not in (o.found or "")]
    assert seen
    assert any(outcome.effective for outcome in ended)
    assert not any(outcome.detected for outcome in ended)
    assert not faults_found(injection.count())


def test_a_fault_that_nothing_uses_has_no_effect(
    x: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The weights of an input that never fires; one that does fire, beside it."""
    files = write_files(network(), tmp_path, {"rows": "dense"})
    core = files.mapped.chip.core("hidden")

    def weight(row: int) -> Fault:
        return Fault(
            kind="contents", where=f"row {row}", how="flipped", population="hidden", memory="hidden.weights",
            word=row * core.slots, bit=3, neurons=frozenset({core.placement[0]}),
        )  # fmt: skip

    monkeypatch.setattr("spikewright.cosim.inject.contents_faults", lambda *_: [weight(19), weight(0)])
    monkeypatch.setattr("spikewright.cosim.inject.state_faults", lambda *_: [])
    outcomes = [o for o in run(files, x, 4).outcomes if o.fault.kind == "contents"]
    assert [(o.fault.where, o.effective, o.detected) for o in outcomes] == [
        ("row 19", False, False),
        ("row 0", True, True),
    ]
    assert outcomes[1].located


def test_the_seed_draws_the_faults(tmp_path: Path) -> None:
    files = write_files(network(), tmp_path)
    chip, images = files.mapped.chip, files.mapped.images

    def drawn(seed: int) -> list[str]:
        random = np.random.default_rng(seed)
        faults = contents_faults(chip, images, 10, random) + state_faults(chip, 24, 10, random)
        mutants = write_mutants(tmp_path / "rtl", tmp_path / "mutants.v", 10, seed)
        return [f"{fault.where} {fault.how}" for fault in faults] + [f"{m.where} {m.how}" for m in mutants]

    assert drawn(1) == drawn(1)
    assert drawn(1) != drawn(2)


def test_faults_are_where_the_design_can_be_affected(tmp_path: Path) -> None:
    files = write_files(network(), tmp_path)
    chip, images = files.mapped.chip, files.mapped.images
    mutants = write_mutants(tmp_path / "rtl", tmp_path / "mutants.v", 200, 3)
    assert len({(m.module, m.cell, m.port, m.bit, m.mode) for m in mutants}) > 150
    assert not [m for m in mutants if m.wire in ("clk", "rst") or m.port.upper().endswith("CLK")]
    text = (tmp_path / "mutants.v").read_text()
    assert "input [7:0] fault;" in text
    random = np.random.default_rng(0)
    for fault in contents_faults(chip, images, 50, random):
        assert fault.memory is not None
        assert fault.word < len(images[fault.memory])
    for fault in state_faults(chip, 24, 50, random):
        assert fault.neurons
        core = chip.core(str(fault.population))
        lane = int(str(fault.memory).rsplit(".", 1)[1])
        assert {core.placement[fault.word * core.lanes + lane]} == fault.neurons


@pytest.mark.parametrize("count", [0, -1, 10_001])
def test_a_number_out_of_range_is_refused(count: int, x: Any, tmp_path: Path) -> None:
    files = Files(network=network(), mapped=write_files(network(), tmp_path).mapped, folder=tmp_path)
    with pytest.raises(ConfigError, match=rf"^inject must be 1\.\.10000, not {count}$"):
        run(files, x, count)


def outcome(*, effective: bool, detected: bool) -> Outcome:
    fault = Fault(kind="state", where="p.state.0: word 0, bit 0", how="stuck-at-0", population="p")
    return Outcome(
        fault=fault, effect="words" if effective else None, found="x" if detected else None, located=detected
    )  # fmt: skip


def test_only_effective_faults_count_as_detected() -> None:
    outcomes = [outcome(effective=True, detected=True)] * 19 + [outcome(effective=False, detected=True)] * 5
    injection = Injection(outcomes=tuple(outcomes), samples=1, steps=1, seconds=1.0)
    assert injection.count() == {"injected": 24, "effective": 19, "detected": 19, "located": 19}


@pytest.mark.parametrize(
    ("effective", "detected", "held"), [(100, 95, True), (100, 94, False), (1, 1, True), (0, 0, False)]
)
def test_95_percent_of_the_effective_must_be_detected(effective: int, detected: int, held: bool) -> None:
    assert faults_found({"injected": 200, "effective": effective, "detected": detected}) is held


def test_nothing_injected_is_nothing_missed() -> None:
    assert faults_found({"injected": None})
