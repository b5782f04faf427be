"""The filter bank: PCM in, spikes of a cochlea out."""

from typing import Any

from amaranth.hdl import Cat, Module, Mux, Signal, Value, unsigned
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from spikewright.events import Kind
from spikewright.filterbank import ORDER, FilterBankConfig
from spikewright.filterbank_memories import (
    NAME,
    coefficient_memory,
    filterbank_images,
    state_memory,
    sum_memory,
    threshold_memory,
)
from spikewright.filterbank_tables import filterbank_tables
from spikewright.rtl.filterbank.firing import Firing
from spikewright.rtl.filterbank.sections import Sections
from spikewright.rtl.memory import Memory
from spikewright.rtl.words import word_stream

__all__ = ["FilterBankCore"]


class FilterBankCore(wiring.Component):
    """Gammatone filters, rectifiers and neurons.

    Bit-exact with :class:`spikewright.models.filterbank.FixedFilterBank`. For every sample it passes over the
    first sections of all channels, then over the second ones, and so on: the section that a section takes its
    input from is done long before, and no pipeline ever waits. A section takes four cycles, so a sample takes
    exactly ``16 * channels`` where the next one waits; a token takes four. A word is taken in every fourth
    cycle only. The spike of channel ``c`` is in ``sink`` ``12 * (channels + 1) + 4 * c`` cycles after its
    sample was taken, the token of a step ``16 * channels + 9``, that for a token 13 after it. While a word
    waits in ``sink`` everything stands still.

    After every ``step`` samples a token goes out. The first token that comes ends a recording: one goes out
    for a step that has begun. Every further token of a step asks for a step more, without spikes, the end of
    sample goes out as it is; samples in between are dropped. The next recording starts from zero: no memory
    needs to be cleared.

    Members
    -------
    source : ``In(word_stream(config.sample_word))``
        Samples, as values of events; behind a recording tokens of steps, if any, and the end of sample.
    sink : ``Out(word_stream(config.word))``
        Spikes, their address being the channel; ends of steps and of samples.
    active
        A sample is being filtered; only observers read it.
    """

    source: Any
    sink: Any
    active: Signal

    def __init__(self, config: FilterBankConfig, name: str = NAME) -> None:
        self.config, self.tables, self.name = config, filterbank_tables(config), name
        super().__init__({
            "source": In(word_stream(config.sample_word)), "sink": Out(word_stream(config.word)),
            "active": Out(1)})

    def elaborate(self, platform: object) -> Module:
        m = Module()
        config, sink = self.config, self.sink
        visit = data.StructLayout({
            "works": 1, "channel": config.word.address_bits, "section": unsigned(2), "fresh": 1, "token": 1,
            "end": 1,
        })
        moves, phase = Signal(), Signal(2)
        sample = Signal.like(self.source.payload.value)
        # The visit that begins, and those that began four and eight cycles before it.
        visits: Any = [Signal(visit, name=f"visit_{age}") for age in range(3)]
        m.d.comb += moves.eq(~sink.valid | sink.ready)
        with m.If(moves):
            m.d.sync += phase.eq(phase + 1)
        m.d.comb += self.active.eq(visits[0].works)
        self._sequence(m, moves & (phase == 3), visits, sample)
        real = self._filter(m, moves, phase, visits, sample)
        fires = self._fire(m, moves, phase, visits, real)
        self._emit(m, moves, phase, visits[2], fires)
        return m

    def _sequence(self, m: Module, turns: Value, visits: Any, sample: Signal) -> None:
        """At the end of every visit choose the next one; take a word where none is left to do."""
        config, source = self.config, self.source
        visit, fresh = visits[0], Signal(init=1)
        # Whether a step ends here, and how many of its samples came before.
        closes, number = Signal(), Signal(range(config.step))
        # A token of a step was taken; the recording is over.
        pause, over = Signal(), Signal()
        row_ends, last, takes, pauses, ends = Signal(), Signal(), Signal(), Signal(), Signal()
        m.d.comb += [
            row_ends.eq(visit.channel == config.channels - 1),
            last.eq(row_ends & (visit.section == ORDER - 1)),
            source.ready.eq(turns & (last | ~visit.works)),
            takes.eq(source.valid & (source.payload.kind == Kind.EVENT) & ~over),
            pauses.eq(source.valid & (source.payload.kind == Kind.END_OF_STEP)),
            ends.eq(source.valid & (source.payload.kind == Kind.END_OF_SAMPLE)),
        ]
        with m.If(turns):
            m.d.sync += [
                visits[2].eq(visits[1]), visits[1].eq(visit),
                visits[1].token.eq(closes & (visit.end | pause | visit.works & last)),
                visit.channel.eq(Mux(row_ends, 0, visit.channel + 1)),
                visit.section.eq(visit.section + row_ends),
            ]
        with m.If(source.ready):
            full = number == config.step - 1
            m.d.sync += [visit.works.eq(takes), visit.end.eq(ends), pause.eq(pauses),
                         visit.channel.eq(0), visit.section.eq(0)]
            with m.If(takes):
                m.d.sync += [sample.eq(source.payload.value), visit.fresh.eq(fresh), fresh.eq(0),
                             closes.eq(full), number.eq(Mux(full, 0, number + 1))]
            with m.If(pauses):
                m.d.sync += [over.eq(1), closes.eq(over | (number != 0)), number.eq(0)]
            with m.If(ends):
                m.d.sync += [over.eq(0), fresh.eq(1), closes.eq(number != 0), number.eq(0)]

    def _filter(self, m: Module, moves: Signal, phase: Signal, visits: Any, sample: Signal) -> Signal:
        """Sections, their states and poles; the real part of the result, in phase 0 two visits later."""
        config, tables = self.config, self.tables
        shifts = tuple(sorted(set(tables.shifts.ravel().tolist())))
        images = filterbank_images(config, tables, self.name)
        states = Memory(state_memory(config, self.name))
        memory = coefficient_memory(config, self.name)
        coefficients = Memory(memory, images[memory.name])
        m.submodules.states, m.submodules.coefficients = states, coefficients
        m.submodules.sections = sections = Sections(config, shifts)
        visit, done = visits[0], visits[2]
        m.d.comb += [
            states.read_enable.eq(moves & ~phase[1] & visit.works),
            states.read_address.eq(Cat(visit.channel, (visit.section - phase[0])[:2])),
            states.write_enable.eq(moves & (phase == 1) & done.works),
            states.write_address.eq(Cat(done.channel, done.section)),
            states.write_data.eq(Cat(sections.real, sections.imaginary)),
            coefficients.read_enable.eq(moves & (phase == 1) & visit.works),
            coefficients.read_address.eq(visit.channel),
            sections.moves.eq(moves), sections.phase.eq(phase), sections.fresh.eq(visit.fresh),
            sections.head.eq(visit.section == 0), sections.sample.eq(sample),
            sections.shift.eq(self._shift(m, visit, shifts)),
            sections.word.as_value().eq(states.read_data),
            sections.coefficients.as_value().eq(coefficients.read_data),
        ]
        return sections.real

    def _shift(self, m: Module, visit: Any, shifts: tuple[int, ...]) -> Signal:
        """Which shift a section has: a choice by channel that changes in few places, not worth a memory."""
        chosen = Signal(range(len(shifts)))
        with m.Switch(visit.section):
            for section, column in enumerate(self.tables.shifts.T.tolist()):
                with m.Case(section):
                    m.d.comb += chosen.eq(shifts.index(column[0]))
                    for channel in range(1, len(column)):
                        if column[channel] != column[channel - 1]:
                            with m.If(visit.channel >= channel):
                                m.d.comb += chosen.eq(shifts.index(column[channel]))
        return chosen

    def _fire(self, m: Module, moves: Signal, phase: Signal, visits: Any, output: Signal) -> Value:
        """Neurons, their sums and thresholds; whether one fires, in phase 2 two visits later."""
        config, tables = self.config, self.tables
        images = filterbank_images(config, tables, self.name)
        sums = Memory(sum_memory(config, tables, self.name))
        memory = threshold_memory(config, tables, self.name)
        thresholds = Memory(memory, images[memory.name])
        m.submodules.sums, m.submodules.thresholds = sums, thresholds
        m.submodules.firing = firing = Firing(config, tables)
        coming, visit = visits[1], visits[2]
        fired, firing_next = (at.works & (at.section == ORDER - 1) for at in (visit, coming))
        m.d.comb += [
            sums.read_enable.eq(moves & (phase == 1) & firing_next),
            sums.read_address.eq(coming.channel),
            sums.write_enable.eq(moves & (phase == 2) & fired),
            sums.write_address.eq(visit.channel), sums.write_data.eq(firing.after),
            thresholds.read_enable.eq(moves & (phase == 3) & firing_next),
            thresholds.read_address.eq(coming.channel),
            firing.moves.eq(moves), firing.phase.eq(phase), firing.fresh.eq(coming.fresh),
            firing.before.eq(sums.read_data), firing.output.eq(output),
            firing.threshold.eq(thresholds.read_data),
        ]
        spikes: Value = firing.fires & fired
        return spikes

    def _emit(self, m: Module, moves: Signal, phase: Signal, visit: Any, fires: Value) -> None:
        """Spikes in phase 2, tokens behind them; at a sample's end both tokens, in phases 2 and 3."""
        sink = self.sink
        with m.If(moves):
            m.d.sync += sink.valid.eq(0)
            with m.If(phase == 2):
                m.d.sync += [
                    sink.valid.eq(Mux(visit.end, visit.token, fires)), sink.payload.address.eq(visit.channel),
                    sink.payload.kind.eq(Mux(visit.end, Kind.END_OF_STEP, Kind.EVENT)),
                ]
            with m.If(phase == 3):
                m.d.sync += [
                    sink.valid.eq(visit.end | visit.token), sink.payload.address.eq(0),
                    sink.payload.kind.eq(Mux(visit.end, Kind.END_OF_SAMPLE, Kind.END_OF_STEP)),
                ]
