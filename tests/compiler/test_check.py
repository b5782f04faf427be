"""`check`: every node told, nothing raised, and what fits where."""

import json
from collections.abc import Callable
from typing import Any

import nir  # type: ignore[import-untyped]
import numpy as np
import pytest

from spikewright.compiler.check import check
from spikewright.errors import ConfigError

Nodes = dict[str, Any]
Edges = list[tuple[str, str]]
Graph = Callable[[Nodes, Edges], Any]


def test_every_node_of_a_network_that_compiles(nodes: Nodes, edges: Edges, graph: Graph) -> None:
    report = check(graph(nodes, edges), semantics={"dt": 1e-3})
    assert report.supported
    assert report.problems == ()
    rows = {row.name: row for row in report.nodes}
    assert list(rows) == ["input", "fc1", "lif1", "fc2", "lif2", "output"]
    assert all(row.supported and row.reason is None for row in report.nodes)
    assert rows["input"].realised_as == "drive input of 12 addresses, spikes"
    assert rows["fc1"].realised_as == "dense rows of 8-bit weights, input to lif1"
    assert rows["lif1"].realised_as == (
        "LIF core, 8 neurons in 2 lanes, 13-bit states, 13-bit accumulators, decay (v * 1843) >> 11,"
        " about 0.899902, reset set, now"
    )
    assert rows["output"].realised_as == "stream out of the chip"
    assert report.memory_bits == (12 * 8 + 8 * 3) * 8
    assert report.fits["ecp5-25k"].fits
    assert "lif1: LIF, tau 0.01 s, dt 0.001 s: decay 0.9, drive gain 0.1" in report.notes
    assert set(json.loads(json.dumps(report.as_dict()))) == {
        "supported",
        "nodes",
        "problems",
        "memory_bits",
        "parameter_bits",
        "state_bits",
        "fits",
        "notes",
    }


def test_every_problem_is_listed_with_its_node(nodes: Nodes, edges: Edges, graph: Graph) -> None:
    nodes["fc2"] = nir.Conv2d((5, 5), np.ones((1, 1, 3, 3)), 1, 0, 1, 1, np.zeros(1))
    nodes["lif1"].tau = np.full(8, 1e-4)
    report = check(graph(nodes, edges))
    assert not report.supported
    assert report.memory_bits is None
    assert report.fits == {}
    rows = {row.name: row for row in report.nodes}
    assert list(rows) == ["input", "fc1", "lif1", "fc2", "lif2", "output"]
    assert {name for name, row in rows.items() if not row.supported} == {"fc2", "lif1"}
    assert rows["fc2"].type == "Conv2d"
    assert (rows["fc2"].realised_as, rows["fc2"].reason) == (None, "takes 1 x 5 x 5 and 'lif1' gives 8")
    assert (rows["lif2"].realised_as, rows["lif2"].reason) == ("LIF core", None)
    assert len(report.problems) == 2


def test_wrong_parameters_and_wiring_are_rows_not_exceptions(
    nodes: Nodes, edges: Edges, graph: Graph
) -> None:
    nodes["lif1"].tau = np.full(8, 1e-4)
    report = check(graph(nodes, edges))
    (row,) = [row for row in report.nodes if not row.supported]
    assert row.name == "lif1"
    assert row.reason is not None
    assert row.reason.startswith("decay 1 - dt/tau must be in [0, 1), not -9:")
    report = check(graph(nodes, [*edges, ("fc1", "fc1")]))
    assert report.problems == ("cycle fc1 -> fc1: must have a neuron in it",)
    assert not check(graph({}, [])).supported


def test_semantics_that_are_wrong_in_themselves_are_raised(nodes: Nodes, edges: Edges, graph: Graph) -> None:
    with pytest.raises(ConfigError, match=r"^semantics: dt: must be above 0, not -1$"):
        check(graph(nodes, edges), semantics={"dt": -1})


def test_a_network_that_is_too_big_fits_nowhere(graph: Graph) -> None:
    ones = np.ones(1000)
    nodes = {
        "in": nir.Input(np.array([2000])),
        "fc": nir.Linear(np.random.default_rng(0).normal(size=(1000, 2000)).astype(np.float32)),
        "lif": nir.LIF(0.01 * ones, ones, 0 * ones, ones),
        "out": nir.Output(np.array([1000])),
    }
    report = check(graph(nodes, [("in", "fc"), ("fc", "lif"), ("lif", "out")]))
    assert report.supported
    assert report.memory_bits == 16_000_000
    assert not any(fit.fits for fit in report.fits.values())
    assert report.fits["ecp5-85k"].available == 208
