"""One memory: its name and shape, and its share of the configuration bus."""

from dataclasses import dataclass

__all__ = ["BANK_WORDS", "BUS_BITS", "MemoryConfig", "bank_depths", "window"]

BUS_BITS = 32
"""Width of a transfer on the configuration bus; wider words take several, lowest bits first."""

BANK_WORDS = 2048
"""Words of a bank of weights; deeper, the block RAM of FPGAs has too few bits a word for a weight."""

BLOCK_WORDS, BLOCK_BITS = 32, 1024
"""A memory of more words than this, contents also of so many bits at least, goes to block RAM."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MemoryConfig:
    """One memory: ``depth`` words of ``width`` bits.

    ``state`` memories are written by the core itself and have no image; the others are contents, in
    ``memory/<name>.hex`` of a build.
    """

    name: str
    depth: int
    width: int
    state: bool = False

    @property
    def block(self) -> bool:
        """Whether it is worth a block RAM where there is a choice."""
        large = self.state or self.depth * self.width >= BLOCK_BITS
        return self.depth > BLOCK_WORDS and large

    @property
    def transfers(self) -> int:
        """Bus transfers that a word takes, rounded up to a power of two (its share of addresses)."""
        return 1 << (-(-self.width // BUS_BITS) - 1).bit_length()


def bank_depths(words: int) -> tuple[int, ...]:
    """Depths of the banks of a weight memory: full ones, and what is left."""
    full, rest = divmod(words, BANK_WORDS)
    return (BANK_WORDS,) * full + ((rest,) if rest else ())


def window(memory: MemoryConfig) -> int:
    """Addresses that a memory takes on the bus."""
    return memory.transfers << (memory.depth - 1).bit_length()
