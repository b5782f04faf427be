"""Whole networks as snnTorch exports them, against snnTorch itself: every spike of every layer."""

import warnings
from typing import Any

import numpy as np
import pytest
import torch

from spikewright.compiler.reader import read_network
from spikewright.compiler.semantics import parse_semantics, resolve_semantics
from spikewright.models.real import RealModel

snntorch = pytest.importorskip("snntorch")
nirtorch = pytest.importorskip("nirtorch")

STEPS = 50
LATE, NOW = {"reset": "zero", "reset_when": "next"}, {"reset": "zero", "reset_when": "now"}
FIRING = ("Leaky", "RLeaky", "Synaptic", "RSynaptic")


def heaviside(x: torch.Tensor) -> torch.Tensor:
    """As snnTorch's surrogates fire, but not in float32."""
    return (x > 0).to(x.dtype)


def neurons(kind: str, size: int, mechanism: str, **options: Any) -> Any:
    """A layer of a kind, every neuron of its own."""
    torch.manual_seed(size)
    keys: dict[str, Any] = {"reset_mechanism": mechanism, "init_hidden": True, "spike_grad": heaviside}
    keys |= {"threshold": 0.4 + torch.rand(size), "beta": 0.3 + 0.6 * torch.rand(size)}
    if "Synaptic" in kind:
        keys["alpha"] = 0.2 + 0.6 * torch.rand(size)
    return getattr(snntorch, kind)(**keys | options)


def linear(sources: int, targets: int) -> torch.nn.Linear:
    torch.manual_seed(sources + targets)
    layer = torch.nn.Linear(sources, targets)
    layer.weight.data = torch.randn(targets, sources) / 2 + 0.05
    return layer


def check(net: torch.nn.Sequential, shape: tuple[int, ...], **keys: Any) -> None:
    """The spikes of all layers in all steps, and that other semantics would not do."""
    net = net.double()
    spikes = np.random.default_rng(1).random((STEPS, *shape)) < 0.3
    fired: dict[str, list[Any]] = {}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it is deprecated, and what snnTorch uses
        from snntorch.export_nir import _extract_snntorch_module  # type: ignore[import-untyped]

        graph = nirtorch.extract_nir_graph(
            net,
            _extract_snntorch_module,
            torch.zeros(1, *shape, dtype=torch.float64),
            ignore_submodules_of=[snntorch.RLeaky, snntorch.RSynaptic],
            ignore_dims=[0],
        )
    module: Any
    for name, module in net.named_children():
        if type(module).__name__ not in FIRING:
            continue
        module.reset_mem()
        place = f"{name}.lif" if type(module).__name__.startswith("R") else name
        fired[place] = []
        module.register_forward_hook(
            lambda _m, _i, out, to=fired[place]: to.append(out.detach().numpy().ravel())
        )
    with torch.no_grad():
        for now in torch.tensor(spikes).double():
            net(now[None])
    network = read_network(graph, resolve_semantics(parse_semantics(keys, "test"), "snntorch"))
    trace = RealModel(network).run({"input": spikes[None].astype(float)})
    assert set(trace.spikes) == set(fired)
    for place, expected in fired.items():
        assert 0.02 < np.mean(expected) < 0.9, "the stimulus must make it fire and stay silent"
        differing = int((trace.spikes[place][0] != np.array(expected)).sum())
        assert differing == 0, f"{place}: {differing} spikes differ"
    other = keys | (
        {"reset_when": "now"} if keys.get("reset_when", "next") == "next" else {"reset": "subtract"}
    )
    other |= {"reset": "zero"} if keys.get("reset") == "none" else {}
    trace = RealModel(read_network(graph, resolve_semantics(parse_semantics(other, "test"), "snntorch"))).run(
        {"input": spikes[None].astype(float)}
    )
    assert any((trace.spikes[place][0] != np.array(fired[place])).any() for place in fired)


@pytest.mark.parametrize(
    ("kind", "mechanism", "keys"),
    [
        ("Leaky", "subtract", {}),
        ("Leaky", "zero", NOW),
        ("Leaky", "none", {"reset": "none"}),
        ("Synaptic", "subtract", {}),
        ("Synaptic", "zero", LATE),
        ("Synaptic", "none", {"reset": "none"}),
    ],
)
def test_layers(kind: str, mechanism: str, keys: dict[str, Any]) -> None:
    net = torch.nn.Sequential(
        linear(12, 20), neurons(kind, 20, mechanism), linear(20, 7), neurons(kind, 7, mechanism)
    )
    check(net, (12,), **keys)


@pytest.mark.parametrize(
    ("kind", "mechanism", "keys"),
    [
        ("RLeaky", "subtract", {}),
        ("RLeaky", "zero", LATE),
        ("RLeaky", "none", {"reset": "none"}),
        ("RSynaptic", "subtract", {}),
        ("RSynaptic", "zero", LATE),
        ("RSynaptic", "none", {"reset": "none"}),
    ],
)
def test_recurrent_layers(kind: str, mechanism: str, keys: dict[str, Any]) -> None:
    """All to all, and one to one."""
    torch.manual_seed(0)
    net = torch.nn.Sequential(
        linear(12, 20),
        neurons(kind, 20, mechanism, linear_features=20),
        linear(20, 7),
        neurons(kind, 7, mechanism, all_to_all=False, V=torch.randn(7)),
    )
    check(net, (12,), **keys)


def test_a_reset_without_delay() -> None:
    """reset_delay=False, as the networks of the NIR paper were trained."""
    net = torch.nn.Sequential(
        linear(12, 20), neurons("Synaptic", 20, "zero", reset_delay=False), linear(20, 7),
        neurons("Synaptic", 7, "zero", reset_delay=False),
    )  # fmt: skip
    check(net, (12,), **NOW)


@pytest.mark.parametrize("recurrent", [False, True])
def test_convolutions_and_pooling(recurrent: bool) -> None:
    """Scalars for all neurons; recurrence through a convolution."""
    torch.manual_seed(2)
    keys: dict[str, Any] = {"init_hidden": True, "beta": 0.8, "spike_grad": heaviside}
    first = snntorch.Leaky(**keys, threshold=0.5)
    if recurrent:
        first = snntorch.RLeaky(**keys, threshold=0.5, conv2d_channels=4, kernel_size=3)
    net = torch.nn.Sequential(
        torch.nn.Conv2d(2, 4, 3, padding=1),
        first,
        torch.nn.AvgPool2d(2),
        torch.nn.Conv2d(4, 6, 3, stride=2, padding=1, groups=2, bias=False),
        snntorch.Synaptic(**keys, alpha=0.5, threshold=0.3),
        torch.nn.Conv2d(6, 6, 2),
        torch.nn.AvgPool2d(2),
        snntorch.Leaky(**keys, threshold=0.05),
        torch.nn.Flatten(),
        linear(6, 5),
        snntorch.Leaky(**keys),
    )
    for module in net:
        if isinstance(module, torch.nn.Conv2d):
            module.weight.data = module.weight.data * 2
    check(net, (2, 12, 12))
