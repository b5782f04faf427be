"""Cores to test: a plain one of any shape, and random ones with all that a core is built from."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from amaranth.lib import data

from spikewright.compiler.mapping import Contents, RowsChoice, map_network
from spikewright.compiler.placement import natural
from spikewright.config import CompressedRows, CoreConfig, DenseRows, PortConfig
from spikewright.events import Kind, WordFormat
from spikewright.fixed import signed_bits, unsigned_bits
from spikewright.network import Edge, InputPort, IntegerNetwork, Population
from spikewright.neuron import NeuronConfig
from tests.networks import random_events, random_neuron, random_weights

Port = tuple[Literal["drive", "hold"], int, int]
"""Kind, addresses, bits of a value."""

__all__ = [
    "CoreCase",
    "Port",
    "decode",
    "encode",
    "meanings",
    "plain_core",
    "port_words",
    "random_core",
    "step_words",
    "word",
]


def encode(layout: data.StructLayout, **fields: int) -> int:
    """Bits of a payload; fields that are not given are 0."""
    bits = 0
    for name, field in layout:
        value = fields.pop(str(name), 0)
        bits |= (value & (1 << field.width) - 1) << field.offset
    assert not fields, f"no such fields: {fields}"
    return bits


def decode(layout: data.StructLayout, bits: int) -> dict[str, int]:
    """Fields of a payload, unsigned."""
    return {str(name): bits >> field.offset & (1 << field.width) - 1 for name, field in layout}


def word(layout: WordFormat, kind: Kind, address: int = 0, value: int = 0) -> int:
    """A word as spikewright.events defines it: kind, address, value, from the lowest bit."""
    assert 0 <= address < 1 << layout.address_bits
    return int(kind) | address << 2 | (value & (1 << layout.value_bits) - 1) << 2 + layout.address_bits


def meanings(words: Sequence[int]) -> list[int]:
    """Words without the address and value of tokens, which mean nothing."""
    return [bits if bits & 3 == Kind.EVENT else bits & 3 for bits in words]


def step_words(layout: WordFormat, values: Sequence[int]) -> list[int]:
    """Words of one step of an input: an event for each value but 0, then the token."""
    events = [word(layout, Kind.EVENT, address, int(value) if layout.value_bits else 0)
              for address, value in enumerate(values) if value]
    return [*events, word(layout, Kind.END_OF_STEP)]


def plain_core(neurons: int = 6, lanes: int = 2, *, ports: Sequence[Port] = (("drive", 5, 0),),
               weight_bits: int = 4, rows: DenseRows | CompressedRows | None = None, **neuron: Any
               ) -> CoreConfig:
    """A core of so many neurons and lanes; each port is (kind, addresses, bits of a value)."""
    made: list[PortConfig] = []
    row = 0
    for index, (kind, addresses, value_bits) in enumerate(ports):
        made.append(PortConfig(source=f"in{index}", kind=kind, addresses=addresses,
                               value_bits=value_bits, first_row=row))
        row += addresses
    config = NeuronConfig(**{"state_bits": 8, **neuron})
    # Wide enough for every weight of a core as small as these.
    bits = signed_bits(0, (1 << config.state_bits - 1) + (row << weight_bits + max(p[2] for p in ports)))
    return CoreConfig(name="core", neuron=config, neurons=neurons, lanes=lanes, weight_bits=weight_bits,
                      accumulator_bits=bits, ports=tuple(made), rows=rows or DenseRows(),
                      placement=natural(neurons, lanes))


def port_words(core: CoreConfig) -> tuple[WordFormat, ...]:
    """Formats of the words into a core whose ports are all inputs of the chip."""
    return tuple(WordFormat(address_bits=unsigned_bits(port.addresses - 1), value_bits=port.value_bits)
                 for port in core.ports)


@dataclass(frozen=True, kw_only=True, eq=False)
class CoreCase:
    """A network of one population, its core, the words of its memories, and what is fed to it."""

    network: IntegerNetwork
    core: CoreConfig
    images: dict[str, Any]
    x: dict[str, np.ndarray[Any, Any]]

    @property
    def neuron(self) -> NeuronConfig:
        """Arithmetic of the population."""
        return self.core.neuron


def random_core(seed: int, *, size: int, lanes: int,
                ports: Sequence[tuple[Literal["drive", "hold"], int]], rows: RowsChoice = "auto",
                contents: Contents = "baked", fires: bool = True, largest: int = 10,
                samples: int = 2, steps: int = 6, weight_bits: int | None = None, **neuron: Any) -> CoreCase:
    """A random population with a port for each (kind, bits of a value); ``neuron`` overrides levels."""
    rng = np.random.default_rng(seed)
    weight_bits = int(rng.integers(2, 13)) if weight_bits is None else weight_bits
    inputs = tuple(
        InputPort(name=f"in{index}", shape=(int(rng.integers(1, largest)),), kind=kind, value_bits=bits)
        for index, (kind, bits) in enumerate(ports))
    edges = tuple(
        Edge(source=port.name, target="core", weights=random_weights(rng, (size, port.size), weight_bits))
        for port in inputs)
    drive = int(sum(np.abs(edge.weights).sum(axis=1).max() for edge in edges))
    chosen = random_neuron(rng, size, fires=fires, drive=drive)
    fields = {name: getattr(chosen, name) for name in chosen.__dataclass_fields__}
    population = Population(name="core", size=size, neuron=NeuronConfig(**{**fields, **neuron}))
    network = IntegerNetwork(name=f"core{seed}", inputs=inputs, populations=(population,), edges=edges,
                             outputs=("core",), weight_bits=weight_bits)
    mapped = map_network(network, lanes=lanes, rows=rows, contents=contents)
    return CoreCase(network=network, core=mapped.chip.cores[0], images=mapped.images,
                    x={port.name: random_events(rng, port, samples, steps) for port in inputs})
