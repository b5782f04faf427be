"""Whole chips against the integer model: random networks, links with gaps, contents baked or over the bus."""

import gc
import random
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pytest
from amaranth.hdl import UnusedElaboratable

from spikewright.compiler.mapping import map_network
from spikewright.config import ChipConfig, identifier
from spikewright.errors import ConfigError
from spikewright.events import Kind
from spikewright.memories import bus_map, chip_memories
from spikewright.memory import BUS_BITS, MemoryConfig
from spikewright.models.integer import IntegerModel
from spikewright.models.trace import Trace
from spikewright.rtl.bus import request_layout
from spikewright.rtl.chip import Chip, bus_shape
from tests.networks import Case, random_case
from tests.recurrent_networks import random_recurrent_case
from tests.rtl.cores import emitted, encode, kept, meanings, step_words, word
from tests.rtl.platforms import GapPlatform, StrictPlatform
from tests.rtl.streams import Bench, Chances, Run

SAMPLES, STEPS = 2, 4
RECURRENT = 1
"""Seed of a chip with a cycle."""


@dataclass
class Running:
    """A chip on a bench, and what it should do."""

    chip: ChipConfig
    images: dict[str, list[int]]
    trace: Trace
    x: Mapping[str, np.ndarray[Any, Any]]
    platform: StrictPlatform
    bench: Bench

    def __post_init__(self) -> None:
        self.states: list[dict[str, dict[str, list[int]]]] = []
        self.answers: list[int] = []

    def inputs(self, sample: int) -> dict[str, list[int]]:
        """Words of a sample, but for its end."""
        return {f"in_{identifier(port.name)}": [
            bits for values in self.x[port.name][sample].reshape(STEPS, -1).tolist()
            for bits in step_words(port.word, values)] for port in self.chip.inputs}

    def outputs(self, sample: int) -> dict[str, list[int]]:
        """Words that the outputs should give then."""
        return {f"out_{identifier(name)}": [
            bits for step in range(STEPS) for bits in emitted(self.chip.core(name), self.trace, sample, step)]
            for name in self.chip.outputs}

    def ends(self) -> dict[str, list[int]]:
        """The end of a sample, on every input."""
        return {f"in_{identifier(port.name)}": [word(port.word, Kind.END_OF_SAMPLE)]
                for port in self.chip.inputs}

    async def end_sample(self, ctx: Any) -> None:
        """End a sample; the next follows at once."""
        received = {f"out_{identifier(name)}": 1 for name in self.chip.outputs}
        await self.bench.exchange(ctx, self.ends(), received, drain=1)

    async def samples(self, ctx: Any, *, over_bus: Sequence[MemoryConfig] = ()) -> None:
        """Run all samples, keep the states at their ends; read memories over the bus meanwhile."""
        for sample in range(SAMPLES):
            send: dict[str, Sequence[int]] = dict(self.inputs(sample))
            receive = {name: len(words) for name, words in self.outputs(sample).items()}
            if over_bus:
                send["bus_request"] = [request for memory in over_bus for request in self.reads(memory)]
                receive["bus_response"] = len(send["bus_request"])
            await self.bench.exchange(ctx, send, receive)
            words = self.platform.read(ctx)
            self.states.append({core.name: kept(core, words) for core in self.chip.cores})
            await self.end_sample(ctx)
        await self.bench.wait(ctx, 30)

    def requests(self, memory: MemoryConfig, data: Sequence[int] | None) -> list[int]:
        """Requests for every transfer of a memory: writes of these words, or reads."""
        base, layout = bus_map(self.chip)[memory.name], request_layout(bus_shape(self.chip).address_bits)
        return [encode(layout, write=data is not None, address=base + index * memory.transfers + part,
                       data=0 if data is None else data[index] >> BUS_BITS * part & 0xFFFFFFFF)
                for index in range(memory.depth) for part in range(-(-memory.width // BUS_BITS))]

    def reads(self, memory: MemoryConfig) -> list[int]:
        """Requests that read a memory."""
        return self.requests(memory, None)

    def transfers(self, memory: MemoryConfig, words: Sequence[int]) -> list[int]:
        """What they give."""
        return [word >> BUS_BITS * part & 0xFFFFFFFF for word in words
                for part in range(-(-memory.width // BUS_BITS))]

    def contents(self) -> list[MemoryConfig]:
        """Memories to load, in no order of theirs."""
        memories = [memory for memory in chip_memories(self.chip) if not memory.state]
        random.Random(1).shuffle(memories)
        return memories

    def loaded(self) -> list[int]:
        """What reading all of them gives."""
        return [bits for memory in self.contents()
                for bits in self.transfers(memory, self.images[memory.name])]

    async def load(self, ctx: Any) -> None:
        """Load all contents over the bus, and read them back."""
        for memory in self.contents():
            writes = self.requests(memory, self.images[memory.name])
            await self.bench.exchange(ctx, {"bus_request": writes}, {}, drain=1)
        for memory in self.contents():
            reads = self.reads(memory)
            await self.bench.exchange(ctx, {"bus_request": reads}, {"bus_response": len(reads)}, drain=1)

    def check(self, got: Run, *, ends_before: int = 0) -> None:
        """Every word of every output, and every state at every sample's end."""
        for name in self.chip.outputs:
            stream, end = f"out_{identifier(name)}", word(self.chip.core(name).word, Kind.END_OF_SAMPLE)
            expected = [end] * ends_before
            for sample in range(SAMPLES):
                expected += [*self.outputs(sample)[stream], end]
            assert meanings(got[stream]) == expected, name
        for sample, states in enumerate(self.states):
            for name, fields in states.items():
                for field, values in fields.items():
                    assert values == self.trace.states[name][field][sample].tolist(), (sample, name, field)


def running(case: Case, *, contents: Any, gaps: bool, seed: int, p: Chances = 1.0) -> Running:
    """A case, mapped and on a bench; with contents to come over the bus, all memories hold nonsense."""
    mapped = map_network(case.network, **{**case.mapping, "contents": contents})
    images = {name: [int(bits) for bits in image] for name, image in mapped.images.items()}
    platform = GapPlatform(seed) if gaps else StrictPlatform(seed)
    chip = Chip(mapped.chip, images if contents == "baked" else None)
    return Running(chip=mapped.chip, images=images, trace=IntegerModel(case.network).run(case.x), x=case.x,
                   platform=platform, bench=Bench(chip, platform=platform, p_valid=p, p_ready=p, seed=seed))


def small_case(seed: int) -> Case:
    return random_case(seed, largest=9, steps=STEPS, samples=SAMPLES)


@pytest.mark.parametrize("seed", range(10))
@pytest.mark.parametrize("gaps", [False, True])
def test_random_chips_with_baked_contents(seed: int, gaps: bool) -> None:
    chip = running(small_case(seed), contents="baked", gaps=gaps, seed=seed, p=0.6 if gaps else 1.0)
    chip.check(chip.bench.run(chip.samples))


@pytest.mark.parametrize("seed", [1, 2, 3, 7])
@pytest.mark.parametrize("restart", ["reset", "end of sample"])
def test_random_chips_loaded_over_the_bus(seed: int, restart: str) -> None:
    """Loaded and read back; a reset, or an end of sample, puts the new biases in force."""
    chip = running(small_case(seed), contents="bus", gaps=seed % 2 == 1, seed=seed, p=0.8)

    async def process(ctx: Any) -> None:
        await chip.load(ctx)
        if restart == "reset":
            await chip.bench.reset(ctx)
        else:
            await chip.end_sample(ctx)
        await chip.samples(ctx)

    got = chip.bench.run(process)
    assert got["bus_response"] == chip.loaded()
    chip.check(got, ends_before=restart == "end of sample")


SLOW = {"in_in0": 0.1, "in_in1": 0.1}
"""Inputs that leave the chip at rest, most of the time, so that words come while the bus has it."""


@pytest.mark.parametrize("p", [0.8, SLOW], ids=["busy", "slow"])
def test_the_bus_reads_states_and_leaves_a_running_chip_alone(p: Chances) -> None:
    """Contents read while words come in change nothing; states read at rest are what is stored."""
    chip = running(small_case(3), contents="bus", gaps=True, seed=3, p=p)
    states = [memory for memory in chip_memories(chip.chip) if memory.state]
    stored: list[int] = []

    async def process(ctx: Any) -> None:
        await chip.load(ctx)
        await chip.bench.reset(ctx)
        await chip.samples(ctx, over_bus=chip.contents())
        words = chip.platform.read(ctx)
        for memory in states:
            reads = chip.reads(memory)
            stored.extend(chip.transfers(memory, words[memory.name]))
            await chip.bench.exchange(ctx, {"bus_request": reads}, {"bus_response": len(reads)}, drain=1)

    got = chip.bench.run(process)
    assert got["bus_response"] == [*chip.loaded() * (1 + SAMPLES), *stored]
    chip.check(got)


def recurrent_case(seed: int) -> Case:
    return random_recurrent_case(seed, largest=9, steps=STEPS, samples=SAMPLES)


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("gaps", [False, True])
def test_random_chips_with_delays_and_cycles(seed: int, gaps: bool) -> None:
    chip = running(recurrent_case(seed), contents="baked", gaps=gaps, seed=seed, p=0.6 if gaps else 1.0)
    chip.check(chip.bench.run(chip.samples))


def test_the_bus_reads_states_of_a_chip_with_a_cycle() -> None:
    """Contents read while words come in change nothing, nor does what comes round while the bus is there."""
    chip = running(recurrent_case(RECURRENT), contents="bus", gaps=True, seed=RECURRENT, p=SLOW)

    async def process(ctx: Any) -> None:
        await chip.load(ctx)
        await chip.bench.reset(ctx)
        await chip.samples(ctx, over_bus=chip.contents())

    got = chip.bench.run(process)
    assert got["bus_response"] == chip.loaded() * (1 + SAMPLES)
    chip.check(got)


def test_the_random_chips_with_cycles_are_of_all_kinds() -> None:
    cases = [recurrent_case(seed) for seed in range(6)]
    chips = [map_network(case.network, **{**case.mapping, "contents": "baked"}).chip for case in cases]
    ports = [(chip, core, port) for chip in chips for core in chip.cores for port in core.ports]
    loops = [(core.name, port.source) for chip, core, port in ports if chip.closes_cycle(core, port)]
    assert {target == source for target, source in loops} == {True, False}
    assert any(port.delayed and not chip.closes_cycle(core, port) for chip, core, port in ports)
    assert any(port.delayed for core in chips[RECURRENT].cores for port in core.ports
               if chips[RECURRENT].closes_cycle(core, port))


def test_the_random_chips_are_of_all_kinds() -> None:
    """What the seeds above give, so that none of it goes untested."""
    seen: dict[str, set[object]] = {}
    for seed in range(10):
        case = small_case(seed)
        for core in map_network(case.network, **{**case.mapping, "contents": "baked"}).chip.cores:
            for what, value in {
                "rows": core.rows.kind, "fires": core.neuron.fires, "holds": core.holds,
                "values": core.value_bits > 0, "decay": core.neuron.decay.kind, "ports": len(core.ports) > 1,
                "reset": (core.neuron.reset, core.neuron.reset_when), "parameters": bool(core.parameters),
                "one slot": core.slots == 1, "one lane": core.lanes == 1,
            }.items():
                seen.setdefault(what, set()).add(value)
        seen.setdefault("outputs", set()).add(len(case.network.outputs) > 1)
    decays = seen.pop("decay")
    assert decays == {"none", "shift", "multiply"}
    assert len(seen.pop("reset")) == 4
    assert seen.pop("rows") == {"dense", "compressed"}
    assert all(values == {False, True} for values in seen.values()), seen


def test_activity_is_two_bits_a_core_in_their_order() -> None:
    """Cycles spent on events are their rows' slots, those spent on updates a cycle for each slot."""
    case = next(case for case in map(small_case, range(100)) if len(case.network.populations) > 1 and not any(
        port.kind == "hold" or port.value_bits for port in case.network.inputs))
    case = replace(case, mapping={"lanes": 2, "rows": "dense"})
    chip = running(case, contents="baked", gaps=False, seed=1)
    activity = chip.bench.component.activity
    chip.bench.watch["activity"] = activity
    chip.bench.seen.watched["activity"] = []
    seen = chip.bench.run(chip.samples).watched["activity"]
    fired = {**chip.trace.spikes, **case.x}
    for index, core in enumerate(chip.chip.cores):
        events = sum(int(np.count_nonzero(fired[port.source])) for port in core.ports)
        updates = SAMPLES * (STEPS + 1) + 1  # every step, every sample's end, and after reset
        counted = [sum(bits >> 2 * index + which & 1 for bits in seen) for which in (0, 1)]
        assert counted == [events * core.slots, updates * core.slots]


def config() -> ChipConfig:
    """A chip to spoil; it is not built."""
    return map_network(small_case(0).network).chip


def refused(chip: ChipConfig) -> str:
    """The message with which it is refused."""
    with pytest.raises(ConfigError) as error:
        Chip(chip)
    message = str(error.value)
    del error
    with warnings.catch_warnings():  # of the component that was begun and never used
        warnings.simplefilter("ignore", UnusedElaboratable)
        gc.collect()
    return message


def test_names_must_differ_as_identifiers() -> None:
    chip = config()
    core = chip.cores[0]
    twin = replace(chip.inputs[0], name="a.b"), replace(chip.inputs[0], name="a-b")
    ports = tuple(replace(core.ports[0], source=port.name, first_row=index * core.ports[0].addresses)
                  for index, port in enumerate(twin))
    spoilt = replace(chip, inputs=twin, cores=(replace(core, ports=ports),), outputs=(core.name,))
    message = f"names of inputs and cores must differ in letters and digits: a.b, a-b, {core.name}"
    assert refused(spoilt) == message


def test_every_source_must_lead_somewhere() -> None:
    chip = config()
    spoilt = replace(chip, inputs=(*chip.inputs, replace(chip.inputs[0], name="loose")))
    assert refused(spoilt) == "'loose' must feed a core or be an output, and does neither"
