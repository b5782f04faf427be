"""Clamps and delays, for all values."""

from typing import Any

import pytest
from amaranth.hdl import Module, signed
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from spikewright.fixed import signed_range
from spikewright.rtl.spiketrum.arithmetic import delayed, saturated
from tests.rtl.streams import Bench


class Applied(wiring.Component):  # type: ignore[type-arg]  # not generic at run time
    """The functions, as ports."""

    value: Any
    clamped: Any
    late: Any

    def __init__(self, width: int, bits: int, cycles: int) -> None:
        self.bits, self.cycles = bits, cycles
        super().__init__({"value": In(signed(width)), "clamped": Out(signed(width + bits)),
                          "late": Out(signed(width))})

    def elaborate(self, platform: object) -> Module:
        m = Module()
        m.d.comb += [self.clamped.eq(saturated(self.value, self.bits)),
                     self.late.eq(delayed(m, self.value, self.cycles))]
        return m


@pytest.mark.parametrize(("width", "bits", "cycles"), [(7, 4, 0), (7, 6, 1), (5, 5, 3), (4, 7, 2), (5, 1, 1)])
def test_clamps_and_delays(width: int, bits: int, cycles: int) -> None:
    applied = Applied(width, bits, cycles)
    low, high = signed_range(width)
    values, seen = list(range(low, high + 1)), []

    async def process(ctx: Any) -> None:
        for value in values:
            ctx.set(applied.value, value)
            _, _, *found = await ctx.tick().sample(applied.clamped, applied.late)
            seen.append([int(number) for number in found])

    Bench(applied).run(process)
    least, most = signed_range(bits)
    assert [clamped for clamped, _ in seen] == [min(max(value, least), most) for value in values]
    assert [late for _, late in seen] == [0] * cycles + values[:len(values) - cycles]
