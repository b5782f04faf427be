"""From NIR to the real network: what is folded where, every topology, and every refusal to the letter."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py  # type: ignore[import-untyped]
import nir  # type: ignore[import-untyped]
import numpy as np
import pytest

from spikewright.compiler.nodes import SUPPORTED
from spikewright.compiler.reader import read_network, read_nir
from spikewright.compiler.semantics import Semantics, parse_semantics, resolve_semantics
from spikewright.errors import ConfigError
from spikewright.ir import RealNetwork

Nodes = dict[str, Any]
Edges = list[tuple[str, str]]
Graph = Callable[[Nodes, Edges], Any]


def settings(**keys: Any) -> Semantics:
    return resolve_semantics(parse_semantics(keys, "given"))


def population(size: int, **parameters: Any) -> Any:
    values = {"tau": 0.01, "r": 1.0, "v_leak": 0.0, "v_threshold": 1.0, "v_reset": 0.0} | parameters
    return nir.LIF(
        **{name: np.broadcast_to(np.asarray(value, float), (size,)) for name, value in values.items()}
    )


def ends(network: RealNetwork) -> list[tuple[str, str, str]]:
    return [(edge.source, edge.target, edge.node) for edge in network.edges]


def test_parameters_fold_into_the_step(nodes: Nodes, edges: Edges, graph: Graph) -> None:
    nodes["lif1"] = population(8, tau=0.004, r=2.0, v_leak=0.5, v_threshold=np.arange(8), v_reset=-0.25)
    network = read_network(graph(nodes, edges), settings(dt=1e-3, compare="ge"), "net")
    hidden, out = network.populations
    assert (network.name, network.dt, network.outputs, network.decode) == ("net", 1e-3, ("lif2",), "count")
    assert network.inputs[0].shape == (4, 3)
    np.testing.assert_allclose(hidden.decay, 0.75)
    np.testing.assert_allclose(network.edges[0].weights, nodes["fc1"].weight * 0.5)
    np.testing.assert_allclose(hidden.bias, nodes["fc1"].bias * 0.5 + 0.25 * 0.5)
    np.testing.assert_allclose(network.edges[1].weights, nodes["fc2"].weight * 0.1)
    assert (out.bias == 0).all()
    assert (hidden.threshold == np.arange(8)).all()
    assert (hidden.reset_value == -0.25).all()
    assert (hidden.reset, hidden.reset_when, hidden.compare, hidden.max_spikes) == ("set", "now", "ge", 1)
    assert ends(network) == [("input", "lif1", "fc1"), ("lif1", "lif2", "fc2")]
    assert network.notes[0] == "lif1: LIF, tau 0.004 s, dt 0.001 s: decay 0.75, drive gain 0.5"


def test_exponential_integration(nodes: Nodes, edges: Edges, graph: Graph) -> None:
    tau = np.linspace(0.002, 0.02, 8)
    nodes["lif1"] = population(8, tau=tau, r=2.0, v_leak=0.5)
    network = read_network(graph(nodes, edges), settings(integration="exponential"))
    decay = np.exp(-1e-3 / tau)
    np.testing.assert_allclose(network.populations[0].decay, decay)
    np.testing.assert_allclose(network.edges[0].weights, nodes["fc1"].weight * 2 * (1 - decay)[:, None])
    np.testing.assert_allclose(
        network.populations[0].bias, nodes["fc1"].bias * 2 * (1 - decay) + (1 - decay) / 2
    )


@pytest.mark.parametrize(("gain", "factor"), [("dt*r", 0.3), ("r", 3.0)])
def test_integrators_gain_r_with_or_without_dt(
    nodes: Nodes, edges: Edges, graph: Graph, gain: str, factor: float
) -> None:
    nodes["lif1"] = nir.IF(r=np.full(8, 3.0), v_threshold=np.ones(8))
    nodes["lif2"] = nir.I(r=np.full(3, 3.0))
    network = read_network(graph(nodes, edges), settings(dt=0.1, if_gain=gain))
    assert (network.populations[0].decay == 1).all()
    np.testing.assert_allclose(network.edges[0].weights, nodes["fc1"].weight * factor)
    np.testing.assert_allclose(network.edges[1].weights, nodes["fc2"].weight * factor)
    assert [p.fires for p in network.populations] == [True, False]
    assert network.decode == "potential_sum"


def test_leaky_integrators_give_potentials(nodes: Nodes, edges: Edges, graph: Graph) -> None:
    nodes["lif2"] = nir.LI(tau=np.full(3, 0.002), r=np.ones(3), v_leak=np.ones(3))
    network = read_network(graph(nodes, edges), settings(decode="potential_last"))
    assert not network.populations[1].fires
    np.testing.assert_allclose(network.populations[1].bias, 0.5)
    assert network.decode == "potential_last"


@pytest.mark.parametrize("shape", [(), (1,), (8,), (1, 8)])
def test_scalars_count_for_all_neurons(
    nodes: Nodes, edges: Edges, graph: Graph, shape: tuple[int, ...]
) -> None:
    nodes["lif1"] = nir.LIF(*(np.full(shape, value) for value in (0.01, 1.0, 0.0, 1.0, 0.0)))
    network = read_network(graph(nodes, edges), settings())
    assert network.populations[0].decay.shape == (8,)


def test_branches_skips_joins_and_several_inputs_and_outputs(graph: Graph) -> None:
    rng = np.random.default_rng(1)
    shapes = {"a": (4, 5), "b": (4, 5), "skip": (3, 5), "c": (3, 4), "d": (2, 4), "side": (3, 6)}
    nodes: Nodes = {name: nir.Linear(rng.normal(size=shape)) for name, shape in shapes.items()}
    nodes["side"] = nir.Affine(nodes["side"].weight, np.ones(3))
    nodes |= {
        "x": nir.Input(np.array([5])),
        "y": nir.Input(np.array([2, 3])),
        "flat": nir.Flatten(None, 0, -1),
        "p": population(4),
        "q": population(3),
        "r": population(2),
        "out1": nir.Output(np.array([3])),
        "out2": nir.Output(np.array([2])),
    }
    edges = [
        ("x", "a"),
        ("x", "b"),
        ("a", "p"),
        ("b", "p"),
        ("x", "skip"),
        ("skip", "q"),
        ("p", "c"),
        ("c", "q"),
        ("y", "flat"),
        ("flat", "side"),
        ("side", "q"),
        ("p", "d"),
        ("d", "r"),
        ("q", "out1"),
        ("r", "out2"),
    ]
    network = read_network(graph(nodes, edges), settings())
    assert [port.name for port in network.inputs] == ["x", "y"]
    assert network.outputs == ("q", "r")
    assert ends(network) == [
        ("x", "p", "a+b"),
        ("p", "q", "c"),
        ("x", "q", "skip"),
        ("y", "q", "side"),
        ("p", "r", "d"),
    ]
    np.testing.assert_allclose(network.edges[0].weights, 0.1 * (nodes["a"].weight + nodes["b"].weight))
    np.testing.assert_allclose(network.populations[1].bias, 0.1)


def test_one_layer_into_two_populations_and_from_two(graph: Graph) -> None:
    nodes: Nodes = {
        "x": nir.Input(np.array([5])),
        "y": nir.Input(np.array([5])),
        "fc": nir.Affine(np.ones((4, 5)), np.ones(4)),
        "p": population(4),
        "q": population(4, tau=0.002),
        "o1": nir.Output(np.array([4])),
        "o2": nir.Output(np.array([4])),
    }
    network = read_network(
        graph(nodes, [("x", "fc"), ("y", "fc"), ("fc", "p"), ("fc", "q"), ("p", "o1"), ("q", "o2")]),
        settings(),
    )
    assert ends(network) == [("x", "p", "fc"), ("y", "p", "fc"), ("x", "q", "fc"), ("y", "q", "fc")]
    np.testing.assert_allclose([p.bias[0] for p in network.populations], [0.1, 0.5])  # the bias counts once


def test_a_graph_and_its_file_are_the_same(nodes: Nodes, edges: Edges, graph: Graph, tmp_path: Path) -> None:
    made = graph(nodes, edges[::-1])
    nir.write(tmp_path / "net.nir", made)
    first = read_network(made, settings())
    second = read_network(read_nir(tmp_path / "net.nir"), settings())
    assert ends(first) == ends(second)
    assert first.notes == second.notes
    for one, other in zip(first.edges, second.edges, strict=True):
        assert (one.weights == other.weights).all()


def test_inputs_take_their_kind_from_the_semantics(nodes: Nodes, edges: Edges, graph: Graph) -> None:
    inputs = {"input": {"kind": "hold", "value_bits": 8, "value_scale": 255.0}}
    port = read_network(graph(nodes, edges), settings(inputs=inputs)).inputs[0]
    assert (port.kind, port.value_bits, port.value_scale) == ("hold", 8, 255.0)


def test_torch_tensors_are_numbers_too(nodes: Nodes, edges: Edges, graph: Graph) -> None:
    import torch

    nodes["fc2"].weight = torch.ones(3, 8, requires_grad=True)
    assert (read_network(graph(nodes, edges), settings()).edges[1].weights == 0.1).all()


def refused(nodes: Nodes, edges: Edges, graph: Graph, message: str, **keys: Any) -> None:
    with pytest.raises(ConfigError, match=f"^{re.escape(message)}$"):
        read_network(graph(nodes, edges), settings(**keys))


class Strange(nir.ir.node.NIRNode):  # type: ignore[misc]
    """A node type of a NIR to come."""

    def __init__(self) -> None:
        self.input_type = self.output_type = {"input": None}


def test_node_types_that_are_not_known_are_refused_by_name(nodes: Nodes, edges: Edges, graph: Graph) -> None:
    nodes["odd"] = Strange()
    message = "odd: Strange is not supported: it is not a node type that is known here"
    refused(nodes, [*edges, ("lif2", "odd")], graph, message)
    nodes["odd2"] = Strange()
    refused(nodes, [*edges, ("lif2", "odd")], graph, message + " (and 1 more: `spikewright check` lists all)")


def test_all_nodes_of_nir_are_realised() -> None:
    names = {name for name in nir.ir.__all__ if name[0].isupper()} - {"NIRNode"}
    assert len(names) == 19
    assert names == {kind.__name__ for kind in SUPPORTED}


@pytest.mark.parametrize(
    ("drop", "add", "message"),
    [
        ([], [("lif1", "nowhere")], "edge 'lif1' to 'nowhere': there is no node 'nowhere'"),
        ([("fc2", "lif2")], [("lif1", "lif2")], "fc2: feeds nothing"),
        ([], [("lif1", "lif2")], "lif2: 'fc2' brings 3 values and 'lif1' 8"),
        ([], [("fc1", "fc2")], None),
        ([], [("lif2", "input")], "input: takes 'lif2', and an Input takes nothing"),
        ([], [("fc1", "fc1")], "cycle fc1 -> fc1: must have a neuron in it"),
        ([("input", "fc1")], [], "fc1: nothing feeds it (and 1 more: `spikewright check` lists all)"),
        ([("lif2", "output")], [], "lif2: feeds nothing (and 1 more: `spikewright check` lists all)"),
        ([("lif2", "output")], [("fc2", "output")], "lif2: feeds nothing"),
        ([], [("lif1", "output")], "output: 'lif1' brings 8 values and 'lif2' 3"),
        ([], [("output", "fc2")], "output: feeds 'fc2', and an Output feeds nothing"),
        ([], [("lif2", "fc1")], "fc1: takes 12 values and 'lif2' gives 3"),
    ],
)
def test_wiring_is_refused_by_name(
    nodes: Nodes, edges: Edges, graph: Graph, drop: Edges, add: Edges, message: str | None
) -> None:
    wired = [edge for edge in edges if edge not in drop] + add
    if message is None:
        read_network(graph(nodes, wired), settings())
    else:
        refused(nodes, wired, graph, message)


def test_nodes_that_must_be_there(graph: Graph) -> None:
    more = " (and 1 more: `spikewright check` lists all)"
    refused({}, [], graph, "network: must have a node of type Input, and has none" + more)


def test_inputs_and_outputs_that_are_misplaced(nodes: Nodes, edges: Edges, graph: Graph) -> None:
    nodes["second"] = nir.Output(np.array([3]))
    message = "second: takes 'lif2', as 'output' does: one Output is enough"
    refused(nodes, [*edges, ("lif2", "second")], graph, message)
    nodes["late"] = nir.Input(np.array([3]))
    del nodes["second"]
    refused(nodes, [*edges, ("lif2", "late")], graph, "late: takes 'lif2', and an Input takes nothing")


def test_readouts_feed_no_neurons(nodes: Nodes, edges: Edges, graph: Graph) -> None:
    nodes["lif1"] = nir.LI(tau=np.full(8, 0.01), r=np.ones(8), v_leak=np.zeros(8))
    message = "fc2: takes 'lif1', which gives potentials and no spikes: analog values between cores are not"
    refused(nodes, edges, graph, message + " realised")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"fc2": nir.Linear(np.ones((3, 7)))}, "fc2: weight takes 7 values and 'lif1' gives 8"),
        ({"fc1": nir.Linear(np.ones((8, 4)))}, "fc1: weight takes 4 values and 'input' gives 12"),
        ({"fc1": nir.Affine(np.ones((8, 12)), np.ones(7))}, "fc1: bias must have 1 or 8 values, not 7"),
        (
            {"fc2": nir.Linear(np.ones((2, 3, 8)))},
            "fc2: weight must have 2 dimensions (targets, sources), not 3",
        ),
        ({"fc2": nir.Linear(np.ones((0, 8)))}, "fc2: weight must not be empty, and has shape (0, 8)"),
        ({"fc2": nir.Linear(np.array([[1, np.nan]] * 3))}, "fc2: weight must be finite, not nan at (0, 1)"),
        (
            {"fc1": nir.Affine(np.ones((8, 12)), np.full(8, np.inf))},
            "fc1: bias must be finite, not inf at (0,)",
        ),
        ({"fc2": nir.Linear(np.array([["a", "b"]]))}, "fc2: weight must be an array of numbers, not ndarray"),
        ({"lif1": population(7)}, "lif1: tau must have 1 or 8 values, not 7"),
        ({"lif1": population(8, r=np.inf)}, "lif1: r must be finite, not inf at (0,)"),
        ({"lif1": population(8, r=-1e31)}, "lif1: r must be within 1e+30, not -1e+31 at (0,)"),
        ({"lif1": population(8, tau=0)}, "lif1: tau must be above 0, not 0"),
        (
            {"lif1": population(8, tau=[0.01] * 7 + [0.0002])},
            "lif1: decay 1 - dt/tau must be in [0, 1), not -4: tau is 0.0002 s and dt is 0.001 s; a dt"
            " up to 0.0002 would fit",
        ),
        (
            {"lif1": population(8, tau=1e15)},
            "lif1: decay 1 - dt/tau must be in [0, 1), not 1: tau is 1e+15 s and dt is 0.001 s; a dt of"
            " 1e+12 would fit, or an IF node, which does not decay",
        ),
        ({"input": nir.Input(np.array([4, 0]))}, "input: shape must be of lengths above 0, not (4, 0)"),
        ({"output": nir.Output(np.array([4]))}, "output: takes 4 values and 'lif2' gives 3"),
    ],
)
def test_parameters_are_refused_by_name(
    nodes: Nodes, edges: Edges, graph: Graph, change: Nodes, message: str
) -> None:
    refused(nodes | change, edges, graph, message)


def test_semantics_that_do_not_fit_the_graph(nodes: Nodes, edges: Edges, graph: Graph) -> None:
    refused(nodes, edges, graph, "semantics: inputs: must be among input, not 'lif1'", inputs={"lif1": {}})
    refused(nodes, edges, graph, "semantics: scales: must be among lif1, lif2, not 'x'", scales={"x": 1.0})
    refused(
        nodes,
        edges,
        graph,
        "semantics: decays: must be among lif1, lif2, not 'x'",
        decays={"x": {"kind": "none"}},
    )
    refused(
        nodes, edges, graph, "semantics: state_bits: must be among lif1, lif2, not 'x'", state_bits={"x": 8}
    )
    refused(
        nodes,
        edges,
        graph,
        "semantics: decode potential_sum needs an output that does not fire (LI, I or CubaLI), not 'lif2'",
        decode="potential_sum",
    )
    refused(
        nodes,
        edges,
        graph,
        "semantics: delayed_edges: 'lif1' to 'lif1': must be two neighbours, or the neurons at a path's ends",
        delayed_edges=[["lif1", "lif1"]],
    )
    nodes["lif2"] = nir.LI(tau=np.full(3, 0.01), r=np.ones(3), v_leak=np.zeros(3))
    refused(
        nodes,
        edges,
        graph,
        "semantics: decode count needs an output that fires (LIF, IF, CubaLIF or Threshold), not 'lif2'",
        decode="count",
    )


def test_a_tau_that_float32_made_a_little_short_of_dt_decays_to_nothing(
    nodes: Nodes, edges: Edges, graph: Graph
) -> None:
    nodes["lif1"] = population(8, tau=1e-3 * (1 - 1e-7))
    assert (read_network(graph(nodes, edges), settings(dt=1e-3)).populations[0].decay == 0).all()


def test_files_that_cannot_be_read(tmp_path: Path, nodes: Nodes, edges: Edges, graph: Graph) -> None:
    def refused_file(path: Path, message: str) -> None:
        with pytest.raises(ConfigError, match=f"^{re.escape(str(path))}: {message}$"):
            read_nir(path)

    whole = tmp_path / "whole.nir"
    nir.write(whole, graph(nodes, edges))
    content = whole.read_bytes()
    refused_file(tmp_path / "none.nir", "there is no such file")
    refused_file(tmp_path, "is not a file")
    for name, cut in (
        ("half.nir", content[: len(content) // 2]),
        ("text.nir", b"hello\n"),
        ("empty.nir", b""),
    ):
        (tmp_path / name).write_bytes(cut)
        refused_file(tmp_path / name, "is not a whole HDF5 file, as NIR files are")
    with h5py.File(tmp_path / "other.nir", "w") as file:
        file["x"] = 1
    refused_file(tmp_path / "other.nir", "is an HDF5 file, but not NIR: it has no group 'node'")
    nir.write(tmp_path / "single.nir", nodes["lif1"])
    refused_file(tmp_path / "single.nir", "must hold a NIRGraph, not a single LIF node")
    for key, message in (
        ("node/nodes/lif1/type", "lif1: Izhikevich is not a node type of NIR 1\\.0\\.8"),
        ("node/nodes/lif1/tau", "is not a NIR graph: TypeError: .*missing.*'tau'"),
    ):
        broken = tmp_path / "broken.nir"
        broken.write_bytes(content)
        with h5py.File(broken, "r+") as file:
            del file[key]
            if key.endswith("type"):
                file[key] = "Izhikevich"
        refused_file(broken, message)
    with h5py.File(broken, "r+") as file:
        del file["node/nodes/lif1/r"]
        file.create_dataset(
            "node/nodes/lif1/r", shape=(1 << 40,), dtype="f8", chunks=(1 << 20,), compression="gzip"
        )
    assert broken.stat().st_size < 1 << 20
    refused_file(broken, "nodes/lif1/r: must have at most 134217728 values, not 1099511627776")
    with pytest.raises(ConfigError, match=r"^network: must be a NIR file or a nir\.NIRGraph, not int$"):
        read_nir(3)
