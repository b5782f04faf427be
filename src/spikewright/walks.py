"""How many words of weights an event takes a core: what timing and activity count by."""

import numpy as np
import numpy.typing as npt

from spikewright.config import CompressedRows, CoreConfig, KernelRows, PortConfig
from spikewright.errors import ConfigError
from spikewright.network import Edge, IntegerNetwork

__all__ = ["port_edge", "reached", "walked_words"]

Integers = npt.NDArray[np.int64]


def port_edge(network: IntegerNetwork, core: CoreConfig, port: PortConfig) -> Edge:
    """The edge that a port was made for."""
    for edge in network.edges_to(core.name):
        if (edge.source, edge.delay) == (port.source, port.delay):
            return edge
    raise ConfigError(f"core {core.name!r}: the network has no edge from {port.source!r}")


def reached(port: PortConfig, sources: int) -> npt.NDArray[np.bool_]:
    """Whether the core keeps an event of each source: not those beyond the last window of a pooling."""
    if port.plane is None or port.convolution is not None:
        return np.full(sources, port.kind != "pace")
    _, height, width = port.plane.shape
    _, y, x = np.indices(port.plane.shape)
    within = (y < height // port.pool[0] * port.pool[0]) & (x < width // port.pool[1] * port.pool[1])
    return np.asarray(within.ravel(), bool)


def walked_words(network: IntegerNetwork, core: CoreConfig, port: PortConfig) -> Integers:
    """Words, or entries, that an event of each source takes each walker, ``(sources, walkers)``.

    As many passes of its value each: one of a spike.
    """
    sources = network.sizes[port.source]
    if port.kind == "pace":
        return np.zeros((sources, core.walkers), np.int64)
    if isinstance(core.rows, KernelRows):
        shape = port.convolution
        assert shape is not None
        words = np.array([len(shape.words(channel, core.lanes)) for channel in range(shape.source[0])])
        walked = shape.passes().reshape(len(words), -1) * words[:, None]
        column: npt.NDArray[np.int64] = walked.reshape(-1, 1)
        return column
    if not isinstance(core.rows, CompressedRows):
        return reached(port, sources)[:, None] * np.int64(core.slots)
    matrix = port_edge(network, core, port).matrix()
    placement = np.array(core.placement).reshape(core.slots, core.lanes)
    lanes = [placement[:, lane][placement[:, lane] >= 0] for lane in range(core.lanes)]
    return np.stack([np.asarray((matrix[neurons] != 0).sum(axis=0)).ravel() for neurons in lanes], axis=1)
