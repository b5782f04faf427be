"""Options drawn at random: what is trained compiles into its integers and can go on, or is refused early."""

import dataclasses
import random
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from spikewright.compiler.passes import lower
from spikewright.errors import ConfigError
from spikewright.models.learning import trainer, training
from spikewright.models.learning.options import TrainOptions
from spikewright.models.learning.training import finish, options_of, train
from spikewright.network import IntegerNetwork
from tests.models.test_export_compiles import assert_same

METHODS = ("sparse", "esl", "sca", "rkd", "kd", "lasnn", "conv", "recurrent")
LAYERS = ("", "8", "8-6", "8r", "6c3", "4c3s2-p2-8", "p2-8r", "6c5s2-p2", "8-6r", "4c3-4c3-6-5")
CHOICES: dict[str, tuple[Any, ...]] = {
    "norm": (True, False),
    "density": (0.3, 1.0),
    "decay_shift": (None, 0, 2),
    "readout_shift": (None, 3),
    "reset": ("subtract", "set"),
    "reset_when": ("now", "next"),
    "compare": ("gt", "ge"),
    "detach_reset": (True, False),
    "surrogate": ("atan", "triangle"),
    "decode": ("potential_sum", "potential_last", "count"),
    "coding": ("direct", "rate", "latency"),
    "input_bits": (1, 8),
    "training_steps": (None, 3),
    "graded": (True, False),
    "optimizer": ("adam", "sgd", "adamw"),
    "loss": ("tet", "mean"),
    "weight_bits": (2, 16),
    "state_bits": (16, 24),
    "real_share": (0.0, 0.5, 1.0),
    "shift": (None, 1),
    "label_noise": (0.0, 0.3),
    "validation": (0.0, 0.2),
    "clip": (None, 1.0),
    "rate_penalty": (0.0, 0.2),
    "evolution": (None, {"grow": "gradient", "period": 2}, {"grow": "momentum", "period": 1}),
    "pruning": (None, {"keep": 0.7, "minimum": 1}, {"keep": 0.5, "regrow": 0.0, "schedule": "linear"}),
}
TEACHERS: tuple[dict[str, Any] | None, ...] = (
    None,
    {"kind": "virtual", "response": 0.5, "feature": 0.0, "convert": False},
    {"kind": "snn", "layers": "8", "response": 0.5, "convert": False},
    {"layers": "5-8", "feature": 0.5, "feature_loss": "partial", "convert": False},
)


@pytest.fixture(name="data", scope="module")
def data_fixture(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, ...]:
    """Images, counts on nine lines in six steps, spikes in two planes in five steps."""
    folder = tmp_path_factory.mktemp("data")
    rng, y = np.random.default_rng(0), np.arange(60) % 3
    lines = (rng.random((60, 6, 9)) < 0.3) * (1 + np.arange(9) % 3)
    np.savez(folder / "lines.npz", x=lines.astype(np.uint8), y=y)
    np.savez(folder / "planes.npz", x=(rng.random((60, 5, 2, 8, 8)) < 0.2).astype(np.uint8), y=y)
    return ("digits[:60]", "digits[:60]", str(folder / "lines.npz"), str(folder / "planes.npz"))


def drawn(rng: random.Random, static: bool) -> TrainOptions:
    """Options of any method; ConfigError where they contradict each other."""
    method = rng.choice(METHODS)
    options: dict[str, Any] = {
        "layers": rng.choice(LAYERS),
        "epochs": rng.choice((1, 3, 4)),
        "batch": rng.choice((7, 20, 200)),
        "seed": rng.randrange(5),
    }
    if static:
        options["steps"] = rng.choice((1, 2, 4))
    for key, values in CHOICES.items():
        if rng.random() < 0.25:
            options[key] = rng.choice(values)
    if options.get("validation") and rng.random() < 0.5:
        options["patience"] = 1
    teacher = rng.choice(TEACHERS)
    if teacher is not None or rng.random() < 0.5:
        options["teacher"] = None if teacher is None else {"epochs": 1, **teacher}
    elif method in ("rkd", "kd", "lasnn"):
        options["teacher"] = {"epochs": 1, "layers": "12" if method == "kd" else None}
    return options_of(method, **options)


def in_order(network: IntegerNetwork) -> IntegerNetwork:
    """The same, its edges by their ends."""
    edges = sorted(network.edges, key=lambda edge: (edge.source, edge.target))
    return dataclasses.replace(network, edges=tuple(edges))


@pytest.mark.parametrize("seed", range(8))
def test_any_options(
    seed: int, data: tuple[str, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[IntegerNetwork] = []

    def watched(one: trainer.Trainer, *rest: Any, **named: Any) -> None:
        finish(one, *rest, **named)
        made.append(one.network.integer_network(one.options.method))

    monkeypatch.setattr(training, "finish", watched)
    monkeypatch.setattr(trainer, "SAVE_SECONDS", -1.0)
    rng, trained = random.Random(seed), 0
    while trained < 4:
        name = rng.choice(data)
        whole, parts = tmp_path / f"{trained}", tmp_path / f"{trained}b"
        seen: list[int] = []
        try:
            chosen = drawn(rng, name.startswith("digits"))
            train(chosen, name, whole, lambda done, *_, seen=seen: seen.append(done))
        except ConfigError:
            assert not seen, "refused after the training"
            assert not whole.exists()
            continue
        trained += 1
        network = lower(whole / "network.nir").network
        assert_same(in_order(network), in_order(made[-1]))
        assert [e.delay for e in in_order(network).edges] == [e.delay for e in in_order(made[-1]).edges]
        stop = len(seen)

        def interrupt(done: int, *_: object, stop: int = stop) -> None:
            if done == stop:
                raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            train(chosen, name, parts, interrupt)
        train(chosen, name, parts, resume=True)
        assert (whole / "network.nir").read_bytes() == (parts / "network.nir").read_bytes()
