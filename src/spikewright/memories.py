"""The memories of a chip: names, shapes, and who may touch them; compiler and RTL agree here."""

from functools import cache

from spikewright.config import ChipConfig, CompressedRows, CoreConfig, InputConfig, slot_bits
from spikewright.filterbank import FilterBankConfig
from spikewright.filterbank_memories import filterbank_images, filterbank_memories
from spikewright.filterbank_tables import filterbank_tables
from spikewright.memory import BANK_WORDS, MemoryConfig, bank_depths, window
from spikewright.spiketrum import SpiketrumConfig
from spikewright.spiketrum_memories import (
    SpiketrumLayout,
    spiketrum_images,
    spiketrum_layout,
    spiketrum_memories,
)
from spikewright.spiketrum_tables import make_tables

__all__ = [
    "BANK_WORDS",
    "MemoryConfig",
    "bank_depths",
    "bus_map",
    "bus_memories",
    "chip_memories",
    "core_memories",
    "encoder_images",
    "encoder_layout",
    "encoder_memories",
    "weight_memories",
]

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


def chip_memories(chip: ChipConfig) -> tuple[MemoryConfig, ...]:
    """All memories of a chip, in the order of the bus map."""
    encoders = [memory for port in chip.inputs for memory in encoder_memories(port)]
    return (*encoders, *(memory for core in chip.cores for memory in core_memories(core)))


def encoder_memories(port: InputConfig) -> tuple[MemoryConfig, ...]:
    """Memories of the encoder in front of an input, if it has one; their names begin with the input's."""
    if isinstance(port.encoder, SpiketrumConfig):
        return spiketrum_memories(encoder_layout(port))
    return () if port.encoder is None else filterbank_memories(port.encoder, port.name)


@cache
def encoder_layout(port: InputConfig) -> SpiketrumLayout:
    """How the tables of a spiketrum encoder in front of an input stand in its memories."""
    assert isinstance(port.encoder, SpiketrumConfig)
    assert port.encoder_lanes is not None
    return spiketrum_layout(make_tables(port.encoder), port.encoder_lanes, port.name)


def encoder_images(port: InputConfig) -> dict[str, list[int]]:
    """Contents of the memories of an encoder, by name."""
    if isinstance(port.encoder, SpiketrumConfig):
        return spiketrum_images(encoder_layout(port), make_tables(port.encoder))
    return {} if port.encoder is None else \
        filterbank_images(port.encoder, filterbank_tables(port.encoder), port.name)


def bus_memories(chip: ChipConfig) -> list[MemoryConfig]:
    """Memories that the configuration bus reaches, in its order: all but those of filter banks."""
    fixed = {memory.name for port in chip.inputs if isinstance(port.encoder, FilterBankConfig)
             for memory in encoder_memories(port)}
    return [memory for memory in chip_memories(chip) if memory.name not in fixed]


def bus_map(chip: ChipConfig) -> dict[str, int]:
    """Bus address of transfer 0 of word 0 of every memory.

    Each memory has a window of a power-of-two number of addresses, aligned to its size; transfer
    ``t`` of word ``w`` is at ``base + w * transfers + t``.
    """
    bases: dict[str, int] = {}
    address = 0
    for memory in sorted(bus_memories(chip), key=window, reverse=True):
        bases[memory.name] = address
        address += window(memory)
    return bases
