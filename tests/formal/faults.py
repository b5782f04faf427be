"""Faults of a stream: what a wrong component would do to its words. Every proof must find them."""

from typing import Any, Literal, get_args

from amaranth.hdl import Module, Signal
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

__all__ = ["FAULTS", "Fault"]

Kind = Literal["drops", "doubles", "alters", "withdraws", "stalls", "overtakes"]
FAULTS: tuple[Kind, ...] = get_args(Kind)


class Fault(wiring.Component):  # type: ignore[type-arg]  # not generic at run time
    """A stream that goes wrong.

    ``drops`` takes a word and passes nothing on; ``doubles`` passes a word on and keeps it; ``alters``
    changes bits in a cycle; ``withdraws`` hides a word for a cycle; ``stalls`` lets nothing through any
    more; ``overtakes`` lets the next word go first.

    Members
    -------
    act
        In this cycle it goes wrong, if it can.
    mask
        The bits that ``alters`` changes.
    """

    source: Any
    sink: Any
    act: Signal
    mask: Signal

    def __init__(self, kind: str, width: int) -> None:
        assert kind in FAULTS, f"fault {kind!r} is none of {', '.join(FAULTS)}"
        self.kind, self.width = kind, width
        super().__init__({
            "source": In(stream.Signature(width)), "sink": Out(stream.Signature(width)), "act": In(1),
            "mask": In(width),
        })

    def elaborate(self, platform: object) -> Module:
        m = Module()
        source, sink, act = self.source, self.sink, self.act
        m.d.comb += [sink.valid.eq(source.valid), source.ready.eq(sink.ready),
                     sink.payload.eq(source.payload)]
        if self.kind == "drops":
            with m.If(act):
                m.d.comb += [source.ready.eq(1), sink.valid.eq(0)]
        elif self.kind == "doubles":
            with m.If(act):
                m.d.comb += source.ready.eq(0)
        elif self.kind == "alters":
            with m.If(act):
                m.d.comb += sink.payload.eq(source.payload ^ self.mask)
        elif self.kind in ("withdraws", "stalls"):
            stuck = Signal()
            if self.kind == "stalls":
                with m.If(act):
                    m.d.sync += stuck.eq(1)
            with m.If(act | stuck):
                m.d.comb += [source.ready.eq(0), sink.valid.eq(0)]
        else:
            self._overtake(m)
        return m

    def _overtake(self, m: Module) -> None:
        """Put a word aside until the next has gone."""
        source, sink = self.source, self.sink
        aside, full, due = Signal(self.width), Signal(), Signal()
        with m.If(due):
            m.d.comb += [sink.valid.eq(1), sink.payload.eq(aside), source.ready.eq(0)]
            with m.If(sink.ready):
                m.d.sync += [due.eq(0), full.eq(0)]
        with m.Elif(full):
            m.d.sync += due.eq(source.valid & sink.ready)
        with m.Elif(self.act):
            m.d.comb += [sink.valid.eq(0), source.ready.eq(1)]
            m.d.sync += [full.eq(source.valid), aside.eq(source.payload)]
