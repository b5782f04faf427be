"""The walker of kernel rows: what events reach, by the matrix of the convolution, and in which cycles."""

import random
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from amaranth.hdl import Module
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In

from spikewright.compiler.planes import kernel_images
from spikewright.config import CoreConfig, slot_bits
from spikewright.convolution import Convolution
from spikewright.memories import weight_memories
from spikewright.memory import BANK_WORDS
from spikewright.network import Edge
from spikewright.rtl.banks import WeightBanks
from spikewright.rtl.kernels import KernelWalker
from spikewright.rtl.memory import ConfiguredMemory
from spikewright.rtl.rows import event_layout, kernel_ports
from tests.rtl.cores import encode
from tests.rtl.kernels import KernelPort, draw_convolution, kernel_core, random_kernel
from tests.rtl.platforms import StrictPlatform
from tests.rtl.streams import Run, run_streams

NAMES = ("valid", "address", "weight", "first", "last", "bit")


@dataclass(frozen=True, slots=True)
class Event:
    """An event of a port, by its address in C order."""

    port: int
    source: int
    value: int = 1


class Walked(wiring.Component):  # type: ignore[type-arg]  # not generic at run time
    """A walker with its memories."""

    event: Any

    def __init__(self, core: CoreConfig, kernels: list[Any]) -> None:
        self.core = core
        super().__init__({"event": In(stream.Signature(event_layout(core)))})
        self.edges = [Edge(source=port.source, target="core", weights=kernel, convolution=port.convolution)
                      for port, kernel in zip(core.ports, kernels, strict=True)]
        images = kernel_images(core, tuple(self.edges))
        self.memories = [ConfiguredMemory(memory, init=images[memory.name].tolist())
                         for memory in weight_memories(core)]
        self.walker = KernelWalker(core, WeightBanks(self.memories))

    def elaborate(self, platform: object) -> Module:
        m = Module()
        m.submodules.walker = self.walker
        m.submodules += self.memories
        wiring.connect(m, wiring.flipped(self.event), self.walker.event)
        return m

    def walk(self, events: list[Event], **bench: Any) -> Run:
        """Feed the events."""
        watch = {f"{lane}.{name}": getattr(self.walker.synapses[lane], name)
                 for lane in range(self.core.lanes) for name in NAMES}
        watch |= {name: getattr(self.walker, name) for name in ("walking", "busy", "settled")}
        return run_streams(self, send={"event": [self.encoded(event) for event in events]}, receive={},
                           drain=2000, platform=StrictPlatform(), watch=watch, **bench)

    def encoded(self, event: Event) -> int:
        port = kernel_ports(self.core)[event.port]
        assert port.convolution is not None
        channel, y, x = np.unravel_index(event.source, port.convolution.source)
        fields = {"port": event.port, "channel": int(channel), "y": int(y), "x": int(x)}
        if self.core.holds:
            fields["hold"] = int(port.kind == "hold")
        if self.core.value_bits:
            bits = port.value_bits or 1
            fields |= {"value": event.value << self.core.value_bits - bits, "passes": bits - 1}
        return encode(event_layout(self.core), **fields)

    def passes(self, event: Event) -> int:
        """Words that an event walks times the passes of its value."""
        port = kernel_ports(self.core)[event.port]
        shape = port.convolution
        assert shape is not None
        channel = event.source // (shape.source[1] * shape.source[2])
        words = len(shape.words(channel, self.core.lanes))
        return int(shape.passes()[event.source]) * words * max(1, port.value_bits)


def shown(core: CoreConfig, run: Run) -> list[list[tuple[int, ...]]]:
    """Of every cycle in which the lanes are shown something: the cycle, and the rest by lane."""
    columns = [[run.watched[f"{lane}.{name}"] for name in NAMES] for lane in range(core.lanes)]
    cycles = [cycle for cycle, valid in enumerate(columns[0][0]) if valid]
    return [[(cycle, *(column[cycle] for column in lane[1:])) for lane in columns] for cycle in cycles]


def drive_of(walked: Walked, event: Event, words: list[list[tuple[int, ...]]]) -> Any:
    """What the words add to every neuron: weight times bit, doubled from bit to bit."""
    core = walked.core
    gathered, product = np.zeros((core.slots, core.lanes), np.int64), [0] * core.lanes
    held = int(kernel_ports(core)[event.port].kind == "hold")
    seen: set[int] = set()
    for word in words:
        for lane, (_, address, weight, first, last, bit) in enumerate(word):
            product[lane] = (0 if first else 2 * product[lane]) + bit * weight
            assert address >> slot_bits(core) == held
            if last:
                gathered[address & (1 << slot_bits(core)) - 1, lane] += product[lane]
        if last:
            assert address not in seen, "every slot once"
            seen.add(address)
    placement = np.array(core.placement)
    assert not gathered.ravel()[placement < 0].any(), "nothing for places without a neuron"
    by_neuron = np.zeros(core.neurons, np.int64)
    by_neuron[placement[placement >= 0]] = gathered.ravel()[placement >= 0]
    return by_neuron


def check(core: CoreConfig, events: list[Event], *, seed: int, p_valid: float, latency: int = 3) -> None:
    """Every event adds its column of the matrix, at the pace and latency of the docstring."""
    rng = np.random.default_rng([seed, 1])
    kernels = [random_kernel(rng, port.convolution, core.weight_bits)
               for port in core.ports if port.convolution]
    walked = Walked(core, kernels)
    run = walked.walk(events, p_valid=p_valid, seed=seed)
    words = shown(core, run)
    matrices = [edge.matrix().toarray() for edge in walked.edges]
    looked_up, free = -1, 0  # when the register of the look-up and the walk are free again
    begin, walks = 0, set()
    for event, taken in zip(events, run.cycles["event"], strict=True):
        count = walked.passes(event)
        assert p_valid < 1 or taken == max(0, looked_up), "taken without a gap"
        assert taken >= looked_up
        looked_up = max(taken + 1, free) if count else taken + 1
        free = looked_up + count if count else free
        mine = words[begin:begin + count]
        start = looked_up + latency - 1
        assert [word[0][0] for word in mine] == list(range(start, start + count))
        assert np.array_equal(drive_of(walked, event, mine),
                              matrices[event.port][:, event.source] * event.value)
        walks |= set(range(looked_up + 1, looked_up + 1 + count))
        begin += count
    assert begin == len(words), "no more than that"
    assert {cycle for cycle, value in enumerate(run.watched["walking"]) if value} == walks
    under_way = {cycle for cycle, value in enumerate(run.watched["settled"]) if not value}
    assert walks <= {cycle for cycle, value in enumerate(run.watched["busy"]) if value} <= under_way
    if core.forwards:
        assert {word[0][0] for word in words} <= under_way, "a sweep must not read the last slot too early"
    else:
        added = [word[0][1] for word in words if word[0][4]]
        assert all(before != after for before, after in pairwise(added)), "never a slot twice in a row"


def draw_events(core: CoreConfig, count: int, seed: int) -> list[Event]:
    chosen = random.Random(seed)
    events = []
    for _ in range(count):
        index = chosen.randrange(len(core.ports))
        port = core.ports[index]
        assert port.plane is not None
        value = chosen.randrange(1, 1 << port.value_bits) if port.value_bits else 1
        events.append(Event(index, chosen.randrange(int(np.prod(port.plane.shape))), value))
    return events


@pytest.mark.parametrize("p_valid", [1.0, 0.2])
@pytest.mark.parametrize("seed", range(30))
def test_every_event_adds_its_column_of_the_matrix(seed: int, p_valid: float) -> None:
    """Any geometry: pooled, strided, padded, dilated, grouped, flat; any lanes."""
    rng = np.random.default_rng(seed)
    shape = draw_convolution(rng, flat=seed % 5 == 0)
    core = kernel_core([(shape, "drive", 0)], lanes=int(2 ** rng.integers(0, 4)))
    check(core, draw_events(core, 30, seed), seed=seed, p_valid=p_valid)


@pytest.mark.parametrize("p_valid", [1.0, 0.2])
@pytest.mark.parametrize("seed", range(20))
def test_ports_of_different_geometry(seed: int, p_valid: float) -> None:
    """Two or three ports into the same plane, held ones and some with values among them."""
    rng = np.random.default_rng([seed, 5])
    first = draw_convolution(rng, flat=seed % 4 == 0)
    shapes = [first] + [draw_convolution(rng, first.target) for _ in range(int(rng.integers(1, 3)))]
    ports: list[KernelPort] = [
        (shape, "hold" if rng.random() < 0.3 else "drive", int(rng.choice([0, 0, 1, 3]))) for shape in shapes]
    core = kernel_core(ports, lanes=int(2 ** rng.integers(0, 3)))
    check(core, draw_events(core, 40, seed), seed=seed, p_valid=p_valid)


def test_geometries_drawn_reach_all_corners() -> None:
    """What the tests above draw has everything in it."""
    shapes = [draw_convolution(np.random.default_rng(seed), flat=seed % 5 == 0) for seed in range(30)]
    assert any(shape.groups > 1 and shape.channels_a_group > 1 for shape in shapes)
    for what in ("stride", "dilation", "pool", "size"):
        assert any(max(getattr(shape, what)) > 1 for shape in shapes), what
    assert any(max(shape.padding) > 0 for shape in shapes)
    assert any(shape.passes().min() == 0 for shape in shapes), "sources that reach nothing"
    forwards = {kernel_core([(shape, "drive", 0)], lanes=2).forwards for shape in shapes}
    assert forwards == {False, True}
    spans = {len(shape.words(c, 2)) for shape in shapes for c in range(shape.source[0]) if shape.groups > 1}
    assert len(spans) > 1, "groups that begin within a word"


def test_kernels_in_banks() -> None:
    """Weights reach the lanes a cycle later."""
    shape = Convolution(source=(12, 5, 5), target=(16, 5, 5), size=(5, 5), padding=(2, 2))
    core = kernel_core([(shape, "drive", 0)], lanes=1, weight_bits=3)
    assert core.weight_words > 2 * BANK_WORDS
    check(core, draw_events(core, 12, 1), seed=1, p_valid=1.0, latency=4)


def test_an_event_that_reaches_nothing_takes_no_cycle_while_another_is_walked() -> None:
    """With a stride beyond the kernel most sources reach nothing."""
    shape = Convolution(source=(1, 8, 8), target=(4, 2, 2), size=(2, 2), stride=(4, 4))
    core = kernel_core([(shape, "drive", 0)], lanes=1)
    reached, lost = [event for event in range(64) if shape.passes()[event]], [2, 3, 16, 63]
    events = [Event(0, reached[0]), *(Event(0, source) for source in lost[:3]), Event(0, reached[3])]
    walked = Walked(core, [random_kernel(np.random.default_rng(1), shape, core.weight_bits)])
    run = walked.walk(events)
    assert run.cycles["event"] == [0, 1, 2, 3, 4]
    walking = [cycle for cycle, value in enumerate(run.watched["walking"]) if value]
    assert walking == list(range(2, 10)), "4 words for each of the two"
    run = walked.walk([Event(0, source) for source in lost])
    assert run.cycles["event"] == [0, 1, 2, 3]
    assert not any(run.watched["walking"])
