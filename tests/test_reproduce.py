"""``spikewright reproduce``: comparisons judged, written and drawn, without running those of papers."""

import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from matplotlib.image import imread

from spikewright import reproduce as module
from spikewright.cli import main
from spikewright.errors import ConfigError
from spikewright.models.systems import comparison as runs
from spikewright.models.systems import rkd
from spikewright.models.systems.comparison import Claim, Comparison, Outcome, Variant
from spikewright.reproduce import SYSTEMS, reproduce

FIELDS = ["name", "expected", "got", "deviation", "seeds", "n_test", "reproduced", "close", "unit"]


def comparison(data: str, *, quick: bool) -> Comparison:
    """Figures that are given: ``dict`` returns its arguments, and the seed among them."""
    figures = {"n_test": 200, "density": 0.25, "parameters": 900.0, "synaptic_operations": 50.0}
    points = (("weak", 0.1, 0.7), ("weak", 0.3, 0.8), ("strong", 0.1, 0.75), ("strong", 0.3, 0.9))
    variants = []
    for series, x, accuracy in points:
        given = {**figures, "accuracy_integer": accuracy}
        variants.append(Variant(name=f"{series} {x}", measure=dict, arguments=given, series=series, x=x))
    variants.append(Variant(name="a row", measure=dict, arguments={**figures, "accuracy_integer": 0.95}))
    curve = {"T=1": 0.5, "T=2": 0.7, "T=4": 0.75}
    variants.append(Variant(name="a curve", measure=dict, arguments={**figures, **curve}))

    def claims(outcome: Outcome) -> list[Claim]:
        late = outcome.of("weak 0.1", "seed")
        return [
            outcome.claim("strong beats weak", "strong 0.3", "weak 0.3", 1.0),
            outcome.claim("strong beats all", "strong 0.3", "a row", 0.0),
            outcome.measured("seeds", late, most=1, unit="on average"),
        ]

    title = f"a comparison{', quick' if quick else ''}"
    return Comparison(title=title, paper="a paper", data=data, variants=variants, claims=claims, axis="share")


@pytest.fixture(autouse=True)
def patched(monkeypatch: pytest.MonkeyPatch) -> None:
    """In the place of rkd's, and in threads in the place of processes, which take a second to begin."""
    monkeypatch.setattr(rkd, "comparison", comparison)
    monkeypatch.setattr(runs, "ProcessPoolExecutor", lambda workers, **_: ThreadPoolExecutor(workers))


def test_claims_figures_and_picture(tmp_path: Path) -> None:
    result = reproduce("rkd", tmp_path / "new" / "out", seeds=3, jobs=1, quick=True)
    assert json.loads((tmp_path / "new" / "out" / "reproduce.json").read_text()) == result
    assert [list(claim) for claim in result["claims"]] == [FIELDS] * 3
    strong, every, seeds = result["claims"]
    assert strong["got"] == pytest.approx(10.0)
    assert strong["deviation"] == pytest.approx(0.0)
    assert (strong["reproduced"], strong["seeds"], strong["n_test"]) == (True, 3, 200)
    assert every["got"] == pytest.approx(-5.0)
    assert every["reproduced"] is False
    assert (seeds["got"], seeds["deviation"], seeds["unit"]) == (1.0, 1.0, "on average")
    assert (result["system"], result["quick"], result["data"]) == ("rkd", True, "mnist5k")
    assert (result["title"], result["paper"]) == ("a comparison, quick", "a paper")
    variants = {variant["name"]: variant for variant in result["variants"]}
    assert list(variants) == ["weak 0.1", "weak 0.3", "strong 0.1", "strong 0.3", "a row", "a curve"]
    assert variants["a row"]["accuracy_integer"]["mean"] == pytest.approx(0.95)
    assert variants["a row"]["seed"] == {"mean": 1.0, "deviation": 1.0}
    picture = imread(tmp_path / "new" / "out" / "reproduce.png")
    assert picture.shape[0] > 400
    assert picture.shape[1] > 800
    assert np.ptp(picture[..., :3]) > 0.5, "something is drawn"
    assert {path.name for path in (tmp_path / "new" / "out").iterdir()} == {
        "reproduce.json",
        "reproduce.png",
        "runs",
    }


def test_a_single_seed_has_no_deviation_and_what_is_there_stays(tmp_path: Path) -> None:
    first = reproduce("rkd", tmp_path, seeds=1, jobs=1, data="digits")
    assert [claim["deviation"] for claim in first["claims"]] == [None] * 3
    assert first["variants"][0]["accuracy_integer"]["deviation"] is None
    assert (first["data"], first["quick"]) == ("digits", False)
    kept = sorted((tmp_path / "runs").iterdir())
    assert len(kept) == 6
    document = json.loads(kept[0].read_text())
    document["figures"]["parameters"] = 12345.0
    kept[0].write_text(json.dumps(document))

    def parameters(**options: Any) -> set[float]:
        found = reproduce("rkd", tmp_path, seeds=1, jobs=1, **options)
        return {variant["parameters"]["mean"] for variant in found["variants"]}

    assert parameters() == {900.0, 12345.0}, "what is there is not run again"
    assert parameters(force=True) == {900.0}


def test_every_seed_tests_on_its_fold(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def in_fold(data: str, *, quick: bool) -> Comparison:
        name, _, fold = data.partition(":fold")
        number = float(fold.partition("/")[0] or 0)
        figures = {"accuracy_integer": 0.5, "n_test": 10, "fold": number, "folds": float(fold[2:] or 0)}
        variants = [Variant(name="a", measure=dict, arguments=figures)]
        return Comparison(title=f"{quick}", paper="p", data=name, variants=variants, claims=lambda _: [])

    monkeypatch.setattr(rkd, "comparison", in_fold)

    def found(name: str, **options: Any) -> tuple[list[float], Any]:
        result = reproduce("rkd", tmp_path / name, jobs=1, data="digits", **options)
        runs = [json.loads(file.read_text()) for file in (tmp_path / name / "runs").iterdir()]
        assert {run["figures"]["folds"] for run in runs} == {float(options.get("folds", 0))}
        runs.sort(key=lambda run: run["seed"])
        return [run["figures"]["fold"] for run in runs], (result["folds"], result["data"])

    assert found("own") == ([0, 0, 0], (None, "digits"))
    assert found("all", folds=4) == ([1, 2, 3, 4], (4, "digits"))
    assert found("more", folds=2, seeds=3) == ([1, 2, 1], (2, "digits"))
    with pytest.raises(ConfigError, match=r"^folds must be 2 or more, not 1$"):
        reproduce("rkd", tmp_path, folds=1)
    with pytest.raises(ConfigError, match=r"^jobs must be 1 or more, not -1$"):
        reproduce("rkd", tmp_path, jobs=-1)


def test_the_command_prints_one_object(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["reproduce", "rkd", "-o", str(tmp_path / "out"), "--seeds", "2", "--jobs", "1", "--quick"]
    assert main([*arguments, "--json"]) == 0
    out, _ = capsys.readouterr()
    found = json.loads(out, parse_constant=lambda name: pytest.fail(f"{name} is not JSON"))
    assert found == json.loads((tmp_path / "out" / "reproduce.json").read_text())
    assert main(arguments) == 0
    out, _ = capsys.readouterr()
    assert "strong beats weak" in out
    assert "not reproduced at this scale" in out
    assert out.count("within the deviation") == 1, "the seeds differ by as much as they miss the bound"
    assert "2 seeds, 200 test samples each" in out
    assert f"{tmp_path / 'out' / 'reproduce.png'}: the picture" in out


def test_the_folder_is_named_after_the_system(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["reproduce", "rkd", "--seeds", "1", "--jobs", "1", "--json"]) == 0
    assert (tmp_path / "out" / "reproduce" / "rkd" / "reproduce.json").is_file()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["nonsense"], "system must be one of esl, sca, rkd, kd, lasnn, not 'nonsense'"),
        (["../rkd"], "system must be one of esl, sca, rkd, kd, lasnn, not '../rkd'"),
        ([], "Missing argument 'SYSTEM'."),
        (["rkd", "--seeds", "0"], "Invalid value for '--seeds': "),
        (["rkd", "--jobs", "0"], "Invalid value for '--jobs': "),
        (["rkd", "-o", "file"], "output 'file': must be a folder, not a file"),
        (["rkd", "-o", "file/x"], "output 'file/x': cannot be written: '"),
    ],
)
def test_refusals(
    arguments: list[str],
    message: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "file").write_text("mine")
    assert main(["reproduce", *arguments]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert len(err.splitlines()) == 1
    assert err.startswith(f"spikewright: {message}")
    assert [path.name for path in tmp_path.iterdir()] == ["file"]
    assert (tmp_path / "file").read_text() == "mine"


def test_a_missing_matplotlib_is_said_before_anything_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "find_spec", lambda _: None)
    with pytest.raises(ConfigError, match=r"^pictures need matplotlib: pip install 'spikewright\[plot\]'$"):
        reproduce("rkd", tmp_path / "out", seeds=1)
    assert not (tmp_path / "out").exists()


LEAST = {
    "esl": {"dense layers, all synapses": 0.96, "dense layers, gradient 10%": 0.93},
    "sca": {"conv, activity 30%": 0.85, "dense layers, activity 30%": 0.93},
    "rkd": {"weak teacher, 30% wrong": 0.9, "ESL alone, 30% wrong": 0.88},
    "kd": {"no teacher, 1000 labels": 0.93, "answers, 1000 labels": 0.93},
    "lasnn": {"LaSNN, T=2": 0.93, "LaSNN, 1000 labels": 0.93},
}
"""Accuracies that trainings on handwritten digits of 8 by 8 pixels reach with any seed."""


@pytest.mark.parametrize("system", SYSTEMS)
def test_a_system_for_real(system: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()
    found = reproduce(system, tmp_path, quick=True, data="digits", seeds=1, jobs=1)
    variants = {variant["name"]: variant for variant in found["variants"]}
    for name, least in LEAST[system].items():
        assert variants[name]["accuracy_integer"]["mean"] > least, name
    for claim in found["claims"]:
        sign, bound = claim["expected"].split()[:2]
        reached = claim["got"] >= float(bound) if sign == ">=" else claim["got"] <= float(bound)
        assert claim["reproduced"] == reached, claim
        assert (claim["seeds"], claim["n_test"]) == (1, 359)
    judged = {claim["name"]: claim["got"] for claim in found["claims"]}
    assert len(judged) == len(found["claims"]) > 2
    if system == "esl":
        sizes = [variants[f"dense layers, {way} 10%"]["density"]["mean"] for way in ("static", "gradient")]
        assert max(sizes) <= 0.1
        assert min(sizes) > 0.097, "a synapse or two may have come to 0"
    if system == "sca":
        assert judged["dense layers: regrowth pays"] > 10, "a layer starves without"
        assert judged["conv: synaptic operations at least halved"] < 0.5
    if system == "rkd":
        assert judged["the student surpasses its teacher"] > 3
    if system == "lasnn":
        curve = [variants["converted"][f"T={steps}"]["mean"] for steps in (1, 32)]
        assert curve[0] < 0.5 < 0.9 < curve[1], "a converted network needs its steps"


@pytest.mark.slow
@pytest.mark.parametrize("system", SYSTEMS)
def test_a_quick_comparison(system: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()
    assert main(["reproduce", system, "--quick", "--seeds", "1", "-o", str(tmp_path)]) == 0
    found = json.loads((tmp_path / "reproduce.json").read_text())
    assert (found["data"], found["claims"][0]["n_test"]) == ("mnist5k", 1000)
    accuracies = {
        variant["name"]: variant["accuracy_integer"]["mean"]
        for variant in found["variants"]
        if "accuracy_integer" in variant
    }
    assert all(accuracies[name] > 0.85 for name in LEAST[system]), accuracies
    assert (tmp_path / "reproduce.png").read_bytes()[:4] == b"\x89PNG"
