"""Mutants of the filter bank and of the receivers of microphones."""

from tests.mutants.mutant import Mutant

__all__ = ["MUTANTS"]

CORE = "rtl/filterbank/core.py"
FIRING = "rtl/filterbank/firing.py"
I2S = "rtl/i2s.py"
PDM = "rtl/pdm.py"
MICROPHONE = "rtl/microphone.py"
CLOCKS = "cosim/test_microphone.py::test_a_clock_that_a_pdm_microphone_cannot_have_is_refused"
SECTIONS = "rtl/filterbank/sections.py"
VERILOG = "rtl/filterbank/verilog.py"

SMALL = "rtl/filterbank/test_core.py::test_equals_the_model[small]"
STATES = "rtl/filterbank/test_core.py::test_states_are_those_of_the_model[small]"
SLOW_SINK = "rtl/filterbank/test_core.py::test_at_any_pace[1.0-0.2]"
RUNNING = "rtl/test_i2s.py::test_a_bus_that_runs_already_is_heard_from_the_next_slot_on"
DROPPED = "rtl/test_i2s.py::test_samples_before_the_end_of_the_last_recording_is_out_are_dropped"
AVERAGES = "rtl/test_pdm.py::test_samples_are_averages_of_averages"

MUTANTS = [
    Mutant("section-not-fresh", SECTIONS, "a recording begins with the states of the one before",
           "own.eq(Mux(self.fresh, 0, self.word.as_value()))", "own.eq(self.word.as_value())", SMALL),
    Mutant("section-half", SECTIONS, "the wrong products are rounded",
           "Cat(~phase[0], *upper)", "Cat(phase[0], *upper)", STATES),
    Mutant("section-head", SECTIONS, "the first section hears the last one of the channel before",
           "Mux(head, 0, word.imaginary)", "word.imaginary", SMALL),
    Mutant("section-split", SECTIONS, "the lower part of a state has a sign",
           "Cat(state[:SPLIT], Const(0, 1)).as_signed()", "state[:SPLIT].as_signed()", SMALL),
    Mutant("section-adds", SECTIONS, "both products of the real part are added",
           "total.eq(total - product)", "total.eq(total + product)", SMALL),
    Mutant("sum-not-fresh", FIRING, "a recording begins with the sums of the one before",
           "before.eq(Mux(self.fresh, 0, self.before))", "before.eq(self.before)", SMALL),
    Mutant("sum-wraps", FIRING, "what is too much for a sum wraps around",
           "if self.tables.saturates", "if False",
           "rtl/filterbank/test_core.py::test_equals_the_model[saturating]"),
    Mutant("not-rectified", FIRING, "negative outputs count as large ones",
           "Mux(self.output[-1], 0, self.output[:-1])", "self.output[:-1]", SMALL),
    Mutant("bank-overruns", CORE, "words that are not taken in time are lost",
           "moves.eq(~sink.valid | sink.ready)", "moves.eq(1)", SLOW_SINK),
    Mutant("bank-last-token", CORE, "a recording that ends with a step ends with an empty one more",
           "closes.eq(number != 0), number.eq(0)", "closes.eq(1), number.eq(0)", SMALL),
    Mutant("bank-step-goes-on", CORE, "a recording begins in the middle of a step",
           "closes.eq(number != 0), number.eq(0)", "closes.eq(number != 0)", SMALL),
    Mutant("bank-hears-tokens", CORE, "an end of step is taken for a sample",
           "(source.payload.kind == Kind.EVENT)", "(source.payload.kind != Kind.END_OF_SAMPLE)", SLOW_SINK),
    Mutant("bank-no-padding", CORE, "tokens behind a recording bring no steps of silence",
           "closes.eq(over | (number != 0))", "closes.eq(number != 0)", SLOW_SINK),
    Mutant("bank-hears-on", CORE, "samples behind a recording's end are filtered",
           "(source.payload.kind == Kind.EVENT) & ~over", "(source.payload.kind == Kind.EVENT)",
           "rtl/filterbank/test_core.py::test_samples_behind_the_end_are_dropped"),
    Mutant("bank-over", CORE, "nothing is heard after the first padded recording",
           "over.eq(0), fresh.eq(1)", "fresh.eq(1)", SLOW_SINK),
    Mutant("bank-images", VERILOG, "a bit of every pole and threshold is wrong",
           "{word:0{digits}x}", "{word ^ 1:0{digits}x}",
           "rtl/filterbank/test_verilog.py::test_icarus_gives_the_spikes_of_the_model"),

    Mutant("i2s-edge", I2S, "bits are taken while they change", "clock & ~clocked", "~clock & clocked",
           "rtl/test_i2s.py::test_every_sample_comes_in_order[16-16-left]"),
    Mutant("i2s-last-bit", I2S, "a sample is complete a bit early",
           "done.eq(missing == 1)", "done.eq(missing == 2)",
           "rtl/test_i2s.py::test_every_sample_comes_in_order[16-16-left]"),
    Mutant("i2s-first-slot", I2S, "a slot begins where the bus does",
           "started & (select != selected)", "select != selected", f"{RUNNING}[right-40-1]"),
    Mutant("i2s-half-a-frame", I2S, "a right sample is mixed with a left one that never came",
           "done & right & there", "done & right", f"{RUNNING}[mixed-12-1]"),
    Mutant("i2s-dropped-not-counted", I2S, "samples that the end of a recording displaces are not counted",
           "comes & (ends | ~room)", "comes & ~room", DROPPED),
    Mutant("i2s-count-wraps", I2S, "the count of lost samples begins anew", "& ~self.dropped.all()", "",
           "rtl/test_i2s.py::test_the_count_of_dropped_samples_does_not_wrap"),

    Mutant("microphone-decimation", MICROPHONE, "a sample is averaged over twice as many bits",
           "1 << (-(-MICROPHONE_HZ // rate) - 1)", "2 << (-(-MICROPHONE_HZ // rate) - 1)", CLOCKS),
    Mutant("microphone-clock", MICROPHONE, "the least clock is that of the microphone, which has two edges",
           "2e-6 * rate * decimation", "1e-6 * rate * decimation",
           CLOCKS),

    Mutant("pdm-early", PDM, "a sample is due a bit late", "takes & number.all()", "takes & (number == 0)",
           f"{AVERAGES}[config0]"),
    Mutant("pdm-full-scale", PDM, "full scale wraps to the lowest sample",
           "Mux(scaled > highest, highest, scaled)", "scaled",
           "rtl/test_pdm.py::test_full_scale_is_the_highest_sample"),
    Mutant("pdm-synchroniser", PDM, "a bit is taken before the synchroniser has it",
           "twice.eq(once)", "twice.eq(edge)", f"{AVERAGES}[config2]"),
    Mutant("pdm-right", PDM, "the right microphone is taken with the left one's edge",
           '(self.config.channel == "right")', "0", f"{AVERAGES}[config1]"),
]
