"""The memories of a core: names, shapes, and who may touch them; compiler and RTL agree here."""

from dataclasses import dataclass

from spikewright.config import ChipConfig, CompressedRows, CoreConfig, slot_bits

__all__ = [
    "BANK_WORDS",
    "MemoryConfig",
    "bank_depths",
    "bus_map",
    "chip_memories",
    "core_memories",
    "weight_memories",
]

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


def core_memories(core: CoreConfig) -> tuple[MemoryConfig, ...]:
    """Memories of one core, in the order of the bus map.

    - ``<core>.weights``: dense rows; word ``row * slots + slot`` packs the weights of lanes 0, 1, ...
      from the lowest bits up. Kernels: see :class:`~spikewright.config.KernelRows`. Above
      :data:`BANK_WORDS` words these are ``<core>.weights.0``, ``.1``, ...
    - ``<core>.entries.<lane>``: compressed rows; an entry is the weight in the low bits, the slot above.
    - ``<core>.rows.<lane>``: word ``row // group`` is the start in the low bits, then the ends.
    - ``<core>.parameters``: word ``slot`` packs, for lanes 0, 1, ..., the fields of
      ``core.parameters`` in their order, from the lowest bits up.
    - ``<core>.levels``: its one word packs the fields of ``core.levels``.
    - ``<core>.state.<lane>``: word ``slot`` is the stored potential (and above it the last spike, where
      it is kept); with held drive, word ``2**slot_bits + slot`` is that.
    """
    memories: list[MemoryConfig] = []
    lanes = range(core.lanes)
    if isinstance(core.rows, CompressedRows):
        rows, width = core.rows, slot_bits(core) + core.weight_bits
        words = -(-core.total_rows // rows.group)
        pointer = rows.start_bits + rows.group * rows.offset_bits
        memories += [
            MemoryConfig(name=f"{core.name}.entries.{lane}", depth=rows.entries, width=width)
            for lane in lanes
        ]
        memories += [
            MemoryConfig(name=f"{core.name}.rows.{lane}", depth=words, width=pointer) for lane in lanes
        ]
    else:
        width = core.lanes * core.weight_bits
        depths = bank_depths(core.weight_words)
        names = ["weights"] if len(depths) == 1 else [f"weights.{bank}" for bank in range(len(depths))]
        memories += [
            MemoryConfig(name=f"{core.name}.{name}", depth=depth, width=width)
            for name, depth in zip(names, depths, strict=True)
        ]
    if core.parameters:
        width = core.lanes * sum(parameter.bits for parameter in core.parameters)
        memories.append(MemoryConfig(name=f"{core.name}.parameters", depth=core.slots, width=width))
    if core.levels:
        width = sum(level.bits for level in core.levels)
        memories.append(MemoryConfig(name=f"{core.name}.levels", depth=1, width=width))
    depth = (1 << slot_bits(core)) + core.slots if core.holds else core.slots
    memories += [
        MemoryConfig(name=f"{core.name}.state.{lane}", depth=depth, width=core.state_word_bits, state=True)
        for lane in lanes
    ]
    return tuple(memories)


def weight_memories(core: CoreConfig) -> tuple[MemoryConfig, ...]:
    """Banks of the weights of dense rows, in the order of their words."""
    return tuple(m for m in core_memories(core) if m.name.startswith(f"{core.name}.weights"))


def bank_depths(words: int) -> tuple[int, ...]:
    """Depths of the banks of a weight memory: full ones, and what is left."""
    full, rest = divmod(words, BANK_WORDS)
    return (BANK_WORDS,) * full + ((rest,) if rest else ())


def chip_memories(chip: ChipConfig) -> tuple[MemoryConfig, ...]:
    """All memories of a chip, in the order of the bus map."""
    return tuple(memory for core in chip.cores for memory in core_memories(core))


def bus_map(chip: ChipConfig) -> dict[str, int]:
    """Bus address of transfer 0 of word 0 of every memory.

    Each memory has a window of a power-of-two number of addresses, aligned to its size; transfer
    ``t`` of word ``w`` is at ``base + w * transfers + t``.
    """
    bases: dict[str, int] = {}
    address = 0
    for memory in sorted(chip_memories(chip), key=window, reverse=True):
        bases[memory.name] = address
        address += window(memory)
    return bases


def window(memory: MemoryConfig) -> int:
    """Addresses that a memory takes on the bus."""
    return memory.transfers << (memory.depth - 1).bit_length()
