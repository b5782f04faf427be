"""Graphs that others draw a little differently: names, numbers, shapes, loops; and nodes that differ."""

import re
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import nir  # type: ignore[import-untyped]
import numpy as np
import pytest
import torch

from spikewright.compiler.nir_file import graph_bytes
from spikewright.compiler.reader import read_network, read_nir
from spikewright.compiler.semantics import parse_semantics, resolve_semantics
from spikewright.errors import ConfigError
from spikewright.ir import RealNetwork

Nodes = dict[str, Any]
Edges = list[tuple[str, str]]
Graph = Callable[[Any, Any], Any]


def read(graph: Any, **keys: Any) -> RealNetwork:
    return read_network(graph, resolve_semantics(parse_semantics(keys, "given")))


def refused(nodes: Nodes, edges: Edges, graph: Graph, message: str) -> None:
    with pytest.raises(ConfigError, match=f"^{re.escape(message)}$"):
        read(graph(nodes, edges))


def test_names_suit_files_and_verilog(nodes: Nodes, edges: Edges, graph: Graph) -> None:
    new = {"lif1": "a/b", "lif2": "a b", "fc2": "\N{GREEK SMALL LETTER BETA}.0"}
    nodes = {new.get(name, name): node for name, node in nodes.items()}
    renamed = [(new.get(source, source), new.get(target, target)) for source, target in edges]
    network = read(graph(nodes, renamed))
    assert [population.name for population in network.populations] == ["a_b_2", "a_b"]
    assert network.edges[1].node == "_.0"
    assert "a_b_2: stands for 'a/b', as names are of letters, digits, _ . -" in network.notes
    del nodes["a/b"]
    refused(nodes, renamed, graph, "edge 'fc1' to 'a/b': there is no node 'a/b'")


def test_nodes_may_be_numbered(nodes: Nodes, graph: Graph, tmp_path: Path) -> None:
    """As converters of Lava's files do, whose graphs also have neither Input nor Output."""
    inner = ["fc1", "lif1", "fc2", "lif2"]
    numbered = graph({i: nodes[name] for i, name in enumerate(inner)}, [(0, 1), (1, 2), (2, 3)])
    nir.write(tmp_path / "numbers.nir", numbered)
    for source in (numbered, read_nir(tmp_path / "numbers.nir")):
        network = read(source)
        assert [population.name for population in network.populations] == ["1", "3"]
        assert [(edge.source, edge.target) for edge in network.edges] == [("input_0", "1"), ("1", "3")]


@pytest.mark.parametrize("batch", [False, True])
def test_a_matrix_takes_all_values_or_the_last_dimension(
    nodes: Nodes, edges: Edges, graph: Graph, batch: bool
) -> None:
    """As torch's Linear does with what is not flattened."""
    rng = np.random.default_rng(1)
    weights, bias = rng.normal(size=(2, 3)), rng.normal(size=2)
    nodes["fc1"] = nir.Affine(weights[None] if batch else weights, bias[None] if batch else bias)
    network = read(graph(nodes, edges))
    np.testing.assert_allclose(network.edges[0].weights, 0.1 * np.kron(np.eye(4), weights))
    np.testing.assert_allclose(network.populations[0].bias, 0.1 * np.tile(bias, 4))
    assert "fc1: the same weights for each of 4" in network.notes
    nodes["fc1"] = nir.Linear(rng.normal(size=(8, 4)))
    refused(nodes, edges, graph, "fc1: weight takes 4 values and 'input' gives 12")


def test_nodes_of_one_network_may_differ(nodes: Nodes, edges: Edges, graph: Graph) -> None:
    apart = {"reset": "subtract", "compare": "ge", "v_min": -1.0, "integration": "exponential"}
    first, second = read(graph(nodes, edges), reset="zero", compare="gt", nodes={"lif2": apart}).populations
    assert (first.reset, first.compare, first.v_min, first.decay[0]) == ("set", "gt", None, 0.9)
    assert (second.reset, second.compare, second.v_min) == ("subtract", "ge", -1.0)
    assert second.decay[0] == np.exp(-0.1)
    message = "semantics: nodes: must be among lif1, lif2, not 'fc1'"
    with pytest.raises(ConfigError, match=f"^{re.escape(message)}$"):
        read(graph(nodes, edges), nodes={"fc1": {"reset": "zero"}})


def test_a_graph_in_memory_that_nir_cannot_write(graph: Graph, tmp_path: Path) -> None:
    """None, arrays without dimensions, tensors, names with a slash: its file reads as the same."""
    levels = {"tau": 0.01, "r": 10.0, "v_leak": 0.0, "v_threshold": 1.0}
    nodes = {
        "in/put": nir.Input(None),
        "conv": nir.Conv2d((5, 5), torch.ones(3, 2, 3, 3), 1, 1, 1, 1, None),
        "pool": nir.AvgPool2d(2, None, 0),
        "conv2": nir.Conv2d(None, np.ones((4, 3, 2, 2)), 1, 0, 1, 1, None),
        "lif/1": nir.LIF(**{name: np.array(value) for name, value in levels.items()}),
        "output": nir.Output(None),
    }
    given = graph(nodes, list(pairwise(nodes)))
    path = tmp_path / "network.nir"
    path.write_bytes(graph_bytes(given))
    networks = [read(given), read(read_nir(path))]
    assert [network.inputs[0].shape for network in networks] == [(2, 5, 5)] * 2
    for name in ("populations", "edges"):
        first, second = (getattr(network, name)[0] for network in networks)
        for key in ("name", "size", "decay", "threshold", "source", "weights", "convolution"):
            if hasattr(first, key):
                np.testing.assert_equal(getattr(first, key), getattr(second, key))


@pytest.mark.parametrize("to", ["as_drawn", "neurons"])
def test_a_loop_whose_input_is_drawn_to_its_weights(nodes: Nodes, graph: Graph, to: str) -> None:
    """As Spyx exports recurrent layers, which it computes otherwise."""
    rng = np.random.default_rng(2)
    around, into = rng.normal(size=(8, 8)), nodes["fc1"].weight
    inner = {"l.lif": nodes["lif1"], "l.w_rec": nir.Linear(around), "l.input": nir.Input(np.array([8])),
             "l.output": nir.Output(np.array([8]))}  # fmt: skip
    loop = [("l.input", "l.w_rec"), ("l.w_rec", "l.lif"), ("l.lif", "l.w_rec"), ("l.lif", "l.output")]
    outer = {"input": nodes["input"], "fc1": nir.Linear(into), "l": graph(inner, loop),
             "output": nir.Output(np.array([8]))}  # fmt: skip
    network = read(graph(outer, [("input", "fc1"), ("fc1", "l"), ("l", "output")]), loop_input=to)
    drive = {edge.source: (edge.weights, edge.delay) for edge in network.edges}
    assert drive["l.l.lif"][1] == (1,)
    np.testing.assert_allclose(drive["l.l.lif"][0], 0.1 * around)
    np.testing.assert_allclose(drive["input"][0], 0.1 * (into if to == "neurons" else around @ into))
    (told,) = [note for note in network.notes if "l.l.input" in note]
    assert told == (
        "edge 'l.l.input' to 'l.l.w_rec': taken to 'l.l.lif', whose loop goes through 'l.l.w_rec'"
        if to == "neurons"
        else "WARNING: edge 'l.l.input' to 'l.l.w_rec': what comes in goes through recurrent weights, too;"
        " if it is to go to 'l.l.lif' give `loop_input: neurons`"
    )
