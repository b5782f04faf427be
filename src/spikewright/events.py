"""Words on the streams between cores: events and tokens.

A word is, from the lowest bit: ``kind`` (2 bits), ``address``, ``value``. Edges are private streams,
so the port is the stream itself; a link that several edges share will carry it as a further field.
"""

from dataclasses import dataclass
from enum import IntEnum

import numpy as np
import numpy.typing as npt

from spikewright.convolution import Plane

__all__ = ["Kind", "PlaneFormat", "WordFormat"]


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


@dataclass(frozen=True, slots=True, kw_only=True)
class PlaneFormat:
    """Addresses of neurons or inputs in the plane: fields of whole bits, so that hardware need not divide.

    From the lowest bit: lane, x, y, word of channels. ``channel = word * lanes + lane``. In a core, slot
    ``(word * height + y) * width + x`` of a lane has that neuron.
    """

    shape: Plane
    lanes: int = 1

    @property
    def words(self) -> int:
        """Words of channels."""
        return -(-self.shape[0] // self.lanes)

    @property
    def field_bits(self) -> tuple[int, int, int, int]:
        """Widths of the fields, from the lowest; 0 where there is no choice."""
        _, height, width = self.shape
        counts = self.lanes, width, height, self.words
        return tuple((count - 1).bit_length() for count in counts)  # type: ignore[return-value]

    @property
    def address_bits(self) -> int:
        """Width of an address."""
        return max(1, sum(self.field_bits))

    @property
    def placement(self) -> tuple[int, ...]:
        """Neuron of every place ``slot * lanes + lane`` of a core; -1 where a lane has no channel left."""
        channels, height, width = self.shape
        neurons = np.full((self.words * self.lanes, height, width), -1, np.int64)
        neurons[:channels] = np.arange(channels * height * width).reshape(self.shape)
        grouped = neurons.reshape(self.words, self.lanes, height, width)
        return tuple(grouped.transpose(0, 2, 3, 1).ravel().tolist())

    def addresses(self) -> npt.NDArray[np.int64]:
        """Address of every neuron, in C order, ``(neurons,)``."""
        channel, y, x = np.indices(self.shape)
        lane_bits, x_bits, y_bits, _ = self.field_bits
        word, lane = np.divmod(channel, self.lanes)
        address = lane | x << lane_bits | y << (lane_bits + x_bits) | word << (lane_bits + x_bits + y_bits)
        return np.asarray(address, np.int64).ravel()
