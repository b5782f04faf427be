"""What several parts of the encoder compute with: clamps and delays."""

from amaranth.hdl import Const, Module, Mux, Signal, Value, signed

__all__ = ["delayed", "saturated"]


def saturated(value: Value, bits: int) -> Value:
    """A signed number, clamped to ``bits`` bits."""
    if len(value) <= bits:
        return value.as_signed()
    sign, excess = value[-1], value[bits - 1:-1]
    overflows = Mux(sign, ~excess.all(), excess.any())
    clamp = Mux(sign, Const(-1 << (bits - 1), signed(bits)), Const((1 << (bits - 1)) - 1, signed(bits)))
    return Mux(overflows, clamp, value[:bits].as_signed())


def delayed(m: Module, value: Value, cycles: int) -> Value:
    """The value so many cycles later."""
    for _ in range(cycles):
        register = Signal(value.shape())
        m.d.sync += register.eq(value)
        value = register
    return value
