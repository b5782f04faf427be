"""Random integer networks over the range that users have, for benchmarks/area_model.py.

Two in three are layers of neurons, one in three begins with convolutions. In each, an edge may have a delay
and a population a loop.
"""

from collections.abc import Sequence
from typing import Literal

import numpy as np

from spikewright.convolution import Convolution, Plane
from spikewright.fixed import signed_range
from spikewright.network import Edge, InputPort, IntegerNetwork, Population
from spikewright.neuron import Current, Decay, NeuronConfig

__all__ = ["random_network"]

DELAYED = 0.12
"""Share of edges with a delay, and of firing populations with a loop."""


def random_network(rng: np.random.Generator, name: str) -> IntegerNetwork:
    """Layers, or convolutions and maybe a layer on top of them."""
    weight_bits = int(rng.integers(2, 17))
    if rng.random() < 0.33:
        return plane_network(rng, name, min(weight_bits, 9))
    inputs = tuple(random_input(rng, f"in{index}") for index in range(1 + (rng.random() < 0.2)))
    layers = int(rng.choice([1, 2, 3], p=[0.4, 0.4, 0.2]))
    density = float(rng.choice([1.0, 1.0, 0.3, 0.1, 0.05]))
    drawn = Drawn(rng, inputs, weight_bits)
    before = [port.name for port in inputs]
    for index in range(layers):
        target, last = f"p{index}", index == layers - 1
        size = int(rng.integers(2, 17)) if last and rng.random() < 0.5 else log_uniform(rng, 8, 1024)
        sources = [*before, *([inputs[0].name] if index and rng.random() < 0.1 else [])]
        drawn.layer(target, size, sources, density, fires=not last or bool(rng.random() < 0.6))
        before = [target]
    return drawn.network(name)


def plane_network(rng: np.random.Generator, name: str, weight_bits: int) -> IntegerNetwork:
    """An input in the plane, one or two convolutions, and mostly a dense layer on top."""
    flat = rng.random() < 0.15
    plane: Plane = (int(rng.choice([1, 1, 2, 2, 3])), 1 if flat else int(rng.integers(6, 35)),
                    int(rng.integers(8, 129) if flat else rng.integers(6, 35)))
    port = InputPort(name="in", shape=plane, kind="hold" if rng.random() < 0.15 else "drive",
                     value_bits=int(rng.integers(2, 9)) if rng.random() < 0.2 else 0)
    drawn = Drawn(rng, (port,), weight_bits)
    source = port.name
    top = bool(rng.random() < 0.75)
    count = int(rng.choice([1, 2], p=[0.6, 0.4]))
    for index in range(count):
        target = f"c{index}"
        fires = top or index < count - 1 or bool(rng.random() < 0.7)
        plane = drawn.convolution(target, source, plane, fires=fires)
        source = target
    if top:
        drawn.layer("top", int(rng.integers(2, 33)), [source], 1.0, fires=bool(rng.random() < 0.6),
                    pooled=plane if rng.random() < 0.5 and min(plane[1:]) > 1 else None)
    return drawn.network(name)


class Drawn:
    """A network as far as it is drawn."""

    def __init__(self, rng: np.random.Generator, inputs: tuple[InputPort, ...], weight_bits: int) -> None:
        self.rng, self.inputs, self.weight_bits = rng, inputs, weight_bits
        self.low, self.high = signed_range(weight_bits)
        self.sizes = {port.name: port.size for port in inputs}
        self.populations: list[Population] = []
        self.edges: list[Edge] = []

    def layer(self, target: str, size: int, sources: Sequence[str], density: float, *, fires: bool,
              pooled: Plane | None = None) -> None:
        """A layer that is fed by others; where ``pooled``, by windows of a plane that were summed."""
        rng, loop = self.rng, fires and self.rng.random() < DELAYED
        for source in [*sources, *([target] if loop else [])]:
            count = size if source == target else self.sizes[source]
            weights = rng.integers(self.low, self.high, size=(size, count), endpoint=True)
            weights = weights * (rng.random(weights.shape) < density)
            if pooled is not None and source != target:
                channels, height, width = pooled
                windows = weights.reshape(size, *pooled)[:, :, ::2, ::2]
                windows = windows.repeat(2, axis=2)[:, :, :height].repeat(2, axis=3)[..., :width]
                weights = windows.reshape(size, channels * height * width)
            delay = self.delay(count, 1) if source == target else \
                self.delay(count, 0) if rng.random() < DELAYED else (0,)
            self.edges.append(Edge(source=source, target=target, weights=weights, delay=delay))
        self.add(target, size, fires=fires)

    def convolution(self, target: str, source: str, plane: Plane, *, fires: bool) -> Plane:
        """A convolution, at times of pooled windows, in groups, or with a loop; the plane that it gives."""
        rng = self.rng
        pool = 2 if min(plane[1:]) >= 8 and rng.random() < 0.3 else 1
        size, stride = int(rng.choice([1, 3, 3, 5])), int(rng.choice([1, 1, 2]))
        padding = int(rng.choice([0, size // 2]))
        groups = plane[0] if rng.random() < 0.15 else 1
        channels = groups * max(1, log_uniform(rng, 2, 24) // groups)
        shape: list[dict[str, int]] = []
        for length in plane[1:]:
            if length == 1:
                shape.append({"pool": 1, "size": 1, "stride": 1, "padding": 0, "target": 1})
                continue
            kernel = min(size, length // pool)
            reached = (length // pool + 2 * padding - kernel) // stride + 1
            shape.append({"pool": pool, "size": kernel, "stride": stride, "padding": padding,
                          "target": reached})
        down, across = shape
        made: Plane = channels, down["target"], across["target"]
        pairs = {key: (down[key], across[key]) for key in ("pool", "size", "stride", "padding")}
        convolution = Convolution(source=plane, target=made, groups=groups, **pairs)
        delay = self.delay(self.sizes[source], 0) if rng.random() < DELAYED else (0,)
        self.kernel(source, target, convolution, delay)
        neurons = channels * made[1] * made[2]
        if fires and rng.random() < DELAYED / 2:
            around = tuple(3 if length > 1 else 1 for length in made[1:])
            loop = Convolution(source=made, target=made, size=(around[0], around[1]),
                               padding=(around[0] // 2, around[1] // 2))
            self.kernel(target, target, loop, self.delay(neurons, 1))
        self.add(target, neurons, fires=fires, shape=made)
        return made

    def kernel(self, source: str, target: str, shape: Convolution, delay: tuple[int, ...]) -> None:
        """An edge of random kernels."""
        weights = self.rng.integers(self.low, self.high, size=shape.kernel_shape, endpoint=True)
        self.edges.append(Edge(source=source, target=target, weights=weights, convolution=shape, delay=delay))

    def add(self, name: str, size: int, *, fires: bool, shape: Plane | None = None) -> None:
        """A population."""
        self.sizes[name] = size
        self.populations.append(Population(name=name, size=size, shape=shape or (),
                                           neuron=random_neuron(self.rng, size, fires=fires)))

    def delay(self, size: int, least: int) -> tuple[int, ...]:
        """Steps for all sources, mostly one; at times for each."""
        if self.rng.random() < 0.7:
            return (int(self.rng.choice([1, 1, 2, 3, 5, 8])),)
        most = int(self.rng.choice([2, 4, 8]))
        return tuple(int(steps) for steps in self.rng.integers(least, most, size, endpoint=True))

    def network(self, name: str) -> IntegerNetwork:
        """All of it; the last population leaves the chip."""
        return IntegerNetwork(
            name=name, inputs=self.inputs, populations=tuple(self.populations), edges=tuple(self.edges),
            outputs=(self.populations[-1].name,), weight_bits=self.weight_bits)


def log_uniform(rng: np.random.Generator, low: int, high: int) -> int:
    """A size; every doubling is equally likely."""
    return round(float(2 ** rng.uniform(np.log2(low), np.log2(high))))


def random_input(rng: np.random.Generator, name: str) -> InputPort:
    """Spikes, at times several, values, or held."""
    hold, values = rng.random() < 0.2, rng.random() < 0.25
    return InputPort(name=name, shape=(log_uniform(rng, 8, 1024),), kind="hold" if hold else "drive",
                     value_bits=int(rng.integers(2, 9)) if values else 0,
                     max_events=1 if hold or values or rng.random() < 0.9 else int(rng.integers(2, 8)))


def random_neuron(rng: np.random.Generator, size: int, *, fires: bool) -> NeuronConfig:
    """Any decay and reset; at times levels for each, currents, several spikes."""
    bits = int(rng.integers(8, 25))
    low, high = signed_range(bits)

    def levels(least: int, most: int, each: float = 0.2) -> tuple[int, ...]:
        count = size if rng.random() < each else 1
        return tuple(int(level) for level in rng.integers(least, most, size=count, endpoint=True))

    reset: Literal["subtract", "set"] = "subtract" if rng.random() < 0.6 else "set"
    compare = levels(high // 4, high // 2)
    amount = compare if rng.random() < 0.6 else levels(high // 8, high // 4)
    value = levels(-(high // 8), high // 8) if rng.random() < 0.4 else (0,)
    when: Literal["now", "next"] = "now" if rng.random() < 0.6 else "next"
    repeats = fires and reset == "subtract" and when == "now" and rng.random() < 0.3
    return NeuronConfig(
        fires=fires, state_bits=bits, decay=random_decay(rng, size), compare=compare, reset=reset,
        reset_when=when, max_spikes=int(rng.integers(2, 9)) if repeats else 1,
        current=random_current(rng, size) if rng.random() < 0.2 else None,
        reset_amount=amount if reset == "subtract" else (0,), reset_value=value if reset == "set" else (0,),
        bias=levels(-(high // 8), high // 8, each=0.6) if rng.random() < 0.4 else (0,),
        floor=int(rng.integers(low // 2, -(high // 8))) if rng.random() < 0.15 else None)


def random_current(rng: np.random.Generator, size: int) -> Current:
    """A synaptic current, of any decay."""
    return Current(bits=int(rng.integers(8, 25)), decay=random_decay(rng, size),
                   feeds="new" if rng.random() < 0.7 else "old")


def random_decay(rng: np.random.Generator, size: int) -> Decay:
    """None, by a shift, or by a factor between a half and one."""
    kind = rng.choice(["none", "shift", "multiply"], p=[0.15, 0.4, 0.45])
    if kind == "none":
        return Decay()
    if kind == "shift":
        return Decay(kind="shift", shift=int(rng.integers(1, 8)))
    fraction = int(rng.integers(4, 17))
    count = size if rng.random() < 0.2 else 1
    factors = rng.integers(1 << fraction >> 1, 1 << fraction, size=count)
    return Decay(kind="multiply", fraction_bits=fraction, factor=tuple(int(factor) for factor in factors))
