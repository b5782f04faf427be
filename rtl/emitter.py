"""Emitters: what a sweep finds, as words on the core's output stream."""

from typing import Any

from amaranth.hdl import Cat, Const, Module, Mux, Signal, Value, signed
from amaranth.lib import data, wiring
from amaranth.lib.fifo import SyncFIFOBuffered
from amaranth.lib.wiring import In, Out

from spikewright.config import CoreConfig, slot_bits
from spikewright.events import Kind
from spikewright.rtl.planes import partial_place, running_place
from spikewright.rtl.words import word_stream

__all__ = ["ReadoutEmitter", "SpikeEmitter"]


class SpikeEmitter(wiring.Component):
    """Turns the spikes of a sweep into one event a cycle; of a neuron that fires several times, as many.

    Slots without a spike cost nothing. The spikes of a whole step and its token find room, so that
    a sweep that starts after the token of the last was sent never waits. A word that finds the
    emitter idle goes out 3 cycles later.

    Members
    -------
    valid, slot, spikes
        Spikes of one slot: of each lane a bit, or their number. Of a core in the plane the slots of a sweep
        come one after the other.
    token
        The step or sample ends: its kind, or 0.
    sink : ``Out(word_stream(core.word))``
        Events in the order of their address, then the token.
    """

    valid: Signal
    slot: Signal
    spikes: Signal
    token: Signal
    sink: Any

    def __init__(self, core: CoreConfig) -> None:
        self.core = core
        super().__init__({
            "valid": In(1), "slot": In(slot_bits(core)), "spikes": In(core.lanes * core.neuron.count_bits),
            "token": In(2),
            "sink": Out(word_stream(core.word)),
        })

    def elaborate(self, platform: object) -> Module:
        m = Module()
        core, lane_bits, bits = self.core, self.core.lanes.bit_length() - 1, self.core.neuron.count_bits
        place = running_place(m, core, self.slot, self.valid)
        layout = data.StructLayout({"kind": 2, "place": len(place), "spikes": core.lanes * bits})
        # The buffered queue has an output register beside its memory: room for the token.
        depth = max(2, 1 << (core.slots - 1).bit_length()) + 1
        m.submodules.queue = queue = SyncFIFOBuffered(width=layout.size, depth=depth)
        put = data.View(layout, queue.w_data)
        real = Signal(core.lanes * bits)
        m.d.comb += real.eq(self.spikes)
        if core.partial_slots:  # places without a neuron, in the last slots
            with m.If(partial_place(core, place)):
                m.d.comb += real.eq(self.spikes & Const((1 << core.partial_lanes * bits) - 1, len(real)))
        m.d.comb += [
            put.kind.eq(self.token), put.place.eq(place), put.spikes.eq(real),
            queue.w_en.eq(self.valid & real.any() | (self.token != 0)),
        ]
        # The slot at work: its lowest lane that fires goes out, until none is left.
        current: Any = Signal(layout)
        busy, last = Signal(), Signal()
        firing, done = self._firing(m, current, queue)
        rest = firing & (firing - 1)
        lane = Signal(lane_bits)
        for index in reversed(range(core.lanes)):
            with m.If(firing[index]):
                m.d.comb += lane.eq(index)
        word = self.sink.payload
        m.d.comb += [
            # With a token the spikes mean nothing.
            last.eq((rest == 0) & done | (current.kind != Kind.EVENT)),
            self.sink.valid.eq(busy),
            word.kind.eq(current.kind),
            word.address.eq(Cat(lane, current.place)),
            queue.r_en.eq(~busy | self.sink.ready & last),
        ]
        with m.If(queue.r_en):
            m.d.sync += [busy.eq(queue.r_rdy), current.eq(queue.r_data)]
        with m.Elif(self.sink.ready & done):
            m.d.sync += firing.eq(rest)
        return m

    def _firing(self, m: Module, current: Any, queue: SyncFIFOBuffered) -> tuple[Any, Value]:
        """Lanes with spikes to send, and whether what is sent is the last one of its lane."""
        core, bits = self.core, self.core.neuron.count_bits
        if bits == 1:
            return current.spikes, Const(1)
        firing, sent = Signal(core.lanes), Signal(bits, init=1)  # with the one that is being sent
        first = firing & -firing
        count: Value = Const(0, bits)
        for lane in range(core.lanes):
            count = count | Mux(first[lane], current.spikes.word_select(lane, bits), 0)
        done = Signal()
        m.d.comb += done.eq(sent == count)
        found = data.View(current.shape(), queue.r_data).spikes
        with m.If(queue.r_en):
            m.d.sync += [sent.eq(1), firing.eq(Cat(found.word_select(lane, bits).any()
                                                   for lane in range(core.lanes)))]
        with m.Elif(self.sink.ready):
            m.d.sync += sent.eq(Mux(done, 1, sent + 1))
        return firing, done


class ReadoutEmitter(wiring.Component):
    """Sends the potentials of a slot, one word a lane.

    Members
    -------
    valid, slot, potentials
        Potentials of one slot; only while ``empty``. Of a core in the plane as above.
    token
        The step or sample ends: its kind, or 0; only while ``empty``.
    empty
        All is sent.
    sink : ``Out(word_stream(core.word))``
        Valued events in the order of their address, then the token.
    """

    valid: Signal
    slot: Signal
    potentials: Signal
    token: Signal
    empty: Signal
    sink: Any

    def __init__(self, core: CoreConfig) -> None:
        self.core = core
        super().__init__({
            "valid": In(1), "slot": In(slot_bits(core)),
            "potentials": In(core.lanes * core.neuron.state_bits), "token": In(2), "empty": Out(1),
            "sink": Out(word_stream(core.word)),
        })

    def elaborate(self, platform: object) -> Module:
        m = Module()
        core, bits = self.core, self.core.neuron.state_bits
        lane_bits = core.lanes.bit_length() - 1
        found = running_place(m, core, self.slot, self.valid)
        kind, place, lane = Signal(2), Signal(len(found)), Signal(lane_bits)
        potentials = Signal(core.lanes * bits)
        busy, last = Signal(), Signal()
        used = Signal(lane_bits)  # the last lane that has a neuron in this slot
        m.d.comb += used.eq(Mux(partial_place(core, place), core.partial_lanes - 1, core.lanes - 1))
        word = self.sink.payload
        value = Signal(signed(bits))
        m.d.comb += [
            value.eq(potentials[:bits]),
            last.eq((kind != Kind.EVENT) | (lane == used)),
            self.sink.valid.eq(busy), word.kind.eq(kind), word.address.eq(Cat(lane, place)),
            word.value.eq(value), self.empty.eq(~busy | self.sink.ready & last),
        ]
        with m.If(self.empty):
            m.d.sync += [
                busy.eq(self.valid | (self.token != 0)), kind.eq(self.token), place.eq(found), lane.eq(0),
                potentials.eq(self.potentials),
            ]
        with m.Elif(self.sink.ready):
            m.d.sync += [lane.eq(lane + 1), potentials.eq(potentials >> bits)]
        return m
