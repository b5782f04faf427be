"""Integer arithmetic as gates: decays, clamps, products with constants."""

from collections.abc import Iterator

from amaranth.hdl import Const, Module, Mux, Signal, Value, signed

from spikewright.neuron import NeuronConfig

__all__ = ["clamped", "constant_product", "decay_latency", "decayed", "signed_digits"]


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


def decay_latency(neuron: NeuronConfig) -> int:
    """Cycles from the potential to its decayed value: registers inside :func:`decayed`."""
    return 2 if neuron.decay.kind == "multiply" else 0


def decayed(m: Module, potential: Value, neuron: NeuronConfig, factor: Value | None) -> Value:
    """``D(potential)``, :func:`decay_latency` cycles later.

    ``factor`` is the per-neuron factor, in time with ``potential``; None takes the constant.
    """
    decay = neuron.decay
    if decay.kind == "none":
        return potential
    if decay.kind == "shift":
        # Nearer to zero than the potential: no wider.
        return (potential - (potential >> decay.shift))[:neuron.state_bits].as_signed()
    bits = neuron.state_bits
    magnitude, negative = Signal(bits), Signal()
    m.d.sync += [magnitude.eq(Mux(potential < 0, -potential, potential)), negative.eq(potential < 0)]
    if factor is None:
        product = constant_product(magnitude, decay.factor[0])
    else:
        delayed_factor = Signal.like(factor)
        m.d.sync += delayed_factor.eq(factor)
        product = magnitude * delayed_factor
    scaled, scaled_negative = Signal(bits), Signal()
    m.d.sync += [scaled.eq(product >> decay.fraction_bits), scaled_negative.eq(negative)]
    result = Signal(signed(bits + 1))
    m.d.comb += result.eq(Mux(scaled_negative, -scaled, scaled))
    return result
