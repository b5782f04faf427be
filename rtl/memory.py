"""The one memory of every core: one synchronous read port, one write port, and the bus beside them."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

from amaranth.hdl import Const, Elaboratable, Module, Mux, Signal
from amaranth.lib import wiring
from amaranth.lib.memory import Memory as AmaranthMemory
from amaranth.lib.wiring import In, Out

from spikewright.fixed import unsigned_bits
from spikewright.memory import BUS_BITS, MemoryConfig, window

__all__ = ["NO_BUS", "BusShape", "BusSignature", "ConfiguredMemory", "Memory", "MemoryPlatform"]


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


@dataclass(frozen=True, slots=True, kw_only=True)
class BusShape:
    """Width of an address, and the transfers of the widest word."""

    address_bits: int = 1
    transfers: int = 1


NO_BUS = BusShape()


class BusSignature(wiring.Signature):
    """The configuration bus inside a chip; the initiator's side.

    ``active`` keeps words out of the cores; when all rest, a transfer is one cycle of ``strobe``.
    ``write_data`` has the data of this write above those of the writes before it, as many as the widest
    word takes. ``read_data`` of a read is valid in the second cycle after it and zero otherwise, so that
    those of all memories are combined by OR.
    """

    def __init__(self, shape: BusShape) -> None:
        super().__init__({
            "active": Out(1), "strobe": Out(1), "write": Out(1), "address": Out(shape.address_bits),
            "write_data": Out(BUS_BITS * shape.transfers), "read_data": In(BUS_BITS),
        })


class ConfiguredMemory(wiring.Component):
    """A memory that a core uses and, where ``base`` is given, the configuration bus too.

    The bus reads every memory, and writes contents; states are the core's alone. In the cycle of a
    transfer the core, which rests, keeps its enables low. A word wider than a transfer is written with
    its last one, of those before it in order.

    Members
    -------
    write_enable, write_address, write_data, read_enable, read_address, read_data
        As of :class:`Memory`, for the core.
    bus : ``In(BusSignature(shape))``
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
                 shape: BusShape = NO_BUS) -> None:
        self.config, self.base = config, base
        self.memory = Memory(config, init)
        ports = dict(self.memory.signature.members)
        if base is not None:
            ports["bus"] = In(BusSignature(shape))
        super().__init__(ports)

    def elaborate(self, platform: object) -> Module:
        m = Module()
        m.submodules.memory = memory = self.memory
        m.d.comb += self.read_data.eq(memory.read_data)
        m.d.comb += [memory.read_enable.eq(self.read_enable), memory.read_address.eq(self.read_address)]
        if self.config.state or self.base is None:
            m.d.comb += [
                memory.write_enable.eq(self.write_enable), memory.write_address.eq(self.write_address),
                memory.write_data.eq(self.write_data),
            ]
        if self.base is not None:
            self._join(m, self.base)
        return m

    def _join(self, m: Module, base: int) -> None:
        """Let the bus read, and write what the core does not."""
        bus, memory, config = self.bus, self.memory, self.config
        size, chunk_bits = window(config).bit_length() - 1, config.transfers.bit_length() - 1
        selected = Signal()
        word = bus.address[chunk_bits:size] if size > chunk_bits else Const(0)
        chunk = bus.address[:chunk_bits]
        m.d.comb += [
            selected.eq(bus.strobe & (bus.address[size:] == base >> size)),
            memory.read_enable.eq(self.read_enable | selected & ~bus.write),
            memory.read_address.eq(Mux(bus.strobe, word, self.read_address)),
        ]
        if not config.state:
            used = -(-config.width // BUS_BITS)  # transfers that carry bits; the window may have more
            m.d.comb += [
                memory.write_enable.eq(selected & bus.write & (chunk == used - 1)),
                memory.write_address.eq(word),
                memory.write_data.eq(bus.write_data[-BUS_BITS * used:][:config.width]),
            ]
        answers, answered_chunk = Signal(), Signal(chunk_bits)
        m.d.sync += [answers.eq(selected & ~bus.write), answered_chunk.eq(chunk)]
        m.d.sync += bus.read_data.eq(
            Mux(answers, memory.read_data.word_select(answered_chunk, BUS_BITS)[:BUS_BITS], 0))
