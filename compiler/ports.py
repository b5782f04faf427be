"""Ports of a core, and the rows of weights behind those that have rows."""

from dataclasses import dataclass

import numpy as np

from spikewright.compiler.planes import window
from spikewright.compiler.words import Integers
from spikewright.config import PortConfig
from spikewright.events import PlaneFormat
from spikewright.network import Edge, IntegerNetwork

__all__ = ["Block", "core_ports", "expand", "pace"]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Block:
    """An edge as rows: weights ``(size of target, rows)``, a row for every source, or every window of them.

    ``plane`` is that of the source, if it lives there; else rows are in the order of its places.
    """

    source: str
    weights: Integers
    plane: PlaneFormat | None = None
    pool: tuple[int, int] = (1, 1)


def expand(edge: Edge, plane: PlaneFormat | None, *, holds: bool = False) -> Block:
    """Rows of an edge; sources in the plane that lie in a window and reach the same have one row together.

    One that reaches nothing needs none, but if it ``holds``: it replaces held drive nevertheless.
    """
    matrix = edge.matrix()
    weights: Integers = matrix if isinstance(matrix, np.ndarray) else matrix.toarray()
    if plane is None:
        return Block(source=edge.source, weights=weights)
    channels, height, width = plane.shape
    pool = window(weights, plane.shape, rests=not holds)
    rows = weights.reshape(len(weights), channels, height, width)
    whole = [length // size * size for length, size in zip((height, width), pool, strict=True)]
    rows = rows[:, :, : whole[0] : pool[0], : whole[1] : pool[1]]
    return Block(source=edge.source, weights=rows.reshape(len(weights), -1), plane=plane, pool=pool)


def core_ports(
    network: IntegerNetwork,
    edges: tuple[Edge, ...],
    blocks: tuple[Block, ...] | None,
    planes: dict[str, PlaneFormat],
    lanes: int,
) -> tuple[PortConfig, ...]:
    """Ports of a core, one an edge: rows, or without ``blocks`` words of kernels, one after the other."""
    ports: list[PortConfig] = []
    row = 0
    for index, edge in enumerate(edges):
        source, convolution = network.input(edge.source), edge.convolution
        if blocks is not None:
            rows, pool, convolution = blocks[index].weights.shape[1], blocks[index].pool, None
        else:
            assert convolution is not None
            taps = convolution.size[0] * convolution.size[1]
            rows, pool = convolution.source[0] * taps * convolution.group_words(lanes), (1, 1)
        ports.append(
            PortConfig(
                source=edge.source,
                kind=source.kind if source else "drive",
                addresses=rows if blocks is not None else edge.shape[1],
                value_bits=source.value_bits if source else 0,
                first_row=row,
                plane=planes.get(edge.source),
                pool=pool,
                convolution=convolution,
                delay=edge.delay,
            )
        )
        row += rows
    return tuple(ports)


def pace(network: IntegerNetwork, edges: tuple[Edge, ...]) -> tuple[PortConfig, ...]:
    """A port that only brings tokens, where all else comes a step later: it says that there is a step."""
    if not all(network.closes_cycle(edge) for edge in edges):
        return ()
    return (PortConfig(source=network.inputs[0].name, kind="pace", addresses=0),)
