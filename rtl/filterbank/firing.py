"""Half-wave rectification, and the neuron of a channel: integrate, leak, fire, subtract."""

from amaranth.hdl import Module, Mux, Signal, Value, signed
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from spikewright.filterbank import FilterBankConfig
from spikewright.filterbank_tables import FilterBankTables

__all__ = ["Firing"]


class Firing(wiring.Component):
    """One neuron after the other, a visit of four cycles each.

    Members
    -------
    moves, phase
        Whether this cycle counts, and the phase of the visit, 0 to 3.
    fresh, before
        In phase 2: the sum is to be taken for 0; the sum so far.
    output
        In phase 0 of the next visit: output of the channel's filter.
    threshold
        Then, too: its threshold.
    fires, after
        In phase 2 of that visit: whether it fires, and the sum to store.
    """

    moves: Signal
    phase: Signal
    fresh: Signal
    before: Signal
    output: Signal
    threshold: Signal
    fires: Signal
    after: Signal

    def __init__(self, config: FilterBankConfig, tables: FilterBankTables) -> None:
        self.config, self.tables = config, tables
        bits = tables.sum_bits
        super().__init__({
            "moves": In(1), "phase": In(2), "fresh": In(1), "before": In(bits),
            "output": In(signed(config.state_bits)), "threshold": In(bits),
            "fires": Out(1), "after": Out(bits),
        })

    def elaborate(self, platform: object) -> Module:
        m = Module()
        bits, leak = self.tables.sum_bits, self.config.leak_shift
        left, total, above = Signal(bits), Signal(bits), Signal(signed(bits + 1))
        before, threshold = Signal(bits), Signal(bits)  # block RAM is slow to answer
        rectified = Mux(self.output[-1], 0, self.output[:-1])
        summed: Value = left + rectified
        if self.tables.saturates:
            summed = Mux(summed[bits:].any(), (1 << bits) - 1, summed)
        m.d.comb += [self.fires.eq(~above[-1]), self.after.eq(Mux(self.fires, above, total))]
        with m.If(self.moves), m.Switch(self.phase):
            with m.Case(2):
                m.d.sync += before.eq(Mux(self.fresh, 0, self.before))
            with m.Case(3):
                m.d.sync += left.eq(before if leak is None else before - (before >> leak))
            with m.Case(0):
                m.d.sync += [total.eq(summed), threshold.eq(self.threshold)]
            with m.Case(1):
                m.d.sync += above.eq(total - threshold)
        return m
