"""The LIF core: intake, row walkers, lanes and emitter, and the sequencer that drives them."""

from collections.abc import Collection, Mapping, Sequence
from contextlib import nullcontext
from typing import Any

from amaranth.hdl import Cat, Const, Module, Mux, Signal, Value
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from spikewright.config import CompressedRows, CoreConfig, KernelRows, slot_bits
from spikewright.events import Kind, WordFormat
from spikewright.memories import core_memories
from spikewright.memory import MemoryConfig
from spikewright.rtl.banks import WeightBanks
from spikewright.rtl.emitter import ReadoutEmitter, SpikeEmitter
from spikewright.rtl.intake import Intake
from spikewright.rtl.kernels import KernelWalker
from spikewright.rtl.lane import Lane, SweepSignature
from spikewright.rtl.latency import CoreLatency
from spikewright.rtl.memory import NO_BUS, BusShape, BusSignature, ConfiguredMemory
from spikewright.rtl.rows import CompressedWalker, DenseWalker
from spikewright.rtl.words import word_stream

__all__ = ["LifCore"]


class LifCore(wiring.Component):
    """One population with its synapses; bit-exact with docs/numerics.md.

    Takes the events of a step, adds their rows to the stored potentials, and when every port has
    brought its token updates its neurons, fires, and passes a token on. Self-timed: gaps and
    back-pressure change when things happen, never what.

    Throughput: dense rows take ``slots`` cycles an event (times the bits of its value), compressed rows
    as many as the fullest lane has entries, kernel rows one for every word of channels of every target in
    the plane that the event reaches; an update ``slots`` (twice that with held drive, once again before the
    first held event of a step) and a few more. Where neurons fire up to n times, an update takes for every
    slot as many more as its busiest lane has spikes, but at most n - 1: lanes wait for each other.

    Parameters
    ----------
    closing
        Indices of the ports that close a cycle; see :class:`Intake`.

    Members
    -------
    source_0, source_1, ... : ``In(word_stream(word))``
        One stream a port.
    sink : ``Out(word_stream(core.word))``
        Spikes or potentials, and tokens.
    resting
        Nothing is under way but the words at the ports: the bus may have the memories.
    event_cycle, update_cycle
        Whether this cycle is spent on events (a bit for each of ``core.walkers``), or on an update; only
        observers read them.
    bus : ``In(BusSignature(...))``
        Only with ``bases``, the bus addresses of its memories.
    """

    sink: Any
    resting: Signal
    event_cycle: Signal
    update_cycle: Signal
    bus: Any

    def __init__(self, core: CoreConfig, words: tuple[WordFormat, ...], *,
                 closing: Collection[int] = (), images: Mapping[str, Sequence[int]] | None = None,
                 bases: Mapping[str, int] | None = None, shape: BusShape = NO_BUS) -> None:
        self.core, self.words, self.closing = core, words, closing
        self.images, self.bases, self.shape = images or {}, bases, shape
        ports: dict[str, wiring.Member] = {
            f"source_{index}": In(word_stream(word)) for index, word in enumerate(words)
        }
        ports |= {"sink": Out(word_stream(core.word)), "resting": Out(1),
                  "event_cycle": Out(core.walkers), "update_cycle": Out(1)}
        if bases is not None:
            ports["bus"] = In(BusSignature(shape))
        super().__init__(ports)

    def elaborate(self, platform: object) -> Module:
        m = Module()
        core = self.core
        self.answers: list[Any] = []
        memories = {memory.name.removeprefix(f"{core.name}."): memory for memory in core_memories(core)}
        m.submodules.intake = intake = Intake(core, self.words, self.closing)
        for index in range(len(self.words)):
            source = f"source_{index}"
            wiring.connect(m, wiring.flipped(getattr(self, source)), getattr(intake, source))
        lanes = [self._lane(m, lane, memories[f"state.{lane}"]) for lane in range(core.lanes)]
        if core.parameters:
            self._parameters(m, lanes, memories["parameters"])
        if core.levels:
            levels = self._memory(m, "levels", memories["levels"])
            m.d.comb += levels.read_enable.eq(lanes[0].sweep.read)
            m.d.comb += [lane.levels.as_value().eq(levels.read_data) for lane in lanes]
        event, busy, settled = self._walkers(m, lanes, memories)
        emitter: Any = SpikeEmitter(core) if core.neuron.fires else ReadoutEmitter(core)
        m.submodules.emitter = emitter
        if core.neuron.fires:
            m.d.comb += emitter.spikes.eq(Cat(lane.spike for lane in lanes))
        else:
            m.d.comb += emitter.potentials.eq(Cat(lane.potential for lane in lanes))
        wiring.connect(m, wiring.flipped(self.sink), emitter.sink)
        sweep = SweepSignature(core).create()
        for lane in lanes:
            wiring.connect(m, sweep, lane.sweep)
        fires = Cat(lane.fires for lane in lanes) if core.neuron.repeats else Const(0)
        self._sequence(m, intake, event, busy, settled, sweep, emitter, fires)
        if self.bases is not None:
            m.d.comb += self.bus.read_data.eq(or_all(self.answers))
        return m

    def _memory(self, m: Module, name: str, config: MemoryConfig) -> ConfiguredMemory:
        """A contents memory, on the bus where there is one."""
        memory = ConfiguredMemory(
            config, init=self.images.get(config.name, ()), shape=self.shape,
            base=None if self.bases is None else self.bases[config.name])
        m.submodules[name] = memory
        self._attach(m, memory)
        return memory

    def _attach(self, m: Module, target: Any) -> None:
        """Let the bus reach a memory, or the memory inside a lane."""
        if self.bases is not None:
            self.answers.append(target.bus.read_data)
            m.d.comb += [getattr(target.bus, name).eq(getattr(self.bus, name))
                         for name in ("active", "strobe", "write", "address", "write_data")]

    def _lane(self, m: Module, index: int, state: MemoryConfig) -> Lane:
        lane = Lane(self.core, state, shape=self.shape,
                    base=None if self.bases is None else self.bases[state.name])
        m.submodules[f"lane_{index}"] = lane
        self._attach(m, lane)
        return lane

    def _parameters(self, m: Module, lanes: list[Lane], config: MemoryConfig) -> None:
        """Read the parameter memory along with the potentials; a lane's fields are its part of the word."""
        memory = self._memory(m, "parameters", config)
        sweep = lanes[0].sweep
        m.d.comb += [memory.read_enable.eq(sweep.read), memory.read_address.eq(sweep.slot)]
        width = config.width // len(lanes)
        for index, lane in enumerate(lanes):
            m.d.comb += lane.parameters.as_value().eq(memory.read_data.word_select(index, width))

    def _walkers(self, m: Module, lanes: list[Lane], memories: Mapping[str, MemoryConfig]
                 ) -> tuple[Any, Signal, Signal]:
        """The walkers' event stream, whether they are busy, and whether a token may be taken."""
        core = self.core
        busy, settled = Signal(), Signal()
        if not isinstance(core.rows, CompressedRows):
            banks = [self._memory(m, name.replace(".", "_"), memory) for name, memory in memories.items()
                     if name.startswith("weights")]
            kernels = isinstance(core.rows, KernelRows)
            walker: Any = (KernelWalker if kernels else DenseWalker)(core, WeightBanks(banks))
            m.submodules.walker = walker
            for lane, synapse in zip(lanes, walker.synapses, strict=True):
                wiring.connect(m, synapse, lane.synapse)
            m.d.comb += [busy.eq(walker.busy), settled.eq(walker.settled),
                         self.event_cycle.eq(walker.walking if kernels else walker.busy)]
            return walker.event, busy, settled
        walkers = []
        for index, lane in enumerate(lanes):
            rows = self._memory(m, f"rows_{index}", memories[f"rows.{index}"])
            entries = self._memory(m, f"entries_{index}", memories[f"entries.{index}"])
            m.submodules[f"walker_{index}"] = walker_lane = CompressedWalker(core, rows, entries)
            wiring.connect(m, walker_lane.synapse, lane.synapse)
            walkers.append(walker_lane)
        m.d.comb += self.event_cycle.eq(Cat(walker.walking for walker in walkers))
        # Every lane's queue takes the event, or none.
        event = walkers[0].event.signature.create()
        all_ready = Cat(walker.event.ready for walker in walkers).all()
        m.d.comb += event.ready.eq(all_ready)
        for walker in walkers:
            m.d.comb += [walker.event.payload.eq(event.payload),
                         walker.event.valid.eq(event.valid & all_ready)]
        m.d.comb += [busy.eq(Cat(walker.busy for walker in walkers).any()), settled.eq(~busy)]
        return event, busy, settled

    def _sequence(self, m: Module, intake: Intake, event: Any, busy: Signal, settled: Signal, sweep: Any,
                  emitter: Any, fires: Value) -> None:
        """Events while there are any; a sweep at a token; one that clears at reset and sample's end."""
        core, latency = self.core, CoreLatency(self.core)
        slot, last_slot = Signal(slot_bits(core)), Signal()
        advance = Signal()  # to the next slot
        clearing = Signal(init=1)  # this sweep, or the last one, clears
        sending = Signal()  # the last token is not sent yet
        fresh, empty = Signal(), Signal()  # held drive: replaced in this step; all zero
        waiting = Signal(range(max(latency.drain, latency.shown) + 1))
        wipe_first = Signal()
        stall = sweep.stall if core.neuron.repeats else Const(0, 1)
        m.d.comb += [
            sweep.slot.eq(slot), sweep.clear.eq(clearing), last_slot.eq(slot == core.slots - 1),
            intake.enable.eq(1 if self.bases is None else ~self.bus.active),
            event.payload.eq(intake.event.payload),
            self.update_cycle.eq(sweep.read | sweep.read_hold | sweep.wipe | stall),
        ]
        if core.holds:
            m.d.comb += wipe_first.eq(intake.event.payload.hold & ~fresh & ~empty)
        with m.If(advance):
            m.d.sync += slot.eq(Mux(last_slot, 0, slot + 1))
        with m.If(emitter.sink.valid & emitter.sink.ready & (emitter.sink.payload.kind != Kind.EVENT)):
            m.d.sync += sending.eq(0)
        with m.FSM(init="WIPE" if core.holds else "UPDATE"):
            with m.State("RUN"):
                m.d.comb += [
                    event.valid.eq(intake.event.valid & ~wipe_first),
                    intake.event.ready.eq(event.ready & ~wipe_first),
                    self.resting.eq(~busy & settled),
                ]
                if core.holds:
                    with m.If(event.valid & event.ready & event.payload.hold):
                        m.d.sync += [fresh.eq(1), empty.eq(0)]
                    with m.If(intake.event.valid & wipe_first & ~busy & settled):
                        m.d.sync += clearing.eq(0)
                        m.next = "WIPE"
                with m.If((intake.token != 0) & settled & ~sending):
                    ends_sample = intake.token == Kind.END_OF_SAMPLE
                    m.d.comb += intake.take.eq(1)
                    m.d.sync += [sending.eq(1), clearing.eq(ends_sample), fresh.eq(0)]
                    m.next = "UPDATE"
                    if core.holds:
                        with m.If(ends_sample):
                            m.next = "WIPE"
            if core.holds:
                with m.State("WIPE"):
                    m.d.comb += [sweep.wipe.eq(1), advance.eq(1)]
                    m.d.sync += empty.eq(1)
                    with m.If(last_slot):
                        m.next = "RUN"
                        with m.If(clearing):
                            m.next = "UPDATE"
            with m.State("UPDATE"):
                self._read_slots(m, sweep, advance, clearing, waiting, emitter)
                with m.If(advance & last_slot):
                    m.d.sync += waiting.eq(latency.drain - 1)
                    m.next = "DRAIN"
            with m.State("DRAIN"), self._moving(m, sweep):
                with m.If(waiting == 0):
                    m.next = "RUN"
                with m.Else():
                    m.d.sync += waiting.eq(waiting - 1)
        ended = Signal()
        m.d.comb += ended.eq(sweep.read & last_slot & ~clearing)
        self._emit(m, sweep, ended, clearing, intake, emitter, fires)

    def _moving(self, m: Module, sweep: Any) -> Any:
        """Where a sweep moves on: not while neurons fire once more."""
        return m.If(~sweep.stall) if self.core.neuron.repeats else nullcontext()

    def _read_slots(self, m: Module, sweep: Any, advance: Signal, clearing: Signal, waiting: Signal,
                    emitter: Any) -> None:
        """Read a slot, its held drive first; potentials that go out wait for those before."""
        core = self.core
        go = Signal(init=1)
        if core.neuron.repeats:
            m.d.comb += go.eq(~sweep.stall)
        if not core.neuron.fires:
            m.d.comb += go.eq(clearing | (waiting == 0) & emitter.empty)
            with m.If(waiting != 0):
                m.d.sync += waiting.eq(waiting - 1)
            with m.If(sweep.read):
                m.d.sync += waiting.eq(CoreLatency(core).shown)
        if core.holds:
            half = Signal()  # the held drive of this slot is read
            m.d.comb += [sweep.read_hold.eq(go & ~half), sweep.read.eq(half)]
            with self._moving(m, sweep):
                m.d.sync += half.eq(sweep.read_hold)
            if core.neuron.repeats:
                m.d.comb += sweep.read.eq(go & half)
        else:
            m.d.comb += sweep.read.eq(go)
        m.d.comb += advance.eq(sweep.read)

    def _emit(self, m: Module, sweep: Any, ended: Signal, clearing: Signal, intake: Intake, emitter: Any,
              fires: Value) -> None:
        """Follow a sweep through the lanes: write back, hand out what they found, then the token."""
        core, latency = self.core, CoreLatency(self.core)
        reads, slots = [Signal(name="read_0")], [Signal(slot_bits(core), name="slot_0")]
        shown, ends = [Signal(name="shown_0")], [ended]
        m.d.comb += [reads[0].eq(sweep.read), slots[0].eq(sweep.slot), shown[0].eq(sweep.read & ~clearing)]
        for chain, cycles in ((reads, latency.store), (slots, latency.store), (shown, latency.shown),
                              (ends, latency.shown + 1)):
            for cycle in range(1, cycles + 1):
                chain.append(Signal.like(chain[0], name=f"{chain[0].name.removesuffix('_0')}_{cycle}"))
                with self._moving(m, sweep) if cycle <= latency.potential else nullcontext():
                    m.d.sync += chain[cycle].eq(chain[cycle - 1])
        if core.neuron.repeats:
            self._repeat(m, sweep, fires, clearing, reads, slots)
            with m.If(sweep.stall):  # nothing has left the potentials
                m.d.sync += [chain[latency.potential + 1].eq(0) for chain in (reads, shown, ends)]
        step_ends = ends[latency.shown + 1]
        token_due = Signal()  # a step's token waits for the emitter
        m.d.comb += [
            sweep.store.eq(reads[latency.store]), sweep.store_slot.eq(slots[latency.store]),
            emitter.valid.eq(shown[latency.shown]), emitter.slot.eq(slots[latency.shown]),
        ]
        if core.neuron.fires:
            m.d.comb += token_due.eq(step_ends)
        else:
            due = Signal()
            m.d.comb += token_due.eq(due & emitter.empty)
            m.d.sync += due.eq(step_ends | due & ~emitter.empty)
        with m.If(token_due):
            m.d.comb += emitter.token.eq(Kind.END_OF_STEP)
        with m.If(intake.take & (intake.token == Kind.END_OF_SAMPLE)):
            m.d.comb += emitter.token.eq(Kind.END_OF_SAMPLE)


    def _repeat(self, m: Module, sweep: Any, fires: Value, clearing: Signal, reads: Sequence[Signal],
                slots: Sequence[Signal]) -> None:
        """A sweep waits while a neuron fires whose potential is known, but for the last time."""
        core, cycle = self.core, CoreLatency(self.core).potential
        anyone = fires.any()
        if core.partial_slots:  # where there is no neuron nothing counts
            partial = slots[cycle] >= core.slots - core.partial_slots
            anyone = Mux(partial, fires[:core.partial_lanes].any(), anyone)
        turn, last_turn = Signal(core.neuron.count_bits, init=1), Signal()
        m.d.comb += [
            last_turn.eq(turn == core.neuron.max_spikes), sweep.turn.eq(turn),
            sweep.stall.eq(reads[cycle] & ~clearing & anyone & ~last_turn),
        ]
        m.d.sync += turn.eq(Mux(sweep.stall, turn + 1, 1))


def or_all(values: Sequence[Value]) -> Value:
    """Bitwise OR of all values."""
    result: Value = values[0]
    for value in values[1:]:
        result = result | value
    return result
