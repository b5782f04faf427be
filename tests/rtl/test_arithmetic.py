"""Gates against the contract's integers: every value where there are few, the edges and random ones else."""

import random
from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Any

import pytest
from amaranth.hdl import Module, Shape, Signal, Value, signed, unsigned
from amaranth.sim import Simulator

from spikewright.fixed import signed_range
from spikewright.neuron import Decay, NeuronConfig
from spikewright.rtl.arithmetic import clamped, constant_product, decay_latency, decayed, signed_digits

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


@pytest.mark.parametrize("constant", [0, 1, 2, 3, 5, 7, 11, 85, 86, 255, 256, 0xffff, 54321, 65536])
def test_signed_digits_are_the_constant_and_never_neighbours(constant: int) -> None:
    digits = list(signed_digits(constant))
    assert sum(digit << power for power, digit in digits) == constant
    assert all(digit in (1, -1) for _, digit in digits)
    powers = [power for power, _ in digits]
    assert all(after - before > 1 for before, after in pairwise(powers))


def test_fewest_digits() -> None:
    assert list(signed_digits(7)) == [(0, -1), (3, 1)]
    assert max(len(list(signed_digits(constant))) for constant in range(1 << 10)) == 6


@pytest.mark.parametrize("shape", [unsigned(8), signed(8)])
@pytest.mark.parametrize("constant", [0, 1, 2, 3, 7, 11, 86, 255, 256, 54321, 65535, 65536])
def test_constant_product(shape: Shape, constant: int) -> None:
    values = [*range(-128, 128, 5), -1, 0, 127] if shape.signed else [*range(0, 256, 5), 1]
    got = evaluate(shape, lambda _, value, __: constant_product(value, constant), values)
    assert got == [value * constant for value in values]


@pytest.mark.parametrize("floor", [None, 0, -1, -5, -128])
@pytest.mark.parametrize("width", [8, 9, 10, 12])
def test_clamped_to_the_state(width: int, floor: int | None) -> None:
    low, high = signed_range(width)
    values = [*range(low, high, 1 if width < 12 else 7), high]
    neuron = NeuronConfig(state_bits=8, floor=floor)
    got = evaluate(signed(width), lambda _, value, __: clamped(value, neuron), values)
    assert got == [min(max(value, neuron.potential_range[0]), 127) for value in values]


@pytest.mark.parametrize(("state_bits", "width"), [(16, 20), (24, 25), (24, 40)])
@pytest.mark.parametrize("floor", [None, -1234])
def test_clamped_where_the_state_is_wide(state_bits: int, width: int, floor: int | None) -> None:
    neuron = NeuronConfig(state_bits=state_bits, floor=floor)
    values = edges(width)
    least, most = neuron.potential_range
    assert min(values) < least < most < max(values)
    got = evaluate(signed(width), lambda _, value, __: clamped(value, neuron), values)
    assert got == [min(max(value, least), most) for value in values]


DECAYS = [
    Decay(),
    *(Decay(kind="shift", shift=shift) for shift in (0, 1, 4, 7)),
    *(Decay(kind="multiply", factor=(factor,), fraction_bits=bits)
      for bits in (0, 1, 8, 16)
      for factor in sorted({0, 1, (1 << bits) * 9 // 10, (1 << bits) - 1, 1 << bits})),
]


@pytest.mark.parametrize("decay", DECAYS, ids=lambda d: f"{d.kind}-{d.shift}-{d.factor[0]}-{d.fraction_bits}")
@pytest.mark.parametrize("state_bits", [8, 24])
def test_decayed(state_bits: int, decay: Decay) -> None:
    neuron = NeuronConfig(state_bits=state_bits, decay=decay)
    values = edges(state_bits, count=30)
    got = evaluate(signed(state_bits), lambda m, value, _: decayed(m, value, neuron, None), values,
                   latency=decay_latency(neuron))
    assert got == [decay.apply(value) for value in values]


@pytest.mark.parametrize("state_bits", [8, 24])
@pytest.mark.parametrize("fraction_bits", [0, 5, 16])
def test_decayed_by_a_factor_for_each_neuron(state_bits: int, fraction_bits: int) -> None:
    one = 1 << fraction_bits
    neuron = NeuronConfig(state_bits=state_bits,
                          decay=Decay(kind="multiply", factor=(0, one), fraction_bits=fraction_bits))
    chosen = random.Random(2)
    low, high = signed_range(state_bits)
    pairs = [(value, factor) for value in (low, low + 1, -1, 0, 1, high) for factor in {0, 1, one - 1, one}]
    pairs += [(chosen.randint(low, high), chosen.randint(0, one)) for _ in range(200)]
    values, factors = zip(*pairs, strict=True)
    got = evaluate(signed(state_bits), lambda m, value, factor: decayed(m, value, neuron, factor),
                   values, factors, latency=decay_latency(neuron))
    assert got == [neuron.decay.apply(value, factor) for value, factor in pairs]


@pytest.mark.parametrize(("kind", "cycles"), [("none", 0), ("shift", 0), ("multiply", 2)])
def test_decay_latency(kind: Any, cycles: int) -> None:
    assert decay_latency(NeuronConfig(decay=Decay(kind=kind))) == cycles
