"""The walker of the encoder: which words of which tables the lanes get, cycle by cycle."""

from typing import Any

from amaranth.hdl import Module, Mux, Signal, Value, signed
from amaranth.lib import data, enum, wiring
from amaranth.lib.wiring import In, Out

from spikewright.rtl.arithmetic import constant_product
from spikewright.rtl.memory import ConfiguredMemory
from spikewright.rtl.spiketrum.latency import SpiketrumLatency
from spikewright.spiketrum_memories import SpiketrumLayout

__all__ = ["RowWalker", "TapSignature", "Task", "group_layout", "span_layout"]


class Task(enum.Enum, shape=2):
    """What the lanes are at.

    ``CORRELATE``: all kernels with the residual at every position. ``REMOVE``: a kernel from the residual.
    ``SUBTRACT``: what that does to the correlations. ``WEIGH``: the best of all channels by their gains.
    """

    CORRELATE = 0
    REMOVE = 1
    SUBTRACT = 2
    WEIGH = 3


def group_layout(layout: SpiketrumLayout) -> data.StructLayout:
    """A word of ``groups``: first word and length of the kernels, the shift of every lane."""
    start, length, *_ = layout.group_fields
    return data.StructLayout({"start": start, "length": length,
                              "shifts": data.ArrayLayout(layout.align_bits, layout.lanes)})


def span_layout(layout: SpiketrumLayout) -> data.StructLayout:
    """A word of ``spans``: first word, first lag and number of lags."""
    start, first, count = layout.span_fields
    return data.StructLayout({"start": start, "first": signed(first), "count": count})


class TapSignature(wiring.Signature):
    """A word of a table for the lanes, and what it is to them; the walker's side.

    Members
    -------
    kernel_read, kernel_address, gram_read, gram_address
        To the banks, in cycle 0. A word of ``gram`` that is not read counts as 0.
    residual_read, residual_address
        The sample that belongs to it.
    first, last
        The sum at a position begins, is complete.
    pair
        It is complete at the next position too, a cycle later.
    begin, store
        A row begins; its best is to be stored.
    group
        Of the row.
    shifts
        Of the row's channels, lane by lane.
    """

    def __init__(self, layout: SpiketrumLayout) -> None:
        super().__init__({
            "kernel_read": Out(1), "kernel_address": Out(layout.group_fields[0]),
            "gram_read": Out(1), "gram_address": Out(layout.span_fields[0]),
            "residual_read": Out(1), "residual_address": Out((layout.ring - 1).bit_length()),
            "first": Out(1), "last": Out(1), "pair": Out(1), "begin": Out(1), "store": Out(1),
            "group": Out(range(max(2, layout.groups))),
            "shifts": Out(data.ArrayLayout(layout.align_bits, layout.lanes)),
        })


class RowWalker(wiring.Component):
    """Walks rows: the positions of a window in every group of channels, or the kernel of one of them.

    To correlate it takes two positions in as many cycles as the longest kernel of the group has samples, and
    one; to subtract, a cycle a position, in groups that the kernel reaches; to remove, a cycle a sample. A
    row takes three cycles before, as does a group that is not reached, and :attr:`SpiketrumLatency.drain`
    after.

    Members
    -------
    start
        Begin ``task``, in the next cycle. It stays until ``done``, as do the spike and the window.
    task
        Not ``WEIGH``.
    channel, position
        Of the spike; while correlating they do not matter.
    window_start, positions
        Of the window: where it is in the ring, how long.
    done
        The last cycle.
    tap : ``Out(TapSignature(layout))``
    """

    start: Signal
    task: Any
    channel: Signal
    position: Signal
    window_start: Signal
    positions: Signal
    done: Signal
    tap: Any

    def __init__(self, layout: SpiketrumLayout, groups: ConfiguredMemory, spans: ConfiguredMemory) -> None:
        self.layout, self.groups, self.spans = layout, groups, spans
        config = layout.config
        super().__init__({
            "start": In(1), "task": In(Task), "channel": In(range(config.channels)),
            "position": In(range(config.window)), "window_start": In((layout.ring - 1).bit_length()),
            "positions": In(range(config.window + 1)), "done": Out(1), "tap": Out(TapSignature(layout)),
        })

    def elaborate(self, platform: object) -> Module:
        m = Module()
        layout, tap = self.layout, self.tap
        lane_bits, drain = layout.lanes.bit_length() - 1, SpiketrumLatency(layout).drain
        subtracts, removes = self.task == Task.SUBTRACT, self.task == Task.REMOVE
        span = Signal(range(len(layout.spans) + 1))
        waits = Signal(range(drain))
        # Block RAM is slow: its words wait a cycle in registers.
        here: Any = Signal(group_layout(layout))
        reach: Any = Signal(span_layout(layout))
        runs, leaves, last_row = Signal(), Signal(), Signal()
        m.d.comb += [
            self.groups.read_address.eq(tap.group), self.spans.read_address.eq(span),
            last_row.eq(removes | (tap.group == layout.groups - 1)), tap.shifts.eq(here.shifts),
        ]
        left = self._kernels(m, runs & ~subtracts, removes, here)
        self._lags(m, runs & subtracts, reach)
        ends = self._taps(m, runs, left, subtracts, removes)
        with m.FSM():
            with m.State("REST"):
                m.d.sync += [tap.group.eq(Mux(removes, self.channel >> lane_bits, 0)),
                             span.eq(constant_product(self.channel, layout.groups))]
                with m.If(self.start):
                    m.next = "LOOK"
            with m.State("LOOK"):
                m.d.comb += [self.groups.read_enable.eq(1), self.spans.read_enable.eq(1)]
                m.next = "FETCH"
            with m.State("FETCH"):
                m.d.sync += [here.eq(self.groups.read_data), reach.eq(self.spans.read_data)]
                m.next = "BEGIN"
            with m.State("BEGIN"):
                m.d.comb += [leaves.eq(subtracts & (reach.count == 0)), tap.begin.eq(~leaves)]
                m.next = "RUN"
                with m.If(leaves):
                    m.next = "LOOK"
                with m.If(leaves & last_row):
                    m.next = "REST"
            with m.State("RUN"):
                m.d.comb += runs.eq(1)
                m.d.sync += waits.eq(drain - 1)
                with m.If(ends):
                    m.next = "DRAIN"
            with m.State("DRAIN"):
                m.d.sync += waits.eq(waits - 1)
                m.d.comb += [leaves.eq(waits == 0), tap.store.eq(leaves & ~removes)]
                with m.If(leaves):
                    m.next = "LOOK"
                with m.If(leaves & last_row):
                    m.next = "REST"
        m.d.comb += self.done.eq(leaves & last_row)
        with m.If(leaves):
            m.d.sync += [tap.group.eq(tap.group + 1), span.eq(span + 1)]
        return m

    def _kernels(self, m: Module, runs: Value, removes: Value, here: Any) -> Signal:
        """Addresses along kernel and residual, again for every pair; samples of the kernel that are left."""
        layout, tap = self.layout, self.tap
        left = Signal(range(layout.longest + 1))
        pair_start, next_pair = Signal.like(tap.residual_address), Signal.like(tap.residual_address)
        m.d.comb += [
            next_pair.eq(Mux(tap.begin, self.window_start + Mux(removes, self.position, 0), pair_start + 2)),
            tap.kernel_read.eq(runs & (left != 0)), tap.residual_read.eq(runs),
        ]
        with m.If(tap.begin | (left == 0)):
            m.d.sync += [left.eq(here.length), tap.kernel_address.eq(here.start), pair_start.eq(next_pair),
                         tap.residual_address.eq(next_pair)]
        with m.Else():
            m.d.sync += [left.eq(left - 1), tap.kernel_address.eq(tap.kernel_address + 1),
                         tap.residual_address.eq(tap.residual_address + 1)]
        return left

    def _lags(self, m: Module, runs: Value, reach: Any) -> None:
        """Addresses along the correlations of kernels, which are read only where there are any."""
        tap = self.tap
        lag = Signal(range(-2 * self.layout.config.window, 2 * self.layout.config.window))  # from the first
        first = self.position + reach.first
        m.d.comb += tap.gram_read.eq(runs & (lag >= 0) & (lag < reach.count))
        with m.If(tap.begin):
            m.d.sync += [lag.eq(-first), tap.gram_address.eq(reach.start - first)]
        with m.Else():
            m.d.sync += [lag.eq(lag + 1), tap.gram_address.eq(tap.gram_address + 1)]

    def _taps(self, m: Module, runs: Signal, left: Signal, subtracts: Value, removes: Value) -> Value:
        """What a word is to the sums at its position; whether it is the row's last."""
        tap = self.tap
        at = Signal(range(self.layout.config.window + 2))  # the position, or the first of two
        begins, completes = Signal(), left == 1
        m.d.sync += begins.eq(tap.begin | (left == 0))
        m.d.comb += [
            tap.first.eq(subtracts | begins), tap.last.eq(runs & Mux(subtracts, 1, completes & ~removes)),
            tap.pair.eq(~subtracts & (at + 1 < self.positions)),
        ]
        with m.If(tap.begin):
            m.d.sync += at.eq(0)
        with m.Elif(subtracts):
            m.d.sync += at.eq(at + 1)
        with m.Elif(left == 0):
            m.d.sync += at.eq(at + 2)
        done = Mux(subtracts, at + 1 == self.positions, (left == 0) & (at + 2 >= self.positions))
        return Mux(removes, completes, done)
