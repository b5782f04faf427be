"""What a spiketrum encoder's windows cost, in clocks: closed formulas of its layout and its spikes."""

from collections.abc import Sequence

from spikewright.rtl.spiketrum.chooser import WEIGHED
from spikewright.rtl.spiketrum.latency import SpiketrumLatency
from spikewright.spiketrum_memories import SpiketrumLayout

__all__ = ["SpiketrumTiming"]

ROW = 3
"""Cycles before a row: look up its words, fetch them, begin."""


class SpiketrumTiming:
    """Clocks of an encoder; equal to the simulator's to the last clock, whatever the gaps on its streams.

    Only sending may take longer, where the sink is not always ready: then a window waits with its first spike
    until those of the one before are out.
    """

    def __init__(self, layout: SpiketrumLayout) -> None:
        self.layout, self.drain = layout, SpiketrumLatency(layout).drain

    def correlate_cycles(self, positions: int) -> int:
        """All correlations of a window of so many positions."""
        pairs = -(-positions // 2)
        return sum(ROW + pairs * (length + 1) + self.drain for length in self.layout.lengths)

    def choose_cycles(self, found: bool) -> int:
        """One choice: of a channel and its level, or of none."""
        config = self.layout.config
        return config.channels + WEIGHED + 5 + (config.levels + 1 if found else 0)

    def remove_cycles(self, channel: int) -> int:
        """A spike's kernel from the residual."""
        return ROW + self.layout.lengths[channel // self.layout.lanes] + self.drain

    def subtract_cycles(self, channel: int, positions: int) -> int:
        """A spike's kernel from the correlations of a window of so many positions."""
        groups = self.layout.groups
        spans = self.layout.spans[channel * groups:(channel + 1) * groups]
        reached = sum(count > 0 for _, count in spans)
        return ROW * groups + reached * (positions + self.drain)

    def window_cycles(self, positions: int, channels: Sequence[int], ended: str = "credit") -> int:
        """A window with spikes of these channels, from the first cycle in which the encoder is ``active``.

        ``ended`` says why there is no further spike: for want of ``credit`` (or room in a burst), or of
        anything to code, ``silence``.
        """
        silent = ended == "silence"
        # Begin, count, close; each spike is sent in a cycle, and another one starts the walker.
        cycles = 3 + self.correlate_cycles(positions) + self.choose_cycles(False) * silent
        for index, channel in enumerate(channels):
            cycles += self.choose_cycles(True) + 1 + self.remove_cycles(channel)
            if index < len(channels) - 1 or silent:
                cycles += 2 + self.subtract_cycles(channel, positions)
        return cycles

    def real_time_hz(self, rate_hz: int) -> float:
        """Least clock at which windows full of spikes, all of the costliest channel, keep up with the sound.

        With a cycle of rest a window, and the spikes that one may get by rounding up.
        """
        config, channels = self.layout.config, range(self.layout.config.channels)
        worst = max(channels, key=lambda channel: self.remove_cycles(channel)
                    + self.subtract_cycles(channel, config.window))
        spikes = -(-rate_hz * config.window // config.sample_rate_hz)
        cycles = self.window_cycles(config.window, [worst] * spikes) + 1
        return cycles * config.sample_rate_hz / config.window
