"""Random networks of convolutions, currents, several spikes, delays and cycles: hardware equals PyTorch.

Every spike, read-out and state, under random gaps in a third of them. Built without cocotb, in Icarus where
it is installed.
"""

import shutil
import tempfile
from pathlib import Path

import numpy as np
import pytest

from spikewright.convolution import Convolution
from spikewright.cosim.simulators import Simulator
from spikewright.cosim.timing import predict_cycles
from spikewright.errors import ToolError
from spikewright.network import Edge, InputPort, IntegerNetwork, Population
from spikewright.neuron import NeuronConfig
from tests.cosim.builds import write_files
from tests.networks import Case
from tests.plane_networks import random_plane_case
from tests.shrink import shrink, tell

SIMULATOR: Simulator = "icarus" if shutil.which("iverilog") else "verilator"
BLOCK = 8
"""Networks of one test."""


def divergence(case: Case, seed: int) -> str | None:
    """How the hardware differs from the model, if it does; everything that there is must be compared."""
    with tempfile.TemporaryDirectory() as folder:
        files = write_files(case.network, Path(folder), case.mapping)
        try:
            stall = 0.0 if seed % 3 else 0.4
            found = files.simulate(case.x, simulator=SIMULATOR, stall=stall, seed=seed)
        except ToolError as error:  # locked up
            return str(error)
    samples, steps = next(iter(case.x.values())).shape[:2]
    neurons = sum(population.size for population in case.network.populations)
    assert found.places_compared + found.readouts_compared == samples * steps * neurons
    assert found.states_compared >= samples * neurons
    assert found.step_states_compared >= steps * neurons
    return None if found.mismatches == 0 else f"{found.mismatches} mismatches; {found.divergence}"


def check_block(first: int) -> None:
    for seed in range(first, first + BLOCK):
        case = random_plane_case(seed)
        found = divergence(case, seed)
        if found:
            small = shrink(case, lambda smaller, seed=seed: bool(divergence(smaller, seed)), tries=60)  # type: ignore[misc]
            what = divergence(small, seed)
            raise AssertionError(f"seed {seed}: {found}\nmade small: {what}\n{tell(small)}")


@pytest.mark.parametrize("first", range(0, 4 * BLOCK, BLOCK))
def test_sample(first: int) -> None:
    check_block(first)


def test_an_event_that_reaches_nothing_replaces_held_drive() -> None:
    """A sum of windows of 2 by 2 leaves a rest of a plane of 5 by 5; an event there is one all the same."""
    neuron = NeuronConfig(fires=False)
    one = Convolution(source=(1, 5, 5), target=(1, 5, 5), size=(1, 1))
    weights = np.zeros((1, 5, 5), np.int64)
    weights[0, :4, :4] = np.array([[1, 2], [3, 4]]).repeat(2, axis=0).repeat(2, axis=1)
    network = IntegerNetwork(
        name="rest",
        inputs=(InputPort(name="in", shape=(1, 5, 5), kind="hold"),),
        populations=(
            Population(name="plane", size=25, shape=(1, 5, 5), neuron=neuron),
            Population(name="sum", size=1, neuron=neuron),
        ),
        edges=(
            Edge(source="in", target="plane", weights=np.ones((1, 1, 1, 1), np.int64), convolution=one),
            Edge(source="in", target="sum", weights=weights.reshape(1, 25)),
        ),
        outputs=("plane", "sum"),
    )
    x = np.zeros((1, 5, 1, 5, 5), np.int64)
    x[0, 0, 0, 0, 0] = x[0, 2, 0, 4, 4] = 1
    for rows in ("dense", "compressed"):
        case = Case(network=network, mapping={"lanes": 1, "rows": rows}, x={"in": x})
        assert divergence(case, 1) is None


@pytest.mark.slow
@pytest.mark.parametrize("first", range(4 * BLOCK, 29 * BLOCK, BLOCK))
def test_two_hundred_more(first: int) -> None:
    check_block(first)


@pytest.mark.parametrize("seed", range(0, 6))
def test_clocks_are_predicted(seed: int, tmp_path: Path) -> None:
    """Busy clocks to the last one, latency and throughput within 2 %."""
    case = random_plane_case(seed)
    files = write_files(case.network, tmp_path, case.mapping)
    result = files.cosimulate(case.x, simulator=SIMULATOR, seed=seed)
    assert result.comparison.mismatches == 0, result.comparison.divergence
    predicted = predict_cycles(files.mapped.chip, case.network, {**case.x, **result.model.spikes})
    hardware = result.hardware
    assert predicted.event_cycles == hardware.event_cycles
    assert predicted.update_cycles == hardware.update_cycles
    assert predicted.cycles.sum() == pytest.approx(hardware.cycles.sum(), rel=0.02)
    assert predicted.step_cycles == pytest.approx(hardware.step_cycles.mean(), rel=0.02)


def test_they_cover_what_there_is() -> None:
    """The networks that are run without being asked for reach every choice."""
    cases = [random_plane_case(seed) for seed in range(4 * BLOCK)]
    neurons = [population.neuron for case in cases for population in case.network.populations]
    assert {neuron.max_spikes > 1 for neuron in neurons} == {True, False}
    assert {neuron.current.feeds for neuron in neurons if neuron.current} == {"new", "old"}
    kinds = {neuron.current.decay.kind for neuron in neurons if neuron.current}
    assert kinds == {"none", "shift", "multiply"}
    edges = [(case.network, edge) for case in cases for edge in case.network.edges]
    assert {edge.convolution is None for _, edge in edges} == {True, False}
    assert {network.closes_cycle(edge) for network, edge in edges} == {True, False}
    assert any(edge.source != edge.target for network, edge in edges if network.closes_cycle(edge))
    assert any(max(edge.delay) > 0 for network, edge in edges if not network.closes_cycle(edge))
    assert any(port.max_events > 1 for case in cases for port in case.network.inputs)
    assert all(np.any(array) for case in cases for array in case.x.values())
