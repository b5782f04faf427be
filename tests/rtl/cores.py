"""Cores to test: a plain one of any shape, and random ones with all that a core is built from."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
from amaranth.lib import data

from spikewright.compiler.mapping import Contents, RowsChoice, map_network
from spikewright.compiler.placement import natural
from spikewright.config import CompressedRows, CoreConfig, DenseRows, PortConfig, slot_bits
from spikewright.events import Kind, WordFormat
from spikewright.fixed import signed_bits, signed_range, unsigned_bits
from spikewright.models.trace import Trace
from spikewright.network import Edge, InputPort, IntegerNetwork, Population
from spikewright.neuron import Current, Decay, NeuronConfig
from tests.rtl.reference import run_reference

Integers = npt.NDArray[np.int64]
Port = tuple[Literal["drive", "hold"], int, int]
"""Kind, addresses, bits of a value."""

__all__ = [
    "CoreCase",
    "Kinds",
    "Port",
    "core_case",
    "decode",
    "emitted",
    "encode",
    "kept",
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
    """A network of one population, its core, its memories' words, what is fed to it, what comes of it."""

    network: IntegerNetwork
    core: CoreConfig
    images: dict[str, Any]
    x: dict[str, Integers]
    trace: Trace

    @property
    def neuron(self) -> NeuronConfig:
        """Arithmetic of the population."""
        return self.core.neuron

    @property
    def steps(self) -> tuple[int, int]:
        """Samples, and steps of each."""
        samples, steps, _ = next(iter(self.x.values())).shape
        return samples, steps


@dataclass(frozen=True, slots=True, kw_only=True)
class Kinds:
    """What a random core is to have; all else is drawn.

    Parameters
    ----------
    ports
        Kind and bits of a value of each.
    each
        Whether levels differ from neuron to neuron.
    current
        Whether there is one, and which feeds the potential.
    """

    fires: bool = True
    decay: Literal["none", "shift", "multiply"] = "shift"
    reset: Literal["subtract", "set"] = "subtract"
    reset_when: Literal["now", "next"] = "now"
    each: bool = False
    floor: bool = False
    ports: tuple[tuple[Literal["drive", "hold"], int], ...] = (("drive", 0),)
    current: Literal["none", "new", "old"] = "none"
    current_decay: Literal["none", "shift", "multiply"] = "shift"
    max_spikes: int = 1
    rows: RowsChoice = "auto"
    contents: Contents = "baked"
    size: int = 5
    lanes: int = 1


def core_case(network: IntegerNetwork, kinds: Kinds, x: dict[str, Integers]) -> CoreCase:
    """A network of one population and its input as a case."""
    mapped = map_network(network, lanes=kinds.lanes, rows=kinds.rows, contents=kinds.contents)
    return CoreCase(network=network, core=mapped.chip.cores[0], images=mapped.images, x=x,
                    trace=run_reference(network, x))


def random_core(kinds: Kinds, seed: int, *, samples: int = 2, steps: int = 6, addresses: int = 8) -> CoreCase:
    """A core of these kinds in which some neurons fire and some do not, in some steps."""
    for attempt in range(100):
        rng = np.random.default_rng([seed, attempt])
        inputs = tuple(
            InputPort(name=f"in{index}", shape=(int(rng.integers(1, addresses)),), kind=kind, value_bits=bits)
            for index, (kind, bits) in enumerate(kinds.ports))
        weight_bits = int(rng.integers(2, 13))
        weights = [random_weights(rng, (kinds.size, port.size), weight_bits) for port in inputs]
        x = {port.name: random_input(rng, port, samples, steps) for port in inputs}
        drive = sum(x[port.name] @ matrix.T for port, matrix in zip(inputs, weights, strict=True))
        neuron = random_neuron(rng, kinds, scale=max(3, int(np.sqrt(np.mean(np.square(drive))))))
        network = IntegerNetwork(
            name="one", inputs=inputs, populations=(Population(name="core", size=kinds.size, neuron=neuron),),
            edges=tuple(Edge(source=port.name, target="core", weights=matrix)
                        for port, matrix in zip(inputs, weights, strict=True)),
            outputs=("core",), weight_bits=weight_bits)
        case = core_case(network, kinds, x)
        trace = case.trace
        seen = trace.spikes["core"] if kinds.fires else trace.readouts["core"]
        lively = 0.05 < (seen > 0).mean() < 0.8 and seen.max() > (kinds.max_spikes > 1)
        if len(np.unique(seen)) > 1 and (lively or not kinds.fires):
            return case
    raise AssertionError(f"no lively core of {kinds}")


def random_weights(rng: np.random.Generator, shape: tuple[int, int], bits: int) -> Integers:
    """Any density, the extreme codes among them."""
    low, high = signed_range(bits)
    weights = rng.integers(low, high, size=shape, endpoint=True)
    kept: Integers = np.where(rng.random(shape) < rng.choice([1.0, 0.6, 0.2]), weights, 0)
    return kept


def random_input(rng: np.random.Generator, port: InputPort, samples: int, steps: int) -> Integers:
    """Steps without events and steps with all among them; held ones come in some steps only."""
    rate = rng.choice([0.0, 0.3, 0.7, 1.0], size=(samples, steps, 1), p=[0.2, 0.4, 0.3, 0.1])
    if port.kind == "hold":
        rate = rate * (rng.random(rate.shape) < 0.6)
    values = rng.integers(1, port.max_value, size=(samples, steps, port.size), endpoint=True)
    events: Integers = np.where(rng.random(values.shape) < rate, values, 0)
    return events


def random_neuron(rng: np.random.Generator, kinds: Kinds, *, scale: int) -> NeuronConfig:
    """Levels about as high as the drive, ``scale``."""
    state_bits = int(rng.choice([8, 12, 17, 24]))
    low, high = signed_range(state_bits)
    floor = -int(rng.integers(0, min(scale, -low))) if kinds.floor else None
    bottom = low if floor is None else floor
    scale = min(scale, high // 2)

    def levels(least: int, most: int) -> tuple[int, ...]:
        drawn = rng.integers(least, most, size=kinds.size if kinds.each else 1, endpoint=True)
        return tuple(int(value) for value in drawn)

    def decay(kind: Literal["none", "shift", "multiply"], bits: int) -> Decay:
        fraction = int(rng.integers(1, 17))
        return {
            "none": Decay(),
            "shift": Decay(kind="shift", shift=int(rng.integers(0, min(bits, 6)))),
            "multiply": Decay(kind="multiply", fraction_bits=fraction, factor=levels(0, 1 << fraction)),
        }[kind]

    compare = levels(max(bottom + 1, -scale // 4), scale)
    most = min(min(compare) - bottom, high)
    current = None
    if kinds.current != "none":
        bits = int(rng.choice([8, 11, 16, 24]))
        bias = min(scale // 4, (1 << bits - 1) - 1)
        current = Current(bits=bits, decay=decay(kinds.current_decay, bits), bias=levels(-bias, bias),
                          feeds=kinds.current)
    return NeuronConfig(
        fires=kinds.fires, state_bits=state_bits, decay=decay(kinds.decay, state_bits), compare=compare,
        floor=floor, current=current, max_spikes=kinds.max_spikes,
        reset=kinds.reset, reset_when=kinds.reset_when,
        reset_amount=levels(min(1, most), max(min(scale, most), 0)),
        reset_value=levels(max(bottom, -scale), min(compare) - 1), bias=levels(-scale // 4, scale // 4))


def emitted(core: CoreConfig, trace: Trace, sample: int, step: int) -> list[int]:
    """Words of a step: spikes or potentials in the order of their places, then the token."""
    places = [(place, neuron) for place, neuron in enumerate(core.placement) if neuron >= 0]
    if core.neuron.fires:
        fired = trace.spikes[core.name][sample, step]
        events = [word(core.word, Kind.EVENT, place)
                  for place, neuron in places for _ in range(fired[neuron])]
    else:
        potentials = trace.readouts[core.name][sample, step]
        events = [word(core.word, Kind.EVENT, place, int(potentials[neuron])) for place, neuron in places]
    return [*events, word(core.word, Kind.END_OF_STEP)]


def kept(core: CoreConfig, words: Mapping[str, Sequence[int]]) -> dict[str, list[int]]:
    """What the words of the state memories say, by neuron; names as of the model's states."""
    bits, fired = core.accumulator_bits, core.neuron.stores_spike
    fields = {"stored": (0, bits), "fired": (bits, 1)}
    if core.neuron.current is not None:
        fields |= {"current": (0, bits), "stored": (bits + fired, core.potential_bits)}
    if not fired:
        del fields["fired"]
    states: dict[str, list[int]] = {name: [0] * core.neurons for name in fields}
    if core.holds:
        states["held"] = [0] * core.neurons
    for place, neuron in enumerate(core.placement):
        if neuron < 0:
            continue
        lane, slot = words[f"{core.name}.state.{place % core.lanes}"], place // core.lanes
        for name, (low, width) in fields.items():
            states[name][neuron] = signed_field(lane[slot], low, width) & (1 if name == "fired" else -1)
        if core.holds:
            states["held"][neuron] = signed_field(lane[slot + (1 << slot_bits(core))], 0, bits)
    return states


def signed_field(bits: int, low: int, width: int) -> int:
    """A field of a word."""
    sign = 1 << width - 1
    return ((bits >> low & 2 * sign - 1) ^ sign) - sign
