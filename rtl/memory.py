"""The one memory of every core: one synchronous read port, one write port, and the bus beside them."""

from collections.abc import Sequence
from typing import Any, Protocol, runtime_checkable

from amaranth.hdl import Cat, Elaboratable, Module, Mux, Signal
from amaranth.lib import wiring
from amaranth.lib.memory import Memory as AmaranthMemory
from amaranth.lib.wiring import In, Out

from spikewright.fixed import unsigned_bits
from spikewright.memories import BUS_BITS, MemoryConfig, window

__all__ = ["BusSignature", "ConfiguredMemory", "Memory", "MemoryPlatform"]


@runtime_checkable
class MemoryPlatform(Protocol):
    """A platform that brings memories of its own: FPGA RAM by file, SRAM macros."""

    def get_core_memory(self, memory: "Memory") -> Elaboratable:
        """What stands in for ``memory``, driving its ports."""


class Memory(wiring.Component):
    """``depth`` words of ``width`` bits; a read takes one cycle and holds until the next.

    What a read gives of a word written in the same cycle is not defined. Contents at power-up are
    ``init`` where it is given, else undefined.

    Members
    -------
    write_enable, write_address, write_data
        Write at the end of this cycle.
    read_enable, read_address, read_data
        Read of this cycle; ``read_data`` follows in the next.
    """

    write_enable: Signal
    write_address: Signal
    write_data: Signal
    read_enable: Signal
    read_address: Signal
    read_data: Signal

    def __init__(self, config: MemoryConfig, init: Sequence[int] = ()) -> None:
        self.config, self.init = config, init
        address = unsigned_bits(config.depth - 1)
        super().__init__({
            "write_enable": In(1), "write_address": In(address), "write_data": In(config.width),
            "read_enable": In(1), "read_address": In(address), "read_data": Out(config.width),
        })

    def elaborate(self, platform: object) -> Elaboratable:
        if isinstance(platform, MemoryPlatform):  # as amaranth.lib.cdc lets a platform bring its own cells
            return platform.get_core_memory(self)
        m = Module()
        words: Any = AmaranthMemory(shape=self.config.width, depth=self.config.depth, init=list(self.init))
        m.submodules.words = words
        write, read = words.write_port(), words.read_port()
        m.d.comb += [
            write.en.eq(self.write_enable), write.addr.eq(self.write_address), write.data.eq(self.write_data),
            read.en.eq(self.read_enable), read.addr.eq(self.read_address), self.read_data.eq(read.data),
        ]
        return m


class BusSignature(wiring.Signature):
    """The configuration bus inside a chip; the initiator's side.

    ``active`` keeps words out of the cores; when all rest, a transfer is one cycle of ``strobe``.
    ``read_data`` of a read is valid in the next cycle and zero otherwise, so that
    those of all memories are combined by OR.
    """

    def __init__(self, address_bits: int) -> None:
        super().__init__({
            "active": Out(1), "strobe": Out(1), "write": Out(1), "address": Out(address_bits),
            "write_data": Out(BUS_BITS), "read_data": In(BUS_BITS),
        })


class ConfiguredMemory(wiring.Component):
    """A memory that a core uses and, where ``base`` is given, the configuration bus too.

    In the cycle of a bus transfer the bus has both ports. Words wider than a transfer are gathered: transfers
    but the last of a word wait in registers until the last writes them all.

    Members
    -------
    write_enable, write_address, write_data, read_enable, read_address, read_data
        As of :class:`Memory`, for the core.
    bus : ``In(BusSignature(address_bits))``
        Only with ``base``.
    """

    bus: Any
    write_enable: Signal
    write_address: Signal
    write_data: Signal
    read_enable: Signal
    read_address: Signal
    read_data: Signal

    def __init__(self, config: MemoryConfig, *, init: Sequence[int] = (), base: int | None = None,
                 bus_address_bits: int = 0) -> None:
        self.config, self.base = config, base
        self.memory = Memory(config, init)
        ports = dict(self.memory.signature.members)
        if base is not None:
            ports["bus"] = In(BusSignature(bus_address_bits))
        super().__init__(ports)

    def elaborate(self, platform: object) -> Module:
        m = Module()
        m.submodules.memory = memory = self.memory
        m.d.comb += self.read_data.eq(memory.read_data)
        core = {name: getattr(self, name) for name in
                ("write_enable", "write_address", "write_data", "read_enable", "read_address")}
        if self.base is None:
            m.d.comb += [getattr(memory, name).eq(value) for name, value in core.items()]
            return m
        bus, size, transfers = self.bus, window(self.config).bit_length() - 1, self.config.transfers
        chunk_bits = transfers.bit_length() - 1
        selected, chunk = Signal(), Signal(chunk_bits)
        word = bus.address[chunk_bits:size] if size > chunk_bits else 0
        m.d.comb += [
            selected.eq(bus.strobe & (bus.address[size:] == self.base >> size)),
            chunk.eq(bus.address[:chunk_bits]),
        ]
        used = -(-self.config.width // BUS_BITS)  # transfers that carry bits; the window may have more
        gathered = [Signal(BUS_BITS, name=f"gathered_{index}") for index in range(used - 1)]
        for index, part in enumerate(gathered):
            with m.If(selected & bus.write & (chunk == index)):
                m.d.sync += part.eq(bus.write_data)
        ours = {
            "write_enable": selected & bus.write & (chunk == used - 1), "write_address": word,
            "write_data": Cat(*gathered, bus.write_data),
            "read_enable": selected & ~bus.write, "read_address": word,
        }
        m.d.comb += [getattr(memory, name).eq(Mux(bus.strobe, ours[name], core[name])) for name in core]
        answers, answered_chunk = Signal(), Signal(chunk_bits)
        m.d.sync += [answers.eq(selected & ~bus.write), answered_chunk.eq(chunk)]
        with m.If(answers):
            m.d.comb += bus.read_data.eq(memory.read_data.word_select(answered_chunk, BUS_BITS))
        return m
