"""NIR and back: the file says all that the module's docstring promises, to the last bit."""

import dataclasses
import json
from pathlib import Path
from typing import Any

import nir  # type: ignore[import-untyped]
import numpy as np
import pytest
import torch

from spikewright.errors import ConfigError
from spikewright.ir import RealEdge, RealNetwork
from spikewright.models import export
from spikewright.models.learning.build import stack_layers
from spikewright.models.neurons import NeuronRule
from spikewright.models.quantize import levels
from spikewright.network import InputPort, IntegerNetwork
from spikewright.neuron import Decay

PORT = InputPort(name="input", shape=(12,), kind="hold", value_bits=4, value_scale=15.0)
CODING = {"name": "direct", "steps": 25, "seed": 3}


def trained(decay: Decay, **rule: Any) -> tuple[RealNetwork, IntegerNetwork]:
    made = stack_layers(
        PORT,
        "9-7",
        3,
        density=0.5,
        hidden=NeuronRule(decay=decay, **rule),
        readout=NeuronRule(fires=False, decay=decay, v_min=rule.get("v_min")),
        decode="potential_last",
        generator=torch.Generator().manual_seed(1),
    )
    with torch.no_grad():
        made.stack[0].bias.add_(0.1)
        made.stack[2].bias.sub_(0.2)
    made.quantize(8, 16, torch.rand(20, 12).mul(15).round(), 10)
    return made.real_network("net", dt=2e-3), made.integer_network("net")


def read_back(path: Path) -> tuple[nir.NIRGraph, dict[str, Any]]:
    graph = nir.read(path)
    return graph, json.loads(graph.metadata[export.METADATA_KEY])


DECAYS = {
    "none": Decay(),
    "shift": Decay(kind="shift", shift=4),
    "forget": Decay(kind="shift", shift=0),
    "multiply": Decay(kind="multiply", factor=(59,), fraction_bits=6),
    "shift in disguise": Decay(kind="multiply", factor=(56,), fraction_bits=6),
    "fine": Decay(kind="multiply", factor=(60_001,), fraction_bits=16),
}


@pytest.mark.parametrize("decay", DECAYS)
@pytest.mark.parametrize(
    "rule", [{}, {"compare": "gt"}, {"reset": "set", "reset_value": -0.5}, {"v_min": -0.75}]
)
def test_the_file_gives_the_integers_of_the_training(
    decay: str, rule: dict[str, Any], tmp_path: Path
) -> None:
    """Quantizing what was read, by the rule of the docstring, ends in the network that was trained."""
    real, whole = trained(DECAYS[decay], **rule)
    export.write_nir(export.to_nir(real, whole, coding=CODING), tmp_path / "network.nir")
    assert [path.name for path in tmp_path.iterdir()] == ["network.nir"]
    graph, document = read_back(tmp_path / "network.nir")
    semantics = document["semantics"]
    source = "input"
    for population in whole.populations:
        name, scale = population.name, document["scales"][population.name]
        synapses, node = graph.nodes[f"{source}_to_{name}"], graph.nodes[name]
        assert (source, f"{source}_to_{name}") in graph.edges
        assert (f"{source}_to_{name}", name) in graph.edges
        value_scale = document["inputs"][source]["value_scale"] if source == "input" else 1.0
        edge = whole.edges_to(name)[0]
        np.testing.assert_array_equal(np.rint(synapses.weight * scale / value_scale), edge.weights)
        bias = synapses.bias if isinstance(synapses, nir.Affine) else np.zeros(population.size)
        assert np.rint(bias * scale).tolist() == list(population.neuron.bias)
        assert isinstance(synapses, nir.Affine) == any(population.neuron.bias)
        described = document["decays"][name]
        described["factor"] = (described["factor"],)
        assert Decay(**described) == population.neuron.decay
        v_min = semantics["v_min"]
        assert population.neuron.floor == (None if v_min is None else np.ceil(v_min * scale - 1e-6))
        assert document["state_bits"][name] == population.neuron.state_bits
        if population.neuron.fires:
            threshold = float(node.v_threshold[0])
            c, r = levels(threshold, scale, semantics["compare"])
            assert (c,) == population.neuron.compare
            assert (r,) == population.neuron.reset_amount
            assert (round(float(node.v_reset[0]) * scale),) == population.neuron.reset_value
        if isinstance(node, nir.LIF | nir.LI):
            factor = real.populations[0].decay[0]
            assert (1 - semantics["dt"] / node.tau == factor).all()
            np.testing.assert_allclose(semantics["dt"] / node.tau * node.r, 1, rtol=1e-15)
            assert (node.v_leak == 0).all()
        else:
            assert decay == "none"
            assert semantics["if_gain"] == "r"
            assert (node.r == 1).all()
        source = name
    assert ("readout", "output") in graph.edges
    assert type(graph.nodes["hidden1"]) is (nir.IF if decay == "none" else nir.LIF)
    assert type(graph.nodes["readout"]) is (nir.I if decay == "none" else nir.LI)


def test_metadata_to_the_letter() -> None:
    real, whole = trained(DECAYS["shift"], reset="set", reset_when="next", compare="gt")
    assert export.metadata(real, whole, coding=CODING) == {
        "version": 1,
        "name": "net",
        "semantics": {
            "dt": 2e-3,
            "integration": "euler",
            "if_gain": "r",
            "reset": "zero",
            "reset_when": "next",
            "compare": "gt",
            "max_spikes_per_step": 1,
            "v_min": None,
            "decode": "potential_last",
        },
        "inputs": {"input": {"kind": "hold", "value_bits": 4, "value_scale": 15.0}},
        "coding": CODING,
        "weight_bits": 8,
        "scales": {population.name: population.scale for population in whole.populations},
        "state_bits": {"hidden1": 16, "hidden2": 16, "readout": 16},
        "decays": {
            name: {"kind": "shift", "shift": 4, "factor": 0, "fraction_bits": 0}
            for name in ("hidden1", "hidden2", "readout")
        },
    }
    untrained = export.metadata(real)
    assert not {"coding", "weight_bits", "scales", "state_bits", "decays"} & set(untrained)


def test_the_same_network_gives_the_same_bytes(tmp_path: Path) -> None:
    real, whole = trained(DECAYS["shift"])
    for name in ("a", "b"):
        export.write_nir(export.to_nir(real, whole), tmp_path / name)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_a_failed_write_leaves_what_was_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "network.nir"
    path.write_text("before")

    def fail(temporary: Path, _graph: object) -> None:
        Path(temporary).write_text("half")
        raise OSError("disk full")

    monkeypatch.setattr(nir, "write", fail)
    real, whole = trained(DECAYS["shift"])
    with pytest.raises(OSError, match=r"^disk full$"):
        export.write_nir(export.to_nir(real, whole), path)
    assert [(file.name, file.read_text()) for file in tmp_path.iterdir()] == [("network.nir", "before")]


def test_refuses_what_nir_cannot_say() -> None:
    real, _ = trained(DECAYS["shift"])
    first, *others = real.populations

    def changed(**changes: Any) -> RealNetwork:
        return dataclasses.replace(real, populations=(dataclasses.replace(first, **changes), *others))

    same = "reset, compare, max_spikes and v_min must be the same throughout in NIR"
    for changes in (
        {"compare": "gt"},
        {"reset_when": "next"},
        {"reset": "set"},
        {"max_spikes": 2},
        {"v_min": -1.0},
    ):
        with pytest.raises(ConfigError, match=rf"^network 'net': {same}$"):
            export.to_nir(changed(**changes))
    with pytest.raises(
        ConfigError, match=r"^population 'hidden1': reset_amount must be the threshold in NIR$"
    ):
        export.to_nir(changed(reset_amount=first.threshold / 2))
    some = first.decay.copy()
    some[0] = 1
    with pytest.raises(
        ConfigError, match=r"^population 'hidden1': all of its neurons must decay, or none, in NIR$"
    ):
        export.to_nir(changed(decay=some))
    alone = dataclasses.replace(real, edges=real.edges[1:])
    with pytest.raises(
        ConfigError, match=r"^population 'hidden1': a bias needs an edge to travel with in NIR$"
    ):
        export.to_nir(alone)


def test_several_edges_share_one_bias() -> None:
    real, _ = trained(DECAYS["shift"])
    skip = RealEdge(source="input", target="readout", weights=np.ones((3, 12)))
    graph = export.to_nir(dataclasses.replace(real, edges=(*real.edges, skip)))
    assert isinstance(graph.nodes["hidden2_to_readout"], nir.Affine)
    assert isinstance(graph.nodes["input_to_readout"], nir.Linear)
