"""The sections of all filters: one multiplier, four products after another for each section."""

from typing import Any

from amaranth.hdl import Cat, Const, Module, Mux, Signal, Value, signed
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from spikewright.filterbank import FilterBankConfig

__all__ = ["SPLIT", "Sections", "coefficient_layout", "state_layout"]

SPLIT = 17
"""Bits of a state that one multiplier of 18 by 18 bits takes, unsigned; those above go to a second one."""


def state_layout(config: FilterBankConfig) -> data.StructLayout:
    """A word of the state memory."""
    return data.StructLayout({"real": signed(config.state_bits), "imaginary": signed(config.state_bits)})


def coefficient_layout(config: FilterBankConfig) -> data.StructLayout:
    """A word of the coefficient memory."""
    bits = config.coefficient_bits
    return data.StructLayout({"real": signed(bits), "imaginary": signed(bits)})


class Sections(wiring.Component):
    """``z = (p z + x 2**(f - shift) + 2**(f - 1)) >> f`` for a section after the other, one in four cycles.

    A section's *visit* begins in phase 0. Its own state must be in ``word`` in phase 1, what comes into it
    from phase 3 to phase 0 of the next visit. The result's real part is there from 8 to 11 cycles after its
    beginning, the imaginary one after 9: two visits later. Nothing moves in a cycle without ``moves``.

    Parameters
    ----------
    shifts
        The shifts that occur, in rising order.

    Members
    -------
    moves, phase
        Whether this cycle counts, and the phase of the visit, 0 to 3.
    fresh
        In phase 1: the state is to be taken for 0.
    head
        In phase 2: the section is its filter's first, ``sample`` comes in.
    shift
        In phase 3: which of ``shifts``.
    sample
        The sample of this pass, until phase 0 after a visit.
    word : ``In(state_layout(config))``
        What the state memory gives.
    coefficients : ``In(coefficient_layout(config))``
        The channel's pole, from phase 2 to phase 1 of the next visit.
    real, imaginary
        The new state.
    """

    moves: Signal
    phase: Signal
    fresh: Signal
    head: Signal
    shift: Signal
    sample: Signal
    word: Any
    coefficients: Any
    real: Signal
    imaginary: Signal

    def __init__(self, config: FilterBankConfig, shifts: tuple[int, ...]) -> None:
        self.config, self.shifts = config, shifts
        bits = signed(config.state_bits)
        super().__init__({
            "moves": In(1), "phase": In(2), "fresh": In(1), "head": In(1), "shift": In(range(len(shifts))),
            "sample": In(signed(config.pcm_bits)), "word": In(state_layout(config)),
            "coefficients": In(coefficient_layout(config)), "real": Out(bits), "imaginary": Out(bits),
        })

    def elaborate(self, platform: object) -> Module:
        m = Module()
        config, phase = self.config, self.phase
        # One more bit would only be wanted between two products; sums that wrap there wrap back.
        total = Signal(signed(config.state_bits + config.fraction_bits))
        product, into = self._product(m), self._shifted(m)
        m.d.comb += self.imaginary.eq(total >> config.fraction_bits)
        with m.If(self.moves):
            with m.Switch(phase):
                with m.Case(1, 3):
                    m.d.sync += total.eq(into + product)
                with m.Case(2):
                    m.d.sync += total.eq(total - product)
                with m.Case(0):
                    m.d.sync += total.eq(total + product)
            with m.If(phase == 3):
                m.d.sync += self.real.eq(self.imaginary)  # the total is that of the real part now
        return m

    def _product(self, m: Module) -> Value:
        """Products of pole and state, ``rr ii ir ri``, in phases 1 2 3 0; half a code with 1st and 3rd."""
        config, phase = self.config, self.phase
        own: Any = Signal(state_layout(config))
        pole = self.coefficients
        state, factor = Signal(signed(config.state_bits)), Signal(signed(config.coefficient_bits))
        low = Signal(signed(min(SPLIT + 1, config.state_bits) + config.coefficient_bits))
        high = Signal(signed(max(1, config.state_bits - SPLIT) + config.coefficient_bits))
        half = config.fraction_bits - 1
        product = Signal(signed(config.state_bits + config.coefficient_bits))
        split = config.state_bits > SPLIT + 1
        # Rounding costs no adder: half a code comes in below what goes into the high bits.
        upper = [Const(0, SPLIT - 1 - half), high] if split else [Const(0, 1)]
        above = Cat(~phase[0], *upper).as_signed()
        with m.If(self.moves):
            with m.If(phase == 1):
                m.d.sync += own.eq(Mux(self.fresh, 0, self.word.as_value()))
            m.d.sync += [
                state.eq(Mux(phase[0], own.imaginary, own.real)),
                factor.eq(Mux(phase[0] ^ phase[1], pole.real, pole.imaginary)),
                product.eq(Cat(low[:half], (above + (low >> half))[:len(product) - half])),
            ]
            if split:
                m.d.sync += [low.eq(Cat(state[:SPLIT], Const(0, 1)).as_signed() * factor),
                             high.eq((state >> SPLIT) * factor)]
            else:
                m.d.sync += low.eq(state * factor)
        return product

    def _shifted(self, m: Module) -> Value:
        """What comes in, at its weight in the total: the real part in phase 1, the imaginary in phase 3."""
        config, phase, word = self.config, self.phase, self.word
        sample = self.sample << (config.state_bits - config.pcm_bits)
        least, most = self.shifts[0], self.shifts[-1]
        head, shift = Signal(), Signal.like(self.shift)
        came = Signal(signed(config.state_bits))
        placed = Signal(signed(config.state_bits + most - least))
        ways = [came << (most - amount) for amount in self.shifts]
        with m.If(self.moves):
            with m.If(phase == 2):
                m.d.sync += head.eq(self.head)
            with m.If(phase == 3):
                m.d.sync += shift.eq(self.shift)
            m.d.sync += came.eq(Mux(phase[0], Mux(head, sample, word.real), Mux(head, 0, word.imaginary)))
            with m.If(~phase[1]), m.Switch(shift):
                for index, way in enumerate(ways):
                    with m.Case(index) if index < len(ways) - 1 else m.Default():
                        m.d.sync += placed.eq(way)
        return placed << (config.fraction_bits - most)
