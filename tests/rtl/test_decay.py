"""Decays against the contract's integers: all factors of all potentials where they are few."""

import random
from typing import Any

import numpy as np
import pytest
from amaranth.hdl import Cat, Module, Value, signed

from spikewright.fixed import decay_multiply, signed_range
from spikewright.neuron import Decay, NeuronConfig
from spikewright.rtl.arithmetic import signed_digits
from spikewright.rtl.decay import decay_adders, decay_latency, decayed
from spikewright.rtl.update import delayed
from tests.rtl.gates import edges, evaluate


def by_factor(factor: int, fraction_bits: int) -> Decay:
    """A decay by a constant."""
    return Decay(kind="multiply", factor=(factor,), fraction_bits=fraction_bits)


DECAYS = [
    Decay(),
    *(Decay(kind="shift", shift=shift) for shift in (0, 1, 4, 7)),
    *(by_factor(factor, bits) for bits in (0, 1, 8, 16)
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


def extended(value: Value, bits: int) -> Value:
    """A signed value as wide as that."""
    return Cat(value, [value[-1]] * (bits - len(value)))


def side_by_side(neurons: list[NeuronConfig], values: list[int]) -> list[list[int]]:
    """What each of the neurons' decays makes of the values, all of them in one circuit."""
    bits, most = neurons[0].state_bits, max(map(decay_latency, neurons))

    def build(m: Module, value: Value, _: Value) -> Value:
        results = [delayed(m, decayed(m, value, neuron, None), most - decay_latency(neuron))
                   for neuron in neurons]
        assert all(len(result) <= bits for result in results)
        return Cat(extended(result, bits) for result in results)

    together = evaluate(signed(bits), build, values, latency=most)
    half = 1 << bits - 1
    return [[((number >> index * bits) + half) % (2 * half) - half for number in together]
            for index in range(len(neurons))]


@pytest.mark.parametrize("fraction_bits", range(8))
def test_all_factors_of_all_potentials(fraction_bits: int) -> None:
    factors = range((1 << fraction_bits) + 1)
    values = edges(8)
    assert len(values) == 256
    got = side_by_side([NeuronConfig(state_bits=8, decay=by_factor(factor, fraction_bits))
                        for factor in factors], values)
    for factor, found in zip(factors, got, strict=True):
        assert found == decay_multiply(np.array(values), factor, fraction_bits).tolist(), factor


@pytest.mark.parametrize("fraction_bits", [9, 12, 14, 16])
@pytest.mark.parametrize("state_bits", [12, 16, 23])
def test_random_factors_of_wide_potentials(state_bits: int, fraction_bits: int) -> None:
    chosen = random.Random(state_bits)
    factors = [chosen.randint(0, 1 << fraction_bits) for _ in range(12)]
    values = edges(state_bits, count=100)
    got = side_by_side([NeuronConfig(state_bits=state_bits, decay=by_factor(factor, fraction_bits))
                        for factor in factors], values)
    assert got == [[decay_multiply(value, factor, fraction_bits) for value in values] for factor in factors]


@pytest.mark.parametrize("fraction_bits", [3, 10, 16])
def test_adders_are_as_many_as_digits_and_about_as_wide_as_the_potential(fraction_bits: int) -> None:
    chosen = random.Random(fraction_bits)
    for factor in [chosen.randint(0, 1 << fraction_bits) for _ in range(300)]:
        adders, digits = decay_adders(by_factor(factor, fraction_bits), 16), list(signed_digits(factor))
        ends_early = bool(digits) and digits[-1][0] < fraction_bits  # there the result is rounded by an adder
        assert len(adders) == max(0, len(digits) - 1) + ends_early
        sums = [adder for adder in adders if adder.kind != "rest"]
        assert all(adder.bits in (16, 17) for adder in sums)
        assert all(adder.drop >= 2 for adder in sums), "what is left out keeps adders apart in synthesis"


@pytest.mark.parametrize("state_bits", [8, 24])
@pytest.mark.parametrize("fraction_bits", [0, 5, 16])
def test_decayed_by_a_factor_from_memory(state_bits: int, fraction_bits: int) -> None:
    one = 1 << fraction_bits
    neuron = NeuronConfig(state_bits=state_bits,
                          decay=Decay(kind="multiply", factor=(0, one), fraction_bits=fraction_bits))
    chosen = random.Random(2)
    low, high = signed_range(state_bits)
    pairs = [(value, factor) for value in (low, low + 1, -1, 0, 1, high) for factor in {0, 1, one - 1, one}]
    pairs += [(chosen.randint(low, high), chosen.randint(0, one)) for _ in range(200)]
    values, factors = zip(*pairs, strict=True)
    got = evaluate(signed(state_bits), lambda m, value, factor: decayed(m, value, neuron, factor),
                   values, factors, latency=decay_latency(neuron, stored=True))
    assert got == [neuron.decay.apply(value, factor) for value, factor in pairs]


@pytest.mark.parametrize(("decay", "stored", "cycles"), [
    (Decay(), False, 0), (Decay(kind="shift", shift=3), False, 0), (by_factor(9, 4), True, 2),
    (by_factor(0, 8), False, 0), (by_factor(256, 8), False, 0), (by_factor(7, 3), False, 1),
    (by_factor(230, 8), False, 2), (by_factor(14746, 14), False, 3),
])
def test_decay_latency(decay: Any, stored: bool, cycles: int) -> None:
    """A register after every second adder and after the last: 7/8 takes one, 0.9 at 14 bits six."""
    assert decay_latency(NeuronConfig(decay=decay), stored=stored) == cycles
