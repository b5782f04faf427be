"""Layers by name: what the notation stands for, and the network that is built of it."""

from typing import Any

import numpy as np
import pytest
import torch

from spikewright.convolution import Convolution
from spikewright.errors import ConfigError
from spikewright.models.data import Dataset
from spikewright.models.learning.build import build_network, cramped, input_port
from spikewright.models.learning.layer import Rectifiers
from spikewright.models.learning.layers import LayerSpec, parse_layers
from spikewright.models.learning.network import SpikingNetwork
from spikewright.models.learning.options import TrainOptions
from spikewright.models.learning.training import options_of


def images(*shape: int, high: float = 1.0) -> Dataset:
    """Four static samples of that shape, two classes."""
    x = np.random.default_rng(0).random((4, *shape), dtype=np.float32) * high
    return Dataset(name="images", x=x, y=np.array([0, 1, 0, 1]), classes=2, static=True)


def events(*shape: int, high: int = 1) -> Dataset:
    """Four samples of five steps, whose highest count is ``high``."""
    x = np.zeros((4, 5, *shape), np.uint16)
    x[0, 0] = high
    return Dataset(name="events", x=x, y=np.array([0, 1, 0, 1]), classes=2, static=False)


def build(data: Dataset, layers: str, **options: Any) -> SpikingNetwork:
    chosen = TrainOptions(layers=layers, **options)
    port = input_port(chosen, data)
    return build_network(chosen, port, data.classes, torch.Generator().manual_seed(0))


@pytest.mark.parametrize(
    ("text", "layers", "pool"),
    [
        ("", [], 1),
        ("p2", [], 2),
        ("128", [LayerSpec(size=128)], 1),
        ("38r-4", [LayerSpec(size=38, recurrent=True), LayerSpec(size=4)], 1),
        ("16c3", [LayerSpec(size=16, kernel=3)], 1),
        (
            "16C5s2-p2-32c1-P3-64R",
            [
                LayerSpec(size=16, kernel=5, stride=2),
                LayerSpec(size=32, kernel=1, pool=2),
                LayerSpec(size=64, pool=3, recurrent=True),
            ],
            1,
        ),
        ("p4-2c3-p2", [LayerSpec(size=2, kernel=3, pool=4)], 2),
    ],
)
def test_notation(text: str, layers: list[LayerSpec], pool: int) -> None:
    assert parse_layers(text) == (tuple(layers), pool)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("-", r"layers: must be N, Nr, NcK, NcKsS or pP \(128, 38r, 16c3, 16c5s2, p2\), not ''"),
        ("64-", r"layers: must be N, .*, not ''"),
        ("64,32", r"layers: must be N, .*, not '64,32'"),
        ("6 4", r"layers: must be N, .*, not '6 4'"),
        ("16c3r", r"layers: must be N, .*, not '16c3r'"),
        ("16s2", r"layers: must be N, .*, not '16s2'"),
        ("c3", r"layers: must be N, .*, not 'c3'"),
        ("p", r"layers: must be N, .*, not 'p'"),
        ("-5", r"layers: must be N, .*, not ''"),
        ("0r", "layers: 0r must have sizes of 1 or more"),
        ("4c0", "layers: 4c0 must have sizes of 1 or more"),
        ("4c3s0", "layers: 4c3s0 must have sizes of 1 or more"),
        ("4c4", "layers: 4c4 must have a kernel of odd size, which is padded by its half"),
        ("8-4c3", "layers: 4c3 must not follow a dense layer, which has no plane"),
        ("8-p2-4", "layers: p2 must be sums of a plane"),
        ("p1-4", "layers: p1 must be sums of 2 or more, once before a layer"),
        ("2c3-p2-p3-4", "layers: p3 must be sums of 2 or more, once before a layer"),
    ],
)
def test_notation_that_is_none(text: str, message: str) -> None:
    with pytest.raises(ConfigError, match=f"^{message}$"):
        parse_layers(text)


def test_names_planes_and_weights_of_what_is_built() -> None:
    made = build(images(16, 12), "3c5s2-p2-6c3-7r-5", norm=True)
    assert [layer.name for layer in made.stack] == ["conv1", "conv2", "hidden1", "hidden2", "readout"]
    assert [layer.plane for layer in made.stack] == [(3, 8, 6), (6, 4, 3), (), (), ()]
    shapes = [tuple(layer.synapses.weight.shape) for layer in made.stack]
    assert shapes == [(3, 1, 5, 5), (6, 3, 3, 3), (7, 72), (5, 7), (2, 5)]
    assert [layer.synapses.size for layer in made.stack] == [3 * 8 * 6, 6 * 4 * 3, 7, 5, 2]
    assert [layer.norm is not None for layer in made.stack] == [True, True, True, True, False]
    assert [layer.recurrent is not None for layer in made.stack] == [False, False, True, False, False]
    assert made.stack[2].recurrent is not None
    assert made.stack[2].recurrent.shape == (7, 7)
    assert [layer.value_scale for layer in made.stack] == [15.0, 1.0, 1.0, 1.0, 1.0]
    assert [layer.neurons.rule.fires for layer in made.stack] == [True, True, True, True, False]
    assert made.port.shape == (1, 16, 12)
    outputs, spikes = made(torch.zeros(2, 16 * 12), 3)
    assert outputs.shape == (2, 3, 2)
    assert [fired.shape[1:] for fired in spikes] == [(3, 144), (3, 72), (3, 7), (3, 5)]


def test_pooling_before_dense_layers_takes_the_whole_plane() -> None:
    made = build(images(16, 12), "3c5s2-p2-6-4")
    whole = made.stack[1].synapses.convolution
    assert whole == Convolution(source=(3, 8, 6), target=(6, 1, 1), size=(4, 3), pool=(2, 2))
    assert (made.stack[1].name, made.stack[1].plane) == ("hidden1", ())
    assert made.stack[1].synapses.weight.shape == (6, 3 * 4 * 3)
    assert made.stack[2].synapses.weight.shape == (4, 6)
    last = build(images(9, 9), "p4").stack[0].synapses.convolution  # what does not fill a window is left out
    assert last == Convolution(source=(1, 9, 9), target=(2, 1, 1), size=(2, 2), pool=(4, 4))
    with pytest.raises(
        ConfigError, match=r"^layers: 4 after sums over 7: the plane has 8 by 6 places only$"
    ):
        build(images(16, 12), "3c5s2-p7-4")
    with pytest.raises(
        ConfigError, match=r"^layers: 4c3 after sums over 16: the plane has 16 by 12 places only$"
    ):
        build(images(16, 12), "p16-4c3")


@pytest.mark.parametrize(
    ("layers", "shape", "names"),
    [
        ("16c5s2-p2-32c3-p2-64", (28, 28), []),
        ("16c5s2-p2-32c3-p2-64", (8, 8), ["conv2: kernels of 3 by 3 see a plane of 2 by 2"]),
        ("16c3-p2-32c3-p2-64", (8, 8), []),
        ("4c1-p2-4c1-p2-4c1-p2-8", (8, 8), []),
        ("4c3-p4-4c5-p2-4c3", (8, 8), ["conv2: kernels of 5 by 5 see a plane of 2 by 2", "conv3: kernels"]),
    ],
)
def test_convolutions_that_see_margins(layers: str, shape: tuple[int, int], names: list[str]) -> None:
    notes = cramped(build(images(*shape), layers).stack)
    assert len(notes) == len(names)
    assert all(note.startswith(name) for note, name in zip(notes, names, strict=True)), notes


def test_ports() -> None:
    def port(data: Dataset, **options: Any) -> tuple[Any, ...]:
        found = input_port(TrainOptions(**options), data)
        return found.shape, found.kind, found.value_bits, found.value_scale, found.max_events

    assert port(images(6, 5)) == ((30,), "hold", 4, 15.0, 1)
    assert port(images(6, 5), input_bits=6) == ((30,), "hold", 6, 63.0, 1)
    assert port(images(3, 6, 5), layers="2c3") == ((3, 6, 5), "hold", 4, 15.0, 1)
    assert port(images(6, 5), coding="rate")[:3] == ((30,), "drive", 0)
    assert port(events(7, high=3)) == ((7,), "drive", 0, 1.0, 3)
    assert port(events(7, high=3), max_events=2)[4] == 2
    assert port(events(7, high=5), graded=True) == ((7,), "drive", 3, 7.0, 1)
    assert build(events(7, high=5), "4", graded=True).stack[0].value_scale == 7.0
    with pytest.raises(
        ConfigError, match=r"^data 'events': convolutions need samples of shape .*, not \(7,\)$"
    ):
        port(events(7), layers="2c3")
    with pytest.raises(ConfigError, match=r"^drop: data 'images' are images, which have no time"):
        port(images(6, 5), drop=0.1)
    with pytest.raises(ConfigError, match=r"^coding: data 'events' are in time, and come as they are$"):
        port(events(7), coding="rate")
    with pytest.raises(ConfigError, match=r"^training_steps: data 'events' are in time"):
        port(events(7), training_steps=4)
    with pytest.raises(ConfigError, match=r"^data 'events': x must be whole numbers of 0\.\.255, events"):
        port(events(7, high=256))


def test_density_is_of_all_layers_together() -> None:
    made = build(images(6, 5), "40r-30", density=0.2)
    weights = [layer.synapses.weight for layer in made.stack] + [made.stack[0].recurrent_weights()]
    assert sum(weight.numel() for weight in weights) == 30 * 40 + 40 * 30 + 30 * 2 + 40 * 40
    nonzero = sum(int((weight != 0).sum()) for weight in weights)
    assert nonzero / sum(weight.numel() for weight in weights) == pytest.approx(0.2, abs=0.01)
    assert hasattr(made.stack[0], "parametrizations")  # the recurrent weights have a mask of their own


def test_analog_networks_and_readouts() -> None:
    data = images(6, 5)
    chosen = TrainOptions(layers="5", decode="count", readout_shift=4, decay_shift=2)
    port = input_port(chosen, data)
    analog = build_network(chosen, port, 2, torch.Generator(), analog=True)
    assert isinstance(analog.stack[0].neurons, Rectifiers)
    assert not isinstance(analog.stack[1].neurons, Rectifiers)
    assert (analog.decode, analog.stack[1].neurons.rule.decay.kind) == ("potential_sum", "none")
    drive = torch.tensor([[-2.0, 0.5]])
    assert analog.stack[0].neurons(drive, 2).tolist() == [[[0.0, 0.5], [0.0, 0.5]]]
    with pytest.raises(ConfigError, match=r"^network: an analog network has no integers; convert it first$"):
        analog.quantize(8, 16, torch.zeros(1, 30), 1)
    counting = build_network(chosen, port, 2, torch.Generator())
    assert counting.decode == "count"
    assert counting.stack[-1].neurons.rule == counting.stack[0].neurons.rule
    assert counting.stack[0].neurons.rule.decay.shift == 2


@pytest.mark.parametrize(
    ("method", "asked", "layers"),
    [
        ("sparse", {}, "128"),
        ("sparse", {"hidden": (30, 20)}, "30-20"),
        ("sparse", {"hidden": ()}, ""),
        ("recurrent", {"hidden": (16,)}, "16r"),
        ("conv", {"channels": (4, 6)}, "4c5s2-p2-6c3-p2"),
        ("conv", {"hidden": (9,)}, "12c5s2-p2-24c3-p2-9"),
        ("sca", {"channels": (4,), "hidden": (9,)}, "4c5s2-p2-9"),
        ("sparse", {"layers": "16C5-64-32", "hidden": (8,)}, "16c5-8"),
        ("sparse", {"layers": "", "channels": (4,)}, "4c5s2-p2"),
    ],
)
def test_plain_sizes_stand_in_the_place_of_layers(method: str, asked: dict[str, Any], layers: str) -> None:
    assert options_of(method, **asked).layers == layers
