"""The emitter of the encoder: the spikes of a window, step by step."""

from typing import Any

from amaranth.hdl import Module, Signal
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

from spikewright.events import Kind
from spikewright.fixed import unsigned_bits
from spikewright.rtl.memory import ConfiguredMemory
from spikewright.rtl.words import word_stream
from spikewright.spiketrum_memories import SpiketrumLayout

__all__ = ["StepEmitter", "close_layout", "spike_layout"]


def spike_layout(layout: SpiketrumLayout) -> data.StructLayout:
    """A spike of a window, as its memory keeps it."""
    return data.StructLayout({"line": layout.word.address_bits,
                              "position": unsigned_bits(layout.config.window - 1)})


def close_layout(layout: SpiketrumLayout) -> data.StructLayout:
    """A window of so many positions has all its spikes; 0: a step without any. Or the sample ends."""
    return data.StructLayout({"positions": unsigned_bits(layout.config.window), "end": 1})


class StepEmitter(wiring.Component):
    """Keeps the spikes of a window, in whatever order they come, and sends those of each step with its token.

    The list is gone through once a step: 3 cycles a spike, 4 if it is of the step, 2 for the token. Meanwhile
    no spike of the next window is taken, which has its correlations to compute first.

    Members
    -------
    spike : ``In(stream.Signature(spike_layout(layout)))``
    close : ``In(stream.Signature(close_layout(layout)))``
        After the spikes of a window, and after the last window.
    sink : ``Out(word_stream(layout.word))``
        Spikes and the tokens of steps; the end of a sample.
    busy
        A word is under way.
    """

    spike: Any
    close: Any
    sink: Any
    busy: Signal

    def __init__(self, layout: SpiketrumLayout, spikes: ConfiguredMemory) -> None:
        self.layout, self.spikes = layout, spikes
        super().__init__({
            "spike": In(stream.Signature(spike_layout(layout))),
            "close": In(stream.Signature(close_layout(layout))),
            "sink": Out(word_stream(layout.word)), "busy": Out(1),
        })

    def elaborate(self, platform: object) -> Module:
        m = Module()
        config, sink, spikes = self.layout.config, self.sink, self.spikes
        count, next_read = Signal(range(config.burst + 1)), Signal(range(config.burst + 1))
        low = Signal(range(config.window + 1))  # first position of the step
        high = Signal(range(config.window + config.step + 1))  # and of the one behind it
        positions = Signal(range(config.window + 1))
        found: Any = Signal(spike_layout(self.layout))
        m.d.comb += [
            spikes.write_address.eq(count), spikes.write_data.eq(self.spike.payload),
            spikes.read_address.eq(next_read), high.eq(low + config.step),
            sink.payload.address.eq(found.line), self.busy.eq(1),
        ]
        with m.FSM():
            with m.State("TAKE"):
                m.d.comb += [self.busy.eq(0), self.spike.ready.eq(1), self.close.ready.eq(1),
                             spikes.write_enable.eq(self.spike.valid)]
                m.d.sync += [positions.eq(self.close.payload.positions), low.eq(0), next_read.eq(0)]
                with m.If(self.spike.valid):
                    m.d.sync += count.eq(count + 1)
                with m.If(self.close.valid):
                    m.next = "SEEK"
                    with m.If(self.close.payload.end):
                        m.next = "END"
            with m.State("SEEK"):
                m.d.comb += spikes.read_enable.eq(next_read != count)
                m.d.sync += next_read.eq(next_read + 1)
                m.next = "FETCH"
                with m.If(next_read == count):
                    m.next = "TOKEN"
            with m.State("FETCH"):
                m.d.sync += found.eq(spikes.read_data)
                m.next = "MATCH"
            with m.State("MATCH"):
                m.next = "SEEK"
                with m.If((found.position >= low) & (found.position < high)):
                    m.next = "SPIKE"
            with m.State("SPIKE"):
                m.d.comb += [sink.valid.eq(1), sink.payload.kind.eq(Kind.EVENT)]
                with m.If(sink.ready):
                    m.next = "SEEK"
            with m.State("TOKEN"):
                m.d.comb += [sink.valid.eq(1), sink.payload.kind.eq(Kind.END_OF_STEP)]
                with m.If(sink.ready):
                    m.d.sync += [low.eq(high), next_read.eq(0)]
                    m.next = "SEEK"
                    with m.If(high >= positions):
                        m.d.sync += count.eq(0)
                        m.next = "TAKE"
            with m.State("END"):
                m.d.comb += [sink.valid.eq(1), sink.payload.kind.eq(Kind.END_OF_SAMPLE)]
                with m.If(sink.ready):
                    m.next = "TAKE"
        return m
