"""Mutants of the spiketrum encoder, and of its place in a chip."""

from tests.mutants.mutant import Mutant

__all__ = ["MUTANTS"]

CHIP = "rtl/chip.py"
CHOOSER = "rtl/spiketrum/chooser.py"
CREDIT = "rtl/spiketrum/credit.py"
EMITTER = "rtl/spiketrum/emitter.py"
ENCODER = "rtl/spiketrum/encoder.py"
INTAKE = "rtl/spiketrum/intake.py"
LANE = "rtl/spiketrum/lane.py"
ROWS = "rtl/spiketrum/rows.py"
VERILOG = "rtl/verilog.py"
WALKER = "rtl/spiketrum/walker.py"

TWIN = "rtl/spiketrum/test_encoder.py::test_equals_the_twin[2-1.0-1.0]"
FEW = "rtl/spiketrum/test_encoder.py::test_configurations[few correlations of kernels]"
PADDED = "rtl/spiketrum/test_encoder.py::test_recordings_are_padded_with_steps[1.0-1.0]"
SATURATES = "rtl/spiketrum/test_encoder.py::test_saturates_as_the_twin_does"
BEST = "rtl/spiketrum/test_chooser.py::test_takes_the_best[3-2]"
CHIPS = "cosim/test_encoders.py::test_every_spike_of_encoder_and_network_is_the_same"

MUTANTS = [
    Mutant("credit-no-half", CREDIT, "the number of spikes is rounded down",
           "config.sample_rate_hz, config.sample_rate_hz // 2", "config.sample_rate_hz, 0",
           "rtl/spiketrum/test_credit.py::test_counts_what_the_rate_allows[400-2]"),
    Mutant("credit-without-end", CREDIT, "credit of silence is saved without a bound",
           "self.close & (saved > most)", "0",
           "rtl/spiketrum/test_credit.py::test_counts_what_the_rate_allows[2000-6]"),
    Mutant("credit-runs-on", CREDIT, "a recording begins with the credit of the one before",
           "with m.If(self.restart):", "with m.If(0):",
           "rtl/spiketrum/test_credit.py::test_counts_what_the_rate_allows[2000-6]"),
    Mutant("chooser-last-of-equals", CHOOSER, "of equal channels the last is taken",
           "magnitude > largest", "magnitude >= largest", BEST),
    Mutant("chooser-level-above", CHOOSER, "a score at a level's threshold gets the level below",
           "score >= threshold", "score > threshold", BEST),
    Mutant("chooser-gate", CHOOSER, "a score at the gate is not coded",
           "score < config.gate", "score <= config.gate", BEST),
    Mutant("intake-short", INTAKE, "a window begins a sample before its kernels have all they reach",
           "ahead >= window + reach", "ahead >= window + reach - 1",
           "rtl/spiketrum/test_intake.py::test_windows_have_their_samples[1.0-1.0-0.0]"),
    Mutant("intake-no-padding", INTAKE, "tokens behind a recording bring no steps of silence",
           "m.d.comb += self.padding.eq(1)", "m.d.comb += self.padding.eq(0)", PADDED),
    Mutant("intake-start-stays", INTAKE, "a recording begins where the last one's first window did",
           "ahead.eq(0), self.start.eq(self.write_address)", "ahead.eq(0)", TWIN),
    Mutant("emitter-step", EMITTER, "a spike on a step's border goes into the step before",
           "found.position < high", "found.position <= high",
           "rtl/spiketrum/test_emitter.py::test_sorts_spikes_by_step[1.0-1.0]"),
    Mutant("emitter-keeps", EMITTER, "the spikes of a window are sent again with the next",
           "m.d.sync += count.eq(0)", "m.d.sync += count.eq(count)",
           "rtl/spiketrum/test_emitter.py::test_sorts_spikes_by_step[1.0-1.0]"),
    Mutant("encoder-burst", ENCODER, "a window gets a spike more than a burst",
           "spikes != self.layout.config.burst", "spikes != self.layout.config.burst + 1",
           "rtl/spiketrum/test_encoder.py::test_a_burst_is_all_that_a_window_gets"),
    Mutant("encoder-signs-mixed", ENCODER, "the lines of levels and signs fall together",
           "constant_product(chooser.level, config.polarities)", "chooser.level", TWIN),
    Mutant("encoder-no-subtraction", ENCODER, "correlations are computed anew, not changed, after a spike",
           "m.d.sync += task.eq(Task.SUBTRACT)", "m.d.sync += task.eq(Task.CORRELATE)",
           FEW),
    Mutant("lane-half", LANE, "correlations are rounded down",
           "Const(1 << (fraction - 1), signed(fraction + 1))", "Const(0, signed(fraction + 1))",
           "rtl/spiketrum/test_lane.py::test_computes_rows[default]"),
    Mutant("lane-last-of-equals", LANE, "of equal scores the last position is taken",
           "score > best_score", "score >= best_score",
           "rtl/spiketrum/test_lane.py::test_computes_rows[default]"),
    Mutant("rows-beyond", ROWS, "beyond a correlation's range the last word read counts on",
           "Mux(inside, gram.word_select(index, config.gram_bits), 0)",
           "gram.word_select(index, config.gram_bits)", FEW),
    Mutant("rows-wrap", ROWS, "the residual wraps around",
           "saturated(changed >> max(0, fraction), len(self.write_data))", "changed >> max(0, fraction)",
           SATURATES),
    Mutant("walker-pair", WALKER, "behind an odd window a position too many counts",
           "~subtracts & (at + 1 < self.positions)", "~subtracts",
           "rtl/spiketrum/test_walker.py::test_walks_in_order[odd window-2]"),
    Mutant("walker-lags", WALKER, "the last lag of a correlation is left out",
           "(lag < reach.count)", "(lag + 1 < reach.count)", TWIN),
    Mutant("chip-encoder-idle", CHIP, "the encoder's work is not seen",
           "*(encoder.active for encoder", "*(~encoder.active for encoder",
           f"{CHIPS}[pursuit-verilator-bus-0.0-2]"),
    Mutant("chip-encoder-off-bus", CHIP, "the bus does not reach the encoder",
           "self._bus(m, [*cores.values(), *loaded])", "self._bus(m, [*cores.values()])",
           f"{CHIPS}[pursuit-verilator-bus-0.0-2]"),
    Mutant("verilog-bank-empty", VERILOG, "on a bus the tables of a filter bank are empty",
           "or config.name in self.fixed", "", f"{CHIPS}[bank-verilator-bus-0.0-2]"),
]  # fmt: skip
