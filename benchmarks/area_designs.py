"""Random chips over the range that users have, and what Yosys makes of them; for benchmarks/area_model.py."""

import hashlib
import json
import tempfile
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np

import spikewright.rtl
from spikewright.boards.devices import DEVICES, Device
from spikewright.boards.synth import CELLS, count_types, synthesise
from spikewright.boards.yosys import yosys_version
from spikewright.compiler.images import image_texts, write_images
from spikewright.compiler.mapping import Mapped, map_network
from spikewright.fixed import signed_range
from spikewright.network import Edge, InputPort, IntegerNetwork, Population
from spikewright.neuron import Current, Decay, NeuronConfig
from spikewright.rtl.verilog import write_chip

__all__ = ["Synthesised", "random_chip", "synthesised"]

WEIGHT_BITS = 2_000_000
"""Most bits of dense weights: what the block RAM of the largest ECP5 holds with ease."""
RTL = Path(spikewright.rtl.__file__).parent
LANES = 32
"""Most lanes of all cores together; a synthesis takes time with them."""


@dataclass(frozen=True, kw_only=True)
class Synthesised:
    """Cells of a chip, and of every part of its cores: lanes, walkers, memories, emitter."""

    cells: Mapping[str, int]
    parts: Mapping[str, Mapping[str, int]]


def random_chip(seed: int) -> Mapped:
    """The chip of a seed; equal seeds give equal chips."""
    rng = np.random.default_rng(seed)
    while True:
        network = random_network(rng, f"area{seed}")
        lanes = [None, 1, 2, 4, 8, 16, 32][rng.choice(7, p=[0.3, 0.1, 0.15, 0.15, 0.15, 0.1, 0.05])]
        small = rng.random() < 0.9  # most of them, so that they are synthesised in seconds
        bits = network.weight_bits * sum(edge.weights.size for edge in network.edges)
        if bits > WEIGHT_BITS / (5 if small else 1) or (lanes or 8) * len(network.populations) > LANES:
            continue
        rows: list[Literal["auto", "dense", "compressed"]] = ["auto", "auto", "dense", "compressed"]
        contents: Literal["baked", "bus"] = "bus" if rng.random() < 0.3 else "baked"
        return map_network(network, lanes=lanes, contents=contents, rows=rows[rng.integers(4)])


def random_network(rng: np.random.Generator, name: str) -> IntegerNetwork:
    """One to three layers, each fed by the one before it, at times also by the first input."""
    weight_bits = int(rng.integers(2, 17))
    low, high = signed_range(weight_bits)
    inputs = tuple(random_input(rng, f"in{index}") for index in range(1 + (rng.random() < 0.2)))
    sizes = {port.name: port.size for port in inputs}
    layers = int(rng.choice([1, 2, 3], p=[0.4, 0.4, 0.2]))
    density = rng.choice([1.0, 1.0, 0.3, 0.1, 0.05])
    populations: list[Population] = []
    edges: list[Edge] = []
    before = [port.name for port in inputs]
    for index in range(layers):
        target, last = f"p{index}", index == layers - 1
        size = int(rng.integers(2, 17)) if last and rng.random() < 0.5 else log_uniform(rng, 8, 1024)
        sources = [*before, *([inputs[0].name] if index and rng.random() < 0.1 else [])]
        for source in sources:
            weights = rng.integers(low, high, size=(size, sizes[source]), endpoint=True)
            kept = rng.random(weights.shape) < density
            edges.append(Edge(source=source, target=target, weights=weights * kept))
        neuron = random_neuron(rng, size, fires=not last or bool(rng.random() < 0.6))
        populations.append(Population(name=target, size=size, neuron=neuron))
        sizes[target], before = size, [target]
    return IntegerNetwork(name=name, inputs=inputs, populations=tuple(populations), edges=tuple(edges),
                          outputs=(populations[-1].name,), weight_bits=weight_bits)


def log_uniform(rng: np.random.Generator, low: int, high: int) -> int:
    """A size; every doubling is equally likely."""
    return round(float(2 ** rng.uniform(np.log2(low), np.log2(high))))


def random_input(rng: np.random.Generator, name: str) -> InputPort:
    """Spikes, at times values or held."""
    return InputPort(name=name, shape=(log_uniform(rng, 8, 1024),),
                     kind="hold" if rng.random() < 0.2 else "drive",
                     value_bits=int(rng.integers(2, 9)) if rng.random() < 0.25 else 0)


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
    repeats = fires and reset == "subtract" and when == "now" and rng.random() < 0.2
    return NeuronConfig(
        fires=fires, state_bits=bits, decay=random_decay(rng, size), compare=compare, reset=reset,
        reset_when=when, max_spikes=int(rng.integers(2, 9)) if repeats else 1,
        current=random_current(rng, size) if rng.random() < 0.15 else None,
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


def synthesised(mapped: Mapped, technology: str, folder: Path) -> Synthesised:
    """Cells that Yosys makes of a chip; what is known by content is not made again."""
    texts = image_texts(mapped.chip, mapped.images).values()
    inputs = [technology, repr(mapped.chip), yosys_version(), *texts,
              *(path.read_text() for path in sorted(RTL.rglob("*")) if path.suffix in (".py", ".v"))]
    key = hashlib.sha256("\0".join(inputs).encode()).hexdigest()
    kept = folder / f"{key}.json"
    if not kept.is_file():
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory() as temporary:
            work = Path(temporary)
            write_chip(mapped.chip, work / "rtl")
            write_images(mapped.chip, mapped.images, work / "memory")
            device = DEVICES[technology]
            made = synthesise(work / "rtl", device, work / "synthesis")
            cells: dict[str, Any] = {figure: getattr(made, figure) for figure in CELLS[device.family]}
            parts = cells_by_part(made.netlist, device)
        part = kept.with_suffix(".part")
        part.write_text(json.dumps({"cells": cells, "parts": parts}))
        part.replace(kept)
    return Synthesised(**json.loads(kept.read_text()))


def cells_by_part(netlist: Path, device: Device) -> dict[str, dict[str, int]]:
    """Cells of parts, ``core_p0.lane_3`` or ``bus``, by the head of their names."""
    parts: dict[str, Counter[str]] = {}
    for name, cell in json.loads(netlist.read_text())["modules"]["chip"]["cells"].items():
        path = name.split(".")[:-1]
        depth = 2 if path and path[0].startswith("core_") else 1
        parts.setdefault(".".join(path[:depth]), Counter())[cell["type"]] += 1
    return {part: {figure: count_types(counted, types) for figure, types in CELLS[device.family].items()}
            for part, counted in sorted(parts.items())}
