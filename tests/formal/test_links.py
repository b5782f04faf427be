"""Proofs: links and forks never drop, double or change a word."""

from collections.abc import Mapping
from pathlib import Path

import pytest
from amaranth.hdl import Cat, Signal
from amaranth.lib import data

from spikewright.rtl import verilog
from spikewright.rtl.link import Fork, Link
from tests.formal.formal import Formal
from tests.formal.prover import Model
from tests.formal.scoreboard import Scoreboard, keeps_moving

Faults = Mapping[str, str]

WORD = data.StructLayout({"word": 3})
"""Parts that only hand words on treat all bits alike, so that a few will do."""


def link(faults: Faults | None = None) -> Formal:
    formal = Formal(faults)
    formal.m.submodules.link = part = Link(WORD)
    source, sink = formal.feed("source", part.source), formal.drain("sink", part.sink)
    Scoreboard(formal, source, sink, capacity=0)
    keeps_moving(formal, "never locks up", source.valid, source.moved, ~sink.ready, within=1)
    return formal


def fork(ways: int, faults: Faults | None = None) -> Formal:
    """Each sink is to take the word at the source once, before or when the source hands it over."""
    formal = Formal(faults)
    formal.m.submodules.fork = part = Fork(WORD, ways)
    source = formal.feed("source", part.source)
    sinks = [formal.drain(f"sink_{index}", part.sinks[index]) for index in range(ways)]
    for index, sink in enumerate(sinks):
        served = Signal(name=f"has_{index}")
        formal.m.d.sync += served.eq((served | sink.moved) & ~source.moved)
        formal.show(f"sink_{index}.has it", served)
        formal.check(f"sink_{index}: at most once", ~sink.moved | source.valid & ~served)
        formal.check(f"sink_{index}: at least once", ~source.moved | served | sink.moved)
        formal.check(f"sink_{index}: unchanged", ~sink.moved | (sink.bits == source.bits))
        formal.check(f"sink_{index}: waits for no other", ~source.valid | served | sink.valid)
        if ways > 1:
            formal.cover(f"sink_{index}: takes a word long before the source gives it",
                         served & formal.past(served) & source.moved)
    keeps_moving(formal, "never locks up", source.valid, source.moved,
                 ~Cat(sink.ready for sink in sinks).all(), within=1)
    formal.cover("a word in every cycle", formal.past(source.moved) & source.moved)
    return formal


def test_link() -> None:
    model = Model(link())
    model.prove()
    model.reach(5)


CELL = Path(verilog.__file__).parent / "verilog" / "spikewright_link.v"


def test_link_of_the_verilog_beside_a_chip() -> None:
    Model(link(), platform=verilog.VerilogPlatform(contents=True), verilog=[CELL]).prove()


@pytest.mark.parametrize(("right", "wrong"), [
    ("sink_valid = source_valid", "sink_valid = 1'b1"),
    ("source_ready = sink_ready", "source_ready = 1'b1"),
    ("sink_payload = source_payload", "sink_payload = ~source_payload"),
])
def test_link_proof_fails_on_verilog_with(right: str, wrong: str, tmp_path: Path) -> None:
    text = CELL.read_text()
    assert text.count(right) == 1
    (tmp_path / CELL.name).write_text(text.replace(right, wrong))
    platform = verilog.VerilogPlatform(contents=True)
    assert Model(link(), platform=platform, verilog=[tmp_path / CELL.name]).caught(5)


@pytest.mark.parametrize(("stream", "fault", "check"), [
    ("sink", "drops", "no more words than find room"),
    ("sink", "doubles", "nothing comes of nothing"),
    ("sink", "alters", "every word in its turn, unchanged"),
    ("sink", "alters", "sink: a waiting word stays"),
    ("sink", "withdraws", "sink: a waiting word stays"),
    ("sink", "stalls", "never locks up"),
    ("source", "drops", "no more words than find room"),
    ("source", "doubles", "nothing comes of nothing"),
    ("source", "alters", "every word in its turn, unchanged"),
])
def test_link_proof_fails_on_a_link_that(stream: str, fault: str, check: str) -> None:
    Model(link({stream: fault})).refute(check, 6)


@pytest.mark.parametrize("ways", [1, 2, 3])
def test_fork(ways: int) -> None:
    model = Model(fork(ways))
    model.prove()
    model.reach(5)


@pytest.mark.parametrize(("stream", "fault", "check"), [
    ("sink_1", "drops", "sink_1: at least once"),
    ("sink_1", "doubles", "sink_1: at most once"),
    ("sink_1", "alters", "sink_1: unchanged"),
    ("sink_1", "alters", "sink_1: a waiting word stays"),
    ("sink_1", "withdraws", "sink_1: waits for no other"),
    ("sink_1", "withdraws", "sink_1: a waiting word stays"),
    ("sink_1", "stalls", "never locks up"),
    ("sink_1", "overtakes", "sink_1: at least once"),
    ("source", "drops", "sink_0: at least once"),
    ("source", "doubles", "sink_1: at most once"),
    ("source", "alters", "sink_0: unchanged"),
])
def test_fork_proof_fails_on_a_fork_that(stream: str, fault: str, check: str) -> None:
    Model(fork(2, {stream: fault})).refute(check, 6)


def test_a_counterexample_is_shown_cycle_by_cycle() -> None:
    wrong = Model(fork(2, {"sink_1": "drops"}))
    with pytest.raises(AssertionError, match=r"^a counterexample:\ncycle \d+: 'sink_1: ") as raised:
        wrong.prove()
    rows = {line.split("  ")[0] for line in str(raised.value).splitlines()}
    assert {"reset", "act", "source.valid", "source.payload.word", "sink_1.ready"} <= rows
    trace = wrong.refute("sink_1: at least once", 5)
    cycle = trace.broken["sink_1: at least once"]
    assert trace.rows["act"][:cycle + 1].count(1), "the fault is what the table shows"
    assert trace.rows["source.ready"][cycle] == trace.rows["source.valid"][cycle] == 1
