"""Proofs: everything a sweep finds leaves an emitter once, in order, and tokens never overtake it."""

from collections.abc import Mapping
from typing import Any

import pytest
from amaranth.hdl import Cat, Mux, Signal

from spikewright.config import CoreConfig, slot_bits
from spikewright.events import Kind
from spikewright.rtl.emitter import ReadoutEmitter, SpikeEmitter
from tests.formal.formal import Flow, Formal
from tests.formal.prover import Model
from tests.formal.scoreboard import keeps_moving
from tests.rtl.cores import plain_core

Faults = Mapping[str, str]

PATIENCE = 8
"""Cycles in which a word must come out of an emitter that holds any; tests/rtl has exact latencies."""


class Sweeps:
    """What sweeps find, any slots that come in order; the neuron that is followed; all that leaves.

    The neuron is any one, so that what holds of it holds of every one.
    """

    def __init__(self, formal: Formal, core: CoreConfig, part: Any) -> None:
        self.formal, self.core = formal, core
        m = formal.m
        self.valid, self.slot = formal.free("valid"), formal.free("slot", slot_bits(core))
        self.token = formal.free("token", 2)
        m.d.comb += [part.valid.eq(self.valid), part.slot.eq(self.slot), part.token.eq(self.token)]
        formal.assume((self.slot < core.slots) & (self.token != Kind.RESERVED))
        formal.assume(~(self.valid & (self.token != 0)))
        self.next_slot = Signal(range(core.slots + 1))
        formal.assume(~self.valid | (self.slot >= self.next_slot))
        with m.If(self.valid):
            m.d.sync += self.next_slot.eq(self.slot + 1)
        self.place = formal.constant("place", core.address_bits)
        formal.assume(self.place < core.neurons)
        self.lane = self.place[:core.lanes.bit_length() - 1] if core.lanes > 1 else 0
        self.of_place = Signal()
        m.d.comb += self.of_place.eq(self.valid & (self.slot == self.place >> core.lanes.bit_length() - 1))
        self.sink: Flow = formal.drain("sink", part.sink)
        self.is_event = self.sink.moved & (self.sink.payload.kind == Kind.EVENT)
        self.is_token = self.sink.moved & (self.sink.payload.kind != Kind.EVENT)

    def follow(self, found: Any) -> Signal:
        """Check what leaves, given how many words of the neuron are found; whether a token is due."""
        formal, m, word = self.formal, self.formal.m, self.sink.payload
        most = self.core.neuron.max_spikes
        due, ours = Signal(range(most + 1)), Signal()
        m.d.comb += ours.eq(self.is_event & (word.address == self.place))
        m.d.sync += due.eq(Mux(ours & (due == 0), 0, due + found - ours))
        formal.show("followed words that are due", due)
        formal.check("only what was found, and once", ~ours | (due != 0))
        formal.check("nothing is lost before the token", ~self.is_token | (due == 0))
        token_due, kind = Signal(), Signal(2)
        with m.If(self.token != 0):
            m.d.sync += [token_due.eq(1), kind.eq(self.token)]
        with m.Elif(self.is_token):
            m.d.sync += token_due.eq(0)
        formal.check("every token once, as it came", ~self.is_token | token_due & (word.kind == kind))
        formal.check("only neurons fire", ~self.is_event | (word.address < self.core.neurons))
        least, low = Signal(range(self.core.neurons + 1)), self.core.neurons
        with m.If(self.is_token):
            m.d.sync += least.eq(0)
        with m.Elif(self.is_event):
            m.d.sync += least.eq(word.address + (most == 1))
        formal.check("in the order of their address", ~self.is_event | (word.address >= least))
        keeps_moving(formal, "all comes out in the end", (due != 0) | token_due, self.sink.moved,
                     ~self.sink.ready, within=PATIENCE)
        everyone = Signal(range(low * most + 1))
        m.d.sync += everyone.eq(Mux(self.is_token, 0, everyone + self.is_event))
        formal.cover("all neurons, then the token", self.is_token & (everyone == low * most))
        formal.cover("a token alone", self.is_token & (everyone == 0))
        formal.cover("an end of sample", self.is_token & (word.kind == Kind.END_OF_SAMPLE))
        return token_due


def spikes(neurons: int, lanes: int, faults: Faults | None = None, most: int = 1) -> Formal:
    """As the sequencer feeds it: whenever it likes, but a step begins after the last one's token was sent."""
    core, formal = plain_core(neurons, lanes, max_spikes=most), Formal(faults)
    bits = core.neuron.count_bits
    formal.m.submodules.emitter = part = SpikeEmitter(core)
    sweeps = Sweeps(formal, core, part)
    fired = formal.free("spikes", lanes * bits)
    formal.m.d.comb += part.spikes.eq(fired)
    counts = [fired.word_select(lane, bits) for lane in range(lanes)]
    formal.assume(Cat(count <= most for count in counts).all())
    token_due = sweeps.follow(Mux(sweeps.of_place, fired.word_select(sweeps.lane, bits), 0))
    formal.assume(~token_due | ~sweeps.valid & (sweeps.token == 0))
    with formal.m.If(sweeps.is_token):
        formal.m.d.sync += sweeps.next_slot.eq(0)
    swept = Signal(range(core.slots + 2))  # slots in which all fire, and the token, while no word leaves
    all_fire = Cat(count == most for count in counts).all()
    formal.m.d.sync += swept.eq(Mux(sweeps.sink.moved, 0, swept + (sweeps.valid & all_fire)
                                    + (sweeps.token != 0)))
    formal.cover("a whole step and its token wait", swept == core.slots + 1)
    return formal


def readouts(neurons: int, lanes: int, faults: Faults | None = None) -> Formal:
    """As the sequencer feeds it: while it says that it is empty."""
    core = plain_core(neurons, lanes, fires=False)
    formal = Formal(faults)
    formal.m.submodules.emitter = part = ReadoutEmitter(core)
    sweeps = Sweeps(formal, core, part)
    bits = core.neuron.state_bits
    potentials = formal.free("potentials", lanes * bits)
    formal.m.d.comb += part.potentials.eq(potentials)
    empty = formal.observe("empty", part.empty)
    formal.assume(empty | ~sweeps.valid & (sweeps.token == 0))
    with formal.m.If(sweeps.token != 0):
        formal.m.d.sync += sweeps.next_slot.eq(0)
    value, word = Signal(bits), sweeps.sink.payload
    with formal.m.If(sweeps.of_place):
        formal.m.d.sync += value.eq(potentials.word_select(sweeps.lane, bits))
    token_due = sweeps.follow(sweeps.of_place)
    ours = sweeps.is_event & (word.address == sweeps.place)
    formal.check("the potential that was found", ~ours | (word.value.as_unsigned() == value))
    formal.check("empty when all is sent",
                 ~formal.past(empty & ~sweeps.valid) | ~sweeps.sink.valid | token_due)
    keeps_moving(formal, "empty in the end", ~empty, sweeps.sink.moved, ~sweeps.sink.ready, within=PATIENCE)
    formal.cover("a slot after another without a gap", formal.past(sweeps.sink.moved) & sweeps.is_event
                 & (word.address >> lanes.bit_length() - 1 != 0) if core.slots > 1 else 1)
    return formal


SHAPES = [(1, 1), (3, 1), (1, 4), (5, 2), (7, 4)]
"""Neurons and lanes: one, one lane, one slot, places without a neuron in the last slot."""
LARGE = [(8, 8), (13, 4), (20, 32)]


@pytest.mark.parametrize(("neurons", "lanes"), SHAPES)
@pytest.mark.parametrize("emitter", [spikes, readouts])
def test_emitter(emitter: Any, neurons: int, lanes: int) -> None:
    model = Model(emitter(neurons, lanes))
    model.prove()
    model.reach(8 + neurons)


@pytest.mark.parametrize(("neurons", "lanes", "most"), [
    (1, 1, 2), (3, 1, 3), (1, 4, 2), (5, 2, 3), (5, 2, 4)])
def test_emitter_of_several_spikes(neurons: int, lanes: int, most: int) -> None:
    """Every spike of a neuron, be it the highest number or fewer."""
    model = Model(spikes(neurons, lanes, most=most))
    model.prove()
    model.reach(8 + neurons * most)


@pytest.mark.slow
@pytest.mark.parametrize(("neurons", "lanes"), LARGE)
@pytest.mark.parametrize("emitter", [spikes, readouts])
def test_large_emitter(emitter: Any, neurons: int, lanes: int) -> None:
    model = Model(emitter(neurons, lanes))
    model.prove(seconds=600)
    model.reach(8 + neurons)


FOUND = [
    ("drops", "nothing is lost before the token"),
    ("drops", "all comes out in the end"),
    ("doubles", "only what was found, and once"),
    ("doubles", "every token once, as it came"),
    ("doubles", "in the order of their address"),
    ("alters", "only what was found, and once"),
    ("alters", "every token once, as it came"),
    ("alters", "only neurons fire"),
    ("alters", "sink: a waiting word stays"),
    ("withdraws", "sink: a waiting word stays"),
    ("stalls", "all comes out in the end"),
    ("overtakes", "in the order of their address"),
    ("overtakes", "nothing is lost before the token"),
]
OF_READOUTS = [("sink", "alters", "the potential that was found"),
               ("empty", "alters", "empty when all is sent"), ("empty", "alters", "empty in the end")]


@pytest.mark.parametrize(("fault", "check"), FOUND)
@pytest.mark.parametrize("emitter", [spikes, readouts])
def test_emitter_proof_fails_on_an_emitter_that(emitter: Any, fault: str, check: str) -> None:
    Model(emitter(5, 2, {"sink": fault})).refute(check, 20)


@pytest.mark.parametrize(("fault", "check"), FOUND)
def test_proof_of_several_spikes_fails_on_an_emitter_that(fault: str, check: str) -> None:
    Model(spikes(5, 2, {"sink": fault}, most=3)).refute(check, 20)


@pytest.mark.parametrize(("output", "fault", "check"), OF_READOUTS)
def test_readout_proof_fails_on_an_emitter_that(output: str, fault: str, check: str) -> None:
    Model(readouts(5, 2, {output: fault})).refute(check, 20)


def test_every_check_is_among_those_that_fail() -> None:
    found = {check for _, check in FOUND}
    assert set(Model(spikes(5, 2)).formal.checks) == found
    assert set(Model(readouts(5, 2)).formal.checks) == found | {check for _, _, check in OF_READOUTS}
