"""Scales: how many integer codes 1.0 of the real network is, of every neuron."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from spikewright.compiler.plan import Plan
from spikewright.fixed import signed_range
from spikewright.ir import RealEdge, RealNetwork, RealPopulation
from spikewright.network import InputPort

__all__ = ["Reals", "by_row", "channels", "choose_scales", "grouped", "groups", "value_scale"]

Reals = npt.NDArray[np.float64]
Groups = npt.NDArray[np.int64]

FINE = 64
"""A threshold of so many levels is put on a level by lowering the scale; below, raising it may cost less."""


def value_scale(ports: Mapping[str, InputPort], edge: RealEdge) -> float:
    """What the values of an edge's source are multiplied by when they come in; 1 for spikes."""
    port = ports.get(edge.source)
    return port.value_scale if port is not None and port.value_bits else 1.0


def channels(population: RealPopulation, edges: Sequence[RealEdge]) -> Groups:
    """Which channel every neuron is of: neurons that share a kernel; without kernels each is its own."""
    kernels = [edge.convolution for edge in edges if edge.convolution is not None]
    if not kernels:
        return np.arange(population.size)
    count = kernels[0].target[0]
    return np.repeat(np.arange(count), population.size // count)


def groups(population: RealPopulation, edges: Sequence[RealEdge], plan: Plan) -> Groups:
    """Which neurons share a scale, by number of the group.

    All of a population that does not fire, since its potentials are compared with one another, and of one
    with a floor, which is one level for all.
    """
    if plan.granularity == "layer" or not population.fires or population.v_min is not None:
        return np.zeros(population.size, np.int64)
    return channels(population, edges)


def grouped(values: Any, of: Groups, combine: Any) -> Reals:
    """Values of neurons, ``(size,)``, combined over each group by a NumPy function: ``(groups,)``."""
    result = np.full(int(of.max(initial=0)) + 1, -np.inf if combine is np.maximum else 0.0)
    combine.at(result, of, values)
    return result


def by_row(edge: RealEdge, levels: Reals) -> Reals:
    """One number a target neuron as an array that multiplies the edge's weights."""
    if edge.convolution is None:
        return levels[:, None]
    return levels.reshape(edge.convolution.target[0], -1)[:, 0][:, None, None, None]


def over_rows(edge: RealEdge, values: Reals, combine: Any) -> Reals:
    """Values of weights combined over each target neuron: ``(size,)``; of a kernel, the whole channel's."""
    rows: Reals = combine.reduce(values.reshape(len(values), -1), axis=1)
    if edge.convolution is None:
        return rows
    return np.repeat(rows, edge.convolution.target[1] * edge.convolution.target[2])


def choose_scales(
    real: RealNetwork, population: RealPopulation, edges: Sequence[RealEdge], plan: Plan
) -> Reals:
    """Codes per 1.0 of every neuron: as fixed, or the largest weight of its group at the largest code.

    Where a group has one threshold, the scale is moved by the little that makes it a whole level, so that
    the comparison itself loses nothing: lowered, or raised where levels are coarse and weights lose less so.
    """
    size = population.size
    if population.name in plan.scales:
        return np.broadcast_to(np.asarray(plan.scales[population.name], np.float64), (size,)).copy()
    ports = {port.name: port for port in real.inputs}
    top = signed_range(plan.bits_of(population.name))[1]
    of = groups(population, edges, plan)
    peaks = np.zeros(size)
    for edge in edges:
        peaks = np.maximum(
            peaks, over_rows(edge, np.abs(edge.weights), np.maximum) / value_scale(ports, edge)
        )
    peak = grouped(peaks, of, np.maximum)
    if not peak.any():
        levels = np.concatenate([np.abs(population.threshold), np.abs(population.bias)])
        peak[:] = float(levels.max()) or 1.0
    peak[peak == 0] = peak.max()  # a channel without weights follows the largest
    clips = np.broadcast_to(np.asarray(plan.clips.get(population.name, 1.0)), peak.shape)
    scale = np.minimum(top / peak / clips, 2.0**60)
    return on_levels(scale, population, edges, of, plan, ports)[of]


def on_levels(
    scale: Reals,
    population: RealPopulation,
    edges: Sequence[RealEdge],
    of: Groups,
    plan: Plan,
    ports: Mapping[str, InputPort],
) -> Reals:
    """Scales of groups, moved so that the threshold is a whole level where a group has but one."""
    if not population.fires:
        return scale
    threshold = grouped(population.threshold, of, np.maximum)
    alike = -grouped(-population.threshold, of, np.maximum) == threshold
    movable = alike & (threshold > 0)
    level = np.floor(threshold * scale + 1e-9)
    divisor = np.where(movable, threshold, 1.0)
    lower = np.where(movable & (level >= 1), level / divisor, scale)
    coarse = movable & (level < FINE)
    if not coarse.any():
        return lower
    higher = np.where(coarse, (level + 1) / divisor, lower)
    bits = plan.bits_of(population.name)
    lost = [rounding_error(candidate[of], edges, bits, ports) for candidate in (lower, higher)]
    less = grouped(lost[1], of, np.add) < grouped(lost[0], of, np.add)
    return np.where(less, higher, lower)


def rounding_error(
    scales: Reals, edges: Sequence[RealEdge], bits: int, ports: Mapping[str, InputPort]
) -> Reals:
    """Squared error of each neuron's weights at these scales."""
    low, high = signed_range(bits)
    total = np.zeros(len(scales))
    for edge in edges:
        factor = by_row(edge, scales) / value_scale(ports, edge)
        off = np.clip(np.rint(edge.weights * factor), low, high) / factor - edge.weights
        total += over_rows(edge, off * off * value_scale(ports, edge) ** -2.0, np.add)
    return total
