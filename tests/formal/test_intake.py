"""Proofs: the intake takes every event once and unchanged, and tokens never overtake events."""

from collections.abc import Mapping, Sequence
from itertools import product
from typing import Any

import pytest
from amaranth.hdl import Cat, Const, Mux, Signal, Value

from spikewright.config import CoreConfig
from spikewright.events import Kind
from spikewright.rtl.intake import Intake
from spikewright.rtl.rows import event_layout
from tests.formal.formal import Flow, Formal
from tests.formal.prover import Model
from tests.rtl.cores import Port, plain_core, port_words

KINDS: list[Port] = [("drive", 3, 0), ("hold", 2, 0), ("drive", 2, 2), ("hold", 3, 3)]
"""Ports with and without held drive and values, of their own numbers of addresses."""

PORTS = {"-".join(f"{kind}{bits}" for kind, _, bits in ports): ports
         for count in (1, 2, 3) for ports in product(KINDS, repeat=count)}
SOME = ["drive0", "hold3", "drive0-drive0", "hold0-drive2", "drive2-hold3", "drive0-hold0-drive2",
        "drive0-drive0-drive0", "hold3-drive2-hold0"]


def expected(formal: Formal, core: CoreConfig, index: int, source: Flow) -> Value:
    """The event that a word of this port stands for, as docs/numerics.md and ``event_layout`` have it."""
    port, payload = core.ports[index], source.payload
    event: Any = Signal(event_layout(core), name=f"expected_{index}")
    formal.m.d.comb += event.row.eq(payload.address + port.first_row)
    if core.holds:
        formal.m.d.comb += event.hold.eq(port.kind == "hold")
    if core.value_bits:  # an event without a value counts as 1, of one bit
        bits = port.value_bits or 1
        value = payload.value if port.value_bits else Const(1, 1)
        formal.m.d.comb += [event.value.eq(Cat(Const(0, core.value_bits - bits), value)),
                            event.passes.eq(bits - 1)]
    return Value.cast(event)


def intake(ports: Sequence[Port], faults: Mapping[str, str] | None = None) -> Formal:
    core = plain_core(ports=ports)
    formal = Formal(faults)
    formal.m.submodules.intake = part = Intake(core, port_words(core))
    enable, take = formal.free("enable"), formal.free("take")
    formal.m.d.comb += [part.enable.eq(enable), part.take.eq(take)]
    names = [f"source_{index}" for index in range(len(ports))]
    sources = [formal.feed(name, getattr(part, name)) for name in names]
    event = formal.drain("event", part.event, may_retract=True)
    token = formal.observe("token", part.token)
    formal.assume(~take | (token != 0))
    for source, port in zip(sources, core.ports, strict=True):
        formal.assume(source.payload.kind != Kind.RESERVED)
        formal.assume(source.payload.address < port.addresses)
    has_event = [source.valid & (source.payload.kind == Kind.EVENT) for source in sources]
    has_token = [source.valid & (source.payload.kind != Kind.EVENT) for source in sources]
    tokens = Cat(*has_token).all()
    # Ports bring the same tokens in the same order: they are those of one network's steps.
    formal.assume(~tokens | Cat(source.payload.kind == sources[0].payload.kind for source in sources).all())
    earlier: Value = Const(0, 1)
    for index, source in enumerate(sources):
        name = f"source_{index}"
        taken = Signal(name=f"event_of_{index}")
        formal.m.d.comb += taken.eq(source.moved & has_event[index])
        formal.check(f"{name}: an event goes when and as it is taken",
                     ~taken | event.moved & (event.bits == expected(formal, core, index, source)))
        formal.check(f"{name}: events of earlier ports come first", ~taken | ~earlier)
        formal.check(f"{name}: its token goes with all others, never before an event",
                     (source.moved & has_token[index]) == (take & tokens & enable))
        formal.cover(f"{name}: its token waits for others", formal.past(has_token[index]) & take)
        formal.cover(f"{name}: an event waits, then goes",
                     formal.past(has_event[index] & ~source.ready) & taken)
        earlier = earlier | has_event[index]
    taken_events = sum(source.moved & found for source, found in zip(sources, has_event, strict=True))
    formal.check("one event is taken for every one that goes", taken_events == event.moved)
    formal.check("an event is shown if there is one", event.valid == (enable & Cat(*has_event).any()))
    formal.check("a token is shown when all ports have brought it",
                 token == Mux(enable & tokens, sources[0].payload.kind, 0))
    # An event may give way to one of an earlier port, and to nothing else.
    gives_way = [source.valid & ~formal.past(source.valid) for source in sources]
    formal.check("a waiting event stays, unless an earlier port brings one",
                 ~formal.past(event.valid & ~event.ready) | ~enable | Cat(*gives_way[:-1]).any()
                 | event.valid & (event.bits == formal.past(event.bits)))
    formal.check("a waiting token stays", ~formal.past((token != 0) & ~take) | ~enable
                 | (token == formal.past(token)))
    formal.cover("a token after an event", formal.past(event.moved) & take)
    formal.cover("nothing moves while not enabled", ~enable & Cat(*has_event).any() & event.ready)
    return formal


@pytest.mark.parametrize("ports", [*SOME, *(pytest.param(name, marks=pytest.mark.slow)
                                            for name in PORTS if name not in SOME)])
def test_intake(ports: str) -> None:
    model = Model(intake(PORTS[ports]))
    model.prove()
    model.reach(6)


FOUND = [
    ("event", "drops", "source_1: an event goes when and as it is taken"),
    ("event", "doubles", "one event is taken for every one that goes"),
    ("event", "alters", "source_0: an event goes when and as it is taken"),
    ("event", "alters", "a waiting event stays, unless an earlier port brings one"),
    ("event", "withdraws", "an event is shown if there is one"),
    ("event", "withdraws", "a waiting event stays, unless an earlier port brings one"),
    ("source_0", "drops", "one event is taken for every one that goes"),
    ("source_0", "drops", "source_0: its token goes with all others, never before an event"),
    ("source_0", "doubles", "one event is taken for every one that goes"),
    ("source_1", "alters", "source_1: an event goes when and as it is taken"),
    ("source_0", "withdraws", "source_1: events of earlier ports come first"),
    ("source_0", "overtakes", "source_0: its token goes with all others, never before an event"),
    ("token", "alters", "a token is shown when all ports have brought it"),
    ("token", "alters", "a waiting token stays"),
]


@pytest.mark.parametrize(("stream", "fault", "check"), FOUND)
def test_intake_proof_fails_on_an_intake_that(stream: str, fault: str, check: str) -> None:
    Model(intake(PORTS["drive0-hold3"], {stream: fault})).refute(check, 8)


def test_every_check_is_among_those_that_fail() -> None:
    """Of both ports, what fails for one is written once for both."""
    found = {check.partition(": ")[2] or check for _, _, check in FOUND}
    checks = Model(intake(PORTS["drive0-hold3"])).formal.checks
    assert {check.partition(": ")[2] or check for check in checks} == found
