"""Random whole networks: hardware equals PyTorch in every spike, read-out and state."""

import shutil
from pathlib import Path

import numpy as np
import pytest

from spikewright.cosim.timing import predict_cycles
from tests.cosim.builds import write_files
from tests.networks import random_case

needs_icarus = pytest.mark.skipif(shutil.which("iverilog") is None, reason="iverilog is not installed")


def check(seed: int, folder: Path, simulator: str, stall: float) -> None:
    """One random network, from its integers to its simulated Verilog; and the clocks that were predicted."""
    case = random_case(seed)
    files = write_files(case.network, folder, case.mapping)
    result = files.cosimulate(case.x, simulator=simulator, stall=stall, seed=seed)
    comparison = result.comparison
    assert not result.hardware.faults
    assert comparison.mismatches == 0, comparison.divergence
    samples, steps = next(iter(case.x.values())).shape[:2]
    neurons = sum(population.size for population in case.network.populations)
    assert comparison.places_compared + comparison.readouts_compared == samples * steps * neurons
    assert comparison.states_compared >= samples * neurons
    predicted = predict_cycles(files.mapped.chip, case.network, {**case.x, **result.model.spikes})
    hardware = result.hardware
    assert predicted.event_cycles == hardware.event_cycles
    assert predicted.update_cycles == hardware.update_cycles
    if not stall:  # gaps are not foreseen
        assert predicted.cycles.sum() == pytest.approx(hardware.cycles.sum(), rel=0.02)
        assert predicted.step_cycles == pytest.approx(hardware.step_cycles.mean(), rel=0.02)


@pytest.mark.parametrize("seed", range(50))
def test_verilator(seed: int, tmp_path: Path) -> None:
    check(seed, tmp_path, "verilator", stall=0.0 if seed % 3 else 0.4)


@needs_icarus
@pytest.mark.parametrize("seed", [*range(50, 60), *(pytest.param(seed, marks=pytest.mark.slow)
                                                    for seed in range(60, 80))])
def test_icarus(seed: int, tmp_path: Path) -> None:
    check(seed, tmp_path, "icarus", stall=0.0 if seed % 3 else 0.4)


def test_the_cases_cover_the_contract() -> None:
    """The 50 networks of the test above reach every choice that the hardware has."""
    cases = [random_case(seed) for seed in range(50)]
    neurons = [population.neuron for case in cases for population in case.network.populations]
    ports = [port for case in cases for port in case.network.inputs]
    assert {neuron.decay.kind for neuron in neurons} == {"none", "shift", "multiply"}
    assert {(n.reset, n.reset_when) for n in neurons if n.fires} == {
        ("subtract", "now"),
        ("subtract", "next"),
        ("set", "now"),
        ("set", "next"),
    }
    assert {neuron.fires for neuron in neurons} == {True, False}
    assert {neuron.floor is None for neuron in neurons} == {True, False}
    assert {len(neuron.compare) > 1 for neuron in neurons} == {True, False}
    assert {any(neuron.bias) for neuron in neurons} == {True, False}
    assert {port.kind for port in ports} == {"drive", "hold"}
    assert {port.value_bits > 0 for port in ports} == {True, False}
    assert {case.mapping["contents"] for case in cases} == {"baked", "bus"}
    assert {case.mapping["rows"] for case in cases} == {"auto", "dense", "compressed"}
    assert {case.mapping["lanes"] for case in cases} == {None, 1, 2, 4, 8, 16}
    assert any(len(case.network.outputs) > 1 for case in cases)
    assert any(len(case.network.edges_to(p.name)) > 1 for case in cases for p in case.network.populations)
    assert all(np.any(array) for case in cases for array in case.x.values())
