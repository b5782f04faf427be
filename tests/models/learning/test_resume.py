"""Trainings that are interrupted and go on: the same network as in one go, or a refusal of one line."""

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from spikewright.errors import ConfigError
from spikewright.models.learning import trainer
from spikewright.models.learning.options import TrainOptions
from spikewright.models.learning.trainer import Progress, Trainer
from spikewright.models.learning.training import options_of, train

DATA = "digits[:240]"
EPOCHS = 6
OPTIONS: dict[str, dict[str, Any]] = {
    "sparse": {"layers": "24", "steps": 4, "shift": 1},
    "esl": {"layers": "24-16", "density": 0.3, "evolution": {"period": 2}, "batch": 40, "shift": 1},
    "sca": {"layers": "6c3s2-p2-12", "pruning": {"keep": 0.6, "regrow": 0.3}, "steps": 2},
    "kd": {
        "layers": "20-16",
        "teacher": {
            "layers": "24-20",
            "epochs": 1,
            "response": 0.5,
            "feature": 0.3,
            "feature_loss": "partial",  # adapters with normalisations: the optimizer has them too
        },
    },
    "lasnn": {"layers": "4c3s2-p2-12", "teacher": {"epochs": 2}},
    "stopping early": {"layers": "24", "steps": 4, "validation": 0.2, "patience": 2, "optimizer": "sgd"},
}


@pytest.fixture(autouse=True)
def always_saved(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every epoch leaves a state."""
    monkeypatch.setattr(trainer, "SAVE_SECONDS", -1.0)


def options(name: str, **changed: Any) -> TrainOptions:
    method = name if name in ("sparse", "esl", "sca", "kd", "lasnn") else "sparse"
    return options_of(method, **{**OPTIONS[name], "epochs": EPOCHS, "real_share": 0.6, **changed})


def stop_after(epochs: int) -> Progress:
    """Interrupt in the given epoch, whose work is then lost."""

    def progress(done: int, _total: int, _loss: float) -> None:
        if done == epochs:
            raise KeyboardInterrupt

    return progress


@pytest.fixture(name="whole", scope="module")
def whole_fixture(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Where each training in one go was written, filled in as they are asked for."""
    return {"": tmp_path_factory.mktemp("whole")}


@pytest.mark.parametrize("stop", [2, 5])  # before and after epoch 3, from which it is on integers
@pytest.mark.parametrize("name", list(OPTIONS))
def test_an_interrupted_training_ends_in_the_same_network(
    name: str, stop: int, whole: dict[str, Path], tmp_path: Path
) -> None:
    if name not in whole:
        train(options(name), DATA, whole[""] / name)
        whole[name] = whole[""] / name
    seen: list[int] = []
    with pytest.raises(KeyboardInterrupt):
        train(options(name), DATA, tmp_path, stop_after(stop))
    assert [path.name for path in tmp_path.iterdir()] == ["training.pt"]
    results = train(options(name), DATA, tmp_path, lambda done, *_: seen.append(done), resume=True)
    assert seen[0] == stop, "only what was lost is trained again"
    assert (tmp_path / "network.nir").read_bytes() == (whole[name] / "network.nir").read_bytes()
    ours, theirs = (torch.load(folder / "checkpoint.pt") for folder in (tmp_path, whole[name]))
    assert ours.keys() == theirs.keys()
    for key, value in ours.items():
        assert torch.equal(value, theirs[key]) if isinstance(value, torch.Tensor) else value == theirs[key]
    assert len(results.metrics["history"]) == results.metrics["epochs"] == seen[-1]
    names = sorted(path.name for path in tmp_path.iterdir())
    assert names == ["checkpoint.pt", "metrics.json", "network.nir"], "the state is gone"


def test_what_stopping_early_remembers_is_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """When it went over to integers, and the best of them, which comes before the interruption."""
    told = [0.9, 0.1, 0.1, 0.8, 0.2, 0.1, 0.95]
    monkeypatch.setattr(Trainer, "accuracy", lambda one: told[len(one.history) - 1])
    chosen = options("stopping early", epochs=20)
    whole = train(chosen, DATA, tmp_path / "whole").metrics
    assert whole["epochs"] == 6
    with pytest.raises(KeyboardInterrupt):
        train(chosen, DATA, tmp_path / "parts", stop_after(6))
    assert train(chosen, DATA, tmp_path / "parts", resume=True).metrics["history"] == whole["history"]
    networks = [(tmp_path / name / "network.nir").read_bytes() for name in ("whole", "parts")]
    assert networks[0] == networks[1]


def test_without_resume_it_begins_anew(tmp_path: Path) -> None:
    chosen = options("sparse")
    with pytest.raises(KeyboardInterrupt):
        train(chosen, DATA, tmp_path, stop_after(3))
    seen: list[int] = []
    train(chosen, DATA, tmp_path, lambda done, *_: seen.append(done))
    assert seen == list(range(1, EPOCHS + 1))
    seen.clear()
    # Nothing is left to resume.
    train(chosen, DATA, tmp_path, lambda done, *_: seen.append(done), resume=True)
    assert seen == list(range(1, EPOCHS + 1))


def test_other_options_or_data_are_refused(tmp_path: Path) -> None:
    chosen = options("sparse")
    x, y = np.random.default_rng(0).integers(0, 2, (60, 4, 6)), np.arange(60) % 3
    timed = dataclasses.replace(chosen, shift=0, steps=None)
    out = tmp_path / "out"
    cases: list[tuple[TrainOptions, str, TrainOptions, str]] = [
        (chosen, DATA, dataclasses.replace(chosen, learning_rate=0.5), DATA),
        (chosen, DATA, dataclasses.replace(chosen, seed=1), DATA),
        (chosen, DATA, chosen, "digits[:200]"),
        (chosen, DATA, chosen, "digits[1:241]"),
        (timed, str(tmp_path / "x.npz"), timed, str(tmp_path / "x.npz")),
    ]
    for first, data, second, other in cases:
        np.savez(tmp_path / "x.npz", x=x, y=y)
        with pytest.raises(KeyboardInterrupt):
            train(first, data, out, stop_after(2))
        before = (out / "training.pt").read_bytes()
        np.savez(tmp_path / "x.npz", x=1 - x, y=y)  # as many samples of the same shape, but others
        must = "must be of the same options and data; delete it to begin anew"
        with pytest.raises(ConfigError, match=rf"^resume: '{out}/training.pt' {must}$"):
            train(second, other, out, resume=True)
        assert (out / "training.pt").read_bytes() == before


@pytest.mark.parametrize("damage", ["empty", "text", "cut", "other"])
def test_a_damaged_state_is_refused(damage: str, tmp_path: Path) -> None:
    chosen = options("sparse")
    with pytest.raises(KeyboardInterrupt):
        train(chosen, DATA, tmp_path, stop_after(2))
    file = tmp_path / "training.pt"
    whole = file.read_bytes()
    if damage == "other":
        torch.save([1, 2], file)
    else:
        file.write_bytes({"empty": b"", "text": b"not a state\n", "cut": whole[: len(whole) // 2]}[damage])
    said = "of the same options" if damage == "other" else "what an interrupted training left$"
    with pytest.raises(ConfigError, match=rf"^resume: '{file}' must be {said}"):
        train(chosen, DATA, tmp_path, resume=True)
    assert [path.name for path in tmp_path.iterdir()] == ["training.pt"]


def test_a_state_that_runs_code_does_not(tmp_path: Path) -> None:
    class Bomb:
        def __reduce__(self) -> tuple[Any, ...]:
            return (Path.touch, (tmp_path / "owned",))

    torch.save({"made_with": Bomb()}, tmp_path / "training.pt")
    with pytest.raises(ConfigError, match=r"^resume: '.*' must be what an interrupted training left$"):
        train(options("sparse"), DATA, tmp_path, resume=True)
    assert not (tmp_path / "owned").exists()
