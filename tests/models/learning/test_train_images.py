"""Training: accuracy in seconds, files whole or not at all, the same network for the same seed."""

import dataclasses
import json
from pathlib import Path
from typing import Any

import nir  # type: ignore[import-untyped]
import numpy as np
import pytest
import torch

from spikewright.errors import ConfigError
from spikewright.models import augment
from spikewright.models.coding import encode
from spikewright.models.data import load
from spikewright.models.integer import IntegerModel
from spikewright.models.learning.options import TrainOptions
from spikewright.models.learning.trainer import Trainer
from spikewright.models.learning.training import course, options_of, train

QUICK = options_of("sparse", layers="48", density=0.3, steps=8, epochs=8)


def test_digits_in_seconds(tmp_path: Path) -> None:
    seen = []
    out = tmp_path / "new" / "folder"
    options = options_of("sparse", epochs=40)
    results = train(options, "digits", out, lambda done, total, loss: seen.append((done, total, loss)))
    metrics = json.loads((out / "metrics.json").read_text())
    assert metrics == json.loads(json.dumps(results.metrics))
    assert metrics["accuracy"] >= 0.93
    assert metrics["accuracy_integer"] >= 0.93
    assert abs(metrics["accuracy"] - metrics["accuracy_integer"]) <= 0.015
    assert 0.09 <= metrics["density"] <= 0.1
    assert (metrics["epochs"], metrics["seed"]) == (40, 0)
    assert (metrics["n_train"], metrics["n_test"]) == (1438, 359)
    assert [(done, total) for done, total, _ in seen] == [(n, 40) for n in range(1, 41)]
    assert seen[-1][2] < 0.3 * seen[0][2]
    state = torch.load(out / "checkpoint.pt", weights_only=True)
    assert {
        "layers.0.synapses.parametrizations.weight.original",
        "layers.0.synapses.parametrizations.weight.0.mask",
        "layers.1.bias",
    } <= set(state)
    nodes = nir.read(out / "network.nir").nodes.values()
    nonzero = sum(np.count_nonzero(node.weight) for node in nodes if hasattr(node, "weight"))
    assert nonzero + 138 == metrics["parameters"]
    assert sorted(path.name for path in out.iterdir()) == ["checkpoint.pt", "metrics.json", "network.nir"]


@pytest.mark.parametrize(
    "options",
    [
        {"coding": "rate", "steps": 12},
        {"coding": "latency", "steps": 12},
        {"decode": "count"},
        {"decode": "potential_last"},
        {"layers": "", "density": 1.0},
        {"layers": "48-32"},
        {"reset": "set", "reset_when": "next", "compare": "gt"},
        {"weight_bits": 2, "state_bits": 12, "decay_shift": 2},
        {"surrogate": "triangle", "sharpness": 1.0},
    ],
)
def test_options_train(options: dict[str, Any]) -> None:
    metrics = train(dataclasses.replace(QUICK, epochs=20, **options), "digits", None).metrics
    assert metrics["accuracy_integer"] >= 0.85


def test_the_same_seed_gives_the_same_files_whatever_torch_was_told(tmp_path: Path) -> None:
    train(QUICK, "digits[:300]", tmp_path / "a")
    threads = torch.get_num_threads()
    torch.manual_seed(99)
    torch.set_num_threads(3)
    used = set()
    try:
        train(QUICK, "digits[:300]", tmp_path / "b", lambda *_: used.add(torch.get_num_threads()))
        assert used == {1}
        assert torch.get_num_threads() == 3
    finally:
        torch.set_num_threads(threads)
    assert (tmp_path / "a/network.nir").read_bytes() == (tmp_path / "b/network.nir").read_bytes()
    train(dataclasses.replace(QUICK, seed=1), "digits[:300]", tmp_path / "b")
    assert (tmp_path / "a/network.nir").read_bytes() != (tmp_path / "b/network.nir").read_bytes()


def test_a_failed_write_leaves_what_was_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    train(dataclasses.replace(QUICK, epochs=1), "digits[:20]", tmp_path)
    before = {path: path.read_bytes() for path in tmp_path.iterdir()}
    assert len(before) == 3

    def fail(_checkpoint: object, path: Path) -> None:
        path.write_text("half")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(torch, "save", fail)
    with pytest.raises(
        ConfigError, match=rf"^output '{tmp_path}': cannot be written: No space left on device$"
    ):
        train(dataclasses.replace(QUICK, epochs=1, seed=1), "digits[:20]", tmp_path)
    assert {path: path.read_bytes() for path in tmp_path.iterdir()} == before


def test_the_trained_network_is_its_integer_network() -> None:
    """The float path of the training, and the integers taken from it, fire the same spikes on real data."""
    data = load("digits:train[:400]")
    made = course(dataclasses.replace(QUICK, steps=10), data)
    for epoch in range(4):
        if epoch == 2:
            made.quantize()
        made.epoch()
    whole = made.network.integer_network("digits")
    x = encode(data, made.network.port, steps=10)
    trace = IntegerModel(whole).run(x)
    outputs, spikes = made.network(torch.from_numpy(x[:, 0]).float(), 10)
    np.testing.assert_array_equal(trace.spikes["hidden1"], spikes[0].detach().numpy())
    np.testing.assert_array_equal(trace.readouts["readout"], outputs.detach().numpy())
    assert 0.01 < trace.spikes["hidden1"].mean() < 0.9
    for layer, share in zip(made.network.stack, (0.3 * 0.9, 1.0), strict=True):
        assert 0 < float((layer.synapses.weight != 0).double().mean()) <= share


def test_spikes_cost() -> None:
    rates = []
    data = load("digits:train")
    for penalty in (0.0, 3.0):
        made = course(dataclasses.replace(QUICK, rate_penalty=penalty), data)
        for _ in range(6):
            made.epoch()
        batch = made.samples.shown(torch.arange(200), augmented=False)
        _, spikes = made.network(batch.x, batch.steps)
        rates.append(float(spikes[0].detach().mean()))
    assert rates[1] < 0.7 * rates[0]


def test_events_in_time_train(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    y = np.arange(200) % 4
    chance = np.full((200, 12, 4), 0.1)
    chance[np.arange(200), :, y] = 0.5
    spikes = rng.random(chance.shape) < chance
    for x, bits, scale in ((spikes, 0, 1.0), (spikes * 5, 3, 7.0)):
        np.savez(tmp_path / "x.npz", x=x, y=y)
        options = dataclasses.replace(QUICK, epochs=40, batch=10, density=1.0)
        results = train(options, str(tmp_path / "x.npz"), None)
        assert results.metrics["accuracy_integer"] > 0.8
        document = json.loads(results.graph.metadata["spikewright"])
        assert document["inputs"]["input"] == {"kind": "drive", "value_bits": bits, "value_scale": scale}
        assert document["coding"] == {"name": "events", "steps": 12, "seed": 0}


def test_shifts_move_images_with_zeros_coming_in() -> None:
    images = torch.zeros(200, 5, 4)
    images[:, 2, 1] = 7
    moved = augment.shift_images(images, 1, torch.Generator().manual_seed(0))
    assert (moved.sum(dim=(1, 2)) == 7).all()
    places = {tuple(place) for place in (moved == 7).nonzero()[:, 1:].tolist()}
    assert places == {(row, column) for row in (1, 2, 3) for column in (0, 1, 2)}
    corner = torch.zeros(200, 5, 4)
    corner[:, 0, 0] = 7
    shifted = augment.shift_images(corner, 1, torch.Generator().manual_seed(0))
    assert set(shifted.sum(dim=(1, 2)).tolist()) == {
        0,
        7,
    }
    assert augment.shift_images(images, 0, torch.Generator()) is images


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"steps": 0}, "steps must be 1 or more, not 0"),
        ({"training_steps": 0}, "training_steps must be 1 or more, not 0"),
        ({"epochs": -1}, "epochs must be 1 or more, not -1"),
        ({"batch": 0}, "batch must be 1 or more, not 0"),
        ({"layers": "4-0"}, "layers: 0 must have sizes of 1 or more"),
        (
            {"layers": "4-x"},
            "layers: must be N, Nr, NcK, NcKsS or pP .*, not 'x'",
        ),
        ({"layers": "4-2c3"}, "layers: 2c3 must not follow a dense layer, which has no plane"),
        ({"layers": "2c4"}, "layers: 2c4 must have a kernel of odd size, which is padded by its half"),
        ({"layers": "4-p2"}, "layers: p2 must be sums of a plane"),
        ({"layers": "2c3-p2-p2"}, "layers: p2 must be sums of 2 or more, once before a layer"),
        ({"weight_bits": 17}, r"weight_bits must be 2\.\.16, not 17"),
        ({"state_bits": 7}, r"state_bits must be 8\.\.24, not 7"),
        ({"input_bits": 17}, r"input_bits must be 1\.\.16, not 17"),
        ({"density": 0.0}, r"density must be above 0 and at most 1, not 0\.0"),
        ({"real_share": 1.5}, r"real_share must be 0\.\.1, not 1\.5"),
        ({"learning_rate": float("nan")}, "learning_rate must be above 0 and at most 1, not nan"),
        ({"coding": "burst"}, "coding must be one of direct, rate, latency, not 'burst'"),
        ({"decode": "vote"}, "decode must be one of potential_sum, potential_last, count, not 'vote'"),
        ({"decay_shift": 16}, r"decay_shift must be 0\.\.15 for 16-bit states, not 16"),
        ({"seed": -1}, "seed must be 0 or more, not -1"),
        ({"shift": -1}, "shift must be 0 or more, not -1"),
        ({"rate_penalty": -0.5}, r"rate_penalty must be 0 or more, not -0\.5"),
    ],
)
def test_refuses_options(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=f"^{message}$"):
        TrainOptions(**options)


def test_says_when_it_diverges(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Trainer, "epoch", lambda _trainer: {"loss": float("nan")})
    with pytest.raises(ConfigError, match=r"^training: the loss is nan in epoch 1: lower learning_rate$"):
        train(QUICK, "digits", None)


def test_refuses_data_and_places(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_text("mine")
    with pytest.raises(ConfigError, match=rf"^output '{file}': must be a folder, not a file$"):
        train(QUICK, "digits", file)
    with pytest.raises(ConfigError, match=rf"^output '{file}/x': cannot be written: Not a directory$"):
        train(dataclasses.replace(QUICK, epochs=1), "digits[:10]", file / "x")
    assert file.read_text() == "mine"
    with pytest.raises(
        ConfigError,
        match=r"^data 'digits:test': must name no part: training takes :train and measures on all of :test$",
    ):
        train(QUICK, "digits:test", None)
    np.savez(tmp_path / "x.npz", x=np.zeros((10, 2, 3)))
    with pytest.raises(ConfigError, match=r"^data '.*x\.npz': must have labels y to train on$"):
        train(QUICK, str(tmp_path / "x.npz"), None)
    np.savez(tmp_path / "x.npz", x=np.full((10, 2, 3), 0.5), y=np.arange(10) % 2)
    with pytest.raises(
        ConfigError, match=r"^data '.*x\.npz:train': x must be whole numbers of 0\.\.65535, events a step$"
    ):
        train(QUICK, str(tmp_path / "x.npz"), None)


@pytest.mark.slow
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_mnist5k_by_default(seed: int) -> None:
    metrics = train(options_of("sparse", seed=seed), "mnist5k", None).metrics
    assert metrics["n_test"] == 1000
    assert metrics["density"] <= 0.1
    assert metrics["accuracy_integer"] >= 0.935
    assert abs(metrics["accuracy_integer"] - metrics["accuracy"]) <= 0.005
