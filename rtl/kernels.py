"""The walker of kernel rows: from an event in the plane to every tap of a kernel that sees it."""

from dataclasses import dataclass
from typing import Any

from amaranth.hdl import Array, Cat, Const, Module, Mux, Signal, Value
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from spikewright.config import CoreConfig, PortConfig, slot_bits
from spikewright.convolution import Convolution
from spikewright.rtl.banks import WeightBanks
from spikewright.rtl.lane import SynapseSignature
from spikewright.rtl.planes import scaled, table
from spikewright.rtl.rows import Passes, event_layout, kernel_ports, show_synapses

__all__ = ["KernelWalker"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """What an event reaches: whether anything, where its walk begins, how far it goes along each axis."""

    reaches: Value
    slot: Value
    address: Value
    more_words: Value
    more_columns: Value
    more_rows: Value


class KernelWalker(wiring.Component):
    """Walks kernel rows: all lanes together, one word of channels under one tap of the kernel a cycle.

    Words of channels come first, then targets along x, then along y. An event is taken in cycle 0 and looked
    up in cycle 1; its first weights are read in cycle 2 and reach the lanes in cycle 3, with weights in banks
    4 (times the passes of a value). The next event is looked up meanwhile and follows without a gap. One that
    reaches nothing takes a cycle at most, and none while another is walked.

    Geometry stands in tables of logic, by channel, y and x, whose words are offsets of addresses already; the
    walk itself adds constants. More pixels take longer tables and wider addresses, no other logic.

    Members
    -------
    event : ``In(stream.Signature(event_layout(core)))``
    synapses : ``Out(SynapseSignature(core)).array(lanes)``
    walking
        A word of weights is at work.
    busy
        That, or an event is looked up.
    settled
        A sweep may begin in the next cycle.
    """

    event: Any
    synapses: Any
    walking: Signal
    busy: Signal
    settled: Signal

    def __init__(self, core: CoreConfig, weights: WeightBanks) -> None:
        self.core, self.weights = core, weights
        self.ports = kernel_ports(core)
        super().__init__({
            "event": In(stream.Signature(event_layout(core))),
            "synapses": Out(SynapseSignature(core)).array(core.lanes),
            "walking": Out(1), "busy": Out(1), "settled": Out(1),
        })

    def elaborate(self, platform: object) -> Module:
        m = Module()
        core = self.core
        m.submodules.weights = self.weights
        next_event: Any = Signal(event_layout(core))  # looked up
        waits, ready = Signal(), Signal()  # there is one; it may go on
        found = self._look_up(next_event)
        m.d.comb += self.event.ready.eq(~waits | ~found.reaches | ready)
        with m.If(self.event.ready):
            m.d.sync += [waits.eq(self.event.valid), next_event.eq(self.event.payload)]
        event: Any = Signal(event_layout(core))  # walked
        passes = Passes(m, core, event, step=self.walking)
        slot, last = self._walk(m, event, found, ready, self.walking & passes.last)
        m.d.comb += [ready.eq(~self.walking | passes.last & last),
                     self.weights.read_enable.eq(self.walking & passes.first)]
        with m.If(ready):
            m.d.sync += [self.walking.eq(waits & found.reaches), event.eq(next_event)]
        target = Cat(slot, event.hold) if core.holds else slot
        under_way = show_synapses(m, core, self.weights, self.synapses, target, passes, read=self.walking)
        m.d.comb += [self.busy.eq(waits | self.walking), self.settled.eq(~waits & ~under_way)]
        return m

    def _look_up(self, event: Any) -> Found:
        """What the event of whatever port reaches."""
        each = [self._look_up_port(event, port) for port in self.ports]
        if len(each) == 1:
            return each[0]
        return Found(**{name: chosen(event.port, [getattr(found, name) for found in each])
                        for name in Found.__slots__})

    def _look_up_port(self, event: Any, port: PortConfig) -> Found:
        """What an event of this port reaches: by its channel, by y and by x."""
        shape, lanes = port.convolution, self.core.lanes
        assert shape is not None
        (_, height, width), words = shape.target, shape.group_words(lanes)
        rows, columns = shape.taps(0), shape.taps(1)
        channels = range(shape.source[0])
        taps = shape.size[0] * shape.size[1]
        reached = [shape.words(channel, lanes) for channel in channels]
        slot = (table(event.y, (rows.target * width).tolist()) + table(event.x, columns.target.tolist())
                + table(event.channel, [words.start * height * width for words in reached]))
        address = (table(event.y, (rows.tap * shape.size[1] * words).tolist())
                   + table(event.x, (columns.tap * words).tolist())
                   + scaled(event.channel, taps * words, len(channels)) + port.first_row)
        return Found(
            reaches=(table(event.y, (rows.count > 0).astype(int).tolist())
                     & table(event.x, (columns.count > 0).astype(int).tolist())),
            slot=slot, address=address,
            more_words=table(event.channel, [len(words) - 1 for words in reached]),
            more_columns=table(event.x, (columns.count - 1).clip(0).tolist()),
            more_rows=table(event.y, (rows.count - 1).clip(0).tolist()))

    def _walk(self, m: Module, event: Any, found: Found, ready: Value, finished: Value
              ) -> tuple[Value, Value]:
        """Count through words, columns and rows: the slot at work, and whether it is the event's last.

        ``finished`` says that the word at work is done, ``ready`` that the walk of the event found may begin.
        """
        slot, address = Signal(slot_bits(self.core)), Signal.like(self.weights.read_address)
        row_slot, row_address = Signal.like(slot), Signal.like(address)  # where the row at work began
        m.d.comb += self.weights.read_address.eq(address)
        more_words = kept(m, found.more_words, ready)
        more_columns = kept(m, found.more_columns, ready)
        words_left, columns_left, rows_left = (
            Signal(len(more)) for more in (found.more_words, found.more_columns, found.more_rows))
        last_word, last_column, last = Signal(), Signal(), Signal()
        m.d.comb += [last_word.eq(words_left == 0), last_column.eq(last_word & (columns_left == 0)),
                     last.eq(last_column & (rows_left == 0))]
        steps = self._steps(event, more_words)
        with m.If(finished):
            m.d.sync += words_left.eq(Mux(last_word, more_words, words_left - 1))
            with m.If(last_word):
                m.d.sync += columns_left.eq(Mux(last_column, more_columns, columns_left - 1))
            with m.If(last_column):
                m.d.sync += rows_left.eq(rows_left - 1)
            for place, row, (word_step, column_step, row_step) in zip(
                    (slot, address), (row_slot, row_address), steps, strict=True):
                next_row = Signal.like(row)
                m.d.comb += next_row.eq(row + row_step)
                m.d.sync += place.eq(
                    Mux(last_column, next_row, place + Mux(last_word, column_step, word_step)))
                with m.If(last_column):
                    m.d.sync += row.eq(next_row)
        with m.If(ready):
            m.d.sync += [
                slot.eq(found.slot), row_slot.eq(found.slot), address.eq(found.address),
                row_address.eq(found.address), words_left.eq(found.more_words),
                columns_left.eq(found.more_columns), rows_left.eq(found.more_rows),
            ]
        return slot, last

    def _steps(self, event: Any, more_words: Value) -> list[list[Value]]:
        """What slot and address of weights grow by: from word to word, column to column, row to row."""
        each = [walk_steps(port.convolution, self.core.lanes, more) for port in self.ports
                for more in range(1 << len(more_words)) if port.convolution is not None]
        widths = slot_bits(self.core), len(self.weights.read_address)
        return [[table(Cat(more_words, event.port), [steps[what][axis] % (1 << bits) for steps in each])
                 for axis in range(3)] for what, bits in enumerate(widths)]


def walk_steps(shape: Convolution, lanes: int, more: int) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Steps of the slot, and of the address of weights, of a walk of so many words after the first."""
    (_, height, width), words = shape.target, shape.group_words(lanes)
    rows, columns = shape.taps(0), shape.taps(1)
    return ((height * width, columns.step - more * height * width, rows.step * width),
            (1, -columns.tap_step * words - more, -rows.tap_step * shape.size[1] * words))


def chosen(port: Value, values: list[Value]) -> Value:
    """The value of the event's port; a constant where all are the same."""
    if all(isinstance(value, Const) for value in values):
        return table(port, [value.value for value in values if isinstance(value, Const)])
    return Value.cast(Array(values)[port])


def kept(m: Module, value: Value, load: Value) -> Value:
    """``value`` as it was when ``load`` was last high."""
    if isinstance(value, Const):
        return value
    register = Signal.like(value)
    with m.If(load):
        m.d.sync += register.eq(value)
    return register
