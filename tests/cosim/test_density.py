"""Sparse pays: what a layer 784-128 with a tenth of its synapses costs in compressed rows against dense ones.

By the compiler's sizes and the timing model; benchmarks/density.py measures the same in Verilator.
"""

import numpy as np
import pytest

from spikewright.compiler.mapping import RowsChoice, map_network
from spikewright.config import ChipConfig
from spikewright.cosim.stimulus import bernoulli
from spikewright.cosim.timing import predict_cycles
from spikewright.memories import chip_memories
from spikewright.models.integer import IntegerModel
from spikewright.network import Edge, InputPort, IntegerNetwork, Population
from spikewright.neuron import Decay, NeuronConfig

LANES = 8
DECAY = Decay(kind="shift", shift=3)
NEURON = NeuronConfig(state_bits=16, decay=DECAY, compare=(2000,), reset_amount=(2000,))


@pytest.fixture(scope="module")
def network() -> IntegerNetwork:
    rng = np.random.default_rng(0)
    weights = rng.integers(1, 128, (128, 784)) * rng.choice([-1, 1], (128, 784))
    return IntegerNetwork(
        name="layer",
        inputs=(InputPort(name="input", shape=(784,)),),
        populations=(Population(name="layer", size=128, neuron=NEURON),),
        edges=(Edge(source="input", target="layer", weights=weights * (rng.random((128, 784)) < 0.1)),),
        outputs=("layer",),
        weight_bits=8,
    )


def chip(network: IntegerNetwork, rows: RowsChoice) -> ChipConfig:
    return map_network(network, lanes=LANES, rows=rows).chip


def weight_bits(chip: ChipConfig) -> int:
    return sum(memory.depth * memory.width for memory in chip_memories(chip) if not memory.state)


def test_a_tenth_of_the_synapses_takes_at_most_a_quarter_of_the_memory(network: IntegerNetwork) -> None:
    dense, compressed, auto = (chip(network, rows) for rows in ("dense", "compressed", "auto"))
    assert weight_bits(dense) == 784 * 128 * 8
    assert weight_bits(compressed) <= 0.25 * weight_bits(dense)
    assert auto == compressed


def test_a_tenth_of_the_synapses_takes_at_most_0_16_of_the_cycles(network: IntegerNetwork) -> None:
    x = bernoulli((784,), probability=0.1, samples=10, steps=100, seed=1)
    trace = IntegerModel(network).run(x)
    events = {"input": x, **trace.spikes}
    dense, compressed = (
        predict_cycles(chip(network, rows), network, events) for rows in ("dense", "compressed")
    )
    assert compressed.step_cycles <= 0.16 * dense.step_cycles
    added = int(x.reshape(-1, 784).sum(axis=0) @ np.count_nonzero(network.edges[0].weights, axis=0))
    outside_updates = compressed.cycles.sum() - compressed.update_cycles["layer"]
    assert added >= 0.8 * LANES * outside_updates, "lanes are busy"
