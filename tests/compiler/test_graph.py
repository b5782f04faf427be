"""Graphs within graphs, cycles, and files that are not as they should be."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py  # type: ignore[import-untyped]
import nir  # type: ignore[import-untyped]
import numpy as np
import pytest

from spikewright.compiler.check import check
from spikewright.compiler.reader import read_network, read_nir
from spikewright.compiler.semantics import parse_semantics, resolve_semantics
from spikewright.errors import ConfigError
from spikewright.ir import RealNetwork
from spikewright.models.real import RealModel

Graph = Callable[..., Any]
Edges = list[tuple[str, str]]


def read(graph: Any, **keys: Any) -> RealNetwork:
    return read_network(graph, resolve_semantics(parse_semantics({"if_gain": "r"} | keys, "given")))


def fire(*shape: int) -> Any:
    """Neurons without memory of their own: a spike for each unit of drive."""
    return nir.Threshold(np.full(shape, 0.5))


def loops(network: RealNetwork) -> list[tuple[str, str, tuple[int, ...]]]:
    return [(edge.source, edge.target, edge.delay) for edge in network.edges]


def recurrent(delay: Any = None) -> tuple[dict[str, Any], Edges]:
    """From x to a, a to b, b back to a, by way of a Delay if there is one."""
    nodes = {"x": nir.Input(np.array([2])), "out": nir.Output(np.array([2])), "a": fire(2), "b": fire(2)}
    nodes |= {name: nir.Linear(np.eye(2)) for name in ("fc", "ab", "ba")}
    edges = [("x", "fc"), ("fc", "a"), ("a", "ab"), ("ab", "b"), ("b", "ba"), ("ba", "a"), ("b", "out")]
    if delay is not None:
        nodes["d"] = nir.Delay(np.broadcast_to(np.asarray(delay) * 1e-3, (2,)).copy())
        edges = [*(edge for edge in edges if edge != ("b", "ba")), ("b", "d"), ("d", "ba")]
    return nodes, edges


def fired(network: RealNetwork, name: str, steps: int = 6) -> list[int]:
    """Spikes of a population's first neuron after one spike at the start."""
    spikes = np.zeros((1, steps, *network.inputs[0].shape))
    spikes[0, 0] = 1
    result: list[int] = (
        RealModel(network).run({network.inputs[0].name: spikes}).spikes[name][0, :, 0].tolist()
    )
    return result


def test_a_cycle_is_closed_by_the_back_edge_of_a_walk_in_order_of_the_names(graph: Graph) -> None:
    network = read(graph(*recurrent()))
    assert [p.name for p in network.populations] == ["a", "b"]
    assert loops(network) == [("b", "a", (1,)), ("x", "a", (0,)), ("a", "b", (0,))]
    assert "ba to a: closes the cycle a -> ab -> b -> ba -> a: delivers a step later" in network.notes
    assert fired(network, "b") == [1] * 6


@pytest.mark.parametrize("named", [["a", "ab"], ["ab", "b"], ["a", "b"]])
def test_the_semantics_name_another(graph: Graph, named: list[str]) -> None:
    network = read(graph(*recurrent()), delayed_edges=[named])
    assert [p.name for p in network.populations] == ["b", "a"]
    assert loops(network) == [("a", "b", (1,)), ("b", "a", (0,)), ("x", "a", (0,))]
    assert fired(network, "b") == [0] + [1] * 5


@pytest.mark.parametrize(
    ("named", "problem"),
    [
        (["x", "fc"], "must close a cycle; a Delay node delays what closes none"),
        (["fc", "b"], "must be two neighbours, or the neurons at a path's ends"),
        (["a", "c"], "there is no node 'c'"),
    ],
)
def test_named_edges_must_close_a_cycle(graph: Graph, named: list[str], problem: str) -> None:
    message = f"semantics: delayed_edges: {named[0]!r} to {named[1]!r}: {problem}"
    with pytest.raises(ConfigError, match=f"^{re.escape(message)}$"):
        read(graph(*recurrent()), delayed_edges=[named])


def test_a_delay_in_a_cycle_is_delay_enough(graph: Graph) -> None:
    network = read(graph(*recurrent(delay=2)))
    assert loops(network) == [("b", "a", (2,)), ("x", "a", (0,)), ("a", "b", (0,))]
    assert "d to ba: closes a cycle, which d delays: no further step" in network.notes
    assert fired(network, "b") == [1, 0, 1, 0, 1, 0]
    named = read(graph(*recurrent(delay=2)), delayed_edges=[["b", "d"]])
    assert loops(named)[0] == ("b", "a", (3,))
    mixed = read(graph(*recurrent(delay=[0, 2])))
    assert loops(mixed)[0] == ("b", "a", (1, 3)), "some come at once: the cycle is cut, and all come later"


def test_a_delay_that_closes_no_cycle_goes_forward(graph: Graph) -> None:
    nodes, edges = recurrent()
    nodes["d"] = nir.Delay(np.full(2, 3e-3))
    edges = [*(edge for edge in edges if "ba" not in edge and edge != ("ab", "b")), ("ab", "d"), ("d", "b")]
    del nodes["ba"]
    network = read(graph(nodes, edges))
    assert loops(network) == [("x", "a", (0,)), ("a", "b", (3,))]
    assert fired(network, "b") == [0, 0, 0, 1, 0, 0]


def test_a_population_drives_itself_with_and_without_weights(graph: Graph) -> None:
    nodes = {"x": nir.Input(np.array([2])), "p": fire(2), "w": nir.Affine(np.eye(2), np.ones(2)),
             "out": nir.Output(np.array([2]))}  # fmt: skip
    network = read(graph(nodes, [("x", "p"), ("p", "w"), ("w", "p"), ("p", "out")]))
    assert loops(network) == [("p", "p", (1,)), ("x", "p", (0,))]
    assert (network.populations[0].bias == 1).all(), "the bias of a recurrent layer counts in every step"
    del nodes["w"]
    network = read(graph(nodes, [("x", "p"), ("p", "p"), ("p", "out")]))
    assert [(edge.weights.tolist(), edge.node) for edge in network.edges] == [([[1, 0], [0, 1]], "")] * 2
    assert fired(network, "p") == [1] * 6


@pytest.mark.parametrize(
    ("delay", "problem"),
    [
        (1.5, "d: delay must be of whole steps, not 0.0015 s, which is 1.5 steps of dt 0.001 s"),
        (-1, "d: delay must be 0 or above, not -0.001 s"),
    ],
)
def test_delays_are_whole_steps(graph: Graph, delay: float, problem: str) -> None:
    with pytest.raises(ConfigError, match=f"^{re.escape(problem)}$"):
        read(graph(*recurrent(delay)))


def inner(size: int = 2) -> Any:
    """A recurrent layer, as snnTorch writes one."""
    nodes = {"input": nir.Input(np.array([size])), "lif": fire(size), "w_rec": nir.Linear(np.eye(size)),
             "output": nir.Output(np.array([size]))}  # fmt: skip
    edges = [("input", "lif"), ("lif", "w_rec"), ("w_rec", "lif"), ("lif", "output")]
    return nir.NIRGraph(nodes, edges, type_check=False)


def around(graph: Graph, layer: Any) -> Any:
    nodes = {"x": nir.Input(np.array([2])), "rec": layer, "fc": nir.Linear(np.eye(2)), "last": fire(2),
             "out": nir.Output(np.array([2]))}  # fmt: skip
    return graph(nodes, [("x", "rec"), ("rec", "fc"), ("fc", "last"), ("last", "out")])


def test_graphs_within_graphs(graph: Graph, tmp_path: Path) -> None:
    deeper = nir.NIRGraph(
        {"i": nir.Input(np.array([2])), "layer": inner(), "o": nir.Output(np.array([2]))},
        [("i", "layer"), ("layer", "o")],
        type_check=False,
    )
    for layer, name in ((inner(), "rec.lif"), (deeper, "rec.layer.lif")):
        made = around(graph, layer)
        nir.write(tmp_path / "net.nir", made)
        for form in (made, read_nir(tmp_path / "net.nir")):
            network = read(form)
            assert [p.name for p in network.populations] == [name, "last"]
            assert loops(network) == [(name, name, (1,)), ("x", name, (0,)), (name, "last", (0,))]
    report = check(around(graph, deeper), semantics={"dt": 1e-3})
    assert report.supported
    rows = {row.name: (row.type, row.realised_as) for row in report.nodes}
    assert rows["rec"] == rows["rec.layer"] == ("NIRGraph", "its nodes, one by one")
    assert rows["rec.i"] == ("Input", "no hardware: passes on what comes in")
    assert rows["rec.layer.w_rec"][1] == (
        "compressed rows of 8-bit weights, rec.layer.lif to rec.layer.lif 1 step later, closing a cycle"
    )


def test_doors_of_graphs_within(graph: Graph) -> None:
    layer = inner()
    del layer.nodes["output"], layer.nodes["input"]
    layer.edges = [("lif", "w_rec"), ("w_rec", "lif"), ("lif", "end"), ("start", "lif")]
    layer.nodes |= {"start": nir.Linear(np.eye(2)), "end": nir.Scale(np.ones(2))}
    network = read(around(graph, layer))
    assert "rec: has no Output: 'rec.end' taken for it" in network.notes
    assert "rec: has no Input: 'rec.start' taken for it" in network.notes
    layer.nodes |= {"one": nir.Output(np.array([2])), "two": nir.Output(np.array([2]))}
    layer.edges += [("end", "one"), ("lif", "two")]
    message = "edge 'rec' to 'fc': 'rec' must have one Output, and the edge could mean rec.one, rec.two"
    with pytest.raises(ConfigError, match=f"^{re.escape(message)}$"):
        read(around(graph, layer))
    made = around(graph, layer)
    made.edges[1] = ("rec.two", "fc")
    assert loops(read(made))[-1] == ("rec.lif", "last", (0,))


def test_old_files_with_flat_names(graph: Graph) -> None:
    """The Inputs and Outputs of a graph within, among the nodes of the outer one."""
    nodes = {f"rec.{name}": node for name, node in inner().nodes.items()}
    nodes |= {"x": nir.Input(np.array([2])), "out": nir.Output(np.array([2]))}
    edges = [(f"rec.{source}", f"rec.{target}") for source, target in inner().edges]
    network = read(graph(nodes, [*edges, ("x", "rec.input"), ("rec.output", "out")]))
    assert loops(network) == [("rec.lif", "rec.lif", (1,)), ("x", "rec.lif", (0,))]
    assert "rec.input: Input within the graph: passes on what comes in" in network.notes


def test_what_is_missing_is_put_there_and_told(graph: Graph) -> None:
    nodes = {"fc": nir.Linear(np.eye(2)), "p": fire()}
    network = read(graph(nodes, [("fc", "p"), ("fc", "p")]))
    assert (network.inputs[0].name, network.inputs[0].shape) == ("input_fc", (2,))
    assert network.outputs == ("p",)
    assert network.notes[:4] == (
        "edge 'fc' to 'p': stands 2 times, taken once",
        "network: has no Input: 'input_fc' put before 'fc'",
        "network: has no Output: 'output_p' put behind 'p'",
        "input_fc: says no shape: 2 as 'fc' takes",
    )
    assert "p: one threshold for all neurons" in network.notes


@pytest.mark.parametrize("says", [None, [1, 2, 6, 6], [72]])
def test_an_input_takes_the_shape_of_its_convolution(graph: Graph, says: list[int] | None) -> None:
    conv = nir.Conv2d((6, 6), np.ones((3, 2, 3, 3)), 1, "same", 1, 1, np.zeros(3))
    nodes = {"x": nir.Input(None if says is None else np.array(says)), "conv": conv, "p": fire(),
             "out": nir.Output(np.array([3, 6, 6]))}  # fmt: skip
    network = read(graph(nodes, [("x", "conv"), ("conv", "p"), ("p", "out")]))
    assert network.inputs[0].shape == (2, 6, 6)
    assert network.populations[0].shape == (3, 6, 6)


@pytest.mark.parametrize(("shape", "whose"), [
    ((3,), "the neurons of each channel"), ((3, 1, 1), "the neurons of each channel"),
    ((1, 4, 1), "groups of neurons"), ((1, 1, 1), "all neurons"),
])  # fmt: skip
def test_levels_shared_by_neurons(graph: Graph, shape: tuple[int, ...], whose: str) -> None:
    conv = nir.Conv2d((6, 6), np.ones((3, 2, 3, 3)), 1, 0, 1, 1, np.zeros(3))
    levels = np.arange(1.0, 1.0 + np.prod(shape)).reshape(shape)
    nodes = {"x": nir.Input(np.array([2, 6, 6])), "conv": conv, "p": nir.Threshold(levels),
             "out": nir.Output(np.array([3, 4, 4]))}  # fmt: skip
    network = read(graph(nodes, [("x", "conv"), ("conv", "p"), ("p", "out")]))
    expected = np.broadcast_to(levels.reshape(-1, 1, 1) if levels.ndim == 1 else levels, (3, 4, 4))
    assert network.populations[0].threshold.tolist() == expected.ravel().tolist()
    assert f"p: one threshold for {whose}" in network.notes


def test_outputs_that_add(graph: Graph) -> None:
    nodes = {"x": nir.Input(np.array([2])), "p": fire(2), "q": fire(2),
             "fc": nir.Affine(np.eye(2), np.ones(2)), "out": nir.Output(np.array([2]))}  # fmt: skip
    edges = [("x", "p"), ("x", "q"), ("p", "out"), ("q", "fc"), ("fc", "out")]
    network = read(graph(nodes, edges))
    assert (network.outputs, network.decode) == (("out",), "potential_sum")
    spikes = np.array([[[1.0, 0.0], [0.0, 0.0]]])
    assert RealModel(network).run({"x": spikes}).readouts["out"].tolist() == [[[3, 1], [1, 1]]]


def broken(path: Path, made: Any, node: str, drop: list[str], change: dict[str, Any]) -> Any:
    """A file some of whose keys are gone or others."""
    nir.write(path, made)
    with h5py.File(path, "r+") as file:
        group = file[f"node/nodes/{node}"]
        for key in (*drop, *(key for key in change if key in group)):
            del group[key]
        for key, value in change.items():
            group[key] = value
    return read_nir(path)


@pytest.mark.parametrize(
    ("drop", "change", "notes"),
    [
        (["v_reset"], {}, ["p: has no v_reset: taken as 0"]),
        (["v_leak", "w_in"], {}, ["p: has no v_leak: taken as 0", "p: has no w_in: taken as 1"]),
        ([], {"tau_mem": 0.01}, ["p: one tau_mem for neurons of shape 2"]),
        ([], {"old": 3}, ["p: old is not known, left out"]),
    ],
)
def test_old_neurons(
    graph: Graph, tmp_path: Path, drop: list[str], change: dict[str, Any], notes: list[str]
) -> None:
    ones = np.ones(2)
    nodes = {"x": nir.Input(np.array([2])), "p": nir.CubaLIF(ones / 100, ones / 100, ones, ones * 0, ones),
             "out": nir.Output(np.array([2]))}  # fmt: skip
    edges = [("x", "p"), ("p", "out")]
    whole = read(graph(nodes, edges))
    network = read(broken(tmp_path / "old.nir", graph(nodes, edges), "p", drop, change))
    assert network.notes[: len(notes)] == tuple(notes)
    for one, other in zip(whole.edges, network.edges, strict=True):
        np.testing.assert_allclose(one.weights, other.weights)


def test_old_convolutions(graph: Graph, tmp_path: Path) -> None:
    conv = nir.Conv2d((6, 6), np.ones((3, 2, 3, 3)), 1, 0, 1, 1, np.zeros(3))
    nodes = {
        "x": nir.Input(np.array([2, 6, 6])),
        "conv": conv,
        "p": fire(3, 4, 4),
        "out": nir.Output(np.array([3, 4, 4])),
    }
    made = graph(nodes, [("x", "conv"), ("conv", "p"), ("p", "out")])
    network = read(broken(tmp_path / "old.nir", made, "conv", ["bias", "input_shape", "groups"], {}))
    assert network.notes[:2] == ("conv: has no groups: taken as 1", "conv: has no bias: taken as 0")
    assert network.edges[0].convolution == read(made).edges[0].convolution


@pytest.mark.parametrize(("order", "feeds"), [("current_first", "new"), ("potential_first", "old")])
def test_currents_are_in_the_unit_of_the_potential(graph: Graph, order: str, feeds: str) -> None:
    tau_syn, tau_mem, r, leak, w_in = 0.004, 0.01, 2.0, 0.5, 3.0
    parameters = [np.full(2, value) for value in (tau_syn, tau_mem, r, leak)]
    nodes = {"x": nir.Input(np.array([2])), "fc": nir.Affine(np.eye(2), np.ones(2)),
             "p": nir.CubaLI(*parameters, w_in=np.full(2, w_in)),
             "out": nir.Output(np.array([2]))}  # fmt: skip
    network = read(graph(nodes, [("x", "fc"), ("fc", "p"), ("p", "out")]), cuba_order=order)
    spikes = np.random.default_rng(0).random((20, 2)) < 0.4
    current, potential, expected = np.zeros(2), np.zeros(2), []
    for now in spikes:
        before = current
        current = current + 1e-3 / tau_syn * (-current + w_in * (now + 1.0))
        feeding = current if feeds == "new" else before
        potential = potential + 1e-3 / tau_mem * (leak - potential + r * feeding)
        expected.append(potential)
    got = RealModel(network).run({"x": spikes[None].astype(float)}).readouts["p"][0]
    np.testing.assert_allclose(got, expected, rtol=1e-12)
