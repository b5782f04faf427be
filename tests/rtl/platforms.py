"""What surrounds a component in the simulator: memories that punish, and links with gaps."""

import random
from typing import Any

from amaranth.hdl import Elaboratable, Module, Mux, Signal
from amaranth.lib.fifo import SyncFIFOBuffered
from amaranth.lib.memory import Memory as AmaranthMemory

from spikewright.rtl.link import Link
from spikewright.rtl.memory import Memory

__all__ = ["GapPlatform", "StrictPlatform"]


class StrictPlatform:
    """Memories that give nonsense wherever their contract leaves open what they give.

    That is: a word written in the cycle that reads it, a place beyond the last word, and, where no contents
    are given, all words until they are written. ``words`` has the words of every memory, by its name.
    """

    def __init__(self, seed: int = 1) -> None:
        self.random = random.Random(seed)
        self.words: dict[str, Any] = {}

    def read(self, ctx: Any) -> dict[str, list[int]]:
        """The words of all memories as they are now."""
        return {name: [int(ctx.get(word)) for word in words] for name, words in self.words.items()}

    def get_core_memory(self, memory: Memory) -> Elaboratable:
        """The strict memory."""
        config = memory.config
        init = list(memory.init) or [self.random.getrandbits(config.width) for _ in range(config.depth)]
        m = Module()
        words: Any = AmaranthMemory(shape=config.width, depth=config.depth, init=[int(word) for word in init])
        m.submodules.words = words
        self.words[config.name] = words.data
        write, read = words.write_port(), words.read_port()
        collided, nonsense = Signal(), Signal(config.width, init=self.random.getrandbits(config.width))
        with m.If(memory.read_enable):
            m.d.sync += [
                collided.eq(memory.write_enable & (memory.write_address == memory.read_address)
                            | (memory.read_address >= config.depth)),
                nonsense.eq(nonsense * 5 + 0x5a5a5a5b),
            ]
        m.d.comb += [
            write.en.eq(memory.write_enable), write.addr.eq(memory.write_address),
            write.data.eq(memory.write_data), read.en.eq(memory.read_enable),
            read.addr.eq(memory.read_address), memory.read_data.eq(Mux(collided, nonsense, read.data)),
        ]
        return m


class GapPlatform(StrictPlatform):
    """Links that hold words back at random and let the source run ahead by a few; and strict memories."""

    def get_link(self, link: Link) -> Elaboratable:
        """A queue of random depth with random gaps behind it."""
        m = Module()
        source, sink = link.source, link.sink
        queue = SyncFIFOBuffered(width=len(sink.payload.as_value()), depth=self.random.choice([1, 2, 5]))
        m.submodules.queue = queue
        state = Signal(16, init=self.random.randrange(1, 1 << 16))  # a Galois shift register
        m.d.sync += state.eq((state >> 1) ^ Mux(state[0], 0xb400, 0))
        waits = Signal()  # an offered word stays offered
        m.d.comb += [
            queue.w_data.eq(source.payload), queue.w_en.eq(source.valid), source.ready.eq(queue.w_rdy),
            sink.payload.as_value().eq(queue.r_data),
            sink.valid.eq(queue.r_rdy & (waits | (state[:2] != 0))),
            queue.r_en.eq(sink.valid & sink.ready),
        ]
        m.d.sync += waits.eq(sink.valid & ~sink.ready)
        return m
