"""What each framework does in a step, against the real network that its graph is read as."""

import sys
from collections.abc import Callable
from typing import Any
from unittest import mock

import nir  # type: ignore[import-untyped]
import numpy as np
import pytest
import torch

from spikewright.compiler.reader import read_network
from spikewright.compiler.semantics import parse_semantics, resolve_semantics
from spikewright.ir import RealNetwork
from spikewright.models.real import RealModel

Reals = np.ndarray
STEPS, INPUTS, NEURONS = 60, 12, 20


def layer(neurons: Any, weights: Reals, bias: Reals, graph: Callable[..., Any]) -> Any:
    """Input, one Affine, one population, Output."""
    nodes = {
        "in": nir.Input(np.array([INPUTS])),
        "fc": nir.Affine(weights, bias),
        "neurons": neurons,
        "out": nir.Output(np.array([NEURONS])),
    }
    return graph(nodes, [("in", "fc"), ("fc", "neurons"), ("neurons", "out")])


def run(network: RealNetwork, spikes: Reals) -> Reals:
    """Spikes of the real model, ``(steps, neurons)``."""
    fired: Reals = RealModel(network).run({"in": spikes[None].astype(float)}).spikes["neurons"][0]
    assert 0.02 < fired.mean() < 0.9, "the stimulus must make it fire and stay silent"
    return fired


@pytest.fixture
def stimulus() -> tuple[Reals, Reals, Reals]:
    """Weights, bias and input spikes."""
    rng = np.random.default_rng(5)
    weights = rng.normal(0.1, 0.5, (NEURONS, INPUTS))
    return weights, rng.normal(0, 0.1, NEURONS), rng.random((STEPS, INPUTS)) < 0.3


Step = Callable[[Reals, Reals, Reals], tuple[Reals, Reals]]


def simulate(step: Step, current: Reals) -> Reals:
    """Run ``v, s = step(v, last s, i)`` of a framework."""
    potential, fired, spikes = np.zeros(NEURONS), np.zeros(NEURONS), []
    for now in current:
        potential, fired = step(potential, fired, now)
        spikes.append(fired)
    return np.array(spikes)


@pytest.mark.parametrize(
    ("reset", "changes"), [("subtract", {}), ("zero", {"reset": "zero", "reset_when": "now"})]
)
def test_snntorch_itself(
    stimulus: tuple[Reals, Reals, Reals], graph: Callable[..., Any], reset: str, changes: dict[str, str]
) -> None:
    with mock.patch.dict(sys.modules, {"nirtorch": mock.MagicMock()}):  # imported by it, not needed here
        import snntorch  # type: ignore[import-untyped]
        from snntorch.export_nir import _extract_snntorch_module  # type: ignore[import-untyped]
    weights, bias, spikes = stimulus
    linear = torch.nn.Linear(INPUTS, NEURONS).double()
    linear.weight.data, linear.bias.data = torch.tensor(weights), torch.tensor(bias)
    beta = torch.linspace(0.5, 0.95, NEURONS).double()
    leaky = snntorch.Leaky(
        beta=beta, threshold=torch.linspace(0.5, 1.5, NEURONS).double(), reset_mechanism=reset
    )
    membrane, expected = leaky.init_leaky(), []
    for now in torch.tensor(spikes).double():
        fired, membrane = leaky(linear(now)[None], membrane)
        expected.append(fired.detach().numpy()[0])
    affine = _extract_snntorch_module(linear)
    exported = layer(_extract_snntorch_module(leaky), affine.weight, affine.bias, graph)
    network = read_network(exported, resolve_semantics(parse_semantics(changes, "yaml"), "snntorch"))
    assert (run(network, spikes) == np.array(expected)).all()
    # The other reset must tell itself apart, or this compares nothing.
    other = {} if changes else {"reset": "zero", "reset_when": "now"}
    network = read_network(exported, resolve_semantics(parse_semantics(other, "yaml"), "snntorch"))
    assert (run(network, spikes) != np.array(expected)).any()


def test_snntorch_parameters_to_the_digit(graph: Callable[..., Any]) -> None:
    """What its export writes, in float32: tau = dt / (1 - beta), r = tau / dt."""
    beta = np.linspace(0.5, 0.95, NEURONS).astype(np.float32)
    tau = 1e-4 / (1 - beta)
    neurons = nir.LIF(
        tau=tau,
        r=tau / 1e-4,
        v_leak=0 * beta,
        v_threshold=np.full(NEURONS, 0.75, np.float32),
        v_reset=0 * beta,
    )
    weights = np.random.default_rng(0).normal(size=(NEURONS, INPUTS)).astype(np.float32)
    network = read_network(
        layer(neurons, weights, np.zeros(NEURONS), graph), resolve_semantics(source="snntorch")
    )
    (population,), (edge,) = network.populations, network.edges
    np.testing.assert_allclose(population.decay, beta, rtol=1e-6)
    assert (edge.weights == weights).all(), "a gain of 1 is 1, whatever float32 made of r"
    assert (population.threshold == 0.75).all()
    assert (population.reset_amount == 0.75).all()
    assert (population.compare, population.reset, population.reset_when) == ("gt", "subtract", "next")


def heaviside(x: Reals, *, at_zero: bool) -> Reals:
    return (x >= 0 if at_zero else x > 0).astype(float)


def test_norse(stimulus: tuple[Reals, Reals, Reals], graph: Callable[..., Any]) -> None:
    weights, bias, spikes = stimulus
    inverse, leak, reset = np.linspace(50, 800, NEURONS), 0.05, -0.1

    def step(v: Reals, _: Reals, i: Reals) -> tuple[Reals, Reals]:
        v = v + 0.001 * inverse * (leak - v + i)
        z = heaviside(v - 0.3, at_zero=False)
        return (1 - z) * v + z * reset, z

    ones = np.ones(NEURONS)
    neurons = nir.LIF(
        tau=1 / inverse, r=ones, v_leak=leak * ones, v_threshold=0.3 * ones, v_reset=reset * ones
    )
    network = read_network(layer(neurons, weights, bias, graph), resolve_semantics(source="norse"))
    assert (run(network, spikes) == simulate(step, spikes @ weights.T + bias)).all()


def test_norse_integrate_and_fire_knows_no_dt(
    stimulus: tuple[Reals, Reals, Reals], graph: Callable[..., Any]
) -> None:
    weights, bias, spikes = stimulus

    def step(v: Reals, _: Reals, i: Reals) -> tuple[Reals, Reals]:
        z = heaviside(v + i - 1.0, at_zero=False)
        return (1 - z) * (v + i), z

    ones = np.ones(NEURONS)
    neurons = nir.IF(r=ones, v_threshold=ones, v_reset=0 * ones)
    network = read_network(layer(neurons, weights, bias, graph), resolve_semantics(source="norse"))
    assert (run(network, spikes) == simulate(step, spikes @ weights.T + bias)).all()


def test_sinabs_with_single_spikes(stimulus: tuple[Reals, Reals, Reals], graph: Callable[..., Any]) -> None:
    weights, bias, spikes = stimulus
    tau = np.linspace(2, 20, NEURONS)  # in time steps
    alpha = np.exp(-1 / tau)

    def step(v: Reals, _: Reals, i: Reals) -> tuple[Reals, Reals]:
        v = alpha * v + (1 - alpha) * i
        z = heaviside(v - 0.2, at_zero=True)
        return v - z * 0.2, z

    ones = np.ones(NEURONS)
    neurons = nir.LIF(tau=tau, r=ones, v_leak=0 * ones, v_threshold=0.2 * ones)
    network = read_network(layer(neurons, weights, bias, graph), resolve_semantics(source="sinabs"))
    assert (run(network, spikes) == simulate(step, spikes @ weights.T + bias)).all()


@pytest.mark.parametrize("decay_input", [True, False])
def test_spikingjelly(
    stimulus: tuple[Reals, Reals, Reals], graph: Callable[..., Any], decay_input: bool
) -> None:
    weights, bias, spikes = stimulus
    tau = 3.0

    def step(v: Reals, _: Reals, i: Reals) -> tuple[Reals, Reals]:
        v = v + (i - v) / tau if decay_input else v - v / tau + i
        z = heaviside(v - 0.5, at_zero=True)
        return (1 - z) * v, z

    ones = np.ones(NEURONS)
    neurons = nir.LIF(
        tau=tau * 1e-4 * ones, r=ones if decay_input else tau * ones, v_leak=0 * ones, v_threshold=0.5 * ones
    )
    network = read_network(layer(neurons, weights, bias, graph), resolve_semantics(source="spikingjelly"))
    assert (run(network, spikes) == simulate(step, spikes @ weights.T + bias)).all()


def test_spikingjelly_integrate_and_fire_has_r_over_dt(graph: Callable[..., Any]) -> None:
    neurons = nir.IF(r=np.full(NEURONS, 1 / 1e-4), v_threshold=np.ones(NEURONS))
    network = read_network(
        layer(neurons, np.ones((NEURONS, INPUTS)), np.zeros(NEURONS), graph),
        resolve_semantics(source="spikingjelly"),
    )
    assert (network.edges[0].weights == 1).all()


def test_lava(stimulus: tuple[Reals, Reals, Reals], graph: Callable[..., Any]) -> None:
    weights, bias, spikes = stimulus
    dv = np.linspace(0.1, 0.5, NEURONS)

    def step(v: Reals, _: Reals, i: Reals) -> tuple[Reals, Reals]:
        v = v * (1 - dv) + i * dv
        z = heaviside(v - 0.2, at_zero=False)
        return (1 - z) * v, z

    ones = np.ones(NEURONS)
    neurons = nir.LIF(tau=1e-4 / dv, r=ones, v_leak=0 * ones, v_threshold=0.2 * ones)
    network = read_network(layer(neurons, weights, bias, graph), resolve_semantics(source="lava"))
    assert (run(network, spikes) == simulate(step, spikes @ weights.T + bias)).all()
