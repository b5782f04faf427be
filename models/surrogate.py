"""Surrogate gradients: a spike is a step function forward, and something with a slope backward."""

from typing import Any, Literal, get_args

import torch

from spikewright.errors import ConfigError

__all__ = ["Surrogate", "SurrogateName", "slope", "spike"]

SurrogateName = Literal["atan", "fast_sigmoid", "triangle"]


class Surrogate:
    """The derivative that stands in for that of the step function.

    Parameters
    ----------
    name
        With ``x`` the distance to the threshold in units of the threshold and ``a`` the sharpness:
        ``atan``: ``1 / (1 + (pi a x / 2)**2)``; ``fast_sigmoid``: ``1 / (1 + a |x|)**2``; ``triangle``:
        ``max(0, 1 - a |x|)``. All are 1 at the threshold.
    sharpness
        ``a``, above 0: the higher, the nearer to the threshold a neuron must be to learn.
    """

    def __init__(self, name: SurrogateName = "atan", sharpness: float = 2.0) -> None:
        if name not in get_args(SurrogateName):
            raise ConfigError(f"surrogate must be one of {', '.join(get_args(SurrogateName))}, not {name!r}")
        if not sharpness > 0:
            raise ConfigError(f"surrogate: sharpness must be above 0, not {sharpness}")
        self.name = name
        self.sharpness = sharpness


def slope(surrogate: Surrogate, distance: torch.Tensor) -> torch.Tensor:
    """The stand-in derivative at ``distance``, elementwise."""
    if surrogate.name == "atan":
        return 1 / (1 + (torch.pi / 2 * surrogate.sharpness * distance) ** 2)
    if surrogate.name == "fast_sigmoid":
        return 1 / (1 + surrogate.sharpness * distance.abs()) ** 2
    return (1 - surrogate.sharpness * distance.abs()).clamp(min=0)


def spike(distance: torch.Tensor, surrogate: Surrogate, *, strict: bool = False) -> torch.Tensor:
    """1 where ``distance >= 0`` (``strict``: ``> 0``), else 0; backward the surrogate's slope."""
    spikes: torch.Tensor = _Spike.apply(distance, surrogate, strict)  # type: ignore[no-untyped-call]
    return spikes


class _Spike(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, distance: torch.Tensor, surrogate: Surrogate, strict: bool) -> torch.Tensor:
        ctx.save_for_backward(distance)
        ctx.surrogate = surrogate
        return (distance > 0 if strict else distance >= 0).to(distance.dtype)

    @staticmethod
    def backward(ctx: Any, *gradients: torch.Tensor) -> tuple[torch.Tensor, None, None]:
        (distance,) = ctx.saved_tensors
        return gradients[0] * slope(ctx.surrogate, distance), None, None
