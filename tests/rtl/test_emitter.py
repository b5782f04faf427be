"""Emitters: every spike and every potential once, in order, then the token; and at what pace."""

import random
from collections.abc import Iterable
from itertools import pairwise
from typing import Any

import pytest
from amaranth.hdl import Module, Signal
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

from spikewright.config import CoreConfig, slot_bits
from spikewright.events import Kind
from spikewright.rtl.emitter import ReadoutEmitter, SpikeEmitter
from spikewright.rtl.words import word_stream
from tests.rtl.cores import encode, meanings, plain_core, word
from tests.rtl.streams import Bench, run_streams

SHAPES = [(1, 1), (3, 1), (1, 4), (5, 2), (8, 8), (13, 4), (17, 2), (20, 32)]
"""Neurons and lanes: one, one lane, one slot, places without a neuron in the last slot."""
PACES = [1.0, 0.5, 0.1]


def found_layout(core: CoreConfig) -> data.StructLayout:
    """What a sweep finds in a slot, or the token that ends it."""
    return data.StructLayout({"token": 2, "slot": slot_bits(core),
                              "spikes": core.lanes * core.neuron.count_bits,
                              "potentials": core.lanes * core.neuron.state_bits})


class Fed(wiring.Component):  # type: ignore[type-arg]  # not generic at run time
    """An emitter fed by a stream, as a core's sequencer feeds it.

    Spikes come whenever they like, but for those of a step whose last token is not sent; potentials and
    their token while the emitter is empty.
    """

    found: Any
    sink: Any

    def __init__(self, core: CoreConfig) -> None:
        self.core = core
        super().__init__({
            "found": In(stream.Signature(found_layout(core))), "sink": Out(word_stream(core.word))})

    def elaborate(self, platform: object) -> Module:
        m = Module()
        found, sink = self.found, self.sink
        emitter: Any = SpikeEmitter(self.core) if self.core.neuron.fires else ReadoutEmitter(self.core)
        m.submodules.emitter = emitter
        wiring.connect(m, wiring.flipped(sink), emitter.sink)
        if self.core.neuron.fires:
            sending = Signal()
            with m.If(sink.valid & sink.ready & (sink.payload.kind != Kind.EVENT)):
                m.d.sync += sending.eq(0)
            with m.If(found.valid & found.ready & (found.payload.token != 0)):
                m.d.sync += sending.eq(1)
            m.d.comb += [found.ready.eq(~sending), emitter.spikes.eq(found.payload.spikes)]
        else:
            m.d.comb += [found.ready.eq(emitter.empty), emitter.potentials.eq(found.payload.potentials)]
        with m.If(found.valid & found.ready):
            m.d.comb += [emitter.valid.eq(found.payload.token == 0), emitter.token.eq(found.payload.token)]
        m.d.comb += emitter.slot.eq(found.payload.slot)
        return m


def token(step: int) -> Kind:
    return Kind.END_OF_SAMPLE if step % 4 == 3 else Kind.END_OF_STEP


def addresses(core: CoreConfig, slot: int, lanes: Iterable[int]) -> list[int]:
    """Physical addresses of the neurons in these lanes of a slot; places without one are left out."""
    neurons = [core.placement[slot * core.lanes + lane] for lane in lanes]
    return [int(core.addresses[neuron]) for neuron in neurons if neuron >= 0]


def spiking_steps(core: CoreConfig, steps: int, seed: int = 2) -> tuple[list[int], list[int]]:
    """What sweeps find in so many steps, places without a neuron firing too; and the words they become."""
    layout, chosen = found_layout(core), random.Random(seed)
    bits, most = core.neuron.count_bits, core.neuron.max_spikes
    found, expected = [], []
    for step in range(steps):
        rate = chosen.choice([0.0, 0.1, 0.5, 1.0]) if step else 1.0
        for slot in range(core.slots):
            firing = [lane for lane in range(core.lanes) if chosen.random() < rate]
            counts = {lane: chosen.choice([1, most, chosen.randint(1, most)]) for lane in firing}
            spikes = sum(count << bits * lane for lane, count in counts.items())
            found.append(encode(layout, slot=slot, spikes=spikes))
            sent = [lane for lane in firing for _ in range(counts[lane])]
            expected += [word(core.word, Kind.EVENT, address) for address in addresses(core, slot, sent)]
        found.append(encode(layout, token=token(step), spikes=chosen.getrandbits(core.lanes * bits)))
        expected.append(word(core.word, token(step)))
    return found, expected


def readout_steps(core: CoreConfig, steps: int, seed: int = 2) -> tuple[list[int], list[int]]:
    """The same for potentials."""
    layout, chosen, bits = found_layout(core), random.Random(seed), core.neuron.state_bits
    found, expected = [], []
    for step in range(steps):
        for slot in range(core.slots):
            potentials = [chosen.getrandbits(bits) for _ in range(core.lanes)]
            packed = sum(value << bits * lane for lane, value in enumerate(potentials))
            found.append(encode(layout, slot=slot, potentials=packed))
            real = addresses(core, slot, range(core.lanes))
            expected += [word(core.word, Kind.EVENT, address, value)
                         for address, value in zip(real, potentials, strict=False)]
        found.append(encode(layout, token=token(step), potentials=chosen.getrandbits(bits)))
        expected.append(word(core.word, token(step)))
    return found, expected


@pytest.mark.parametrize(("neurons", "lanes"), SHAPES)
@pytest.mark.parametrize("p_ready", PACES)
@pytest.mark.parametrize("p_valid", [1.0, 0.3])
def test_spikes_in_order_then_the_token(neurons: int, lanes: int, p_valid: float, p_ready: float) -> None:
    core = plain_core(neurons, lanes)
    found, expected = spiking_steps(core, 6)
    got = run_streams(Fed(core), send={"found": found}, receive={"sink": len(expected)}, p_valid=p_valid,
                      p_ready=p_ready)
    assert meanings(got["sink"]) == expected


@pytest.mark.parametrize(("neurons", "lanes"), SHAPES)
@pytest.mark.parametrize("p_ready", PACES)
@pytest.mark.parametrize("most", [2, 5])
def test_the_spikes_of_a_neuron_one_after_the_other(neurons: int, lanes: int, p_ready: float, most: int
                                                    ) -> None:
    core = plain_core(neurons, lanes, max_spikes=most)
    found, expected = spiking_steps(core, 9)
    assert any(before == after and before & 3 == Kind.EVENT for before, after in pairwise(expected))
    got = run_streams(Fed(core), send={"found": found}, receive={"sink": len(expected)}, p_valid=0.6,
                      p_ready=p_ready)
    assert meanings(got["sink"]) == expected


@pytest.mark.parametrize("most", [3, 255])
def test_a_whole_step_of_several_spikes_finds_room(most: int) -> None:
    """And then goes out a word a cycle, without a gap from neuron to neuron or slot to slot."""
    core = plain_core(13, 4, max_spikes=most)
    found, expected = spiking_steps(core, 1)
    assert len(set(expected)) == 13 + 1 < len(expected)
    bench = Bench(Fed(core))

    async def process(ctx: Any) -> None:
        await bench.exchange(ctx, {"found": found}, {})
        await bench.exchange(ctx, {}, {"sink": len(expected)})

    got = bench.run(process)
    assert got.cycles["found"] == list(range(core.slots + 1))
    assert meanings(got["sink"]) == expected
    sent = got.cycles["sink"]
    assert sent == list(range(sent[0], sent[0] + len(expected)))


@pytest.mark.parametrize(("neurons", "lanes"), SHAPES)
def test_a_whole_step_and_its_token_find_room(neurons: int, lanes: int) -> None:
    """A sweep never waits: with the sink held up, all lanes may fire in all slots, a slot a cycle."""
    core = plain_core(neurons, lanes)
    found, expected = spiking_steps(core, 1)
    assert len(expected) == neurons + 1, "every neuron fires"
    bench = Bench(Fed(core))

    async def process(ctx: Any) -> None:
        await bench.exchange(ctx, {"found": found}, {})
        await bench.exchange(ctx, {}, {"sink": len(expected)})

    got = bench.run(process)
    assert got.cycles["found"] == list(range(core.slots + 1))
    assert meanings(got["sink"]) == expected


@pytest.mark.parametrize(("neurons", "lanes"), SHAPES)
def test_one_spike_a_cycle_and_none_for_silence(neurons: int, lanes: int) -> None:
    """Latency 3 where the emitter idles; from then on a word a cycle, as long as there are any."""
    core = plain_core(neurons, lanes)
    found, expected = spiking_steps(core, 1)
    got = run_streams(Fed(core), send={"found": found}, receive={"sink": len(expected)})
    # The first spikes are found in cycle 0; where one lane fires a slot, its spikes keep up with the sweep.
    assert got.cycles["sink"] == list(range(3, 3 + len(expected)))


def test_a_word_that_finds_the_emitter_idle_goes_out_3_cycles_later() -> None:
    core = plain_core(13, 4)
    layout = found_layout(core)
    silent = [encode(layout, slot=1)] * 20
    found = [encode(layout, slot=2, spikes=4), *silent, encode(layout, token=Kind.END_OF_STEP)]
    got = run_streams(Fed(core), send={"found": found}, receive={"sink": 2})
    assert meanings(got["sink"]) == [word(core.word, Kind.EVENT, 10), word(core.word, Kind.END_OF_STEP)]
    assert got.cycles["sink"] == [got.cycles["found"][0] + 3, got.cycles["found"][-1] + 3]


@pytest.mark.parametrize(("neurons", "lanes"), SHAPES)
@pytest.mark.parametrize("p_ready", PACES)
@pytest.mark.parametrize("state_bits", [8, 24])
def test_potentials_in_order_then_the_token(neurons: int, lanes: int, state_bits: int, p_ready: float
                                            ) -> None:
    core = plain_core(neurons, lanes, fires=False, state_bits=state_bits)
    found, expected = readout_steps(core, 3)
    got = run_streams(Fed(core), send={"found": found}, receive={"sink": len(expected)}, p_valid=0.7,
                      p_ready=p_ready)
    assert meanings(got["sink"]) == expected


@pytest.mark.parametrize(("neurons", "lanes"), SHAPES)
def test_a_potential_a_cycle(neurons: int, lanes: int) -> None:
    """Without a gap from slot to slot; the first goes out in the cycle after it comes."""
    core = plain_core(neurons, lanes, fires=False)
    found, expected = readout_steps(core, 3)
    got = run_streams(Fed(core), send={"found": found}, receive={"sink": len(expected)})
    assert got.cycles["sink"] == list(range(1, 1 + len(expected)))
