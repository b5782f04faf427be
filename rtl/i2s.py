"""Sound from an I2S microphone or converter, as a stream of PCM samples."""

from dataclasses import dataclass
from typing import Any, Literal

from amaranth.hdl import Cat, Module, Mux, Signal, Value, signed
from amaranth.lib import wiring
from amaranth.lib.cdc import FFSynchronizer  # type: ignore[import-untyped]
from amaranth.lib.wiring import In, Out

from spikewright.errors import ConfigError
from spikewright.events import Kind, WordFormat
from spikewright.rtl.words import word_stream

__all__ = ["I2sChannel", "I2sConfig", "I2sReceiver", "SampleQueue"]

I2sChannel = Literal["left", "right", "mixed"]
"""Which samples are taken: those of one channel, or the mean of both, rounded down."""


@dataclass(frozen=True, slots=True, kw_only=True)
class I2sConfig:
    """What an I2S receiver takes.

    Parameters
    ----------
    bits
        Width of a sample.
    channel
        Which of the two channels.
    """

    bits: int = 16
    channel: I2sChannel = "left"

    def __post_init__(self) -> None:
        if not 8 <= self.bits <= 32:
            raise ConfigError(f"bits must be in 8..32, not {self.bits}")
        if self.channel not in ("left", "right", "mixed"):
            raise ConfigError(f"channel must be left, right or mixed, not {self.channel!r}")


class SampleQueue(wiring.Component):
    """One place for a sample that cannot wait: if it is not free when the next comes, that one is lost.

    A recording lasts while ``recording`` is high. Its end is a word of its own behind the last sample and is
    never lost; samples of the next recording that come before it is gone are.

    Members
    -------
    recording
        Samples go out.
    strobe, sample
        A sample, in this cycle only.
    sink : ``Out(word_stream(WordFormat(address_bits=1, value_bits=bits, signed=True)))``
        Samples as values of events, ends of recordings as ends of samples.
    dropped
        Samples lost since reset; it stops at its highest count.
    """

    recording: Signal
    strobe: Signal
    sample: Signal
    sink: Any
    dropped: Signal

    def __init__(self, bits: int, *, count_bits: int = 16) -> None:
        word = WordFormat(address_bits=1, value_bits=bits, signed=True)
        super().__init__({
            "recording": In(1), "strobe": In(1), "sample": In(signed(bits)), "sink": Out(word_stream(word)),
            "dropped": Out(count_bits),
        })

    def elaborate(self, platform: object) -> Module:
        m = Module()
        sink, comes, ends, room = self.sink, Signal(), Signal(), Signal()
        recorded = Signal()  # whether it was so until now
        m.d.sync += recorded.eq(self.recording)
        m.d.comb += [comes.eq(self.strobe & self.recording), room.eq(~sink.valid | sink.ready)]
        with m.If(recorded & ~self.recording):
            m.d.sync += ends.eq(1)
        with m.If(room):
            m.d.sync += [
                sink.valid.eq(ends | comes), sink.payload.value.eq(self.sample), sink.payload.address.eq(0),
                sink.payload.kind.eq(Mux(ends, Kind.END_OF_SAMPLE, Kind.EVENT)),
            ]
            with m.If(ends):
                m.d.sync += ends.eq(0)
        with m.If(comes & (ends | ~room) & ~self.dropped.all()):
            m.d.sync += self.dropped.eq(self.dropped + 1)
        return m


class I2sReceiver(wiring.Component):
    """Takes samples off an I2S bus whose clock it does not share.

    Word select and data change with the falling edge of the bit clock and are taken with the rising one.
    The first bit of a slot, the highest, follows one bit clock after the change of word select, which is low
    for the left channel. A slot may have any number of bits from ``config.bits`` on; what is beyond is left
    out. A slot of fewer bits is no sample. Either half of the bit clock must last two cycles at least. A
    sample is in ``sink`` 4 or 5 cycles after the edge of its last bit, a mixed one after that of the right
    channel's.

    Members
    -------
    bit_clock, word_select, serial_data
        The bus; each passes a synchroniser of two flip-flops.
    recording, sink, dropped
        As of :class:`SampleQueue`.
    """

    bit_clock: Signal
    word_select: Signal
    serial_data: Signal
    recording: Signal
    sink: Any
    dropped: Signal

    def __init__(self, config: I2sConfig) -> None:
        self.config, self.queue = config, SampleQueue(config.bits)
        queue = self.queue.signature.members
        super().__init__({
            "bit_clock": In(1), "word_select": In(1), "serial_data": In(1),
            "recording": queue["recording"], "sink": queue["sink"], "dropped": queue["dropped"],
        })

    def elaborate(self, platform: object) -> Module:
        m = Module()
        m.submodules.queue = queue = self.queue
        wiring.connect(m, wiring.flipped(self.sink), queue.sink)
        m.d.comb += [queue.recording.eq(self.recording), self.dropped.eq(queue.dropped)]
        clock, select, bit, clocked = Signal(), Signal(), Signal(), Signal()
        m.submodules.synchronise_clock = FFSynchronizer(self.bit_clock, clock)
        m.submodules.synchronise_select = FFSynchronizer(self.word_select, select)
        m.submodules.synchronise_data = FFSynchronizer(self.serial_data, bit)
        m.d.sync += clocked.eq(clock)
        done, right, word = self._slot(m, clock & ~clocked, select, bit)
        self._choose(m, done, right, word)
        return m

    def _slot(self, m: Module, rises: Value, select: Signal, bit: Signal) -> tuple[Signal, Signal, Signal]:
        """A slot's highest bits: whether they are complete now, the channel, the sample."""
        # At reset no slot has begun: its bits count from the next change of word select.
        selected, missing, started = Signal(), Signal(range(self.config.bits + 1)), Signal()
        word, done, right = Signal(signed(self.config.bits)), Signal(), Signal()
        m.d.sync += done.eq(0)
        with m.If(rises):
            m.d.sync += [selected.eq(select), started.eq(1)]
            with m.If(missing != 0):
                m.d.sync += [word.eq(Cat(bit, word)), missing.eq(missing - 1), done.eq(missing == 1),
                             right.eq(selected)]
            with m.If(started & (select != selected)):  # this edge has the last bit of the slot before
                m.d.sync += missing.eq(self.config.bits)
        return done, right, word

    def _choose(self, m: Module, done: Signal, right: Signal, word: Signal) -> None:
        """Give the queue the channel's samples, or the mean of every pair."""
        queue = self.queue
        if self.config.channel != "mixed":
            wanted = right if self.config.channel == "right" else ~right
            m.d.comb += [queue.strobe.eq(done & wanted), queue.sample.eq(word)]
            return
        left, there = Signal.like(word), Signal()
        with m.If(done):
            m.d.sync += there.eq(~right)
            with m.If(~right):
                m.d.sync += left.eq(word)
        m.d.comb += [queue.strobe.eq(done & right & there), queue.sample.eq((left + word) >> 1)]
