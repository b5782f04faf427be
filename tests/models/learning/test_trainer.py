"""The trainer's own: losses, optimizers, devices, wrong labels, samples held out, stopping early."""

import dataclasses
import math
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest
import torch

from spikewright.errors import ConfigError
from spikewright.models.data import load
from spikewright.models.learning.build import input_port
from spikewright.models.learning.channels import ChannelPruner
from spikewright.models.learning.network import SpikingNetwork
from spikewright.models.learning.objective import Labels, scores
from spikewright.models.learning.options import TrainOptions
from spikewright.models.learning.samples import Samples
from spikewright.models.learning.trainer import Trainer, make_optimizer, pick_device
from spikewright.models.learning.training import course, options_of, train

QUICK = options_of("sparse", layers="24", density=1.0, steps=4, epochs=6, shift=0)
DATA = "digits:train[:200]"


def network(decode: str) -> SpikingNetwork:
    """What the losses ask a network for."""
    return cast("SpikingNetwork", SimpleNamespace(decode=decode))


def test_losses_by_hand() -> None:
    outputs = torch.tensor([[[1.0, 0.0], [3.0, 1.0], [0.0, 2.0]]])  # a sample, three steps, two classes
    labels = torch.tensor([0])
    spikes = [torch.tensor([[[1.0, 0.0]]]), torch.tensor([[[1.0, 1.0, 0.0, 1.0]]])]

    def cross(difference: float) -> float:
        return math.log(1 + math.exp(-difference))

    def loss(kind: str, decode: str = "potential_sum", price: float = 0.0) -> float:
        chosen = TrainOptions(loss=kind, rate_penalty=price)  # type: ignore[arg-type]
        return float(Labels(chosen).of(network(decode), outputs, spikes, labels))

    assert loss("mean") == pytest.approx(cross(4 / 3 - 1))
    assert loss("mean", "potential_last") == pytest.approx(cross(-2))
    assert loss("mean", "count") == pytest.approx(cross(10 * (4 / 3 - 1)))
    assert loss("tet") == pytest.approx((cross(1) + cross(2) + cross(-2)) / 3)
    assert loss("tet", "count") == pytest.approx((cross(10) + cross(20) + cross(-20)) / 3)
    assert loss("mean", price=0.4) == pytest.approx(cross(1 / 3) + 0.4 * (0.5 + 0.75) / 2)
    assert loss("tet", price=0.4) - loss("tet") == pytest.approx(0.4 * (0.5 + 0.75) / 2)
    assert scores(network("potential_sum"), outputs).tolist() == [[pytest.approx(4 / 3), 1.0]]


def test_tet_pairs_every_step_with_its_sample() -> None:
    outputs = torch.randn(5, 3, 4, generator=torch.Generator().manual_seed(0))
    labels = torch.tensor([0, 1, 2, 3, 0])
    got = Labels(TrainOptions(loss="tet", rate_penalty=0.0)).of(network("potential_sum"), outputs, [], labels)
    each = [torch.nn.functional.cross_entropy(outputs[:, step], labels) for step in range(3)]
    torch.testing.assert_close(got, torch.stack(each).mean())


@pytest.mark.parametrize(
    ("options", "kind", "settings"),
    [
        ({"optimizer": "adam", "weight_decay": 0.0}, torch.optim.Adam, {"weight_decay": 0.0}),
        ({"optimizer": "adamw", "weight_decay": 0.02}, torch.optim.AdamW, {"weight_decay": 0.02}),
        (
            {"optimizer": "sgd", "momentum": 0.7, "weight_decay": 0.01},
            torch.optim.SGD,
            {"momentum": 0.7, "weight_decay": 0.01},
        ),
    ],
)
def test_optimizers(options: dict[str, Any], kind: type, settings: dict[str, float]) -> None:
    chosen = dataclasses.replace(QUICK, learning_rate=0.05, **options)
    objective = torch.nn.Linear(2, 3)
    made = make_optimizer(chosen, torch.nn.Linear(4, 4), objective)
    assert type(made) is kind
    assert made.param_groups[0]["lr"] == 0.05
    assert {key: made.param_groups[0][key] for key in settings} == settings
    assert sum(p.numel() for p in made.param_groups[0]["params"]) == 16 + 4 + 6 + 3
    losses = train(dataclasses.replace(chosen, epochs=10), "digits[:200]", None).metrics["history"]
    assert losses[-1]["loss"] < 0.9 * losses[0]["loss"]


def test_the_rate_falls_to_nothing_and_gradients_are_clipped(monkeypatch: pytest.MonkeyPatch) -> None:
    clipped: list[float] = []
    whole = torch.nn.utils.clip_grad_norm_

    def clip(parameters: Iterator[torch.nn.Parameter], norm: float) -> torch.Tensor:
        clipped.append(norm)
        return whole(parameters, norm)

    monkeypatch.setattr(torch.nn.utils, "clip_grad_norm_", clip)
    trainer = course(dataclasses.replace(QUICK, clip=0.25, batch=50, epochs=3), load(DATA))
    trainer.run()
    assert clipped == [0.25] * 12
    assert trainer.updates_an_epoch == 4
    assert trainer.optimizer.param_groups[0]["lr"] == pytest.approx(0, abs=1e-9)


@pytest.mark.parametrize("name", ["nonsense", "meta", "cuda:77", "", "cpu:x"])
def test_devices_that_are_none(name: str) -> None:
    with pytest.raises(
        ConfigError, match=f"^device must be auto or one that torch has here, not '{name}'$"
    ):
        pick_device(name)
    with pytest.raises(ConfigError, match=r"^device must be auto or one"):
        train(dataclasses.replace(QUICK, device=name), "digits[:50]", None)


def test_devices() -> None:
    assert pick_device("cpu") == torch.device("cpu")
    assert pick_device("auto").type == ("cuda" if torch.cuda.is_available() else "cpu")


def samples(**options: Any) -> Samples:
    chosen = dataclasses.replace(QUICK, **options)
    data = load(DATA)
    generator = torch.Generator().manual_seed(0)
    return Samples(chosen, data, input_port(chosen, data), generator, torch.device("cpu"))


def test_wrong_labels_are_a_share_of_the_training_samples_only() -> None:
    clean = load(DATA).y
    assert clean is not None
    before = clean.copy()
    spoilt = samples(label_noise=0.3, validation=0.25)
    changed = spoilt.labels.numpy() != clean
    assert len(spoilt) == 150
    assert changed[spoilt.training].sum() == 45  # exactly: each gets one of the other classes
    assert changed[spoilt.held_out].sum() == 0
    assert set(spoilt.labels.tolist()) == set(range(10))
    assert (samples(label_noise=0.3, validation=0.25).labels == spoilt.labels).all()
    assert (samples(label_noise=0.3, validation=0.25, seed=1).labels != spoilt.labels).any()
    np.testing.assert_array_equal(clean, before)
    moved = (spoilt.labels.numpy() - clean)[changed] % 10
    assert len(set(moved.tolist())) == 9, "all wrong classes are drawn"


def test_held_out_samples_are_never_trained_on() -> None:
    held = samples(validation=0.25)
    shown = torch.cat([batch.x for batch in held.batches()])
    judged = torch.cat([batch.x for batch in held.judged()])
    assert (len(shown), len(judged)) == (150, 50)
    assert torch.equal(judged, held.x[150:].flatten(1).float())
    assert torch.equal(shown.sum(dim=0), held.x[:150].flatten(1).float().sum(dim=0))


@pytest.mark.parametrize("share", [0.001, 0.999])
def test_shares_that_leave_nothing(share: float) -> None:
    count = 0 if share < 0.5 else 200
    with pytest.raises(
        ConfigError,
        match=rf"^validation must leave samples to train on and to judge by, not {count} of 200$",
    ):
        samples(validation=share)


def judged(trainer: Trainer, accuracies: list[float], monkeypatch: pytest.MonkeyPatch) -> list[bool]:
    """Run with accuracies that are given; whether each epoch was on integers."""
    found = iter(accuracies)
    phases: list[bool] = []

    def accuracy(one: Trainer) -> float:
        phases.append(one.network.quantized)
        return next(found)

    monkeypatch.setattr(Trainer, "accuracy", accuracy)
    trainer.run()
    return phases


def states(monkeypatch: pytest.MonkeyPatch) -> list[torch.Tensor]:
    """First weights after every epoch, filled in as it is trained."""
    kept: list[torch.Tensor] = []
    epoch = Trainer.epoch

    def watched(one: Trainer) -> dict[str, float]:
        figures = epoch(one)
        kept.append(one.network.stack[0].synapses.weight.detach().clone())
        return figures

    monkeypatch.setattr(Trainer, "epoch", watched)
    return kept


def test_it_stops_early_with_the_best_of_its_integers(monkeypatch: pytest.MonkeyPatch) -> None:
    chosen = dataclasses.replace(QUICK, epochs=20, validation=0.2, patience=2, real_share=0.6)
    trainer = course(chosen, load(DATA))
    kept = states(monkeypatch)
    # Best of the real phase in epoch 2; two without gain: integers from epoch 5 on. Their best is 6, and two
    # without gain end it; of the two equals the later is kept, which has learnt longer.
    accuracies = [0.5, 0.9, 0.8, 0.9, 0.3, 0.6, 0.6, 0.5, 1.0]
    assert judged(trainer, accuracies, monkeypatch) == [False] * 4 + [True] * 4
    assert trainer.integers_from == 4
    assert [figures["accuracy"] for figures in trainer.history] == accuracies[:8]
    assert torch.equal(trainer.network.stack[0].synapses.weight, kept[6])
    assert not torch.equal(kept[6], kept[7])
    assert trainer.network.quantized
    assert not trainer.network.training


def test_validation_alone_keeps_the_best_and_goes_to_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    trainer = course(dataclasses.replace(QUICK, validation=0.2, real_share=0.5), load(DATA))
    kept = states(monkeypatch)
    phases = judged(trainer, [0.9, 0.9, 0.9, 0.5, 0.4, 0.3], monkeypatch)
    assert phases == [False] * 3 + [True] * 3
    assert torch.equal(trainer.network.stack[0].synapses.weight, kept[3])


def test_patience_waits_for_masks_and_channels(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pruned early, a network would have more channels than asked for, and masks its best never had."""
    chosen = options_of(
        "sca", layers="12-12", steps=2, epochs=10, validation=0.2, patience=1, real_share=0.8, norm=False,
        pruning={"schedule": "linear", "until": 0.5, "keep": 0.5},
    )  # fmt: skip
    trainer = course(chosen, load(DATA))
    assert trainer.settled == 5
    phases = judged(trainer, [0.9, 0.1, 0.1, 0.1, 0.1, 0.1, 0.2, 0.1, 0.9, 0.1, 0.1], monkeypatch)
    assert phases == [False] * 8 + [True] * 2
    assert trainer.history[-1]["channels"] == 0.5


def test_accuracy_is_of_the_held_out_samples() -> None:
    trainer = course(dataclasses.replace(QUICK, epochs=12, validation=0.3), load("digits:train[:600]"))
    trainer.run()
    right = [
        scores(trainer.network, trainer.network(batch.x, batch.steps)[0]).argmax(dim=1) == batch.labels
        for batch in trainer.samples.judged()
    ]
    expected = float(torch.cat(right).double().mean())
    assert trainer.accuracy() == pytest.approx(expected)
    assert max(figures["accuracy"] for figures in trainer.history) > 0.6


def test_patience_needs_something_to_judge_by() -> None:
    with pytest.raises(ConfigError, match=r"^patience needs validation above 0, a share of the samples"):
        TrainOptions(patience=2)
    with pytest.raises(ConfigError, match=r"^seed must be 0\.\.9223372036854775806, not 9223372036854775"):
        TrainOptions(seed=2**63 - 1)


def test_scales_fit_the_channels_that_are_left() -> None:
    found = []
    for factor in (1.0, 40.0):
        pruning = {"keep": 0.5, "regrow": 0.0, "until": 0.5}
        chosen = options_of("sca", layers="16-12", epochs=4, real_share=1.0, pruning=pruning)
        trainer = course(chosen, load("digits:train[:200]"))
        trainer.run()
        pruner = trainer.parts[0]
        assert isinstance(pruner, ChannelPruner)
        assert pruner.settled
        with torch.no_grad():
            for layer in trainer.network.stack[:-1]:
                dead = ~pruner.masks()[layer.name]
                assert 0 < dead.sum() < len(dead)
                layer.synapses.weight[dead] *= factor
        trainer.quantize()
        assert trainer.network.quantized
        found.append([layer.neurons.scale for layer in trainer.network.stack])
    assert found[0] == found[1]
