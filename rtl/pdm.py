"""Sound from a PDM microphone: its clock, and a filter that makes PCM samples of its bits."""

from dataclasses import dataclass
from typing import Any, Literal

from amaranth.hdl import Module, Mux, Signal, Value, signed
from amaranth.lib import wiring
from amaranth.lib.cdc import FFSynchronizer  # type: ignore[import-untyped]
from amaranth.lib.wiring import In, Out

from spikewright.errors import ConfigError
from spikewright.rtl.i2s import SampleQueue

__all__ = ["PdmConfig", "PdmReceiver"]


@dataclass(frozen=True, slots=True, kw_only=True)
class PdmConfig:
    """A microphone, and the filter behind it.

    Parameters
    ----------
    half_period
        Cycles for which the microphone's clock is high, and low: 8 for 1.024 MHz at 16.384 MHz.
    channel
        The left one is taken with the clock's rising edge, the right one with the falling one.
    decimation
        Bits of the microphone for every sample, a power of two.
    order
        Of the filter: so many moving averages over ``decimation`` bits.
    bits
        Width of a sample.
    """

    half_period: int = 8
    channel: Literal["left", "right"] = "left"
    decimation: int = 64
    order: int = 4
    bits: int = 16

    def __post_init__(self) -> None:
        limits = {"half_period": (2, 1024), "decimation": (8, 1024), "order": (1, 6), "bits": (8, 24)}
        for name, (low, high) in limits.items():
            if not low <= getattr(self, name) <= high:
                raise ConfigError(f"{name} must be in {low}..{high}, not {getattr(self, name)}")
        if self.decimation & (self.decimation - 1):
            raise ConfigError(f"decimation must be a power of two, not {self.decimation}")
        if self.channel not in ("left", "right"):
            raise ConfigError(f"channel must be left or right, not {self.channel!r}")
        if self.gain_bits < self.bits - 1:
            raise ConfigError(f"order times the bits of decimation must be at least {self.bits - 1},"
                              f" not {self.gain_bits}")

    @property
    def gain_bits(self) -> int:
        """Bits by which the filter widens a bit: its gain is ``decimation ** order``."""
        return self.order * (self.decimation.bit_length() - 1)


class PdmReceiver(wiring.Component):
    """Drives a PDM microphone, and decimates its bits by moving averages (a CIC filter).

    A bit is 1 or -1. A sample is a moving average of moving averages, ``order`` times, in units of
    ``2**(1 - bits)``, rounded down; full scale itself becomes the highest sample. Averages fall off towards
    half the sample rate: with order 4 by 0.9 dB at an eighth of the rate, 3.7 at a quarter, 15.7 at half.
    The first ``order`` samples after reset are not settled. A sample is in ``sink`` ``order + 4`` cycles
    after the edge that its last bit is taken with.

    Members
    -------
    clock
        To the microphone.
    serial_data
        From it; passes a synchroniser of two flip-flops.
    recording, sink, dropped
        As of :class:`~spikewright.rtl.i2s.SampleQueue`.
    """

    clock: Signal
    serial_data: Signal
    recording: Signal
    sink: Any
    dropped: Signal

    def __init__(self, config: PdmConfig) -> None:
        self.config, self.queue = config, SampleQueue(config.bits)
        queue = self.queue.signature.members
        super().__init__({
            "clock": Out(1), "serial_data": In(1),
            "recording": queue["recording"], "sink": queue["sink"], "dropped": queue["dropped"],
        })

    def elaborate(self, platform: object) -> Module:
        m = Module()
        m.submodules.queue = queue = self.queue
        wiring.connect(m, wiring.flipped(self.sink), queue.sink)
        m.d.comb += [queue.recording.eq(self.recording), self.dropped.eq(queue.dropped)]
        takes, bit = self._bits(m)
        complete, total = self._sum(m, takes, bit)
        done, value = self._differences(m, complete, total)
        highest = (1 << (self.config.bits - 1)) - 1
        scaled = value >> (self.config.gain_bits - self.config.bits + 1)
        m.d.comb += [queue.strobe.eq(done), queue.sample.eq(Mux(scaled > highest, highest, scaled))]
        return m

    def _bits(self, m: Module) -> tuple[Value, Signal]:
        """The microphone's clock; when there is a bit, and the bit."""
        count, bit = Signal(range(self.config.half_period)), Signal()
        turns, edge = Signal(), Signal()
        m.submodules.synchronise = FFSynchronizer(self.serial_data, bit)
        m.d.comb += [
            turns.eq(count == self.config.half_period - 1),
            edge.eq(turns & (self.clock == (self.config.channel == "right"))),
        ]
        m.d.sync += count.eq(Mux(turns, 0, count + 1))
        with m.If(turns):
            m.d.sync += self.clock.eq(~self.clock)
        # The synchroniser has the bit of the edge, before it changes, two cycles later.
        once, twice = Signal(), Signal()
        m.d.sync += [once.eq(edge), twice.eq(once)]
        return twice, bit

    def _sum(self, m: Module, takes: Value, bit: Signal) -> tuple[Signal, Signal]:
        """Sums of sums of bits, which wrap; and whether so many bits came that a sample is due."""
        width = self.config.gain_bits + 2  # both ends of the range are reached
        sums = [Signal(signed(width), name=f"sum_{index}") for index in range(self.config.order)]
        number, complete = Signal(range(self.config.decimation)), Signal()
        m.d.sync += complete.eq(takes & number.all())
        with m.If(takes):
            m.d.sync += number.eq(number + 1)
            for into, total in zip([Mux(bit, 1, -1), *sums], sums, strict=False):
                m.d.sync += total.eq(total + into)
        return complete, sums[-1]

    def _differences(self, m: Module, complete: Signal, total: Signal) -> tuple[Signal, Signal]:
        """Differences of differences from sample to sample, one a cycle; what wrapped has unwrapped then."""
        for index in range(self.config.order):
            before = Signal.like(total, name=f"before_{index}")
            after = Signal.like(total, name=f"after_{index}")
            done = Signal(name=f"done_{index}")
            m.d.sync += done.eq(complete)
            with m.If(complete):
                m.d.sync += [before.eq(total), after.eq(total - before)]
            complete, total = done, after
        return complete, total
