"""The spiketrum encoder: samples in, spikes and steps out; its parts, and the sequence of a window."""

from collections.abc import Mapping, Sequence
from typing import Any

from amaranth.hdl import Module, Mux, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from spikewright.memory import MemoryConfig
from spikewright.rtl.arithmetic import constant_product
from spikewright.rtl.banks import WeightBanks
from spikewright.rtl.lif_core import or_all
from spikewright.rtl.memory import NO_BUS, BusShape, BusSignature, ConfiguredMemory
from spikewright.rtl.spiketrum.chooser import Chooser
from spikewright.rtl.spiketrum.credit import Credit
from spikewright.rtl.spiketrum.emitter import StepEmitter
from spikewright.rtl.spiketrum.intake import SampleIntake
from spikewright.rtl.spiketrum.rows import CorrelationRows, RowMemories
from spikewright.rtl.spiketrum.walker import RowWalker, Task
from spikewright.rtl.words import word_stream
from spikewright.spiketrum_memories import SpiketrumLayout, spiketrum_memories

__all__ = ["SpiketrumEncoder"]


class SpiketrumEncoder(wiring.Component):
    """Turns sound into spikes by matching pursuit; bit-exact with docs/numerics.md, "Spiketrum".

    Window by window, once all samples are there that its kernels reach: correlates every kernel with the
    residual at every position, then spike by spike takes the best, removes its kernel from the residual and
    what that changes from the correlations. Self-timed: gaps and back-pressure change when words come, never
    which. Samples are taken meanwhile, a window ahead; spikes go out while the next window is correlated. Its
    cycles are those of :class:`spikewright.cosim.timing_spiketrum.SpiketrumTiming`.

    The first token behind a recording has what is left coded, with silence behind it. Every further token of
    a step gives a step more, without spikes; so recordings can be padded to one length. That of the sample
    goes on when all is done, and the next recording may follow at once.

    Parameters
    ----------
    images
        Contents of memories, by name; of all that are contents, unless a platform or the bus brings them.
    bases, shape
        Bus addresses of its memories, and the bus.

    Members
    -------
    source : ``In(word_stream(layout.sample_word))``
        Samples as values of events, then tokens of steps, if any, and the end of the sample.
    sink : ``Out(word_stream(layout.word))``
        Spikes as events, a token after each step, the end of the sample after the last.
    resting
        Nothing is under way but words that wait for more: the bus may have the memories.
    active
        A window is being coded; only observers read it.
    bus : ``In(BusSignature(shape))``
        Only with ``bases``.
    """

    source: Any
    sink: Any
    resting: Signal
    active: Signal
    bus: Any

    def __init__(self, layout: SpiketrumLayout, *, images: Mapping[str, Sequence[int]] | None = None,
                 bases: Mapping[str, int] | None = None, shape: BusShape = NO_BUS) -> None:
        self.layout, self.images, self.bases, self.shape = layout, images or {}, bases, shape
        ports: dict[str, wiring.Member] = {
            "source": In(word_stream(layout.sample_word)), "sink": Out(word_stream(layout.word)),
            "resting": Out(1), "active": Out(1),
        }
        if bases is not None:
            ports["bus"] = In(BusSignature(shape))
        super().__init__(ports)

    def elaborate(self, platform: object) -> Module:
        m = Module()
        layout = self.layout
        memories = {config.name.removeprefix(f"{layout.name}."): self._memory(m, config)
                    for config in spiketrum_memories(layout)}
        kernels, gram = (WeightBanks([memory for name, memory in memories.items() if name.startswith(prefix)])
                         for prefix in ("kernels.", "gram."))
        m.submodules.intake = self.intake = SampleIntake(layout)
        m.submodules.credit = self.credit = Credit(layout.config)
        m.submodules.walker = self.walker = RowWalker(layout, memories["groups"], memories["spans"])
        m.submodules.rows = self.rows = CorrelationRows(layout, RowMemories(
            kernels=kernels, gram=gram,
            **{name: memories[name] for name in ("residual", "correlations", "best")}))
        m.submodules.chooser = self.chooser = Chooser(
            layout, best=memories["best"], gains=memories["gains"], levels=memories["levels"])
        m.submodules.emitter = self.emitter = StepEmitter(layout, memories["spikes"])
        wiring.connect(m, wiring.flipped(self.source), self.intake.source)
        wiring.connect(m, wiring.flipped(self.sink), self.emitter.sink)
        wiring.connect(m, self.walker.tap, self.rows.tap)
        self.positions = Signal.like(self.intake.positions)  # of the window at work
        self._join(m, memories["residual"])
        self._sequence(m)
        if self.bases is not None:
            m.d.comb += self.bus.read_data.eq(or_all([memory.bus.read_data for memory in memories.values()]))
        return m

    def _memory(self, m: Module, config: MemoryConfig) -> ConfiguredMemory:
        """One of its memories, on the bus where there is one."""
        memory = ConfiguredMemory(config, init=self.images.get(config.name, ()), shape=self.shape,
                                  base=None if self.bases is None else self.bases[config.name])
        m.submodules[config.name.removeprefix(f"{self.layout.name}.").replace(".", "_")] = memory
        if self.bases is not None:
            m.d.comb += [getattr(memory.bus, name).eq(getattr(self.bus, name))
                         for name in ("active", "strobe", "write", "address", "write_data")]
        return memory

    def _join(self, m: Module, residual: ConfiguredMemory) -> None:
        """What passes between the parts, whatever they are at."""
        layout, config = self.layout, self.layout.config
        intake, rows, walker = self.intake, self.rows, self.walker
        chooser, emitter = self.chooser, self.emitter
        lane_bits = layout.lanes.bit_length() - 1
        m.d.comb += [
            intake.enable.eq(1 if self.bases is None else ~self.bus.active),
            intake.hold.eq(rows.write_enable),
            residual.write_enable.eq(intake.write_enable | rows.write_enable),
            residual.write_address.eq(Mux(rows.write_enable, rows.write_address, intake.write_address)),
            residual.write_data.eq(Mux(rows.write_enable, rows.write_data, intake.write_data)),
            walker.channel.eq(chooser.channel), walker.position.eq(chooser.position),
            walker.window_start.eq(intake.start), walker.positions.eq(self.positions),
            self.credit.positions.eq(self.positions),
            rows.lane.eq(chooser.channel[:lane_bits]), rows.amplitude.eq(chooser.amplitude),
            rows.correlation.eq(chooser.correlation), rows.gain.eq(chooser.gain),
            chooser.product.eq(rows.product),
            emitter.spike.payload.position.eq(chooser.position),
            emitter.spike.payload.line.eq(
                constant_product(chooser.channel, config.levels * config.polarities)
                + constant_product(chooser.level, config.polarities) + (chooser.negative & config.signed)),
            emitter.close.payload.positions.eq(self.positions), emitter.close.payload.end.eq(intake.ended),
        ]

    def _sequence(self, m: Module) -> None:
        """Window after window: correlate; as long as there is credit, choose, send, remove and subtract."""
        intake, credit, walker, chooser, emitter = (
            self.intake, self.credit, self.walker, self.chooser, self.emitter)
        spikes, may_go_on = Signal(range(self.layout.config.burst + 1)), Signal()
        task = Signal(Task)
        m.d.comb += [
            may_go_on.eq(credit.enough & (spikes != self.layout.config.burst)),
            walker.task.eq(task), self.rows.task.eq(task), self.active.eq(1),
        ]
        with m.FSM():
            with m.State("REST"):
                m.d.comb += [self.active.eq(0), self.resting.eq(~emitter.busy)]
                m.d.sync += [task.eq(Task.CORRELATE), spikes.eq(0), self.positions.eq(intake.positions)]
                with m.If(intake.enable & intake.valid):
                    m.next = "BEGIN"
                with m.Elif(intake.enable & (intake.ended | intake.padding)):
                    m.next = "END"
            with m.State("BEGIN"):
                m.d.comb += [credit.gain.eq(1), walker.start.eq(1)]
                m.next = "ROWS"
            with m.State("ROWS"), m.If(walker.done):
                m.next = "COUNT"
            with m.State("COUNT"):
                m.d.comb += chooser.start.eq(may_go_on)
                m.d.sync += task.eq(Task.WEIGH)
                m.next = "CHOOSE"
                with m.If(~may_go_on):
                    m.next = "CLOSE"
            with m.State("CHOOSE"), m.If(chooser.done):
                m.d.sync += task.eq(Task.REMOVE)
                m.next = "CLOSE"
                with m.If(chooser.found):
                    m.next = "SEND"
            with m.State("SEND"):
                m.d.comb += emitter.spike.valid.eq(1)
                with m.If(emitter.spike.ready):
                    m.d.comb += [credit.spend.eq(1), walker.start.eq(1)]
                    m.d.sync += spikes.eq(spikes + 1)
                    m.next = "REMOVE"
            with m.State("REMOVE"), m.If(walker.done):
                m.d.sync += task.eq(Task.SUBTRACT)
                m.next = "SUBTRACT"
                with m.If(~may_go_on):  # correlations are computed anew for the next window
                    m.next = "CLOSE"
            # The walker is at rest in the cycle after it is done.
            with m.State("SUBTRACT"):
                m.d.comb += walker.start.eq(1)
                m.next = "ROWS"
            with m.State("CLOSE"):
                m.d.comb += emitter.close.valid.eq(1)
                with m.If(emitter.close.ready):
                    m.d.comb += [credit.close.eq(1), intake.advance.eq(1)]
                    m.next = "REST"
            with m.State("END"):
                m.d.comb += [self.active.eq(0), emitter.close.valid.eq(1)]
                with m.If(emitter.close.ready):
                    m.d.comb += [credit.restart.eq(intake.ended), intake.restart.eq(intake.ended),
                                 intake.padded.eq(intake.padding)]
                    m.next = "REST"
