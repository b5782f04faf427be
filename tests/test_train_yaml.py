"""``train --config``: what a person writes is taken as meant, and what is wrong is said in one line."""

from pathlib import Path

import pytest

from spikewright.api import train
from spikewright.errors import ConfigError
from spikewright.models.learning.options import TrainOptions
from spikewright.models.learning.training import options_of
from spikewright.train_yaml import read_options


def test_parts_are_changed_or_left_out(tmp_path: Path) -> None:
    path = tmp_path / "x.yaml"
    path.write_text(
        "layers: 64\nlearning_rate: 1e-3\nteacher: {layers: 32, norm: yes}\nevolution: null\nencoder: null\n"
    )
    chosen = options_of("rkd", **read_options(path))
    assert (chosen.layers, chosen.learning_rate, chosen.evolution, chosen.encoder) == ("64", 1e-3, None, None)
    assert chosen.teacher is not None
    assert (chosen.teacher.layers, chosen.teacher.norm, chosen.teacher.kind) == ("32", True, "snn")


KEYS = ", ".join(key for key in TrainOptions.__dataclass_fields__ if key != "method")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("method: sca", f"method: is not a key; keys are {KEYS}"),
        ("epochs: 2.5", "epochs: must be an integer, not 2.5"),
        ("seed: '3'", "seed: must be an integer, not '3'"),
        ("evolution: 3", "evolution: must be a mapping, not 3"),
        (
            "evolution: {grown: random}",
            "evolution.grown: is not a key; keys are initial, grow, period, fraction, schedule, until",
        ),
        ("teacher: {layers: [3]}", "teacher.layers: must be text, not [3]"),
        ("- a", "must be a mapping of keys to values, not list"),
    ],
)
def test_what_is_wrong_is_named(text: str, message: str, tmp_path: Path) -> None:
    path = tmp_path / "x.yaml"
    path.write_text(text)
    with pytest.raises(ConfigError) as refusal:
        train("esl", "digits", config=path)
    assert str(refusal.value) == f"{path}: {message}"
