"""Writes the edges of a network as NIR nodes: matrices, convolutions, sums before them, and delays."""

from typing import Any

import nir  # type: ignore[import-untyped]
import numpy as np

from spikewright.convolution import Convolution
from spikewright.errors import ConfigError
from spikewright.ir import RealEdge, Reals

__all__ = ["edge_nodes"]

Nodes = list[tuple[str, nir.NIRNode]]
"""A chain of nodes by name, from source to target."""


def edge_nodes(
    edge: RealEdge, bias: Reals | None, *, source: tuple[int, ...], dt: float, closes_cycle: bool
) -> Nodes:
    """The nodes that an edge becomes; the one with the weights is named ``{source}_to_{target}``.

    Parameters
    ----------
    edge
        What to write.
    bias
        Of every neuron of the target, to travel with the edge.
    source
        Shape of the source.
    dt
        Seconds of a step.
    closes_cycle
        Whether the edge takes a step anyway, which NIR does not write.

    Raises
    ------
    ConfigError
        If a convolution has no form in NIR.
    """
    name = f"{edge.source}_to_{edge.target}"
    nodes = _delay(name, edge, source, dt, closes_cycle)
    geometry = edge.convolution
    if geometry is None:
        return [*nodes, *_flattened(name, source), (name, _matrix(edge.weights, bias))]
    if geometry.pool != (1, 1):
        zero = np.zeros(2, np.int64)
        pool = np.array(geometry.pool)
        nodes.append((f"{name}_sums", nir.SumPool2d(kernel_size=pool, stride=pool, padding=zero)))
    channels, height, width = geometry.source
    pooled = height // geometry.pool[0], width // geometry.pool[1]
    if geometry.target[1:] == (1, 1) and geometry.size == pooled and geometry.groups == 1:
        weights = edge.weights.reshape(geometry.target[0], -1)
        return [*nodes, *_flattened(name, (channels, *pooled)), (name, _matrix(weights, bias))]
    return [*nodes, (name, _convolution(name, edge, geometry, pooled, bias))]


def _convolution(
    name: str, edge: RealEdge, geometry: Convolution, pooled: tuple[int, int], bias: Reals | None
) -> nir.NIRNode:
    for axis in (0, 1):
        reach = geometry.dilation[axis] * (geometry.size[axis] - 1) + 1
        length = (pooled[axis] + 2 * geometry.padding[axis] - reach) // geometry.stride[axis] + 1
        if geometry.target[axis + 1] != length:
            raise ConfigError(
                f"{name}: gives {length} along axis {axis} in NIR, not {geometry.target[axis + 1]}"
            )
    channels = np.zeros(geometry.target[0])
    if bias is not None:
        planes = bias.reshape(geometry.target[0], -1)
        if (planes != planes[:, :1]).any():
            raise ConfigError(f"{name}: a bias must be the same for all neurons of a channel in NIR")
        channels = planes[:, 0]
    return nir.Conv2d(
        input_shape=pooled,
        weight=edge.weights,
        stride=geometry.stride,
        padding=geometry.padding,
        dilation=geometry.dilation,
        groups=geometry.groups,
        bias=channels,
    )


def _delay(name: str, edge: RealEdge, source: tuple[int, ...], dt: float, closes_cycle: bool) -> Nodes:
    steps = np.array(edge.delay) - (1 if closes_cycle else 0)
    if not steps.any():
        return []
    size = int(np.prod(source))
    delays = np.broadcast_to(steps * dt, (size,)).reshape(source)
    return [(f"{name}_delay", nir.Delay(delay=delays.copy()))]


def _flattened(name: str, shape: tuple[int, ...]) -> Nodes:
    if len(shape) == 1:
        return []
    flatten: Any = nir.Flatten({"input": np.array(shape)}, start_dim=0, end_dim=-1)
    return [(f"{name}_flat", flatten)]


def _matrix(weights: Reals, bias: Reals | None) -> nir.NIRNode:
    return nir.Linear(weight=weights) if bias is None else nir.Affine(weight=weights, bias=bias)
