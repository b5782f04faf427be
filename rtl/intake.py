"""The intake of a core: its ports' streams joined, step by step."""

from collections.abc import Collection
from typing import Any

from amaranth.hdl import Cat, Const, Module, Mux, Signal, Value
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from spikewright.config import CoreConfig
from spikewright.events import Kind, WordFormat
from spikewright.rtl.latency import CoreLatency
from spikewright.rtl.planes import plane_fields, plane_row
from spikewright.rtl.rows import event_layout, kernel_ports
from spikewright.rtl.words import word_stream

__all__ = ["Intake"]


class Intake(wiring.Component):
    """Takes events from all ports in any order; shows a token when every port has brought it.

    A token stays at the head of its stream until then, so that a port which runs ahead is held
    back. Events pass in the cycle they come, of the first port that has one; latency 0. An event that
    waits may give way to one of an earlier port, or be withdrawn with ``enable``. Events of ports that
    only bring tokens are dropped, and those of a plane that lie in no window of its pooling.

    Where rows of addresses in the plane are worked out, an event passes a cycle later, as
    :attr:`CoreLatency.intake` says, and the token does not show before.

    A port that closes a cycle brings a step before any word of it enters the chip. It waits until another
    port has shown one, so that nothing of a step is added before it begins. A sample's end does not wait for
    such ports, whose sources get it later: what they bring of a step that never comes is dropped, up to their
    sample's end. The next sample may begin meanwhile.

    Parameters
    ----------
    closing
        Indices of the ports that close a cycle; not of all.

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

    def __init__(self, core: CoreConfig, words: tuple[WordFormat, ...], closing: Collection[int] = ()
                 ) -> None:
        self.core, self.closing = core, frozenset(closing)
        sources = {f"source_{index}": In(word_stream(word)) for index, word in enumerate(words)}
        super().__init__({
            **sources, "event": Out(stream.Signature(event_layout(core))), "token": Out(2), "take": In(1),
            "enable": In(1),
        })

    def elaborate(self, platform: object) -> Module:
        m = Module()
        core = self.core
        sources = [getattr(self, f"source_{index}") for index in range(len(core.ports))]
        forward = [source for index, source in enumerate(sources) if index not in self.closing]
        open_ports, drops = self._cycles(m, sources, forward)
        shows = [source.valid & is_open for source, is_open in zip(sources, open_ports, strict=True)]
        found = [self._event(m, index, source) for index, source in enumerate(sources)]
        events, within = [event for event, _ in found], [reaches for _, reaches in found]
        is_event = [shown & (source.payload.kind == Kind.EVENT)
                    for shown, source in zip(shows, sources, strict=True)]
        has_event = [event & reaches for event, reaches in zip(is_event, within, strict=True)]
        has_token = [shown & (source.payload.kind != Kind.EVENT)
                     for shown, source in zip(shows, sources, strict=True)]
        adds = [index for index, port in enumerate(core.ports) if port.kind != "pace"]
        joined = self.event.signature.create()
        m.d.comb += joined.valid.eq(self.enable & Cat(*(has_event[index] for index in adds)).any())
        waits = self._pass_on(m, joined)
        kind = forward[0].payload.kind
        brought = Cat(*has_token).all()
        if self.closing:
            ends = [has_token[index] for index in range(len(sources)) if index not in self.closing]
            brought = Mux(kind == Kind.END_OF_SAMPLE, Cat(*ends).all() & ~Cat(*drops).any(), brought)
        with m.If(self.enable & brought & ~waits):
            m.d.comb += self.token.eq(kind)
        chosen: Any = 0
        for index in reversed(adds):
            chosen = Mux(has_event[index], events[index], chosen) if index < adds[-1] else events[index]
        m.d.comb += joined.payload.eq(chosen)
        before: list[Any] = []
        for index, source in enumerate(sources):
            passes: Any = self.enable
            if index in adds:
                first = ~Cat(*before).any() if before else 1
                passes = self.enable & (joined.ready & first | ~within[index])
                before.append(has_event[index])
            ready = Mux(is_event[index], passes, self.take)
            if index in self.closing:
                ready = Mux(drops[index], self.enable,
                            open_ports[index] & Mux(is_event[index], passes,
                                                    self.take & (kind != Kind.END_OF_SAMPLE)))
            m.d.comb += source.ready.eq(ready)
        return m

    def _cycles(self, m: Module, sources: list[Any], forward: list[Any]) -> tuple[list[Any], list[Any]]:
        """Of every port, whether its words count now, and whether they are dropped."""
        open_ports: list[Any] = [Const(1, 1)] * len(sources)
        drops: list[Any] = [Const(0, 1)] * len(sources)
        if not self.closing:
            return open_ports, drops
        begun, begins = Signal(), Signal()  # a word of this step has come
        m.d.comb += begins.eq(begun | Cat(*(
            source.valid & (source.payload.kind != Kind.END_OF_SAMPLE) for source in forward)).any())
        m.d.sync += begun.eq(begins & ~self.take)
        for index in sorted(self.closing):
            source, dropping = sources[index], Signal(name=f"dropping_{index}")
            with m.If(self.take & (self.token == Kind.END_OF_SAMPLE)):
                m.d.sync += dropping.eq(1)
            with m.Elif(source.valid & source.ready & (source.payload.kind == Kind.END_OF_SAMPLE)):
                m.d.sync += dropping.eq(0)
            open_ports[index], drops[index] = begins & ~dropping, dropping
        return open_ports, drops

    def _pass_on(self, m: Module, joined: Any) -> Value:
        """Pass the ports' events on, over a register if need be; whether one waits in there."""
        if not CoreLatency(self.core).intake:
            wiring.connect(m, joined, wiring.flipped(self.event))
            return Const(0, 1)
        waits, event = Signal(), Signal(event_layout(self.core))
        m.d.comb += [
            joined.ready.eq(~waits | self.event.valid & self.event.ready),
            self.event.valid.eq(waits & self.enable), self.event.payload.eq(event),
        ]
        with m.If(joined.ready):
            m.d.sync += [waits.eq(joined.valid), event.eq(joined.payload)]
        return waits

    def _event(self, m: Module, index: int, source: Any) -> tuple[Value, Value]:
        """What a port's event is to the core, and whether it is anything."""
        core, port = self.core, self.core.ports[index]
        within: Value = Const(1, 1)
        event: Any = Signal(event_layout(core), name=f"event_{index}")
        address = source.payload.address
        if port.convolution is not None and port.plane is not None:
            channel, y, x = plane_fields(address, port.plane)
            m.d.comb += [event.channel.eq(channel), event.y.eq(y), event.x.eq(x),
                         event.port.eq(kernel_ports(core).index(port))]
        elif port.plane is not None:
            row, reaches = plane_row(address, port)
            within = reaches
            m.d.comb += event.row.eq(row)
        elif port.kind != "pace":
            m.d.comb += event.row.eq(address + port.first_row)
        if core.holds:
            m.d.comb += event.hold.eq(port.kind == "hold")
        if port.value_bits:
            m.d.comb += [event.value.eq(source.payload.value << (core.value_bits - port.value_bits)),
                         event.passes.eq(port.value_bits - 1)]
        elif core.value_bits:
            m.d.comb += event.value.eq(1 << (core.value_bits - 1))
        return Value.cast(event), within
