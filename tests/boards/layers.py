"""Layers as chips, for tests of the area model."""

import numpy as np

from spikewright.compiler.mapping import Mapped, map_network
from spikewright.network import Edge, InputPort, IntegerNetwork, Population
from spikewright.neuron import Decay, NeuronConfig

__all__ = ["layer"]


def layer(*, inputs: int, size: int, lanes: int) -> Mapped:
    """A dense layer of one threshold, decaying by a shift."""
    neuron = NeuronConfig(state_bits=16, decay=Decay(kind="shift", shift=3), compare=(5000,),
                          reset_amount=(5000,))
    network = IntegerNetwork(
        name="known", inputs=(InputPort(name="in", shape=(inputs,)),),
        populations=(Population(name="out", size=size, neuron=neuron),),
        edges=(Edge(source="in", target="out", weights=np.full((size, inputs), 3)),),
        outputs=("out",), weight_bits=8)
    return map_network(network, lanes=lanes, rows="dense")
