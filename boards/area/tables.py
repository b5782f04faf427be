"""Constant tables in logic: look-up tables that their contents take."""

from collections.abc import Sequence
from functools import cache

__all__ = ["filled", "table_luts"]

WIDEST = 7
"""Inputs of the largest function that a slice makes, of LUT4 and its multiplexers."""


def table_luts(words: Sequence[int], *, last: bool = False) -> int:
    """LUT4 of a table that an address chooses from; bits that are the same in all words take none.

    Addresses beyond its end give what saves a multiplexer, or the ``last`` word.
    """
    bits = (len(words) - 1).bit_length()
    whole = [*words, *[words[-1]] * ((1 << bits) - len(words))] if last else filled(words, bits)
    width = max(whole).bit_length()
    made: set[bytes] = set()
    return sum(function_luts(bytes(int(word) >> bit & 1 for word in whole), made) for bit in range(width))


def filled(words: Sequence[int], bits: int) -> list[int]:
    """The table up to a power of two: a half without a word is like the other half."""
    if not bits:
        return [words[0]]
    half = 1 << bits - 1
    low = filled(words[:half], bits - 1)
    return low + (filled(words[half:], bits - 1) if len(words) > half else low)


def function_luts(values: bytes, made: set[bytes]) -> int:
    """LUT4 of a function of an address, by its value at each; none of what is ``made`` already."""
    values = reduced(values)
    inputs = len(values).bit_length() - 1
    if inputs < 2 or values in made:
        return 0
    made |= {values, bytes(1 - value for value in values)}
    if inputs <= 4:
        return 1
    half = len(values) // 2
    chosen = 1 + function_luts(values[:half], made) + function_luts(values[half:], made)
    return chosen if inputs > WIDEST else min(chosen, 1 << inputs - 4)


@cache
def reduced(values: bytes) -> bytes:
    """The function without inputs that it does not depend on."""
    step = len(values) // 2
    while step:
        blocks = range(0, len(values), 2 * step)
        low = b"".join(values[at:at + step] for at in blocks)
        if low == b"".join(values[at + step:at + 2 * step] for at in blocks):
            values = low
        step //= 2
    return values
