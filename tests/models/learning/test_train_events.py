"""Training on data in time: it learns, its integers are the model's, and the file says how to feed it."""

import json
from pathlib import Path
from typing import Any

import nir  # type: ignore[import-untyped]
import numpy as np
import pytest
import torch

from spikewright.errors import ConfigError
from spikewright.models.augment import drop_events, shift_planes, shift_steps
from spikewright.models.binning import Binning
from spikewright.models.data import load
from spikewright.models.integer import IntegerModel
from spikewright.models.learning.options import TrainOptions
from spikewright.models.learning.training import course, options_of, train
from spikewright.models.real import RealModel

BINNING = {"bin_ms": 1.0, "steps": 6}


@pytest.fixture(name="planes")
def planes_fixture(tmp_path: Path) -> str:
    """Events of three classes: polarity and half of the plane that they come in; 12 by 12 pixels."""
    rng = np.random.default_rng(0)
    label = np.arange(90) % 3
    count = 40
    x, y = rng.integers(0, 12, (2, 90, count))
    x = np.where(label[:, None] == 0, x % 6, x)
    p = np.where(label[:, None] == 1, rng.random((90, count)) < 0.9, rng.random((90, count)) < 0.1)
    t = rng.integers(0, 6500, (90, count))
    np.savez(
        tmp_path / "planes.npz",
        t=t.ravel(), x=x.ravel(), y=y.ravel(), p=p.ravel(),
        offset=np.arange(91) * count, label=label, sensor=[12, 12],
    )  # fmt: skip
    return str(tmp_path / "planes.npz")


@pytest.fixture(name="sequences")
def sequences_fixture(tmp_path: Path) -> str:
    """Spikes on 5 lines in 12 steps; the class is which line fired first: it takes memory to tell."""
    rng = np.random.default_rng(1)
    y = np.arange(120) % 3
    x = (rng.random((120, 12, 5)) < 0.15).astype(np.uint8)
    x[:, :2] = 0
    x[np.arange(120), 0, y] = 1
    np.savez(tmp_path / "sequences.npz", x=x, y=y)
    return str(tmp_path / "sequences.npz")


def conv(**options: Any) -> TrainOptions:
    quick = {"channels": (4, 6), "epochs": 12, "batch": 20, "shift": 0, "learning_rate": 1e-2, **BINNING}
    return options_of("conv", **{**quick, **options})


def recurrent(**options: Any) -> TrainOptions:
    quick = {"hidden": (16,), "epochs": 12, "batch": 20, "learning_rate": 1e-2}
    return options_of("recurrent", **{**quick, **options})


def test_convolutions_learn_and_are_written(planes: str, tmp_path: Path) -> None:
    seen = []
    results = train(conv(), planes, tmp_path / "out", lambda *state: seen.append(state[2]))
    metrics = json.loads((tmp_path / "out" / "metrics.json").read_text())
    assert metrics == json.loads(json.dumps(results.metrics))
    assert metrics["accuracy"] >= 0.8
    assert metrics["accuracy_integer"] >= 0.8
    assert (metrics["n_train"], metrics["n_test"], metrics["method"]) == (72, 18, "conv")
    assert seen[-1] < 0.5 * seen[0]
    assert len(seen) == 12
    assert any("come after the last of 6 steps" in note for note in metrics["notes"])
    graph = nir.read(tmp_path / "out" / "network.nir")
    kinds = {name: type(node).__name__ for name, node in graph.nodes.items()}
    assert kinds == {
        "input": "Input", "input_to_conv1": "Conv2d", "conv1": "LIF", "conv1_to_conv2_sums": "SumPool2d",
        "conv1_to_conv2": "Conv2d", "conv2": "LIF", "conv2_to_readout_sums": "SumPool2d",
        "conv2_to_readout_flat": "Flatten", "conv2_to_readout": "Affine", "readout": "LI", "output": "Output",
    }  # fmt: skip
    assert graph.nodes["conv1"].v_threshold.shape == (4, 6, 6)
    document = json.loads(graph.metadata["spikewright"])
    assert document["coding"] == {"name": "events", "steps": 6, "seed": 0, "bin_ms": 1.0}
    assert document["inputs"]["input"]["max_events"] == load(f"{planes}:train", Binning(**BINNING)).x.max()  # type: ignore[arg-type]
    assert document["semantics"]["dt"] == 1e-3
    assert set(document["scales"]) == {"conv1", "conv2", "readout"}
    state = torch.load(tmp_path / "out" / "checkpoint.pt", weights_only=True)
    assert {"layers.0.synapses.weight", "layers.2.bias"} <= set(state)


def test_recurrence_learns_and_is_written(sequences: str) -> None:
    results = train(recurrent(), sequences, None)
    assert results.metrics["accuracy_integer"] >= 0.8
    nodes, edges = results.graph.nodes, results.graph.edges
    assert {("hidden1", "hidden1_to_hidden1"), ("hidden1_to_hidden1", "hidden1")} <= set(edges)
    assert nodes["hidden1_to_hidden1"].weight.shape == (16, 16)
    assert not any(isinstance(node, nir.Delay) for node in nodes.values()), "a cycle takes its step by itself"
    assert json.loads(results.graph.metadata["spikewright"])["coding"] == {
        "name": "events", "steps": 12, "seed": 0,
    }  # fmt: skip


@pytest.mark.parametrize("method", ["conv", "recurrent"])
def test_the_trained_network_is_its_integer_network(method: str, planes: str, sequences: str) -> None:
    options = conv() if method == "conv" else recurrent()
    data = load(f"{planes if method == 'conv' else sequences}:train", options.binning)
    made = course(options, data)
    for epoch in range(4):
        if epoch == 2:
            made.quantize()
        made.epoch()
    trace = IntegerModel(made.network.integer_network("made")).run(data.x)
    outputs, spikes = made.network(torch.from_numpy(data.x).float().flatten(2))
    for layer, found in zip(made.network.stack[:-1], spikes, strict=True):
        expected = trace.spikes[layer.name].reshape(*found.shape)
        np.testing.assert_array_equal(expected, found.detach().numpy())
        assert 0.005 < expected.mean() < 0.9
    np.testing.assert_array_equal(trace.readouts["readout"], outputs.detach().numpy())
    made = course(options, data)
    real = RealModel(made.network.real_network("made")).run(data.x)
    outputs, spikes = made.network(torch.from_numpy(data.x).float().flatten(2))
    np.testing.assert_allclose(real.readouts["readout"], outputs.detach().numpy(), atol=1e-3)


def test_the_same_seed_gives_the_same_file(planes: str, tmp_path: Path) -> None:
    for name, seed in (("a", 0), ("b", 0), ("c", 1)):
        train(conv(epochs=1, seed=seed, shift=1), planes, tmp_path / name)
    first, second, other = ((tmp_path / name / "network.nir").read_bytes() for name in "abc")
    assert first == second
    assert first != other


def test_planes_move_as_a_whole() -> None:
    samples = torch.zeros(200, 3, 2, 5, 6, dtype=torch.uint8)
    samples[:, :, :, 2, 3] = 1
    samples[:, 0, 0, 0, 0] = 1
    moved = shift_planes(samples, 1, torch.Generator().manual_seed(0))
    places = {tuple(place) for sample in moved for place in sample[1, 1].nonzero().tolist()}
    assert places == {(y, x) for y in (1, 2, 3) for x in (2, 3, 4)}
    for sample in moved:
        assert (sample[1, 1] == sample[2, 0]).all()
    assert {int(sample[0, 0].sum()) for sample in moved} == {1, 2}, "what leaves the plane is gone"


def test_a_plane_may_leave_itself() -> None:
    samples = torch.ones(40, 2, 3, 4)
    moved = shift_planes(samples, 6, torch.Generator().manual_seed(0))
    sums = {int(sample.sum()) for sample in moved}
    assert min(sums) == 0
    assert sums <= {2 * high * wide for high in range(4) for wide in range(5)}


def test_lines_have_no_plane_to_move_in(sequences: str) -> None:
    no_plane = r"have no plane to move in, their shape is \(5,\)"
    with pytest.raises(ConfigError, match=rf"^shift: data '.*' {no_plane}$"):
        train(recurrent(shift=1), sequences, None)


@pytest.mark.parametrize("graded", [True, False])
def test_what_the_input_cannot_carry_is_left_out(graded: bool, sequences: str, tmp_path: Path) -> None:
    with np.load(sequences) as archive:
        x, y = archive["x"].copy(), archive["y"]
    held_out = load(f"{sequences}:test").x
    x[[any(np.array_equal(sample, other) for other in held_out) for sample in x]] *= 9
    np.savez(tmp_path / "high.npz", x=x, y=y)
    high = str(tmp_path / "high.npz")
    highest = [int(load(f"{high}:{part}").x.max()) for part in ("train", "test")]
    assert highest == [1, 9], "only the test part has more than one event of an address and step"
    short = recurrent(epochs=1, graded=graded)
    expected = train(short, sequences, None).metrics["accuracy_integer"]
    assert train(short, high, None).metrics["accuracy_integer"] == expected

    x[:] *= 3
    np.savez(tmp_path / "more.npz", x=x, y=y)
    trainer = course(recurrent(max_events=2), load(f"{tmp_path / 'more.npz'}:train"))
    assert trainer.network.port.max_events == trainer.samples.some(50).x.max() == 2


def test_refusals(planes: str, sequences: str) -> None:
    for make, data, message in (
        (
            lambda: conv(),
            "digits[:20]",
            "bin_ms: data 'digits:train[:20]' are images, which have no time of their own",
        ),
        (
            lambda: conv(channels=(2,)),
            sequences,
            "convolutions need samples of shape (channels, height, width)",
        ),
        (lambda: recurrent(bin_ms=None), planes, "give --bin-ms"),
        (lambda: conv(channels=(0,)), planes, "layers: 0c5s2 must have sizes of 1 or more"),
        (lambda: conv(max_events=256), planes, "max_events must be 1..255, not 256"),
        (
            lambda: conv(decode="vote"),
            planes,
            "decode must be one of potential_sum, potential_last, count, not 'vote'",
        ),
        (lambda: conv(coding="rate"), planes, "are in time, and come as they are"),
        (
            lambda: conv(channels=None, layers="4c3-p20"),
            planes,
            "layers: 3 after sums over 20: the plane has 12 by 12 places",
        ),
        (
            lambda: options_of("deep"),
            planes,
            "method must be one of sparse, esl, sca, rkd, kd, lasnn, conv, recurrent, sound, not 'deep'",
        ),
        (lambda: recurrent(density=0.0), sequences, "density must be above 0 and at most 1, not 0.0"),
        (lambda: recurrent(drop=1.0), sequences, "drop must be 0 or more and below 1, not 1.0"),
        (lambda: conv(readout_shift=16), planes, "readout_shift must be 0..15 for 16-bit states, not 16"),
    ):
        with pytest.raises(ConfigError) as error:
            train(make(), data, None)  # type: ignore[no-untyped-call]
        assert message in str(error.value)


def test_moving_in_time_and_leaving_out() -> None:
    samples = torch.zeros(300, 6, 3, dtype=torch.uint8)
    samples[:, 2, 1] = 7
    moved = shift_steps(samples, 4, torch.Generator().manual_seed(0))
    assert {tuple(place) for place in moved.nonzero()[:, 1:].tolist()} == {(step, 1) for step in range(6)}
    sums = moved.sum(dim=(1, 2))
    assert set(sums.tolist()) == {0, 7}, "what leaves the recording is gone"
    assert 0.5 < float((sums > 0).float().mean()) < 0.9
    kept = drop_events(samples, 0.5, torch.Generator().manual_seed(0))
    assert (kept <= samples).all()
    assert {tuple(place) for place in kept.nonzero()[:, 1:].tolist()} == {(2, 1)}
    assert float(kept.sum() / samples.sum()) == pytest.approx(0.75, abs=0.03)


def test_few_synapses(sequences: str) -> None:
    results = train(recurrent(density=0.3, epochs=3, drop=0.2, shift_steps=1), sequences, None)
    assert 0.2 < results.metrics["density"] <= 0.31
    weights = results.graph.nodes["hidden1_to_hidden1"].weight
    assert 0 < np.count_nonzero(weights) < 0.6 * weights.size
