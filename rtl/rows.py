"""Row walkers: from an event's address to the synapses of its row, lane by lane."""

from collections.abc import Mapping
from typing import Any

from amaranth.hdl import Cat, Const, Module, Mux, Signal, Value
from amaranth.lib import data, stream, wiring
from amaranth.lib.fifo import SyncFIFOBuffered
from amaranth.lib.wiring import In, Out

from spikewright.config import CompressedRows, CoreConfig, KernelRows, PortConfig, slot_bits
from spikewright.fixed import unsigned_bits
from spikewright.rtl.arithmetic import constant_product
from spikewright.rtl.banks import WeightBanks
from spikewright.rtl.lane import SynapseSignature
from spikewright.rtl.latency import CoreLatency
from spikewright.rtl.memory import ConfiguredMemory

__all__ = [
    "QUEUE_DEPTH",
    "CompressedWalker",
    "DenseWalker",
    "Passes",
    "event_layout",
    "kernel_ports",
    "show_synapses",
]

QUEUE_DEPTH = 16
"""Events that wait in front of each lane of compressed rows: one distributed RAM deep."""


def event_layout(core: CoreConfig) -> data.StructLayout:
    """An event as a core's walkers take it: its row, whether it is held, its value and its width.

    Of kernel rows, instead of the row its place in the plane and the number of its port among those that
    have a convolution; these fields may be 0 bits wide.
    """
    fields: dict[str, int] = {"row": unsigned_bits(core.total_rows - 1)}
    if isinstance(core.rows, KernelRows):
        shapes = [port.convolution.source for port in kernel_ports(core) if port.convolution is not None]
        largest = dict(zip(("channel", "y", "x"), map(max, zip(*shapes, strict=True)), strict=True))
        fields = {"port": (len(shapes) - 1).bit_length()}
        fields |= {name: (count - 1).bit_length() for name, count in largest.items()}
    if core.holds:
        fields["hold"] = 1
    if core.value_bits:
        fields |= {"value": core.value_bits, "passes": unsigned_bits(core.value_bits - 1)}
    return data.StructLayout(fields)


def kernel_ports(core: CoreConfig) -> tuple[PortConfig, ...]:
    """Ports that have a convolution, in the order in which events number them."""
    return tuple(port for port in core.ports if port.convolution is not None)


class Passes:
    """The bits of an event's value, highest first: one pass over a word for each; one for a spike.

    ``event`` is the event at work; ``step`` says that a pass is made in this cycle, ``first`` and
    ``last`` mark those of a word. Values stand in the high bits of their field.
    """

    def __init__(self, m: Module, core: CoreConfig, event: Any, *, step: Any) -> None:
        if not core.value_bits:
            self.first: Any = Const(1)
            self.last: Any = Const(1)
            self.bit: Any = Const(1)
            return
        count = Signal(unsigned_bits(core.value_bits - 1))
        self.first = count == 0
        self.last = count == event.passes
        self.bit = event.value.bit_select((core.value_bits - 1 - count)[:len(count)], 1)
        with m.If(step):
            m.d.sync += count.eq(Mux(self.last, 0, count + 1))


def show_synapses(m: Module, core: CoreConfig, weights: WeightBanks, synapses: Any, target: Value,
                  passes: Passes, *, read: Value) -> Value:
    """Show all lanes the weights of the words that are ``read``, with what goes along with them.

    Returns whether any are on their way, so that no sweep may begin in the next cycle.
    """
    shown: Any = Signal(SynapseSignature(core).passing)
    m.d.comb += [shown.valid.eq(read), shown.first.eq(passes.first), shown.last.eq(passes.last),
                 shown.bit.eq(passes.bit), shown.address.eq(target)]
    on_the_way = []
    for _ in range(weights.latency):
        on_the_way.append(shown.valid)
        later: Any = Signal.like(shown)
        m.d.sync += later.eq(shown)
        shown = later
    if not CoreLatency(core).settles_at_once:
        on_the_way.append(shown.valid)
    for lane, synapse in enumerate(synapses):
        weight = weights.read_data.word_select(lane, core.weight_bits).as_signed()
        m.d.comb += [getattr(synapse, name).eq(getattr(shown, name)) for name, _ in shown.shape()]
        m.d.comb += synapse.weight.eq(weight)
    return Cat(on_the_way).any()


class DenseWalker(wiring.Component):
    """Walks dense rows: all lanes together, a slot a cycle; the next event follows without a gap.

    An event is taken in cycle 0, its first weights are read in cycle 1 and reach the lanes in cycle
    2, with weights in banks 3 (times the passes of a value).

    Members
    -------
    event : ``In(stream.Signature(event_layout(core)))``
    synapses : ``Out(SynapseSignature(core)).array(lanes)``
    busy
        A row is being read.
    settled
        A sweep may begin in the next cycle.
    """

    event: Any
    synapses: Any
    busy: Signal
    settled: Signal

    def __init__(self, core: CoreConfig, weights: WeightBanks) -> None:
        self.core, self.weights = core, weights
        super().__init__({
            "event": In(stream.Signature(event_layout(core))),
            "synapses": Out(SynapseSignature(core)).array(core.lanes), "busy": Out(1), "settled": Out(1),
        })

    def elaborate(self, platform: object) -> Module:
        m = Module()
        core = self.core
        m.submodules.weights = weights = self.weights
        event: Any = Signal(event_layout(core))
        slot = Signal(slot_bits(core))
        address = Signal.like(weights.read_address)
        passes = Passes(m, core, event, step=self.busy)
        finished = Signal()  # with the last pass of a word
        m.d.comb += [
            finished.eq(self.busy & passes.last),
            self.event.ready.eq(~self.busy | finished & (slot == core.slots - 1)),
            weights.read_enable.eq(self.busy & passes.first),
            weights.read_address.eq(address),
        ]
        with m.If(finished):
            m.d.sync += [slot.eq(slot + 1), address.eq(address + 1)]
        with m.If(self.event.ready):
            m.d.sync += [
                self.busy.eq(self.event.valid), event.eq(self.event.payload), slot.eq(0),
                address.eq(constant_product(self.event.payload.row, core.slots)),
            ]
        target = Cat(slot, event.hold) if core.holds else slot
        under_way = show_synapses(m, core, weights, self.synapses, target, passes, read=self.busy)
        m.d.comb += self.settled.eq(~under_way)
        return m


class CompressedWalker(wiring.Component):
    """Walks one lane's compressed rows, at its own pace: an entry a cycle, an empty row a cycle.

    Events queue in front; the row memory is read ahead of the entries. An event that finds the lane
    idle has its first entry reach the lane 5 cycles later.

    Members
    -------
    event : ``In(stream.Signature(event_layout(core)))``
    synapse : ``Out(SynapseSignature(core))``
    busy
        Anything is queued or under way.
    walking
        An entry is at work.
    """

    event: Any
    synapse: Any
    busy: Signal
    walking: Signal

    def __init__(self, core: CoreConfig, rows: ConfiguredMemory, entries: ConfiguredMemory) -> None:
        self.core, self.rows, self.entries = core, rows, entries
        super().__init__({
            "event": In(stream.Signature(event_layout(core))), "synapse": Out(SynapseSignature(core)),
            "busy": Out(1), "walking": Out(1),
        })

    def elaborate(self, platform: object) -> Module:
        m = Module()
        layout = event_layout(self.core)
        queue = SyncFIFOBuffered(width=layout.size, depth=QUEUE_DEPTH + 1)  # and its output register
        m.submodules.queue = queue
        m.d.comb += [
            queue.w_data.eq(self.event.payload), queue.w_en.eq(self.event.valid),
            self.event.ready.eq(queue.w_rdy),
        ]
        found, ready, looked_up = self._look_up(m, queue, layout)
        self._walk(m, found, ready, layout, busy_before=looked_up | (queue.r_level != 0))
        return m

    def _look_up(self, m: Module, queue: SyncFIFOBuffered, layout: data.StructLayout
                 ) -> tuple[Mapping[str, Any], Signal, Signal]:
        """Read the row memory for the event at the head of the queue: where its entries start and end."""
        rows, group_bits = self.core.rows, 0
        assert isinstance(rows, CompressedRows)
        group_bits = rows.group.bit_length() - 1
        head = data.View(layout, queue.r_data)
        looked_up, ready = Signal(), Signal()
        event: Any = Signal(layout)
        m.d.comb += [
            queue.r_en.eq(ready | ~looked_up),
            self.rows.read_enable.eq(queue.r_en & queue.r_rdy),
            self.rows.read_address.eq(head.row >> group_bits),
        ]
        with m.If(queue.r_en):
            m.d.sync += [looked_up.eq(queue.r_rdy), event.eq(head)]
        word = self.rows.read_data
        start, ends = word[:rows.start_bits], word[rows.start_bits:]
        within = event.row[:group_bits]
        end = ends.word_select(within, rows.offset_bits) if group_bits else ends
        begin = Mux(within == 0, 0, ends.word_select((within - 1)[:group_bits], rows.offset_bits)) \
            if group_bits else Const(0)
        found = {"valid": looked_up, "event": event, "start": start, "begin": begin, "end": end}
        return found, ready, looked_up

    def _walk(self, m: Module, found: Mapping[str, Any], ready: Signal, layout: data.StructLayout, *,
              busy_before: Any) -> None:
        """Read the entries from start to end, a pass a cycle, and hand them to the lane."""
        core, rows, entries = self.core, self.core.rows, self.entries
        assert isinstance(rows, CompressedRows)
        walking = self.walking
        event: Any = Signal(layout)
        address = Signal.like(entries.read_address)
        left = Signal(rows.offset_bits)  # entries after this one
        passes = Passes(m, core, event, step=walking)
        count = Signal(rows.offset_bits)
        m.d.comb += [
            count.eq(found["end"] - found["begin"]),
            ready.eq(~walking | passes.last & (left == 0)),
            entries.read_enable.eq(walking & passes.first), entries.read_address.eq(address),
        ]
        with m.If(walking & passes.last):
            m.d.sync += [address.eq(address + 1), left.eq(left - 1)]
        with m.If(ready):
            m.d.sync += [
                walking.eq(found["valid"] & (count != 0)), event.eq(found["event"]), left.eq(count - 1),
                address.eq(found["start"] + found["begin"]),
            ]
        read, hold = Signal(), Signal()
        synapse = self.synapse
        m.d.sync += [read.eq(walking), synapse.first.eq(passes.first), synapse.last.eq(passes.last),
                     synapse.bit.eq(passes.bit)]
        m.d.comb += [
            synapse.valid.eq(read), synapse.weight.eq(entries.read_data[:core.weight_bits].as_signed()),
            synapse.address.eq(entries.read_data[core.weight_bits:]),
            self.busy.eq(busy_before | walking | read),
        ]
        if core.holds:
            m.d.sync += hold.eq(event.hold)
            m.d.comb += synapse.address[-1].eq(hold)
