"""Random integer networks in the plane: convolutions, pooling, dense layers on top, delays and cycles."""

from math import prod
from typing import Any, Literal

import numpy as np

from spikewright.convolution import Convolution, Plane
from spikewright.fixed import signed_range
from spikewright.network import Edge, InputPort, IntegerNetwork, Population
from tests.networks import Case, enriched, random_events, random_neuron, random_weights

__all__ = ["random_convolution", "random_plane_case", "random_plane_network"]


def random_convolution(rng: np.random.Generator, source: Plane, *, most: int = 6) -> Convolution:
    """Any geometry that leaves something of the plane; pooled, grouped, strided, dilated, padded, flat."""
    pool = tuple(int(rng.choice([1, 1, 2, 3])) if length >= 6 else 1 for length in source[1:])
    groups = int(rng.choice([g for g in (1, 1, 2, 3, source[0]) if source[0] % g == 0]))
    chosen: list[dict[str, int]] = []
    for axis in (0, 1):
        length = source[axis + 1] // pool[axis]
        size = int(rng.integers(1, 4)) if source[axis + 1] > 1 else 1
        dilation = int(rng.integers(1, 3)) if size > 1 else 1
        padding = int(rng.integers(0, 3)) if source[axis + 1] > 1 else 0
        span = dilation * (size - 1) + 1
        if length + 2 * padding < span:
            size, dilation, span = 1, 1, 1
        stride = int(rng.integers(1, 4)) if length > 2 else 1
        target = (length + 2 * padding - span) // stride + 1
        chosen.append(
            {"size": size, "dilation": dilation, "padding": padding, "stride": stride, "target": target}
        )
    pair: dict[str, Any] = {key: (chosen[0][key], chosen[1][key]) for key in chosen[0]}
    channels = groups * int(rng.integers(1, max(2, most // groups + 1)))
    return Convolution(
        source=source, target=(channels, *pair["target"]), size=pair["size"], stride=pair["stride"],
        padding=pair["padding"], dilation=pair["dilation"], groups=groups, pool=(pool[0], pool[1]),
    )  # fmt: skip


def random_delay(rng: np.random.Generator, size: int, least: int) -> tuple[int, ...]:
    """Steps for all sources, or for each."""
    if rng.random() < 0.4:
        return (least + int(rng.integers(0, 3)),)
    return tuple(int(d) for d in rng.integers(least, least + 3, size))


def same_plane(rng: np.random.Generator, shape: Plane) -> Convolution:
    """A convolution from a plane onto the same shape."""
    size = int(rng.choice([1, 3])) if min(shape[1:]) > 1 else 1
    groups = int(rng.choice([1, shape[0]]))
    return Convolution(source=shape, target=shape, size=(size, size), padding=(size // 2,) * 2, groups=groups)


def random_plane_network(seed: int) -> IntegerNetwork:
    """An input in the plane, one to three convolutions, skips, loops, and maybe dense layers on top."""
    rng = np.random.default_rng([seed, 77])
    weight_bits = int(rng.integers(2, 9))
    flat = rng.random() < 0.2
    shape: Plane = (
        int(rng.integers(1, 4)),
        1 if flat else int(rng.integers(3, 10)),
        int(rng.integers(4, 12)),
    )
    kind: Literal["drive", "hold"] = "hold" if rng.random() < 0.15 else "drive"
    values = int(rng.integers(1, 4)) if rng.random() < 0.25 else 0
    counts = int(rng.integers(1, 4)) if not values and kind == "drive" else 1
    port = InputPort(name="in", shape=shape, kind=kind, value_bits=values, max_events=counts)
    populations: list[Population] = []
    edges: list[Edge] = []
    source, plane = "in", shape

    def add(name: str, shape: tuple[int, ...], into: list[Edge], *, fires: bool = True) -> None:
        size = int(np.prod(shape))
        fan_in = 1
        for edge in into:
            matrix = edge.matrix()
            fan_in += int(abs(matrix).sum(axis=1).max())
        neuron = random_neuron(rng, size, fires=fires, drive=fan_in)
        neuron = enriched(neuron, size, rng, drive=fan_in)
        populations.append(
            Population(name=name, size=size, neuron=neuron, shape=shape if len(shape) == 3 else ())
        )
        edges.extend(into)

    for index in range(int(rng.integers(1, 4))):
        name, convolution = f"c{index}", random_convolution(rng, plane)
        outer, *inner = convolution.kernel_shape
        weights = random_weights(rng, (outer, prod(inner)), weight_bits).reshape(convolution.kernel_shape)
        delay = random_delay(rng, int(np.prod(plane)), 0) if rng.random() < 0.2 and not values else (0,)
        into = [Edge(source=source, target=name, weights=weights, convolution=convolution, delay=delay)]
        if rng.random() < 0.25:
            loop = same_plane(rng, convolution.target)
            kernel = rng.integers(*signed_range(weight_bits), loop.kernel_shape, endpoint=True)
            delay = random_delay(rng, int(np.prod(loop.source)), 1)
            into.append(Edge(source=name, target=name, weights=kernel, convolution=loop, delay=delay))
        add(name, convolution.target, into)
        source, plane = name, convolution.target
    if rng.random() < 0.7:
        size = int(rng.integers(1, 12))
        into = [Edge(source=source, target="top", weights=top_weights(rng, size, plane, weight_bits))]
        if rng.random() < 0.4:
            loop_weights = random_weights(rng, (size, size), weight_bits)
            into.append(
                Edge(source="top", target="top", weights=loop_weights, delay=random_delay(rng, size, 1))
            )
        if rng.random() < 0.3:  # a population that only what comes later feeds
            back = random_weights(rng, (5, size), weight_bits)
            add("back", (5,), [Edge(source="top", target="back", weights=back, delay=(1,))])
            into.append(
                Edge(source="back", target="top", weights=random_weights(rng, (size, 5), weight_bits))
            )
        add("top", (size,), into, fires=len(into) > 1 or bool(rng.random() < 0.5))
    outputs = [populations[-1].name]
    outputs += [p.name for p in populations[:-1] if rng.random() < 0.2]
    ordered = tuple(p.name for p in populations if p.name in outputs)
    return IntegerNetwork(
        name=f"plane{seed}",
        inputs=(port,),
        populations=tuple(populations),
        edges=tuple(edges),
        outputs=ordered,
        weight_bits=weight_bits,
    )


def random_plane_case(seed: int, *, steps: int = 8, samples: int = 3) -> Case:
    """The network of a seed, how it is mapped, and what is fed to it."""
    network = random_plane_network(seed)
    rng = np.random.default_rng([seed, 78])
    mapping = {
        "lanes": None if rng.random() < 0.4 else int(2 ** rng.integers(0, 4)),
        "contents": "bus" if rng.random() < 0.3 else "baked",
        "rows": str(rng.choice(["auto", "dense", "compressed"])),
    }
    x = {port.name: random_events(rng, port, samples, steps) for port in network.inputs}
    return Case(network=network, mapping=mapping, x=x)


def top_weights(rng: np.random.Generator, size: int, plane: Plane, weight_bits: int) -> np.ndarray:
    """A dense layer on a plane, of every neuron or of windows that were summed."""
    channels, height, width = plane
    weights = random_weights(rng, (size, channels * height * width), weight_bits)
    if rng.random() < 0.5 or min(height, width) < 2:
        return weights
    windows = weights.reshape(size, *plane)[:, :, : height // 2, : width // 2]
    pooled = windows.repeat(2, axis=2).repeat(2, axis=3)
    full = np.zeros((size, *plane), np.int64)
    full[:, :, : height // 2 * 2, : width // 2 * 2] = pooled
    return full.reshape(size, -1)
