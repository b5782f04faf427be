"""Decay of a potential: shifts, and factors as chains of adders, or as a multiplier where they are in memory.

A constant factor is added up digit by digit, lowest first. Each adder leaves out the bits of the sum before
it that stand below its own digit: ``floor((x * 2**k + B) / 2**k) = x + floor(B / 2**k)``. So all adders are
about as wide as the potential ``x``, whatever the factor's fraction, and synthesis keeps each as a carry
chain of its own.

The contract rounds towards zero: up where ``x`` is negative, else down. As long as sums are rounded like
that, the bits left out say whether 1 must be added. With the first digit of the other sign that ends: with
``n = x < 0``, ``floor((x * d - n) / 2**f) + n`` is the same number, its sums in between are all rounded down,
and ``n`` comes in as a carry at the end. Where the lowest digit is negative the sum's negative is added up
instead, and rounded up where ``x`` is *not* negative; the top digit, which is positive, turns it again.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from amaranth.hdl import Cat, Const, Module, Mux, Signal, Value, signed

from spikewright.fixed import signed_bits, signed_range
from spikewright.neuron import Decay, NeuronConfig
from spikewright.rtl.arithmetic import signed_digits

__all__ = ["ADDERS_A_CYCLE", "DecayAdder", "decay_adders", "decay_latency", "decayed"]

ADDERS_A_CYCLE = 2
"""Adders of a constant factor between registers."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DecayAdder:
    """One adder of a constant factor's chain.

    Parameters
    ----------
    drop
        Low bits of the sum before that it leaves out; the others are the ``rest``.
    kind
        What it makes of the potential x and of the rest.
    negative
        The sign of x for which it may add one more, or take one more off; None where it never does.
    dropped
        It does so only where the bits left out are not all 0 (True), or all 0 (False).
    bits
        Width of its sum.
    """

    drop: int
    kind: Literal["x + rest", "x - rest", "rest - x", "rest"]
    negative: bool | None
    dropped: bool | None
    bits: int


def decay_adders(decay: Decay, bits: int) -> tuple[DecayAdder, ...]:
    """The chain of a constant factor for potentials of so many bits: none for 0 and 1."""
    return tuple(_adders(decay, bits))


def _adders(decay: Decay, bits: int) -> Iterator[DecayAdder]:
    factor, fraction = decay.factor[0], decay.fraction_bits
    low, high = signed_range(bits)
    digits = list(signed_digits(factor))
    if not digits:
        return
    (lowest, first), top = digits[0], digits[-1][0]
    towards_zero, negative = True, first > 0  # of the sum so far: its rounding, and where that is up
    power, product = lowest, first << lowest
    for at, digit in digits[1:]:
        drop, power = at - power, at
        product += digit << at
        if digit == first:
            kind: Literal["x + rest", "x - rest", "rest - x"] = "x + rest"
        else:
            kind = "x - rest" if at == top else "rest - x"  # the whole sum is positive again
        takes_off = kind == "rest - x"
        carries = towards_zero or at == top
        ends = [(-x if first < 0 and at != top else x) * product for x in (low, high)]
        yield DecayAdder(
            drop=drop, kind=kind, negative=negative if carries else None,
            dropped=(not takes_off) if towards_zero else None,
            bits=signed_bits(min(ends) - 1 >> at, -(-max(ends) >> at)))
        towards_zero = (towards_zero and not takes_off) or at == top
    if fraction > top:
        yield DecayAdder(drop=fraction - top, kind="rest", negative=True, dropped=True,
                         bits=signed_bits(-(-low * factor >> fraction), high * factor >> fraction))


def decay_latency(neuron: NeuronConfig, *, stored: bool = False) -> int:
    """Cycles from the potential to its decayed value: registers inside :func:`decayed`.

    ``stored``: the factor comes from memory.
    """
    if neuron.decay.kind != "multiply":
        return 0
    return 2 if stored else -(-len(decay_adders(neuron.decay, neuron.state_bits)) // ADDERS_A_CYCLE)


def decayed(m: Module, potential: Value, neuron: NeuronConfig, factor: Value | None) -> Value:
    """``D(potential)``, :func:`decay_latency` cycles later.

    ``factor`` is the factor from memory, in time with ``potential``; None takes the constant.
    """
    decay = neuron.decay
    if decay.kind == "none":
        return potential
    if decay.kind == "shift":
        # Nearer to zero than the potential: no wider.
        return (potential - (potential >> decay.shift))[:neuron.state_bits].as_signed()
    if factor is None:
        return chained(m, potential, neuron)
    return multiplied(m, potential, neuron, factor)


def chained(m: Module, potential: Value, neuron: NeuronConfig) -> Value:
    """Times the constant factor; a register after every :data:`ADDERS_A_CYCLE` adders, and at the end."""
    if not neuron.decay.factor[0]:
        return Const(0, signed(neuron.state_bits))
    value = potential
    adders = decay_adders(neuron.decay, neuron.state_bits)
    for index, adder in enumerate(adders, 1):
        value = added(m, adder, potential, value)
        if index == len(adders) or index % ADDERS_A_CYCLE == 0:
            registers = Signal.like(potential), Signal.like(value)
            m.d.sync += [registers[0].eq(potential), registers[1].eq(value)]
            potential, value = registers
    return value


def added(m: Module, adder: DecayAdder, potential: Value, before: Value) -> Value:
    """One adder of the chain. Its carry comes in through one more bit, below the others."""
    rest, left_out = before.shift_right(adder.drop).as_signed(), before[:adder.drop].any()
    carry: Value = Const(0, 1)
    if adder.negative is not None:
        carry = potential[-1] if adder.negative else ~potential[-1]
    if adder.dropped is not None:
        carry = carry & (left_out if adder.dropped else ~left_out)
    if adder.kind == "x + rest":
        made = Cat(carry, potential).as_signed() + Cat(Const(1, 1), rest).as_signed()
    elif adder.kind == "x - rest":
        made = Cat(Const(0, 1), potential).as_signed() - Cat(carry, rest).as_signed()
    elif adder.kind == "rest - x":
        made = Cat(Const(0, 1), rest).as_signed() - Cat(carry, potential).as_signed()
    else:
        made = Cat(Const(1, 1), rest).as_signed() + carry
    total = Signal(signed(adder.bits))
    m.d.comb += total.eq(made[1:].as_signed())
    return total


def multiplied(m: Module, potential: Value, neuron: NeuronConfig, factor: Value) -> Value:
    """Times a factor that is not constant: the magnitude by a multiplier, then the sign."""
    bits = neuron.state_bits
    magnitude, negative = Signal(bits), Signal()
    delayed_factor = Signal.like(factor)
    m.d.sync += [magnitude.eq(Mux(potential < 0, -potential, potential)), negative.eq(potential < 0),
                 delayed_factor.eq(factor)]
    product = magnitude * delayed_factor
    scaled, scaled_negative = Signal(bits), Signal()
    m.d.sync += [scaled.eq(product >> neuron.decay.fraction_bits), scaled_negative.eq(negative)]
    result = Signal(signed(bits + 1))
    m.d.comb += result.eq(Mux(scaled_negative, -scaled, scaled))
    return result
