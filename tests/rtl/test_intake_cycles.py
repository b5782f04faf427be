"""The intake of a core in a cycle: no word of a step before it begins, none of one that never comes."""

import random
from dataclasses import dataclass, replace
from typing import Any

import pytest

from spikewright.config import CoreConfig
from spikewright.events import Kind, PlaneFormat
from spikewright.rtl.rows import event_layout
from tests.rtl.cores import decode, plain_core, port_words, word
from tests.rtl.streams import Run, run_streams
from tests.rtl.test_intake import CHANCES, Tokens

LENGTHS = [4, 1, 6, 0, 3, 0, 0, 5]
"""Steps of the samples of a run."""

STEP, SAMPLE = Kind.END_OF_STEP, Kind.END_OF_SAMPLE


@dataclass(frozen=True)
class Shape:
    """Kinds of the ports, and which of them close a cycle."""

    kinds: tuple[Any, ...]
    closing: tuple[int, ...] = ()

    def core(self) -> CoreConfig:
        core = plain_core(ports=[("hold" if kind == "hold" else "drive", 5, 0) for kind in self.kinds])
        ports, row = [], 0
        for port, kind in zip(core.ports, self.kinds, strict=True):
            ports.append(replace(port, kind=kind, first_row=row))
            row += 5 if kind != "pace" else 0
        return replace(core, ports=tuple(ports))


SHAPES = {
    "loop": Shape(("drive", "drive"), (1,)),
    "loop first": Shape(("drive", "drive"), (0,)),
    "loops": Shape(("drive", "hold", "drive", "drive"), (1, 3)),
    "only loops": Shape(("drive", "pace"), (0,)),
    "paced": Shape(("pace", "drive")),
}


def events_of(core: CoreConfig, index: int, chosen: random.Random) -> list[int]:
    """Some events, or none."""
    format = port_words(core)[index]
    return [word(format, Kind.EVENT, chosen.randrange(5)) for _ in range(chosen.choice([0, 0, 1, 3, 6]))]


def stimulus(shape: Shape, core: CoreConfig) -> tuple[list[list[int]], list[list[list[list[int]]]]]:
    """Words by port; and events that count by port, sample and step. A loop brings a step too many."""
    chosen = random.Random(5)
    words: list[list[int]] = []
    counted: list[list[list[list[int]]]] = []
    for index in range(len(core.ports)):
        sent: list[int] = []
        samples = []
        for length in LENGTHS:
            steps = [events_of(core, index, chosen) for _ in range(length + (index in shape.closing))]
            if index in shape.closing:
                steps[0] = []
            for events in steps:
                sent += [*events, STEP]
            sent.append(SAMPLE)
            samples.append(steps[:length] if core.ports[index].kind != "pace" else [[]] * length)
        words.append(sent + [STEP] * (index in shape.closing))
        counted.append(samples)
    return words, counted


def run(shape: Shape, core: CoreConfig, words: list[list[int]], counted: list[list[list[list[int]]]],
        **bench: Any) -> Run:
    """All words; the last step of a loop, which is of a sample that never begins, stays where it is."""
    send = {f"source_{index}": sent for index, sent in enumerate(words)}
    for index in shape.closing:
        send[f"source_{index}"] = words[index][:-1]
    events = sum(len(events) for port in counted for sample in port for events in sample)
    tokens = sum(LENGTHS) + len(LENGTHS)
    component = Tokens(core, closing=shape.closing)
    forward = [f"source_{index}" for index in range(len(words)) if index not in shape.closing]
    watch = {f"{name}.{what}": value for name in forward for what, value in (
        ("valid", getattr(component, name).valid), ("kind", getattr(component, name).payload.kind))}
    return run_streams(component, send=send, receive={"event": events, "tokens": tokens}, watch=watch,
                       may_retract=["event", "tokens"], **bench)


@pytest.mark.parametrize("name", SHAPES)
@pytest.mark.parametrize(("p_valid", "p_ready"), CHANCES)
@pytest.mark.parametrize("p_closed", [0.0, 0.5])
def test_every_event_of_a_step_then_its_token(name: str, p_valid: float, p_ready: float, p_closed: float
                                              ) -> None:
    shape = SHAPES[name]
    core = shape.core()
    words, counted = stimulus(shape, core)
    got = run(shape, core, words, counted, p_valid=p_valid, p_ready=p_ready, toggle={"closed": p_closed})
    seen = [(cycle, "event", bits) for cycle, bits in zip(got.cycles["event"], got["event"], strict=True)]
    seen += [(cycle, "token", bits) for cycle, bits in zip(got.cycles["tokens"], got["tokens"], strict=True)]
    samples: list[list[list[int]]] = [[[]]]
    for _, what, bits in sorted(seen):
        if what == "event":
            samples[-1][-1].append(decode(event_layout(core), bits)["row"])
        elif bits == STEP:
            samples[-1].append([])
        else:
            assert samples[-1].pop() == [], "no event after the last step"
            samples.append([[]])
    assert samples.pop() == [[]]
    assert [len(steps) for steps in samples] == LENGTHS
    for index, port in enumerate(core.ports):
        if port.kind == "pace":
            continue
        rows = range(port.first_row, port.first_row + 5)
        for sample, steps in enumerate(samples):
            for step, received in enumerate(steps):
                wanted = [port.first_row + (bits >> 2) for bits in counted[index][sample][step]]
                assert [row for row in received if row in rows] == wanted, "in order"


@pytest.mark.parametrize("name", [name for name, shape in SHAPES.items() if shape.closing])
def test_no_event_of_a_loop_before_its_step_begins(name: str) -> None:
    """With slow ports that close no cycle: the first word of a step, but a sample's end, must have shown."""
    shape = SHAPES[name]
    core = shape.core()
    words, counted = stimulus(shape, core)
    forward = [f"source_{index}" for index in range(len(words)) if index not in shape.closing]
    got = run(shape, core, words, counted, p_valid=dict.fromkeys(forward, 0.1), seed=3)
    tokens = got.cycles["tokens"]
    looped = {row for index in shape.closing for row in range(core.ports[index].first_row,
                                                             core.ports[index].first_row + 5)}
    waits = 0
    for cycle, bits in zip(got.cycles["event"], got["event"], strict=True):
        if decode(event_layout(core), bits)["row"] not in looped:
            continue
        begin = max((token + 1 for token in tokens if token < cycle), default=0)
        shown = [at for at in range(begin, cycle + 1) for source in forward
                 if got.watched[f"{source}.valid"][at] and got.watched[f"{source}.kind"][at] != SAMPLE]
        assert shown, f"an event of a loop in cycle {cycle}, before its step"
        waits += shown[0] > begin + 3
    assert waits > 3, "some must have waited"


def test_what_a_loop_brings_too_early_is_dropped_while_the_next_sample_begins() -> None:
    """The token of the next sample's first step waits for the loop; its events do not."""
    shape = SHAPES["loop"]
    core = shape.core()
    event = word(port_words(core)[0], Kind.EVENT, 1)
    forward = [event, STEP, SAMPLE, event, event, STEP]
    loop = [STEP, *[event] * 20, STEP, SAMPLE, STEP]
    got = run_streams(Tokens(core, closing=(1,)), send={"source_0": forward, "source_1": loop},
                      receive={"event": 3, "tokens": 3}, may_retract=["event", "tokens"])
    assert got["tokens"] == [STEP, SAMPLE, STEP]
    first, end, second = got.cycles["tokens"]
    assert end == first + 1
    assert got.cycles["event"][1:] == [end + 1, end + 2], "at once"
    assert second == end + 1 + 22, "after 20 events, a step's end and a sample's end"


def test_events_of_a_port_that_paces_are_taken_at_once() -> None:
    shape = SHAPES["paced"]
    core = shape.core()
    event = word(port_words(core)[0], Kind.EVENT, 1)
    got = run_streams(Tokens(core), send={"source_0": [event] * 5 + [STEP], "source_1": [event] * 5 + [STEP]},
                      receive={"event": 5, "tokens": 1}, may_retract=["event", "tokens"],
                      p_ready={"event": 0.2, "tokens": 1.0}, seed=2)
    assert got.cycles["source_0"][:5] == list(range(5))
    assert got.cycles["event"][-1] > 10


def test_sources_of_a_loop_that_reach_nothing_are_passed_over() -> None:
    """Rests of the plane beyond whole windows have no row."""
    core = plain_core(ports=[("drive", 2, 0), ("drive", 2, 0)])
    plane = PlaneFormat(shape=(1, 1, 5))
    ports = core.ports[0], replace(core.ports[1], plane=plane, pool=(1, 2))
    core = replace(core, ports=ports)
    formats = (port_words(core)[0], replace(port_words(core)[1], address_bits=plane.address_bits))
    event, rest = word(formats[1], Kind.EVENT, 2), word(formats[1], Kind.EVENT, 4)
    send: Any = {"source_0": [STEP], "source_1": [rest, event, rest, STEP]}
    got = run_streams(Tokens(core, formats, closing=(1,)), send=send, receive={"event": 1, "tokens": 1},
                      may_retract=["event", "tokens"])
    assert [decode(event_layout(core), bits)["row"] for bits in got["event"]] == [3]
