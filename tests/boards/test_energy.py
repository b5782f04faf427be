"""Energies against sums worked out by hand."""

import re
from dataclasses import replace
from typing import Any

import pytest

from spikewright.boards.activity import Activity, CoreActivity
from spikewright.boards.energy import inference_energy
from spikewright.boards.technology import Technology
from spikewright.boards.technology_file import load_technology
from spikewright.boards.technology_rows import Adder, Memory, Multiplier, Supply
from spikewright.config import (
    ChipConfig,
    CompressedRows,
    CoreConfig,
    DenseRows,
    InputConfig,
    Parameter,
    PortConfig,
)
from spikewright.errors import ConfigError
from spikewright.neuron import Current, Decay, NeuronConfig

# An addition costs its bits; an access its bits times the root of the bytes over 16.
SIMPLE = Technology(
    version=1, name="simple", supply=Supply(volts=1.0, source="by hand"),
    adders=[Adder(bits=1, energy_pj=1.0, source="by hand")],
    multipliers=[Multiplier(bits=1, energy_pj=1.0, source="by hand")],
    memories=[Memory(bytes=16, word_bits=1, energy_pj=1.0, source="the back of an envelope")],
)
NOTHING: dict[str, Any] = dict.fromkeys(CoreActivity.__dataclass_fields__, 0)
NOTHING |= {"ring_reads": (), "ring_writes": ()}


def chip(core: CoreConfig) -> ChipConfig:
    inputs = (InputConfig(name="in", shape=(8,)),)
    return ChipConfig(name="chip", inputs=inputs, cores=(core,), outputs=(core.name,))


def dense(**changes: object) -> CoreConfig:
    """16 neurons in 4 slots of 4 lanes, 8 rows; weights: 32 words of 16 bits, states: 4 words of 12."""
    core = CoreConfig(
        name="core", neuron=NeuronConfig(state_bits=10, decay=Decay(kind="shift", shift=3)), neurons=16,
        lanes=4, weight_bits=4, accumulator_bits=12, ports=(PortConfig(source="in", addresses=8),),
        rows=DenseRows(), placement=tuple(range(16)))
    return replace(core, **changes)  # type: ignore[arg-type]


def activity(samples: int = 1, **counts: Any) -> Activity:
    return Activity(samples=samples, steps=2, cores={"core": CoreActivity(**NOTHING | counts)})


@pytest.mark.parametrize(("counts", "each_pj"), [
    ({"weight_words": 1}, 16 * 2.0),  # 32 words of 16 bits: 64 bytes, four times the row
    ({"state_reads": 1}, 12 * (6 / 16) ** 0.5),
    ({"state_writes": 1}, 12 * (6 / 16) ** 0.5),
    ({"additions": 1}, 12),
    ({"multiply_passes": 1}, 4),
    ({"neuron_updates": 1}, 12 + 10 + 10),  # compare; subtract, decay
    ({"events": 1}, 0),
    ({"spikes": 1}, 0),
])
def test_each_operation(counts: dict[str, int], each_pj: float) -> None:
    energy = inference_energy(chip(dense()), activity(**counts), SIMPLE)
    assert energy.energy_per_inference_nj == pytest.approx(each_pj / 1000)
    assert energy.energy_per_sop_pj is None
    assert energy.memory_nj + energy.compute_nj == pytest.approx(energy.energy_per_inference_nj)
    of_memories = any("words" in name or "state" in name for name in counts)
    assert (energy.memory_nj > 0) == (of_memories and each_pj > 0)


def test_compressed_rows() -> None:
    # Entries: 64 words of 2 + 4 bits a lane, 48 bytes; rows: 4 words of 8 + 2 * 4 bits, 8 bytes.
    rows = CompressedRows(entries=64, group=2, start_bits=8, offset_bits=4)
    done = inference_energy(chip(dense(rows=rows)), activity(weight_words=10, row_words=3), SIMPLE)
    expected = 10 * 6 * (48 / 16) ** 0.5 + 3 * 16 * (8 / 16) ** 0.5
    assert done.energy_per_inference_nj == pytest.approx(expected / 1000)
    assert [(item.operation, item.count) for item in done.items] == [("weight read", 10), ("row read", 3)]


def test_updates_cost_what_the_neuron_does() -> None:
    def update_pj(core: CoreConfig) -> float:
        return inference_energy(chip(core), activity(neuron_updates=1), SIMPLE).energy_per_inference_nj * 1000

    plain = NeuronConfig(state_bits=10, reset="set")
    assert update_pj(dense(neuron=plain)) == pytest.approx(12)
    assert update_pj(dense(neuron=replace(plain, fires=False))) == pytest.approx(0)
    assert update_pj(dense(neuron=replace(plain, reset="subtract"))) == pytest.approx(12 + 10)
    assert update_pj(dense(neuron=replace(plain, bias=(3,)))) == pytest.approx(12 + 10)
    loaded = dense(neuron=plain, parameters=(Parameter(name="bias", bits=4, signed=True),))
    assert update_pj(loaded) == pytest.approx(12 + 10)
    factor = Decay(kind="multiply", factor=(7,), fraction_bits=4)
    assert update_pj(dense(neuron=replace(plain, decay=factor))) == pytest.approx(12 + 10 * 4)
    holds = dense(neuron=plain, ports=(PortConfig(source="in", addresses=8, kind="hold"),))
    assert update_pj(holds) == pytest.approx(12 + 12)

    def with_current(**changes: Any) -> float:
        current = Current(bits=8, **changes)
        return update_pj(dense(neuron=replace(plain, current=current), potential_bits=11))

    assert with_current() == pytest.approx(12 + 10)
    assert with_current(decay=Decay(kind="shift", shift=2)) == pytest.approx(12 + 10 + 8)
    assert with_current(bias=(3,)) == pytest.approx(12 + 10 + 8)
    assert with_current(decay=factor) == pytest.approx(12 + 10 + 8 * 4)


def test_a_spike_more_costs_an_addition() -> None:
    several = dense(neuron=NeuronConfig(state_bits=10, max_spikes=3))
    done = inference_energy(chip(several), activity(spikes=5), SIMPLE)
    assert done.compute_nj == pytest.approx(5 * 10 / 1000)


def test_rings_are_memories_of_their_own() -> None:
    late = dense(ports=(
        PortConfig(source="in", addresses=8, delay=(2,)),  # 3 slots of a word of 8 bits: 3 bytes
        PortConfig(source="in", addresses=8, first_row=8),
        PortConfig(source="in", addresses=8, first_row=16, delay=(0, 1, 2, 3, 4, 5, 6, 15)),  # 16 bytes
    ))
    done = inference_energy(chip(late), activity(ring_reads=(3, 1), ring_writes=(4, 2)), SIMPLE)
    assert done.memory_nj == pytest.approx((7 * 8 * (3 / 16) ** 0.5 + 3 * 8) / 1000)
    assert [(item.operation, item.count) for item in done.items] == [
        ("ring read", 3), ("ring read", 1), ("ring write", 4), ("ring write", 2)]
    assert "memories: of 3 to 192 bytes; 6 of 7 lie outside" in done.sources[3]


def test_parameters_are_read() -> None:
    core = dense(parameters=(Parameter(name="compare", bits=8, signed=True),))  # 4 words of 32 bits: 16 bytes
    done = inference_energy(chip(core), activity(parameter_words=5), SIMPLE)
    assert done.energy_per_inference_nj == pytest.approx(5 * 32 / 1000)


def test_a_run_at_45_nm() -> None:
    counts = {"weight_words": 400, "additions": 1600, "state_reads": 1648, "state_writes": 1648,
              "neuron_updates": 48, "synaptic_operations": 1000}
    done = inference_energy(chip(dense()), activity(samples=4, **counts), load_technology("45nm"))
    per_bit = 10 / 64
    memory = 400 * 16 * per_bit * (64 / 8192) ** 0.5 + 2 * 1648 * 12 * per_bit * (6 / 8192) ** 0.5
    add_12, add_10 = 0.03 + 4 * 0.07 / 24, 0.03 + 2 * 0.07 / 24
    compute = 1600 * add_12 + 48 * (add_12 + 2 * add_10)
    assert done.memory_nj == pytest.approx(memory / 4000)
    assert done.compute_nj == pytest.approx(compute / 4000)
    assert done.energy_per_inference_nj == pytest.approx((memory + compute) / 4000)
    assert done.energy_per_sop_pj == pytest.approx((memory + compute) / 1000)
    assert sum(item.total_pj for item in done.items) == pytest.approx(memory + compute)


def test_sources_name_the_table_and_what_is_modelled() -> None:
    done = inference_energy(chip(dense()), activity(samples=3, additions=1), SIMPLE)
    assert done.sources[0] == "operations: counted from the spikes of 3 samples of 2 steps"
    assert done.sources[1] == "energy of an operation: by hand; the back of an envelope"
    assert done.sources[3] == ("memories: of 6 to 64 bytes; 5 of 5 lie outside the table's 16 to 16,"
                               " their energies are extrapolated")
    assert all("modelled" in done.sources[index] for index in (2, 4))


def test_activity_of_another_chip() -> None:
    other = Activity(samples=1, steps=1, cores={"a": CoreActivity(**NOTHING), "b": CoreActivity(**NOTHING)})
    expected = "activity is of cores a, b, the chip has core; co-simulate again"
    with pytest.raises(ConfigError, match=f"^{re.escape(expected)}$"):
        inference_energy(chip(dense()), other, SIMPLE)
    expected = "activity of core 'core': counts accesses to memories that it has not; co-simulate again"
    for name in ("row_words", "parameter_words"):
        with pytest.raises(ConfigError, match=f"^{re.escape(expected)}$"):
            inference_energy(chip(dense()), activity(**{name: 1}), SIMPLE)
    with pytest.raises(ConfigError, match=f"^{re.escape(expected)}$"):
        inference_energy(chip(dense()), activity(ring_reads=(1,), ring_writes=(1,)), SIMPLE)
