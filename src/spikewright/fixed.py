"""Fixed-point arithmetic of the numerics contract (docs/numerics.md), for arrays of integers.

Every function works alike on Python integers, NumPy integer arrays and torch integer tensors, so
that the model, the compiler's proofs and the tests share one definition.
"""

from typing import Any

__all__ = ["decay_multiply", "decay_shift", "signed_bits", "signed_range", "unsigned_bits"]

Codes = Any
"""An int, a NumPy integer array or a torch integer tensor."""


def unsigned_bits(high: int) -> int:
    """Bits that hold 0..high as an unsigned number; at least 1."""
    return max(1, high.bit_length())


def signed_bits(low: int, high: int) -> int:
    """Bits of the narrowest two's complement number that holds every integer of low..high."""
    return 1 + max((~low if low < 0 else low).bit_length(), (~high if high < 0 else high).bit_length())


def signed_range(bits: int) -> tuple[int, int]:
    """Lowest and highest code of a two's complement number of ``bits`` bits."""
    return -(1 << (bits - 1)), (1 << (bits - 1)) - 1


def decay_shift(x: Codes, shift: int) -> Codes:
    """``x - (x >> shift)`` with an arithmetic shift: rounds the decayed value up."""
    return x - (x >> shift)


def decay_multiply(x: Codes, factor: Codes, fraction_bits: int) -> Codes:
    """``sign(x) * ((|x| * factor) >> fraction_bits)``: rounds towards zero, symmetric in sign."""
    magnitude = (abs(x) * factor) >> fraction_bits
    return magnitude * (1 - 2 * (x < 0))
