"""Masks: as dense as asked for, drawn evenly, and never left by training."""

import itertools
from typing import Any

import pytest
import torch

from spikewright.errors import ConfigError
from spikewright.models.sparse import layer_densities, random_mask, sparsify


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@pytest.mark.parametrize("density", [0.001, 0.01, 0.1, 0.37, 0.5, 0.999, 1.0])
def test_density_is_exact(density: float) -> None:
    mask = random_mask((30, 41), density, generator())
    assert int(mask.sum()) == max(1, round(density * 30 * 41))


def test_masks_are_even_and_seeded() -> None:
    total = (
        torch.stack([random_mask((8, 8), 0.25, generator(seed)) for seed in range(400)]).double().sum(dim=0)
    )
    assert float(total.mean()) == 100
    assert float((total - 100).abs().max()) < 45  # five standard deviations
    assert random_mask((8, 8), 0.25, generator(1)).equal(random_mask((8, 8), 0.25, generator(1)))
    assert not random_mask((8, 8), 0.25, generator(1)).equal(random_mask((8, 8), 0.25, generator(2)))


@pytest.mark.parametrize("kind", ["sgd", "adam", "adamw"])
def test_training_stays_within_the_mask(kind: str) -> None:
    layer = torch.nn.Linear(20, 10, bias=False)
    sparsify(layer, "weight", 0.3, generator())
    mask = layer.weight != 0
    start = layer.weight.detach().clone()
    parametrized: Any = layer.parametrizations
    original = parametrized.weight.original
    optimizers: dict[str, torch.optim.Optimizer] = {
        "sgd": torch.optim.SGD([original], lr=0.1, momentum=0.9, nesterov=True, weight_decay=0.1),
        "adam": torch.optim.Adam([original], lr=0.1, weight_decay=0.1, amsgrad=True),
        "adamw": torch.optim.AdamW([original], lr=0.1, weight_decay=0.1),
    }
    optimizer = optimizers[kind]
    for seed in range(20):
        x = torch.randn(16, 20, generator=generator(seed))
        optimizer.zero_grad()
        (layer(x) - 1).square().mean().backward()
        assert (original.grad[~mask] == 0).all()
        assert (original.grad[mask] != 0).all()
        optimizer.step()
        assert (layer.weight[~mask] == 0).all()
    assert (layer.weight[mask] != start[mask]).all()


@pytest.mark.parametrize("density", [0.02, 0.1, 0.5, 0.97, 1.0])
def test_layers_share_the_density(density: float) -> None:
    sizes = (784, 128, 64, 10)
    layers = list(itertools.pairwise(sizes))
    densities = layer_densities(layers, density)
    places = [a * b for a, b in layers]
    assert sum(d * n for d, n in zip(densities, places, strict=True)) == pytest.approx(density * sum(places))
    assert all(0 < d <= 1 for d in densities)
    assert list(densities) == sorted(densities), "the smaller the layer, the denser"


def test_one_layer_has_the_density_itself() -> None:
    (density,) = layer_densities([(64, 10)], 0.1)
    assert density == pytest.approx(0.1)


@pytest.mark.parametrize("density", [0.0, -0.1, 1.01, float("nan")])
def test_refuses_densities(density: float) -> None:
    message = rf"^density must be above 0 and at most 1, not {density}$"
    with pytest.raises(ConfigError, match=message):
        random_mask((2, 2), density, generator())
    with pytest.raises(ConfigError, match=message):
        layer_densities([(2, 2)], density)


def test_a_weight_made_sparse_stays_so() -> None:
    layer = torch.nn.Linear(40, 30, bias=False)
    before = layer.weight.detach().clone()
    sparsify(layer, "weight", 0.1, generator())
    exists = layer.weight != 0
    assert int(exists.sum()) == 120
    torch.testing.assert_close(layer.weight[exists], before[exists] * 10**0.5)
    optimizer = torch.optim.AdamW(layer.parameters(), lr=0.1, weight_decay=0.1)
    for _ in range(3):
        optimizer.zero_grad()
        layer(torch.ones(1, 40)).square().sum().backward()
        optimizer.step()
    assert not layer.weight[~exists].any()
    assert not torch.allclose(layer.weight[exists], before[exists] * 10**0.5)
