"""Figures for TensorBoard: there where it is installed, refused in one line where it is not."""

import sys
from pathlib import Path

import pytest

from spikewright.errors import ConfigError
from spikewright.models.learning.training import options_of, train

QUICK = options_of("sparse", layers="16", epochs=2, steps=4)


def test_needs_the_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", None)
    with pytest.raises(ConfigError, match=r"^tensorboard: needs the package tensorboard: pip install '.*'$"):
        train(QUICK, "digits[:60]", tmp_path / "net", log=tmp_path / "log")
    assert not (tmp_path / "net" / "network.nir").exists()


def test_every_epoch_is_there(tmp_path: Path) -> None:
    pytest.importorskip("tensorboard")
    from tensorboard.backend.event_processing.event_accumulator import (  # type: ignore[import-not-found]
        EventAccumulator,
    )

    results = train(QUICK, "digits[:60]", None, log=tmp_path / "log")
    events = EventAccumulator(str(tmp_path / "log"))
    events.Reload()
    written = [(entry.step, entry.value) for entry in events.Scalars("loss")]
    history = results.metrics["history"]
    assert written == [(1, pytest.approx(history[0]["loss"])), (2, pytest.approx(history[1]["loss"]))]
