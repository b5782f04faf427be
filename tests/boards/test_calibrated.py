"""Energy of technologies that are calibrated, or measured as a whole: sums worked out by hand."""

import math
import time
from dataclasses import replace

import pytest

from spikewright.boards.energy import inference_energy
from spikewright.boards.fabric import fabric_energy
from spikewright.boards.sram import macro_model
from spikewright.boards.target import TargetEstimate
from spikewright.boards.technology import Technology
from spikewright.boards.technology_file import load_technology
from spikewright.boards.technology_rows import TERMS, Error, Logic, Supply, Term
from spikewright.boards.terms import core_terms, is_macro
from spikewright.config import CompressedRows, Parameter, PortConfig
from spikewright.errors import ConfigError
from spikewright.memories import core_memories
from spikewright.neuron import Decay, NeuronConfig
from spikewright.rtl.decay import decay_adders
from tests.boards.test_energy import activity, chip, dense
from tests.boards.test_sram import macro

MACROS = [macro(64, 8, 1), macro(256, 8, 2), macro(64, 32, 1), macro(1024, 16, 1)]


def calibrated(**terms: float) -> Technology:
    """Terms, and macros of ``bits * sqrt(words)`` pJ a read and twice that a write."""
    rows = [Term.model_validate({"term": name, "energy_pj": value, "source": "runs"})
            for name, value in terms.items()]
    logic = Logic(terms=rows, error=Error(low=0.5, high=3.0, designs=7, source="runs"))
    return Technology(version=1, name="mine", supply=Supply(volts=2.0, source="x"), srams=MACROS, logic=logic)


@pytest.mark.parametrize(("term", "counts", "count"), [
    ("lane_cycles", {}, 100 * 4 * 12),
    ("row_cycles", {}, 0),
    ("walker_cycles", {}, 0),
    ("flop_cycles", {}, 100 * 4 * 5 * 12),  # four state memories of 4 words of 12 bits, and the word read
    ("port_cycles", {}, 100 * (5 + 6)),  # words of 3 and 4 bits of address and 2 of kind
    ("neuron_cycles", {}, 100 * 16),
    ("multiplier_cycles", {}, 0),
    ("additions", {"additions": 3}, 3 * 12),
    ("passes", {"multiply_passes": 3}, 3 * 4),
    ("updates", {"neuron_updates": 3}, 3 * 12),
    ("multiplications", {"neuron_updates": 3}, 0),
    ("events", {"events": 3}, 3 * (5 + 6)),
])
def test_each_term(term: str, counts: dict[str, int], count: int) -> None:
    run = replace(activity(samples=2, **counts), cycles=100)
    terms = core_terms(chip(dense()), dense(), run)
    assert terms[term] == count
    energy = inference_energy(chip(dense()), run, calibrated(**{term: 0.25}))
    assert energy.compute_nj == pytest.approx(count * 0.25 / 2 / 1000)
    assert energy.memory_nj == 0.0
    assert energy.low_nj == pytest.approx(0.5 * energy.compute_nj)
    assert energy.high_nj == pytest.approx(3.0 * energy.compute_nj)
    assert energy.by_core_nj["core"] == pytest.approx(energy.compute_nj)


def test_every_term_is_counted() -> None:
    assert set(core_terms(chip(dense()), dense(), activity())) == set(TERMS)


def test_compressed_rows_and_baked_flops() -> None:
    rows = CompressedRows(entries=16, group=4, start_bits=8, offset_bits=2)
    core = dense(rows=rows)
    run = replace(activity(), cycles=10)
    terms = core_terms(chip(core), core, run)
    assert terms["row_cycles"] == 10 * 4 * (8 + 4 * 2 + 2 + 4 + 12)
    assert terms["walker_cycles"] == 10 * 4 * 3, "a queue of rows; there are 8"
    states, read = 4 * 5 * 12, 4 * (6 + 16)  # entries and row pointers, a word each of four lanes
    assert terms["flop_cycles"] == 10 * (states + read), "fixed contents become logic"
    loaded = replace(chip(core), contents="bus")
    contents = 4 * (16 * 6 + 2 * 16)
    assert core_terms(loaded, core, run)["flop_cycles"] == 10 * (states + read + contents)


def test_multipliers() -> None:
    decay = Decay(kind="multiply", fraction_bits=8, factor=(100,))
    core = dense(neuron=NeuronConfig(state_bits=10, decay=decay),
                 ports=(PortConfig(source="in", addresses=8, value_bits=3),))
    terms = core_terms(chip(core), core, replace(activity(neuron_updates=5), cycles=10))
    assert terms["multiplier_cycles"] == 10 * 4 * (2 * 2 * 10 + 4 + 3)
    adders = decay_adders(decay, 10)  # 100 / 256 is (128 - 32 + 4) / 256
    assert len(adders) == 3, "two at the digits, one that rounds; a register behind two"
    assert terms["multiplications"] == 5 * sum(adder.bits for adder in adders)
    stored = replace(core, parameters=(*core.parameters, Parameter(name="decay", bits=9, signed=False)))
    terms = core_terms(chip(stored), stored, replace(activity(neuron_updates=5), cycles=10))
    assert terms["multiplier_cycles"] == 10 * 4 * (10 + 8 + 4 + 3)
    assert terms["multiplications"] == 5 * 10 * 8


def test_small_memories_are_flip_flops_and_large_ones_macros() -> None:
    core = dense()  # weights: 32 words of 16 bits; states: 4 words of 12
    assert [is_macro(memory) for memory in core_memories(core)] == [True, False, False, False, False]
    run = replace(activity(weight_words=10, state_reads=10, state_writes=10), cycles=0)
    energy = inference_energy(chip(core), run, calibrated(updates=1.0))
    assert energy.memory_nj == pytest.approx(10 * 16 * 8 / 1000), "as deep as the shallowest macro: 64 words"
    assert (energy.low_nj, energy.high_nj) == (energy.memory_nj, energy.memory_nj), "no error bar on memories"
    assert any(source.startswith("memories: modelled, 1 SRAM macros") for source in energy.sources)


def test_clocks_are_needed() -> None:
    expected = r"^technology mine: needs clocks, and the activity has none; co-simulate again$"
    with pytest.raises(ConfigError, match=expected):
        inference_energy(chip(dense()), activity(additions=1), calibrated(additions=1.0))


def test_the_shipped_one_is_quick_and_says_how_far_off_it_is() -> None:
    run = replace(activity(additions=100, neuron_updates=50, weight_words=20, events=5), cycles=1000)
    started = time.perf_counter()
    table = load_technology("130nm")
    energy = inference_energy(chip(dense()), run, table)
    assert time.perf_counter() - started < 0.1
    assert table.logic is not None
    assert energy.low_nj is not None
    assert energy.high_nj is not None
    assert energy.low_nj < energy.energy_per_inference_nj < energy.high_nj
    assert energy.memory_nj == pytest.approx(
        20 * macro_model(table).figure("read_pj", depth=32, width=16) / 1000)
    bounds = f"{table.logic.error.low:g} to {table.logic.error.high:g} times modelled on"
    assert any(bounds in source for source in energy.sources)


def test_an_fpga_measured_as_a_whole() -> None:
    table = load_technology("ice40")
    assert table.fabric is not None
    placed = TargetEstimate(technology="ice40", logic_cells=1000, cycles_per_inference=12e3, latency_us=1e3)
    run = activity(samples=2, synaptic_operations=200)
    row = fabric_energy(placed, run, table)
    # At 12 MHz for a millisecond; the source has 613.5 uA at 1.219 V for 32 quiet cells.
    assert row.leakage_nj == pytest.approx(112.3)
    low, high = (112.3 + 12e3 * (52.5 + 1000 * each) / 1e3 for each in (0.01441, 0.1981))
    assert row.energy_low_nj == pytest.approx(low)
    assert row.energy_high_nj == pytest.approx(high)
    middle = 112.3 + 12e3 * (52.5 + 1000 * math.sqrt(0.01441 * 0.1981)) / 1e3
    assert row.energy_per_inference_nj == pytest.approx(middle)
    assert row.power_mw == pytest.approx(middle / 1e3)
    assert row.energy_per_sop_pj == pytest.approx(1e3 * middle / 100)
    small = fabric_energy(replace(placed, logic_cells=32), run, table)
    assert small.energy_low_nj is not None
    assert small.energy_low_nj / 1e3 == pytest.approx(613.5e-3 * 1.219, rel=2e-3), "the measurement itself"
    busy = fabric_energy(replace(placed, logic_cells=208), run, table)
    assert busy.energy_high_nj is not None
    assert busy.energy_high_nj / 1e3 == pytest.approx(996e-3 * 1.219, rel=0.06), "another, with an oscillator"
    idle = fabric_energy(replace(placed, latency_us=None), run, table)
    assert idle.energy_per_inference_nj is None
    assert idle.sources == ("energy, power: none without logic cells placed, cycles and a clock",)
