"""The whole way down, and what training fixed on the way."""

import json
import re
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import nir  # type: ignore[import-untyped]
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spikewright.compiler.config_yaml import config_text
from spikewright.compiler.passes import lower
from spikewright.compiler.plan import Plan
from spikewright.compiler.quantize import quantize
from spikewright.compiler.storage import network_bytes
from spikewright.errors import ConfigError
from spikewright.ir import RealEdge, RealNetwork, RealPopulation
from spikewright.models.export import to_nir, write_nir
from spikewright.network import InputPort

Nodes = dict[str, Any]
Edges = list[tuple[str, str]]
Graph = Callable[[Nodes, Edges], Any]


def test_from_graph_to_images(nodes: Nodes, edges: Edges, graph: Graph) -> None:
    lowered = lower(
        graph(nodes, edges),
        semantics={"dt": 1e-3, "compare": "ge"},
        weight_bits=6,
        state_bits=20,
        lanes=2,
        contents="bus",
        name="mine",
    )
    assert lowered.chip.name == lowered.network.name == lowered.real.name == "mine"
    assert {core.weight_bits for core in lowered.chip.cores} == {6}
    assert {core.neuron.state_bits for core in lowered.chip.cores} == {20}
    assert {core.lanes for core in lowered.chip.cores} == {2}
    assert lowered.chip.contents == "bus"
    summary = lowered.summary.as_dict()
    assert (summary["neurons"], summary["synapses"], summary["cores"], summary["weight_bits"]) == (
        11,
        120,
        2,
        6,
    )
    assert summary["nonzero_synapses"] == sum(
        np.count_nonzero(edge.weights) for edge in lowered.network.edges
    )
    assert summary["memory_bits"] == (8 * 12 + 4 * 8) * 6  # the last core has a place without a neuron
    # A bias for each neuron of the first core; for all: compare level, reset value, decay factor.
    assert summary["parameter_bits"] == 8 * 20 + 2 * (2 * 20 + 12)
    assert lowered.notes[0] == (
        "semantics (default, semantics): dt 0.001 s, integration euler, reset zero, reset_when now,"
        " compare ge"
    )
    assert lowered.notes[1] == (
        "WARNING: NIR does not say integration, reset, reset_when: defaults are taken;"
        " give --semantics or --source"
    )


def test_the_name_is_that_of_the_file(nodes: Nodes, edges: Edges, graph: Graph, tmp_path: Path) -> None:
    nir.write(tmp_path / "my_net.nir", graph(nodes, edges))
    assert lower(tmp_path / "my_net.nir").chip.name == "my_net"
    assert lower(str(tmp_path / "my_net.nir"), name="x").chip.name == "x"
    assert lower(graph(nodes, edges)).chip.name == "network"


def test_a_graph_and_its_file_give_the_same_bytes(
    nodes: Nodes, edges: Edges, graph: Graph, tmp_path: Path
) -> None:
    nir.write(tmp_path / "net.nir", graph(nodes, edges[::-1]))
    first, second = lower(graph(nodes, edges), name="net"), lower(tmp_path / "net.nir")
    assert config_text(first.chip) == config_text(second.chip)
    assert network_bytes(first.network) == network_bytes(second.network)
    assert all((first.images[name] == second.images[name]).all() for name in first.images)
    assert first.notes == second.notes


def test_semantics_from_a_file(nodes: Nodes, edges: Edges, graph: Graph, tmp_path: Path) -> None:
    (tmp_path / "s.yaml").write_text("dt: 2e-3\nweight_bits: 5\nstate_bits: 18\n")
    lowered = lower(graph(nodes, edges), semantics=tmp_path / "s.yaml")
    assert lowered.real.dt == 2e-3
    assert lowered.network.weight_bits == 5
    assert lowered.chip.cores[0].neuron.state_bits == 18
    assert (
        lower(graph(nodes, edges), semantics=str(tmp_path / "s.yaml"), weight_bits=7).network.weight_bits == 7
    )


def trained(seed: int) -> tuple[RealNetwork, Any]:
    """A network as quantization-aware training leaves it: everything on the grid of its integers."""
    rng = np.random.default_rng(seed)
    fires = bool(rng.integers(2))
    sizes = {"image": 9, "hidden": 7, "out": 4}
    reset, when = rng.choice(["subtract", "set"]), rng.choice(["now", "next"])
    compare, value_bits = rng.choice(["gt", "ge"]), int(rng.choice([0, 8]))
    value_scale = 255.0 if value_bits else 1.0
    port = InputPort(
        name="image",
        shape=(9,),
        kind=rng.choice(["drive", "hold"]),
        value_bits=value_bits,
        value_scale=value_scale,
    )
    populations, edges = [], []
    scales = {"hidden": float(rng.integers(20, 300)), "out": float(rng.integers(20, 300))}
    for name, sources in (
        ("hidden", ["image"]),
        ("out", ["hidden", "image"] if rng.integers(2) else ["hidden"]),
    ):
        size, scale = sizes[name], scales[name]
        decay = rng.choice([1.0, 0.0, 0.875, 0.9375, 230 / 256])
        spiking = name == "hidden" or fires
        threshold = np.full(size, rng.integers(1, 200) / scale if spiking else 0.0)
        populations.append(
            RealPopulation(
                name=name,
                size=size,
                fires=spiking,
                node=name,
                compare=compare,
                reset=reset,
                reset_when=when,
                decay=np.full(size, decay),
                bias=rng.integers(-9, 9, size) / scale * rng.integers(2),
                threshold=threshold,
                reset_amount=threshold,
                reset_value=np.zeros(size),
            )
        )
        for source in sources:
            weights = rng.integers(-128, 128, (size, sizes[source])).astype(np.float64)
            weights[rng.random(weights.shape) < 0.5] = 0
            unit = value_scale if source == "image" else 1.0
            edges.append(RealEdge(source=source, target=name, weights=weights * unit / scale))
    real = RealNetwork(
        name="trained",
        inputs=(port,),
        populations=tuple(populations),
        edges=tuple(sorted(edges, key=lambda edge: (edge.target, edge.source))),
        outputs=("out",),
        decode="count" if fires else "potential_sum",
        dt=1.0,
    )
    return real, quantize(real, Plan(scales=scales, state_bits=17)).network


@settings(deadline=None, max_examples=60)
@given(seed=st.integers(0, 2**32))
def test_training_ends_in_the_integers_it_was_trained_with(seed: int) -> None:
    real, integer = trained(seed)
    lowered = lower(to_nir(real, integer))
    assert replace(lowered.network, edges=()).__dict__ == replace(integer, edges=()).__dict__
    for got, expected in zip(lowered.network.edges, integer.edges, strict=True):
        assert (got.source, got.target) == (expected.source, expected.target)
        assert (got.weights == expected.weights).all()
    assert not any("WARNING" in note for note in lowered.notes if "all of its weights" not in note)


def test_other_weight_bits_than_trained_quantize_anew(tmp_path: Path) -> None:
    real, integer = trained(3)
    write_nir(to_nir(real, integer), tmp_path / "t.nir")
    lowered = lower(tmp_path / "t.nir", weight_bits=4)
    assert "weights of 4 bits asked for, trained with 8: quantized after training" in lowered.notes
    assert lowered.network.weight_bits == 4
    assert lowered.network.populations[0].scale != integer.populations[0].scale
    assert lower(tmp_path / "t.nir", weight_bits=8).network.populations == integer.populations
    assert lower(tmp_path / "t.nir", state_bits=20).chip.cores[0].neuron.state_bits == 20


def test_a_trained_decay_is_never_exchanged(nodes: Nodes, edges: Edges, graph: Graph) -> None:
    made = graph(nodes, edges)
    document = {
        "version": 1,
        "semantics": {"dt": 1e-3},
        "weight_bits": 8,
        "decays": {"lif1": {"kind": "shift", "shift": 3}},
    }
    made.metadata = {"spikewright": json.dumps(document)}
    message = (
        "lif1: trained with decay 0.875, and these semantics make it 0.9: take the semantics of the training"
    )
    with pytest.raises(ConfigError, match=f"^{re.escape(message)}$"):
        lower(made)
    asked = lower(made, semantics={"decays": {"lif1": {"kind": "shift", "shift": 3}}})
    assert asked.chip.core("lif1").neuron.decay.shift == 3
    assert (
        "lif1: decay v - (v >> 3), exactly 0.875, as asked; the network's own is off by up to 0.025"
        in asked.notes
    )


def test_calibration_clips_outliers(graph: Graph) -> None:
    rng = np.random.default_rng(0)
    weights = rng.normal(0.05, 0.1, (20, 30))
    weights[:, 0] = 1.8  # never used, and takes most of the codes
    ones = np.ones(20)
    nodes = {
        "in": nir.Input(np.array([30])),
        "fc": nir.Linear(weights),
        "lif": nir.LIF(0.01 * ones, 10 * ones, 0 * ones, ones),
        "out": nir.Output(np.array([20])),
    }
    made = graph(nodes, [("in", "fc"), ("fc", "lif"), ("lif", "out")])
    x = rng.random((16, 30, 30)) < 0.15
    x[:, :, 0] = False
    options: dict[str, Any] = {"semantics": {"dt": 1e-3, "reset": "subtract"}, "weight_bits": 4}
    plain, calibrated = lower(made, **options), lower(made, calibrate=x, **options)
    (note,) = [note for note in calibrated.notes if "calibrated" in note]
    assert re.fullmatch(
        r"lif: calibrated: largest code at 20% of the largest weight, \d+\.\d+% off the real network"
        r" \(unclipped \d+\.\d+%\)",
        note,
    )
    assert calibrated.network.populations[0].scale > 2 * plain.network.populations[0].scale
    again = lower(made, calibrate={"in": x}, **options)
    assert network_bytes(again.network) == network_bytes(calibrated.network)


def test_calibration_leaves_trained_scales_alone() -> None:
    real, integer = trained(3)
    x: Any = np.random.default_rng(0).random((4, 10, 9))
    x = x if real.inputs[0].value_bits else x < 0.5
    lowered = lower(to_nir(real, integer), calibrate=x)
    assert network_bytes(lowered.network) == network_bytes(integer)
    assert not any("calibrated" in note for note in lowered.notes)


def test_calibration_data_must_fit(nodes: Nodes, edges: Edges, graph: Graph) -> None:
    with pytest.raises(
        ConfigError, match=r"^input 'input': must have shape \(samples, steps, 4, 3\), not \(2, 5, 3\)$"
    ):
        lower(graph(nodes, edges), calibrate=np.zeros((2, 5, 3)))


def test_lowering_784_128_10_is_fast_and_imports_no_torch(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    shapes = {"fc1": (128, 784), "fc2": (10, 128)}
    nodes: Nodes = {
        name: nir.Affine(rng.normal(size=shape).astype(np.float32), np.zeros(shape[0], np.float32))
        for name, shape in shapes.items()
    }
    for name, size in (("lif1", 128), ("lif2", 10)):
        ones = np.ones(size, np.float32)
        nodes[name] = nir.LIF(ones * 0.02, ones, 0 * ones, ones, 0 * ones)
    nodes |= {"input": nir.Input(np.array([784])), "output": nir.Output(np.array([10]))}
    edges = [("input", "fc1"), ("fc1", "lif1"), ("lif1", "fc2"), ("fc2", "lif2"), ("lif2", "output")]
    nir.write(tmp_path / "c.nir", nir.NIRGraph(nodes, edges))
    start = time.perf_counter()
    lower(tmp_path / "c.nir", source="norse")
    assert time.perf_counter() - start < 0.5
    program = (
        "import sys; from spikewright.compiler.passes import lower; lower(sys.argv[1]);"
        " assert not {'torch', 'amaranth'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", program, str(tmp_path / "c.nir")], check=True)
