"""Words on the streams between cores: events and tokens.

A word is, from the lowest bit: ``kind`` (2 bits), ``address``, ``value``. Edges are private streams,
so the port is the stream itself; a link that several edges share will carry it as a further field.
"""

from dataclasses import dataclass
from enum import IntEnum

__all__ = ["Kind", "WordFormat"]


class Kind(IntEnum):
    """What a word says."""

    EVENT = 0
    END_OF_STEP = 1
    END_OF_SAMPLE = 2
    RESERVED = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class WordFormat:
    """Fields of the words of one stream.

    Parameters
    ----------
    address_bits
        Width of the address.
    value_bits
        Width of the value; 0 where events carry none.
    signed
        Whether the value is signed (a potential) or not.
    """

    address_bits: int
    value_bits: int = 0
    signed: bool = False

    @property
    def width(self) -> int:
        """Bits of a word."""
        return 2 + self.address_bits + self.value_bits
