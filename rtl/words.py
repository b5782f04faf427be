"""Layouts of stream words, and the streams that carry them."""

from amaranth.hdl import signed, unsigned
from amaranth.lib import data, stream

from spikewright.events import Kind, WordFormat

__all__ = ["KIND_BITS", "word_layout", "word_stream"]

KIND_BITS = 2
assert max(Kind) < 1 << KIND_BITS


def word_layout(word: WordFormat) -> data.StructLayout:
    """Fields ``kind``, ``address`` and, where the format has one, ``value``; lowest bits first."""
    fields = {"kind": unsigned(KIND_BITS), "address": unsigned(word.address_bits)}
    if word.value_bits:
        fields["value"] = signed(word.value_bits) if word.signed else unsigned(word.value_bits)
    return data.StructLayout(fields)


def word_stream(word: WordFormat) -> stream.Signature:
    """Ready/valid stream of such words."""
    return stream.Signature(word_layout(word))
