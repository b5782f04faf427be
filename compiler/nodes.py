"""Which NIR nodes there are, which of them are realised, and their arrays as numbers."""

from math import prod
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
    "counts",
    "declared_shape", "each",
    "shape_text",
    "type_name",
    "unsupported",
]

Reals = npt.NDArray[np.float64]

FIRING = (nir.LIF, nir.IF, nir.CubaLIF, nir.Threshold)
"""Neurons that emit spikes."""
NEURONS = (*FIRING, nir.LI, nir.I, nir.CubaLI)
"""Nodes that become a population."""
WEIGHTS = (nir.Linear, nir.Affine, nir.Conv1d, nir.Conv2d, nir.SumPool2d, nir.AvgPool2d, nir.Scale, nir.Delay)
"""Nodes that become synapses, together with those before and after them."""
SUPPORTED: tuple[type, ...] = (nir.Input, nir.Output, nir.NIRGraph, nir.Flatten, *WEIGHTS, *NEURONS)

LARGEST = 1e30
"""Largest parameter that is taken for one: products of a few of them are finite."""


def type_name(node: Any) -> str:
    """Name of a node's type, as NIR writes it."""
    return type(node).__name__


def unsupported(name: str, node: Any) -> str | None:
    """Why a node of this type cannot be realised at all, if so."""
    if isinstance(node, SUPPORTED):
        return None
    return f"{name}: {type_name(node)} is not supported: it is not a node type that is known here"


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


def each(name: str, what: str, value: Any, shape: tuple[int, ...], *, channels: bool = False) -> Reals:
    """A parameter of every value of a shape, ``(size,)``.

    One for all, one for each, or of lengths 1 where it is the same; with ``channels`` also one for each
    index of the first dimension.

    Raises
    ------
    ConfigError
        If it is of any other shape.
    """
    values, size = array(name, what, value), prod(shape)
    if values.size in (1, size):
        return np.broadcast_to(values.ravel(), (size,)).copy()
    if channels and values.shape == shape[:1]:
        values = values.reshape(-1, *(1,) * (len(shape) - 1))
    if values.ndim == len(shape) and all(a in (1, b) for a, b in zip(values.shape, shape, strict=True)):
        return np.broadcast_to(values, shape).ravel()
    raise ConfigError(f"{name}: {what} must have 1 or {size} values, not {values.size}")


def counts(name: str, what: str, value: Any, most: int, least: int) -> tuple[int, ...]:
    """A parameter of integers, one or as many as ``most``, none below ``least``."""
    numbers = array(name, what, value).ravel()
    if len(numbers) not in (1, most):
        raise ConfigError(
            f"{name}: {what} must have {' or '.join(map(str, sorted({1, most})))} values, not {len(numbers)}"
        )
    if (numbers != np.rint(numbers)).any() or numbers.min() < least:
        shown = ", ".join(f"{number:g}" for number in numbers)
        raise ConfigError(f"{name}: {what} must be of integers from {least} on, not {shown}")
    return tuple(int(number) for number in numbers)


def declared_shape(name: str, node: Any) -> tuple[int, ...] | None:
    """Shape that an Input or Output node declares; None where it declares nothing."""
    declared = node.output_type.get("output") if isinstance(node.output_type, dict) else None
    if declared is None or (isinstance(declared, np.ndarray) and declared.dtype == object):
        return None
    try:
        shape = tuple(int(length) for length in np.atleast_1d(np.asarray(declared)))
    except (TypeError, ValueError, OverflowError):
        raise ConfigError(f"{name}: shape must be of integers, not {declared!r}") from None
    if any(length < 1 for length in shape):
        raise ConfigError(f"{name}: shape must be of lengths above 0, not {shape}")
    return shape or (1,)


def shape_text(shape: tuple[int, ...]) -> str:
    """A shape as a person writes it."""
    return " x ".join(map(str, shape))
