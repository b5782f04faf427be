"""Accesses of a memory's ports, cycle by cycle, and what they must read."""

import random
from dataclasses import dataclass, field
from typing import Any

from spikewright.memory import MemoryConfig
from tests.rtl.streams import Bench

__all__ = ["SHAPES", "Accesses", "config", "core_accesses"]

SHAPES = [(1, 1), (1, 40), (2, 7), (5, 1), (7, 32), (16, 33), (11, 64), (12, 65), (3, 100), (6, 129)]
"""Depth and width: one word, no power of two, narrower than a bus transfer, and up to five transfers wide."""


def config(depth: int, width: int) -> MemoryConfig:
    return MemoryConfig(name="memory", depth=depth, width=width)


@dataclass
class Accesses:
    """Inputs of each cycle, and what must be read then: by name of the port, or by ``bus.`` and its name."""

    inputs: list[dict[str, int]] = field(default_factory=list)
    expected: list[dict[str, int]] = field(default_factory=list)

    def play(self, memory: Any, platform: object = None) -> list[dict[str, int]]:
        """Apply them cycle by cycle; what was read."""
        bench = Bench(memory, platform=platform)
        names = sorted({name for row in self.inputs for name in row})
        read: list[dict[str, int]] = []

        def port(name: str) -> Any:
            return getattr(memory.bus, name[4:]) if name.startswith("bus.") else getattr(memory, name)

        async def process(ctx: Any) -> None:
            for inputs, expected in zip(self.inputs, self.expected, strict=True):
                for name in names:
                    ctx.set(port(name), inputs.get(name, 0))
                _, _, *values = await ctx.tick().sample(*(port(name) for name in expected))
                read.append(dict(zip(expected, map(int, values), strict=True)))

        bench.run(process)
        return read


def core_accesses(depth: int, width: int, contents: list[int], cycles: int) -> Accesses:
    """Random reads and writes, never of the same word in one cycle; ``contents`` is changed."""
    chosen = random.Random(depth * 1000 + width)
    accesses, held = Accesses(), None
    for _ in range(cycles):
        inputs = {"write_enable": chosen.random() < 0.5, "write_address": chosen.randrange(depth),
                  "write_data": chosen.getrandbits(width),
                  "read_enable": chosen.random() < 0.5, "read_address": chosen.randrange(depth)}
        if inputs["write_address"] == inputs["read_address"]:
            inputs[chosen.choice(["write_enable", "read_enable"])] = 0
        accesses.inputs.append(inputs)
        accesses.expected.append({} if held is None else {"read_data": held})
        if inputs["read_enable"]:
            held = contents[inputs["read_address"]]
        if inputs["write_enable"]:
            contents[inputs["write_address"]] = inputs["write_data"]
    return accesses
