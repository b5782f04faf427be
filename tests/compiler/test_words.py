"""Memory words: packing, unpacking, and the text that $readmemh reads."""

import re
import time

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from spikewright.compiler.words import from_hex, pack, to_hex, unpack
from spikewright.errors import ConfigError


def test_fields_stand_from_the_lowest_bit_up() -> None:
    words = pack(np.array([[-1, 2, 5], [7, 0, 1]]), [4, 3, 5])
    assert words.tolist() == [0b00101_010_1111, 0b00001_000_0111]


def test_wide_words_are_python_integers() -> None:
    words = pack(np.array([[-1] + [0] * 63 + [-2]]), [8] * 65)
    assert words.tolist() == [0xFF | (0xFE << 8 * 64)]


@given(st.integers(0, 2**32), st.lists(st.integers(1, 17), min_size=1, max_size=40), st.integers(1, 9))
def test_unpacking_inverts_packing(seed: int, bits: list[int], depth: int) -> None:
    rng = np.random.default_rng(seed)
    signed = [bool(flag) for flag in rng.integers(0, 2, len(bits))]
    ranges = [
        (-(1 << (b - 1)), 1 << (b - 1)) if s else (0, 1 << b) for b, s in zip(bits, signed, strict=True)
    ]
    fields = np.array([[rng.integers(low, high) for low, high in ranges] for _ in range(depth)])
    words = pack(fields, bits)
    assert all(0 <= int(word) < 1 << sum(bits) for word in words)
    assert (unpack(words, bits, signed) == fields).all()
    text = to_hex(words, sum(bits))
    assert text.splitlines() == [f"{int(word):0{-(-sum(bits) // 4)}x}" for word in words]
    assert (from_hex(text, sum(bits)) == words).all()


def test_words_of_64_bits_keep_their_top_bit() -> None:
    words = pack(np.array([[-1, -1]]), [32, 32])
    assert words.dtype == np.uint64
    assert to_hex(words, 64) == "f" * 16 + "\n"


@pytest.mark.parametrize("line", ["10", "-1", "xyz", ""])
def test_a_bad_line_is_refused(line: str) -> None:
    message = f"m.hex: line 2 must be a hexadecimal number of 4 bits, not {line!r}"
    with pytest.raises(ConfigError, match=f"^{re.escape(message)}$"):
        from_hex(f"f\n{line}\n3\n", 4, "m.hex")


def test_a_layer_of_784_by_128_is_written_fast() -> None:
    fields = np.random.default_rng(0).integers(-128, 128, size=(12544, 8))
    start = time.perf_counter()
    text = to_hex(pack(fields, [8] * 8), 64)
    assert time.perf_counter() - start < 0.3
    assert len(text) == 12544 * 17
