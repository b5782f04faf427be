"""The intake: every event of a step, from ports that run ahead of each other, and then its token."""

import random
from collections.abc import Collection
from typing import Any

import pytest
from amaranth.hdl import Module
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from spikewright.config import CoreConfig
from spikewright.events import Kind, WordFormat
from spikewright.rtl.intake import Intake
from spikewright.rtl.rows import event_layout
from spikewright.rtl.words import word_stream
from tests.rtl.cores import Port, decode, plain_core, port_words, word
from tests.rtl.streams import Run, run_streams

PORTS: dict[str, list[Port]] = {
    "one": [("drive", 9, 0)],
    "two": [("drive", 4, 0), ("drive", 7, 0)],
    "held": [("hold", 5, 3), ("drive", 4, 0), ("drive", 3, 2)],
    "one address": [("drive", 1, 1), ("hold", 1, 0)],
}
CHANCES = [(1.0, 1.0), (0.5, 1.0), (1.0, 0.5), (0.3, 0.3)]


class Tokens(wiring.Component):  # type: ignore[type-arg]  # not generic at run time
    """An intake whose tokens come as a stream."""

    tokens: Any
    closed: Any

    def __init__(self, core: CoreConfig, formats: tuple[WordFormat, ...] | None = None,
                 closing: Collection[int] = ()) -> None:
        formats = formats or port_words(core)
        self.intake = Intake(core, formats, closing)
        self.names = [f"source_{index}" for index in range(len(core.ports))]
        super().__init__({
            **{name: In(word_stream(format)) for name, format in zip(self.names, formats, strict=True)},
            "event": Out(stream.Signature(event_layout(core))), "tokens": Out(stream.Signature(2)),
            "closed": In(1),
        })

    def elaborate(self, platform: object) -> Module:
        m = Module()
        m.submodules.intake = intake = self.intake
        for name in (*self.names, "event"):
            source, sink = wiring.flipped(getattr(self, name)), getattr(intake, name)
            wiring.connect(m, source, sink)
        m.d.comb += [
            intake.enable.eq(~self.closed), self.tokens.valid.eq(intake.token != 0),
            self.tokens.payload.eq(intake.token), intake.take.eq(self.tokens.valid & self.tokens.ready),
        ]
        return m


def stimulus(core: CoreConfig, seed: int, steps: int = 12) -> tuple[list[list[list[int]]], list[Kind]]:
    """Words without tokens, by port and step; and the token of each step, an end of sample now and then."""
    chosen = random.Random(seed)
    events = [[[word(format, Kind.EVENT, chosen.randrange(port.addresses), chosen.getrandbits(8))
                for _ in range(chosen.choice([0, 0, 1, 3, 8]))] for _ in range(steps)]
              for port, format in zip(core.ports, port_words(core), strict=True)]
    return events, [Kind.END_OF_SAMPLE if step % 5 == 4 else Kind.END_OF_STEP for step in range(steps)]


def expected_event(core: CoreConfig, index: int, bits: int) -> dict[str, int]:
    """An event as docs/numerics.md and event_layout have it: values stand in the high bits of their field."""
    port, format = core.ports[index], port_words(core)[index]
    address, value = bits >> 2 & (1 << format.address_bits) - 1, bits >> 2 + format.address_bits
    event = {"row": port.first_row + address}
    if core.holds:
        event["hold"] = int(port.kind == "hold")
    if core.value_bits:
        bits = port.value_bits or 1
        event |= {"value": (value if port.value_bits else 1) << core.value_bits - bits, "passes": bits - 1}
    return event


def run(core: CoreConfig, events: list[list[list[int]]], tokens: list[Kind], **bench: Any) -> Run:
    formats = port_words(core)
    send = {f"source_{index}": [bits for step, kind in zip(port, tokens, strict=True)
                                for bits in (*step, word(formats[index], kind))]
            for index, port in enumerate(events)}
    counts = {"event": sum(len(step) for port in events for step in port), "tokens": len(tokens)}
    return run_streams(Tokens(core), send=send, receive=counts, may_retract=["event", "tokens"], **bench)


@pytest.mark.parametrize("ports", PORTS)
@pytest.mark.parametrize(("p_valid", "p_ready"), CHANCES)
@pytest.mark.parametrize("p_closed", [0.0, 0.6])
def test_every_event_of_a_step_then_its_token(ports: str, p_valid: float, p_ready: float, p_closed: float
                                              ) -> None:
    core = plain_core(ports=PORTS[ports])
    events, tokens = stimulus(core, seed=5)
    assert any(not any(port[step] for port in events) for step in range(len(tokens))) or ports == "held"
    got = run(core, events, tokens, p_valid=p_valid, p_ready=p_ready, toggle={"closed": p_closed})
    seen = [(cycle, "event", bits) for cycle, bits in zip(got.cycles["event"], got["event"], strict=True)]
    seen += [(cycle, "token", bits) for cycle, bits in zip(got.cycles["tokens"], got["tokens"], strict=True)]
    seen.sort()
    steps: list[list[dict[str, int]]] = [[]]
    taken: list[int] = []
    for _, what, bits in seen:
        if what == "event":
            steps[-1].append(decode(event_layout(core), bits))
        else:
            taken.append(bits)
            steps.append([])
    assert taken == tokens
    assert steps.pop() == []
    for step, received in enumerate(steps):
        for index, port in enumerate(core.ports):
            rows = range(port.first_row, port.first_row + port.addresses)
            of_port = [event for event in received if event["row"] in rows]
            assert of_port == [expected_event(core, index, bits) for bits in events[index][step]], "in order"


def test_an_event_passes_in_the_cycle_it_comes() -> None:
    core = plain_core(ports=PORTS["held"])
    events, tokens = stimulus(core, seed=5)
    got = run(core, events, tokens)
    taken = sorted(cycle for name in ("source_0", "source_1", "source_2")
                   for cycle, bits in zip(got.cycles[name], got[name], strict=True) if bits & 3 == Kind.EVENT)
    assert got.cycles["event"] == taken == sorted(set(taken)), "one a cycle"


def test_the_first_port_comes_first() -> None:
    core = plain_core(ports=PORTS["two"])
    formats = port_words(core)
    events = [[[word(format, Kind.EVENT, address) for address in range(4)]] for format in formats]
    got = run(core, events, [Kind.END_OF_STEP])
    assert [decode(event_layout(core), bits)["row"] for bits in got["event"]] == [0, 1, 2, 3, 4, 5, 6, 7]


def test_a_port_that_runs_ahead_is_held_back_at_its_token() -> None:
    """Its next events wait until every port has brought the token, and all tokens go at once."""
    core = plain_core(ports=PORTS["two"])
    formats = port_words(core)
    ahead = [[word(formats[0], Kind.EVENT, step)] for step in range(3)]
    late: list[list[int]] = [[], [], []]
    got = run(core, [ahead, late], [Kind.END_OF_STEP] * 3, p_valid={"source_1": 0.03}, seed=2)
    assert got.cycles["event"][0] == 0
    for step in range(3):
        tokens = [got.cycles["source_0"][2 * step + 1], got.cycles["source_1"][step]]
        assert tokens == [got.cycles["tokens"][step]] * 2
        if step:
            assert got.cycles["event"][step] == got.cycles["tokens"][step - 1] + 1
    assert got.cycles["tokens"][-1] > 30, "the late port must be late"


def test_nothing_is_taken_or_shown_while_not_enabled() -> None:
    core = plain_core(ports=PORTS["two"])
    formats, component = port_words(core), Tokens(core)
    events = [word(formats[0], Kind.EVENT, address) for address in range(4)]
    got = run_streams(component, send={"source_0": [*events, word(formats[0], Kind.END_OF_STEP)],
                                       "source_1": [word(formats[1], Kind.END_OF_STEP)]},
                      receive={"event": 4, "tokens": 1}, toggle={"closed": 0.7},
                      may_retract=["event", "tokens"],
                      watch={"closed": component.closed, "event": component.intake.event.valid,
                             "token": component.intake.token})
    closed = [cycle for cycle, is_closed in enumerate(got.watched["closed"]) if is_closed]
    assert len(closed) > 10
    assert all(not got.watched[name][cycle] for cycle in closed for name in ("event", "token"))
    assert not set(got.cycles["source_0"]) & set(closed)
