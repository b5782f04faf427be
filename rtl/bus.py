"""The configuration bus: loads and reads every memory of a chip."""

from typing import Any

from amaranth.hdl import Cat, Module, Mux, Signal
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

from spikewright.memory import BUS_BITS
from spikewright.rtl.memory import BusShape, BusSignature

__all__ = ["BusController", "request_layout"]


def request_layout(address_bits: int) -> data.StructLayout:
    """A request: write ``data`` to ``address``, or read it."""
    return data.StructLayout({"write": 1, "address": address_bits, "data": BUS_BITS})


class BusController(wiring.Component):
    """Takes requests one by one, waits until every core rests, and makes the transfer.

    On a resting chip a write takes 6 cycles, a read 9, its answer in the last of them. Words at the
    chip's inputs wait while a request is under way. After loading contents, reset the chip or send an
    end of sample: potentials start from the new biases only then.

    Members
    -------
    request : ``In(stream.Signature(request_layout(address_bits)))``
    response : ``Out(stream.Signature(32))``
        One word for every read, in order.
    resting
        Every core rests.
    bus : ``Out(BusSignature(shape))``
        To all cores.
    """

    request: Any
    response: Any
    resting: Signal
    bus: Any

    def __init__(self, shape: BusShape) -> None:
        self.shape = shape
        address_bits = shape.address_bits
        super().__init__({
            "request": In(stream.Signature(request_layout(address_bits))),
            "response": Out(stream.Signature(BUS_BITS)), "resting": In(1),
            "bus": Out(BusSignature(shape)),
        })

    def elaborate(self, platform: object) -> Module:
        m = Module()
        request, bus, response = self.request, self.bus, self.response
        before = Signal(BUS_BITS * (self.shape.transfers - 1))  # what was written last
        m.d.comb += [
            bus.write.eq(request.payload.write), bus.address.eq(request.payload.address),
            bus.write_data.eq(Cat(before, request.payload.data)),
        ]
        with m.If(bus.strobe & bus.write):
            m.d.sync += before.eq(bus.write_data[BUS_BITS:])
        rested = Signal(2)  # cycles in a row
        with m.FSM():
            with m.State("IDLE"), m.If(request.valid):
                m.next = "CLAIM"
            with m.State("CLAIM"):  # no core takes a word any more; what is in the pipelines comes to an end
                m.d.comb += bus.active.eq(1)
                m.d.sync += rested.eq(Mux(self.resting, rested + 1, 0))
                with m.If(self.resting & (rested == 3)):
                    m.d.sync += rested.eq(0)
                    m.next = "TRANSFER"
            with m.State("TRANSFER"):
                m.d.comb += [bus.active.eq(1), bus.strobe.eq(1), request.ready.eq(1)]
                m.next = "IDLE"
                with m.If(~bus.write):
                    m.next = "READ"
            with m.State("READ"):  # what is read passes a register
                m.d.comb += bus.active.eq(1)
                m.next = "ANSWER"
            with m.State("ANSWER"):
                m.d.comb += bus.active.eq(1)
                m.d.sync += response.payload.eq(bus.read_data)
                m.next = "RESPOND"
            with m.State("RESPOND"):
                m.d.comb += [bus.active.eq(1), response.valid.eq(1)]
                with m.If(response.ready):
                    m.next = "IDLE"
        return m
