"""Memories of an encoder, taken apart again: every kernel, every correlation of kernels, at its place."""

import numpy as np
import pytest

from spikewright.errors import ConfigError
from spikewright.memory import BANK_WORDS
from spikewright.spiketrum import SpiketrumConfig
from spikewright.spiketrum_memories import spiketrum_images, spiketrum_layout, spiketrum_memories
from spikewright.spiketrum_tables import SpiketrumTables, make_tables

CONFIG = SpiketrumConfig(channels=11, low_hz=200.0, window=64, step=32, gains=tuple(range(60, 71)))
TABLES = make_tables(CONFIG)
FEW = make_tables(SpiketrumConfig(channels=5, gram_floor=0.5, window=1, step=1))


def fields(word: int, widths: tuple[int, ...]) -> list[int]:
    values = []
    for width in widths:
        values.append(word & (1 << width) - 1)
        word >>= width
    assert word == 0
    return values


def signed(value: int, bits: int) -> int:
    return value - (value >> bits - 1 << bits)


def joined(images: dict[str, list[int]], name: str) -> list[int]:
    """Banks one after the other."""
    banks = [key for key in images if key.startswith(f"spiketrum.{name}.")]
    assert banks == [f"spiketrum.{name}.{index}" for index in range(len(banks))]
    assert all(len(images[bank]) == BANK_WORDS for bank in banks[:-1])
    return [word for bank in banks for word in images[bank]]


@pytest.mark.parametrize("lanes", [1, 2, 4, 8])
@pytest.mark.parametrize("tables", [TABLES, FEW], ids=["usual", "few correlations"])
def test_tables_can_be_taken_out_again(tables: SpiketrumTables, lanes: int) -> None:
    config, layout = tables.config, spiketrum_layout(tables, lanes)
    images = spiketrum_images(layout, tables)
    kernels, gram = joined(images, "kernels"), joined(images, "gram")
    for channel in range(config.channels):
        group, lane = divmod(channel, lanes)
        start, length, *shifts = fields(images["spiketrum.groups"][group], layout.group_fields)
        words = [fields(word, (config.kernel_bits,) * lanes) for word in kernels[start:start + length]]
        samples = [signed(word[lane], config.kernel_bits) for word in words]
        assert samples == tables.kernels[channel, :length].tolist()
        assert not tables.kernels[channel, length:].any()
        assert layout.highest_exponent - shifts[lane] == tables.exponents[channel]
    reach = config.window - 1
    for kernel, block in enumerate(tables.gram):
        for channel in range(config.channels):
            group, lane = divmod(channel, lanes)
            word = images["spiketrum.spans"][kernel * layout.groups + group]
            start, first, count = fields(word, layout.span_fields)
            first = signed(first, layout.span_fields[1])
            values = np.zeros(2 * reach + 1, np.int64)  # by lag
            for index, word in enumerate(gram[start:start + count]):
                values[first + index + reach] = signed(
                    fields(word, (config.gram_bits,) * lanes)[lane], config.gram_bits)
            expected = np.zeros_like(values)
            low, high = int(block.low[channel]), int(block.high[channel])
            if low <= high:
                expected[low + reach:high + reach + 1] = block.of(channel)
            assert (values == expected).all()
    assert images["spiketrum.levels"] == tables.levels.tolist()
    assert images["spiketrum.gains"] == list(config.channel_gains)


@pytest.mark.parametrize("lanes", [1, 2, 4, 8])
def test_images_fit_their_memories(lanes: int) -> None:
    layout = spiketrum_layout(TABLES, lanes, "ear")
    memories, images = spiketrum_memories(layout), spiketrum_images(layout, TABLES)
    assert {memory.name for memory in memories if not memory.state} == set(images)
    assert len({memory.name for memory in memories}) == len(memories)
    for memory in memories:
        assert memory.name.startswith("ear.")
        if not memory.state:
            assert len(images[memory.name]) == memory.depth
            assert max(images[memory.name]) < 1 << memory.width


def test_a_full_encoder_has_room_for_its_words() -> None:
    """The encoder of the contract: 40 channels at 8 kHz."""
    layout = spiketrum_layout(make_tables(SpiketrumConfig()), 4)
    assert (layout.groups, layout.longest, layout.ring) == (10, 610, 2048)
    assert layout.ring >= 2 * layout.config.window + layout.longest
    assert (layout.kernel_words, layout.gram_words) == (2397, 21816)
    assert (layout.fraction_bits, layout.residual_fraction_bits, layout.align_bits) == (13, 7, 2)


@pytest.mark.parametrize("lanes", [0, 3, 16])
def test_lanes_are_a_power_of_two(lanes: int) -> None:
    with pytest.raises(ConfigError, match=rf"^lanes must be 1, 2, 4 or 8, not {lanes}$"):
        spiketrum_layout(TABLES, lanes)
