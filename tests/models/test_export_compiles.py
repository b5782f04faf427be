"""The compiler, reading what training wrote, ends in the integers of the training, every one of them."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from spikewright.compiler.passes import lower
from spikewright.models.export import to_nir, write_nir
from spikewright.models.learning.build import stack_layers
from spikewright.models.learning.network import SpikingNetwork
from spikewright.models.neurons import NeuronRule
from spikewright.network import Edge, InputPort, IntegerNetwork
from spikewright.neuron import Decay, NeuronConfig

DECAYS = {
    "none": Decay(),
    "shift": Decay(kind="shift", shift=3),
    "multiply": Decay(kind="multiply", factor=(59,), fraction_bits=6),
    "shift in disguise": Decay(kind="multiply", factor=(56,), fraction_bits=6),
}
RULES: list[dict[str, Any]] = [
    {},
    {"compare": "gt", "reset_when": "next"},
    {"reset": "set", "reset_value": -0.5},
    {"reset": "set", "reset_when": "next"},
    {"v_min": -0.75},
]
PORTS = {
    "hold": InputPort(name="input", shape=(12,), kind="hold", value_bits=4, value_scale=15.0),
    "spikes": InputPort(name="input", shape=(12,)),
}


def train(port: InputPort, decay: Decay, rule: dict[str, Any], spiking: bool) -> SpikingNetwork:
    hidden = NeuronRule(decay=decay, **rule)
    made = stack_layers(
        port,
        "9",
        3,
        density=0.5,
        hidden=hidden,
        readout=hidden if spiking else NeuronRule(fires=False, decay=decay, v_min=rule.get("v_min")),
        decode="count" if spiking else "potential_sum",
        generator=torch.Generator().manual_seed(1),
    )
    with torch.no_grad():
        made.stack[0].bias.add_(0.1)
    steps = 10 if port.kind == "hold" else None
    shape = (20, 12) if port.kind == "hold" else (20, 10, 12)
    x = torch.rand(shape, generator=torch.Generator().manual_seed(2))
    made.quantize(8, 16, (x * port.max_value).round(), steps)
    return made


def meaning(neuron: NeuronConfig) -> dict[str, Any]:
    """What of the arithmetic has an effect."""
    same = {"fires", "state_bits", "decay", "bias", "floor"}
    if neuron.fires:
        same |= {"compare", "reset", "reset_when", "max_spikes"}
        same |= {"reset_amount" if neuron.reset == "subtract" else "reset_value"}
    return {key: getattr(neuron, key) for key in same}


def spread(neuron: NeuronConfig, size: int) -> dict[str, Any]:
    """The same with one level for each neuron, however few the configuration names."""
    found = meaning(neuron)
    for key in ("bias", "compare", "reset_amount", "reset_value"):
        if key in found:
            found[key] = found[key] * (size // len(found[key]))
    return found


def matrix(edge: Edge) -> Any:
    """All weights, whether they are shared in a plane or not."""
    found = edge.matrix()
    return found if isinstance(found, np.ndarray) else found.toarray()


def assert_same(got: IntegerNetwork, expected: IntegerNetwork) -> None:
    assert got.inputs == expected.inputs
    assert (got.outputs, got.decode, got.weight_bits) == (
        expected.outputs,
        expected.decode,
        expected.weight_bits,
    )
    assert [(e.source, e.target) for e in got.edges] == [(e.source, e.target) for e in expected.edges]
    for ours, theirs in zip(got.edges, expected.edges, strict=True):
        np.testing.assert_array_equal(matrix(ours), matrix(theirs))
    for a, b in zip(got.populations, expected.populations, strict=True):
        assert (a.name, a.size, a.scale) == (b.name, b.size, b.scale)
        assert spread(a.neuron, a.size) == spread(b.neuron, b.size)


@pytest.mark.parametrize("port", PORTS)
@pytest.mark.parametrize("decay", DECAYS)
@pytest.mark.parametrize("rule", RULES)
def test_compiles_to_what_was_trained(port: str, decay: str, rule: dict[str, Any], tmp_path: Path) -> None:
    made = train(PORTS[port], DECAYS[decay], rule, spiking=rule == {})
    whole = made.integer_network("net")
    path = tmp_path / "network.nir"
    write_nir(to_nir(made.real_network("net"), whole), path)
    assert_same(lower(path).network, whole)
