"""The memories of a spiketrum encoder: names, shapes and contents; compiler and RTL agree here."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from spikewright.errors import ConfigError
from spikewright.events import WordFormat
from spikewright.fixed import unsigned_bits
from spikewright.memory import MemoryConfig, bank_depths
from spikewright.spiketrum import SpiketrumConfig
from spikewright.spiketrum_tables import GramBlock, SpiketrumTables

__all__ = ["SpiketrumLayout", "spiketrum_images", "spiketrum_layout", "spiketrum_memories"]

GAIN_BITS = 8

LANES = 1, 2, 4, 8
"""How many lanes there can be."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SpiketrumLayout:
    """How the tables of an encoder stand in its memories.

    Channels work ``lanes`` at a time: channel ``m`` is lane ``m % lanes`` of group ``m // lanes``, and a word
    of kernels, correlations or correlations of kernels has one number of every lane. :func:`spiketrum_layout`
    makes it.

    Parameters
    ----------
    name
        Begins the names of the memories.
    lengths
        Samples of the longest kernel of each group.
    lowest_exponent, highest_exponent
        Of all kernels.
    correlation_shift
        Of the tables.
    spans
        Of every kernel and group, kernel after kernel, the first lag at which the kernel's correlation with
        one of the group is stored, and the number of lags; ``(0, 0)`` where there is none.
    """

    config: SpiketrumConfig
    name: str
    lanes: int
    lengths: tuple[int, ...]
    lowest_exponent: int
    highest_exponent: int
    correlation_shift: int
    spans: tuple[tuple[int, int], ...]

    @property
    def groups(self) -> int:
        """Groups of channels."""
        return len(self.lengths)

    @property
    def longest(self) -> int:
        """Samples of the longest kernel."""
        return max(self.lengths)

    @property
    def fraction_bits(self) -> int:
        """Bits below the unit of correlations in an accumulator, the same for all that is added there."""
        return max(self.highest_exponent + self.correlation_shift, self.config.gram_bits - 1)

    @property
    def residual_fraction_bits(self) -> int:
        """Bits below the unit of the residual in an amplitude times a kernel; may be 0 and less."""
        return self.fraction_bits - 2 * self.correlation_shift

    @property
    def kernel_shift(self) -> int:
        """By how much the kernels of the highest exponent are shifted to that end."""
        return self.fraction_bits - self.highest_exponent - self.correlation_shift

    @property
    def align_bits(self) -> int:
        """Width of the shift by which other kernels need more; may be 0."""
        return (self.highest_exponent - self.lowest_exponent).bit_length()

    @property
    def ring(self) -> int:
        """Samples that the residual holds: a window, what its kernels reach beyond, and a window to come."""
        return 1 << (2 * self.config.window + self.longest - 1).bit_length()

    @property
    def kernel_words(self) -> int:
        """Words of kernels."""
        return sum(self.lengths)

    @property
    def gram_words(self) -> int:
        """Words of correlations of kernels."""
        return sum(count for _, count in self.spans)

    @property
    def sample_word(self) -> WordFormat:
        """Words in: a sample is the value of an event; tokens end a recording, and the sample."""
        return WordFormat(address_bits=1, value_bits=self.config.pcm_bits, signed=True)

    @property
    def word(self) -> WordFormat:
        """Words out: spikes by their line."""
        return WordFormat(address_bits=unsigned_bits(self.config.lines - 1))

    @property
    def best_bits(self) -> int:
        """Width of a channel's best correlation and, above it, its position."""
        return self.config.correlation_bits + unsigned_bits(self.config.window - 1)

    @property
    def group_fields(self) -> tuple[int, ...]:
        """Widths of a word of ``groups``: the kernels' first word, their length, the lanes' shifts."""
        return (unsigned_bits(self.kernel_words - 1), unsigned_bits(self.longest),
                *(self.align_bits,) * self.lanes)

    @property
    def span_fields(self) -> tuple[int, int, int]:
        """Widths of a word of ``spans``: first word of correlations, first lag, number of lags."""
        reach, words = self.config.window - 1, max(1, self.gram_words)
        return unsigned_bits(words - 1), unsigned_bits(reach) + 1, unsigned_bits(2 * reach + 1)


def spiketrum_layout(tables: SpiketrumTables, lanes: int, name: str = "spiketrum") -> SpiketrumLayout:
    """Lay tables out for so many lanes.

    Raises
    ------
    ConfigError
        If there can be no such lanes.
    """
    if lanes not in LANES:
        raise ConfigError(f"lanes must be 1, 2, 4 or 8, not {lanes}")
    groups = group_slices(tables.config.channels, lanes)
    return SpiketrumLayout(
        config=tables.config, name=name, lanes=lanes,
        lengths=tuple(int(tables.lengths[group].max()) for group in groups),
        lowest_exponent=int(tables.exponents.min()), highest_exponent=int(tables.exponents.max()),
        correlation_shift=tables.correlation_shift,
        spans=tuple(span(block, group) for block in tables.gram for group in groups))


def group_slices(channels: int, lanes: int) -> list[slice]:
    """Channels of each group."""
    return [slice(first, min(first + lanes, channels)) for first in range(0, channels, lanes)]


def span(block: GramBlock, group: slice) -> tuple[int, int]:
    """First lag and number of lags that hold the ranges of all channels of a group."""
    low, high = block.low[group], block.high[group]
    some = low <= high
    if not some.any():
        return 0, 0
    first = int(low[some].min())
    return first, int(high[some].max()) - first + 1


def spiketrum_memories(layout: SpiketrumLayout) -> tuple[MemoryConfig, ...]:
    """Memories of an encoder; words have lane 0 and the first field in the lowest bits.

    - ``<name>.kernels.<bank>``: group after group, sample after sample.
    - ``<name>.gram.<bank>``: kernel after kernel, group after group, lag after lag.
    - ``<name>.groups``, ``<name>.spans``: where those stand; word ``kernel * groups + group`` of the second.
    - ``<name>.levels``, ``<name>.gains``: thresholds of the levels; feedback gains of the channels.
    - ``<name>.residual``: the ring of what is not coded yet.
    - ``<name>.correlations``, ``<name>.best``: of the window; the best of each channel, and where.
    - ``<name>.spikes``: of the window; the line in the low bits, then the position.
    """
    config, lanes = layout.config, layout.lanes

    def memory(name: str, depth: int, width: int, *, state: bool = False) -> MemoryConfig:
        return MemoryConfig(name=f"{layout.name}.{name}", depth=depth, width=width, state=state)

    def banks(name: str, words: int, width: int) -> list[MemoryConfig]:
        return [memory(f"{name}.{bank}", depth, width) for bank, depth in enumerate(bank_depths(words))]

    return (
        *banks("kernels", layout.kernel_words, lanes * config.kernel_bits),
        *banks("gram", max(1, layout.gram_words), lanes * config.gram_bits),
        memory("groups", layout.groups, sum(layout.group_fields)),
        memory("spans", len(layout.spans), sum(layout.span_fields)),
        memory("levels", config.levels, config.correlation_bits - 1),
        memory("gains", config.channels, GAIN_BITS),
        memory("residual", layout.ring, config.pcm_bits + 1, state=True),
        memory("correlations", layout.groups * config.window, lanes * config.correlation_bits, state=True),
        memory("best", layout.groups, lanes * layout.best_bits, state=True),
        memory("spikes", config.burst, layout.word.address_bits + unsigned_bits(config.window - 1),
               state=True),
    )


def spiketrum_images(layout: SpiketrumLayout, tables: SpiketrumTables) -> dict[str, list[int]]:
    """Contents of all memories that have any, by name."""
    config, groups = layout.config, group_slices(layout.config.channels, layout.lanes)
    kernels: list[int] = []
    words: dict[str, list[int]] = {"groups": [], "spans": []}
    for group, length in zip(groups, layout.lengths, strict=True):
        shifts = (layout.highest_exponent - tables.exponents[group]).tolist()
        shifts += [0] * (layout.lanes - len(shifts))
        words["groups"].append(packed((len(kernels), length, *shifts), layout.group_fields))
        kernels += packed_rows(tables.kernels[group, :length], config.kernel_bits)
    gram: list[int] = []
    spans = iter(layout.spans)
    for block in tables.gram:
        for group in groups:
            first, count = next(spans)
            words["spans"].append(packed((len(gram), first, count), layout.span_fields))
            gram += packed_rows(lags_of(block, group, first, count), config.gram_bits)
    words["levels"] = [int(level) for level in tables.levels]
    words["gains"] = list(config.channel_gains)
    images = {f"{layout.name}.{name}": contents for name, contents in words.items()}
    for name, contents in (("kernels", kernels), ("gram", gram or [0])):
        start = 0
        for bank, depth in enumerate(bank_depths(len(contents))):
            images[f"{layout.name}.{name}.{bank}"] = contents[start:start + depth]
            start += depth
    return images


def lags_of(block: GramBlock, group: slice, first: int, count: int) -> npt.NDArray[np.int64]:
    """Correlations of the channels of a group at these lags, 0 outside of a channel's range."""
    rows = np.zeros((group.stop - group.start, count), np.int64)
    for row, channel in enumerate(range(group.start, group.stop)):
        values = block.of(channel)
        start = int(block.low[channel]) - first if len(values) else 0
        rows[row, start:start + len(values)] = values
    return rows


def packed(values: Iterable[int], widths: Iterable[int]) -> int:
    """Numbers as fields of a word, lowest bits first."""
    word, at = 0, 0
    for value, width in zip(values, widths, strict=True):
        word |= (int(value) & (1 << width) - 1) << at
        at += width
    return word


def packed_rows(rows: npt.NDArray[np.int64], bits: int) -> list[int]:
    """Columns as words, row 0 in the lowest bits."""
    words = [0] * rows.shape[1]
    for row, numbers in enumerate((rows & ((1 << bits) - 1)).tolist()):
        at = row * bits
        words = [word | number << at for word, number in zip(words, numbers, strict=True)]
    return words
