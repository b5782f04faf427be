"""Quantization for training: values on the integer grid forward, gradients as if they were real.

What these functions give forward is exactly what docs/numerics.md computes: integers carried in floats, as
long as they stay below 2**24 (float32) or 2**53 (float64).
"""

import math
from typing import Any

import torch

from spikewright.errors import ConfigError
from spikewright.fixed import signed_range
from spikewright.neuron import Decay

__all__ = [
    "best_scale",
    "decay_codes",
    "decay_factor",
    "levels",
    "round_through",
    "weight_codes",
    "weight_scale",
]


def round_through(x: torch.Tensor) -> torch.Tensor:
    """Nearest integers, half to even; the gradient passes as if nothing was rounded."""
    rounded: torch.Tensor = _Round.apply(x)  # type: ignore[no-untyped-call]
    return rounded


def weight_codes(
    weight: torch.Tensor, scale: float, weight_bits: int, value_scale: float = 1.0
) -> torch.Tensor:
    """``round(weight * scale / value_scale)`` in ``weight_bits``; clipped weights get no gradient.

    Scaled in float64, so that the float32 weights of the training and the float64 weights of a file become
    the same integers.
    """
    low, high = signed_range(weight_bits)
    return round_through(weight.double() * scale / value_scale).clamp(low, high).to(weight.dtype)


def weight_scale(peak: float, weight_bits: int, value_scale: float = 1.0) -> float:
    """The highest integer scale at which a weight of magnitude ``peak`` fits ``weight_bits``; at least 1.

    Whole numbers, so that thresholds of whole units fall on the grid and no level is rounded.
    """
    if not (peak > 0 and math.isfinite(peak)):
        raise ConfigError(f"scale: the largest weight must be above 0 and finite, not {peak}")
    return float(max(1, math.floor(signed_range(weight_bits)[1] * value_scale / peak)))


def best_scale(weight: torch.Tensor, weight_bits: int, value_scale: float = 1.0) -> float:
    """The scale with the least squared error: few bits serve better if the largest weights are clipped."""
    weight = weight.detach()
    peak = float(weight.abs().max())
    scales = [weight_scale(peak * share / 20, weight_bits, value_scale) for share in range(20, 3, -1)]

    def error(scale: float) -> float:
        coded = weight_codes(weight, scale, weight_bits, value_scale).double() * value_scale / scale
        return float((coded - weight).square().sum())

    return min(scales, key=error)


def levels(threshold: float, scale: float, compare: str) -> tuple[int, int]:
    """Compare level ``c`` and reset amount ``r`` of a float threshold (docs/numerics.md: ``u >= c``)."""
    scaled = threshold * scale
    compared = math.ceil(scaled - 1e-6) if compare == "ge" else math.floor(scaled + 1e-6) + 1
    return compared, round(scaled)


def decay_factor(decay: Decay) -> float:
    """What a decay multiplies by, in real numbers."""
    if decay.kind == "shift":
        return 1.0 - 2.0**-decay.shift
    return decay.factor[0] / 2.0**decay.fraction_bits if decay.kind == "multiply" else 1.0


def decay_codes(potential: torch.Tensor, decay: Decay) -> torch.Tensor:
    """``D`` of integers carried in floats, exactly; the gradient is that of the real factor.

    The last axis counts the neurons, where each has a factor of its own.
    """
    if decay.kind == "none":
        return potential
    decayed: torch.Tensor = _DecayCodes.apply(potential, decay)  # type: ignore[no-untyped-call]
    return decayed


class _Round(torch.autograd.Function):
    @staticmethod
    def forward(_ctx: Any, x: torch.Tensor) -> torch.Tensor:
        return x.round()

    @staticmethod
    def backward(_ctx: Any, *gradients: torch.Tensor) -> torch.Tensor:
        return gradients[0]


class _DecayCodes(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, potential: torch.Tensor, decay: Decay) -> torch.Tensor:
        if decay.kind == "shift":  # a power of two scales a float exactly, and floor is the arithmetic shift
            ctx.factor = decay_factor(decay)
            return potential - torch.floor(potential * 2.0**-decay.shift)
        wide = potential.double()  # magnitudes of 24 bits times a factor of 17: within 2**53
        factor = torch.tensor(decay.factor, dtype=wide.dtype, device=wide.device) * 2.0**-decay.fraction_bits
        ctx.factor = factor.to(potential.dtype)
        magnitude = torch.floor(wide.abs() * factor)
        return (magnitude * wide.sign()).to(potential.dtype)

    @staticmethod
    def backward(ctx: Any, *gradients: torch.Tensor) -> tuple[torch.Tensor, None]:
        return gradients[0] * ctx.factor, None
