"""The inverse of mapping: logical weights and levels out of memory images, to prove what was packed."""

import numpy as np

from spikewright.compiler.parameters import unpack_levels_word, unpack_parameters
from spikewright.compiler.rows import expand_compressed, expand_dense, port_rows
from spikewright.compiler.words import Image
from spikewright.config import ChipConfig, CompressedRows, ParameterName
from spikewright.network import Edge
from spikewright.neuron import Levels

__all__ = ["unpack_edges", "unpack_levels"]


def unpack_edges(chip: ChipConfig, images: dict[str, Image]) -> tuple[Edge, ...]:
    """Edges of the chip, core by core and port by port, with weights in logical order."""
    placements = {core.name: np.array(core.placement) for core in chip.cores}
    edges = []
    for core in chip.cores:
        if isinstance(core.rows, CompressedRows):
            placed = expand_compressed(core, core.rows, images)
        else:
            placed = expand_dense(core, images)
        own = placements[core.name]
        for port in core.ports:
            rows = port_rows(placed, port).reshape(port.addresses, -1)
            weights = np.zeros((core.neurons, port.addresses), np.int64)
            sources = placements.get(port.source)
            columns = np.arange(port.addresses) if sources is None else sources[sources >= 0]
            weights[np.ix_(own[own >= 0], columns)] = rows[:, own >= 0].T
            edges.append(Edge(source=port.source, target=core.name, weights=weights))
    return tuple(edges)


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
