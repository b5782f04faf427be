"""Memories whose contents are free: what is proven with them holds for all contents."""

from collections.abc import Sequence
from typing import Any

from amaranth.hdl import Array, Elaboratable, Module, Mux, Signal

from spikewright.rtl.memory import Memory
from tests.formal.formal import Formal

__all__ = ["FreeMemories"]


class FreeMemories:
    """A platform for memories that nothing writes.

    Of a memory in ``followed`` one word, at any address, keeps its contents; the others read as anything,
    each time anew. All words of one in ``kept`` keep theirs.
    """

    def __init__(self) -> None:
        self.followed: dict[str, tuple[Any, Any, Any]] = {}
        self.kept: dict[str, list[Any]] = {}

    def follow(self, formal: Formal, memories: Sequence[Memory]) -> tuple[Any, Any]:
        """Follow a word of these memories, one behind another: its address and contents."""
        words = sum(memory.config.depth for memory in memories)
        address = formal.constant("followed address", range(words))
        formal.assume(address < words)
        contents = formal.constant("followed contents", memories[0].config.width)
        base = 0
        for memory in memories:
            name = memory.config.name
            others = formal.free(f"{name}: others", memory.config.width)
            self.followed[name] = address - base, contents, others
            base += memory.config.depth
        return address, contents

    def keep(self, formal: Formal, memory: Memory) -> Any:
        """Keep all words of a memory, whatever they are."""
        config = memory.config
        words = [formal.constant(f"{config.name}: word {word}", config.width) for word in range(config.depth)]
        self.kept[config.name] = words
        return Array(words)

    def get_core_memory(self, memory: Memory) -> Elaboratable:
        """What stands in for ``memory``."""
        m, name = Module(), memory.config.name
        word: Any
        if name in self.kept:
            word = Array(self.kept[name])[memory.read_address]
        else:
            address, contents, others = self.followed[name]
            word = Mux(memory.read_address == address, contents, others)
        read = Signal(memory.config.width)
        m.d.comb += memory.read_data.eq(read)
        with m.If(memory.read_enable):
            m.d.sync += read.eq(word)
        return m
