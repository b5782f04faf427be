"""Synapses that are few and fixed: a boolean mask that training never leaves."""

import math
from collections.abc import Sequence

import torch
import torch.nn.utils.parametrize

from spikewright.errors import ConfigError

__all__ = ["Masked", "layer_densities", "random_mask", "sparsify"]


def random_mask(shape: tuple[int, int], density: float, generator: torch.Generator) -> torch.Tensor:
    """An Erdős–Rényi mask: exactly ``round(density * size)`` places, at least 1, each as likely as any other.

    Raises
    ------
    ConfigError
        If the density is not above 0 and at most 1.
    """
    if not 0 < density <= 1:
        raise ConfigError(f"density must be above 0 and at most 1, not {density}")
    size = shape[0] * shape[1]
    mask = torch.zeros(size, dtype=torch.bool)
    mask[torch.randperm(size, generator=generator)[: max(1, round(density * size))]] = True
    return mask.reshape(shape)


def layer_densities(layers: Sequence[tuple[int, int]], density: float) -> tuple[float, ...]:
    """Density of each matrix of ``(inputs, outputs)``, so that all together have ``density``.

    They get synapses in proportion to ``inputs + outputs`` (Erdős–Rényi of Mocanu et al. 2018), so small
    ones are denser; one that would exceed 1 is dense, and the others share what is left.
    """
    if not 0 < density <= 1:
        raise ConfigError(f"density must be above 0 and at most 1, not {density}")
    full: set[int] = set()
    while True:
        left = density * sum(a * b for a, b in layers) - sum(math.prod(layers[i]) for i in full)
        ends = sum(a + b for i, (a, b) in enumerate(layers) if i not in full)
        densities = [1.0 if i in full else left / ends * (a + b) / (a * b) for i, (a, b) in enumerate(layers)]
        over = {i for i, value in enumerate(densities) if value > 1 and i not in full}
        if not over:
            return tuple(densities)
        full |= over


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
    """Keep an Erdős–Rényi mask of a matrix ``(outputs, inputs)``; what stays grows by 1/sqrt(density).

    The module's attribute is masked from then on, whatever an optimizer does.
    """
    weight = getattr(module, name)
    mask = random_mask((weight.shape[0], weight.shape[1]), density, generator)
    with torch.no_grad():
        weight /= math.sqrt(float(mask.double().mean()))
    torch.nn.utils.parametrize.register_parametrization(module, name, Masked(mask))
