"""The weight memory of dense rows, in banks."""

from collections.abc import Sequence

from amaranth.hdl import Array, Module, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from spikewright.fixed import unsigned_bits
from spikewright.memory import BANK_WORDS
from spikewright.rtl.memory import ConfiguredMemory

__all__ = ["WeightBanks"]


class WeightBanks(wiring.Component):
    """One read port over the banks of :func:`spikewright.memories.core_memories`, all full but the last.

    A read takes :attr:`latency` cycles and holds until the next; only the bank addressed is read.

    Members
    -------
    read_enable, read_address, read_data
        As of :class:`~spikewright.rtl.memory.Memory`.
    """

    read_enable: Signal
    read_address: Signal
    read_data: Signal

    def __init__(self, banks: Sequence[ConfiguredMemory]) -> None:
        self.banks = banks
        words = sum(bank.config.depth for bank in banks)
        super().__init__({"read_enable": In(1), "read_address": In(unsigned_bits(words - 1)),
                          "read_data": Out(banks[0].config.width)})

    @property
    def latency(self) -> int:
        """One cycle, or two: several banks have a register between them and the choice of one."""
        return 1 if len(self.banks) == 1 else 2

    def elaborate(self, platform: object) -> Module:
        m = Module()
        within = (BANK_WORDS - 1).bit_length() if len(self.banks) > 1 else len(self.read_address)
        bank = self.read_address[within:]
        for index, memory in enumerate(self.banks):
            m.d.comb += [memory.read_enable.eq(self.read_enable & (bank == index)),
                         memory.read_address.eq(self.read_address[:within])]
        if len(self.banks) == 1:
            m.d.comb += self.read_data.eq(self.banks[0].read_data)
            return m
        read, chosen = Signal.like(bank), Signal.like(bank)
        with m.If(self.read_enable):
            m.d.sync += read.eq(bank)
        words = Array(Signal(len(self.read_data), name=f"word_{index}") for index in range(len(self.banks)))
        m.d.sync += [chosen.eq(read),
                     *(word.eq(memory.read_data) for word, memory in zip(words, self.banks, strict=True))]
        m.d.comb += self.read_data.eq(words[chosen])
        return m
