"""The chooser against the definition: gains, ties, the gate and the levels."""

import random
from typing import Any

import pytest
from amaranth.hdl import Module, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import Out

from spikewright.fixed import signed_range
from spikewright.rtl.memory import ConfiguredMemory
from spikewright.rtl.spiketrum.chooser import Chooser
from spikewright.spiketrum_memories import SpiketrumLayout, packed, spiketrum_memories
from tests.rtl.platforms import StrictPlatform
from tests.rtl.spiketrum.encoders import case, small
from tests.rtl.streams import Bench

Best = list[tuple[int, int]]
"""Value and position of every channel."""


class Weighed(wiring.Component):  # type: ignore[type-arg]  # not generic at run time
    """The chooser with its memories, and the lane's multiplier."""

    done: Any

    def __init__(self, layout: SpiketrumLayout, contents: dict[str, list[int]]) -> None:
        self.memories = {
            shape.name.partition(".")[2]: ConfiguredMemory(shape, init=contents[shape.name.partition(".")[2]])
            for shape in spiketrum_memories(layout) if shape.name.partition(".")[2] in contents}
        self.chooser = Chooser(layout, **self.memories)
        super().__init__({"done": Out(1)})

    def elaborate(self, platform: object) -> Module:
        m = Module()
        for name, memory in self.memories.items():
            m.submodules[name] = memory
        m.submodules.chooser = chooser = self.chooser
        correlation, gain = Signal.like(chooser.correlation), Signal.like(chooser.gain)
        m.d.sync += [correlation.eq(chooser.correlation), gain.eq(chooser.gain),
                     chooser.product.eq(correlation * gain)]
        m.d.comb += self.done.eq(chooser.done)
        return m


def choose(layout: SpiketrumLayout, bests: list[Best], gains: list[int], levels: list[int]
           ) -> list[tuple[int, tuple[int, ...]]]:
    """One after the other: cycles; and found, channel, position, level, negative, amplitude."""
    bits = layout.config.correlation_bits, layout.best_bits - layout.config.correlation_bits
    design = Weighed(layout, {"best": [], "gains": gains, "levels": levels})
    chooser, memory = design.chooser, design.memories["best"]
    seen = []

    async def process(ctx: Any) -> None:
        for best in bests:
            padded = [*best, *[(0, 0)] * (-len(best) % layout.lanes)]
            ctx.set(memory.write_enable, 1)
            for group, start in enumerate(range(0, len(padded), layout.lanes)):
                words = [packed(one, bits) for one in padded[start:start + layout.lanes]]
                ctx.set(memory.write_address, group)
                ctx.set(memory.write_data, packed(words, [layout.best_bits] * layout.lanes))
                await ctx.tick()
            ctx.set(memory.write_enable, 0)
            ctx.set(chooser.start, 1)
            await ctx.tick()
            ctx.set(chooser.start, 0)
            cycles, done, found = 0, 0, 0
            while not done and cycles < 500:
                _, _, done, found = await ctx.tick().sample(chooser.done, chooser.found)
                cycles += 1
            await ctx.tick()
            shown = (chooser.channel, chooser.position, chooser.level, chooser.negative, chooser.amplitude)
            seen.append((cycles, (int(found), *(int(ctx.get(one)) for one in shown))))

    Bench(design, platform=StrictPlatform()).run(process)
    return seen


def expected(layout: SpiketrumLayout, best: Best, gains: list[int], levels: list[int]
             ) -> tuple[int, ...] | None:
    products = [abs(value) * gain for (value, _), gain in zip(best, gains, strict=True)]
    channel = products.index(max(products))
    value, position = best[channel]
    if not products[channel] or abs(value) < layout.config.gate:
        return None
    level = max([index for index, threshold in enumerate(levels) if abs(value) >= threshold], default=0)
    amplitude = levels[level] if value < 0 else -levels[level]
    return 1, channel, position, level, int(value < 0), amplitude


@pytest.mark.parametrize("lanes", [1, 2, 4])
@pytest.mark.parametrize("largest", [3, 40, 1 << 17])
def test_takes_the_best(lanes: int, largest: int) -> None:
    """Of many random sets, with ties where numbers are small, and gains of 0; in the cycles that it says."""
    found_none = ties = 0
    for seed in range(12):
        chosen = random.Random(seed)
        layout = case(small(gate=chosen.choice([1, 3])), lanes).layout
        channels, levels = layout.config.channels, layout.config.levels
        low, high = -largest, min(largest, signed_range(layout.config.correlation_bits)[1])
        bests = [[(chosen.choice([low, high, 0, chosen.randint(low, high)]) // share, chosen.randrange(16))
                  for _ in range(channels)] for share in (1, 3, 1)]
        gains = [chosen.choice([0, 255, 64, 64]) for _ in range(channels)]
        thresholds = sorted(chosen.randint(1, high) for _ in range(levels))
        for best, (cycles, got) in zip(bests, choose(layout, bests, gains, thresholds), strict=True):
            products = sorted(abs(value) * gain for (value, _), gain in zip(best, gains, strict=True))
            ties += products[-1] == products[-2] > 0
            wanted = expected(layout, best, gains, thresholds)
            assert got == wanted if wanted else not got[0]
            found_none += wanted is None
            assert cycles == channels + 9 + (levels + 1 if wanted else 0)
    assert ties > 1 or largest > 3
    assert found_none > 0 or largest > 3
