"""The intake of the encoder: samples into the ring, and windows that are complete."""

from typing import Any

from amaranth.hdl import Module, Mux, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from spikewright.events import Kind
from spikewright.rtl.words import word_stream
from spikewright.spiketrum_memories import SpiketrumLayout

__all__ = ["SampleIntake"]


class SampleIntake(wiring.Component):
    """Writes samples into the ring of the residual, and says when a window's kernels have all they reach.

    The first token, of a step or of the sample, ends a recording: it becomes as many zeros as the longest
    kernel reaches beyond the last sample. What comes behind waits until all windows are done. Then every
    further token of a step asks for a step more, without spikes, and that of the sample for its end; samples
    there are dropped. A sample takes a cycle, as long as the ring has room: it runs at least a window ahead
    of the one at work.

    Members
    -------
    source : ``In(word_stream(layout.sample_word))``
    enable
        While low nothing is taken or written.
    hold
        The ring's write port is someone else's in this cycle.
    write_enable, write_address, write_data
        To the ring.
    valid, start, positions
        A window is complete: where it starts in the ring, and samples at which spikes may start.
    advance
        The window is done: the next starts behind its ``positions``.
    padding, padded
        A step more is asked for; it is given.
    ended, restart
        The sample ends, all windows are done; the next may begin.
    """

    source: Any
    enable: Signal
    hold: Signal
    write_enable: Signal
    write_address: Signal
    write_data: Signal
    valid: Signal
    start: Signal
    positions: Signal
    advance: Signal
    padding: Signal
    padded: Signal
    ended: Signal
    restart: Signal

    def __init__(self, layout: SpiketrumLayout) -> None:
        self.layout = layout
        address = (layout.ring - 1).bit_length()
        super().__init__({
            "source": In(word_stream(layout.sample_word)), "enable": In(1), "hold": In(1),
            "write_enable": Out(1), "write_address": Out(address),
            "write_data": Out(layout.config.pcm_bits + 1), "valid": Out(1), "start": Out(address),
            "positions": Out(range(layout.config.window + 1)),
            "advance": In(1), "padding": Out(1), "padded": In(1), "ended": Out(1), "restart": In(1),
        })

    def elaborate(self, platform: object) -> Module:
        m = Module()
        layout, source, window = self.layout, self.source, self.layout.config.window
        reach = layout.longest - 1  # samples behind a position that its kernels need
        ahead = Signal(range(layout.ring + 1))  # samples in the ring from the window's start on
        zeros = Signal(range(reach + 1))
        over = Signal()  # the recording has ended, and all zeros are written
        done, closes = Signal(), Signal()  # all windows are done; the sample ends
        may_write, full, is_step, is_end = Signal(), Signal(), Signal(), Signal()
        m.d.comb += [
            may_write.eq(self.enable & ~self.hold & (ahead != layout.ring)),
            full.eq(ahead >= window + reach), self.positions.eq(Mux(full, window, ahead - reach)),
            self.valid.eq(full | over & (ahead > reach)), done.eq(over & (ahead == reach)),
            self.ended.eq(done & closes), is_step.eq(source.payload.kind == Kind.END_OF_STEP),
            is_end.eq(source.payload.kind == Kind.END_OF_SAMPLE),
        ]
        with m.FSM():
            with m.State("TAKE"):
                is_sample = source.payload.kind == Kind.EVENT
                m.d.comb += [
                    source.ready.eq(may_write), self.write_enable.eq(source.valid & may_write & is_sample),
                    self.write_data.eq(source.payload.value.as_signed()),
                ]
                m.d.sync += [zeros.eq(reach), closes.eq(is_end)]
                with m.If(source.valid & may_write & (is_step | is_end)):
                    m.next = "FILL"
            with m.State("FILL"):
                m.d.comb += self.write_enable.eq(may_write & (zeros != 0))
                with m.If(self.write_enable):
                    m.d.sync += zeros.eq(zeros - 1)
                with m.If(zeros == 0):
                    m.next = "OVER"
            with m.State("OVER"):
                m.d.comb += [over.eq(1), source.ready.eq(self.enable & done & ~closes)]
                with m.If(source.valid & source.ready):
                    m.d.sync += closes.eq(is_end)
                    with m.If(is_step):
                        m.next = "PAD"
                with m.If(self.restart):
                    m.next = "TAKE"
            with m.State("PAD"):
                m.d.comb += self.padding.eq(1)
                with m.If(self.padded):
                    m.next = "OVER"
        left = Signal.like(ahead)
        m.d.comb += left.eq(Mux(self.advance, ahead - self.positions, ahead))
        m.d.sync += ahead.eq(left + self.write_enable)
        with m.If(self.write_enable):
            m.d.sync += self.write_address.eq(self.write_address + 1)
        with m.If(self.advance):
            m.d.sync += self.start.eq(self.start + self.positions)
        with m.If(self.restart):  # where the last recording ended is as good a place as any
            m.d.sync += [ahead.eq(0), self.start.eq(self.write_address)]
        return m
