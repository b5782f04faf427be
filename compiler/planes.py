"""Which inputs and populations live in the plane, and the kernels of those that do as memory images."""

from collections.abc import Iterator

import numpy as np

from spikewright.compiler.words import Image, Integers, pack, unpack
from spikewright.config import CoreConfig
from spikewright.convolution import Convolution, Plane
from spikewright.memories import weight_memories
from spikewright.memory import BANK_WORDS
from spikewright.network import Edge, IntegerNetwork

__all__ = ["expand_kernels", "find_planes", "kernel_images", "kernel_lanes", "window"]

MOST_LANES = 8


def find_planes(network: IntegerNetwork) -> dict[str, Plane]:
    """Shape in the plane of every input and population that lives there.

    An input does where a convolution takes it so; a population where all edges into it are convolutions from
    the plane, onto the same shape.
    """
    planes: dict[str, Plane] = {}
    for edge in network.edges:
        if edge.convolution is not None and network.input(edge.source) is not None:
            planes.setdefault(edge.source, edge.convolution.source)
    for population in network.populations:
        edges = network.edges_to(population.name)
        if edges and edges[0].convolution is not None:
            planes[population.name] = edges[0].convolution.target
    while True:
        populations = [name for name in planes if network.input(name) is None]
        wrong = [name for name in populations if not lives_there(network, name, planes)]
        if not wrong:
            return planes
        for name in wrong:
            del planes[name]


def lives_there(network: IntegerNetwork, name: str, planes: dict[str, Plane]) -> bool:
    """Whether all edges into a population are convolutions between what lives in the plane."""
    return all(
        edge.convolution is not None
        and edge.convolution.target == planes[name]
        and planes.get(edge.source) == edge.convolution.source
        for edge in network.edges_to(name)
    )


def kernel_lanes(edges: tuple[Edge, ...]) -> int:
    """Lanes of a core of kernels where none are asked for: a lane a channel of a group, at most eight."""
    channels = max(edge.convolution.channels_a_group for edge in edges if edge.convolution is not None)
    return min(MOST_LANES, 1 << (channels - 1).bit_length())


def window(matrix: Integers, source: Plane, *, rests: bool = True) -> tuple[int, int]:
    """Height and width of the largest windows of the source, side by side, whose columns are the same.

    Rests at the ends must have no synapse, or without ``rests`` not be. ``matrix`` is ``(targets, sources)``.
    """
    columns = matrix.reshape(len(matrix), *source)
    sizes = []
    for axis in (2, 3):
        along = np.moveaxis(columns, axis, -1)
        length = along.shape[-1]
        whole = [size for size in range(length, 0, -1) if rests or length % size == 0]
        sizes.append(next(size for size in whole if repeats(along, size)))
    return sizes[0], sizes[1]


def repeats(along: Integers, size: int) -> bool:
    """Whether the last axis consists of runs of ``size`` equal values, and a rest of zeros."""
    whole = along.shape[-1] // size * size
    runs = along[..., :whole].reshape(*along.shape[:-1], -1, size)
    return bool((runs == runs[..., :1]).all()) and not along[..., whole:].any()


def kernel_words(convolution: Convolution, lanes: int) -> Iterator[tuple[int, int, int, int]]:
    """For every group and word of it: the group, the word, first target channel and channels in that word."""
    reached = convolution.channels_a_group
    for group in range(convolution.groups):
        first = group * reached
        base = first // lanes * lanes
        for word in range(convolution.group_words(lanes)):
            low, high = max(first, base + word * lanes), min(first + reached, base + (word + 1) * lanes)
            if low < high:
                yield group, word, low, high - low


def place_kernel(edge: Edge, lanes: int) -> Integers:
    """Words of one kernel, ``(words, lanes)``."""
    convolution = edge.convolution
    assert convolution is not None
    within = convolution.source[0] // convolution.groups
    taps = convolution.size[0] * convolution.size[1]
    words = np.zeros((convolution.source[0], taps, convolution.group_words(lanes), lanes), np.int64)
    kernel = edge.weights.reshape(convolution.target[0], within, taps)
    for group, word, low, count in kernel_words(convolution, lanes):
        channels = slice(group * within, (group + 1) * within)
        first = low % lanes
        words[channels, :, word, first : first + count] = kernel[low : low + count].transpose(1, 2, 0)
    return words.reshape(-1, lanes)


def kernel_images(core: CoreConfig, edges: tuple[Edge, ...]) -> dict[str, Image]:
    """The weight memory of kernels; see :class:`~spikewright.config.KernelRows`."""
    words = np.concatenate([place_kernel(edge, core.lanes) for edge in edges])
    image = pack(words, [core.weight_bits] * core.lanes)
    return {
        memory.name: image[bank * BANK_WORDS : (bank + 1) * BANK_WORDS]
        for bank, memory in enumerate(weight_memories(core))
    }


def expand_kernels(core: CoreConfig, images: dict[str, Image]) -> tuple[Integers, ...]:
    """The kernels that the image of a core holds, port by port: the inverse of :func:`kernel_images`."""
    image = np.concatenate([images[memory.name] for memory in weight_memories(core)])
    words = unpack(image, [core.weight_bits] * core.lanes, [True] * core.lanes)
    kernels = []
    for port in core.ports:
        convolution = port.convolution
        if convolution is None:
            continue
        taps, group_words = convolution.size[0] * convolution.size[1], convolution.group_words(core.lanes)
        count = convolution.source[0] * taps * group_words
        block = words[port.first_row : port.first_row + count]
        block = block.reshape(convolution.source[0], taps, group_words, core.lanes)
        within = convolution.source[0] // convolution.groups
        kernel = np.zeros((convolution.target[0], within, taps), np.int64)
        for group, word, low, many in kernel_words(convolution, core.lanes):
            lanes = slice(low % core.lanes, low % core.lanes + many)
            channels = slice(group * within, (group + 1) * within)
            kernel[low : low + many] = block[channels, :, word, lanes].transpose(2, 0, 1)
        kernels.append(kernel.reshape(convolution.kernel_shape))
    return tuple(kernels)
