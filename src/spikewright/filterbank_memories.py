"""The memories of a filter bank: shapes, and the contents of those that are never written."""

from spikewright.filterbank import ORDER, FilterBankConfig
from spikewright.filterbank_tables import FilterBankTables, filterbank_tables
from spikewright.memory import MemoryConfig

__all__ = [
    "NAME",
    "coefficient_memory",
    "filterbank_images",
    "filterbank_memories",
    "state_memory",
    "sum_memory",
    "threshold_memory",
]

NAME = "filterbank"
"""What names of memories begin with."""


def channel_bits(config: FilterBankConfig) -> int:
    """Bits of a channel's number."""
    return config.word.address_bits


def state_memory(config: FilterBankConfig, name: str = NAME) -> MemoryConfig:
    """Word ``section << channel_bits | channel``: real part of the state, imaginary part above it."""
    return MemoryConfig(name=f"{name}.states", depth=ORDER << channel_bits(config),
                        width=2 * config.state_bits, state=True)


def sum_memory(config: FilterBankConfig, tables: FilterBankTables, name: str = NAME) -> MemoryConfig:
    """Word ``channel``: its sum."""
    return MemoryConfig(name=f"{name}.sums", depth=config.channels, width=tables.sum_bits, state=True)


def coefficient_memory(config: FilterBankConfig, name: str = NAME) -> MemoryConfig:
    """Word ``channel``: real part of its pole, imaginary part above it."""
    return MemoryConfig(name=f"{name}.coefficients", depth=config.channels,
                        width=2 * config.coefficient_bits)


def threshold_memory(config: FilterBankConfig, tables: FilterBankTables, name: str = NAME) -> MemoryConfig:
    """Word ``channel``: its threshold."""
    return MemoryConfig(name=f"{name}.thresholds", depth=config.channels, width=tables.sum_bits)


def filterbank_memories(config: FilterBankConfig, name: str = NAME) -> tuple[MemoryConfig, ...]:
    """All of them."""
    tables = filterbank_tables(config)
    return (coefficient_memory(config, name), threshold_memory(config, tables, name),
            state_memory(config, name), sum_memory(config, tables, name))


def filterbank_images(
    config: FilterBankConfig, tables: FilterBankTables, name: str = NAME
) -> dict[str, list[int]]:
    """Words of the memories that are never written, by name."""
    bits = config.coefficient_bits
    mask = (1 << bits) - 1
    poles = zip(tables.real.tolist(), tables.imaginary.tolist(), strict=True)
    packed = [real & mask | (imaginary & mask) << bits for real, imaginary in poles]
    return {
        coefficient_memory(config, name).name: packed,
        threshold_memory(config, tables, name).name: tables.thresholds.tolist(),
    }
