"""Random networks of everything that the contract allows, integer and real, and what is fed to them."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from spikewright.convolution import Convolution
from spikewright.ir import RealCurrent, RealEdge, RealNetwork, RealPopulation
from spikewright.network import Edge, InputPort, IntegerNetwork, Population
from spikewright.neuron import Current, Decay, Levels, NeuronConfig

__all__ = ["integer_feed", "integer_network", "real_feed", "real_network"]

Shape = tuple[int, ...]
Rng = np.random.Generator


@dataclass(frozen=True, slots=True, kw_only=True)
class Wiring:
    """What is joined to what: ``populations`` are name, shape, and whether they fire."""

    inputs: tuple[InputPort, ...]
    populations: tuple[tuple[str, Shape, bool], ...]
    edges: tuple[tuple[str, str, Convolution | None, Levels], ...]


def random_wiring(rng: Rng) -> Wiring:
    """Up to four populations, in the plane or not; skips, joins, cycles, delays."""
    inputs = [
        InputPort(name="spikes", shape=(2, 5, 4)),
        InputPort(name="counts", shape=(3, 2), max_events=int(rng.integers(2, 9))),
        InputPort(name="values", shape=(2, 3, 5), value_bits=int(rng.integers(1, 9))),
        InputPort(name="held", shape=(2, 4, 3), kind="hold", value_bits=int(rng.integers(0, 9))),
        InputPort(name="context", shape=(2,), kind="hold"),
    ]
    inputs = [port for port in inputs if rng.random() < 0.5] or inputs[:1]
    shapes: dict[str, Shape] = {port.name: port.shape for port in inputs}
    held = {port.name for port in inputs if port.kind == "hold"}
    populations = []
    for index in range(int(rng.integers(1, 5))):
        name, fires = f"p{index}", index == 0 or bool(rng.random() < 0.75)
        shapes[name] = random_shape(rng)
        populations.append((name, shapes[name], fires))
    edges = []
    names = list(shapes)
    for target, shape, _ in populations:
        for source in names:
            silent = any(name == source and not fires for name, _, fires in populations)
            closes = names.index(source) >= names.index(target)
            if silent or rng.random() > (0.3 if closes else 0.6):
                continue
            for delay in random_delays(rng, int(np.prod(shapes[source])), closes=closes):
                convolution = None
                if len(shape) == len(shapes[source]) == 3 and rng.random() < 0.8:
                    convolution = random_convolution(rng, shapes[source], shape, pool=source not in held)
                edges.append((source, target, convolution, delay))
    order = rng.permutation(len(edges))
    return Wiring(
        inputs=tuple(inputs), populations=tuple(populations), edges=tuple(edges[index] for index in order)
    )


def random_shape(rng: Rng) -> Shape:
    """In the plane, or a few neurons in a row."""
    if rng.random() < 0.6:
        return int(rng.integers(1, 5)), int(rng.integers(1, 5)), int(rng.integers(1, 5))
    return (int(rng.integers(1, 6)),)


def random_delays(rng: Rng, sources: int, *, closes: bool) -> list[Levels]:
    """Delays of one edge, or of two that differ."""
    least = int(closes)
    kind = rng.random()
    if kind < 0.5:
        return [(least,)]
    if kind < 0.7:
        return [(int(rng.integers(least, 5)),)]
    if kind < 0.9:
        return [tuple(int(delay) for delay in rng.integers(least, 5, sources))]
    return [(least,), (least + 2,)]


def random_convolution(rng: Rng, source: Shape, target: Shape, *, pool: bool) -> Convolution:
    """Any geometry between two shapes: the target may see less than all, or nothing but padding."""

    def pair(low: int, high: int) -> tuple[int, int]:
        return int(rng.integers(low, high)), int(rng.integers(low, high))

    groups = [g for g in (1, 2, 3, 4) if source[0] % g == 0 and target[0] % g == 0]
    return Convolution(
        source=source,  # type: ignore[arg-type]  # it has three
        target=target,  # type: ignore[arg-type]
        size=pair(1, 4),
        stride=pair(1, 4),
        padding=pair(0, 3),
        dilation=pair(1, 3),
        groups=int(rng.choice(groups)),
        pool=pair(1, 3) if pool else (1, 1),
    )


def weights_shape(wiring: Wiring, source: str, target: str, convolution: Convolution | None) -> Shape:
    """Of a kernel or of a matrix."""
    if convolution is not None:
        return convolution.kernel_shape
    sizes = {port.name: port.size for port in wiring.inputs}
    sizes |= {name: int(np.prod(shape)) for name, shape, _ in wiring.populations}
    return sizes[target], sizes[source]


def integer_network(seed: int) -> IntegerNetwork:
    """Neurons whose states reach from silence to saturation."""
    rng = np.random.default_rng(seed)
    wiring = random_wiring(rng)
    populations = {
        name: Population(name=name, size=int(np.prod(shape)), shape=shape if len(shape) > 1 else (),
                         neuron=random_neuron(rng, int(np.prod(shape)), fires))
        for name, shape, fires in wiring.populations
    }  # fmt: skip
    edges = []
    for source, target, convolution, delay in wiring.edges:
        reach = max(1, (1 << (populations[target].neuron.state_bits - 1)) >> int(rng.integers(3, 11)))
        shape = weights_shape(wiring, source, target, convolution)
        weights = rng.integers(-reach // 2, reach, shape, endpoint=True) * (rng.random(shape) < 0.7)
        edges.append(
            Edge(source=source, target=target, weights=weights, convolution=convolution, delay=delay)
        )
    return IntegerNetwork(
        name="random",
        inputs=wiring.inputs,
        populations=tuple(populations.values()),
        edges=tuple(edges),
        outputs=("p0",),
    )


def random_neuron(rng: Rng, size: int, fires: bool) -> NeuronConfig:
    """Any arithmetic; levels for all or for each."""
    bits = int(rng.integers(8, 25))
    high = (1 << (bits - 1)) - 1
    many = size if rng.random() < 0.5 else 1

    def levels(low: int, top: int) -> Levels:
        return tuple(int(value) for value in rng.integers(low, top, many, endpoint=True))

    def decay(width: int) -> Decay:
        fraction = int(rng.integers(0, 17))
        kind: Any = rng.choice(["none", "shift", "multiply"])
        shift = int(rng.integers(0, width))
        return Decay(kind=kind, shift=shift, factor=levels(0, 1 << fraction), fraction_bits=fraction)

    reset, when = ("subtract", "set")[rng.integers(2)], ("now", "next")[rng.integers(2)]
    several = fires and (reset, when) == ("subtract", "now") and rng.random() < 0.5
    floor = int(rng.integers(-high, 1)) if rng.random() < 0.4 else None
    current = None
    if rng.random() < 0.4:
        width = int(np.clip(bits + rng.integers(-2, 3), 8, 24))
        top = 1 << (width - 1)
        feeds: Any = rng.choice(["new", "old"])
        current = Current(bits=width, decay=decay(width), bias=levels(-top // 8, top // 8), feeds=feeds)
    return NeuronConfig(
        fires=fires,
        state_bits=bits,
        decay=decay(bits),
        compare=levels(1, high // 3),
        reset=reset,  # type: ignore[arg-type]
        reset_when=when,  # type: ignore[arg-type]
        reset_amount=levels(0, high // 3) if rng.random() < 0.9 else (0,),
        reset_value=levels(0 if floor is not None else -high // 4, high // 4),
        bias=levels(-high // 8, high // 8),
        floor=floor,
        max_spikes=int(rng.choice([2, 3, 4, 255])) if several else 1,
        current=current,
    )


def integer_feed(
    network: IntegerNetwork, seed: int, samples: int = 2, steps: int = 10
) -> dict[str, npt.NDArray[Any]]:
    """Events that now and then are many, and now and then none."""
    rng = np.random.default_rng(seed)
    feed = {}
    for port in network.inputs:
        shape = (samples, steps, *port.shape)
        values = rng.integers(1, port.max_value, shape, endpoint=True)
        present = rng.random(shape) < 0.3
        if port.kind == "hold" or rng.random() < 0.4:
            present &= (rng.random((samples, steps)) < 0.4).reshape(samples, steps, *[1] * len(port.shape))
        feed[port.name] = values * present
    return feed


def real_network(seed: int) -> RealNetwork:
    """Everything a multiple of an eighth and decays of few bits: float64 rounds nothing."""
    rng = np.random.default_rng(seed)
    wiring = random_wiring(rng)

    def eighths(low: int, high: int, size: Any) -> npt.NDArray[np.float64]:
        return np.asarray(rng.integers(low, high, size, endpoint=True) / 8)

    populations = []
    for name, shape, fires in wiring.populations:
        size = int(np.prod(shape))
        reset, when = ("subtract", "set")[rng.integers(2)], ("now", "next")[rng.integers(2)]
        several = fires and (reset, when) == ("subtract", "now") and rng.random() < 0.5
        decays = rng.choice([0.0, 0.5, 0.75, 1.0], (2, size))
        feeds: Any = rng.choice(["new", "old"])
        current = RealCurrent(decay=decays[1], bias=eighths(-2, 4, size), feeds=feeds)
        populations.append(
            RealPopulation(
                name=name,
                size=size,
                shape=shape if len(shape) > 1 else (),
                fires=fires,
                decay=decays[0],
                bias=eighths(-2, 4, size),
                threshold=eighths(4, 40, size),
                reset_amount=eighths(0, 40, size),
                reset_value=eighths(-4, 3, size),
                compare=("gt", "ge")[rng.integers(2)],
                reset=reset,  # type: ignore[arg-type]
                reset_when=when,  # type: ignore[arg-type]
                max_spikes=int(rng.integers(2, 5)) if several else 1,
                v_min=-0.5 if rng.random() < 0.3 else None,
                current=current if rng.random() < 0.4 else None,
            )
        )
    edges = []
    for source, target, convolution, delay in wiring.edges:
        shape = weights_shape(wiring, source, target, convolution)
        weights = eighths(-8, 12, shape) * (rng.random(shape) < 0.7)
        edges.append(
            RealEdge(source=source, target=target, weights=weights, convolution=convolution, delay=delay)
        )
    return RealNetwork(
        name="random",
        inputs=wiring.inputs,
        populations=tuple(populations),
        edges=tuple(edges),
        outputs=("p0",),
    )


def real_feed(
    network: RealNetwork, seed: int, samples: int = 2, steps: int = 10
) -> dict[str, npt.NDArray[Any]]:
    """Spikes and counts, or quarters where events carry values."""
    rng = np.random.default_rng(seed)
    feed = {}
    for port in network.inputs:
        shape = (samples, steps, *port.shape)
        values = rng.integers(1, 9 if port.value_bits else port.max_value + 1, shape) / 1
        values /= 4 if port.value_bits else 1
        present = rng.random(shape) < 0.3
        if port.kind == "hold":
            present &= (rng.random((samples, steps)) < 0.4).reshape(samples, steps, *[1] * len(port.shape))
        feed[port.name] = values * present
    return feed
