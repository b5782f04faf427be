"""The chooser of the encoder: the best of all channels, and its level."""


from amaranth.hdl import Module, Mux, Signal, Value, signed
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from spikewright.rtl.memory import ConfiguredMemory
from spikewright.rtl.spiketrum.arithmetic import delayed
from spikewright.spiketrum_memories import GAIN_BITS, SpiketrumLayout

__all__ = ["WEIGHED", "Chooser"]

WEIGHED = 4
"""Cycles from reading a channel's best and its gain to the magnitude of their product."""


class Chooser(wiring.Component):
    """Weighs the best of every channel by its gain, takes the largest, the first of equals, and its level.

    Takes a cycle for every channel and 9 more to find that there is none; where there is one, a cycle for
    every level and one more.

    Members
    -------
    start, done
        The cycle before the first, and the last one.
    correlation, gain, product
        To the lane that weighs; the product is that of two cycles before.
    found
        With ``done``: there is a spike.
    channel, position, level, negative
        Of the spike, from then on until ``start``.
    amplitude
        By which its kernel is added to the residual, to be what is left; so of the opposite sign.
    """

    start: Signal
    done: Signal
    correlation: Signal
    gain: Signal
    product: Signal
    found: Signal
    channel: Signal
    position: Signal
    level: Signal
    negative: Signal
    amplitude: Signal

    def __init__(self, layout: SpiketrumLayout, *, best: ConfiguredMemory, gains: ConfiguredMemory,
                 levels: ConfiguredMemory) -> None:
        self.layout, self.best, self.gains, self.levels = layout, best, gains, levels
        config = layout.config
        super().__init__({
            "start": In(1), "done": Out(1), "correlation": Out(signed(config.correlation_bits)),
            "gain": Out(GAIN_BITS), "product": In(signed(config.correlation_bits + GAIN_BITS)),
            "found": Out(1), "channel": Out(range(config.channels)), "position": Out(range(config.window)),
            "level": Out(range(config.levels)), "negative": Out(1),
            "amplitude": Out(signed(config.correlation_bits)),
        })

    def elaborate(self, platform: object) -> Module:
        m = Module()
        config, best = self.layout.config, self.best
        looked = Signal(range(config.channels + 1))  # the channel that is looked at
        reads, scans, done_with_levels = Signal(), Signal(), Signal()
        value, position = self._candidate(m, looked, reads)
        largest = self._compare(m, delayed(m, scans, WEIGHED))
        settles, score = Signal(range(WEIGHED + 1)), Signal(config.correlation_bits)
        taken = Signal(signed(config.correlation_bits))
        m.d.comb += [
            best.read_enable.eq(reads), best.read_address.eq(looked >> (self.layout.lanes.bit_length() - 1)),
            self.gains.read_enable.eq(reads), self.gains.read_address.eq(looked),
            self.gain.eq(self.gains.read_data), self.correlation.eq(value),
        ]
        grades = Signal()
        m.d.comb += done_with_levels.eq(self._grade(m, grades, score))
        with m.FSM():
            with m.State("REST"):
                m.d.sync += looked.eq(0)
                with m.If(self.start):
                    m.d.sync += largest.eq(0)
                    m.next = "SCAN"
            with m.State("SCAN"):
                m.d.comb += [reads.eq(1), scans.eq(1)]
                m.d.sync += [looked.eq(looked + 1), settles.eq(WEIGHED)]
                with m.If(looked == config.channels - 1):
                    m.next = "SETTLE"
            with m.State("SETTLE"):
                m.d.sync += [settles.eq(settles - 1), looked.eq(self.channel)]
                with m.If(settles == 0):
                    m.next = "FETCH"
            with m.State("FETCH"):  # the best channel once more
                m.d.comb += reads.eq(1)
                m.next = "TAKE"
            with m.State("TAKE"):
                m.d.sync += [self.position.eq(position), taken.eq(value)]
                m.next = "SCORE"
            with m.State("SCORE"):
                m.d.sync += [self.negative.eq(taken < 0), score.eq(Mux(taken < 0, -taken, taken))]
                m.next = "JUDGE"
            with m.State("JUDGE"):
                m.next = "GRADE"
                with m.If((largest == 0) | (score < config.gate)):
                    m.d.comb += self.done.eq(1)
                    m.next = "REST"
            with m.State("GRADE"):
                m.d.comb += grades.eq(1)
                with m.If(done_with_levels):
                    m.d.comb += [self.done.eq(1), self.found.eq(1)]
                    m.next = "REST"
        return m

    def _candidate(self, m: Module, looked: Signal, reads: Signal) -> tuple[Value, Value]:
        """Best value and position of the channel that was read."""
        config, lane_bits = self.layout.config, self.layout.lanes.bit_length() - 1
        lane = Signal(lane_bits)
        with m.If(reads):
            m.d.sync += lane.eq(looked[:lane_bits])
        word = self.best.read_data.word_select(lane, self.layout.best_bits)
        return word[:config.correlation_bits].as_signed(), word[config.correlation_bits:]

    def _compare(self, m: Module, weighed: Value) -> Signal:
        """Keep the channel with the largest product, the first of equals; their magnitude."""
        magnitude, largest = (Signal(len(self.product), name=name) for name in ("magnitude", "largest"))
        channel = Signal.like(self.channel)
        m.d.sync += magnitude.eq(Mux(self.product < 0, -self.product, self.product))
        with m.If(self.start):
            m.d.sync += channel.eq(0)
        with m.If(weighed):
            m.d.sync += channel.eq(channel + 1)
            with m.If(magnitude > largest):
                m.d.sync += [largest.eq(magnitude), self.channel.eq(channel)]
        return largest

    def _grade(self, m: Module, grades: Signal, score: Signal) -> Value:
        """Go through the levels, lowest first: the last one that the score reaches, or the lowest."""
        config, levels = self.layout.config, self.levels
        level, shown, read = Signal(range(config.levels + 1)), Signal.like(self.level), Signal()
        threshold = levels.read_data
        m.d.comb += [levels.read_address.eq(level), levels.read_enable.eq(grades & (level != config.levels))]
        m.d.sync += [read.eq(levels.read_enable), shown.eq(level)]
        m.d.sync += level.eq(Mux(grades, level + levels.read_enable, 0))
        with m.If(read & ((score >= threshold) | (shown == 0))):
            m.d.sync += [self.level.eq(shown),
                         self.amplitude.eq(Mux(self.negative, threshold, -threshold))]
        return read & (shown == config.levels - 1)
