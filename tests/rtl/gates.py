"""Gates of a function of one value, run over many values."""

import random
from collections.abc import Callable, Sequence
from typing import Any

from amaranth.hdl import Module, Shape, Signal, Value
from amaranth.sim import Simulator

from spikewright.fixed import signed_range

__all__ = ["edges", "evaluate"]

Build = Callable[[Module, Value, Value], Value]


def evaluate(shape: Shape, build: Build, values: Sequence[int], factors: Sequence[int] = (), *,
             latency: int = 0) -> list[int]:
    """What ``build`` makes of each of the values (and factors), one a cycle, ``latency`` cycles later."""
    m = Module()
    value, factor = Signal(shape), Signal(17)
    result = build(m, value, factor)
    seen = Signal(Shape(len(result), result.shape().signed))
    m.d.comb += seen.eq(result)
    m.d.sync += Signal(name="alive").eq(1)
    results: list[int] = []

    async def process(ctx: Any) -> None:
        padded = [*values, *[0] * latency]
        for cycle, number in enumerate(padded):
            ctx.set(value, number)
            if factors:
                ctx.set(factor, factors[cycle % len(factors)])
            _, _, sample = await ctx.tick().sample(seen)
            results.append(int(sample))

    simulator = Simulator(m)
    simulator.add_clock(1e-6)
    simulator.add_testbench(process)
    simulator.run()
    return results[latency:]


def edges(bits: int, count: int = 150, seed: int = 1) -> list[int]:
    """All numbers of so many bits where they are few, else the edges and random ones."""
    low, high = signed_range(bits)
    if bits <= 9:
        return list(range(low, high + 1))
    chosen = random.Random(seed)
    near = [low, low + 1, -2, -1, 0, 1, 2, high - 1, high]
    powers = [sign * ((1 << power) + off) for power in range(bits - 1) for sign in (1, -1) for off in (-1, 0)]
    return near + powers + [chosen.randint(low, high) for _ in range(count)]
