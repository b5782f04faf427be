"""Random integer networks: sizes, topologies, widths, densities, arithmetic, read-outs, stimuli."""

from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np

from spikewright.fixed import signed_range
from spikewright.network import Edge, InputPort, IntegerNetwork, Population
from spikewright.neuron import Current, Decay, NeuronConfig

__all__ = ["Case", "enriched", "random_case", "random_events", "random_neuron", "random_weights"]


@dataclass(frozen=True, kw_only=True, eq=False)
class Case:
    """A network, how it is mapped, and what is fed to it: ``(samples, steps, *shape)`` by input."""

    network: IntegerNetwork
    mapping: dict[str, Any]
    x: dict[str, np.ndarray]


BANKED_SIZES = 46, 80
"""Sizes in a network whose weights take several banks, in one lane: least, and past the largest."""


def random_case(seed: int, *, largest: int = 40, steps: int = 12, samples: int = 3) -> Case:
    """The case of a seed; equal seeds give equal cases.

    One in eight of those that may be so large has more weights than a bank of memory holds.
    """
    rng = np.random.default_rng(seed)
    banked = largest >= 40 and int(np.random.default_rng([seed, 1]).integers(8)) == 0
    least, largest = BANKED_SIZES if banked else (1, largest)
    weight_bits = int(rng.integers(2, 13))
    inputs = tuple(random_input(rng, f"in{i}", least, largest) for i in range(int(rng.integers(1, 3))))
    sources = {port.name: port.size for port in inputs}
    firing = dict(sources)
    populations: list[Population] = []
    edges: list[Edge] = []
    count = int(rng.integers(1, 4))
    for index in range(count):
        name, size = f"p{index}", int(rng.integers(least, largest))
        last = index == count - 1
        chosen = [list(firing)[-1]] + [source for source in list(firing)[:-1] if rng.random() < 0.3]
        if last:
            used = {edge.source for edge in edges}
            chosen += [port.name for port in inputs if port.name not in used and port.name not in chosen]
        for source in chosen:
            edges.append(
                Edge(
                    source=source,
                    target=name,
                    weights=random_weights(rng, (size, firing[source]), weight_bits),
                )
            )
        fan_in = sum(np.abs(edge.weights).sum(axis=1).max() for edge in edges if edge.target == name)
        neuron = random_neuron(rng, size, fires=not last or bool(rng.random() < 0.6), drive=int(fan_in))
        neuron = one_level(neuron, np.random.default_rng([seed, 2, index]))
        populations.append(Population(name=name, size=size, neuron=neuron))
        firing[name] = size
    outputs = {populations[-1].name}
    outputs |= {population.name for population in populations if rng.random() < 0.2}
    outputs |= {p.name for p in populations if all(edge.source != p.name for edge in edges)}
    ordered = tuple(p.name for p in populations if p.name in outputs)
    network = IntegerNetwork(
        name=f"random{seed}",
        inputs=inputs,
        populations=tuple(populations),
        edges=tuple(edges),
        outputs=ordered,
        weight_bits=weight_bits,
    )
    mapping = {
        "lanes": None if rng.random() < 0.3 else int(2 ** rng.integers(0, 5)),
        "contents": "bus" if rng.random() < 0.4 else "baked",
        "rows": str(rng.choice(["auto", "dense", "compressed"])),
    }
    if banked:
        mapping |= {"lanes": 1, "rows": "dense"}
    return Case(
        network=network,
        mapping=mapping,
        x={port.name: random_events(rng, port, samples, steps) for port in inputs},
    )


def random_input(rng: np.random.Generator, name: str, least: int, largest: int) -> InputPort:
    """Spikes or values, drive or hold."""
    kind: Literal["drive", "hold"] = "hold" if rng.random() < 0.3 else "drive"
    return InputPort(
        name=name,
        shape=(int(rng.integers(least, largest)),),
        kind=kind,
        value_bits=int(rng.integers(1, 6)) if rng.random() < 0.35 else 0,
    )


def random_weights(rng: np.random.Generator, shape: tuple[int, int], bits: int) -> np.ndarray:
    """Any density, the extreme codes among them."""
    low, high = signed_range(bits)
    weights = rng.integers(low, high, size=shape, endpoint=True)
    weights[rng.random(shape) >= rng.choice([1.0, 0.5, 0.1, 0.02])] = 0
    return weights


def random_neuron(rng: np.random.Generator, size: int, *, fires: bool, drive: int) -> NeuronConfig:
    """Any decay, reset, compare; levels for all or for each, about as high as the drive."""
    state_bits = int(np.clip(rng.integers(8, 25), 8, 24))
    low, high = signed_range(state_bits)
    floor = int(rng.integers(low, 0)) if rng.random() < 0.2 else None
    bottom = low if floor is None else floor
    scale = int(np.clip(drive // int(rng.integers(1, 20)), 1, high // 2))

    def levels(least: int, most: int) -> tuple[int, ...]:
        count = size if rng.random() < 0.3 else 1
        return tuple(
            int(v) for v in rng.integers(max(least, low), min(most, high), size=count, endpoint=True)
        )

    reset: Literal["subtract", "set"] = "set" if rng.random() < 0.5 else "subtract"
    compare = levels(max(bottom + 1, 1 - scale // 4), scale)
    if reset == "subtract":
        amount = tuple(min(r, min(compare) - bottom, high) for r in levels(0, scale))
    else:
        amount = (0,)
    kinds: tuple[Literal["none", "shift", "multiply"], ...] = ("none", "shift", "multiply")
    kind = kinds[rng.choice(3)]
    fraction = int(rng.integers(1, 17))
    factors = size if rng.random() < 0.3 else 1
    decay = Decay(
        kind=kind,
        shift=int(rng.integers(0, min(state_bits, 8))) if kind == "shift" else 0,
        fraction_bits=fraction if kind == "multiply" else 0,
        factor=tuple(int(f) for f in rng.integers(0, 1 << fraction, size=factors, endpoint=True))
        if kind == "multiply"
        else (0,),
    )
    return NeuronConfig(
        fires=fires,
        state_bits=state_bits,
        decay=decay,
        compare=compare,
        reset=reset,
        floor=floor,
        reset_when="next" if rng.random() < 0.5 else "now",
        reset_amount=amount,
        reset_value=levels(max(bottom, -scale), scale - 1) if reset == "set" else (0,),
        bias=levels(-scale // 3, scale // 3) if rng.random() < 0.4 else (0,),
    )


def one_level(neuron: NeuronConfig, rng: np.random.Generator) -> NeuronConfig:
    """In some that subtract, what is taken off is what is compared with: hardware has one level for both."""
    if neuron.reset == "set" or min(neuron.compare) < 0 or rng.random() < 0.6:
        return neuron
    return replace(neuron, reset_amount=neuron.compare)


def enriched(neuron: NeuronConfig, size: int, rng: np.random.Generator, *, drive: int) -> NeuronConfig:
    """In some a synaptic current of any decay between drive and potential, in some several spikes a step."""
    if rng.random() < 0.35:
        bits = int(rng.integers(8, 25))
        likely = random_neuron(rng, size, fires=False, drive=drive)
        decay = likely.decay
        if decay.kind == "shift" and decay.shift >= bits:
            decay = replace(decay, shift=bits - 1)
        high = signed_range(bits)[1]
        bias = tuple(max(-high, min(high, level)) for level in likely.bias)
        feeds: Literal["new", "old"] = "old" if rng.random() < 0.4 else "new"
        neuron = replace(neuron, current=Current(bits=bits, decay=decay, bias=bias, feeds=feeds))
    if neuron.fires and (neuron.reset, neuron.reset_when) == ("subtract", "now") and rng.random() < 0.5:
        neuron = replace(neuron, max_spikes=int(rng.choice([2, 3, 7, 255])))
    return neuron


def random_events(rng: np.random.Generator, port: InputPort, samples: int, steps: int) -> np.ndarray:
    """Spikes or values at a rate of its own; steps without any, and steps with all, among them."""
    shape = (samples, steps, *port.shape)
    rate = rng.choice([0.05, 0.3, 0.8], size=(samples, steps) + (1,) * len(port.shape), p=[0.5, 0.4, 0.1])
    if port.kind == "hold":
        rate = rate * (rng.random(rate.shape) < 0.3)
    values = rng.integers(1, port.max_value, size=shape, endpoint=True)  # or counts of spikes
    return np.where(rng.random(shape) < rate, values, 0).astype(np.int64)
