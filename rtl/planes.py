"""Addresses in the plane as gates: fields of an address, rows of dense cores, places of a sweep."""

from collections.abc import Sequence

from amaranth.hdl import Array, Cat, Const, Module, Mux, Signal, Value

from spikewright.config import CoreConfig, PortConfig
from spikewright.events import PlaneFormat
from spikewright.rtl.arithmetic import constant_product

__all__ = ["partial_place", "plane_fields", "plane_row", "running_place", "scaled", "table"]

TABLE = 16
"""A table of so many words takes one LUT4 a bit: no more than an adder."""


def table(index: Value, words: Sequence[int]) -> Value:
    """The word of that index, as logic; nothing where all are the same. Out of range it is any of them."""
    width = max(words).bit_length()
    if len(set(words)) == 1:
        return Const(words[0], width)
    return Value.cast(Array(Const(word, width) for word in words[: 1 << len(index)])[index])


def scaled(value: Value, constant: int, count: int) -> Value:
    """``value * constant`` for values below ``count``."""
    if count <= TABLE:
        return table(value, [index * constant for index in range(count)])
    return constant_product(value, constant)


def plane_fields(address: Value, plane: PlaneFormat) -> tuple[Value, Value, Value]:
    """Channel, y and x of an address; a field without a choice is 0 bits wide."""
    lane, x, y, word = plane.field_bits
    starts = lane, lane + x, lane + x + y
    channel = Cat(address[:lane], address[starts[2] : starts[2] + word])
    return channel, address[starts[1] : starts[2]], address[starts[0] : starts[1]]


def plane_row(address: Value, port: PortConfig) -> tuple[Value, Value]:
    """Row of dense or compressed rows that an address in the plane belongs to, and whether there is one.

    Sources of a window of ``port.pool`` share a row; rests at the ends have none.
    """
    assert port.plane is not None
    (channels, height, width), (down, across) = port.plane.shape, port.pool
    rows, columns = height // down, width // across
    channel, y, x = plane_fields(address, port.plane)
    row = (
        scaled(channel, rows * columns, channels)
        + table(y, [index // down % rows * columns for index in range(height)])
        + table(x, [index // across % columns for index in range(width)])
        + port.first_row
    )
    within = table(y, [int(index < rows * down) for index in range(height)]) & table(
        x, [int(index < columns * across) for index in range(width)]
    )
    return row, within


def running_place(m: Module, core: CoreConfig, slot: Value, advance: Value) -> Value:
    """What stands above the lane in the addresses of a slot: the slot itself, or x, y and word of the plane.

    These count up with ``advance``, which comes for every slot of a sweep in its order.
    """
    if core.plane is None:
        return slot
    names = ("x", "y", "word")
    fields = [Signal(bits, name=name) for bits, name in zip(core.plane.field_bits[1:], names, strict=True)]
    _, height, width = core.plane.shape
    carry = advance
    for field, count in zip(fields, (width, height, core.plane.words), strict=True):
        if count == 1:
            continue
        last = Signal(name=f"last_{field.name}")
        m.d.comb += last.eq(field == count - 1)
        with m.If(carry):
            m.d.sync += field.eq(Mux(last, 0, field + 1))
        carry = carry & last
    return Cat(*fields)


def partial_place(core: CoreConfig, place: Value) -> Value:
    """Whether only the first :attr:`CoreConfig.partial_lanes` lanes have a neuron in the slot of a place."""
    if not core.partial_slots:
        return Const(0, 1)
    if core.plane is None:
        return place == core.slots - 1
    word_bits = core.plane.field_bits[3]
    return place[len(place) - word_bits :] == core.plane.words - 1 if word_bits else Const(1, 1)
