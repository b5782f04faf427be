"""Block RAM of small FPGAs: how much each has, and exactly how much Yosys makes of a memory.

Yosys (``memory_libmap``, 0.70) lays a memory out in every width that a block can have, gives each layout a
cost, and takes the cheapest. Blocks of a layout stand in rows of so many words; what is left of the width of
one row's last block is used for the next row: their number is that of all bits over the block's width.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import ceil
from typing import Literal

import numpy as np

from spikewright.compiler.words import Image
from spikewright.config import ChipConfig, CoreConfig, slot_bits
from spikewright.memories import chip_memories, core_memories
from spikewright.rings import ring_memories, ring_tables

__all__ = [
    "DEVICES",
    "ECP5",
    "ICE40",
    "Device",
    "Family",
    "Ram",
    "Realised",
    "blocks",
    "live_lanes",
    "realise",
    "realised_memories",
    "used_lanes",
    "varying_bits",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Ram:
    """A RAM as Yosys's library of the FPGA describes it.

    Parameters
    ----------
    words
        How many there are of its first width; every width after halves it.
    widths, least_written
        Widths that it can be, and the least of a memory that is written.
    byte
        Bits that a write enable covers; 0: the whole width.
    cost
        What Yosys counts it with.
    """

    words: int
    widths: tuple[int, ...]
    least_written: int
    byte: int
    cost: int

    def layout(self, depth: int, width: int, *, written: bool, extra: int) -> "Layout":
        """The cheapest of its widths; as in Yosys, what it is compared with is cut to an integer."""
        best: Layout | None = None
        for index, bits in enumerate(self.widths):
            if written and bits < self.least_written:
                continue
            byte = (min(self.byte, bits) or bits) if written else 1
            rows = ceil(depth / (self.words >> index))
            cells = ceil(rows * ceil(width / byte) * byte / bits)
            enables = rows if written and rows > 1 else 0
            cost = self.cost * cells + (rows - 1) * width / 2 + enables / 2 + extra
            if best is None or cost < int(best.cost):
                best = Layout(cost=cost, cells=cells, rows=rows)
        assert best is not None, "every RAM has a width that can be written"
        return best


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """A memory in RAMs of one width: what Yosys says that it costs, how many, in how many rows."""

    cost: float
    cells: int
    rows: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Family:
    """RAMs of an FPGA family: blocks, in each way that they can be used, and distributed RAM."""

    blocks: tuple[Ram, ...]
    distributed: Ram | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Realised:
    """What a memory becomes.

    Parameters
    ----------
    kind
        Block RAM, distributed RAM, or logic: a table of what is never written, else flip-flops.
    cells
        How many RAMs; 0 of logic.
    rows
        Rows of them, between which outputs are chosen; 1 of logic.
    """

    kind: Literal["block", "distributed", "logic"]
    cells: int = 0
    rows: int = 1


READ = 2
"""What Yosys adds for a read port of its own."""
READ_OLD = 14
"""The same in block RAM where a word that is read while it is written must be the old one."""
LOGIC = {True: 1.0, False: 1 / 16}
"""What it counts a bit in logic with, written or not."""


# Lattice FPGA-TN-02204 (ECP5 memory): DP16KD, 18 kbit; PDPW16KD is the same block, 36 bits wide.
ECP5 = Family(
    blocks=(
        Ram(words=16384, widths=(1, 2, 4, 9, 18), least_written=1, byte=9, cost=128),
        Ram(words=16384, widths=(1, 2, 4, 9, 18, 36), least_written=9, byte=9, cost=128),
    ),
    distributed=Ram(words=16, widths=(4,), least_written=4, byte=0, cost=4),
)
# Lattice FPGA-TN-02002 (iCE40 memory): EBR, 4 kbit.
ICE40 = Family(
    blocks=(
        Ram(words=2048, widths=(2, 4, 8), least_written=2, byte=0, cost=64),
        Ram(words=2048, widths=(2, 4, 8, 16), least_written=2, byte=1, cost=64),
    ),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Device:
    """An FPGA: its family, and block RAMs that can hold contents from configuration on (SPRAM cannot)."""

    family: Family
    rams: int


DEVICES: Mapping[str, Device] = {
    "ecp5-25k": Device(family=ECP5, rams=56),
    "ecp5-45k": Device(family=ECP5, rams=108),
    "ecp5-85k": Device(family=ECP5, rams=208),
    "ice40-up5k": Device(family=ICE40, rams=30),
    "ice40-hx8k": Device(family=ICE40, rams=32),
}


def realise(family: Family, depth: int, width: int, *, written: bool, block: bool = False, old: bool = False
            ) -> Realised:
    """What Yosys makes of a memory with one read and one write port.

    Parameters
    ----------
    written
        Whether anything writes it; else its contents are constant.
    block
        Whether it must be block RAM; else whatever costs least.
    old
        Whether a word that is read while it is written must be the old one.
    """
    extra = READ_OLD if old else READ
    layouts = [ram.layout(depth, width, written=written, extra=extra) for ram in family.blocks]
    blocks = min(layouts, key=lambda layout: layout.cost)  # the first of equals
    best = Realised(kind="block", cells=blocks.cells, rows=blocks.rows)
    if block:
        return best
    cost: float = int(depth * width * LOGIC[written])
    choice = Realised(kind="logic")
    if family.distributed is not None and written:
        found = family.distributed.layout(depth, width, written=True, extra=READ)
        if found.cost < cost:
            cost, choice = int(found.cost), Realised(kind="distributed", cells=found.cells, rows=found.rows)
    return best if blocks.cost < cost else choice


def live_lanes(chip: ChipConfig, core: CoreConfig) -> int:
    """Lanes that synthesis keeps: a baked core in the plane that fires has none without a neuron."""
    idle = chip.contents == "baked" and core.plane is not None and core.neuron.fires
    return core.partial_lanes if idle and core.partial_slots == core.slots else core.lanes


def used_lanes(chip: ChipConfig, core: CoreConfig) -> int:
    """Lanes that weights feed: with baked contents those that have a neuron."""
    idle = chip.contents == "baked" and core.partial_slots == core.slots
    return core.partial_lanes if idle else core.lanes


def varying_bits(chip: ChipConfig, images: Mapping[str, Image] | None = None) -> dict[str, int]:
    """Width of every memory without the bits that are the same in all words of baked contents.

    Yosys takes such bits out, of the delays of rings too. Without images only those of lanes without
    a neuron are known.
    """
    widths = {memory.name: memory.width for memory in (*chip_memories(chip), *ring_memories(chip))}
    widths |= {name: differing(words) for name, (_, words) in ring_tables(chip).items()}
    if chip.contents == "bus":
        return widths
    for core in chip.cores:
        for memory in core_memories(core):
            lane = memory.name.rsplit(".", 1)[-1]
            if memory.name.startswith(f"{core.name}.weights"):
                if core.slots == 1:
                    widths[memory.name] = used_lanes(chip, core) * core.weight_bits
            elif lane.isdecimal():
                kept = live_lanes(chip, core) if memory.state else used_lanes(chip, core)
                widths[memory.name] *= int(lane) < kept
    for name, image in (images or {}).items():
        widths[name] = min(widths[name], differing(image if len(image) else [0]))
    return widths


def differing(words: Image | Sequence[int]) -> int:
    """Bits that are not the same in all words."""
    return (int(np.bitwise_or.reduce(words)) ^ int(np.bitwise_and.reduce(words))).bit_count()


def realised_memories(family: Family, chip: ChipConfig, images: Mapping[str, Image] | None = None
                      ) -> dict[str, Realised]:
    """What every memory of a chip becomes, rings among them; and queues of spikes, as ``<core>.queue``.

    With baked contents it depends on their constant bits, which only ``images`` tell.
    """
    widths = varying_bits(chip, images)
    found = {}
    for memory in (*chip_memories(chip), *ring_memories(chip)):
        written = memory.state or chip.contents == "bus"
        if widths[memory.name]:
            found[memory.name] = realise(family, memory.depth, widths[memory.name], written=written,
                                         block=memory.block)
    for name, (memory, _) in ring_tables(chip).items():
        found[name] = realise(family, memory.depth, widths[name], written=False)
    for core in chip.cores:
        if core.neuron.fires:
            depth = max(2, 1 << (core.slots - 1).bit_length())
            place = slot_bits(core) if core.plane is None else sum(core.plane.field_bits[1:])
            width = 2 + place + core.lanes * core.neuron.count_bits
            found[f"{core.name}.queue"] = realise(family, depth, width, written=True, old=True)
    return found


def blocks(family: Family, chip: ChipConfig, images: Mapping[str, Image] | None = None) -> int:
    """Block RAMs of a chip; exact with images."""
    return sum(found.cells for found in realised_memories(family, chip, images).values()
               if found.kind == "block")
