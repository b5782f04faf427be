"""Memories against a list of words: random accesses of the core, of the bus, and of both."""

import random
from collections.abc import Mapping, Sequence
from dataclasses import replace

import pytest

from spikewright.memory import BUS_BITS, MemoryConfig, window
from spikewright.rtl.memory import BusShape, ConfiguredMemory, Memory
from tests.rtl.accesses import SHAPES, Accesses, config, core_accesses
from tests.rtl.platforms import StrictPlatform

BASE_WINDOWS = 3
"""Where the memory stands on the bus, in windows of its size: not at 0, and others beside it."""
ADDRESS_BITS = 12
SHAPE = BusShape(address_bits=ADDRESS_BITS, transfers=5)


@pytest.mark.parametrize(("depth", "width"), SHAPES)
@pytest.mark.parametrize("kind", ["memory", "configured", "strict"])
def test_core_reads_what_it_wrote(kind: str, depth: int, width: int) -> None:
    """A read takes a cycle and holds until the next, for memories of all makes."""
    source = random.Random(9)
    contents = [source.getrandbits(width) for _ in range(depth)]
    memory = Memory(config(depth, width), contents) if kind == "memory" \
        else ConfiguredMemory(config(depth, width), init=contents)
    accesses = core_accesses(depth, width, list(contents), 200)
    assert any(not now["read_enable"] for now in accesses.inputs), "some reads are held"
    got = accesses.play(memory, StrictPlatform() if kind == "strict" else None)
    assert got == accesses.expected


def transfers(shape: MemoryConfig, word: int) -> list[int]:
    return [word >> BUS_BITS * index & 0xFFFFFFFF for index in range(-(-shape.width // BUS_BITS))]


def on_bus(depth: int, width: int, init: Sequence[int] = (), *, state: bool = False
           ) -> tuple[ConfiguredMemory, int]:
    shape = replace(config(depth, width), state=state)
    base = BASE_WINDOWS * window(shape)
    return ConfiguredMemory(shape, init=init, base=base, shape=SHAPE), base


class BusScript(Accesses):
    """Accesses of the bus: the answer in the second cycle after the strobe; in other cycles it is 0."""

    written: int = 0
    """As the controller shows it: this write's data above those of the writes before."""

    def bus(self, *, write: bool, address: int, data: int = 0, answer: int = 0,
            beside: Mapping[str, int] | None = None) -> None:
        """One transfer and two idle cycles, with the core's inputs ``beside`` it."""
        shown = self.written >> BUS_BITS | data << BUS_BITS * (SHAPE.transfers - 1)
        if write:
            self.written = shown
        strobe = {"bus.strobe": 1, "bus.write": int(write), "bus.address": address, "bus.write_data": shown}
        idle = {"bus.address": address ^ 1, "bus.write_data": ~shown}
        self.inputs += [{**(beside or {}), **strobe}, idle, idle]
        self.expected += [{"bus.read_data": 0}, {"bus.read_data": 0}, {"bus.read_data": answer}]


@pytest.mark.parametrize(("depth", "width"), SHAPES)
def test_bus_loads_and_reads_back(depth: int, width: int) -> None:
    """In any order of words; addresses beside the window do nothing and answer 0."""
    memory, base = on_bus(depth, width)
    shape, chosen = memory.config, random.Random(depth + width)
    words = [chosen.getrandbits(width) for _ in range(depth)]
    script = BusScript()
    for word in chosen.sample(range(depth), depth):
        for index, part in enumerate(transfers(shape, words[word])):
            address = base + word * shape.transfers + index
            script.bus(write=True, address=address, data=part)
        # Whatever goes to other memories is theirs.
        for beside in (address - window(shape), address + window(shape)):
            script.bus(write=True, address=beside, data=~part & 0xFFFFFFFF)
    for word in chosen.sample(range(depth), depth):
        for index in chosen.sample(range(shape.transfers), shape.transfers):
            parts = [*transfers(shape, words[word]), *[0] * shape.transfers]
            address = base + word * shape.transfers + index
            script.bus(write=False, address=address, answer=parts[index])
            script.bus(write=False, address=address ^ window(shape), answer=0)
    assert max(row["bus.address"] for row in script.inputs) < 1 << ADDRESS_BITS
    assert script.play(memory) == script.expected


def test_a_wide_word_changes_with_its_last_transfer() -> None:
    memory, base = on_bus(3, 100, init=[1 << 99 | 5, 6, 7])
    script = BusScript()
    for index in range(3):
        script.bus(write=True, address=base + index, data=0xAAAAAAAA)
    for index, part in enumerate([5, 0, 0, 1 << 3]):
        script.bus(write=False, address=base + index, answer=part)
    script.bus(write=True, address=base + 3, data=0xFFFFFFFF)
    for index, part in enumerate([0xAAAAAAAA, 0xAAAAAAAA, 0xAAAAAAAA, 0xF]):
        script.bus(write=False, address=base + index, answer=part)
    assert script.play(memory) == script.expected


def test_a_transfer_beyond_the_width_does_nothing() -> None:
    """96 bits take three transfers, of four addresses."""
    memory, base = on_bus(2, 96, init=[3, 4])
    script = BusScript()
    script.bus(write=True, address=base + 3, data=0xFFFFFFFF)
    for index, part in enumerate([3, 0, 0, 0, 4, 0, 0, 0]):
        script.bus(write=False, address=base + index, answer=part)
    assert script.play(memory) == script.expected


@pytest.mark.parametrize(("depth", "width"), SHAPES)
@pytest.mark.parametrize("write", [False, True])
def test_the_bus_reads_states_and_leaves_them(depth: int, width: int, write: bool) -> None:
    """Between transfers the core has the memory; its addresses in the cycle of one mean nothing."""
    words = [index * 37 % (1 << width) for index in range(depth)]
    memory, base = on_bus(depth, width, init=list(words), state=True)
    shape, script, chosen = memory.config, BusScript(), random.Random(4)
    for _ in range(60):
        word, other = chosen.randrange(depth), chosen.randrange(depth)
        index = chosen.randrange(-(-width // BUS_BITS))
        beside = {"write_address": other, "write_data": chosen.getrandbits(width), "read_address": other}
        script.bus(write=write, address=base + word * shape.transfers + index, data=chosen.getrandbits(32),
                   answer=0 if write else transfers(shape, words[word])[index], beside=beside)
        written = chosen.getrandbits(width)
        script.inputs += [{"write_enable": 1, "write_address": other, "write_data": written},
                          {"read_enable": 1, "read_address": other}, {}]
        script.expected += [{}, {}, {"read_data": written}]
        words[other] = written
    assert script.play(memory) == script.expected


def test_a_platform_brings_its_own_memory() -> None:
    platform = StrictPlatform()
    accesses = Accesses(inputs=[{"read_enable": 1, "read_address": 1}, {}],
                        expected=[{"read_data": 0}, {"read_data": 0}])
    accesses.play(Memory(config(4, 8), [1, 2, 3, 4]), platform)
    assert list(platform.words) == ["memory"]
