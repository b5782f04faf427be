"""Which NIR nodes there are, which of them are realised, and their arrays as numbers."""

from collections.abc import Mapping
from typing import Any

import nir  # type: ignore[import-untyped]
import numpy as np
import numpy.typing as npt

from spikewright.errors import ConfigError

__all__ = [
    "FIRING",
    "LARGEST",
    "NEURONS",
    "SUPPORTED",
    "WEIGHTS",
    "array",
    "shape_size",
    "type_name",
    "unsupported",
]

Reals = npt.NDArray[np.float64]

FIRING = (nir.LIF, nir.IF)
"""Neurons that emit spikes."""
NEURONS = (*FIRING, nir.LI, nir.I)
"""Nodes that become a population."""
WEIGHTS = (nir.Linear, nir.Affine)
"""Nodes that become synapses."""
SUPPORTED: tuple[type, ...] = (nir.Input, nir.Output, nir.Flatten, *WEIGHTS, *NEURONS)

LARGEST = 1e30
"""Largest parameter that is taken for one: products of a few of them are finite."""

REASONS: Mapping[str, str] = {
    "Conv1d": "convolutions are not realised yet, only Linear and Affine layers",
    "Conv2d": "convolutions are not realised yet, only Linear and Affine layers",
    "SumPool2d": "pooling is not realised yet",
    "AvgPool2d": "pooling is not realised yet",
    "CubaLIF": "neurons with a synaptic current are not realised yet, only LIF, IF, LI and I",
    "CubaLI": "neurons with a synaptic current are not realised yet, only LIF, IF, LI and I",
    "Delay": "delays are not realised yet",
    "NIRGraph": "graphs within graphs (recurrent layers) are not realised yet",
    "Scale": "multiply it into the weights before or after it",
    "Threshold": "spikes come from LIF and IF only",
}


def type_name(node: Any) -> str:
    """Name of a node's type, as NIR writes it."""
    return type(node).__name__


def unsupported(name: str, node: Any) -> str | None:
    """Why a node of this type cannot be realised at all, if so."""
    if isinstance(node, SUPPORTED):
        return None
    kind = type_name(node)
    return f"{name}: {kind} is not supported: {REASONS.get(kind, 'it is not a node type that is known here')}"


def array(name: str, what: str, value: Any) -> Reals:
    """A parameter of a node as finite float64 numbers."""
    try:
        if hasattr(value, "detach"):  # a torch tensor, as some frameworks leave them in graphs
            value = value.detach().cpu().numpy()
        numbers = np.asarray(value)
        if numbers.dtype.kind not in "biuf":
            raise TypeError
        numbers = numbers.astype(np.float64)
    except (TypeError, ValueError, RuntimeError, OverflowError):
        raise ConfigError(f"{name}: {what} must be an array of numbers, not {type(value).__name__}") from None
    if not numbers.size:
        raise ConfigError(f"{name}: {what} must not be empty, and has shape {numbers.shape}")
    for must, holds in (
        ("finite", np.isfinite(numbers)),
        (f"within {LARGEST:g}", np.abs(numbers) <= LARGEST),
    ):
        if not holds.all():
            index = tuple(int(i) for i in np.argwhere(~holds)[0])
            raise ConfigError(f"{name}: {what} must be {must}, not {numbers[index]} at {index}")
    return numbers


def shape_size(name: str, node: Any) -> tuple[tuple[int, ...], int] | None:
    """Shape and number of values that an Input or Output node declares; None where it declares nothing."""
    declared = node.output_type.get("output") if isinstance(node.output_type, dict) else None
    if declared is None:
        return None
    try:
        shape = tuple(int(length) for length in np.atleast_1d(np.asarray(declared)))
    except (TypeError, ValueError, OverflowError):
        raise ConfigError(f"{name}: shape must be of integers, not {declared!r}") from None
    if any(length < 1 for length in shape):
        raise ConfigError(f"{name}: shape must be of lengths above 0, not {shape}")
    return shape, int(np.prod(shape, dtype=np.int64))
