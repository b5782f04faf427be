"""Proofs: a ring gives every event once, in its step; a token for a token; and never locks up."""

from collections.abc import Mapping
from dataclasses import dataclass

import pytest
from amaranth.hdl import Array, Mux, Signal, Value

from spikewright import rings
from spikewright.events import Kind, WordFormat
from spikewright.fixed import unsigned_bits
from spikewright.rings import RingConfig
from spikewright.rtl.ring import DelayRing
from tests.formal.formal import Formal
from tests.formal.prover import Model
from tests.formal.scoreboard import keeps_moving

Faults = Mapping[str, str]


@dataclass(frozen=True)
class Shape:
    """A small ring; ``word_bits`` is the most that a word of it may have."""

    delays: tuple[int, ...]
    addresses: int = 3
    most: int = 1
    value_bits: int = 0
    leads: bool = False
    word_bits: int = 2

    def ring(self) -> RingConfig:
        word = WordFormat(address_bits=unsigned_bits(self.addresses - 1), value_bits=self.value_bits)
        return RingConfig(name="ring", word=word, addresses=self.addresses, delays=self.delays,
                          most=self.most, leads=self.leads)


SHAPES = {
    "one word": Shape((1,), addresses=2),
    "two words": Shape((1,)),
    "each its own": Shape((0, 2, 1)),
    "loop": Shape((1,), leads=True),
    "later loop": Shape((2,), leads=True),
    "loop of each": Shape((1, 2), addresses=2, leads=True),
    "counts": Shape((1,), addresses=2, most=3, word_bits=4),
    "values": Shape((1,), addresses=2, value_bits=2, word_bits=2),
}


def ring(shape: Shape, monkeypatch: pytest.MonkeyPatch, faults: Faults | None = None) -> Formal:
    """Follows any one address: what it has in every slot, and what of the present one is still to go."""
    monkeypatch.setattr(rings, "WORD_BITS", shape.word_bits)
    config = shape.ring()
    formal = Formal(faults)
    m = formal.m
    m.submodules.ring = part = DelayRing(config)
    source, sink = formal.feed("source", part.source), formal.drain("sink", part.sink)
    kind = source.payload.kind
    formal.assume(kind != Kind.RESERVED)
    formal.assume(source.payload.address < config.addresses)
    followed = formal.constant("followed", range(config.addresses))
    formal.assume(followed < config.addresses)
    bits = config.field_bits
    slots = Array(Signal(bits, name=f"slot_{index}") for index in range(config.slots))
    left, owed = Signal(bits), Signal(2, init=Kind.END_OF_STEP if config.leads else 0)
    ahead = config.ahead
    own: Value | int = ahead[0] if len(ahead) == 1 else Array(ahead)[followed]
    event = Signal()
    m.d.comb += event.eq(source.moved & (kind == Kind.EVENT) & (source.payload.address == followed))
    amount = source.payload.value if config.word.value_bits else 1
    for address in range(config.addresses):
        sent, sends = Signal(range(config.most + 1), name=f"sent_{address}"), Signal(name=f"sends_{address}")
        m.d.comb += sends.eq(source.moved & (kind == Kind.EVENT) & (source.payload.address == address))
        formal.assume(~sends | (sent < config.most))
        with m.If(source.moved):
            m.d.sync += sent.eq(Mux(kind == Kind.EVENT, sent + sends, 0))
    if config.word.value_bits:
        formal.assume(source.payload.value != 0)
    gone = Signal()
    m.d.comb += gone.eq(sink.moved & (sink.payload.kind == Kind.EVENT)
                        & (sink.payload.address == followed))
    with m.If(event):
        m.d.sync += slots[own].eq(slots[own] + amount)
    with m.If(gone):
        m.d.sync += left.eq(0 if config.word.value_bits else left - 1)
    with m.If(source.moved & (kind != Kind.EVENT)):
        m.d.sync += owed.eq(kind)
        for index, slot in enumerate(slots):
            after = slots[index + 1] if index + 1 < config.slots else 0
            m.d.sync += slot.eq(Mux(kind == Kind.END_OF_STEP, after, 0))
        m.d.sync += left.eq(Mux(kind == Kind.END_OF_STEP, slots[0], 0))
    token = Signal()
    m.d.comb += token.eq(sink.moved & (sink.payload.kind != Kind.EVENT))
    with m.If(token):
        m.d.sync += owed.eq(Kind.END_OF_STEP if config.leads else 0)
        with m.If(owed == Kind.END_OF_STEP):
            m.d.sync += owed.eq(0)
    formal.check("an event in its step, no more of them",
                 ~gone | (left == (sink.payload.value if config.word.value_bits else left)) & (left != 0))
    formal.check("all events before the step ends", ~token | (left == 0))
    formal.check("a token answers a token", ~token | (sink.payload.kind == owed))
    formal.check("nothing is taken before the answer", ~source.moved | (owed == 0))
    formal.check("events answer a step's end",
                 ~sink.moved | token | (owed == Kind.END_OF_STEP) & (sink.payload.address < config.addresses))
    waits = Mux(owed != 0, ~sink.ready, ~source.valid)
    keeps_moving(formal, "never locks up", 1, source.moved | sink.moved, waits,
                 within=config.memory.depth + config.words + 5)
    formal.cover("the followed event goes out", gone)
    behind = formal.past(sink.moved & ~token & ~gone)
    formal.cover("the followed event goes out behind another", gone & behind)
    formal.cover("a sample ends with events under way", source.moved & (kind == Kind.END_OF_SAMPLE)
                 & (slots[0] != 0))
    formal.show("left", left)
    return formal


@pytest.mark.parametrize("shape", SHAPES)
def test_ring(shape: str, monkeypatch: pytest.MonkeyPatch) -> None:
    model = Model(ring(SHAPES[shape], monkeypatch))
    model.prove(seconds=120)
    model.reach(30)


FOUND = [
    ("sink", "drops", "all events before the step ends"),
    ("sink", "drops", "nothing is taken before the answer"),
    ("sink", "doubles", "an event in its step, no more of them"),
    ("sink", "doubles", "a token answers a token"),
    ("sink", "alters", "an event in its step, no more of them"),
    ("sink", "alters", "events answer a step's end"),
    ("sink", "alters", "a token answers a token"),
    ("sink", "alters", "sink: a waiting word stays"),
    ("sink", "withdraws", "sink: a waiting word stays"),
    ("sink", "stalls", "never locks up"),
    ("source", "drops", "all events before the step ends"),
    ("source", "drops", "never locks up"),
    ("source", "alters", "an event in its step, no more of them"),
    ("source", "doubles", "an event in its step, no more of them"),
]


@pytest.mark.parametrize(("stream", "fault", "check"), FOUND)
def test_ring_proof_fails_on_a_ring_that(stream: str, fault: str, check: str,
                                         monkeypatch: pytest.MonkeyPatch) -> None:
    Model(ring(SHAPES["one word"], monkeypatch, {stream: fault})).refute(check, 16)


def test_every_check_is_among_those_that_fail(monkeypatch: pytest.MonkeyPatch) -> None:
    checks = Model(ring(SHAPES["one word"], monkeypatch)).formal.checks
    assert set(checks) == {check for _, _, check in FOUND}
