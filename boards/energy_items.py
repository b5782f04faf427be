"""A line of a bill of energy, and what an access to a memory costs."""

from dataclasses import dataclass
from typing import Literal

from spikewright.boards.sram import macro_model
from spikewright.boards.technology import Technology
from spikewright.memory import MemoryConfig

__all__ = ["Item", "access_pj"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """One line of the bill of a whole run: ``count`` operations at ``each_pj``."""

    core: str
    kind: Literal["memory", "compute"]
    operation: str
    count: float
    each_pj: float

    @property
    def total_pj(self) -> float:
        """Of the whole run."""
        return self.count * self.each_pj


def access_pj(technology: Technology, memory: MemoryConfig, *, write: bool) -> float:
    """Energy of one access."""
    if technology.srams is None:
        return technology.memory_pj(depth=memory.depth, width=memory.width)
    name = "write_pj" if write else "read_pj"
    return macro_model(technology).figure(name, depth=memory.depth, width=memory.width)
