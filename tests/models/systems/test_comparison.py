"""Comparisons: what is run, what is kept of it, and what becomes of claims."""

import json
import math
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from spikewright.errors import ConfigError, ToolError
from spikewright.models.learning.training import options_of
from spikewright.models.systems import comparison as module
from spikewright.models.systems.comparison import Comparison, Figures, Outcome, Variant, run, trained
from spikewright.reproduce import SYSTEMS

ACCURACIES = {"plain": (0.80, 0.82, 0.84), "better": (0.85, 0.84, 0.89)}


def outcome() -> Outcome:
    runs: dict[str, list[Figures]] = {
        name: [{"accuracy_integer": a, "parameters": 100 * a, "n_test": 500.0} for a in accuracies]
        for name, accuracies in ACCURACIES.items()
    }
    runs["plain"][1] = {**runs["plain"][1], "n_test": 400.0}
    return Outcome(runs)


def test_claims_by_hand() -> None:
    differences = (5.0, 2.0, 5.0)
    claim = outcome().claim("it helps", "better", "plain", 3.5)
    assert (claim.name, claim.expected, claim.unit) == ("it helps", ">= +3.5 points", "points")
    assert claim.got == pytest.approx(4.0)
    # Of the seeds' own differences, so that what they share does not count.
    assert claim.deviation == pytest.approx(math.sqrt(sum((d - 4) ** 2 for d in differences) / 2))
    assert (claim.seeds, claim.n_test, claim.reproduced) == (3, 400, True)
    much = outcome().claim("it helps much", "better", "plain", 4.1)
    assert (much.reproduced, much.close) == (False, True)
    assert claim.close, "half a point above the bound, of a deviation of 1.7"
    assert not outcome().claim("it helps", "better", "plain", 2.0).close
    assert outcome().claim("it costs little", "plain", "better", -4.5).reproduced
    assert not outcome().claim("it costs nothing", "plain", "better", -3.9).reproduced
    other = outcome().claim("of others", "better", "plain", 0.0, key="parameters", other="accuracy_integer")
    assert other.got == pytest.approx(100 * (86 - 0.82))


def test_other_measures_by_hand() -> None:
    ratio = outcome().of("plain", "parameters") / outcome().of("better", "parameters")
    claim = outcome().measured("smaller", ratio, most=0.96, unit="of the whole")
    assert claim.got == pytest.approx(np.mean([80 / 85, 82 / 84, 84 / 89]))
    assert (claim.reproduced, claim.unit, claim.expected) == (True, "of the whole", "<= 0.96 of the whole")
    single = outcome().measured("one", np.array([2.0]), least=0)
    assert (single.got, single.seeds) == (2.0, 1)
    assert math.isnan(single.deviation), "one seed has none"
    assert not single.close
    assert outcome().measured("at most", np.array([1.0, 3.0]), most=1.5).reproduced is False


@pytest.fixture(name="calls")
def calls_fixture(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, int]]:
    """What is run, by threads in the place of processes."""
    monkeypatch.setattr(module, "ProcessPoolExecutor", lambda workers, **_: ThreadPoolExecutor(workers))
    return []


def made(calls: list[tuple[str, int]], *names: str, fail: str = "", **changed: Any) -> Comparison:
    """A comparison of variants that only say that they were run."""

    def measure(name: str, seed: int, **_: Any) -> Figures:
        calls.append((name, seed))
        if name == fail:
            raise ConfigError(f"{name} cannot be")
        return {"accuracy_integer": seed / 10, "n_test": 10}

    variants = [Variant(name=name, measure=measure, arguments={"name": name, **changed}) for name in names]
    return Comparison(title="t", paper="p", data="d", variants=variants, claims=lambda _: [])


def test_what_is_there_is_not_run_again(calls: list[tuple[str, int]], tmp_path: Path) -> None:
    told: list[str] = []

    def again(comparison: Comparison, seeds: int, **options: Any) -> list[tuple[str, int]]:
        calls.clear()
        told.clear()
        found = run(comparison, range(seeds), tmp_path, jobs=1, progress=told.append, **options)
        assert list(found.runs) == [variant.name for variant in comparison.variants]
        for runs in found.runs.values():
            assert [figures["accuracy_integer"] for figures in runs] == [seed / 10 for seed in range(seeds)]
        assert len(told) == len(found.runs) * seeds, "what is there is told too"
        return sorted(calls)

    assert again(made(calls, "a", "b"), 2) == [("a", 0), ("a", 1), ("b", 0), ("b", 1)]
    assert sorted(told) == ["a, seed 0", "a, seed 1", "b, seed 0", "b, seed 1"]
    assert again(made(calls, "a", "b"), 2) == []
    assert again(made(calls, "b", "a", "c"), 3) == [("a", 2), ("b", 2), ("c", 0), ("c", 1), ("c", 2)]
    assert again(made(calls, "a", options={"epochs": 3}), 1) == [("a", 0)], "other options, another run"
    assert again(made(calls, "a", "b"), 2, force=True) == [("a", 0), ("a", 1), ("b", 0), ("b", 1)]
    kept = sorted((tmp_path / "runs").iterdir())
    assert len(kept) == 10
    document = json.loads(kept[0].read_text())
    assert set(document) == {"variant", "seed", "figures"}
    for file, damage in zip(kept, ("", "{", "[]", '{"seed": 1}'), strict=False):
        file.write_text(damage)
    again(made(calls, "a", "b", "c"), 3)
    again(made(calls, "a", options={"epochs": 3}), 1)
    assert all(json.loads(file.read_text())["figures"] for file in kept), "what is not whole is run again"


def test_an_interruption_keeps_what_is_done(calls: list[tuple[str, int]], tmp_path: Path) -> None:
    def stop(name: str) -> None:
        if name == "b, seed 0":
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(made(calls, "a", "b", "c"), [0], tmp_path, jobs=1, progress=stop)
    done = len(list((tmp_path / "runs").iterdir()))
    assert done == len(calls) >= 2
    calls.clear()
    run(made(calls, "a", "b", "c"), [0], tmp_path, jobs=1)
    assert len(calls) == 3 - done


def test_a_failure_keeps_what_is_done(calls: list[tuple[str, int]], tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"^b cannot be$"):
        run(made(calls, "a", "b", "c", fail="b"), [0], tmp_path, jobs=1)
    assert {name for name, _ in calls} >= {"a", "b"}
    kept = [json.loads(file.read_text())["variant"] for file in (tmp_path / "runs").iterdir()]
    assert sorted(kept) == sorted({name for name, _ in calls} - {"b"})


def test_in_processes(tmp_path: Path) -> None:
    """Figures come back from other processes, and so does what is wrong, as one line."""
    figures = {"accuracy_integer": 0.5, "n_test": 10.0}
    whole = Comparison(
        title="t", paper="p", data="d", claims=lambda _: [],
        variants=[Variant(name="constant", measure=dict, arguments=figures)],
    )  # fmt: skip
    assert run(whole, [3], tmp_path, jobs=1).runs == {"constant": [{**figures, "seed": 3}]}
    wrong = Variant(name="wrong", arguments={"method": "sparse", "data": "nothing", "options": {}})
    broken = Comparison(title="t", paper="p", data="d", variants=[wrong], claims=lambda _: [])
    with pytest.raises(ConfigError, match=r"^data: must be one of digits, .*, not 'nothing'$"):
        run(broken, [0], tmp_path / "new", jobs=1)
    assert not (tmp_path / "new").exists()
    with pytest.raises(ConfigError, match=r"^seeds must be 1 or more$"):
        run(broken, [], tmp_path, jobs=1)


@pytest.mark.usefixtures("calls")
def test_a_process_that_is_killed_is_said(tmp_path: Path) -> None:
    def measure(**_: Any) -> Figures:
        raise BrokenProcessPool("a process was terminated abruptly")  # as the pool says it

    killed = Variant(name="killed", measure=measure)
    whole = Comparison(title="t", paper="p", data="d", variants=[killed], claims=lambda _: [])
    with pytest.raises(ToolError, match=r"^the process of a training was ended from outside, perhaps for w"):
        run(whole, [0], tmp_path, jobs=1)
    assert not (tmp_path / "runs").exists()


def test_a_training_gives_figures() -> None:
    options = {"layers": "12", "epochs": 1, "teacher": {"epochs": 1}}
    figures = trained("kd", "digits[:100]", options, seed=1)
    assert set(figures) == {
        "accuracy", "accuracy_integer", "accuracy_teacher", "density", "parameters", "synaptic_operations",
        "n_test",
    }  # fmt: skip
    assert figures["n_test"] == 359
    assert trained("kd", "digits[:100]", options, seed=1) == figures


@pytest.mark.parametrize("quick", [False, True])
@pytest.mark.parametrize("system", SYSTEMS)
def test_systems_compare_what_can_be_trained(system: str, quick: bool) -> None:
    """Names differ, options are some, and every claim finds its figures, whatever they are."""
    make: Callable[..., Comparison] = import_module(f"spikewright.models.systems.{system}").comparison
    comparison = make("mnist5k", quick=quick)
    names = [variant.name for variant in comparison.variants]
    assert len(set(names)) == len(names)
    keys = {"accuracy_integer", "accuracy", "accuracy_teacher", "parameters", "synaptic_operations"}
    keys |= {"analog", "density", "salt and pepper", "gaussian", "poisson", "epochs", "first_loss"}
    keys |= {f"T={2**power}" for power in range(6)}
    figures = {**dict.fromkeys(keys, 0.5), "n_test": 1000.0}
    for variant in comparison.variants:
        given = variant.arguments
        assert options_of(given["method"], seed=0, **given["options"]).method == system
        assert str(given["data"]).startswith("mnist5k")
    claims = comparison.claims(Outcome({name: [figures, figures] for name in names}))
    assert len(claims) >= 3
    assert len({claim.name for claim in claims}) == len(claims)
    assert all((claim.seeds, claim.n_test, claim.deviation) == (2, 1000, 0) for claim in claims)
    flat = {claim.name: claim.reproduced for claim in claims if claim.expected == ">= +0.0 points"}
    assert all(flat.values()), "no difference is at least none"
