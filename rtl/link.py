"""Links and forks: how streams run from core to core."""

from typing import Any, Protocol, runtime_checkable

from amaranth.hdl import Cat, Elaboratable, Module, Signal, ValueLike
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

__all__ = ["Fork", "Link", "LinkPlatform"]


@runtime_checkable
class LinkPlatform(Protocol):
    """A platform that brings links of its own: with random gaps, or with pipeline registers."""

    def get_link(self, link: "Link") -> Elaboratable:
        """What stands in for ``link``, driving its ports."""


class Link(wiring.Component):
    """The cut point that every stream of a chip runs through; by itself a wire, latency 0.

    Members
    -------
    source : ``In(stream.Signature(shape))``
        Words in.
    sink : ``Out(stream.Signature(shape))``
        The same words out, in order.
    """

    source: Any
    sink: Any

    def __init__(self, shape: Any) -> None:
        super().__init__({"source": In(stream.Signature(shape)), "sink": Out(stream.Signature(shape))})

    def elaborate(self, platform: object) -> Elaboratable:
        if isinstance(platform, LinkPlatform):
            return platform.get_link(self)
        m = Module()
        wiring.connect(m, wiring.flipped(self.source), wiring.flipped(self.sink))
        return m


class Fork(wiring.Component):
    """Gives every word to each of ``ways`` sinks, in whatever cycle each takes it; latency 0.

    A word is taken from the source in the cycle in which the last sink takes it. No sink waits for
    another, so that skip connections cannot lock up.

    Members
    -------
    source : ``In(stream.Signature(shape))``
        Words in.
    sinks : ``Out(stream.Signature(shape)).array(ways)``
        Words out.
    """

    source: Any
    sinks: Any

    def __init__(self, shape: Any, ways: int) -> None:
        super().__init__({
            "source": In(stream.Signature(shape)), "sinks": Out(stream.Signature(shape)).array(ways)})

    def elaborate(self, platform: object) -> Module:
        m = Module()
        served: list[Signal] = []
        settled: list[ValueLike] = []
        for index, sink in enumerate(self.sinks):
            done = Signal(name=f"served_{index}")
            served.append(done)
            settled.append(done | sink.ready)
            m.d.comb += [sink.payload.eq(self.source.payload), sink.valid.eq(self.source.valid & ~done)]
        m.d.comb += self.source.ready.eq(Cat(*settled).all())
        with m.If(self.source.valid):
            for done, settle in zip(served, settled, strict=True):
                m.d.sync += done.eq(settle & ~self.source.ready)
        return m
