"""Synapses that are few and fixed: a boolean mask that training never leaves."""

import math
from collections.abc import Sequence
from typing import Literal

import torch
import torch.nn.utils.parametrize

from spikewright.errors import ConfigError

__all__ = [
    "Masked",
    "Spread",
    "counted_mask",
    "layer_densities",
    "random_mask",
    "sparsify",
    "weight_densities",
]

Spread = Literal["erdos_renyi", "erdos_renyi_kernel", "uniform"]
"""How layers share their synapses; see :func:`weight_densities`."""


def random_mask(shape: Sequence[int], density: float, generator: torch.Generator) -> torch.Tensor:
    """An Erdős–Rényi mask: exactly ``round(density * size)`` places, at least 1, each as likely as any other.

    Raises
    ------
    ConfigError
        If the density is not above 0 and at most 1.
    """
    _check(density)
    return counted_mask(shape, max(1, round(density * math.prod(shape))), generator)


def counted_mask(shape: Sequence[int], count: int, generator: torch.Generator) -> torch.Tensor:
    """A mask of ``count`` places, each as likely as any other."""
    size = math.prod(shape)
    mask = torch.zeros(size, dtype=torch.bool)
    mask[torch.randperm(size, generator=generator)[:count]] = True
    return mask.reshape(tuple(shape))


def layer_densities(layers: Sequence[tuple[int, int]], density: float) -> tuple[float, ...]:
    """Density of each matrix of ``(inputs, outputs)``, so that all together have ``density``.

    They get synapses in proportion to ``inputs + outputs`` (Erdős–Rényi of Mocanu et al. 2018), so small
    ones are denser; one that would exceed 1 is dense, and the others share what is left.
    """
    return weight_densities(layers, density)


def weight_densities(
    shapes: Sequence[Sequence[int]], density: float, spread: Spread = "erdos_renyi"
) -> tuple[float, ...]:
    """Density of each weight, so that all together have ``density``.

    A weight that would exceed 1 is dense, and the others share what is left.

    Parameters
    ----------
    shapes
        Of matrices ``(outputs, inputs)`` and kernels ``(outputs, inputs, *kernel)``.
    density
        Share of all places, above 0, at most 1.
    spread
        Of ``a`` outputs and ``b`` inputs, the density goes with ``(a + b) / (a * b)`` in ``erdos_renyi``
        (Mocanu et al. 2018), with ``(a + b + sum(kernel)) / (a * b * prod(kernel))`` in
        ``erdos_renyi_kernel`` (Evci et al. 2020, RigL, section 3); it is the same everywhere in ``uniform``.
    """
    _check(density)
    places = [math.prod(shape) for shape in shapes]
    shares = [_share(shape, spread) for shape in shapes]
    full: set[int] = set()
    while True:
        left = density * sum(places) - sum(places[i] for i in full)
        ends = sum(share for i, share in enumerate(shares) if i not in full)
        densities = [
            1.0 if i in full else left / ends * share / size
            for i, (share, size) in enumerate(zip(shares, places, strict=True))
        ]
        over = {i for i, value in enumerate(densities) if value > 1 and i not in full}
        if not over:
            return tuple(densities)
        full |= over


def _share(shape: Sequence[int], spread: Spread) -> int:
    """Synapses that a weight gets, relative to others."""
    if spread == "uniform":
        return math.prod(shape)
    if spread == "erdos_renyi_kernel":
        return sum(shape)
    return (shape[0] + shape[1]) * math.prod(shape[2:])


def _check(density: float) -> None:
    if not 0 < density <= 1:
        raise ConfigError(f"density must be above 0 and at most 1, not {density}")


class Masked(torch.nn.Module):
    """Parametrization of a weight of which only the places in ``mask`` exist: others are 0, without gradient.

    Parameters
    ----------
    mask
        Booleans of the weight's shape.
    """

    mask: torch.Tensor

    def __init__(self, mask: torch.Tensor) -> None:
        super().__init__()
        self.register_buffer("mask", mask)

    def forward(self, weight: torch.Tensor) -> torch.Tensor:
        """The weight, 0 outside the mask."""
        return weight * self.mask


def sparsify(module: torch.nn.Module, name: str, density: float, generator: torch.Generator) -> None:
    """Keep an Erdős–Rényi mask of a weight of any shape; what stays grows by 1/sqrt(density).

    The module's attribute is masked from then on, whatever an optimizer does.
    """
    weight = getattr(module, name)
    mask = random_mask(weight.shape, density, generator)
    with torch.no_grad():
        weight /= math.sqrt(float(mask.double().mean()))
    torch.nn.utils.parametrize.register_parametrization(module, name, Masked(mask))
