"""Trained sequences of torch's modules: the same outputs as one of our networks, and hardware of them."""

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

import spikewright
from spikewright.errors import ConfigError
from spikewright.models.data import load
from spikewright.models.export import to_nir
from spikewright.models.learning import analog_network, convert_weights, spiking_like
from spikewright.models.learning.results import integer_accuracy


def settled(network: nn.Sequential, shape: tuple[int, ...]) -> nn.Sequential:
    """The network with biases, scales and running statistics that are not those of the start."""
    torch.manual_seed(1)
    for parameter in network.parameters():
        nn.init.uniform_(parameter, *((-0.5, 1.5) if parameter.ndim == 1 else (-0.5, 0.5)))
    network.train()
    for _ in range(3):
        network(2 * torch.rand(50, *shape) + 0.1)
    return network.eval()


def convolutions() -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(2, 6, (3, 5), padding=(1, 2), stride=2, bias=False), nn.BatchNorm2d(6), nn.ReLU(),
        nn.AvgPool2d((2, 3)), nn.Dropout2d(0.2),
        nn.Sequential(nn.Conv2d(6, 8, 3, padding=1, groups=2), nn.BatchNorm2d(8, affine=False), nn.ReLU()),
        nn.AvgPool2d(2), nn.Flatten(), nn.Linear(8, 12), nn.BatchNorm1d(12), nn.ReLU(), nn.Linear(12, 5),
    )  # fmt: skip


def twice() -> nn.Sequential:
    relu, pool, block = nn.ReLU(), nn.AvgPool2d(2), nn.Sequential(nn.Linear(12, 12), nn.ReLU())
    return nn.Sequential(
        nn.Conv2d(1, 3, 3, padding=1), relu, pool, nn.Conv2d(3, 3, 3, padding=1), relu, pool,
        nn.Flatten(), block, block, nn.Linear(12, 4),
    )  # fmt: skip


SEQUENCES: dict[str, tuple[nn.Sequential, tuple[int, ...]]] = {
    "convolutions": (convolutions(), (2, 11, 14)),
    "dense": (nn.Sequential(nn.Linear(7, 9, bias=False), nn.ReLU(), nn.Linear(9, 4)), (7,)),
    "read-out alone": (nn.Sequential(nn.Flatten(), nn.Linear(24, 3)), (2, 3, 4)),
    "down to one place": (
        nn.Sequential(
            nn.Conv2d(1, 4, 4), nn.ReLU(), nn.Conv2d(4, 6, 1), nn.ReLU(), nn.Flatten(), nn.Linear(6, 3)
        ),
        (1, 4, 4),
    ),
    "dilated": (
        nn.Sequential(nn.Conv2d(1, 3, 3, dilation=2, padding=1), nn.ReLU(), nn.Flatten(), nn.Linear(48, 3)),
        (1, 6, 6),
    ),
    "modules that stand twice": (twice(), (1, 8, 8)),
}  # fmt: skip


@pytest.mark.parametrize("name", SEQUENCES)
def test_outputs_are_those_of_the_sequence(name: str) -> None:
    network, shape = SEQUENCES[name]
    settled(network, shape)
    codes = torch.randint(0, 256, (40, *shape), generator=torch.Generator().manual_seed(2)).float()
    with torch.no_grad():
        expected = network(codes / 255)
        found, hidden = analog_network(network, shape)(codes.flatten(1), 1)
    assert expected.std(dim=0).min() > 1e-3, "the outputs must depend on the inputs"
    assert all(0 < (units > 0).float().mean() < 1 for units in hidden), "some units must be silent"
    torch.testing.assert_close(found[:, 0], expected, rtol=1e-4, atol=1e-5)


def test_a_trained_network_becomes_hardware(tmp_path: Path) -> None:
    trained, held_out = load("digits:train"), load("digits:test")
    assert trained.y is not None
    x, y = torch.from_numpy(trained.x).float()[:, None], torch.from_numpy(trained.y)
    torch.manual_seed(0)
    network = nn.Sequential(
        nn.Conv2d(1, 8, 3, padding=1), nn.BatchNorm2d(8), nn.ReLU(), nn.AvgPool2d(2),
        nn.Flatten(), nn.Linear(128, 32), nn.ReLU(), nn.Linear(32, 10),
    )  # fmt: skip
    optimizer = torch.optim.Adam(network.parameters(), 5e-3)
    for _ in range(6):
        for batch in torch.split(torch.randperm(len(x)), 100):
            optimizer.zero_grad()
            torch.autograd.backward(nn.functional.cross_entropy(network(x[batch]), y[batch]))
            optimizer.step()
    analog = analog_network(network.eval(), (1, 8, 8), input_bits=4)
    spiking = spiking_like(analog)
    codes = torch.round(x * 15).flatten(1)
    convert_weights(analog, spiking, codes)
    spiking.quantize(8, 16, codes, 16)
    integer = spiking.integer_network("converted")
    found = integer_accuracy(integer, held_out, steps=16, coding="direct", seed=0)
    fed: dict[str, Any] = {"name": "direct", "steps": 16, "seed": 0}
    graph = to_nir(spiking.real_network("converted"), integer, coding=fed)
    build = spikewright.compile(graph, output=tmp_path / "build", evaluate="digits:test")
    assert found > 0.9
    assert json.loads((build.path / "compile.json").read_text())["accuracy_integer"] == found


REFUSED: dict[str, tuple[nn.Sequential, tuple[int, ...], str]] = {
    "unknown": (
        nn.Sequential(nn.Linear(4, 4), nn.Sequential(nn.Tanh())),
        (4,),
        "module '1.0', Tanh: must be Conv2d, BatchNorm1d, BatchNorm2d, ReLU, AvgPool2d, Flatten, Linear or"
        " Dropout",
    ),
    "no rectifier": (
        nn.Sequential(nn.Linear(4, 4), nn.Linear(4, 2)),
        (4,),
        "module '1', Linear: must not follow '0' without a ReLU between",
    ),
    "no weights": (
        nn.Sequential(nn.ReLU(), nn.Linear(4, 2)),
        (4,),
        "module '0', ReLU: must follow weights, or their normalisation",
    ),
    "norm after ReLU": (
        nn.Sequential(nn.Linear(4, 4), nn.ReLU(), nn.BatchNorm1d(4), nn.Linear(4, 2)),
        (4,),
        "module '2', BatchNorm1d: must stand between weights and their ReLU",
    ),
    "no statistics": (
        nn.Sequential(nn.Linear(4, 4), nn.BatchNorm1d(4, track_running_stats=False), nn.ReLU()),
        (4,),
        "module '1', BatchNorm1d: must track running statistics",
    ),
    "not flattened": (
        nn.Sequential(nn.Conv2d(1, 2, 3), nn.ReLU(), nn.Linear(2, 2)),
        (1, 3, 5),
        "module '2', Linear: must follow a Flatten, its input has the shape (2, 1, 3)",
    ),
    "sizes": (
        nn.Sequential(nn.Flatten(), nn.Linear(8, 2)),
        (1, 3, 3),
        "module '1', Linear: must take 9 values, not 8",
    ),
    "pool of the input": (
        nn.Sequential(nn.AvgPool2d(2), nn.Flatten(), nn.Linear(4, 2)),
        (1, 4, 4),
        "module '0', AvgPool2d: must follow a ReLU: average the images themselves beforehand",
    ),
    "pool that overlaps": (
        nn.Sequential(nn.Conv2d(1, 2, 3), nn.ReLU(), nn.AvgPool2d(2, 1), nn.Flatten(), nn.Linear(2, 2)),
        (1, 6, 6),
        "module '2', AvgPool2d: must average windows side by side, without padding",
    ),
    "padding": (
        nn.Sequential(nn.Conv2d(1, 2, 3, padding="same"), nn.ReLU(), nn.Flatten(), nn.Linear(18, 2)),
        (1, 3, 3),
        "module '0', Conv2d: must be padded with zeros, by numbers",
    ),
    "no plane": (
        nn.Sequential(nn.Flatten(), nn.Conv2d(1, 2, 3)),
        (1, 3, 3),
        "module '1', Conv2d: must have a plane, (channels, height, width), before it",
    ),
    "channels": (
        nn.Sequential(nn.Conv2d(2, 2, 3), nn.ReLU(), nn.Flatten(), nn.Linear(2, 2)),
        (1, 3, 3),
        "module '0', Conv2d: must take 1 channels, not 2",
    ),
    "no read-out": (
        nn.Sequential(nn.Linear(4, 4), nn.ReLU()),
        (4,),
        "the last module must be a Linear, whose outputs are the classes",
    ),
    "a bad shape": (
        nn.Sequential(nn.Linear(4, 4)),
        (2, 2),
        "shape must be (size,) or (channels, height, width), not (2, 2)",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_has_no_counterpart_is_refused(name: str) -> None:
    network, shape, message = REFUSED[name]
    with pytest.raises(ConfigError) as refusal:
        analog_network(network, shape)
    assert str(refusal.value) == f"analog: {message}"
