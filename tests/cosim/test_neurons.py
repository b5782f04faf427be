"""Chips of neurons with synaptic currents and of neurons that fire several times: hardware equals PyTorch.

Built without cocotb, in Icarus where it is installed.
"""

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from spikewright.cosim.simulators import Simulator
from spikewright.cosim.timing import predict_cycles
from spikewright.models.integer import IntegerModel
from spikewright.network import Edge, InputPort, IntegerNetwork, Population
from spikewright.neuron import Current, Decay, NeuronConfig
from tests.cosim.builds import Files, write_files
from tests.networks import Case, enriched, random_case

SIMULATOR: Simulator = "icarus" if shutil.which("iverilog") else "verilator"


def enriched_case(seed: int) -> Case:
    """A random network, more than half of its populations with a current, several spikes, or both."""
    case, rng = random_case(seed, largest=24, steps=8), np.random.default_rng([seed, 5])
    populations = []
    for population in case.network.populations:
        drive = 1 + max(abs(level) for level in population.neuron.compare)
        neuron = enriched(population.neuron, population.size, rng, drive=drive)
        if neuron == population.neuron:
            neuron = enriched(neuron, population.size, rng, drive=drive)
        populations.append(replace(population, neuron=neuron))
    return replace(case, network=replace(case.network, populations=tuple(populations)))


@pytest.mark.parametrize("seed", range(30))
def test_random_networks(seed: int, tmp_path: Path) -> None:
    """Every spike, read-out and state, under random gaps in a third of them; and the busy clocks."""
    case = enriched_case(seed)
    files = write_files(case.network, tmp_path, case.mapping)
    found = files.simulate(case.x, simulator=SIMULATOR, stall=0.0 if seed % 3 else 0.4, seed=seed)
    assert found.mismatches == 0, found.divergence
    samples, steps = next(iter(case.x.values())).shape[:2]
    neurons = sum(population.size for population in case.network.populations)
    assert found.places_compared + found.readouts_compared == samples * steps * neurons
    currents = sum(p.size for p in case.network.populations if p.neuron.current is not None)
    assert found.states_compared >= samples * (neurons + currents)
    assert found.step_states_compared >= steps * (neurons + currents)


def test_they_cover_currents_and_spikes() -> None:
    cases = [enriched_case(seed) for seed in range(30)]
    neurons = [population.neuron for case in cases for population in case.network.populations]
    currents = [neuron for neuron in neurons if neuron.current is not None]
    assert {neuron.current.feeds for neuron in currents if neuron.current} == {"new", "old"}
    assert {(n.reset, n.reset_when, n.fires) for n in currents} >= {
        ("subtract", "now", True), ("subtract", "next", True), ("set", "now", True), ("set", "next", True),
    } | {(n.reset, n.reset_when, False) for n in currents if not n.fires}
    assert any(not neuron.fires for neuron in currents)
    assert any(neuron.max_spikes > 1 for neuron in currents)
    counts = [IntegerModel(case.network).run(case.x).spikes for case in cases]
    assert max(int(spikes.max(initial=0)) for run in counts for spikes in run.values()) > 3


def wide_network() -> tuple[IntegerNetwork, dict[str, np.ndarray]]:
    """State words of more than 64 bits: wide values by wide weights, a wide current and potential."""
    decay = Decay(kind="multiply", factor=(60000,), fraction_bits=16)
    current = Current(bits=24, decay=decay, bias=(5,), feeds="old")
    neuron = NeuronConfig(state_bits=24, current=current, compare=(5_000_000,), reset="set",
                          reset_when="next", decay=Decay(kind="shift", shift=4))
    rng = np.random.default_rng(3)
    weights = rng.choice([-32768, 32767], size=(3, 1200))
    network = IntegerNetwork(
        name="wide", inputs=(InputPort(name="in", shape=(1200,), value_bits=16),),
        populations=(Population(name="core", size=3, neuron=neuron),),
        edges=(Edge(source="in", target="core", weights=weights),), outputs=("core",), weight_bits=16)
    x = np.where(rng.random((2, 5, 1200)) < 0.02, rng.integers(1, 1 << 16, size=(2, 5, 1200)), 0)
    return network, {"in": x}


@pytest.mark.parametrize("contents", ["baked", "bus"])
def test_state_words_of_any_width(contents: str, tmp_path: Path) -> None:
    network, x = wide_network()
    files: Files = write_files(network, tmp_path, {"contents": contents, "lanes": 2})
    assert files.mapped.chip.cores[0].state_word_bits > 64
    found = files.simulate(x, simulator=SIMULATOR, stall=0.0, seed=1)
    assert found.mismatches == 0, found.divergence
    model = IntegerModel(network).run(x)
    assert len(np.unique(model.states["core"]["stored"])) > 3
    assert 0 < model.spikes["core"].mean() < 1


@pytest.mark.parametrize("seed", [1, 4, 7, 10])
def test_clocks_are_predicted(seed: int, tmp_path: Path) -> None:
    """Busy clocks to the last one, latency and throughput within 2 %."""
    case = enriched_case(seed)
    files = write_files(case.network, tmp_path, case.mapping)
    result = files.cosimulate(case.x, simulator=SIMULATOR, seed=seed)
    assert result.comparison.mismatches == 0, result.comparison.divergence
    predicted = predict_cycles(files.mapped.chip, case.network, {**case.x, **result.model.spikes})
    hardware = result.hardware
    assert predicted.event_cycles == hardware.event_cycles
    assert predicted.update_cycles == hardware.update_cycles
    assert predicted.cycles.sum() == pytest.approx(hardware.cycles.sum(), rel=0.02)
    assert predicted.step_cycles == pytest.approx(hardware.step_cycles.mean(), rel=0.02)
