"""The inverse of mapping: logical weights and levels out of memory images, to prove what was packed."""

import numpy as np

from spikewright.compiler.parameters import unpack_levels_word, unpack_parameters
from spikewright.compiler.planes import expand_kernels
from spikewright.compiler.rows import expand_compressed, expand_dense, port_rows
from spikewright.compiler.words import Image, Integers
from spikewright.config import ChipConfig, CompressedRows, KernelRows, ParameterName
from spikewright.convolution import Plane
from spikewright.network import Edge
from spikewright.neuron import Levels

__all__ = ["unpack_edges", "unpack_levels"]


def unpack_edges(chip: ChipConfig, images: dict[str, Image]) -> tuple[Edge, ...]:
    """Edges of the chip, core by core and port by port, with weights in logical order.

    Kernels stay kernels; rows of sources in the plane are one for each source again.
    """
    placements = {core.name: np.array(core.placement) for core in chip.cores}
    edges = []
    for core in chip.cores:
        if isinstance(core.rows, KernelRows):
            ports = [port for port in core.ports if port.kind != "pace"]
            edges += [
                Edge(source=port.source, target=core.name, weights=kernel, convolution=port.convolution,
                     delay=port.delay)
                for port, kernel in zip(ports, expand_kernels(core, images), strict=True)
            ]  # fmt: skip
            continue
        if isinstance(core.rows, CompressedRows):
            placed = expand_compressed(core, core.rows, images)
        else:
            placed = expand_dense(core, images)
        own = placements[core.name]
        for port in core.ports:
            if port.kind == "pace":
                continue
            rows = port_rows(placed, port).reshape(port.addresses, -1)
            weights = np.zeros((core.neurons, port.addresses), np.int64)
            sources = placements.get(port.source) if port.plane is None else None
            columns = np.arange(port.addresses) if sources is None else sources[sources >= 0]
            weights[np.ix_(own[own >= 0], columns)] = rows[:, own >= 0].T
            if port.plane is not None:
                weights = spread(weights, port.plane.shape, port.pool)
            edges.append(Edge(source=port.source, target=core.name, weights=weights, delay=port.delay))
    return tuple(edges)


def spread(rows: Integers, shape: Plane, pool: tuple[int, int]) -> Integers:
    """Weights of every source in the plane, from those of windows."""
    channels, height, width = shape
    weights = np.zeros((len(rows), *shape), np.int64)
    windows = rows.reshape(len(rows), channels, height // pool[0], width // pool[1])
    whole = height // pool[0] * pool[0], width // pool[1] * pool[1]
    weights[:, :, : whole[0], : whole[1]] = windows.repeat(pool[0], axis=2).repeat(pool[1], axis=3)
    return weights.reshape(len(rows), -1)


def unpack_levels(chip: ChipConfig, images: dict[str, Image]) -> dict[str, dict[ParameterName, Levels]]:
    """Levels in the memories of every core that has any: by neuron, or one that all share."""
    found: dict[str, dict[ParameterName, Levels]] = {}
    for core in chip.cores:
        if core.parameters:
            found[core.name] = unpack_parameters(core, images[f"{core.name}.parameters"])
        if core.levels:
            shared = unpack_levels_word(core, images[f"{core.name}.levels"])
            found[core.name] = found.get(core.name, {}) | shared
    return found
