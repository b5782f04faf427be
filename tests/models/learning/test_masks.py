"""Masks that evolve: who dies, who is born, how many there are, and what the optimizer then does."""

import copy
from typing import Any

import pytest
import snntorch  # type: ignore[import-untyped]
import torch

from spikewright.errors import CheckFailedError, ConfigError
from spikewright.models.learning.masks import EvolvingMask
from spikewright.models.neurons import LIF


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def one_layer(
    kernel: tuple[int, ...] = (), **options: Any
) -> tuple[Any, torch.optim.Optimizer, EvolvingMask]:
    """A weight (2, 6), or a kernel (2, 6, *kernel), a sixth of it there; two updates, then one to go."""
    layers: dict[int, Any] = {0: torch.nn.Linear, 1: torch.nn.Conv1d, 2: torch.nn.Conv2d}
    layer = layers[len(kernel)](6, 2, *([kernel] if kernel else []), bias=False)
    optimizer = torch.optim.SGD(layer.parameters(), lr=0.1, momentum=0.9)
    chosen: dict[str, Any] = {
        "density": 0.5,
        "period": 1,
        "last_update": 100,
        "fraction": 0.5,
        "schedule": "constant",
    }
    mask = EvolvingMask(layer, optimizer, generator=generator(), **(chosen | options))
    return layer, optimizer, mask


def put(layer: Any, values: torch.Tensor, exists: torch.Tensor) -> None:
    """Give a layer weights and a mask by hand."""
    with torch.no_grad():
        layer.parametrizations["weight"][0].mask.copy_(exists)
        layer.parametrizations["weight"].original.copy_(values * exists)


def batch(layer: Any, mask: EvolvingMask, optimizer: torch.optim.Optimizer, gradient: torch.Tensor,
          update: int = 0, *, step: bool = False) -> None:  # fmt: skip
    """One update whose dense gradient is the one given."""
    optimizer.zero_grad()
    mask.before_batch(update)
    torch.autograd.backward((layer.weight * gradient).sum())
    if step:
        optimizer.step()
    mask.after_update(update)


VALUES = torch.tensor([[0.9, -0.1, 0.5, 0.0, 0.0, 0.0], [-0.2, 0.0, 0.0, 0.8, 0.3, 0.0]])
EXISTS = VALUES != 0
GRADIENT = torch.tensor([[9.0, 9.0, 9.0, 0.1, -4.0, 0.2], [9.0, 0.3, 2.0, 9.0, 9.0, -3.0]])


@pytest.mark.parametrize("kernel", [(), (3,), (3, 2)])
def test_the_weakest_give_way_to_the_largest_gradients(kernel: tuple[int, ...]) -> None:
    layer, optimizer, mask = one_layer(kernel)
    shape = (2, 6, *kernel)
    tail = [1] * len(kernel)
    scale = torch.linspace(1, 1.01, int(torch.tensor(kernel).prod()) if kernel else 1).reshape(kernel)
    values, exists = VALUES.view(2, 6, *tail) * scale, EXISTS.view(2, 6, *tail).expand(shape)
    put(layer, values, exists)
    batch(layer, mask, optimizer, GRADIENT.view(2, 6, *tail) * scale)
    expected = EXISTS.clone()
    expected[0, 1] = expected[1, 0] = expected[1, 4] = False  # the three smallest of six
    expected[0, 4] = expected[1, 5] = expected[1, 2] = True  # of the empty ones; the pruned have 9 but died
    assert mask.masks()["weight"].equal(expected.view(2, 6, *tail).expand(shape))
    assert layer.weight[~exists].eq(0).all(), "new weights start at 0"
    survived = exists & mask.masks()["weight"]
    assert layer.weight[survived].equal(values.expand(shape)[survived])


def test_pruned_places_do_not_grow_at_once_and_few_empty_places_save_synapses() -> None:
    layer, optimizer, mask = one_layer(density=10 / 12, fraction=0.9)
    values = torch.arange(1.0, 13.0).view(2, 6)
    put(layer, values, values <= 10)
    batch(layer, mask, optimizer, torch.ones(2, 6))
    assert mask.masks()["weight"].equal(values > 2), "9 would have died, but there is room for 2"


def test_the_gradient_is_that_of_all_steps_of_one_batch() -> None:
    layer, optimizer, mask = one_layer(fraction=0.17)  # one synapse moves
    put(layer, VALUES, EXISTS)
    batch(layer, mask, optimizer, 1000 * torch.eye(6)[3].expand(2, 6), update=-2)  # another batch, not due
    put(layer, VALUES, EXISTS)
    mask.before_batch(0)
    first, second = torch.zeros(2, 6), torch.zeros(2, 6)
    first[0, 3], first[0, 5], second[0, 3], second[0, 5] = 5, 3, -4, 3
    torch.autograd.backward((layer.weight * first).sum() + (layer.weight * second).sum())
    mask.after_update(0)
    assert mask.masks()["weight"][0, 5]
    assert not mask.masks()["weight"][0, 3]


def test_momentum_remembers_other_batches() -> None:
    def grown(momentum: float) -> list[int]:
        layer, optimizer, mask = one_layer(grow="momentum", period=3, fraction=0.17, momentum=momentum)
        put(layer, VALUES, EXISTS)
        for update, place in enumerate([3, 3, 5]):
            gradient = torch.zeros(2, 6)
            gradient[0, place] = 1.0
            batch(layer, mask, optimizer, gradient, update)
        return [int(i) for i in (mask.masks()["weight"][0] & ~EXISTS[0]).nonzero()]

    assert grown(0.9) == [3]
    assert grown(0.1) == [5]


def test_random_growth_needs_no_gradient_and_is_even() -> None:
    counts = torch.zeros(2, 6)
    layer, optimizer, mask = one_layer(grow="random", fraction=0.17)
    for _ in range(600):
        put(layer, VALUES, EXISTS)
        mask.before_batch(0)
        mask.after_update(0)
        counts += mask.masks()["weight"] & ~EXISTS
    assert not optimizer.state
    assert counts[EXISTS].eq(0).all()
    assert counts[~EXISTS].sum() == 600
    assert counts[~EXISTS].sub(100).abs().max() < 46  # five standard deviations


def test_equal_gradients_grow_in_random_order() -> None:
    seen = set()
    layer, optimizer, mask = one_layer(fraction=0.17)
    for _ in range(60):
        put(layer, VALUES, EXISTS)
        batch(layer, mask, optimizer, torch.zeros(2, 6))
        seen.add(int((mask.masks()["weight"] & ~EXISTS).flatten().nonzero()))
    assert seen == {int(i) for i in (~EXISTS).flatten().nonzero()}


@pytest.mark.parametrize("kind", ["sgd", "adam", "adamw"])
def test_moved_places_are_forgotten_and_absent_ones_stand_still(kind: str) -> None:
    layer: Any = torch.nn.Conv1d(4, 6, 3)
    optimizers: dict[str, torch.optim.Optimizer] = {
        "sgd": torch.optim.SGD(layer.parameters(), lr=0.1, momentum=0.9, weight_decay=0.1),
        "adam": torch.optim.Adam(layer.parameters(), lr=0.1, amsgrad=True),
        "adamw": torch.optim.AdamW(layer.parameters(), lr=0.1, weight_decay=0.1),
    }
    optimizer = optimizers[kind]
    evolving = EvolvingMask(layer, optimizer, density=0.3, generator=generator(), period=3, last_update=50)
    original = layer.parametrizations["weight"].original
    before = evolving.masks()["weight"]
    for update in range(12):
        optimizer.zero_grad()
        evolving.before_batch(update)
        (layer(torch.randn(5, 4, 9, generator=generator(update))) - 1).square().mean().backward()
        assert original.grad is not None
        assert original.grad[~before].eq(0).all()
        optimizer.step()
        assert original[~before].eq(0).all()
        remembered = [v.clone() for v in optimizer.state[original].values() if v.shape == original.shape]
        assert len(remembered) == {"sgd": 1, "adam": 3, "adamw": 2}[kind]
        assert all(v[before].ne(0).any() for v in remembered)
        evolving.after_update(update)
        after = evolving.masks()["weight"]
        moved = before ^ after
        assert bool(moved.any()) == (update % 3 == 2)
        for old, new in zip(
            remembered,
            [v for v in optimizer.state[original].values() if v.shape == original.shape],
            strict=True,
        ):
            assert new[moved].eq(0).all()
            assert new[~moved].equal(old[~moved])
        before = after


def spiking(seed: int = 0) -> Any:
    torch.manual_seed(seed)
    return torch.nn.Sequential(
        torch.nn.Conv2d(1, 4, 3, padding=1),
        snntorch.Leaky(beta=0.5, init_hidden=True),
        torch.nn.Flatten(),
        torch.nn.Linear(4 * 36, 12),
        snntorch.Leaky(beta=0.5, init_hidden=True),
        torch.nn.Linear(12, 3),
    )


def trained(network: Any, mask: EvolvingMask, optimizer: torch.optim.Optimizer,
            updates: range) -> list[dict[str, torch.Tensor]]:  # fmt: skip
    """Train on random data; the masks after every update."""
    history = []
    for update in updates:
        x = torch.rand(8, 1, 6, 6, generator=generator(update)) * 2
        for neurons in network:
            if isinstance(neurons, snntorch.Leaky):
                neurons.reset_mem()
        optimizer.zero_grad()
        mask.before_batch(update)
        scores = torch.stack([network(x) for _ in range(3)]).mean(dim=0)
        torch.autograd.backward(torch.nn.functional.cross_entropy(scores, torch.arange(8) % 3))
        optimizer.step()
        mask.after_update(update)
        history.append(mask.masks())
    return history


@pytest.mark.parametrize("grow", ["gradient", "momentum", "random", "none"])
@pytest.mark.parametrize("initial", ["erdos_renyi", "erdos_renyi_kernel", "uniform"])
def test_the_number_of_synapses_never_changes(grow: Any, initial: Any) -> None:
    network = spiking()
    optimizer = torch.optim.Adam(network.parameters(), lr=1e-2)
    evolving = EvolvingMask(
        network, optimizer, density=0.2, generator=generator(), initial=initial, grow=grow, period=2,
        last_update=30, dense={"5.weight": 0.5},
    )  # fmt: skip
    places = {"0.weight": 36, "3.weight": 4 * 36 * 12, "5.weight": 36}
    counts = {name: int(mask.sum()) for name, mask in evolving.masks().items()}
    assert counts["5.weight"] == 18
    assert counts["0.weight"] + counts["3.weight"] == round(0.2 * (36 + 4 * 36 * 12))
    assert evolving.densities() == {name: counts[name] / size for name, size in places.items()}
    assert evolving.density == sum(counts.values()) / sum(places.values())
    history = trained(network, evolving, optimizer, range(20))
    for masks in history:
        assert {name: int(mask.sum()) for name, mask in masks.items()} == counts
    figures = evolving.after_epoch(0)
    assert figures["density"] == evolving.density
    assert figures["moved"] == 0 if grow == "none" else 1 < figures["moved"] < 2.7
    assert evolving.after_epoch(1)["moved"] == 0


def test_the_optimizer_must_know_the_weights() -> None:
    network = torch.nn.Sequential(torch.nn.Linear(3, 3), torch.nn.Linear(3, 3))
    optimizer = torch.optim.SGD(network[1].parameters(), lr=0.1)
    with pytest.raises(ConfigError, match=r"^optimizer must train every weight, not leave out 0\.weight$"):
        EvolvingMask(network, optimizer, density=0.5, generator=generator(), grow="none")


@pytest.mark.parametrize(
    ("initial", "ratio"),
    [
        ("erdos_renyi", (6 / 8) / (96 / 2048)),
        ("erdos_renyi_kernel", (16 / 200) / (96 / 2048)),
        ("uniform", 1.0),
    ],
)
def test_shares_follow_the_shapes(initial: Any, ratio: float) -> None:
    network = torch.nn.Sequential(torch.nn.Conv2d(2, 4, 5), torch.nn.Flatten(), torch.nn.Linear(64, 32))
    optimizer = torch.optim.SGD(network.parameters(), lr=0.1)
    evolving = EvolvingMask(
        network, optimizer, density=0.05, generator=generator(), initial=initial, grow="none"
    )
    found = evolving.densities()
    assert found["0.weight"] / found["2.weight"] == pytest.approx(ratio, rel=0.08)
    assert evolving.density == pytest.approx(0.05, abs=1 / 2248)


@pytest.mark.parametrize("grow", ["momentum", "random"])
def test_resumed_training_moves_on_identically(grow: Any) -> None:
    def fresh() -> tuple[Any, torch.optim.Optimizer, EvolvingMask]:
        network = spiking()
        optimizer = torch.optim.Adam(network.parameters(), lr=1e-2)
        evolving = EvolvingMask(
            network, optimizer, density=0.3, generator=generator(), grow=grow, period=2, last_update=30
        )
        return network, optimizer, evolving

    network, optimizer, evolving = fresh()
    trained(network, evolving, optimizer, range(7))
    saved = copy.deepcopy([network.state_dict(), optimizer.state_dict(), evolving.state_dict()])
    saved[0] = {name: value for name, value in saved[0].items() if not name.endswith("mem")}
    expected = trained(network, evolving, optimizer, range(7, 20))
    other, other_optimizer, resumed = fresh()
    resumed.generator.manual_seed(77)
    other.load_state_dict(saved[0], strict=False)
    other_optimizer.load_state_dict(saved[1])
    resumed.load_state_dict(saved[2])
    got = trained(other, resumed, other_optimizer, range(7, 20))
    for left, right in zip(expected, got, strict=True):
        assert all(left[name].equal(right[name]) for name in left)
    assert not all(mask.equal(expected[0][name]) for name, mask in expected[-1].items())
    assert evolving.after_epoch(0) == resumed.after_epoch(0)
    with pytest.raises(ConfigError, match=r"^state must have a mask of 6 synapses of weight$"):
        one_layer()[2].load_state_dict(saved[2])


@pytest.mark.parametrize(
    ("schedule", "moved"), [("constant", 6), ("linear", 3), ("cosine", 4)]
)  # of 12 synapses, half the way: fraction 0.5 becomes 0.25; and at a third, 0.375 of a cosine
def test_fewer_move_as_time_goes_by(schedule: Any, moved: int) -> None:
    layer = torch.nn.Linear(6, 4, bias=False)
    optimizer = torch.optim.SGD(layer.parameters(), lr=0.1)
    evolving = EvolvingMask(
        layer, optimizer, density=0.5, generator=generator(), grow="random", period=1,
        fraction=0.5, schedule=schedule, last_update=6,
    )  # fmt: skip
    update = 1 if schedule == "cosine" else 2
    before = evolving.masks()["weight"]
    evolving.before_batch(update)
    evolving.after_update(update)
    assert int((evolving.masks()["weight"] & ~before).sum()) == moved
    before = evolving.masks()["weight"]
    for update in (5, 6, 7):
        evolving.before_batch(update)
        evolving.after_update(update)
    assert evolving.masks()["weight"].equal(before), "from last_update on nothing moves"


def test_stopped_and_removed() -> None:
    layer, optimizer, mask = one_layer()
    mask.stop()
    before = mask.masks()["weight"]
    batch(layer, mask, optimizer, GRADIENT, step=True)
    assert mask.masks()["weight"].equal(before)
    weight = layer.weight.detach().clone()
    mask.remove()
    assert isinstance(layer.weight, torch.nn.Parameter)
    assert layer.weight.equal(weight)
    assert layer.weight.ne(0).equal(before)


def test_a_copy_of_the_network_stands_alone() -> None:
    layer, optimizer, mask = one_layer()
    copied = copy.deepcopy(layer)
    weight = copied.weight.detach().clone()
    batch(layer, mask, optimizer, GRADIENT, step=True)
    assert copied.weight.equal(weight)
    mask.remove()
    assert copied.weight.equal(weight), "torch would take the weight off the class that both have"


def test_weights_start_rescaled_and_zero_outside() -> None:
    layer: Any = torch.nn.Linear(40, 30, bias=False)
    start = layer.weight.detach().clone()
    optimizer = torch.optim.SGD(layer.parameters(), lr=0.1)
    evolving = EvolvingMask(layer, optimizer, density=0.25, generator=generator(), grow="none")
    exists = evolving.masks()["weight"]
    torch.testing.assert_close(layer.weight, 2 * start * exists)
    assert layer.parametrizations["weight"].original[~exists].eq(0).all()


def test_recurrent_and_dense_weights() -> None:
    class Recurrent(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.synapses = torch.nn.Linear(5, 8)
            self.recurrent = torch.nn.Parameter(torch.randn(8, 8))
            self.neurons = LIF()
            self.out = torch.nn.Linear(8, 2)

    network = Recurrent()
    optimizer = torch.optim.SGD(network.parameters(), lr=0.1)
    evolving = EvolvingMask(
        network, optimizer, density=0.25, generator=generator(), grow="none", dense=["out.weight"]
    )
    assert set(evolving.densities()) == {"synapses.weight", "recurrent", "out.weight"}
    assert evolving.densities()["out.weight"] == 1
    assert set(evolving.masks()) == {"synapses.weight", "recurrent"}
    assert sum(int(mask.sum()) for mask in evolving.masks().values()) == 26
    assert int(network.recurrent.ne(0).sum()) == int(evolving.masks()["recurrent"].sum())


def test_a_mask_changed_by_others_is_noticed() -> None:
    layer, _, mask = one_layer()
    layer.parametrizations["weight"][0].mask[:] = True
    with pytest.raises(CheckFailedError, match=r"^masks: weight has 12 synapses, not 6$"):
        mask.after_epoch(0)


def test_a_weight_without_gradient_is_named() -> None:
    _, _, mask = one_layer()
    mask.before_batch(0)
    with pytest.raises(ConfigError, match=r"^grow must not be gradient: weight got no gradient$"):
        mask.after_update(0)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"density": 0.0}, "density must be above 0 and at most 1, not 0.0"),
        ({"grow": "up"}, "grow must be one of gradient, random, momentum, none, not 'up'"),
        ({"prune": "none"}, "prune must be magnitude where synapses grow by gradient, not none"),
        ({"initial": "er"}, "initial must be one of erdos_renyi, erdos_renyi_kernel, uniform, not 'er'"),
        ({"schedule": "no"}, "schedule must be one of cosine, linear, constant, not 'no'"),
        ({"period": 0}, "period must be at least 1, not 0"),
        ({"fraction": 1.5}, "fraction must be above 0 and at most 1, not 1.5"),
        ({"momentum": 1.0}, "momentum must be at least 0 and below 1, not 1.0"),
        ({"last_update": None}, "last_update must be at least 1 where masks evolve, not None"),
        ({"weights": ["bias"]}, "weights must name weights of the network, not 'bias'"),
        ({"weights": ["a.weight"]}, "weights must name weights of the network, not 'a.weight'"),
        ({"weights": []}, "weights must name at least one weight, not none"),
        ({"dense": ["other"]}, "dense must name weights, not 'other'"),
        ({"dense": {"weight": 2.0}}, "dense must give weight a density above 0 and at most 1, not 2.0"),
    ],
)
def test_refusals(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError) as refused:
        one_layer(**options)
    assert str(refused.value) == message


def test_refuses_weights_masked_or_shared() -> None:
    layer, optimizer, _ = one_layer()
    with pytest.raises(
        ConfigError, match=r"^weights must have no mask or other parametrization yet, not 'weight'$"
    ):
        EvolvingMask(layer, optimizer, density=0.5, generator=generator(), grow="none")
    network = torch.nn.Sequential(torch.nn.Linear(3, 3), torch.nn.Linear(3, 3))
    network[1].weight = network[0].weight
    with pytest.raises(
        ConfigError, match=r"^weights must not be shared, not '1\.weight', which is '0\.weight' too$"
    ):
        EvolvingMask(network, optimizer, density=0.5, generator=generator(), grow="none")
