"""The intake of a core: its ports' streams joined, step by step."""

from typing import Any

from amaranth.hdl import Cat, Module, Mux, Signal
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from spikewright.config import CoreConfig
from spikewright.events import Kind, WordFormat
from spikewright.rtl.rows import event_layout
from spikewright.rtl.words import word_stream

__all__ = ["Intake"]


class Intake(wiring.Component):
    """Takes events from all ports in any order; shows a token when every port has brought it.

    A token stays at the head of its stream until then, so that a port which runs ahead is held
    back. Events pass in the cycle they come, of the first port that has one; latency 0. An event that
    waits may give way to one of an earlier port, or be withdrawn with ``enable``.

    Members
    -------
    sources : one ``In(word_stream(word))`` a port, ``source_0``, ``source_1``, ...
    event : ``Out(stream.Signature(event_layout(core)))``
    token, take
        The kind of the token that all ports have brought, or 0; ``take`` takes it.
    enable
        While low nothing is taken or shown.
    """

    event: Any
    token: Signal
    take: Signal
    enable: Signal

    def __init__(self, core: CoreConfig, words: tuple[WordFormat, ...]) -> None:
        self.core = core
        sources = {f"source_{index}": In(word_stream(word)) for index, word in enumerate(words)}
        super().__init__({
            **sources, "event": Out(stream.Signature(event_layout(core))), "token": Out(2), "take": In(1),
            "enable": In(1),
        })

    def elaborate(self, platform: object) -> Module:
        m = Module()
        core = self.core
        sources = [getattr(self, f"source_{index}") for index in range(len(core.ports))]
        has_event = [source.valid & (source.payload.kind == Kind.EVENT) for source in sources]
        has_token = [source.valid & (source.payload.kind != Kind.EVENT) for source in sources]
        m.d.comb += self.event.valid.eq(self.enable & Cat(*has_event).any())
        with m.If(self.enable & Cat(*has_token).all()):
            m.d.comb += self.token.eq(sources[0].payload.kind)
        chosen: Any = 0
        for index in reversed(range(len(sources))):
            port, source = core.ports[index], sources[index]
            event: Any = Signal(event_layout(core))
            m.d.comb += event.row.eq(source.payload.address + port.first_row)
            if core.holds:
                m.d.comb += event.hold.eq(port.kind == "hold")
            if port.value_bits:
                m.d.comb += [event.value.eq(source.payload.value << (core.value_bits - port.value_bits)),
                             event.passes.eq(port.value_bits - 1)]
            elif core.value_bits:
                m.d.comb += event.value.eq(1 << (core.value_bits - 1))
            chosen = Mux(has_event[index], event.as_value(), chosen) if index < len(sources) - 1 \
                else event.as_value()
            earlier = Cat(*has_event[:index]).any() if index else 0
            m.d.comb += source.ready.eq(
                Mux(has_event[index], self.enable & self.event.ready & ~earlier, self.take))
        m.d.comb += self.event.payload.eq(chosen)
        return m
