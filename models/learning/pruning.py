"""Pruning after training: the smallest weights of a dense network go, all at once."""

from collections.abc import Iterable, Mapping
from typing import Literal

import torch

from spikewright.models.learning.weights import (
    SPREADS,
    check_choice,
    find_weights,
    lay_mask,
    own_densities,
    synapse_counts,
)
from spikewright.models.sparse import Spread

__all__ = ["prune_by_magnitude"]


@torch.no_grad()
def prune_by_magnitude(
    module: torch.nn.Module,
    density: float,
    weights: Iterable[str] | None = None,
    *,
    scope: Spread | Literal["global"] = "erdos_renyi",
    dense: Iterable[str] | Mapping[str, float] = (),
) -> dict[str, float]:
    """Cut the smallest absolute weights of a trained network, all at once, and mask the rest.

    Parameters
    ----------
    module, density, weights, dense
        As of :class:`spikewright.models.learning.masks.EvolvingMask`. Weights keep their size.
    scope
        How the weights share the density: as ``initial`` there, or ``global``, which ranks the synapses of
        all weights without a density of their own together, and may leave a weight without any.

    Returns
    -------
    dict
        Density of every weight, by name.

    Raises
    ------
    ConfigError
        If an option is out of range, or a weight cannot be masked.
    """
    check_choice("scope", scope, (*SPREADS, "global"))
    found = find_weights(module, weights)
    own = own_densities(dense, found)
    counts = synapse_counts(found, density, "uniform" if scope == "global" else scope, own)
    shared = [weight for weight in found if weight.name not in own]
    masks: dict[str, torch.Tensor] = {}
    if scope == "global" and shared:
        ranked = torch.cat([weight.parameter.flatten().abs() for weight in shared])
        number = sum(counts[weight.name] for weight in shared)
        chosen = torch.zeros(len(ranked), dtype=torch.bool, device=ranked.device)
        chosen[torch.argsort(ranked, descending=True, stable=True)[:number]] = True
        parts = torch.split(chosen, [weight.parameter.numel() for weight in shared])
        masks = {weight.name: part for weight, part in zip(shared, parts, strict=True)}
    densities = {}
    for weight in found:
        mask = masks.get(weight.name)
        if mask is None:
            order = torch.argsort(weight.parameter.flatten().abs(), descending=True, stable=True)
            mask = torch.zeros(len(order), dtype=torch.bool, device=order.device)
            mask[order[: counts[weight.name]]] = True
        densities[weight.name] = float(mask.double().mean())
        if own.get(weight.name) != 1:
            lay_mask(weight, mask.reshape(weight.parameter.shape), rescale=False)
    return densities
