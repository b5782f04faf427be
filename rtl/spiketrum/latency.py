"""Latencies inside the encoder, in cycles: its parts and the formula of its cost share them.

Cycle 0 is the one in which the walker asks the banks for a word of kernels, or of their correlations.
"""

from dataclasses import dataclass

from spikewright.memories import bank_depths
from spikewright.spiketrum_memories import SpiketrumLayout

__all__ = ["LANE_TO_BEST", "SpiketrumLatency"]

LANE_TO_BEST = 5
"""From the word at the lanes to the best of the row: operands, product, sum, value, score."""


@dataclass(frozen=True, slots=True)
class SpiketrumLatency:
    """Latencies that follow from a layout."""

    layout: SpiketrumLayout

    @property
    def word(self) -> int:
        """To the word at the lanes: two cycles if any table is in several banks, else one."""
        words = self.layout.kernel_words, self.layout.gram_words
        return 1 + any(len(bank_depths(max(1, count))) > 1 for count in words)

    @property
    def operand(self) -> int:
        """To the operands of the multipliers."""
        return self.word + 1

    @property
    def product(self) -> int:
        """To the product of the lanes' first multiplier; the second one's comes a cycle later."""
        return self.operand + 1

    @property
    def value(self) -> int:
        """To the value that the first multiplier's sum gives."""
        return self.product + 2

    @property
    def drain(self) -> int:
        """From a row's last word to the row's best being known, of the second multiplier too."""
        return self.word + LANE_TO_BEST + 1
