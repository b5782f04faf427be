"""Random networks with delays and cycles: hardware equals PyTorch in every spike, read-out and state.

Under random gaps in a third of them; with the clocks predicted in the others.
"""

import shutil
from pathlib import Path

import numpy as np
import pytest

from spikewright.compiler.mapping import map_network
from spikewright.cosim.simulators import Simulator
from spikewright.cosim.timing import predict_cycles
from tests.cosim.builds import write_files
from tests.recurrent_networks import random_recurrent_case

QUICK: Simulator = "icarus" if shutil.which("iverilog") else "verilator"


def check(seed: int, folder: Path, simulator: Simulator) -> None:
    """One random network, from its integers to its simulated Verilog; and the clocks that were predicted."""
    case = random_recurrent_case(seed)
    files = write_files(case.network, folder, case.mapping)
    stall = 0.0 if seed % 3 else 0.4
    result = files.cosimulate(case.x, simulator=simulator, stall=stall, seed=seed)
    comparison, hardware = result.comparison, result.hardware
    assert not hardware.faults
    assert comparison.mismatches == 0, comparison.divergence
    samples, steps = next(iter(case.x.values())).shape[:2]
    neurons = sum(population.size for population in case.network.populations)
    assert comparison.places_compared + comparison.readouts_compared == samples * steps * neurons
    assert comparison.states_compared >= samples * neurons
    assert comparison.step_states_compared >= steps * neurons
    predicted = predict_cycles(files.mapped.chip, case.network, {**case.x, **result.model.spikes})
    assert predicted.event_cycles == hardware.event_cycles
    assert predicted.update_cycles == hardware.update_cycles
    if not stall:
        assert predicted.cycles.sum() == pytest.approx(hardware.cycles.sum(), rel=0.02)
        assert predicted.step_cycles == pytest.approx(hardware.step_cycles.mean(), rel=0.02)


@pytest.mark.parametrize("seed", range(18))
def test_sample(seed: int, tmp_path: Path) -> None:
    check(seed, tmp_path, QUICK)


@pytest.mark.parametrize("seed", range(18, 22))
def test_verilator(seed: int, tmp_path: Path) -> None:
    check(seed, tmp_path, "verilator")


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(22, 200))
def test_more(seed: int, tmp_path: Path) -> None:
    check(seed, tmp_path, QUICK)


def test_they_cover_what_there_is() -> None:
    """Networks that are run without being asked for reach every kind of ring and loop."""
    cases = [random_recurrent_case(seed) for seed in range(18)]
    edges = [(case.network, edge) for case in cases for edge in case.network.edges]
    loops = [edge for network, edge in edges if network.closes_cycle(edge)]
    late = [edge for network, edge in edges if max(edge.delay) and not network.closes_cycle(edge)]
    assert any(edge.source == edge.target for edge in loops)
    assert any(edge.source != edge.target for edge in loops)
    for some in (loops, late):
        assert {len(edge.delay) > 1 for edge in some} == {True, False}
        assert {1, 2, 4} <= {max(edge.delay) for edge in some}
    assert any(0 in edge.delay for edge in late), "some sources at once, others later"
    ends = [[(edge.source, edge.target) for edge in case.network.edges] for case in cases]
    assert any(len(set(pairs)) < len(pairs) for pairs in ends), "several edges between the same two"
    sources = [case.network.input(edge.source) for case in cases for edge in case.network.edges
               if max(edge.delay)]  # fmt: skip
    assert any(port.value_bits for port in sources if port), "values in rings"
    assert any(port.max_events > 1 for port in sources if port), "counts in rings"
    fired = [network.population(edge.source).neuron for network, edge in edges if network.closes_cycle(edge)]
    assert {neuron.max_spikes > 1 for neuron in fired} == {True, False}
    chips = [map_network(case.network, **case.mapping).chip for case in cases]
    assert any(port.kind == "pace" for chip in chips for core in chip.cores for port in core.ports)
    assert {core.rows.kind for chip in chips for core in chip.cores} == {"dense", "compressed"}
    assert all(np.any(array) for case in cases for array in case.x.values())
