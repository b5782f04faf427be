"""Steps of frameworks whose graphs say other gains than they compute with, against the real network."""

from collections.abc import Callable
from typing import Any

import nir  # type: ignore[import-untyped]
import numpy as np
import pytest

from spikewright.compiler.reader import read_network
from spikewright.compiler.semantics import parse_semantics, resolve_semantics
from spikewright.ir import RealNetwork
from spikewright.models.real import RealModel

Reals = np.ndarray
Graph = Callable[..., Any]
STEPS, INPUTS, NEURONS = 60, 12, 20
ONES = np.ones(NEURONS)
RNG = np.random.default_rng(5)
WEIGHTS = np.round(RNG.normal(0.1, 0.5, (NEURONS, INPUTS)) * 8) / 8  # so that levels are met exactly
AROUND = RNG.normal(0, 0.3, (NEURONS, NEURONS))
SPIKES = RNG.random((STEPS, INPUTS)) < 0.3


def read(neurons: Any, graph: Graph, source: str, **keys: Any) -> RealNetwork:
    """Input, weights, one population, Output."""
    nodes = {"in": nir.Input(np.array([INPUTS])), "fc": nir.Linear(WEIGHTS), "neurons": neurons,
             "out": nir.Output(np.array([NEURONS]))}  # fmt: skip
    edges = [("in", "fc"), ("fc", "neurons"), ("neurons", "out")]
    return read_network(graph(nodes, edges), resolve_semantics(parse_semantics(keys, "given"), source))


def run(network: RealNetwork) -> Reals:
    """Spikes of the real model, ``(steps, neurons)``."""
    (fired,) = RealModel(network).run({"in": SPIKES[None].astype(float)}).spikes.values()
    assert 0.02 < (fired > 0).mean() < 0.9, "the stimulus must make it fire and stay silent"
    return np.array(fired[0])


def cuba(tau_syn: Reals, tau_mem: Reals, threshold: Reals, **more: Reals) -> Any:
    return nir.CubaLIF(
        tau_syn=tau_syn, tau_mem=tau_mem, v_leak=0 * ONES, v_threshold=threshold, **{"r": ONES} | more
    )


@pytest.mark.parametrize("most", [1, 255])
def test_rockpool(graph: Graph, most: int) -> None:
    """LIFTorch: its r is that of the potential, and its drive goes into the current before that decays."""
    tau_syn, tau_mem = np.linspace(0.002, 0.02, NEURONS), np.linspace(0.05, 0.005, NEURONS)
    levels = 1.5 * ONES
    alpha, beta = np.exp(-1e-3 / tau_mem), np.exp(-1e-3 / tau_syn)
    current, potential, expected = np.zeros(NEURONS), np.zeros(NEURONS), []
    for now in SPIKES @ WEIGHTS.T:
        current = (current + now) * beta
        potential = alpha * potential + current
        fired = np.clip((potential >= levels) * np.floor(potential / levels), 0, most)
        potential = potential - fired * levels
        expected.append(fired)
    neurons = cuba(tau_syn, tau_mem, levels, r=tau_mem * alpha / 1e-3)
    assert (run(read(neurons, graph, "rockpool", max_spikes_per_step=most)) == np.array(expected)).all()
    changed = read(neurons, graph, "rockpool", max_spikes_per_step=most, current_gain="integrated")
    assert (run(changed) != np.array(expected)).any()


def test_rockpool_without_a_current(graph: Graph) -> None:
    """LIFNeuronTorch takes its drive as it is; ExpSynTorch before it decays, as its r says."""
    tau = np.linspace(0.005, 0.05, NEURONS)
    alpha = np.exp(-1e-3 / tau)
    levels = {"tau": tau, "r": tau * alpha / 1e-3, "v_leak": 0 * ONES}
    network = read(nir.LIF(**levels, v_threshold=ONES), graph, "rockpool")
    np.testing.assert_allclose(network.populations[0].decay, alpha)
    assert (network.edges[0].weights == WEIGHTS).all()
    network = read(nir.LI(**levels), graph, "rockpool")
    np.testing.assert_allclose(network.edges[0].weights, alpha[:, None] * WEIGHTS)


@pytest.mark.parametrize(("source", "at_threshold"), [("spikingjelly", True), ("lava", False)])
def test_currents_that_take_their_drive_as_it_is(graph: Graph, source: str, at_threshold: bool) -> None:
    """SpikingJelly's CUBALIFNode and lava-dl's CUBA, whose potential takes the new current."""
    keep_syn, keep, levels = 0.5, 0.75, np.where(np.arange(NEURONS) % 2, 1.0, 1.5)
    current, potential, expected = np.zeros(NEURONS), np.zeros(NEURONS), []
    for now in SPIKES @ WEIGHTS.T:
        current = current * keep_syn + now
        potential = potential * keep + current
        fired = potential >= levels if at_threshold else potential > levels
        potential = np.where(fired, -0.25, potential)
        expected.append(fired)
    tau_syn, tau_mem = ONES * 1e-4 / (1 - keep_syn), ONES * 1e-4 / (1 - keep)
    gains = {"r": tau_mem / 1e-4, "w_in": tau_syn / 1e-4, "v_reset": -0.25 * ONES}
    network = read(cuba(tau_syn, tau_mem, levels, **gains), graph, source)
    assert (run(network) == np.array(expected)).all()
    compare = "gt" if at_threshold else "ge"
    other = read(cuba(tau_syn, tau_mem, levels, **gains), graph, source, compare=compare)
    assert (run(other) != np.array(expected)).any(), "a level must be met exactly"


@pytest.mark.parametrize("recurrent", [False, True])
def test_spyx(graph: Graph, recurrent: bool) -> None:
    """LIF and RLIF fire a step later, by the potential of the step before, and have no r."""
    beta = np.linspace(0.3, 0.9, NEURONS)
    potential, expected = np.zeros(NEURONS), []
    for now in SPIKES @ WEIGHTS.T:
        fired = (potential > 1).astype(float)
        potential = beta * potential + now + (AROUND @ fired if recurrent else 0) - fired
        expected.append(fired)
    neurons = nir.LIF(tau=1 / (1 - beta), r=beta, v_leak=0 * ONES, v_threshold=ONES)
    if recurrent:
        inner = {"lif": neurons, "w_rec": nir.Linear(AROUND), "input": nir.Input(np.array([NEURONS])),
                 "output": nir.Output(np.array([NEURONS]))}  # fmt: skip
        neurons = graph(
            inner, [("input", "w_rec"), ("w_rec", "lif"), ("lif", "w_rec"), ("lif", "output")]
        )
    got = run(read(neurons, graph, "spyx"))
    assert (got[:-1] == np.array(expected)[1:]).all()
    assert not np.any(expected[0])
