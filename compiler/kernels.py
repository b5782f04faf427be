"""Convolutions with their kernels: two as one, one after the other or side by side."""

from dataclasses import dataclass, replace
from math import gcd, prod

import numpy as np
import numpy.typing as npt

from spikewright.convolution import Convolution

__all__ = ["Kernel", "join", "overlay"]

Reals = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Kernel:
    """A convolution with its kernel."""

    geometry: Convolution
    weights: Reals

    @property
    def shape(self) -> tuple[int, int]:
        """Numbers of targets and sources."""
        return prod(self.geometry.target), prod(self.geometry.source)


def every_channel(kernel: Kernel) -> Reals:
    """The kernel over all channels of the source, those of other groups 0."""
    geometry = kernel.geometry
    targets, within, height, width = geometry.kernel_shape
    full = np.zeros((targets, geometry.source[0], height, width))
    reached = geometry.channels_a_group
    for group in range(geometry.groups):
        rows = slice(group * reached, (group + 1) * reached)
        full[rows, group * within : (group + 1) * within] = kernel.weights[rows]
    return full


def in_groups(full: Reals, groups: int) -> Reals:
    """The inverse of :func:`every_channel`."""
    reached, within = full.shape[0] // groups, full.shape[1] // groups
    parts = [
        full[group * reached : (group + 1) * reached, group * within : (group + 1) * within]
        for group in range(groups)
    ]
    return np.concatenate(parts)


def pointwise(kernel: Kernel) -> bool:
    """Whether every target sees one point, or one window that is summed, of the source's channels."""
    geometry = kernel.geometry
    pooled = tuple(length // pool for length, pool in zip(geometry.source[1:], geometry.pool, strict=True))
    alone = geometry.size == geometry.stride == (1, 1) and geometry.padding == (0, 0)
    return alone and geometry.target[1:] == pooled


def without_pool(kernel: Kernel) -> Kernel | None:
    """The same with the sum over windows as part of the kernel; None where padding counts windows."""
    geometry = kernel.geometry
    if geometry.pool == (1, 1):
        return kernel
    if geometry.padding != (0, 0):
        return None
    weights = kernel.weights
    for axis in (0, 1):
        pool, dilation, taps = geometry.pool[axis], geometry.dilation[axis], geometry.size[axis]
        spread = np.zeros(
            (*weights.shape[: axis + 2], ((taps - 1) * dilation + 1) * pool, *weights.shape[axis + 3 :])
        )
        for tap in range(taps):
            place = [slice(None)] * 4
            place[axis + 2] = slice(tap * dilation * pool, (tap * dilation + 1) * pool)
            spread[tuple(place)] = np.take(weights, [tap], axis + 2)
        weights = spread
    stride = geometry.stride[0] * geometry.pool[0], geometry.stride[1] * geometry.pool[1]
    size = weights.shape[2], weights.shape[3]
    return Kernel(replace(geometry, size=size, stride=stride, dilation=(1, 1), pool=(1, 1)), weights)


def within(geometry: Convolution) -> bool:
    """Whether no target sees anything beyond the source."""
    ends = (
        (geometry.target[axis + 1] - 1) * geometry.stride[axis]
        + (geometry.size[axis] - 1) * geometry.dilation[axis]
        for axis in (0, 1)
    )
    fits = all(end < length for end, length in zip(ends, geometry.source[1:], strict=True))
    return fits and geometry.padding == (0, 0)


def join(outer: Kernel, inner: Kernel) -> Kernel | None:
    """Two convolutions as one, where one does the same."""
    first, second = inner.geometry, outer.geometry
    if first.target != second.source:
        return None
    groups = gcd(first.groups, second.groups)
    one = every_channel(inner)
    if pointwise(inner):
        mixed = np.einsum("omij,mc->ocij", every_channel(outer), one[:, :, 0, 0])
        pool = first.pool[0] * second.pool[0], first.pool[1] * second.pool[1]
        return Kernel(
            replace(second, source=first.source, groups=groups, pool=pool), in_groups(mixed, groups)
        )
    last = without_pool(outer)
    if last is None or not within(last.geometry):
        return None  # what lies beyond the first one's targets is 0, and not what it would be there
    second = last.geometry
    steps = [step * stride for step, stride in zip(second.dilation, first.stride, strict=True)]
    dilation: list[int] = []
    for axis in (0, 1):
        taps = (
            (steps[axis] if second.size[axis] > 1 else 0),
            (first.dilation[axis] if first.size[axis] > 1 else 0),
        )
        dilation.append(gcd(*taps) or 1)
    reach = [
        ((second.size[axis] - 1) * steps[axis] + (first.size[axis] - 1) * first.dilation[axis])
        // dilation[axis]
        + 1
        for axis in (0, 1)
    ]
    full = np.zeros((second.target[0], first.source[0], *reach))
    apart = [first.dilation[axis] // dilation[axis] if first.size[axis] > 1 else 1 for axis in (0, 1)]
    two = every_channel(last)
    for i in range(second.size[0]):
        for j in range(second.size[1]):
            start = i * steps[0] // dilation[0], j * steps[1] // dilation[1]
            rows, columns = (
                slice(start[axis], start[axis] + (first.size[axis] - 1) * apart[axis] + 1, apart[axis])
                for axis in (0, 1)
            )
            full[:, :, rows, columns] += np.einsum("om,mcij->ocij", two[:, :, i, j], one)
    geometry = replace(
        first,
        target=second.target,
        size=(reach[0], reach[1]),
        stride=(first.stride[0] * second.stride[0], first.stride[1] * second.stride[1]),
        dilation=(dilation[0], dilation[1]),
        groups=groups,
    )
    return Kernel(geometry, in_groups(full, groups))


def overlay(one: Kernel, other: Kernel) -> Kernel | None:
    """The sum of two convolutions as one, where their taps lie on one raster."""
    first, second = one.geometry, other.geometry
    same = ("source", "target", "pool")
    if any(getattr(first, what) != getattr(second, what) for what in same):
        return None
    if first == second:
        return Kernel(first, one.weights + other.weights)
    stride = first.stride
    if stride != second.stride:
        return None
    groups = gcd(first.groups, second.groups)
    dilation = [0, 0]
    padding, size = [0, 0], [0, 0]
    starts: list[list[int]] = [[], []]
    for axis in (0, 1):
        apart = {g.dilation[axis] for g in (first, second) if g.size[axis] > 1} or {1}
        step = dilation[axis] = apart.pop()
        padding[axis] = max(first.padding[axis], second.padding[axis])
        ahead = [padding[axis] - geometry.padding[axis] for geometry in (first, second)]
        if apart or any(places % step for places in ahead):
            return None
        starts[axis] = [places // step for places in ahead]
        size[axis] = max(
            start + geometry.size[axis] for start, geometry in zip(starts[axis], (first, second), strict=True)
        )
    full = np.zeros((first.target[0], first.source[0], *size))
    for index, kernel in enumerate((one, other)):
        y, x = starts[0][index], starts[1][index]
        height, width = kernel.geometry.size
        full[:, :, y : y + height, x : x + width] += every_channel(kernel)
    geometry = replace(
        first,
        size=(size[0], size[1]),
        padding=(padding[0], padding[1]),
        dilation=(dilation[0], dilation[1]),
        groups=groups,
    )
    return Kernel(geometry, in_groups(full, groups))
