"""Linear operators between a source and a target: composed, added, kept as convolutions where they can be."""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from spikewright.compiler.kernels import Kernel, join, overlay
from spikewright.convolution import Convolution, Plane
from spikewright.errors import ConfigError

__all__ = [
    "Diagonal",
    "Kernel",
    "Matrix",
    "Operator",
    "add",
    "as_kernel",
    "compose",
    "dense",
    "identity",
    "matvec",
]

Reals = npt.NDArray[np.float64]

LARGEST_MATRIX = 1 << 25
"""Most places of a matrix that is written out: a quarter of a gigabyte."""


@dataclass(frozen=True, slots=True, eq=False)
class Diagonal:
    """``y = values * x``, with as many sources as targets."""

    values: Reals

    @property
    def shape(self) -> tuple[int, int]:
        """Numbers of targets and sources."""
        return len(self.values), len(self.values)


@dataclass(frozen=True, slots=True, eq=False)
class Matrix:
    """Anything else: a sparse matrix (CSR) ``(targets, sources)``."""

    values: Any

    @property
    def shape(self) -> tuple[int, int]:
        """Numbers of targets and sources."""
        return self.values.shape[0], self.values.shape[1]


Operator = Diagonal | Kernel | Matrix


def identity(size: int) -> Diagonal:
    """What changes nothing."""
    return Diagonal(np.ones(size))


def compose(outer: Operator, inner: Operator) -> Operator:
    """First ``inner``, then ``outer``."""
    if isinstance(outer, Diagonal) and isinstance(inner, Diagonal):
        return Diagonal(outer.values * inner.values)
    if isinstance(outer, Diagonal) and isinstance(inner, Kernel):
        channels = by_channel(outer.values, inner.geometry.target)
        if channels is not None:
            return replace(inner, weights=inner.weights * channels[:, None, None, None])
    if isinstance(outer, Kernel) and isinstance(inner, Diagonal):
        inner = as_kernel(inner, outer.geometry.source) or inner
    if isinstance(outer, Kernel) and isinstance(inner, Kernel):
        joined = join(outer, inner)
        if joined is not None:
            return joined
    return Matrix((sparse(outer) @ sparse(inner)).tocsr())


def add(one: Operator, other: Operator) -> Operator:
    """The sum of two operators between the same source and target."""
    if isinstance(one, Diagonal) and isinstance(other, Diagonal):
        return Diagonal(one.values + other.values)
    if isinstance(one, Kernel) and isinstance(other, Diagonal):
        other = as_kernel(other, one.geometry.source) or other
    if isinstance(one, Diagonal) and isinstance(other, Kernel):
        one = as_kernel(one, other.geometry.source) or one
    if isinstance(one, Kernel) and isinstance(other, Kernel):
        summed = overlay(one, other)
        if summed is not None:
            return summed
    return Matrix((sparse(one) + sparse(other)).tocsr())


def sparse(operator: Operator) -> Any:
    """An operator as a sparse matrix, if that is not too large."""
    from scipy import sparse as scipy_sparse  # type: ignore[import-untyped]  # slow to import

    if isinstance(operator, Diagonal):
        return scipy_sparse.diags_array(operator.values).tocsr()
    if isinstance(operator, Matrix):
        return operator.values
    geometry = operator.geometry
    synapses = int(geometry.passes().sum()) * geometry.channels_a_group
    if synapses > LARGEST_MATRIX:
        raise ConfigError(
            f"a convolution written out must have at most {LARGEST_MATRIX} synapses, not {synapses}"
        )
    return geometry.matrix(operator.weights)


def dense(operator: Operator) -> Reals:
    """An operator as a matrix, if that is not too large."""
    targets, sources = operator.shape
    if targets * sources > LARGEST_MATRIX:
        raise ConfigError(
            f"weights from {sources} sources to {targets} targets, no single convolution, must be at"
            f" most {LARGEST_MATRIX} written out, not {targets * sources}"
        )
    values: Reals = sparse(operator).toarray()
    return values


def matvec(operator: Operator, vector: Reals) -> Reals:
    """What an operator makes of one vector."""
    if isinstance(operator, Diagonal):
        return operator.values * vector
    result: Reals = sparse(operator) @ vector
    return result


def by_channel(values: Reals, plane: Plane) -> Reals | None:
    """One value a channel, where a plane has no more."""
    planes = values.reshape(plane[0], -1)
    return planes[:, 0] if (planes == planes[:, :1]).all() else None


def as_kernel(operator: Diagonal, plane: Plane) -> Kernel | None:
    """A diagonal as a convolution of single points, each channel on its own."""
    channels = by_channel(operator.values, plane)
    if channels is None:
        return None
    geometry = Convolution(source=plane, target=plane, size=(1, 1), groups=plane[0])
    return Kernel(geometry, channels[:, None, None, None].copy())
