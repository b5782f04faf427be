"""Integer arithmetic as gates: clamps, products with constants."""

from collections.abc import Iterator

from amaranth.hdl import Const, Mux, Value, signed

from spikewright.neuron import NeuronConfig

__all__ = ["clamped", "constant_product", "signed_digits"]


def signed_digits(constant: int) -> Iterator[tuple[int, int]]:
    """Canonical signed digits of a positive constant: (power, +1 or -1), fewest possible, lowest first."""
    power = 0
    while constant:
        if constant & 1:
            digit = 2 - (constant & 3)
            yield power, digit
            constant -= digit
        constant >>= 1
        power += 1


def constant_product(value: Value, constant: int) -> Value:
    """``value * constant`` for ``constant >= 0``, as shifts and adds: never a multiplier block."""
    product: Value = Const(0, 1)
    for power, digit in signed_digits(constant):
        product = product + (value << power) if digit > 0 else product - (value << power)
    return product


def clamped(value: Value, neuron: NeuronConfig) -> Value:
    """``sat``: ``value`` within the range of the potential, ``state_bits`` wide."""
    low, high = neuron.potential_range
    width = len(value)
    below: Value = Const(0, 1)
    above: Value = Const(0, 1)
    if width > neuron.state_bits:
        sign, excess = value[-1], value[neuron.state_bits - 1:-1]
        above = ~sign & excess.any()
        below = sign & ~excess.all()
    if neuron.floor is not None:
        below = value < low
    bits = signed(neuron.state_bits)
    inside = value[:neuron.state_bits].as_signed()
    return Mux(above, Const(high, bits), Mux(below, Const(low, bits), inside))
