"""A training that was interrupted ends in the network that it would have ended in."""

from pathlib import Path
from typing import Any

import pytest
import torch

from spikewright.errors import ConfigError
from spikewright.models.learning import options_of, train, trainer

DATA = "digits[0:300]"
TEACHER = {"layers": "24", "epochs": 1, "response": 0.5, "feature": 1.0, "feature_loss": "partial"}
TRAININGS: dict[str, dict[str, Any]] = {
    "esl": {"layers": "24", "evolution": {"period": 2}},
    "sca": {"layers": "6c3-p2-16", "pruning": {"keep": 0.6}},
    "kd": {"layers": "24", "teacher": TEACHER},
    "lasnn": {"layers": "24", "teacher": {"epochs": 1}},
    "rkd": {"layers": "24", "validation": 0.2, "patience": 2, "teacher": {"epochs": 1}},
}


@pytest.mark.parametrize("stop", [2, 6])
@pytest.mark.parametrize("method", TRAININGS)
def test_goes_on_identically(method: str, stop: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trainer, "SAVE_SECONDS", 0.0)
    options = options_of(method, epochs=7, **TRAININGS[method])
    expected = train(options, DATA, None)
    last = len(expected.metrics["history"])

    def interrupt(done: int, _total: int, _loss: float) -> None:
        if done == min(stop, last):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train(options, DATA, tmp_path, interrupt)
    assert [path.name for path in tmp_path.iterdir()] == ["training.pt"]
    epochs: list[int] = []
    found = train(options, DATA, tmp_path, lambda done, *_: epochs.append(done), resume=True)
    assert epochs == list(range(min(stop, last), last + 1)), "it must go on, not begin anew"
    assert found.metrics["history"] == expected.metrics["history"]
    for name, value in expected.checkpoint.items():
        same = torch.equal(found.checkpoint[name], value) if isinstance(value, torch.Tensor) else True
        assert same, name
    assert not (tmp_path / "training.pt").exists()


def test_other_options_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trainer, "SAVE_SECONDS", 0.0)

    def interrupt(done: int, _total: int, _loss: float) -> None:
        if done == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train(options_of("esl", layers="24", epochs=3), DATA, tmp_path, interrupt)
    with pytest.raises(ConfigError) as refusal:
        train(options_of("esl", layers="32", epochs=3), DATA, tmp_path, resume=True)
    path = str(tmp_path / "training.pt")
    must = "must be of the same options and data; delete it to begin anew"
    assert str(refusal.value) == f"resume: {path!r} {must}"
