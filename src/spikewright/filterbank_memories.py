"""The memories of a filter bank: shapes, and the contents of those that are never written."""

from spikewright.filterbank import ORDER, FilterBankConfig
from spikewright.filterbank_tables import FilterBankTables
from spikewright.memories import MemoryConfig

__all__ = ["coefficient_memory", "filterbank_images", "state_memory", "sum_memory", "threshold_memory"]


def channel_bits(config: FilterBankConfig) -> int:
    """Bits of a channel's number."""
    return config.word.address_bits


def state_memory(config: FilterBankConfig) -> MemoryConfig:
    """Word ``section << channel_bits | channel``: real part of the state, imaginary part above it."""
    return MemoryConfig(name="filterbank.states", depth=ORDER << channel_bits(config),
                        width=2 * config.state_bits, state=True)


def sum_memory(config: FilterBankConfig, tables: FilterBankTables) -> MemoryConfig:
    """Word ``channel``: its sum."""
    return MemoryConfig(name="filterbank.sums", depth=config.channels, width=tables.sum_bits, state=True)


def coefficient_memory(config: FilterBankConfig) -> MemoryConfig:
    """Word ``channel``: real part of its pole, imaginary part above it."""
    return MemoryConfig(name="filterbank.coefficients", depth=config.channels,
                        width=2 * config.coefficient_bits)


def threshold_memory(config: FilterBankConfig, tables: FilterBankTables) -> MemoryConfig:
    """Word ``channel``: its threshold."""
    return MemoryConfig(name="filterbank.thresholds", depth=config.channels, width=tables.sum_bits)


def filterbank_images(config: FilterBankConfig, tables: FilterBankTables) -> dict[str, list[int]]:
    """Words of the memories that are never written, by name."""
    bits = config.coefficient_bits
    mask = (1 << bits) - 1
    poles = zip(tables.real.tolist(), tables.imaginary.tolist(), strict=True)
    return {
        coefficient_memory(config).name: [real & mask | (other & mask) << bits for real, other in poles],
        threshold_memory(config, tables).name: tables.thresholds.tolist(),
    }
