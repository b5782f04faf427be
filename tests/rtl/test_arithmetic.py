"""Gates against the contract's integers: every value where there are few, the edges and random ones else."""

from itertools import pairwise

import pytest
from amaranth.hdl import Shape, signed, unsigned

from spikewright.fixed import signed_range
from spikewright.neuron import NeuronConfig
from spikewright.rtl.arithmetic import clamped, constant_product, signed_digits
from tests.rtl.gates import edges, evaluate


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
