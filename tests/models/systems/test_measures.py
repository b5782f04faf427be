"""What systems measure beside a plain training: after pruning, under noise, over a conversion's steps."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from spikewright.errors import ConfigError
from spikewright.models.data import load
from spikewright.models.learning.network import SpikingNetwork
from spikewright.models.learning.teacher import Teacher, train_teacher
from spikewright.models.learning.training import options_of, train
from spikewright.models.systems import lasnn
from spikewright.models.systems.esl import pruned_after
from spikewright.models.systems.kd import NOISES, noisy, with_noise
from spikewright.models.systems.lasnn import STEPS, converted, taught

DATA = "digits[:600]"


def test_pruned_after_training() -> None:
    options: dict[str, Any] = {"layers": "48", "epochs": 8, "batch": 20, "shift": 0}
    found = {density: pruned_after("esl", DATA, options, density, 0) for density in (1.0, 0.3, 0.01)}
    assert [figures["density"] for figures in found.values()] == [1.0, 0.3, 0.01]
    assert all(figures["n_test"] == 359 for figures in found.values())
    accuracies = [figures["accuracy_integer"] for figures in found.values()]
    assert accuracies[0] > 0.8
    assert accuracies[1] > 0.5
    assert accuracies[2] < accuracies[1] - 0.1, "the smallest are gone, and most were not the smallest"


def test_noises() -> None:
    images = load("digits:test")
    clean = images.x.copy()
    for kind in NOISES:
        spoilt = noisy(images, kind, 0)
        assert spoilt.x.shape == clean.shape
        assert spoilt.x.dtype == np.float32
        assert (spoilt.x.min(), spoilt.x.max()) == (0, 1)
        np.testing.assert_array_equal(spoilt.x, noisy(images, kind, 0).x)
        assert (spoilt.x != noisy(images, kind, 1).x).any()
        np.testing.assert_array_equal(images.x, clean)
    grey = images.x[(images.x > 0) & (images.x < 1)]
    salted = noisy(images, "salt and pepper", 0).x[(images.x > 0) & (images.x < 1)]
    assert (salted == 0).mean() == pytest.approx(0.05, abs=0.01)
    assert (salted == 1).mean() == pytest.approx(0.05, abs=0.01)
    kept = (salted > 0) & (salted < 1)
    np.testing.assert_array_equal(salted[kept], grey[kept])
    middle = np.abs(images.x - 0.5) < 0.01
    assert noisy(images, "gaussian", 0).x[middle].std() == pytest.approx(0.27, abs=0.03)  # 0.3, clipped
    counts = noisy(images, "poisson", 0).x[middle] * 20
    np.testing.assert_allclose(counts, counts.round(), atol=1e-4)
    assert counts.mean() == pytest.approx(10, abs=0.5)
    assert counts.std() == pytest.approx(np.sqrt(10), abs=0.5)


def test_accuracy_under_noise() -> None:
    teacher = {"layers": "48", "epochs": 5}
    options: dict[str, Any] = {"layers": "32", "epochs": 10, "shift": 0, "teacher": teacher}
    figures = with_noise("kd", DATA, options, 0)
    assert set(figures) == {"accuracy_integer", "n_test", *NOISES}
    plain = train(options_of("kd", seed=0, **options), DATA, None).metrics
    assert figures["accuracy_integer"] == plain["accuracy_integer"], "the same training"
    assert 0.2 < figures["gaussian"] < figures["accuracy_integer"]


def test_a_conversion_over_its_steps() -> None:
    teacher = {"epochs": 15, "learning_rate": 0.01}
    options: dict[str, Any] = {"layers": "32-24", "shift": 0, "teacher": teacher}
    figures = converted("lasnn", DATA, options, 0)
    assert set(figures) == {"n_test", "analog", *(f"T={steps}" for steps in STEPS)}
    assert figures["analog"] > 0.85
    assert figures["T=32"] > figures["analog"] - 0.05, "long enough, it is the analog network"
    assert figures["T=1"] < figures["T=32"] - 0.1


def test_how_soon_a_loss_has_fallen() -> None:
    options: dict[str, Any] = {"layers": "24", "epochs": 6, "shift": 0, "teacher": {"epochs": 2}}
    figures = taught("lasnn", DATA, options, 0)
    losses = [h["loss"] for h in train(options_of("lasnn", seed=0, **options), DATA, None).metrics["history"]]
    goal = losses[0] - 0.9 * (losses[0] - min(losses))
    first = next(epoch for epoch, loss in enumerate(losses, 1) if loss <= goal)
    assert figures["epochs"] == first
    assert 1 < first <= 6
    assert figures["first_loss"] == losses[0]


@pytest.mark.parametrize("measure", [with_noise, converted])
def test_data_in_time_are_refused_before_anything_is_trained(measure: Any, tmp_path: Path) -> None:
    y = np.arange(30) % 3
    np.savez(tmp_path / "lines.npz", x=np.ones((30, 4, 5), np.uint8), y=y)
    options: dict[str, Any] = {"layers": "8", "epochs": 10**9, "teacher": {"epochs": 10**9}}
    with pytest.raises(ConfigError, match=r"^data '.*lines\.npz:train': must be images, which are shown"):
        measure("lasnn", str(tmp_path / "lines.npz"), options, 0)


def test_a_conversion_is_where_its_teacher_is(monkeypatch: pytest.MonkeyPatch) -> None:
    def elsewhere(*arguments: Any) -> Teacher:
        teacher = train_teacher(*arguments)
        teacher.network.to("meta")  # as if trained on a GPU
        monkeypatch.setattr(Teacher, "accuracy", lambda *_: 0.0)
        return teacher

    seen: list[set[str]] = []

    def given(analog: SpikingNetwork, spiking: SpikingNetwork, x: torch.Tensor) -> None:
        seen.append({t.device.type for t in (*analog.parameters(), *spiking.parameters(), x)})
        raise KeyboardInterrupt

    monkeypatch.setattr(lasnn, "train_teacher", elsewhere)
    monkeypatch.setattr(lasnn, "convert_weights", given)
    with pytest.raises(KeyboardInterrupt):
        converted("lasnn", "digits[:60]", {"layers": "8", "teacher": {"epochs": 1}}, 0)
    assert seen == [{"meta"}]
