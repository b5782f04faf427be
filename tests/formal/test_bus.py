"""Proofs: the bus controller answers every request once, in order, and only while the chip rests."""

from collections.abc import Mapping

import pytest
from amaranth.hdl import Signal

from spikewright.memory import BUS_BITS
from spikewright.rtl.bus import BusController
from spikewright.rtl.memory import BusShape
from tests.formal.formal import Formal
from tests.formal.prover import Model
from tests.formal.scoreboard import keeps_moving

ADDRESS_BITS = 4
RESTING = 4
"""Cycles in a row in which every core must rest, with the last that of the transfer's claim."""


def controller(faults: Mapping[str, str] | None = None) -> Formal:
    """Any requests, a chip that rests when it likes, memories that read as anything."""
    formal = Formal(faults)
    m = formal.m
    m.submodules.controller = part = BusController(BusShape(address_bits=ADDRESS_BITS))
    request, response = formal.feed("request", part.request), formal.drain("response", part.response)
    resting = formal.free("resting")
    read_data = formal.free("read_data", BUS_BITS)
    m.d.comb += [part.resting.eq(resting), part.bus.read_data.eq(read_data)]
    bus = {name: formal.observe(f"bus.{name}", getattr(part.bus, name))
           for name in ("active", "strobe", "write", "address", "write_data")}
    word, strobe, active = request.payload, bus["strobe"], bus["active"]
    formal.check("a transfer for every request, when it is taken", strobe == request.moved)
    formal.check("a transfer as it was asked for",
                 ~strobe | (bus["write"] == word.write) & (bus["address"] == word.address)
                 & (~word.write | (bus["write_data"] == word.data)))
    # The core holds its words back with `active`; what is in its pipelines ends while it rests.
    rested = Signal(range(RESTING + 1))
    with m.If(~(active & resting)):
        m.d.sync += rested.eq(0)
    with m.Elif(rested != RESTING):
        m.d.sync += rested.eq(rested + 1)
    formal.check("a transfer only after the chip has rested", ~strobe | active & (rested == RESTING))
    # Memories answer in the second cycle after a read.
    read, reading, owed, answer = Signal(), Signal(), Signal(), Signal(BUS_BITS)
    m.d.sync += read.eq(strobe & ~bus["write"])
    m.d.sync += reading.eq(read)
    with m.If(reading):
        m.d.sync += [owed.eq(1), answer.eq(read_data)]
    with m.Elif(response.moved):
        m.d.sync += owed.eq(0)
    formal.show("an answer is owed", owed)
    formal.check("the chip is held while a read is under way", ~(read | reading) | active)
    formal.check("an answer only to a read", ~response.valid | owed)
    formal.check("the answer that the memory gave", ~response.moved | (response.bits == answer))
    formal.check("one request after another", ~request.moved | ~owed & ~read & ~reading)
    keeps_moving(formal, "every request is taken", request.valid | owed, request.moved | response.moved,
                 ~resting | response.valid & ~response.ready, within=8)
    released = Signal()
    m.d.comb += released.eq(~request.valid & ~owed & ~read & ~reading)
    formal.check("the chip is free without a request", ~(formal.past(released) & released) | ~active)
    reads, worked = Signal(2), Signal()
    with m.If(response.moved):
        m.d.sync += reads.eq(reads + 1)
    m.d.sync += worked.eq((worked | active & ~resting) & ~request.moved)
    formal.cover("a write after a read", request.moved & word.write & (reads == 1))
    formal.cover("a second answer", response.moved & (reads == 1))
    formal.cover("a chip that was at work when the request came", request.moved & worked)
    return formal


def test_bus_controller() -> None:
    model = Model(controller())
    model.prove()
    model.reach(20)


FOUND = [
    ("request", "drops", "a transfer for every request, when it is taken"),
    ("request", "doubles", "a transfer for every request, when it is taken"),
    ("request", "alters", "a transfer as it was asked for"),
    ("request", "stalls", "every request is taken"),
    ("response", "drops", "every request is taken"),
    ("response", "drops", "one request after another"),
    ("response", "doubles", "an answer only to a read"),
    ("response", "alters", "the answer that the memory gave"),
    ("response", "alters", "response: a waiting word stays"),
    ("response", "withdraws", "response: a waiting word stays"),
    ("response", "stalls", "every request is taken"),
    ("bus.strobe", "alters", "a transfer for every request, when it is taken"),
    ("bus.strobe", "alters", "a transfer only after the chip has rested"),
    ("bus.address", "alters", "a transfer as it was asked for"),
    ("bus.active", "alters", "a transfer only after the chip has rested"),
    ("bus.active", "alters", "the chip is held while a read is under way"),
    ("bus.active", "alters", "the chip is free without a request"),
]


@pytest.mark.parametrize(("output", "fault", "check"), FOUND)
def test_bus_controller_proof_fails_on_a_controller_that(output: str, fault: str, check: str) -> None:
    Model(controller({output: fault})).refute(check, 25)


def test_every_check_is_among_those_that_fail() -> None:
    assert set(Model(controller()).formal.checks) == {check for _, _, check in FOUND}
