"""Memory words of any width: fields packed into them, taken out of them, and written as ``$readmemh`` text.

A word is an unsigned integer; an image is an array of them, ``uint64`` where they fit into 64 bits and
Python integers otherwise.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from spikewright.errors import ConfigError

__all__ = ["Image", "Integers", "from_hex", "pack", "to_hex", "unpack"]

Image = npt.NDArray[Any]
"""Words of one memory, ``(depth,)``: uint64 up to 64 bits, else objects."""

Integers = npt.NDArray[np.int64]

DIGITS = np.frombuffer(b"0123456789abcdef", np.uint8)
HEX = np.stack([DIGITS[np.arange(256) >> 4], DIGITS[np.arange(256) & 15]], axis=1)


def pack(fields: Integers, bits: Sequence[int]) -> Image:
    """Words with ``fields[:, j]`` in ``bits[j]`` bits each, from the lowest bits up.

    Negative fields become two's complement; the caller has made sure that every field fits.
    """
    width = sum(bits)
    masked = fields.astype(np.uint64) & np.array([(1 << b) - 1 for b in bits], np.uint64)
    if width <= 64:
        words = np.zeros(len(fields), np.uint64)
        position = 0
        for column, b in enumerate(bits):
            words |= masked[:, column] << np.uint64(position)
            position += b
        return words
    planes = [
        (masked[:, column, None] >> np.arange(b, dtype=np.uint64)).astype(np.uint8) & 1
        for column, b in enumerate(bits)
    ]
    lines = np.packbits(np.concatenate(planes, axis=1), axis=1, bitorder="little")
    return objects(int.from_bytes(line, "little") for line in lines)


def unpack(words: Image, bits: Sequence[int], signed: Sequence[bool]) -> Integers:
    """The inverse of :func:`pack`: ``(depth, fields)``."""
    fields = np.empty((len(words), len(bits)), np.int64)
    position = 0
    for column, (b, is_signed) in enumerate(zip(bits, signed, strict=True)):
        if words.dtype == np.uint64:
            field = ((words >> np.uint64(position)) & np.uint64((1 << b) - 1)).astype(np.int64)
        else:
            mask = (1 << b) - 1
            field = np.array([(int(word) >> position) & mask for word in words], np.int64)
        if is_signed:
            field -= (field >> (b - 1)) << b
        fields[:, column] = field
        position += b
    return fields


def to_hex(image: Image, width: int) -> str:
    """Text for ``$readmemh``: one word a line, all with the same number of digits."""
    digits = -(-width // 4)
    if image.dtype == np.uint64:
        raw = image.astype(">u8").view(np.uint8).reshape(len(image), 8)
    else:
        count = -(-width // 8)
        raw = np.frombuffer(b"".join(int(word).to_bytes(count, "big") for word in image), np.uint8)
        raw = raw.reshape(len(image), count)
    characters = HEX[raw].reshape(len(image), -1)[:, -digits:]
    lines = np.full((len(image), digits + 1), ord("\n"), np.uint8)
    lines[:, :-1] = characters
    return lines.tobytes().decode("ascii")


def from_hex(text: str, width: int, name: str = "image") -> Image:
    """Words of a ``$readmemh`` text as :func:`to_hex` writes it."""
    words = []
    for number, line in enumerate(text.splitlines(), start=1):
        try:
            word = int(line, 16)
        except ValueError:
            word = -1
        if not 0 <= word < 1 << width:
            raise ConfigError(
                f"{name}: line {number} must be a hexadecimal number of {width} bits, not {line!r}"
            )
        words.append(word)
    return np.array(words, np.uint64) if width <= 64 else objects(words)


def objects(words: Any) -> Image:
    """An array of Python integers."""
    listed = list(words)
    image = np.empty(len(listed), object)
    image[:] = listed
    return image
