"""The network to train is the integer network, forward; what it learns, and what it must not change."""

from typing import Any

import numpy as np
import pytest
import torch

from spikewright.compiler.plan import Plan
from spikewright.compiler.quantize import quantize
from spikewright.errors import ConfigError
from spikewright.ir import RealNetwork
from spikewright.models.finetune import FinetuneOptions, finetune, scores
from spikewright.models.grid import GridNetwork
from spikewright.models.integer import IntegerModel
from spikewright.network import Edge, InputPort, IntegerNetwork, Population
from spikewright.neuron import Decay, NeuronConfig
from tests.compiler.real_networks import (
    CONVOLUTION,
    dense,
    pooled_convolution,
    population,
    recurrent_currents,
)

KERNEL = np.random.default_rng(2).normal(0.05, 0.4, CONVOLUTION.kernel_shape)
WEIGHTS = np.random.default_rng(3).normal(0.05, 0.4, (6, 5))
NETWORKS: dict[str, RealNetwork] = {
    "conv": pooled_convolution(KERNEL, max_spikes=3, max_events=4),
    "recurrent": recurrent_currents(),
    "old current": recurrent_currents(feeds="old"),
    "subtract next": dense(WEIGHTS, population(6, reset_when="next", v_min=-0.5)),
    "set next": dense(WEIGHTS, population(6, reset="set", reset_when="next", reset_value=0.2)),
    "held": dense(WEIGHTS, population(6), kind="hold", value_bits=4, value_scale=15.0),
}


def unrounded(network: IntegerNetwork) -> list[Any]:
    return [edge.weights.astype(float) for edge in network.edges]


@pytest.mark.parametrize("name", NETWORKS)
def test_forward_is_the_integer_network(name: str) -> None:
    network = quantize(NETWORKS[name], Plan(weight_bits=6)).network
    (port,) = network.inputs
    rng = np.random.default_rng(1)
    events = rng.integers(0, port.max_value, (4, 30, *port.shape), endpoint=True)
    events[rng.random(events.shape) < 0.5] = 0
    if port.kind == "hold":
        events[:, rng.random(30) < 0.7] = 0
    expected = IntegerModel(network).run(events)
    sent = GridNetwork(network, unrounded(network))({port.name: torch.from_numpy(events)})
    found = {**expected.spikes, **expected.readouts}
    assert set(found) == {population.name for population in network.populations}
    for population_name, wanted in found.items():
        assert wanted.any(), "the stimulus must make it do something"
        got = sent[population_name].detach().numpy()
        assert np.array_equal(got, wanted), population_name


def test_delays_of_each_source_within_a_cycle() -> None:
    rng = np.random.default_rng(4)
    network = IntegerNetwork(
        name="n",
        inputs=(InputPort(name="in", shape=(3,)),),
        populations=(
            Population(name="a", size=4, neuron=NeuronConfig(compare=(6,), reset_amount=(6,))),
            Population(name="b", size=2, neuron=NeuronConfig(compare=(3,), reset_amount=(3,))),
        ),
        edges=(
            Edge(source="in", target="a", weights=rng.integers(-2, 6, (4, 3)), delay=(0, 2, 1)),
            Edge(source="a", target="a", weights=rng.integers(-3, 4, (4, 4)), delay=(1, 3, 2, 1)),
            Edge(source="b", target="a", weights=rng.integers(-3, 4, (4, 2)), delay=(2,)),
            Edge(source="a", target="b", weights=rng.integers(-2, 4, (2, 4))),
        ),
        outputs=("b",),
    )
    events = rng.random((5, 20, 3)) < 0.5
    expected = IntegerModel(network).run(events).spikes
    sent = GridNetwork(network, unrounded(network))({"in": torch.from_numpy(events)})
    for name, wanted in expected.items():
        assert wanted.any()
        assert np.array_equal(sent[name].detach().numpy(), wanted)


def test_gradients_reach_every_weight_through_spikes_time_and_convolutions() -> None:
    for name in ("conv", "recurrent"):
        network = quantize(NETWORKS[name], Plan(weight_bits=8)).network
        model = GridNetwork(network, unrounded(network))
        (port,) = network.inputs
        events = torch.from_numpy(np.random.default_rng(1).random((8, 30, *port.shape)) < 0.5)
        found = scores(model({port.name: events})["out"], network.decode)
        loss = (found * torch.arange(found.numel()).reshape(found.shape)).sum()
        loss.backward()  # type: ignore[no-untyped-call]
        for weights in model.weights:
            assert weights.grad is not None
            assert (weights.grad != 0).double().mean() > 0.5


def toy(samples: int) -> tuple[Any, Any]:
    """Two classes: which half of eight inputs is the busier."""
    rng = np.random.default_rng(7)
    labels = rng.integers(0, 2, samples)
    rates = np.where((np.arange(8) < 4)[None, :] == (labels == 0)[:, None], 0.45, 0.25)
    return (rng.random((samples, 12, 8)) < rates[:, None]).astype(np.uint8), labels


def readers() -> IntegerNetwork:
    """Two neurons that cannot tell the classes apart; the last input has no synapse."""
    weights = np.tile([2, 2, 2, 2, 2, 2, 2, 0], (2, 1))
    neuron = NeuronConfig(compare=(9,), reset_amount=(9,), decay=Decay(kind="shift", shift=2))
    return IntegerNetwork(
        name="n",
        inputs=(InputPort(name="in", shape=(8,)),),
        populations=(Population(name="p", size=2, neuron=neuron),),
        edges=(Edge(source="in", target="p", weights=weights),),
        outputs=("p",),
        weight_bits=4,
    )


def test_it_learns_and_keeps_width_and_missing_synapses() -> None:
    network = readers()
    events, labels = toy(400)
    told: list[int] = []
    found = finetune(
        network,
        [network.edges[0].weights + 0.2 * (network.edges[0].weights != 0)],
        {"in": events},
        labels,
        FinetuneOptions(epochs=12, learning_rate=0.02),
        lambda done, total, _: told.append(total - done),
    )
    assert told == list(range(11, -1, -1))
    assert len(found.accuracies) == 13
    assert found.accuracies[0] < 0.65 < 0.8 < found.accuracies[found.epoch]
    (weights,) = found.weights
    assert weights.dtype == np.int64
    assert -8 <= weights.min() <= weights.max() <= 7
    assert not weights[:, 7].any()
    assert (weights[0, :4] > weights[0, 4:7].max()).all()


def test_the_start_is_kept_where_nothing_is_better() -> None:
    network = readers()
    events, labels = toy(40)
    options = FinetuneOptions(epochs=1, learning_rate=1e-9)
    found = finetune(network, unrounded(network), {"in": events}, labels, options)
    assert np.array_equal(found.weights[0], network.edges[0].weights)


def test_refusals() -> None:
    with pytest.raises(ConfigError, match=r"^finetune: epochs must be 1 or more, not 0$"):
        FinetuneOptions(epochs=0)
    network = readers()
    message = r"^finetune: must have two or more samples with labels, not 1$"
    with pytest.raises(ConfigError, match=message):
        finetune(
            network, unrounded(network), {"in": np.zeros((1, 2, 8))}, np.zeros(1, int), FinetuneOptions()
        )
