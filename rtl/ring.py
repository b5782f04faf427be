"""The ring of a delayed port: events that come some steps later than they are fired."""

from typing import Any

from amaranth.hdl import Cat, Const, Module, Mux, Signal, Value
from amaranth.lib import wiring
from amaranth.lib.memory import Memory as AmaranthMemory
from amaranth.lib.wiring import In, Out

from spikewright.events import Kind
from spikewright.rings import RingConfig
from spikewright.rtl.memory import Memory
from spikewright.rtl.words import word_stream

__all__ = ["DelayRing"]


class DelayRing(wiring.Component):
    """Keeps events in the step slot that they belong to, and gives a slot when the source has ended its step.

    A source's events of a step are added to slots from the present one on; its token turns the ring: the
    events of the present slot go out in the order of their addresses, then the token, and the next slot is
    the present one. A ring that closes a cycle (``ring.leads``) has gone a step ahead: it gives the token of
    an empty step at first. A sample's end goes out, then all slots are emptied; so they are after reset.

    An event takes 2 cycles, or 3 where delays differ. The token of a step without events goes out
    ``words + 2`` cycles after that of the source came; every event after the first of its word, and every
    event of the last word, takes a cycle more. A sample's end goes out a cycle after it came, and then takes
    ``slots * words`` cycles.

    While a slot goes out no word is taken: its receiver must not wait for the source to go on. For one that
    closes a cycle that is so by itself, for what its source sends next answers the token of this slot.

    Members
    -------
    source : ``In(word_stream(ring.word))``
    sink : ``Out(word_stream(ring.word))``
    """

    source: Any
    sink: Any

    def __init__(self, ring: RingConfig) -> None:
        self.ring = ring
        super().__init__({"source": In(word_stream(ring.word)), "sink": Out(word_stream(ring.word))})

    def elaborate(self, platform: object) -> Module:
        m = Module()
        ring, source, sink = self.ring, self.source, self.sink
        m.submodules.memory = memory = Memory(ring.memory)
        place = Signal(range(ring.memory.depth))  # of the present slot; in a scan, of the next word to read
        last_place = place == ring.memory.depth - 1
        kind = Signal(2, init=Kind.END_OF_STEP)  # of the token under way
        event: Any = Signal(source.payload.shape())
        was_read, target = Signal(), Signal.like(memory.write_address)  # what is read is written back
        m.d.sync += was_read.eq(memory.read_enable)
        with m.If(memory.read_enable):
            m.d.sync += target.eq(memory.read_address)
        m.d.comb += memory.write_address.eq(target)
        turns, restarts = Signal(), Signal()  # to the next word, after the last of a slot that of the next
        base = self._slot_of_event(m, place, turns, restarts)
        differ = len(ring.table) > 1
        read, all_read, done = Signal(range(ring.words)), Signal(init=1), Signal()  # words of a slot
        m.d.comb += sink.payload.kind.eq(Mux(done, kind, Kind.EVENT))
        with m.If(turns | restarts):
            m.d.sync += place.eq(Mux(last_place | restarts, 0, place + 1))
        with m.FSM(init="CLEAR"):
            with m.State("CLEAR"):
                m.d.comb += [memory.write_enable.eq(1), memory.write_address.eq(place), turns.eq(1)]
                with m.If(last_place):
                    m.next = "GIVE" if ring.leads else "TAKE"
            with m.State("TAKE"):
                m.d.comb += [source.ready.eq(1), memory.write_enable.eq(was_read),
                             memory.write_data.eq(self._added(memory.read_data, event))]
                m.d.sync += [event.eq(source.payload), kind.eq(source.payload.kind)]
                with m.If(source.valid):
                    m.next = "GIVE"
                    with m.Switch(source.payload.kind):
                        with m.Case(Kind.EVENT):
                            m.next = "LOOK" if differ else "READ"
                        with m.Case(Kind.END_OF_STEP):
                            m.d.sync += [read.eq(0), all_read.eq(0)]
                        with m.Default():
                            m.d.comb += restarts.eq(1)
            if differ:
                with m.State("LOOK"):
                    m.next = "READ"
            with m.State("READ"):
                m.d.comb += [memory.read_enable.eq(1), memory.read_address.eq(
                    base + (event.address >> (ring.fields.bit_length() - 1)))]
                m.next = "TAKE"
            with m.State("GIVE"):
                # A word that is read is emptied, for the step that has the slot next.
                m.d.comb += memory.write_enable.eq(was_read)
                m.d.comb += memory.read_address.eq(place)
                self._give(m, memory, read, all_read, done)
                m.d.comb += turns.eq(memory.read_enable)
                with m.If(turns):
                    m.d.sync += [read.eq(read + 1), all_read.eq(read == ring.words - 1)]
                with m.If(done & sink.ready):
                    m.d.sync += kind.eq(Kind.END_OF_STEP)
                    m.next = "TAKE"
                    with m.If(kind == Kind.END_OF_SAMPLE):
                        m.next = "CLEAR"
        return m

    def _give(self, m: Module, memory: Memory, read: Signal, all_read: Signal, done: Signal) -> None:
        """Read the words of a slot, each while the events of the one before go out; ``done`` after them."""
        ring, sink = self.ring, self.sink
        rest, shown = Signal(ring.memory.width), Signal(range(ring.words))  # rest of a word; its number
        fetched, advance = Signal(), Signal()
        field, after = self._next_event(m, rest)
        m.d.comb += [
            done.eq((rest == 0) & ~fetched & all_read),
            sink.valid.eq((rest != 0) | done), sink.payload.address.eq(Cat(field, shown)),
            advance.eq((rest == 0) | sink.ready & (after == 0)),
            memory.read_enable.eq(advance & ~all_read),
        ]
        with m.If(advance):
            m.d.sync += [fetched.eq(~all_read), rest.eq(Mux(fetched, memory.read_data, 0))]
            with m.If(fetched):
                m.d.sync += shown.eq(read - 1)
        with m.Elif(sink.ready):
            m.d.sync += rest.eq(after)

    def _slot_of_event(self, m: Module, place: Signal, turns: Signal, restarts: Signal) -> Value:
        """Where the slot of an event begins: in the cycle after the event is taken, or of a table another."""
        ring, depth, shape = self.ring, self.ring.memory.depth, self.ring.table_memory
        if ring.slots == 1:
            return Const(0)
        if shape is None:  # it goes ahead of the present slot, as far at any time
            ahead = Signal(range(depth), init=ring.table[0])
            with m.If(restarts):
                m.d.sync += ahead.eq(ring.table[0])
            with m.Elif(turns):
                m.d.sync += ahead.eq(Mux(ahead == depth - 1, 0, ahead + 1))
            return ahead
        words: Any = AmaranthMemory(shape=shape.width, depth=shape.depth, init=list(ring.table))
        m.submodules.delays = words
        port = words.read_port()
        m.d.comb += [port.addr.eq(self.source.payload.address), port.en.eq(self.source.ready)]
        total, wrapped = Signal(range(2 * depth)), Signal(range(depth))
        m.d.sync += total.eq(place + port.data)
        m.d.comb += wrapped.eq(Mux(total >= depth, total - depth, total))
        return wrapped

    def _placed(self, amount: Any, field: Signal | Value) -> Value:
        """An amount in one field of a word."""
        bits = self.ring.field_bits
        parts = [Mux(field == index, amount, 0)[:bits] for index in range(self.ring.fields)]
        return Cat(*parts)

    def _added(self, word: Value, event: Any) -> Value:
        """The word with an event more."""
        ring = self.ring
        amount = event.value if ring.word.value_bits else Const(1, ring.field_bits)
        placed = self._placed(amount, event.address[:ring.fields.bit_length() - 1])
        return word | placed if ring.word.value_bits or ring.most == 1 else word + placed

    def _next_event(self, m: Module, rest: Signal) -> tuple[Signal, Value]:
        """The lowest field that is not zero, and the word without that event; its value goes out."""
        ring, bits = self.ring, self.ring.field_bits
        field = Signal(ring.fields.bit_length() - 1)
        for index in reversed(range(ring.fields)):
            with m.If(rest.word_select(index, bits) != 0):
                m.d.comb += field.eq(index)
        if ring.word.value_bits:
            m.d.comb += self.sink.payload.value.eq(rest.word_select(field, bits))
            return field, rest & ~self._placed(Const(-1, bits), field)
        if ring.most == 1:
            return field, rest & (rest - 1)
        return field, (rest - self._placed(Const(1, bits), field))[:len(rest)]
