"""Small networks behind encoders of sound, for tests of chips that take sound."""

from dataclasses import replace
from typing import Literal

import numpy as np

from spikewright.compiler.encoders import put_encoder
from spikewright.compiler.mapping import Mapped, map_network
from spikewright.filterbank import FilterBankConfig
from spikewright.models.encoders import Encoder
from spikewright.network import Edge, InputPort, IntegerNetwork, Population
from spikewright.neuron import Decay, NeuronConfig
from spikewright.spiketrum import SpiketrumConfig

__all__ = ["BANK", "PURSUIT", "network_behind", "sound_network", "two_inputs"]

PURSUIT = SpiketrumConfig(channels=6, low_hz=300.0, high_hz=2000.0, window=64, step=32, burst=16, rate_hz=800,
                          levels=4, truncate=0.05)
BANK = FilterBankConfig(sample_rate_hz=8000, channels=6, low_hz=300.0, high_hz=2000.0, step=32, threshold=0.5)


def network_behind(encoder: Encoder) -> IntegerNetwork:
    """12 neurons that fire, 5 that do not, dense; for as many events as the encoder may send."""
    rng = np.random.default_rng(0)
    hidden = NeuronConfig(state_bits=16, decay=Decay(kind="shift", shift=2), compare=(60,), reset="subtract",
                          reset_amount=(60,))
    out = NeuronConfig(fires=False, state_bits=20, decay=Decay(kind="shift", shift=4))
    return IntegerNetwork(
        name="heard",
        weight_bits=8,
        inputs=(InputPort(name="mic", shape=(encoder.lines,), max_events=encoder.most_events),),
        populations=(Population(name="hidden", size=12, neuron=hidden),
                     Population(name="out", size=5, neuron=out)),
        edges=(
            Edge(source="mic", target="hidden", weights=rng.integers(-100, 128, (12, encoder.lines))),
            Edge(source="hidden", target="out", weights=rng.integers(-100, 128, (5, 12))),
        ),
        outputs=("out",),
        decode="potential_sum",
    )


def two_inputs(encoder: Encoder, kind: Literal["drive", "hold"] = "drive") -> IntegerNetwork:
    """The same with a second input, of 7 lines."""
    network, rng = network_behind(encoder), np.random.default_rng(3)
    edge = Edge(source="context", target="hidden", weights=rng.integers(-40, 100, (12, 7)))
    return replace(network, inputs=(*network.inputs, InputPort(name="context", shape=(7,), kind=kind)),
                   edges=(*network.edges, edge))


def sound_network(encoder: Encoder, contents: Literal["baked", "bus"] = "baked", lanes: int = 2
                  ) -> tuple[Mapped, IntegerNetwork]:
    """The network mapped, with its encoder in front."""
    network = network_behind(encoder)
    chosen = None if isinstance(encoder, FilterBankConfig) else lanes
    return put_encoder(map_network(network, contents=contents), encoder, chosen), network
