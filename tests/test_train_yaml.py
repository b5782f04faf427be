"""``train --config``: what a person writes is taken as meant, and what is wrong is said in one line."""

from dataclasses import asdict
from pathlib import Path
from typing import Any, get_args, get_type_hints

import pytest
import yaml

from spikewright.api import train
from spikewright.errors import ConfigError
from spikewright.models.learning.options import TrainOptions
from spikewright.models.learning.parts_options import EvolutionOptions, PruningOptions, TeacherOptions
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


def options(tmp_path: Path, text: str) -> dict[str, Any]:
    """What is read of a file."""
    path = tmp_path / "x.yaml"
    path.write_text(text)
    return read_options(path)


OTHER: dict[str, Any] = {
    "layers": "16c5s2-p2-32", "norm": True, "density": 0.5, "decay_shift": 2, "readout_shift": 4,
    "reset": "set", "reset_when": "next", "compare": "gt", "detach_reset": False, "surrogate": "triangle",
    "sharpness": 1.5, "decode": "count", "coding": "rate", "input_bits": 5, "steps": 7, "training_steps": 3,
    "bin_ms": 2.5, "polarity": "merge", "encoder": "spiketrum.yaml", "max_events": 9, "graded": True,
    "dt": 0.002, "epochs": 11, "batch": 13, "optimizer": "sgd", "learning_rate": 0.01, "momentum": 0.8,
    "weight_decay": 0.1, "clip": 2.0, "loss": "tet", "rate_penalty": 0.2, "weight_bits": 6, "state_bits": 12,
    "real_share": 0.4, "shift": 2, "drop": 0.25, "shift_steps": 1, "label_noise": 0.3, "validation": 0.15,
    "patience": 4, "seed": 17, "device": "cpu",
    "evolution": {
        "initial": "uniform", "grow": "momentum", "period": 9, "fraction": 0.2, "schedule": "linear",
        "until": 0.6,
    },
    "pruning": {
        "keep": 0.6, "regrow": 0.1, "ranking": "gamma", "scope": "layer", "fade": True, "minimum": 3,
        "schedule": "cubic", "until": 0.4,
    },
    "teacher": {
        "kind": "snn", "layers": "20", "data": "digits", "epochs": 3, "learning_rate": 0.02, "density": 0.4,
        "norm": True, "correct": 0.7, "response": 0.6, "temperature": 2.0, "feature": 0.3,
        "feature_loss": "partial", "convert": False, "percentile": 97.5,
    },
}  # fmt: skip
"""A value of every key that is not the one it has by default."""


def test_every_key_is_taken_as_it_stands(tmp_path: Path) -> None:
    defaults = TrainOptions()
    assert set(OTHER) == set(TrainOptions.__dataclass_fields__) - {"method"}
    assert all(value != getattr(defaults, key) for key, value in OTHER.items())
    kinds = (EvolutionOptions, PruningOptions, TeacherOptions)
    parts: dict[str, Any] = dict(zip(("evolution", "pruning", "teacher"), (k() for k in kinds), strict=True))
    for key, plain in parts.items():
        kind = type(plain)
        assert set(OTHER[key]) == set(kind.__dataclass_fields__)
        changed = {name for name, value in OTHER[key].items() if value != getattr(plain, name)}
        assert changed >= set(OTHER[key]) - {"convert"}
    assert options(tmp_path, yaml.safe_dump(OTHER)) == OTHER
    together = {**OTHER, "pruning": None, "encoder": None}
    made = options_of("sparse", **options(tmp_path, yaml.safe_dump(together)))
    for key, value in together.items():
        found = getattr(made, key)
        assert (asdict(found) if isinstance(value, dict) else found) == value


def test_none_where_there_may_be_none(tmp_path: Path) -> None:
    hints = get_type_hints(TrainOptions)
    for key in OTHER:
        text = f"{key}: null\n"
        if type(None) in get_args(hints[key]):
            assert options(tmp_path, text) == {key: None}
        else:
            with pytest.raises(ConfigError, match=rf"x\.yaml: {key}: must be .*, not None$"):
                options(tmp_path, text)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("{}", {}),
        ("layers: 128", {"layers": "128"}),
        ("layers: 1024-64-32", {"layers": "1024-64-32"}),  # to YAML nearly a date
        ("layers: 2000-10-10", {"layers": "2000-10-10"}),  # to YAML a date
        ("layers: ''", {"layers": ""}),
        ("learning_rate: 1e-4", {"learning_rate": 1e-4}),
        ("learning_rate: 1", {"learning_rate": 1}),
        ("teacher: {learning_rate: 5E-3, layers: 16}", {"teacher": {"learning_rate": 5e-3, "layers": "16"}}),
        ("norm: off", {"norm": False}),
        ("evolution: {}", {"evolution": {}}),
        ("seed: 0x10", {"seed": 16}),
    ],
)
def test_numbers_and_words_as_people_write_them(text: str, expected: dict[str, Any], tmp_path: Path) -> None:
    found = options(tmp_path, text)
    assert found == expected
    options_of("sparse", **found)


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
        ("pruning: {rank: gamma}", "pruning.rank: is not a key; keys are keep, regrow, ranking, scope, fade,"
         " minimum, schedule, until"),
        ("hidden: [3]", f"hidden: is not a key; keys are {KEYS}"),
        ("1: 2", f"1: is not a key; keys are {KEYS}"),
        ("teacher: {kind: cnn}", "teacher.kind: must be 'ann', 'snn' or 'virtual', not 'cnn'"),
        ("optimizer: lion", "optimizer: must be 'adam', 'adamw' or 'sgd', not 'lion'"),
        ("polarity: up", "polarity: must be 'separate', 'merge', 'on' or 'off', not 'up'"),
        ("norm: 1", "norm: must be true or false, not 1"),
        ("epochs: true", "epochs: must be an integer, not True"),
        ("epochs: 1e1", "epochs: must be an integer, not 10.0"),
        ("layers: 1.5", "layers: must be text, not 1.5"),
        ("layers: [64, 32]", "layers: must be text, not [64, 32]"),
        ("dt: fast", "dt: must be a number, not 'fast'"),
        ("dt: .inf", "dt: must be finite, not inf"),
        ("learning_rate: .nan", "learning_rate: must be finite, not nan"),
        ("dt: 2001-01-01", "dt: must be a number, not '2001-01-01'"),
        ("- a", "must be a mapping of keys to values, not list"),
        ("", "must be a mapping of keys to values, not nothing"),
        ("seed: 1\nseed: 2", "line 2: 'seed' stands twice"),
        ("evolution: &a {period: 3}\npruning: *a", "line 2: aliases (*a) are not allowed"),
        (
            "a: &a [x,x,x,x]\nb: &b [*a,*a,*a,*a]\nc: &c [*b,*b,*b,*b]\nd: [*c,*c,*c,*c]",
            "line 2: aliases (*a) are not allowed",
        ),
        (f"teacher: {'[' * 3000}{']' * 3000}", "line 1: nested deeper than 20 levels"),
        (f"seed: 0x{'f' * 5000}", "seed: must be a number of at most 64 bits"),
        ("teacher: {epochs: 18446744073709551616}", "teacher.epochs: must be a number of at most 64 bits"),
        ("density: !!binary aGk=", "density: must be text, a number or a mapping, not bytes"),
        ("layers: !!set {a, b}", "layers: must be text, a number or a mapping, not set"),
    ],
)
def test_what_is_wrong_is_named(text: str, message: str, tmp_path: Path) -> None:
    path = tmp_path / "x.yaml"
    path.write_text(text)
    with pytest.raises(ConfigError) as refusal:
        train("esl", "digits", config=path)
    assert str(refusal.value) == f"{path}: {message}"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"!!python/object/apply:os.system ['touch owned']", "could not determine a constructor"),
        (b"seed: !!python/name:os.system", "could not determine a constructor"),
        (b"a: [1", "line 2: did not find expected"),
        (b"\xff\xfe", "must be UTF-8 text, and is not at byte 0"),
        (b"a: \x00", ""),
        (b"layers: \"\\ud800\"", "line 1: "),
        (b"# " + b"x" * (1 << 20), "must have at most 1048576 bytes, not 1048578"),
    ],
)
def test_files_that_are_none(content: bytes, message: str, tmp_path: Path) -> None:
    path = tmp_path / "x.yaml"
    path.write_bytes(content)
    with pytest.raises(ConfigError) as refusal:
        read_options(path)
    said = str(refusal.value)
    assert said.startswith(f"{path}: ")
    assert message in said
    assert len(said.splitlines()) == 1
    assert [entry.name for entry in tmp_path.iterdir()] == ["x.yaml"]
    for other in (tmp_path / "none.yaml", tmp_path):
        with pytest.raises(ConfigError, match=rf"^{other}: (there is no such file|is not a file)$"):
            read_options(other)


def test_arguments_go_before_the_file(tmp_path: Path) -> None:
    path = tmp_path / "x.yaml"
    path.write_text("layers: 4c3s2-12\nepochs: 5\nsteps: 3\nseed: 4\nreal_share: 0\n")
    given = train("sparse", "digits[:40]", config=path, epochs=1, hidden=(9, 8))["options"]
    assert (given["layers"], given["epochs"], given["steps"], given["seed"]) == ("4c3s2-9-8", 1, 3, 4)
    given = train("sparse", "digits[:40]", config=path, epochs=1, layers="10")["options"]
    assert (given["layers"], given["real_share"]) == ("10", 0)
