"""What a row walker owes: every pass of every word of the row of every event it took."""

from typing import Any

from amaranth.hdl import Cat, Mux, Signal, Value

from spikewright.config import CoreConfig
from tests.formal.formal import Flow, Formal
from tests.formal.scoreboard import keeps_moving

__all__ = ["Followed", "feed_events"]


def feed_events(formal: Formal, core: CoreConfig, port: Any) -> Flow:
    """Events as an intake makes them."""
    event = formal.feed("event", port)
    formal.assume(event.payload.row < core.total_rows)
    if core.value_bits:
        formal.assume(event.payload.passes < core.value_bits)
    return event


class Followed:
    """One event of all that a walker takes: any one, so that what holds of it holds of every event.

    Counts the passes that are owed, in all and to the events before it; checks the passes of its own.

    Parameters
    ----------
    synapses
        What the walker gives, all lanes alike but for the weight.
    words
        Words in the row of the event that comes; at most ``most``.
    capacity
        Events that may be under way.
    within
        Cycles in which a pass must come while any is owed.

    Attributes
    ----------
    ours, word, row
        A pass of the event comes, for this word of its row, which is this.
    """

    def __init__(self, formal: Formal, core: CoreConfig, event: Flow, synapses: list[Any], *, words: Value,
                 most: int, capacity: int, within: int) -> None:
        m, self.formal, self.core = formal.m, formal, core
        self.seen = {name: formal.observe(name, getattr(synapses[0], name))
                     for name in ("valid", "first", "last", "bit", "address")}
        self.weights = formal.observe("weights", Cat(synapse.weight for synapse in synapses))
        valid, room = self.seen["valid"], capacity * most * max(1, core.value_bits)
        coming = Signal(range(room + 1))
        m.d.comb += coming.eq(words * ((event.payload.passes + 1) if core.value_bits else 1))
        self.owed = owed = Signal(range(2 * room + 2))
        m.d.sync += owed.eq(owed - valid + Mux(event.moved, coming, 0))
        self.row, self.word, self.ours = Signal.like(event.payload.row), Signal(range(most + 1)), Signal()
        self.followed, self.done = Signal(), Signal()
        ahead, left = Signal.like(owed), Signal(range(most + 1))
        self._count, self._passes = Signal(4), Signal(4)
        self._value, self._hold = Signal(max(1, core.value_bits)), Signal()
        with m.If(formal.free("follow") & event.moved & ~self.followed):
            m.d.sync += [self.followed.eq(1), self.row.eq(event.payload.row), ahead.eq(owed - valid),
                         left.eq(words), self.done.eq(words == 0)]
            if core.value_bits:
                m.d.sync += [self._passes.eq(event.payload.passes), self._value.eq(event.payload.value)]
            if core.holds:
                m.d.sync += self._hold.eq(event.payload.hold)
        with m.Elif(valid & (ahead != 0)):
            m.d.sync += ahead.eq(ahead - 1)
        m.d.comb += self.ours.eq(valid & self.followed & ~self.done & (ahead == 0))
        self.last_pass = self._count == self._passes
        self.last_of_row = self.ours & self.last_pass & (left == 1)
        with m.If(self.ours):
            m.d.sync += self._count.eq(Mux(self.last_pass, 0, self._count + 1))
            with m.If(self.last_pass):
                m.d.sync += [self.word.eq(self.word + 1), left.eq(left - 1), self.done.eq(left == 1)]
        formal.show("passes owed", owed)
        formal.show("followed event", self.ours)
        formal.check("nothing comes of nothing", ~valid | (owed != 0))
        formal.check("no more than finds room", owed <= room)
        self._check_passes()
        keeps_moving(formal, "all comes out in the end", owed != 0, valid, 0, within=within)
        keeps_moving(formal, "a waiting event is taken", event.valid, event.moved, valid, within=within)
        formal.cover("the last pass of the followed event", self.last_of_row)
        formal.cover("it follows another event without a gap", formal.past(valid & (ahead == 1)) & self.ours)
        formal.cover("rest after it", formal.past(valid) & ~valid & (owed == 0) & self.done)

    def _check_passes(self) -> None:
        formal, core, ours, count = self.formal, self.core, self.ours, self._count
        formal.check("pass after pass",
                     ~ours | (self.seen["first"] == (count == 0)) & (self.seen["last"] == self.last_pass))
        bit: Value = self.seen["bit"]
        if core.value_bits:
            place = Signal(range(core.value_bits))
            formal.m.d.comb += place.eq(core.value_bits - 1 - count)
            bit = bit == self._value.bit_select(place, 1)
        formal.check("bits of the value, the highest first", ~ours | bit)
        if core.holds:
            formal.check("held as the event says", ~ours | (self.seen["address"][-1] == self._hold))
