"""Convolution as geometry: which targets a source reaches, and by which tap of the kernel."""

from dataclasses import dataclass
from math import gcd, prod
from typing import Any

import numpy as np
import numpy.typing as npt

from spikewright.errors import ConfigError

__all__ = ["Convolution", "Plane", "Taps"]

Plane = tuple[int, int, int]
"""Shape of a population or input in the plane: channels, height, width; addresses count in C order."""

Pair = tuple[int, int]
"""One number for the height, one for the width."""


@dataclass(frozen=True, slots=True)
class Taps:
    """What a source coordinate reaches along one axis: ``count`` targets, ``step`` apart, from ``target`` on.

    The first is reached through tap ``tap`` of the kernel, each further one through the tap ``tap_step``
    before the last. Arrays ``(length of the source axis,)``; 0 where ``count`` is 0.
    """

    count: npt.NDArray[np.int64]
    target: npt.NDArray[np.int64]
    tap: npt.NDArray[np.int64]
    step: int
    tap_step: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Convolution:
    """Geometry of a convolution whose kernel has the shape ``(targets' channels, channels a group, *size)``.

    ``u[o, y, x]`` is the sum over ``c, i, j`` of ``kernel[o, c, i, j] * p[c, y*stride + i*dilation - padding,
    ...]``, where ``p`` is the source summed over windows of ``pool``, side by side; rests at an axis' end
    are dropped. One-dimensional convolutions have height 1.

    Parameters
    ----------
    source, target
        Shapes in the plane. The target may be smaller than what the padding (before the first source) and
        the kernel allow.
    size
        Height and width of the kernel.
    groups
        Channels of source and target in as many groups, each on its own.
    pool
        Height and width of the windows that are summed.
    """

    source: Plane
    target: Plane
    size: Pair
    stride: Pair = (1, 1)
    padding: Pair = (0, 0)
    dilation: Pair = (1, 1)
    groups: int = 1
    pool: Pair = (1, 1)

    def __post_init__(self) -> None:
        for what in ("source", "target", "size", "stride", "dilation", "pool"):
            numbers: tuple[int, ...] = getattr(self, what)
            if min(numbers) < 1:
                raise ConfigError(f"convolution: {what} must be 1 or more throughout, not {numbers}")
        if min(self.padding) < 0:
            raise ConfigError(f"convolution: padding must be 0 or more, not {self.padding}")
        if self.groups < 1 or self.source[0] % self.groups or self.target[0] % self.groups:
            raise ConfigError(
                f"convolution: groups must divide {self.source[0]} and {self.target[0]} channels, not"
                f" {self.groups}"
            )

    @property
    def kernel_shape(self) -> tuple[int, int, int, int]:
        """Shape of the kernel."""
        return self.target[0], self.source[0] // self.groups, *self.size

    @property
    def channels_a_group(self) -> int:
        """Channels of the target that a channel of the source reaches."""
        return self.target[0] // self.groups

    def first_channel(self, channel: int) -> int:
        """First channel of the target that this channel of the source reaches."""
        return channel // (self.source[0] // self.groups) * self.channels_a_group

    def words(self, channel: int, lanes: int) -> range:
        """Words of ``lanes`` target channels that hold the group which this channel of the source reaches."""
        first = self.first_channel(channel)
        return range(first // lanes, (first + self.channels_a_group - 1) // lanes + 1)

    def group_words(self, lanes: int) -> int:
        """Words of ``lanes`` target channels that hold a group, wherever in a word it begins."""
        return max(len(self.words(channel, lanes)) for channel in range(self.source[0]))

    def taps(self, axis: int) -> Taps:
        """Targets of every source coordinate along axis 0 (height) or 1 (width)."""
        size, stride, padding = self.size[axis], self.stride[axis], self.padding[axis]
        dilation, pool, length = self.dilation[axis], self.pool[axis], self.target[axis + 1]
        pooled = self.source[axis + 1] // pool
        divisor = gcd(stride, dilation)
        rows = []
        for coordinate in range(self.source[axis + 1]):
            place = coordinate // pool + padding
            reached = [
                (target, (place - target * stride) // dilation)
                for target in range(length)
                if coordinate // pool < pooled
                and (place - target * stride) % dilation == 0
                and 0 <= (place - target * stride) // dilation < size
            ]
            rows.append((len(reached), *(reached[0] if reached else (0, 0))))
        table = np.array(rows, np.int64)
        return Taps(
            count=table[:, 0], target=table[:, 1], tap=table[:, 2], step=dilation // divisor,
            tap_step=stride // divisor,
        )  # fmt: skip

    def passes(self) -> npt.NDArray[np.int64]:
        """Targets in the plane that each source address reaches, of one channel, ``(sources,)``."""
        height, width = self.taps(0).count, self.taps(1).count
        each = np.outer(height, width).ravel()
        return np.tile(each, self.source[0])

    def matrix(self, kernel: npt.NDArray[Any]) -> Any:
        """The same as a SciPy sparse matrix (CSR) ``(targets, sources)``, of the kernel's dtype."""
        from scipy import sparse  # type: ignore[import-untyped]  # takes longer than all else here

        if kernel.shape != self.kernel_shape:
            raise ConfigError(f"convolution: kernel must have shape {self.kernel_shape}, not {kernel.shape}")
        source, target, tap = self._pairs(0)
        sources_x, targets_x, taps_x = self._pairs(1)
        within, reached = self.source[0] // self.groups, self.channels_a_group
        group, out, into = (
            grid.ravel()
            for grid in np.meshgrid(range(self.groups), range(reached), range(within), indexing="ij")
        )
        target_channel, source_channel = group * reached + out, group * within + into

        def address(channels: npt.NDArray[np.int64], shape: Plane, y: npt.NDArray[np.int64],
                    x: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:  # fmt: skip
            flat = (channels[:, None, None] * shape[1] + y[:, None]) * shape[2] + x
            return flat.ravel()

        values = kernel[target_channel, into][:, tap[:, None], taps_x]
        rows = address(target_channel, self.target, target, targets_x)
        columns = address(source_channel, self.source, source, sources_x)
        shape = prod(self.target), prod(self.source)
        return sparse.csr_array((values.ravel(), (rows, columns)), shape=shape)

    def _pairs(self, axis: int) -> npt.NDArray[np.int64]:
        """Sources, targets and taps of everything that is connected along an axis, ``(3, pairs)``."""
        taps = self.taps(axis)
        pairs = [
            (source, int(taps.target[source]) + n * taps.step, int(taps.tap[source]) - n * taps.tap_step)
            for source in range(self.source[axis + 1])
            for n in range(int(taps.count[source]))
        ]
        return np.array(pairs, np.int64).reshape(-1, 3).T
