"""Channels that come and go: by the activity seen, by the gradient of their shadow, as many as asked for."""

import copy
from collections.abc import Callable
from typing import Any

import pytest
import snntorch  # type: ignore[import-untyped]
import torch

from spikewright.errors import ConfigError
from spikewright.models.learning.channels import ChannelGroup, ChannelPruner
from spikewright.models.learning.removal import sequential_groups
from spikewright.models.neurons import IF, LI, NeuronRule
from spikewright.models.surrogate import Surrogate


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


class Shown(torch.nn.Module):
    """Neurons that fire what they are given, with a potential of a tenth of it below 0."""

    def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        return x, -0.1 * x


def identities(*sizes: int, **options: Any) -> tuple[Any, ChannelPruner]:
    """Layers that pass on their input channels, one group each, all fed side by side."""

    class Layers(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.norms = torch.nn.ModuleList(
                torch.nn.BatchNorm1d(size, affine=False, momentum=0.0) for size in sizes
            )
            self.neurons = torch.nn.ModuleList(Shown() for _ in sizes)

        def forward(self, *inputs: torch.Tensor) -> list[torch.Tensor]:
            layers = zip(inputs, self.norms, self.neurons, strict=True)
            return [neurons(norm(x))[0] for x, norm, neurons in layers]

    network = Layers().eval()  # the normalisation is then that of mean 0, variance 1: the identity
    groups = [
        ChannelGroup(name=f"layer{i}", module=norm, neurons=neurons)
        for i, (norm, neurons) in enumerate(zip(network.norms, network.neurons, strict=True))
    ]
    chosen: dict[str, Any] = {"keep": 0.5, "regrow": 0.0, "last_epoch": 3, "minimum": 1}
    return network, ChannelPruner(groups, generator=generator(), **(chosen | options))


def epoch(network: Any, pruner: ChannelPruner, number: int, inputs: list[torch.Tensor],
          gradients: list[torch.Tensor] | None = None) -> dict[str, float]:  # fmt: skip
    """One batch with the gradients given at the masked outputs, then the end of an epoch."""
    pruner.before_batch(0)
    outputs = network(*[x.clone().requires_grad_() for x in inputs])
    gradients = gradients or [torch.zeros_like(x) for x in inputs]
    torch.autograd.backward(outputs, gradients)
    pruner.after_update(0)
    network(*[100 * x.flip(1) for x in inputs])  # a run beside the training does not count
    return pruner.after_epoch(number)


def live(pruner: ChannelPruner) -> list[list[int]]:
    return [mask.int().tolist() for mask in pruner.masks().values()]


def test_the_least_active_of_all_groups_go() -> None:
    network, pruner = identities(4, 4)
    inputs = [torch.tensor([[5.0, 1.0, 4.0, 8.0]] * 3), torch.tensor([[2.0, 3.0, 0.5, 6.0]] * 3)]
    figures = epoch(network, pruner, 0, inputs)
    assert live(pruner) == [[1, 0, 1, 1], [0, 0, 0, 1]]
    assert figures == {"channels": 0.5, "pruned": 0.5, "regrown": 0.0}
    outputs = network(*inputs)
    torch.testing.assert_close(outputs[0][0], torch.tensor([5.0, 0.0, 4.0, 8.0]), rtol=1e-4, atol=0)
    assert pruner.masks()["layer1"].tolist() == [False, False, False, True]
    assert pruner.share == 0.5


def test_each_group_keeps_its_minimum() -> None:
    network, pruner = identities(4, 4, minimum=2)
    inputs = [torch.tensor([[5.0, 7.0, 4.0, 8.0]] * 3), torch.tensor([[0.3, 0.2, 0.1, 0.4]] * 3)]
    epoch(network, pruner, 0, inputs)
    assert live(pruner) == [[0, 1, 0, 1], [1, 0, 0, 1]]


def test_activity_is_spikes_and_absolute_potentials_after_the_reset() -> None:
    network: Any = torch.nn.Sequential(torch.nn.Linear(2, 4), IF(NeuronRule(reset="set")))
    with torch.no_grad():
        network[0].weight.zero_()
        network[0].bias.copy_(torch.tensor([1.5, 0.9, -3.0, 0.3]))
    pruner = ChannelPruner(
        sequential_groups(torch.nn.Sequential(*network, torch.nn.Linear(4, 1))),
        keep=0.5, regrow=0.0, last_epoch=0, minimum=1, generator=generator(),
    )  # fmt: skip
    pruner.before_batch(0)
    network(torch.zeros(5, 2, 2))
    state = pruner.state_dict()["gates"]["0"]
    # Two steps: 1.5 fires twice; 0.9, then 1.8 fires; -3 and -6 fire never; 0.3, 0.6.
    torch.testing.assert_close(
        state["activity"] / state["seen"], torch.tensor([1.0, 0.95, 4.5, 0.45]).double()
    )
    pruner.after_update(0)
    network(torch.ones(5, 2, 2))  # beside the training
    assert pruner.state_dict()["gates"]["0"]["activity"].equal(state["activity"])
    pruner.after_epoch(0)
    assert live(pruner) == [[1, 0, 1, 0]]


@pytest.mark.parametrize("when", ["now", "next"])
def test_neurons_show_the_potential_after_the_reset(when: Any) -> None:
    neurons = IF(NeuronRule(reset="subtract", reset_when=when))
    seen: list[tuple[float, float]] = []
    neurons.observer = lambda spikes, potential: seen.append((float(spikes), float(potential)))
    outputs = neurons(torch.full((1, 3, 1), 0.75))
    assert outputs.flatten().tolist() == [0, 1, 1]
    assert seen == [(0, 0.75), (1, 0.5), (1, 0.25)]
    neurons.quantize(64.0, 12)
    seen.clear()
    neurons(torch.full((1, 3, 1), 48.0))
    assert seen == [(0, 0.75), (1, 0.5), (1, 0.25)]


def test_flattened_planes_and_potentials_as_attributes() -> None:
    class Kept(torch.nn.Module):
        v: torch.Tensor

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            self.v = torch.zeros_like(x)
            return x

    bare = torch.nn.Identity()
    group = ChannelGroup(name="planes", module=bare, neurons=Kept(), axis=-1, channels=2)
    pruner = ChannelPruner([group], keep=0.5, regrow=0.0, last_epoch=0, minimum=1, generator=generator())
    x = torch.tensor([[1.0, 1.0, 3.0, 9.0, 0.0, 0.0]])
    pruner.before_batch(0)
    group.neurons(bare(x))
    pruner.after_update(0)
    pruner.after_epoch(0)
    assert bare(x).tolist() == [[0.0, 0.0, 0.0, 9.0, 0.0, 0.0]]
    with pytest.raises(ConfigError) as refused:
        bare(x[:, :5])
    assert str(refused.value) == (
        "group 'planes': axis -1 of the output must hold a multiple of 2 channels, not be one of (1, 5)"
    )


def test_the_largest_shadow_gradient_comes_back() -> None:
    network, pruner = identities(4, 4, regrow=0.125)
    inputs = [torch.tensor([[5.0, 1.0, 4.0, 8.0]] * 2), torch.tensor([[2.0, 3.0, 0.5, 6.0]] * 2)]
    # dL/dmask: what the channel would give times the gradient, summed, not its size: 2 * 1 * 3 for channel 1.
    gradients = [torch.tensor([[9.0, -3.0, 0.0, 9.0]] * 2), torch.tensor([[1.0, 0.9, 9.0, 9.0]] * 2)]
    gradients[1][1, 2] *= -1  # cancels over the batch
    figures = epoch(network, pruner, 0, inputs, gradients)
    assert live(pruner) == [[1, 1, 0, 1], [0, 0, 0, 1]]
    assert figures["channels"] == 0.5
    # A channel dead for an epoch has a gradient still, and comes back for the one that is cut now.
    gradients[1][:, 2] = 9.0
    inputs[1][:, 3] = 0.1
    gradients[0].zero_()
    figures = epoch(network, pruner, 1, inputs, gradients)
    assert live(pruner)[1][2] == 1
    assert figures["regrown"] == 0.125
    assert figures["pruned"] == 0.125
    assert figures["channels"] == 0.5


def test_gradients_are_averaged_over_batches_in_absolute_value() -> None:
    network, pruner = identities(4, regrow=0.25, keep=0.5)
    inputs = [torch.tensor([[9.0, 8.0, 1.0, 1.0]])]
    for gradient in ([0.0, 0.0, 5.0, 3.0], [0.0, 0.0, -5.0, 3.0]):
        pruner.before_batch(0)
        torch.autograd.backward(network(*inputs), [torch.tensor([gradient])])
        pruner.after_update(0)
    pruner.after_epoch(0)
    assert live(pruner) == [[1, 0, 1, 0]]


@pytest.mark.parametrize(
    ("schedule", "expected"),
    [("constant", [16, 4, 4, 4, 4]), ("linear", [16, 12, 8, 4, 4]), ("cubic", [16, 8, 4, 4, 4])],
)
def test_how_many_are_left_epoch_by_epoch(schedule: Any, expected: list[int]) -> None:
    network, pruner = identities(
        10, 6, keep=0.25, regrow=0.1, schedule=schedule, from_epoch=1, last_epoch=3, minimum=1
    )
    counts = []
    for number in range(5):
        inputs = [torch.rand(4, size, generator=generator(number)) for size in (10, 6)]
        epoch(network, pruner, number, inputs, [x.flip(0) - 0.5 for x in inputs])
        counts.append(sum(map(sum, live(pruner))))
    assert counts == expected


def small(seed: int = 0) -> Any:
    torch.manual_seed(seed)

    def neurons() -> Any:
        return snntorch.Leaky(beta=0.5, init_hidden=True, spike_grad=snntorch.surrogate.sigmoid(slope=4))

    made: Any = torch.nn.Sequential(
        torch.nn.Conv2d(1, 8, 3, padding=1), torch.nn.BatchNorm2d(8), neurons(), torch.nn.MaxPool2d(2),
        torch.nn.Flatten(), torch.nn.Linear(8 * 9, 12), neurons(), torch.nn.Linear(12, 3),
    )  # fmt: skip
    with torch.no_grad():
        made[1].weight.copy_(torch.arange(1.0, 9.0))
    return made


def train(network: Any, pruner: ChannelPruner, optimizer: Any, epochs: range,
          seen: Callable[[], None] = lambda: None) -> list[list[list[int]]]:  # fmt: skip
    history = []
    for number in epochs:
        for update in range(3):
            x = 2 * torch.rand(8, 1, 6, 6, generator=generator(10 * number + update))
            for module in network:
                if isinstance(module, snntorch.Leaky):
                    module.reset_mem()
            optimizer.zero_grad()
            pruner.before_batch(update)
            scores = torch.stack([network(x) for _ in range(3)]).mean(dim=0)
            torch.autograd.backward(torch.nn.functional.cross_entropy(scores, torch.arange(8) % 3))
            optimizer.step()
            pruner.after_update(update)
            seen()
        pruner.after_epoch(number)
        history.append(live(pruner))
    return history


def test_snntorch_trains_pruned_with_its_shadow_kept() -> None:
    network = small()
    pruner = ChannelPruner(
        sequential_groups(network), keep=0.5, regrow=0.1, last_epoch=3, generator=generator()
    )
    assert list(pruner.masks()) == ["1", "5"]
    optimizer = torch.optim.SGD(network.parameters(), lr=0.05)
    train(network, pruner, optimizer, range(4))
    before, mask = copy.deepcopy(network[0].weight.detach()), pruner.masks()["1"]
    assert 0 < int(mask.sum()) < 8
    assert sum(map(sum, live(pruner))) == 10
    train(network, pruner, optimizer, range(4, 5))
    after = network[0].weight.detach()
    assert after[~mask].equal(before[~mask])
    assert after[~mask].ne(0).any()
    assert (after[mask] != before[mask]).any()
    assert pruner.masks()["1"].equal(mask), "frozen after last_epoch"
    pruner.before_batch(0)
    network(torch.rand(8, 1, 6, 6))
    state = pruner.state_dict()["gates"]["1"]
    assert (state["seen"], state["evolving"]) == (0, False), "and then costs nothing"


def test_dead_channels_have_gradients_with_a_surrogate_that_has_one_at_rest() -> None:
    def wanted(shape: Any) -> torch.Tensor:
        torch.manual_seed(0)
        network = torch.nn.Sequential(
            torch.nn.Linear(6, 8), IF(surrogate=Surrogate(shape, 1.0)), torch.nn.Linear(8, 2)
        )
        pruner = ChannelPruner(
            sequential_groups(network), keep=0.5, regrow=0.0, last_epoch=1, generator=generator()
        )
        x = torch.rand(4, 3, 6, generator=generator())
        for _ in range(2):
            pruner.before_batch(0)
            torch.autograd.backward(network(x).square().sum())
            pruner.after_update(0)
            gate = pruner.state_dict()["gates"]["0"]
            pruner.after_epoch(0)
        dead: torch.Tensor = gate["wanted"][~gate["mask"]]
        assert len(dead) == 4
        return dead

    assert wanted("atan").gt(0).all()
    assert wanted("triangle").eq(0).all(), "the docstring says so"


@pytest.mark.parametrize("ranking", ["activity", "random"])
def test_resumed_pruning_goes_on_identically(ranking: Any) -> None:
    def fresh() -> tuple[Any, ChannelPruner, Any]:
        network = small()
        pruner = ChannelPruner(
            sequential_groups(network), keep=0.5, regrow=0.1, last_epoch=5, schedule="linear",
            ranking=ranking, generator=generator(),
        )  # fmt: skip
        return network, pruner, torch.optim.Adam(network.parameters(), lr=0.02)

    network, pruner, optimizer = fresh()
    train(network, pruner, optimizer, range(2))
    saved = copy.deepcopy([network.state_dict(), pruner.state_dict(), optimizer.state_dict()])
    saved[0] = {name: value for name, value in saved[0].items() if not name.endswith("mem")}
    expected = train(network, pruner, optimizer, range(2, 6))
    other, resumed, other_optimizer = fresh()
    resumed.generator.manual_seed(77)
    other.load_state_dict(saved[0], strict=False)
    resumed.load_state_dict(saved[1])
    other_optimizer.load_state_dict(saved[2])
    assert train(other, resumed, other_optimizer, range(2, 6)) == expected
    assert expected[0] != expected[-1]
    with pytest.raises(ConfigError, match=r"^state must have a mask of 4 channels of group 'layer0'$"):
        identities(4)[1].load_state_dict(saved[1])


def test_pruned_channels_come_back_by_their_gradient_only() -> None:
    network = small()
    pruner = ChannelPruner(
        sequential_groups(network)[:1], keep=0.25, regrow=0.0, ranking="gamma", last_epoch=2,
        schedule="linear", generator=generator(),
    )  # fmt: skip
    pruner.after_epoch(0)
    assert live(pruner) == [[0, 0, 1, 1, 1, 1, 1, 1]]
    with torch.no_grad():
        network[1].weight[0] = 100.0
    pruner.after_epoch(1)
    assert live(pruner) == [[0, 0, 0, 0, 1, 1, 1, 1]]


def test_where_a_groups_part_grows_the_most_wanted_come_back() -> None:
    groups = [
        ChannelGroup(name=name, module=torch.nn.Linear(4, 10), neurons=IF(), axis=-1) for name in "ab"
    ]
    pruner = ChannelPruner(
        groups, keep=0.6, regrow=0.4, last_epoch=3, fade=True, scope="layer", minimum=1,
        generator=generator(),
    )  # fmt: skip
    live = []
    for epoch in range(4):
        for gate, much in zip(pruner._gates, (100, 1), strict=True):
            gate.activity += torch.arange(10.0, 0, -1)
            gate.seen += 1
            gate.wanted += much * torch.arange(10.0)  # the least active are wanted most, those of a above all
        pruner.after_epoch(epoch)
        live.append(pruner.masks()["b"].nonzero().flatten().tolist())
    # The share that comes back falls, and so each group's own part grows: of b, which nothing came back to.
    assert live == [[0, 1], [0, 1, 8, 9], [0, 1, 7, 8, 9], [0, 1, 6, 7, 8, 9]]


def test_a_module_is_masked_once() -> None:
    shared = torch.nn.Linear(4, 10)
    groups = [ChannelGroup(name=name, module=shared, neurons=IF(), axis=-1) for name in "ab"]
    with pytest.raises(ConfigError, match=r"^groups must mask modules of their own, not that of 'a' twice$"):
        ChannelPruner(groups, keep=0.6, regrow=0.0, last_epoch=3, generator=generator())


def test_gamma_and_random() -> None:
    network = small()
    groups = sequential_groups(network)[:1]
    chosen: dict[str, Any] = {"keep": 0.5, "regrow": 0.0, "last_epoch": 0}
    pruner = ChannelPruner(groups, ranking="gamma", generator=generator(), **chosen)
    pruner.after_epoch(0)
    assert live(pruner) == [[0, 0, 0, 0, 1, 1, 1, 1]]
    pruner.remove()
    counts = torch.zeros(8)
    for seed in range(400):
        pruner = ChannelPruner(groups, ranking="random", generator=generator(seed), **chosen)
        pruner.after_epoch(0)
        counts += pruner.masks()["1"]
        pruner.remove()
    assert counts.sum() == 1600
    assert (counts - 200).abs().max() < 50  # five standard deviations
    with pytest.raises(ConfigError, match=r"^ranking must not be gamma: group '5' has no scale a channel$"):
        ChannelPruner(sequential_groups(network), ranking="gamma", generator=generator(), **chosen)


def test_copies_stand_alone_and_removal_gives_the_network_back() -> None:
    network, pruner = identities(4)
    inputs = [torch.tensor([[5.0, 1.0, 4.0, 8.0]])]
    whole = network(*inputs)[0]
    copied = copy.deepcopy(network)
    epoch(network, pruner, 0, inputs)
    assert int(network(*inputs)[0].ne(0).sum()) == 2
    assert copied(*inputs)[0].equal(whole)
    pruner.remove()
    assert network(*inputs)[0].equal(whole)
    neurons = IF()
    group = ChannelGroup(name="a", module=torch.nn.Linear(2, 4), neurons=neurons, axis=-1)
    pruner = ChannelPruner([group], keep=0.5, regrow=0.0, last_epoch=0, generator=generator())
    assert neurons.observer is not None
    pruner.remove()
    assert neurons.observer is None


def test_neurons_without_a_potential_are_named() -> None:
    network = torch.nn.Sequential(torch.nn.Linear(2, 4), torch.nn.Sigmoid(), torch.nn.Linear(4, 2))
    pruner = ChannelPruner(
        sequential_groups(network), keep=0.5, regrow=0.0, last_epoch=0, generator=generator()
    )
    pruner.before_batch(0)
    with pytest.raises(ConfigError) as refused:
        network(torch.zeros(1, 2))
    assert str(refused.value) == (
        "group '0': neurons must give (spikes, ..., potential) or keep it as v, v_seq, mem or potential, "
        "in the spikes' shape, unlike Sigmoid"
    )
    with pytest.raises(ConfigError, match=r"^group 'x': neurons must fire and have no observer yet$"):
        ChannelPruner(
            [ChannelGroup(name="x", module=network[0], neurons=LI())],
            keep=0.5, regrow=0.0, last_epoch=0, generator=generator(),
        )  # fmt: skip
    with pytest.raises(
        ConfigError, match=r"^group '0': neurons must have run in a batch since the last epoch$"
    ):
        pruner.after_epoch(0)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"keep": 0.0}, "keep must be above 0 and at most 1, not 0.0"),
        ({"regrow": 0.5}, "regrow must be at least 0 and below keep, 0.5, not 0.5"),
        ({"ranking": "size"}, "ranking must be one of activity, gamma, random, not 'size'"),
        ({"schedule": "slow"}, "schedule must be one of constant, linear, cubic, not 'slow'"),
        ({"from_epoch": 4}, "from_epoch must be in 0..3, the last_epoch, not 4"),
        ({"minimum": 0}, "minimum must be at least 1, not 0"),
        ({"minimum": 3}, "keep less regrow must leave the minimum of all groups, 6 of 8 channels, not 4"),
    ],
)
def test_refusals(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError) as refused:
        identities(4, 4, **options)
    assert str(refused.value) == message


def test_refuses_groups() -> None:
    group = ChannelGroup(name="a", module=torch.nn.Linear(2, 4), neurons=IF())
    for groups, shown in (([group, group], "a, a"), ([], "none")):
        with pytest.raises(ConfigError, match=f"^groups must have names of their own, not {shown}$"):
            ChannelPruner(groups, keep=0.5, regrow=0.0, last_epoch=0, generator=generator())
    with pytest.raises(ConfigError, match=r"^group 'b': channels must be given for a Identity$"):
        _ = ChannelGroup(name="b", module=torch.nn.Identity(), neurons=IF()).size
