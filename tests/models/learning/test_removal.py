"""What is left without the pruned channels computes what the masked network does."""

from typing import Any

import pytest
import snntorch  # type: ignore[import-untyped]
import torch
from snntorch import utils

from spikewright.errors import ConfigError
from spikewright.models.learning.analog import analog_network
from spikewright.models.learning.channels import ChannelGroup, ChannelPruner
from spikewright.models.learning.gates import ChannelGate
from spikewright.models.learning.removal import (
    kept,
    kept_places,
    remove_channels,
    sequential_groups,
    slice_inputs,
    slice_outputs,
)
from spikewright.models.neurons import IF


class Integrator(torch.nn.Module):
    """Neurons as SpikingJelly has them: one step a call, the potential in ``v``; a threshold a channel."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.threshold = torch.nn.Parameter(torch.linspace(0.3, 0.9, channels).view(channels, 1, 1))
        self.v: Any = 0.0

    def reset(self) -> None:
        self.v = 0.0

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        u = self.v + x
        spikes = (u >= self.threshold).float() + 0 * u
        self.v = u * (1 - spikes)
        return torch.as_tensor(spikes)


def convolutional() -> torch.nn.Sequential:
    torch.manual_seed(1)
    return torch.nn.Sequential(
        torch.nn.Conv2d(2, 6, 3, padding=1, bias=False),
        torch.nn.BatchNorm2d(6),
        torch.nn.AvgPool2d(2),
        Integrator(6),
        torch.nn.Conv2d(6, 5, 3, stride=2, padding=1),
        snntorch.Leaky(beta=0.9, init_hidden=True),
        torch.nn.MaxPool2d(2),
        torch.nn.Flatten(),
        torch.nn.Linear(5 * 4, 12),
        torch.nn.BatchNorm1d(12),
        snntorch.Leaky(beta=torch.linspace(0.1, 0.9, 12), init_hidden=True),
        torch.nn.Dropout(0.5),
        torch.nn.Linear(12, 3),
    )


def run(network: torch.nn.Sequential, x: torch.Tensor, steps: int = 5) -> torch.Tensor:
    for module in network:
        if isinstance(module, Integrator):
            module.reset()
        elif isinstance(module, snntorch.Leaky):
            module.reset_mem()
    return torch.stack([network(x) for _ in range(steps)])


def pruned(network: Any, masks: dict[str, list[int]]) -> dict[str, torch.Tensor]:
    """Hang the masks into the network."""
    tensors = {}
    for name, mask in masks.items():
        group = ChannelGroup(
            name=name, module=network[int(name)], neurons=IF(), channels=len(mask),
            axis=-1 if isinstance(network[int(name)], torch.nn.Linear) else 1,
        )  # fmt: skip
        gate = ChannelGate(group)
        with torch.no_grad():
            gate.mask.copy_(torch.tensor(mask))
        gate.attach(group, watch=False)
        tensors[name] = gate.live()
    return tensors


MASKS = {"1": [1, 0, 1, 1, 0, 1], "4": [0, 1, 1, 0, 1], "9": [1, 1, 0, 0, 1, 1, 0, 1, 1, 1, 0, 1]}


def test_snntorchs_own_reset_reaches_the_smaller_network() -> None:
    network = torch.nn.Sequential(
        torch.nn.Linear(3, 4), snntorch.Leaky(beta=0.9, init_hidden=True), torch.nn.Linear(4, 2)
    )
    for parameter in network.parameters():
        torch.nn.init.constant_(parameter, 0.2)
    smaller = remove_channels(network, {"0": torch.tensor([True, False, True, True])})
    x = torch.ones(5, 3)  # a drive of 0.8: the second step is the first to fire
    first = [smaller(x) for _ in range(2)]
    assert not first[0].equal(first[1]), "neurons must remember"
    utils.reset(smaller)
    assert smaller(x).equal(first[0])


@pytest.mark.parametrize("names", [("1",), ("4",), ("9",), ("1", "4", "9")])
def test_equals_the_masked_network(names: tuple[str, ...]) -> None:
    network = convolutional()
    x = 2 * torch.randn(7, 2, 16, 16)
    with torch.no_grad():
        network.train()
        run(network, x)  # gives the normalisations statistics of their own
        network[9].bias.add_(0.7)  # type: ignore[operator]
    network.eval()
    whole = run(network, x)
    masks = pruned(network, {name: MASKS[name] for name in names})
    masked = run(network, x)
    assert not masked.allclose(whole)
    smaller = remove_channels(network, masks)
    assert not smaller.training
    torch.testing.assert_close(run(smaller, x), masked)
    torch.testing.assert_close(run(network, x), masked, rtol=0, atol=0)
    sizes = {
        "1": (2, 6, 4), "4": (0, 5, 3), "9": (0, 12, 8),
    }  # fmt: skip
    synapses = {"1": "0", "4": "4", "9": "8"}
    for name in names:
        layer: Any = smaller.get_submodule(synapses[name])
        assert layer.weight.shape[0] == sizes[name][2]
    assert sum(p.numel() for p in smaller.parameters()) < sum(p.numel() for p in network.parameters())
    assert not any(module._forward_hooks for module in smaller.modules())


def test_masked_spikes_can_go_as_well() -> None:
    network = convolutional().eval()
    x = 2 * torch.randn(7, 2, 16, 16)
    masks = pruned(network, {"3": MASKS["1"], "10": MASKS["9"]})
    masked = run(network, x)
    assert masked.std() > 0
    torch.testing.assert_close(run(remove_channels(network, masks), x), masked)


def test_what_a_pruner_leaves_of_our_neurons() -> None:
    torch.manual_seed(0)
    network = torch.nn.Sequential(
        torch.nn.Linear(6, 16), IF(), torch.nn.Linear(16, 16), IF(), torch.nn.Linear(16, 2)
    )
    pruner = ChannelPruner(
        sequential_groups(network), keep=0.4, regrow=0.1, last_epoch=0,
        generator=torch.Generator().manual_seed(0),
    )  # fmt: skip
    x = torch.rand(5, 8, 6) * 3
    pruner.before_batch(0)
    torch.autograd.backward(network(x).square().sum())
    pruner.after_update(0)
    pruner.after_epoch(0)
    smaller: Any = remove_channels(network, pruner.masks())
    torch.testing.assert_close(smaller(x), network(x))
    assert smaller[0].out_features + smaller[2].out_features == round(0.4 * 32)
    assert smaller[1].observer is None
    assert network[1].observer is not None


def test_indices_and_slices() -> None:
    mask = torch.tensor([True, False, True])
    assert kept(mask).tolist() == [0, 2]
    assert kept_places(mask, 2).tolist() == [0, 1, 4, 5]
    weight = torch.arange(18).view(3, 6)
    assert slice_outputs(weight, mask).tolist() == [weight[0].tolist(), weight[2].tolist()]
    assert slice_inputs(weight, mask, 2)[0].tolist() == [0, 1, 4, 5]
    assert slice_outputs(torch.arange(6), mask, 2).tolist() == [0, 1, 4, 5]


def test_groups_of_a_sequence() -> None:
    network = convolutional()
    groups = sequential_groups(network)
    assert [group.name for group in groups] == ["1", "4", "9"]
    assert [network[int(name)] for name in ("3", "5", "10")] == [group.neurons for group in groups]
    assert [group.size for group in groups] == [6, 5, 12]


@pytest.mark.parametrize(
    ("masks", "message"),
    [
        ({"13": [1]}, "masks must name modules of the network, not '13'"),
        ({"1": [1, 0]}, "mask '1' must leave at least one of 6 channels, not [2]"),
        ({"4": [0] * 5}, "mask '4' must leave at least one of 5 channels, not [5]"),
        (
            {"0": [1, 0, 1, 1, 0, 1]},
            "masks must name what drives neurons last, a normalisation before bare synapses, "
            "and not the last layer, not '0'",
        ),
        (
            {"12": [1, 1, 0]},
            "masks must name what drives neurons last, a normalisation before bare synapses, "
            "and not the last layer, not '12'",
        ),
    ],
)
def test_refusals(masks: dict[str, list[int]], message: str) -> None:
    with pytest.raises(ConfigError) as refused:
        remove_channels(convolutional(), {name: torch.tensor(mask) > 0 for name, mask in masks.items()})
    assert str(refused.value) == message


def test_refuses_what_cannot_be_cut() -> None:
    half = {"0": torch.tensor([True, False])}
    grouped = torch.nn.Sequential(torch.nn.Conv2d(1, 2, 1), IF(), torch.nn.Conv2d(2, 2, 1, groups=2))
    with pytest.raises(
        ConfigError, match=r"^module '2': a convolution in groups must not have pruned channels$"
    ):
        remove_channels(grouped, half)
    after = torch.nn.Sequential(torch.nn.Linear(1, 2), IF(), torch.nn.BatchNorm1d(2), torch.nn.Linear(2, 2))
    with pytest.raises(
        ConfigError, match=r"^module '2': a normalisation after neurons must not have pruned channels$"
    ):
        remove_channels(after, half)


def test_modules_may_stand_twice() -> None:
    torch.manual_seed(0)
    relu, pool = torch.nn.ReLU(), torch.nn.AvgPool2d(2)
    network = torch.nn.Sequential(
        torch.nn.Conv2d(1, 6, 3, padding=1), relu, pool, torch.nn.Conv2d(6, 5, 3, padding=1), relu, pool,
        torch.nn.Flatten(), torch.nn.Linear(20, 3),
    )  # fmt: skip
    assert [group.name for group in sequential_groups(network)] == ["0", "3"]
    x = torch.randn(4, 1, 8, 8)
    masks = pruned(network, {"0": [1, 0, 1, 1, 0, 1], "3": [0, 1, 1, 1, 0]})
    smaller = remove_channels(network, masks)
    assert len(smaller) == 8
    torch.testing.assert_close(smaller(x), network(x))


def test_a_layer_that_stands_twice_is_not_pruned() -> None:
    layer = torch.nn.Linear(4, 4)
    network = torch.nn.Sequential(layer, IF(), layer, IF(), torch.nn.Linear(4, 2))
    with pytest.raises(ConfigError, match=r"^module '2': must not stand twice to lose channels$"):
        sequential_groups(network)


class Twice(torch.nn.Conv2d):
    """A convolution of a class of its own, as other frameworks have them."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Not torch's."""
        twice: torch.Tensor = super().forward(2 * x)
        return twice


def test_synapses_keep_their_class_and_normalisations_are_copied() -> None:
    torch.manual_seed(0)
    network = torch.nn.Sequential(
        torch.nn.BatchNorm2d(2), Twice(2, 6, 3, padding=1, groups=2), torch.nn.ReLU(), Twice(6, 4, 3),
        torch.nn.ReLU(), torch.nn.Flatten(), torch.nn.Linear(16, 3),
    ).eval()  # fmt: skip
    torch.nn.utils.parametrizations.weight_norm(network[3])
    masks = pruned(network, {"3": [0, 1, 1, 0]})
    smaller: Any = remove_channels(network, masks)
    x = torch.randn(5, 2, 4, 4)
    torch.testing.assert_close(smaller(x), network(x))
    assert isinstance(smaller[1], Twice)
    assert type(smaller[3]) is Twice
    assert (smaller[1].in_channels, smaller[3].in_channels, smaller[3].out_channels) == (2, 6, 2)
    assert smaller[0] is not network[0], "the smaller one stands alone"


class Block(torch.nn.Module):
    """A skip connection around synapses."""

    def __init__(self) -> None:
        super().__init__()
        self.synapses = torch.nn.Conv2d(4, 4, 3, padding=1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """What comes in, and more."""
        skipped: torch.Tensor = x + self.synapses(x).relu()
        return skipped


@pytest.mark.parametrize(
    ("module", "holds"),
    [
        (Block(), "Conv2d"),
        (torch.nn.GroupNorm(2, 4), "GroupNorm"),
        (torch.nn.ConvTranspose2d(4, 4, 3, padding=1), "ConvTranspose2d"),
        (torch.nn.Sequential(torch.nn.BatchNorm2d(4), torch.nn.ReLU()), "BatchNorm2d"),
        (snntorch.RLeaky(beta=0.9, linear_features=4, init_hidden=True), "Linear"),
    ],
)
def test_what_is_more_than_neurons_is_refused(module: torch.nn.Module, holds: str) -> None:
    first, last = torch.nn.Conv2d(1, 4, 3, padding=1), torch.nn.Linear(64, 2)
    must = "must be neurons, channel by channel, behind pruned channels"
    direct = torch.nn.Sequential(first, module, torch.nn.Flatten(), last)
    with pytest.raises(ConfigError, match=f"^module '1': {must}, not hold a {holds}$"):
        sequential_groups(direct)
    later = torch.nn.Sequential(first, torch.nn.ReLU(), module, torch.nn.Flatten(), last)
    with pytest.raises(ConfigError, match=f"^module '2': {must}, not hold a {holds}$"):
        remove_channels(later, {"0": torch.tensor([True, False, True, True])})
    remove_channels(later, {})  # nothing goes, so nothing of it must


def test_planes_that_stay_planes_are_refused() -> None:
    network = torch.nn.Sequential(
        torch.nn.Conv2d(1, 4, 3), torch.nn.ReLU(), torch.nn.Flatten(2), torch.nn.Linear(4, 2)
    )
    with pytest.raises(ConfigError, match=r"^module '2': must flatten all axes but the first$"):
        remove_channels(network, {"0": torch.tensor([True, False, True, True])})


class Skipping(torch.nn.Sequential):
    """Runs its modules in another way."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """With a skip connection."""
        return x + super().forward(x)  # type: ignore[no-any-return,no-untyped-call]


class Plain(torch.nn.Module):
    """No sequence, whatever order its modules have."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.neurons, self.last = torch.nn.Linear(4, 4), IF(), torch.nn.Linear(4, 4)


@pytest.mark.parametrize(
    "network", [Plain(), Skipping(torch.nn.Linear(4, 4), torch.nn.ReLU(), torch.nn.Linear(4, 4))]
)
def test_what_is_no_sequence_is_refused(network: Any) -> None:
    must = r"must be a torch\.nn\.Sequential, which runs its modules in order"
    kind = type(network).__name__
    for call in (sequential_groups, lambda one: remove_channels(one, {})):
        with pytest.raises(ConfigError, match=f"^network {must}, not {kind}$"):
            call(network)
    with pytest.raises(ConfigError, match=f"^analog: the network {must}, not {kind}$"):
        analog_network(network, (4,))
    if isinstance(network, Skipping):
        with pytest.raises(ConfigError, match=f"^analog: module '0' {must}, not {kind}$"):
            analog_network(torch.nn.Sequential(network), (4,))
