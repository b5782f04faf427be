"""Cores of kernel rows to test, of any geometry."""

from collections.abc import Sequence
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from spikewright.config import CoreConfig, KernelRows, PortConfig
from spikewright.convolution import Convolution, Plane
from spikewright.events import PlaneFormat
from spikewright.fixed import signed_bits, signed_range
from spikewright.neuron import NeuronConfig

Integers = npt.NDArray[np.int64]

__all__ = ["KernelPort", "draw_convolution", "kernel_core", "random_kernel"]

KernelPort = tuple[Convolution, Literal["drive", "hold"], int]
"""Geometry, kind, bits of a value."""


def draw_convolution(rng: np.random.Generator, target: Plane | None = None, *, flat: bool = False
                     ) -> Convolution:
    """Any geometry, into this target if one is given; ``flat``: of height 1."""
    def pair(low: int, high: int) -> tuple[int, int]:
        first, second = rng.integers(low, high, 2, endpoint=True)
        return (low if flat else int(first)), int(second)

    while True:
        pool, stride = pair(1, int(rng.choice([1, 3]))), pair(1, int(rng.choice([1, 3])))
        dilation = pair(1, 2)
        size, padding = pair(1, int(rng.choice([1, 3, 5]))), pair(0, 2)
        groups = int(rng.choice([1, 1, 2, 3]))
        source = (groups * int(rng.integers(1, 4)), *pair(1, 12))
        reach = [(source[axis + 1] // pool[axis] + 2 * padding[axis] - dilation[axis] * (size[axis] - 1) - 1)
                 // stride[axis] + 1 for axis in (0, 1)]
        shape = target or (groups * int(rng.integers(1, 5)), max(1, reach[0]), max(1, reach[1]))
        fits = target is None or (shape[1] <= reach[0] and shape[2] <= reach[1])
        if fits and shape[0] % groups == 0:
            return Convolution(source=source, target=shape, size=size, stride=stride, padding=padding,
                               dilation=dilation, groups=groups, pool=pool)


def kernel_core(ports: Sequence[KernelPort], lanes: int, *, weight_bits: int = 5, **neuron: Any
                ) -> CoreConfig:
    """A core of these ports, whose sources are in the plane with lanes of their own."""
    made: list[PortConfig] = []
    first = 0
    for index, (shape, kind, value_bits) in enumerate(ports):
        plane = PlaneFormat(shape=shape.source, lanes=1 << index % 3)
        made.append(PortConfig(
            source=f"in{index}", kind=kind, addresses=1 << plane.address_bits, value_bits=value_bits,
            first_row=first, plane=plane, convolution=shape))
        first += shape.source[0] * shape.size[0] * shape.size[1] * shape.group_words(lanes)
    target = ports[0][0].target
    config = NeuronConfig(**{"state_bits": 8, **neuron})
    fan_in = sum(int(shape.kernel_shape[1]) * shape.size[0] * shape.size[1] * shape.pool[0] * shape.pool[1]
                 for shape, _, _ in ports)
    most = (1 << config.state_bits) + (fan_in << weight_bits + max(bits for _, _, bits in ports))
    return CoreConfig(
        name="core", neuron=config, neurons=int(np.prod(target)), lanes=lanes, weight_bits=weight_bits,
        accumulator_bits=signed_bits(0, most), ports=tuple(made), rows=KernelRows(),
        plane=PlaneFormat(shape=target, lanes=lanes))


def random_kernel(rng: np.random.Generator, shape: Convolution, bits: int) -> Integers:
    """Weights of any code."""
    low, high = signed_range(bits)
    return rng.integers(low, high, size=shape.kernel_shape, endpoint=True)
