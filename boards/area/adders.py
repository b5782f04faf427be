"""Adders as Yosys makes them: carry chains, and products with constants of several operands."""

from collections import Counter
from dataclasses import dataclass
from functools import cache
from math import ceil

from spikewright.rtl.arithmetic import signed_digits

__all__ = ["chains", "pairs", "product_columns"]


LOGIC_BITS = 4
"""Widest adder that Yosys makes of look-up tables alone."""


@dataclass(frozen=True, slots=True)
class Operand:
    """What is added up: bits from ``low`` up to ``high``; signed ones go on above."""

    low: int
    high: int
    signed: bool = False


@cache
def product_columns(constant: int, bits: int, width: int) -> tuple[int, ...]:
    """How many columns of a product with a constant have three bits to be added, or more; four; five.

    Yosys joins additions to one of many operands, but not what a first subtraction of unsigned numbers
    gives: that is a carry chain of its own. Columns of one or two bits go into the last carry chain.
    """
    found: Counter[int] = Counter()
    for operands in joined(list(signed_digits(constant)), bits):
        if len(operands) > 2:
            top = min(width, max(operand.high for operand in operands) + 1)
            found.update(sum(operand.low <= column and (operand.signed or column < operand.high)
                             for operand in operands) for column in range(top))
    return tuple(sum(number for count, number in found.items() if count >= least) for least in range(3, 6))


def joined(terms: list[tuple[int, int]], bits: int) -> list[list[Operand]]:
    """Operands of the additions that Yosys makes of these powers and signs."""
    operands = [Operand(power, power + bits) for power, _ in terms]
    first = next((index for index, (_, sign) in enumerate(terms) if sign < 0), None)
    if first is None:
        return [operands]
    result = Operand(terms[0][0], terms[first][0] + bits + 1, signed=True)
    return [operands[: first + 1], [result, *operands[first + 1:]]]


def chains(constant: int) -> int:
    """Carry chains of the product with a constant."""
    return sum(len(operands) > 1 or operands[0].signed
               for operands in joined(list(signed_digits(constant)), 1)) if constant else 0


def pairs(bits: int) -> int:
    """Carry cells of an adder: each has two bits; adders of a few bits become look-up tables."""
    return ceil(bits / 2) if bits > LOGIC_BITS else 0
