"""Every method from its options to a file that compiles into exactly the integers that were trained."""

import dataclasses
import json
from pathlib import Path
from typing import Any

import pytest

from spikewright.compiler.passes import lower
from spikewright.errors import ConfigError
from spikewright.models.data import load
from spikewright.models.learning import training
from spikewright.models.learning.masks import EvolvingMask
from spikewright.models.learning.methods import METHODS
from spikewright.models.learning.options import TrainOptions
from spikewright.models.learning.parts_options import EvolutionOptions, PruningOptions, TeacherOptions
from spikewright.models.learning.results import integer_accuracy
from spikewright.models.learning.trainer import Trainer
from spikewright.models.learning.training import course, finish, options_of, train
from spikewright.network import IntegerNetwork
from tests.models.test_export_compiles import assert_same

DATA = "digits[:400]"
SMALL: dict[str, dict[str, Any]] = {
    "esl": {"layers": "48-32", "density": 0.3, "evolution": {"period": 5}, "batch": 20},
    "sca": {"layers": "12c3s2-p2-40", "pruning": {"keep": 0.5}, "batch": 20, "learning_rate": 5e-3},
    "rkd": {
        "layers": "48",
        "density": 0.3,
        "teacher": {"epochs": 3},
        "evolution": {"period": 5},
        "batch": 20,
    },
    "kd": {"layers": "32-24", "teacher": {"layers": "40", "epochs": 3}, "batch": 20},
    "lasnn": {"layers": "6c3s2-p2-24", "teacher": {"epochs": 5}, "batch": 20},
}
CHANCE = 0.1


@pytest.mark.parametrize("method", list(SMALL))
def test_a_method_trains_and_what_it_writes_compiles(
    method: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[IntegerNetwork] = []
    trainers: list[Trainer] = []

    def watched(trainer: Trainer, *rest: Any, **named: Any) -> None:
        finish(trainer, *rest, **named)
        trainers.append(trainer)
        made.append(trainer.network.integer_network(method))

    monkeypatch.setattr(training, "finish", watched)
    chosen = options_of(method, epochs=12, shift=0, **SMALL[method])
    metrics = train(chosen, DATA, tmp_path).metrics
    lowered = lower(tmp_path / "network.nir").network
    assert_same(lowered, made[0])
    assert metrics == json.loads((tmp_path / "metrics.json").read_text())
    assert metrics["accuracy_integer"] == integer_accuracy(
        lowered, load("digits:test"), steps=chosen.steps, coding="direct", seed=0
    )
    assert metrics["accuracy_integer"] > 5 * CHANCE
    assert metrics["history"][-1]["loss"] < metrics["history"][0]["loss"]
    assert metrics["synaptic_operations"] > 0
    assert ("accuracy_teacher" in metrics) is (method in ("rkd", "kd", "lasnn"))
    assert (metrics["method"], metrics["n_train"]) == (method, 400)
    parts = trainers[0].parts
    if method in ("esl", "rkd"):
        (part,) = parts
        assert isinstance(part, EvolvingMask)
        weights = [layer.synapses.weight for layer in trainers[0].network.stack]
        places = sum(weight.numel() for weight in weights)
        assert sum(int(mask.sum()) for mask in part.masks().values()) == round(0.3 * places), "exactly"
        assert metrics["density"] <= 0.3  # the smallest weights become integers of 0
        assert sum(epoch["moved"] for epoch in metrics["history"]) > 0, "synapses have moved"
        assert all(epoch["density"] == pytest.approx(0.3, abs=1e-3) for epoch in metrics["history"])
    elif method == "sca":
        conv, hidden, _ = made[0].populations
        assert conv.shape[0] + hidden.size == (12 + 40) // 2
        assert metrics["history"][-1]["channels"] == 0.5
    else:
        assert parts == []


def test_masks_stay_on_integers() -> None:
    """Whatever is asked for: a synapse that came later would begin among rounded ones."""
    moving = {"period": 1, "until": 1.0}
    chosen = options_of("esl", layers="24", epochs=5, real_share=0.4, steps=2, batch=20, evolution=moving)
    trainer = course(chosen, load("digits:train[:100]"))
    finish(trainer, None)
    moved = [epoch["moved"] for epoch in trainer.history]
    assert all(share > 0 for share in moved[:2])
    assert moved[2:] == [0, 0, 0]


def test_what_methods_begin_with_is_valid_and_may_be_changed() -> None:
    for method in METHODS:
        start = options_of(method)
        assert start.method == method
        assert options_of(method, seed=3, epochs=2) == dataclasses.replace(start, seed=3, epochs=2)
    with pytest.raises(ConfigError, match=rf"^method must be one of {', '.join(METHODS)}, not 'magic'$"):
        options_of("magic")


def test_sections_are_merged() -> None:
    esl = METHODS["esl"]["evolution"]
    random = options_of("esl", evolution={"grow": "random", "period": 9}).evolution
    assert random == dataclasses.replace(esl, grow="random", period=9)
    rkd = options_of("rkd", teacher={"response": 0.2}).teacher
    assert rkd is not None
    assert (rkd.kind, rkd.layers, rkd.epochs, rkd.response, rkd.temperature) == ("snn", "16", 10, 0.2, 2.0)
    assert options_of("esl", evolution={}).evolution == esl
    assert options_of("esl", evolution=None).evolution is None
    assert options_of("sparse", evolution={"period": 7}).evolution == EvolutionOptions(period=7)
    assert options_of("sca", pruning=PruningOptions(keep=0.5)).pruning == PruningOptions(keep=0.5)
    assert METHODS["esl"]["evolution"] == EvolutionOptions(), "methods are not changed"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"epoch": 3}, r"train: epoch is no option; options are method, layers, norm, .*, teacher"),
        ({"zeta": 1, "alpha": 1}, r"train: alpha is no option; options are .*"),
        (
            {"evolution": {"grew": "random"}},
            "evolution: grew is no option; options are initial, grow, period, fraction, schedule, until",
        ),
        ({"pruning": {"kept": 0.5}}, "pruning: kept is no option; options are keep, regrow, .*, until"),
        ({"teacher": {"layer": "5"}}, "teacher: layer is no option; options are kind, .*, percentile"),
        (
            {"evolution": {"grow": "fast"}},
            "evolution: grow must be one of gradient, momentum, random, none, not 'fast'",
        ),
        ({"evolution": {"period": 0}}, "evolution: period must be 1 or more, not 0"),
        ({"evolution": {"until": 0.0}}, r"evolution: until must be above 0 and at most 1, not 0\.0"),
        ({"pruning": {"keep": 1.2}}, r"pruning: keep must be above 0 and at most 1, not 1\.2"),
        (
            {"pruning": {"keep": 0.2, "regrow": 0.2}},
            r"pruning: regrow must be 0 or more and below keep, 0\.2, not 0\.2",
        ),
        ({"pruning": {"minimum": 0}}, "pruning: minimum must be 1 or more, not 0"),
        ({"teacher": {"response": 1.5}}, r"teacher: response must be 0\.\.1, not 1\.5"),
        ({"teacher": {"feature": -1.0}}, r"teacher: feature must be 0 or more, not -1\.0"),
        ({"teacher": {"temperature": 0.0}}, r"teacher: temperature must be above 0, not 0\.0"),
        ({"teacher": {"percentile": 0.0}}, r"teacher: percentile must be above 0 and at most 100, not 0\.0"),
        ({"teacher": {"percentile": 101.0}}, r"teacher: percentile must be above .* at most 100, not 101\.0"),
        ({"teacher": {"epochs": 0}}, "teacher: epochs must be 1 or more, not 0"),
        (
            {"teacher": {"kind": "virtual", "feature": 0.5}},
            "teacher: a virtual one has neither features nor weights, only answers",
        ),
        (
            {"evolution": {}, "pruning": {}},
            "evolution and pruning must not stand together: channels are whole or gone",
        ),
        (
            {"pruning": {}, "density": 0.5},
            r"pruning needs density 1, not 0\.5: channels are whole or gone",
        ),
        (
            {"pruning": {}, "density": 1.0, "surrogate": "triangle"},
            r"pruning: sharpness must be below 1 for a triangle, or .* no gradient to regrow by, not 2\.0",
        ),
        ({"evolution": "random"}, "evolution must be a mapping of its options, not 'random'"),
        ({"teacher": True}, "teacher must be a mapping of its options, not True"),
        ({"layers": 64}, "layers: must be text, as '128' or '16c3-p2-32', not 64"),
        ({"rate_penalty": float("nan")}, "rate_penalty must be 0 or more, not nan"),
        ({"loss": "mse"}, "loss must be one of mean, tet, not 'mse'"),
        ({"optimizer": "lion"}, "optimizer must be one of adam, adamw, sgd, not 'lion'"),
    ],
)
def test_options_that_are_none(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=f"^{message}$"):
        options_of("sparse", **options)


def test_a_triangle_that_reaches_rest_may_regrow() -> None:
    assert options_of("sca", surrogate="triangle", sharpness=0.5).pruning is not None
    assert options_of("sca", surrogate="triangle", pruning={"regrow": 0.0}).pruning is not None


def test_a_teachers_layers_are_checked_like_the_students() -> None:
    with pytest.raises(ConfigError, match=r"^teacher: layers: 0 must have sizes of 1 or more$"):
        options_of("kd", teacher={"layers": "0"})
    assert TrainOptions(teacher=TeacherOptions(layers="")).teacher is not None
