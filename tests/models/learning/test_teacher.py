"""Teachers: what they are trained as, what they answer, and what a student makes of it."""

import dataclasses
from typing import Any

import numpy as np
import pytest
import torch

from spikewright.errors import ConfigError
from spikewright.models.data import Dataset, load
from spikewright.models.learning import teacher as teacher_module
from spikewright.models.learning import training
from spikewright.models.learning.layer import Rectifiers
from spikewright.models.learning.objective import Labels, scores
from spikewright.models.learning.options import TrainOptions
from spikewright.models.learning.samples import Batch, Samples
from spikewright.models.learning.teacher import Distilled, Teacher, teacher_options, train_teacher
from spikewright.models.learning.teaching import AttentionLoss, FeatureLoss
from spikewright.models.learning.trainer import Trainer
from spikewright.models.learning.training import course, options_of, train

DATA = "digits:train[:200]"


def options(layers: str = "20-16", *, taught_by: str = "24-12", **teacher: Any) -> TrainOptions:
    """Options of a student, and those of its teacher that are not the usual ones here."""
    given = {"layers": taught_by, "epochs": 2, "response": 0.5, **teacher}
    return options_of("kd", layers=layers, epochs=3, steps=4, shift=0, teacher=given)


def taught(chosen: TrainOptions) -> tuple[Trainer, Distilled, Batch]:
    """A student that is not trained yet, its objective, and a batch."""
    trainer = course(chosen, load(DATA))
    assert isinstance(trainer.objective, Distilled)
    return trainer, trainer.objective, trainer.samples.shown(torch.arange(30), augmented=False)


def test_how_an_analog_teacher_is_trained() -> None:
    chosen = options(density=0.5, learning_rate=0.01, norm=True)
    chosen = dataclasses.replace(chosen, validation=0.2, patience=3, rate_penalty=0.3, loss="tet")
    theirs = teacher_options(chosen)
    assert (theirs.layers, theirs.density, theirs.epochs, theirs.learning_rate) == ("24-12", 0.5, 2, 0.01)
    assert (theirs.norm, theirs.loss, theirs.rate_penalty, theirs.real_share) == (True, "mean", 0.0, 1.0)
    assert (theirs.teacher, theirs.patience, theirs.validation) == (None, None, 0.0)
    assert chosen.teacher is not None
    given = dataclasses.replace(chosen.teacher, kind="snn", layers=None)
    spiking = teacher_options(dataclasses.replace(chosen, teacher=given))
    assert (spiking.loss, spiking.rate_penalty, spiking.layers) == ("tet", 0.3, chosen.layers)


@pytest.mark.parametrize("kind", ["ann", "snn"])
def test_a_teacher_learns_and_answers(kind: str) -> None:
    chosen = options(kind=kind, epochs=15, learning_rate=0.01)
    teacher = train_teacher(chosen, load("digits:train"))
    assert teacher.analog is (kind == "ann")
    hidden = teacher.network.stack[:-1]
    assert all(isinstance(layer.neurons, Rectifiers) is teacher.analog for layer in hidden)
    held_out = load("digits:test")
    accuracy = teacher.accuracy(chosen, held_out)
    assert accuracy > 0.8
    assert not teacher.network.quantized
    x = torch.from_numpy(np.rint(held_out.x * 15)).float().flatten(1)
    batch = Batch(x=x, steps=4, labels=torch.from_numpy(held_out.y))
    logits, felt = teacher.ask(batch)
    assert float((logits.argmax(dim=1) == batch.labels).double().mean()) == pytest.approx(accuracy)
    assert {name: values.shape[1] for name, values in felt.items()} == {"hidden1": 24, "hidden2": 12}
    if kind == "ann":
        first = teacher.network.stack[0]
        torch.testing.assert_close(felt["hidden1"], x @ first.weights().T + first.biases())
        assert felt["hidden1"].min() < 0, "before rectification"
    else:
        assert 0 <= float(felt["hidden1"].min()) < float(felt["hidden1"].max()) <= 1


def test_planes_are_felt_as_such() -> None:
    _, objective, batch = taught(options("20", taught_by="5c3s2-12"))
    assert objective.teacher is not None
    _, felt = objective.teacher.ask(batch)
    assert {name: tuple(values.shape) for name, values in felt.items()} == {
        "conv1": (30, 5, 4, 4),
        "hidden1": (30, 12),
    }


def test_without_weights_of_its_own_the_loss_is_the_labels() -> None:
    cases: list[dict[str, Any]] = [{}, {"loss": "tet", "rate_penalty": 0.2}, {"decode": "count"}]
    for changed in cases:
        chosen = dataclasses.replace(options(response=0.0), **changed)
        trainer, objective, batch = taught(chosen)
        got = objective(trainer.network, batch)
        torch.testing.assert_close(got, Labels(chosen)(trainer.network, batch), rtol=1e-5, atol=1e-5)
        assert got > 0.1


def test_answers_by_hand() -> None:
    chosen = options(response=0.7, temperature=3.0)
    trainer, objective, batch = taught(chosen)
    assert objective.teacher is not None
    with torch.no_grad():
        outputs = trainer.network(batch.x, batch.steps)[0]
        own = outputs[:, -1] / 4  # an integrator's potential is a sum over four steps
        theirs = objective.teacher.ask(batch)[0]
        soft = -(torch.softmax(theirs / 3, dim=1) * torch.log_softmax(own / 3, dim=1)).sum(dim=1).mean()
        expected = 0.3 * Labels(chosen)(trainer.network, batch) + 0.7 * 9 * soft
        torch.testing.assert_close(objective(trainer.network, batch), expected)


def test_a_virtual_teacher_by_hand() -> None:
    chosen = options(kind="virtual", response=0.6, temperature=1.0, correct=0.8)
    trainer, objective, batch = taught(chosen)
    assert objective.teacher is None
    with torch.no_grad():
        logs = torch.log_softmax(trainer.network(batch.x, batch.steps)[0][:, -1] / 4, dim=1)
        target = torch.full((30, 10), 0.2 / 9)
        target[torch.arange(30), batch.labels] = 0.8
        expected = 0.4 * Labels(chosen)(trainer.network, batch) - 0.6 * (target * logs).sum(dim=1).mean()
        torch.testing.assert_close(objective(trainer.network, batch), expected)
    metrics = train(chosen, "digits[:200]", None).metrics
    assert "accuracy_teacher" not in metrics
    with pytest.raises(ConfigError, match=r"^correct must be above 1/10 and at most 1, not 0\.1$"):
        train(options(kind="virtual", correct=0.1), "digits[:100]", None)


@pytest.mark.parametrize("kind", ["virtual", "ann"])
def test_spikes_cost_the_same_whatever_answers_count(kind: str) -> None:
    for response in (0.5, 1.0):
        chosen = options(kind=kind, response=response)
        losses = []
        for price in (0.0, 0.8):
            trainer, objective, batch = taught(dataclasses.replace(chosen, rate_penalty=price))
            losses.append(objective(trainer.network, batch).item())
            rates = [layer.mean().item() for layer in trainer.network(batch.x, batch.steps)[1]]
        assert losses[1] - losses[0] == pytest.approx(0.8 * np.mean(rates), rel=1e-3)


def test_a_teacher_never_sees_what_its_student_is_judged_by(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[Samples] = []

    class Watched(Samples):
        def __init__(self, *arguments: Any) -> None:
            super().__init__(*arguments)
            seen.append(self)

    monkeypatch.setattr(teacher_module, "Samples", Watched)
    chosen = dataclasses.replace(options(), validation=0.25, label_noise=0.3)
    ours = course(chosen, load(DATA)).samples
    (theirs,) = seen
    assert len(theirs) == len(ours) == 150
    assert torch.equal(theirs.labels, ours.labels), "where labels are wrong, they are so for both"
    shown = torch.cat([batch.x for batch in theirs.batches()])
    assert torch.equal(shown.sum(dim=0), ours.x[:150].flatten(1).float().sum(dim=0))
    course(dataclasses.replace(options(data="digits[:80]"), validation=0.25), load(DATA))
    assert len(seen[1]) == 80


def test_a_teacher_without_hidden_layers() -> None:
    _, objective, _ = taught(options(taught_by=""))
    assert objective.teacher is not None
    assert len(objective.teacher.network.stack) == 1


@pytest.mark.parametrize(
    ("ours", "theirs", "pairs"),
    [
        ("20-16", "24-12", [("hidden1", "hidden1"), ("hidden2", "hidden2")]),
        ("20", "24-12", [("hidden1", "hidden2")]),
        ("20-16-14", "24", [("hidden3", "hidden1")]),
        ("4c3s2-16", "6c3-p2-8c3-12", [("conv1", "conv2"), ("hidden1", "hidden1")]),
    ],
)
@pytest.mark.parametrize("kind", ["partial", "square"])
def test_the_last_layers_are_paired(ours: str, theirs: str, pairs: list[Any], kind: str) -> None:
    chosen = options(ours, taught_by=theirs, feature=0.5, feature_loss=kind, response=0.0)
    trainer, objective, batch = taught(chosen)
    assert objective.loss is not None
    layers = objective.loss.layers
    assert isinstance(layers, FeatureLoss)
    assert layers.pairs == pairs
    assert layers.kind == ("margin" if kind == "partial" else "mse")
    difference = objective(trainer.network, batch) - Labels(chosen)(trainer.network, batch)
    assert float(difference.detach()) > 0
    adapters = list(objective.parameters())
    known = {id(p) for group in trainer.optimizer.param_groups for p in group["params"]}
    assert adapters != []
    assert all(id(p) in known for p in adapters), "adapters are trained"
    assert all(id(p) not in known for p in objective.teacher.network.parameters())  # type: ignore[union-attr]


def test_attention_needs_units_that_correspond() -> None:
    given = {"epochs": 1, "feature": 0.5, "feature_loss": "attention", "response": 0.0}
    _, objective, _ = taught(options("4c3s2-16", taught_by="6c3s2-16", **given))
    assert objective.loss is not None
    assert isinstance(objective.loss.layers, AttentionLoss)
    with pytest.raises(ConfigError, match=r"^features 'hidden1' and 'hidden1' must have as many units"):
        taught(options("16", taught_by="12", **given))
    with pytest.raises(ConfigError, match=r"^teacher: feature needs hidden layers, of the student and of"):
        taught(options("", taught_by="12", **given))


def test_a_student_learns_and_its_teacher_does_not() -> None:
    chosen = options(feature=0.2, feature_loss="partial", norm=True)
    trainer, objective, batch = taught(chosen)
    assert objective.teacher is not None
    theirs = objective.teacher.network
    before = {key: value.detach().clone() for key, value in theirs.named_parameters()}
    before |= {key: value.clone() for key, value in theirs.named_buffers()}
    assert any("running_mean" in key for key in before)
    answers = objective.teacher.ask(batch)[0]
    ours = trainer.network.stack[0].synapses.weight.detach().clone()
    trainer.run()
    assert not torch.equal(ours, trainer.network.stack[0].synapses.weight)
    assert all(torch.equal(value, theirs.state_dict()[key]) for key, value in before.items())
    assert torch.equal(answers, objective.teacher.ask(batch)[0])
    assert not theirs.training
    assert not any(p.requires_grad for p in theirs.parameters())
    assert "teacher" not in " ".join(objective.state_dict())


def test_taught_by_other_data(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[int] = []
    made = train_teacher

    def watched(chosen: TrainOptions, data: Dataset, *rest: Any) -> Teacher:
        seen.append(len(data))
        return made(chosen, data, *rest)

    monkeypatch.setattr(training, "train_teacher", watched)
    for data, count in ((None, 160), ("digits", 1438), ("digits[:300]", 300)):
        metrics = train(options(data=data), "digits[:160]", None).metrics
        assert metrics["n_train"] == 160
        assert 0 <= metrics["accuracy_teacher"] <= 1
        assert seen.pop() == count
    for mine, theirs in (("digits:fold2/5", "digits"), ("digits", "digits:fold2/5")):
        with pytest.raises(ConfigError, match=r"^teacher: data .* must be of the same fold as the student's"):
            train(options(data=theirs), mine, None)
    assert train(options(data="digits:fold2/5"), "digits:fold2/5[:160]", None).metrics["n_train"] == 160
    assert seen.pop() == 1437
    values = "must have the student's 64 values and 10 classes, not 784 and 10"
    with pytest.raises(ConfigError, match=rf"^teacher: data 'mnist5k:train' {values}$"):
        train(options(data="mnist5k"), "digits[:100]", None)
    assert seen == []


def test_a_teacher_may_be_given(monkeypatch: pytest.MonkeyPatch) -> None:
    chosen = options(epochs=20, learning_rate=0.01)
    teacher = train_teacher(chosen, load("digits:train"))
    expected = teacher.accuracy(chosen, load("digits:test"))
    monkeypatch.setattr(training, "train_teacher", lambda *_: pytest.fail("one is there"))
    metrics = train(chosen, "digits[:100]", None, teacher=teacher).metrics
    assert metrics["accuracy_teacher"] == pytest.approx(expected)
    assert metrics["accuracy_teacher"] > metrics["accuracy_integer"]


def test_scores_of_an_analog_teacher_do_not_depend_on_the_steps() -> None:
    teacher = train_teacher(options(), load(DATA))
    x = torch.rand(5, 64) * 15
    outputs = [
        teacher.ask(Batch(x=x, steps=steps, labels=torch.zeros(5, dtype=torch.long)))[0] for steps in (1, 7)
    ]
    assert torch.equal(*outputs)
    timed = teacher.ask(Batch(x=x[:, None].expand(-1, 3, -1), steps=None, labels=torch.zeros(5)))[0]
    torch.testing.assert_close(timed, outputs[0])
    assert torch.equal(scores(teacher.network, outputs[0][:, None]), outputs[0])
