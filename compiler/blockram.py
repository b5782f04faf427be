"""Block RAM of small FPGAs: how much each has, and how much a set of memories takes."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from spikewright.memories import MemoryConfig

__all__ = ["DEVICES", "Device", "blocks"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Device:
    """Block RAM of one FPGA.

    Parameters
    ----------
    rams
        Block RAMs that can hold contents from configuration on (the iCE40 UP5K's SPRAM cannot).
    shapes
        Depth by width that one of them can be.
    least_words
        Memories of fewer words than this go into logic.
    """

    rams: int
    shapes: tuple[tuple[int, int], ...]
    least_words: int


# Lattice FPGA-TN-02204 (ECP5 memory): DP16KD, 18 kbit; the 36-bit shape has one read and one write port.
ECP5 = ((512, 36), (1024, 18), (2048, 9), (4096, 4), (8192, 2), (16384, 1))
# Lattice FPGA-TN-02002 (iCE40 memory): EBR, 4 kbit.
ICE40 = ((256, 16), (512, 8), (1024, 4), (2048, 2))

DEVICES: Mapping[str, Device] = {
    "ecp5-25k": Device(rams=56, shapes=ECP5, least_words=33),
    "ecp5-45k": Device(rams=108, shapes=ECP5, least_words=33),
    "ecp5-85k": Device(rams=208, shapes=ECP5, least_words=33),
    "ice40-up5k": Device(rams=30, shapes=ICE40, least_words=9),
    "ice40-hx8k": Device(rams=32, shapes=ICE40, least_words=9),
}


def blocks(device: Device, memories: Iterable[MemoryConfig]) -> int:
    """Block RAMs that these memories take, each in the shape that takes fewest."""
    return sum(
        min(-(-memory.depth // depth) * -(-memory.width // width) for depth, width in device.shapes)
        for memory in memories
        if memory.depth >= device.least_words
    )
