"""Proofs: the queue in emitters and walkers, Amaranth's, keeps every word, in order, and has its room."""

from collections.abc import Mapping
from typing import Any

import pytest
from amaranth.lib import data, stream
from amaranth.lib.fifo import SyncFIFOBuffered

from spikewright.rtl.rows import QUEUE_DEPTH
from tests.formal.formal import Formal
from tests.formal.prover import Model
from tests.formal.scoreboard import Scoreboard, keeps_moving

WORD = data.StructLayout({"word": 2})


def queue(depth: int, faults: Mapping[str, str] | None = None) -> Formal:
    formal = Formal(faults)
    formal.m.submodules.queue = part = SyncFIFOBuffered(width=WORD.size, depth=depth)
    ends: list[Any] = [stream.Signature(WORD).create(path=(name,)) for name in ("source", "sink")]
    formal.m.d.comb += [
        part.w_data.eq(ends[0].payload), part.w_en.eq(ends[0].valid), ends[0].ready.eq(part.w_rdy),
        ends[1].payload.eq(part.r_data), ends[1].valid.eq(part.r_rdy), part.r_en.eq(ends[1].ready),
    ]
    source, sink = formal.feed("source", ends[0]), formal.drain("sink", ends[1])
    level = Scoreboard(formal, source, sink, capacity=depth).level
    # All of the room but the output register is there at any time.
    formal.check("room for a word", source.ready | (level >= depth - 1))
    keeps_moving(formal, "all comes out in the end", level != 0, sink.moved, ~sink.ready, within=3)
    return formal


@pytest.mark.parametrize("depth", [3, 5])
def test_queue(depth: int) -> None:
    """Of the depths of emitters of one, two and up to four slots."""
    model = Model(queue(depth))
    model.prove()
    model.reach(20)


@pytest.mark.slow
def test_large_queue() -> None:
    """Of the depth of an emitter of up to eight slots."""
    Model(queue(9)).prove(seconds=600)


@pytest.mark.slow
def test_queue_of_a_walker_until_it_was_full() -> None:
    """For so many cycles after power-up only: a proof for all takes too long."""
    depth = QUEUE_DEPTH + 8
    model = Model(queue(QUEUE_DEPTH + 1))
    model.bounded(depth, engine="pdr")
    assert model.reach(40)["all room is taken"] < depth


FOUND = [
    ("sink", "drops", "every word in its turn, unchanged"),
    ("sink", "drops", "no more words than find room"),
    ("sink", "doubles", "nothing comes of nothing"),
    ("sink", "alters", "every word in its turn, unchanged"),
    ("sink", "alters", "sink: a waiting word stays"),
    ("sink", "withdraws", "sink: a waiting word stays"),
    ("sink", "stalls", "all comes out in the end"),
    ("sink", "overtakes", "every word in its turn, unchanged"),
    ("source", "drops", "all comes out in the end"),
    ("source", "doubles", "nothing comes of nothing"),
    ("source", "stalls", "room for a word"),
]


@pytest.mark.parametrize(("output", "fault", "check"), FOUND)
def test_queue_proof_fails_on_a_queue_that(output: str, fault: str, check: str) -> None:
    Model(queue(3, {output: fault})).refute(check, 20)


def test_every_check_is_among_those_that_fail() -> None:
    assert set(Model(queue(3)).formal.checks) == {check for _, _, check in FOUND}
