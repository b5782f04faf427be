"""Rows of synapses as memory images: dense, or compressed by lane.

Both start from *placed weights*, an array ``(rows, slots, lanes)``: the rows of the ports one after the
other, a weight for every place of the core, 0 where there is no neuron.
"""

from dataclasses import dataclass

import numpy as np

from spikewright.compiler.ports import Block
from spikewright.compiler.words import Image, Integers, pack, unpack
from spikewright.config import CompressedRows, CoreConfig, PortConfig, slot_bits
from spikewright.fixed import unsigned_bits
from spikewright.memories import weight_memories
from spikewright.memory import BANK_WORDS

__all__ = [
    "LaneEntries",
    "compress",
    "compressed_images",
    "compressed_layout",
    "dense_images",
    "expand_compressed",
    "expand_dense",
    "layout_bits",
    "place_weights",
]

GROUPS = (1, 2, 4)
"""Rows that may share a word of the row memory."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class LaneEntries:
    """Non-zero weights of one lane, by row and within a row by slot; ``ends[row]`` is one past its last."""

    slots: Integers
    weights: Integers
    ends: Integers

    @property
    def starts(self) -> Integers:
        """First entry of every row."""
        return np.concatenate([np.zeros(1, np.int64), self.ends[:-1]])


def place_weights(
    blocks: tuple[Block, ...],
    placement: tuple[int, ...],
    lanes: int,
    source_placements: dict[str, tuple[int, ...]],
) -> Integers:
    """Placed weights of one core; a block from a core has its rows in that core's physical order."""
    places = np.array(placement, np.int64)
    placed = []
    for block in blocks:
        sources = source_placements.get(block.source) if block.plane is None else None
        weights = block.weights if sources is None else block.weights[:, [n for n in sources if n >= 0]]
        rows = np.zeros((weights.shape[1], len(places)), np.int64)
        rows[:, places >= 0] = weights[places[places >= 0]].T
        placed.append(rows)
    return np.concatenate(placed).reshape(-1, len(places) // lanes, lanes)


def dense_images(core: CoreConfig, placed: Integers) -> dict[str, Image]:
    """The weight memory of dense rows."""
    words = placed.reshape(-1, core.lanes)
    image = pack(words, [core.weight_bits] * core.lanes)
    return {
        memory.name: image[bank * BANK_WORDS : (bank + 1) * BANK_WORDS]
        for bank, memory in enumerate(weight_memories(core))
    }


def compress(placed: Integers) -> tuple[LaneEntries, ...]:
    """Entries of every lane."""
    lanes = []
    for lane in range(placed.shape[2]):
        weights = placed[:, :, lane]
        rows, slots = np.nonzero(weights)
        ends = np.cumsum(np.bincount(rows, minlength=len(weights)))
        lanes.append(LaneEntries(slots=slots, weights=weights[rows, slots], ends=ends.astype(np.int64)))
    return tuple(lanes)


def compressed_layout(lanes: tuple[LaneEntries, ...], group: int) -> CompressedRows:
    """Depth and field widths that hold these entries with so many rows to a word."""
    heads, tails = zip(*(grouped(entries, group) for entries in lanes), strict=True)
    return CompressedRows(
        entries=max(1, *(len(entries.slots) for entries in lanes)),
        group=group,
        start_bits=unsigned_bits(max(int(head.max()) for head in heads)),
        offset_bits=unsigned_bits(max(int(tail.max()) for tail in tails)),
    )


def layout_bits(rows: CompressedRows, *, total_rows: int, slots: int, lanes: int, weight_bits: int) -> int:
    """Memory bits of compressed rows: entries, padding included, and row pointers."""
    entry = unsigned_bits(slots - 1) + weight_bits
    pointer = rows.start_bits + rows.group * rows.offset_bits
    return lanes * (rows.entries * entry + -(-total_rows // rows.group) * pointer)


def compressed_images(
    core: CoreConfig, rows: CompressedRows, lanes: tuple[LaneEntries, ...]
) -> dict[str, Image]:
    """Entry and row memories of every lane."""
    images: dict[str, Image] = {}
    for lane, entries in enumerate(lanes):
        fields = np.zeros((rows.entries, 2), np.int64)
        fields[: len(entries.slots)] = np.stack([entries.weights, entries.slots], axis=1)
        images[f"{core.name}.entries.{lane}"] = pack(fields, [core.weight_bits, slot_bits(core)])
    for lane, entries in enumerate(lanes):
        head, tail = grouped(entries, rows.group)
        widths = [rows.start_bits, *[rows.offset_bits] * rows.group]
        images[f"{core.name}.rows.{lane}"] = pack(np.concatenate([head[:, None], tail], axis=1), widths)
    return images


def grouped(entries: LaneEntries, group: int) -> tuple[Integers, Integers]:
    """Start of every group ``(words,)`` and the rows' ends relative to it ``(words, group)``.

    Rows that fill up the last group are empty.
    """
    padding = -len(entries.ends) % group
    ends = np.concatenate([entries.ends, np.repeat(entries.ends[-1:], padding)]).reshape(-1, group)
    starts = entries.starts[::group]
    return starts, ends - starts[:, None]


def expand_dense(core: CoreConfig, images: dict[str, Image]) -> Integers:
    """Placed weights that the image of a dense core holds."""
    image = np.concatenate([images[memory.name] for memory in weight_memories(core)])
    words = unpack(image, [core.weight_bits] * core.lanes, [True] * core.lanes)
    return words.reshape(core.total_rows, core.slots, core.lanes)


def expand_compressed(core: CoreConfig, rows: CompressedRows, images: dict[str, Image]) -> Integers:
    """Placed weights that the images of a compressed core hold."""
    placed = np.zeros((core.total_rows, core.slots, core.lanes), np.int64)
    widths = [rows.start_bits, *[rows.offset_bits] * rows.group]
    for lane in range(core.lanes):
        fields = [core.weight_bits, slot_bits(core)]
        entries = unpack(images[f"{core.name}.entries.{lane}"], fields, [True, False])
        words = unpack(images[f"{core.name}.rows.{lane}"], widths, [False] * len(widths))
        ends = words[:, :1] + words[:, 1:]
        starts = np.concatenate([words[:, :1], ends[:, :-1]], axis=1)
        for row, (start, end) in enumerate(zip(starts.ravel().tolist(), ends.ravel().tolist(), strict=True)):
            if row < core.total_rows:
                placed[row, entries[start:end, 1], lane] += entries[start:end, 0]
    return placed


def port_rows(placed: Integers, port: PortConfig) -> Integers:
    """The rows of one port."""
    return placed[port.first_row : port.first_row + port.addresses]
