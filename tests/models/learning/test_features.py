"""Features recorded from networks of torch, snnTorch and our own, averaged over their steps."""

from typing import Any

import pytest
import snntorch  # type: ignore[import-untyped]
import torch

from spikewright.errors import ConfigError
from spikewright.models.learning.features import Features
from spikewright.models.neurons import IF


def test_a_static_network() -> None:
    network = torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.ReLU(), torch.nn.Linear(4, 2))
    x = torch.rand(5, 3)
    with Features(network, ["0", "1"], time="none") as features:
        network(x)
        taken = features.take()
        assert taken["0"].equal(network[0](x))
        assert taken["1"].equal(network[0](x).relu())
        torch.autograd.backward(taken["1"].sum())
        assert network[0].weight.grad is not None
    assert not network[0]._forward_hooks
    network(x)
    with pytest.raises(
        ConfigError, match=r"^submodule '0' must run once before its features are taken, not 0 times$"
    ):
        Features(network, ["0"], time="none").take()


def test_steps_along_an_axis() -> None:
    network = torch.nn.Sequential(torch.nn.Linear(3, 8), IF())
    x = torch.rand(5, 6, 3) * 3
    with Features(network, ["1"], time="axis", planes={"1": (2, 2, 2)}) as features:
        spikes = network(x)
        taken = features.take()["1"]
    assert 0 < float(spikes.detach().mean()) < 1
    assert taken.equal(spikes.mean(dim=1).view(5, 2, 2, 2))
    with Features(network, ["1"], time="axis", axis=0) as features:
        network(x.transpose(0, 1))
        assert features.take()["1"].shape == (5, 8)


def test_steps_as_calls_of_snntorch() -> None:
    class Network(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.synapses = torch.nn.Conv2d(1, 2, 3)
            self.neurons = snntorch.Leaky(beta=0.8)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            potential = self.neurons.reset_mem()
            seen = []
            for _ in range(4):
                spikes, potential = self.neurons(self.synapses(x), potential)
                seen.append(spikes)
            return torch.stack(seen)

    network = Network()
    with torch.no_grad():
        network.synapses.weight.abs_()
    with Features(network, ["neurons"], time="calls") as features:
        for _ in range(2):
            spikes = network(torch.rand(3, 1, 5, 5))
            assert 0 < float(spikes.detach().mean()) < 1
            assert features.take()["neurons"].equal(spikes.mean(dim=0))
    with Features(network, ["neurons"], time="none") as features:
        network(torch.rand(3, 1, 5, 5))
        message = r"^submodule 'neurons' must run once before its features are taken, not 4 times$"
        with pytest.raises(ConfigError, match=message):
            features.take()


def test_refusals() -> None:
    network = torch.nn.Sequential(torch.nn.Linear(3, 4))
    cases: list[tuple[list[str], dict[str, Any], str]] = [
        (["a"], {"time": "none"}, "names must be submodules of the network, not 'a'"),
        (["0"], {"time": "mean"}, "time must be one of none, axis, calls, not 'mean'"),
        (["0"], {"time": "none", "planes": {"1": (1,)}}, "planes must be of the names given, not of '1'"),
    ]
    for names, options, message in cases:
        with pytest.raises(ConfigError) as refused:
            Features(network, names, **options)
        assert str(refused.value) == message
    taken: list[tuple[dict[str, Any], str]] = [
        ({"time": "axis"}, "submodule '0' must have an axis of steps, not shape (2, 4)"),
        (
            {"time": "none", "planes": {"0": (3, 1, 1)}},
            "submodule '0' must give planes (3, 1, 1), not shape (2, 4)",
        ),
    ]
    for options, message in taken:
        with Features(network, ["0"], **options) as features:
            network(torch.zeros(2, 3))
            with pytest.raises(ConfigError) as refused:
                features.take()
            assert str(refused.value) == message
