"""Weights of a network that can be sparse, how many synapses each of them gets, and the mask over it."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import torch
import torch.nn.utils.parametrize as parametrize

from spikewright.errors import ConfigError
from spikewright.models.sparse import Masked, Spread, weight_densities

__all__ = [
    "SPREADS",
    "CollectingMask",
    "Weight",
    "check_choice",
    "find_weights",
    "lay_mask",
    "make_plain",
    "own_densities",
    "synapse_counts",
]

SPREADS: tuple[Spread, ...] = ("erdos_renyi", "erdos_renyi_kernel", "uniform")

ATTRIBUTES = ("weight", "recurrent")
"""Names of the parameters that hold synapses, in torch's layers and in ours."""


@dataclass(frozen=True, slots=True, eq=False)
class Weight:
    """A weight of a network: matrix ``(outputs, inputs)`` or kernel ``(outputs, inputs, *kernel)``.

    Parameters
    ----------
    name
        Path in the network, as ``named_parameters`` gives it.
    owner, attribute
        Where it lies.
    parameter
        What the optimizer moves; the same object once a mask lies over it.
    """

    name: str
    owner: torch.nn.Module
    attribute: str
    parameter: torch.nn.Parameter


class CollectingMask(Masked):
    """A mask that can collect the gradient of the whole product, absent synapses among it.

    It refers to nothing but its own tensors, so that copies of a network stand on their own.
    """

    def __init__(self, mask: torch.Tensor) -> None:
        super().__init__(mask)
        self.collecting = False
        self.gradient: torch.Tensor | None = None

    def forward(self, weight: torch.Tensor) -> torch.Tensor:
        """The weight, 0 outside the mask; a network that loops over time comes here in every step."""
        product = super().forward(weight)
        if self.collecting and product.requires_grad:
            product.register_hook(self._add)  # type: ignore[no-untyped-call]
        return product

    def _add(self, gradient: torch.Tensor) -> None:
        self.gradient = gradient.detach().clone() if self.gradient is None else self.gradient + gradient


def find_weights(module: torch.nn.Module, names: Iterable[str] | None = None) -> list[Weight]:
    """The weights by name, or all: parameters of two or more dimensions named ``weight`` or ``recurrent``.

    Raises
    ------
    ConfigError
        If a name is unknown or its parameter has fewer than two dimensions; if a weight is masked already or
        otherwise parametrized, or serves in two places; if there is none.
    """
    listed = _all_names(module) if names is None else list(names)
    found = [_weight(module, name) for name in listed]
    first: dict[int, str] = {}
    for weight in found:
        other = first.setdefault(id(weight.parameter), weight.name)
        if other != weight.name:
            raise ConfigError(f"weights must not be shared, not {weight.name!r}, which is {other!r} too")
    if len(set(listed)) != len(listed):
        raise ConfigError(f"weights must each be named once, not {', '.join(listed)}")
    if not found:
        raise ConfigError("weights must name at least one weight, not none")
    return found


def _all_names(module: torch.nn.Module) -> list[str]:
    names = []
    for path, owner in module.named_modules():
        for attribute in ATTRIBUTES:
            parameter = owner._parameters.get(attribute)
            synapses = parameter is not None and parameter.ndim > 1
            if synapses or parametrize.is_parametrized(owner, attribute):
                names.append(f"{path}.{attribute}" if path else attribute)
    return names


def _weight(module: torch.nn.Module, name: str) -> Weight:
    path, _, attribute = name.rpartition(".")
    try:
        owner = module.get_submodule(path)
    except AttributeError:
        raise ConfigError(f"weights must name weights of the network, not {name!r}") from None
    if parametrize.is_parametrized(owner, attribute):
        raise ConfigError(f"weights must have no mask or other parametrization yet, not {name!r}")
    parameter = owner._parameters.get(attribute)
    if parameter is None or parameter.ndim < 2:
        raise ConfigError(f"weights must name weights of the network, not {name!r}")
    return Weight(name, owner, attribute, parameter)


def own_densities(dense: Iterable[str] | Mapping[str, float], weights: Sequence[Weight]) -> dict[str, float]:
    """Densities of the weights that do not share one: given by name, or 1 for names alone."""
    own = dict(dense) if isinstance(dense, Mapping) else dict.fromkeys(dense, 1.0)
    for name, density in own.items():
        if name not in {weight.name for weight in weights}:
            raise ConfigError(f"dense must name weights, not {name!r}")
        if not 0 < density <= 1:
            raise ConfigError(f"dense must give {name} a density above 0 and at most 1, not {density}")
    return own


def synapse_counts(
    weights: Sequence[Weight], density: float, spread: Spread, own: Mapping[str, float]
) -> dict[str, int]:
    """How many synapses each weight has, at least 1.

    All without a density of their own have ``round(density * places)`` together, exactly (or one each, where
    that is more): what rounding down leaves goes to the largest remainders.
    """
    counts = {
        weight.name: max(1, round(own[weight.name] * weight.parameter.numel()))
        for weight in weights
        if weight.name in own
    }
    shared = [weight for weight in weights if weight.name not in own]
    if not shared:
        return counts
    places = [weight.parameter.numel() for weight in shared]
    shares = weight_densities([weight.parameter.shape for weight in shared], density, spread)
    wished = [share * size for share, size in zip(shares, places, strict=True)]
    given = [min(size, max(1, math.floor(wish))) for wish, size in zip(wished, places, strict=True)]
    total = max(len(shared), round(density * sum(places)))
    order = sorted(range(len(shared)), key=lambda i: math.floor(wished[i]) - wished[i])
    while sum(given) < total:
        for i in order:
            given[i] += sum(given) < total and given[i] < places[i]
    while sum(given) > total:
        given[max(range(len(given)), key=given.__getitem__)] -= 1
    counts.update({weight.name: count for weight, count in zip(shared, given, strict=True)})
    return counts


@torch.no_grad()
def lay_mask(weight: Weight, mask: torch.Tensor, *, rescale: bool) -> CollectingMask:
    """Lay a mask over a weight; absent places hold 0, so that no weight decay moves them."""
    synapses = CollectingMask(mask.to(weight.parameter.device))
    if rescale:
        weight.parameter.div_(math.sqrt(float(mask.double().mean())))
    weight.parameter.mul_(synapses.mask)
    parametrize.register_parametrization(weight.owner, weight.attribute, synapses)
    return synapses


def make_plain(owner: torch.nn.Module, attribute: str) -> None:
    """Leave a plain parameter of what a parametrization made of it.

    Torch takes the attribute off the module's class, which copies of the module share: without a class of its
    own first, they would lose their weight.
    """
    shared = type(owner)
    own = {key: value for key, value in vars(shared).items() if key not in ("__dict__", "__weakref__")}
    owner.__class__ = type(shared.__name__, shared.__bases__, own)
    parametrize.remove_parametrizations(owner, attribute, leave_parametrized=True)


def check_choice(name: str, value: str, allowed: Sequence[str]) -> None:
    """Refuse a word that is none of those allowed."""
    if value not in allowed:
        raise ConfigError(f"{name} must be one of {', '.join(allowed)}, not {value!r}")
