"""The rows of the encoder: lanes, the correlations of the window, and the residual they come from."""

from typing import Any

from amaranth.hdl import Cat, Const, Module, Mux, Signal, Value, signed
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from spikewright.rtl.arithmetic import constant_product
from spikewright.rtl.banks import WeightBanks
from spikewright.rtl.memory import ConfiguredMemory
from spikewright.rtl.spiketrum.arithmetic import delayed, saturated
from spikewright.rtl.spiketrum.lane import CorrelationLane, LaneControl
from spikewright.rtl.spiketrum.latency import SpiketrumLatency
from spikewright.rtl.spiketrum.walker import TapSignature, Task
from spikewright.spiketrum_memories import GAIN_BITS, SpiketrumLayout

__all__ = ["CorrelationRows", "RowMemories"]


class RowMemories:
    """The memories that only :class:`CorrelationRows` uses, but for the ports that it leaves to others."""

    def __init__(self, *, kernels: WeightBanks, gram: WeightBanks, residual: ConfiguredMemory,
                 correlations: ConfiguredMemory, best: ConfiguredMemory) -> None:
        self.kernels, self.gram = kernels, gram
        self.residual, self.correlations, self.best = residual, correlations, best


class CorrelationRows(wiring.Component):
    """Does with rows what the walker's words say; every memory behind it is read and written in order.

    It has the residual's read port; its write port only in cycles of ``write_enable``. It writes ``best``,
    and the chooser reads it.

    Members
    -------
    task
        As for the walker, or ``WEIGH``; in between it does not matter.
    tap : ``In(TapSignature(layout))``
    lane
        That has the kernel to remove.
    amplitude
        Of the spike: by which its kernel is added to the residual, so of the opposite sign.
    correlation, gain, product
        To weigh: a correlation and a gain; their product three cycles later.
    write_enable, write_address, write_data
        To the residual.
    """

    task: Any
    tap: Any
    lane: Signal
    amplitude: Signal
    correlation: Signal
    gain: Signal
    product: Signal
    write_enable: Signal
    write_address: Signal
    write_data: Signal

    def __init__(self, layout: SpiketrumLayout, memories: RowMemories) -> None:
        self.layout, self.memories, self.latency = layout, memories, SpiketrumLatency(layout)
        config, self.lanes = layout.config, [CorrelationLane(layout, weighs=lane == 0)
                                             for lane in range(layout.lanes)]
        super().__init__({
            "task": In(Task), "tap": In(TapSignature(layout)), "lane": In(range(layout.lanes)),
            "amplitude": In(signed(config.correlation_bits)),
            "correlation": In(signed(config.correlation_bits)), "gain": In(GAIN_BITS),
            "product": Out(signed(config.correlation_bits + GAIN_BITS)),
            "write_enable": Out(1), "write_address": Out((layout.ring - 1).bit_length()),
            "write_data": Out(signed(config.pcm_bits + 1)),
        })

    def elaborate(self, platform: object) -> Module:
        m = Module()
        memories, tap = self.memories, self.tap
        m.submodules.kernel_banks, m.submodules.gram_banks = memories.kernels, memories.gram
        control = LaneControl(self.layout).create()
        for index, lane in enumerate(self.lanes):
            m.submodules[f"lane_{index}"] = lane
            wiring.connect(m, control, lane.control)
        self._words(m)
        self._control(m, control)
        self._correlations(m, control)
        self._residual(m)
        m.d.comb += [
            self.lanes[0].gain.eq(self.gain), self.product.eq(self.lanes[0].product),
            memories.best.write_enable.eq(tap.store), memories.best.write_address.eq(tap.group),
            memories.best.write_data.eq(Cat(lane.best for lane in self.lanes)),
        ]
        return m

    def _words(self, m: Module) -> None:
        """Words of kernels and of their correlations to the lanes, both after as many cycles.

        Beyond its range a correlation is 0, not what the memory last read.
        """
        config, memories, tap = self.layout.config, self.memories, self.tap
        m.d.comb += [
            memories.kernels.read_enable.eq(tap.kernel_read),
            memories.kernels.read_address.eq(tap.kernel_address),
            memories.gram.read_enable.eq(tap.gram_read), memories.gram.read_address.eq(tap.gram_address),
        ]
        kernels, gram = (delayed(m, banks.read_data, self.latency.word - banks.latency)
                         for banks in (memories.kernels, memories.gram))
        inside = delayed(m, tap.gram_read, self.latency.word)
        for index, lane in enumerate(self.lanes):
            m.d.comb += [
                lane.kernel.eq(kernels.word_select(index, config.kernel_bits)),
                lane.gram.eq(Mux(inside, gram.word_select(index, config.gram_bits), 0)),
                lane.shift.eq(tap.shifts[index]),
            ]

    def _control(self, m: Module, control: Any) -> None:
        """Each of the lanes' signals in its cycle."""
        tap, latency, memories = self.tap, self.latency, self.memories
        sample = memories.residual.read_data.as_signed()
        with m.Switch(self.task):
            with m.Case(Task.CORRELATE):
                m.d.comb += control.factor.eq(sample)
            with m.Case(Task.REMOVE, Task.SUBTRACT):
                m.d.comb += control.factor.eq(self.amplitude)
            with m.Case(Task.WEIGH):
                m.d.comb += control.factor.eq(self.correlation)
        first, last = delayed(m, tap.first, latency.product), delayed(m, tap.last, latency.product + 1)
        pair = delayed(m, tap.pair, latency.product + 1)
        m.d.comb += [
            control.subtract.eq(self.task == Task.SUBTRACT), control.weigh.eq(self.task == Task.WEIGH),
            control.begin.eq(tap.begin), control.first.eq(first), control.last.eq(last),
        ]
        m.d.sync += [control.second_first.eq(first), control.second_last.eq(last & pair)]

    def _correlations(self, m: Module, control: Any) -> None:
        """Read the row's correlations where they are changed, and write what becomes of them."""
        config, tap, memory = self.layout.config, self.tap, self.memories.correlations
        row = constant_product(tap.group, config.window)
        reads = delayed(m, tap.last & (self.task == Task.SUBTRACT), self.latency.product - 2)
        m.d.comb += [
            memory.read_enable.eq(reads), memory.write_data.eq(Cat(lane.value for lane in self.lanes)),
        ]
        m.d.sync += [memory.write_enable.eq(control.last | control.second_last),
                     control.scored.eq(memory.write_enable)]
        with m.If(tap.begin):
            m.d.sync += [memory.read_address.eq(row), memory.write_address.eq(row), control.position.eq(0)]
        with m.Else():
            m.d.sync += [memory.read_address.eq(memory.read_address + reads),
                         memory.write_address.eq(memory.write_address + memory.write_enable),
                         control.position.eq(control.position + control.scored)]
        for index, lane in enumerate(self.lanes):  # a register behind the memory, which is deep
            m.d.sync += lane.correlation.eq(memory.read_data.word_select(index, config.correlation_bits))

    def _residual(self, m: Module) -> None:
        """Read samples along with kernels; to remove one, along with its products, and write them back."""
        layout, tap, memory, latency = self.layout, self.tap, self.memories.residual, self.latency
        removes, fraction = self.task == Task.REMOVE, layout.residual_fraction_bits
        early = delayed(m, Cat(tap.residual_read, tap.residual_address), latency.word - 1)
        late = delayed(m, early, latency.product - 2 - (latency.word - 1))
        chosen = Mux(removes, late, early)
        m.d.comb += [memory.read_enable.eq(chosen[0]), memory.read_address.eq(chosen[1:])]
        products: Value = Cat(lane.product for lane in self.lanes)
        product = products.word_select(self.lane, len(self.lanes[0].product)).as_signed()
        sample = Signal(signed(layout.config.pcm_bits + 1))
        m.d.sync += sample.eq(memory.read_data)
        if fraction > 0:  # rounded as correlations are
            changes = Cat(Const((1 << (fraction - 1)) - 1, fraction), sample).as_signed() + product
        else:
            changes = sample + (product << -fraction)
        changed = Signal.like(changes)
        m.d.sync += changed.eq(changes)
        written = delayed(m, late, 3)
        m.d.comb += [
            self.write_enable.eq(removes & written[0]), self.write_address.eq(written[1:]),
            self.write_data.eq(saturated(changed >> max(0, fraction), len(self.write_data))),
        ]
