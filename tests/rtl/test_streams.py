"""The helper that the other tests rely on: it delivers, it leaves gaps, it finds what it must find."""

from typing import Any

import pytest
from amaranth.hdl import Module, Mux, Signal
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from spikewright.rtl.link import Link
from tests.rtl.streams import StreamError, run_streams


class Wrong(wiring.Component):  # type: ignore[type-arg]  # not generic at run time
    """A stream that goes wrong at its fourth word."""

    source: Any
    sink: Any

    def __init__(self, way: str) -> None:
        self.way = way
        super().__init__({"source": In(stream.Signature(8)), "sink": Out(stream.Signature(8))})

    def elaborate(self, platform: object) -> Module:
        m = Module()
        count, waited = Signal(8), Signal()
        with m.If(self.source.valid & self.source.ready):
            m.d.sync += count.eq(count + 1)
        m.d.sync += waited.eq(self.sink.valid & ~self.sink.ready)
        fourth = count == 3
        m.d.comb += [
            self.sink.valid.eq(self.source.valid), self.sink.payload.eq(self.source.payload),
            self.source.ready.eq(self.sink.ready),
        ]
        if self.way == "stops":
            with m.If(fourth):
                m.d.comb += [self.sink.valid.eq(0), self.source.ready.eq(0)]
        elif self.way == "retracts":
            with m.If(fourth & waited):
                m.d.comb += [self.sink.valid.eq(0), self.source.ready.eq(0)]
        elif self.way == "changes":
            m.d.comb += self.sink.payload.eq(Mux(fourth & waited, 0xee, self.source.payload))
        elif self.way == "doubles":
            again = Signal()
            m.d.sync += again.eq(fourth & self.source.valid & self.sink.ready & ~again)
            m.d.comb += self.source.ready.eq(self.sink.ready & (~fourth | again))
        return m


@pytest.mark.parametrize(("p_valid", "p_ready"), [(1.0, 1.0), (0.5, 1.0), (1.0, 0.5), (0.3, 0.3)])
def test_every_word_arrives_in_order_and_gaps_are_real(p_valid: float, p_ready: float) -> None:
    words = list(range(200))
    run = run_streams(Link(8), send={"source": words}, receive={"sink": 200}, p_valid=p_valid,
                      p_ready=p_ready)
    assert run["sink"] == run["source"] == words
    assert run.cycles["sink"] == run.cycles["source"]
    per_word = run.cycles["sink"][-1] / 200
    # A word waits 1/p cycles to be offered and, from then on, 1/p to be accepted.
    assert per_word == pytest.approx(1 / p_valid + 1 / p_ready - 1, rel=0.15)


def test_equal_seeds_give_equal_runs_and_others_do_not() -> None:
    def cycles(seed: int) -> list[int]:
        return run_streams(Link(8), send={"source": range(50)}, receive={"sink": 50}, p_valid=0.5,
                           p_ready=0.5, seed=seed).cycles["sink"]

    assert cycles(1) == cycles(1) != cycles(2)


def test_watched_values_are_those_of_every_cycle() -> None:
    link = Link(8)
    run = run_streams(link, send={"source": [3, 5]}, receive={"sink": 2}, drain=4,
                      watch={"valid": link.sink.valid})
    assert run.watched == {"valid": [1, 1, 0, 0, 0]}, "the cycle of the last word is the first of the drain"


def test_lock_up_is_told_with_counts() -> None:
    with pytest.raises(StreamError, match=(
            r"^locked up, nothing moved for 40 cycles; source: sent 3 of 9; sink: received 3 of 9$")):
        run_streams(Wrong("stops"), send={"source": range(9)}, receive={"sink": 9}, patience=40)


def test_words_that_are_missing_are_told_with_counts() -> None:
    with pytest.raises(StreamError, match=r"; source: sent 9 of 9; sink: received 9 of 10$"):
        run_streams(Link(8), send={"source": range(9)}, receive={"sink": 10}, patience=40)


def test_a_doubled_word_is_recorded() -> None:
    run = run_streams(Wrong("doubles"), send={"source": range(9)}, receive={"sink": 9})
    assert run["sink"] == [0, 1, 2, 3, 3, 4, 5, 6, 7, 8]


@pytest.mark.parametrize(("way", "message"), [
    ("retracts", r"^sink: word 0x3 was taken back in cycle \d+$"),
    ("changes", r"^sink: word 0x3 changed to 0xee in cycle \d+$"),
])
def test_a_word_must_stay_until_it_is_accepted(way: str, message: str) -> None:
    with pytest.raises(StreamError, match=message):
        run_streams(Wrong(way), send={"source": range(9)}, receive={"sink": 9}, p_ready=0.2)
    if way == "retracts":
        run = run_streams(Wrong(way), send={"source": range(9)}, receive={"sink": 9}, p_ready=0.2,
                          may_retract=["sink"])
        assert run["sink"] == list(range(9))
