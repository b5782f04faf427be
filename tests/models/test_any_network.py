"""Both models on random networks of everything that the contract allows, against the contract itself."""

import itertools
from typing import Any

import numpy as np
import pytest

from spikewright.cosim.stepped import run_stepped
from spikewright.models.integer import IntegerModel
from spikewright.models.real import RealModel
from spikewright.models.schedule import components
from spikewright.models.trace import Trace
from spikewright.network import IntegerNetwork
from tests.models.any_network import integer_feed, integer_network, real_feed, real_network
from tests.models.contract import integer_contract, real_contract

SEEDS = range(150)


def assert_same(got: Trace, expected: Trace) -> None:
    for what in ("spikes", "readouts"):
        ours, theirs = getattr(got, what), getattr(expected, what)
        assert set(ours) == set(theirs)
        for name in ours:
            np.testing.assert_array_equal(ours[name], theirs[name], err_msg=name)
    assert set(got.states) == set(expected.states)
    for name, kept in got.states.items():
        assert set(kept) == set(expected.states[name])
        for key in kept:
            np.testing.assert_array_equal(kept[key], expected.states[name][key], err_msg=f"{name} {key}")


@pytest.mark.parametrize("seed", SEEDS)
def test_integers_equal_the_contract(seed: int) -> None:
    network = integer_network(seed)
    feed = integer_feed(network, seed + 1)
    expected = integer_contract(network, feed)
    assert_same(IntegerModel(network).run(feed), expected)
    if seed < 40:
        assert_same(IntegerModel(network, memory_bytes=1).run(feed), expected)


@pytest.mark.parametrize("seed", SEEDS)
def test_reals_equal_the_contract(seed: int) -> None:
    network = real_network(seed)
    feed = real_feed(network, seed + 1)
    assert_same(RealModel(network).run(feed), real_contract(network, feed))


@pytest.mark.parametrize("seed", SEEDS[:40])
def test_states_of_every_step(seed: int) -> None:
    network = integer_network(seed)
    feed = integer_feed(network, seed + 1, samples=1)
    stepped = run_stepped(network, feed)
    for step in range(10):
        expected = integer_contract(network, {name: x[:, : step + 1] for name, x in feed.items()})
        for name, kept in stepped.states.items():
            assert set(kept) == set(expected.states[name]) - {"potential"}
            for key, values in kept.items():
                np.testing.assert_array_equal(values[:, step], expected.states[name][key], f"{name} {key}")


def test_random_networks_cover_the_contract() -> None:
    seen: set[Any] = set()
    for seed in SEEDS:
        network = integer_network(seed)
        trace = IntegerModel(network).run(integer_feed(network, seed + 1))
        seen |= edges_seen(network) | neurons_seen(network, trace)
    resets = {(r, w, f) for r in ("subtract", "set") for w in ("now", "next") for f in (False, True)}
    currents = {("current", feeds, fires) for feeds in ("new", "old") for fires in (False, True)}
    edges = set(itertools.product(("forward", "closing"), ("kernel", "matrix"), (False, True)))
    features = {"readout", "several", "floor", "saturates", "held", "current saturates", "pool", "groups"}
    features |= {"stride", "dilation", "padding", "self", "pair", "two delays", "held late", "counts"}
    decays = {(what, kind) for what in ("v", "j") for kind in ("none", "shift", "multiply")}
    missing = (resets | currents | edges | features | decays) - seen
    assert not missing


def edges_seen(network: IntegerNetwork) -> set[Any]:
    seen: set[Any] = set()
    ends = [(edge.source, edge.target) for edge in network.edges]
    together = components([population.name for population in network.populations], ends)
    seen |= {"pair"} if any(len(members) > 1 for members in together) else set()
    seen |= {"two delays"} if len(set(ends)) < len(ends) else set()
    for edge in network.edges:
        where = "closing" if network.closes_cycle(edge) else "forward"
        kind = "matrix" if edge.convolution is None else "kernel"
        seen.add((where, kind, len(edge.delay) > 1))
        seen |= {"self"} if edge.source == edge.target else set()
        port = network.input(edge.source)
        seen |= {"held late"} if port and port.kind == "hold" and max(edge.delay) else set()
        seen |= {"counts"} if port and port.max_events > 1 else set()
        if edge.convolution is not None:
            options: dict[str, Any] = {
                "pool": (1, 1), "groups": 1, "stride": (1, 1), "dilation": (1, 1), "padding": (0, 0)
            }  # fmt: skip
            seen |= {name for name, plain in options.items() if getattr(edge.convolution, name) != plain}
    return seen


def neurons_seen(network: IntegerNetwork, trace: Trace) -> set[Any]:
    seen: set[Any] = set()
    for population in network.populations:
        neuron, states = population.neuron, trace.states[population.name]
        seen.add(("v", neuron.decay.kind))
        if neuron.current is not None:
            seen |= {("j", neuron.current.decay.kind), ("current", neuron.current.feeds, neuron.fires)}
            top = (1 << (neuron.current.bits - 1)) - 1
            plain = states["current"] - np.array(neuron.current.bias)  # j itself, where nothing decays
            full = neuron.current.decay.kind == "none" and (plain == top).any()
            seen |= {"current saturates"} if full else set()
        if not neuron.fires:
            seen.add("readout")
        else:
            spikes = trace.spikes[population.name]
            seen |= {(neuron.reset, neuron.reset_when, bool(value)) for value in np.unique(spikes)}
            seen |= {"several"} if spikes.max() > 1 else set()
        potential = states["potential"]
        seen |= {"floor"} if neuron.floor is not None and (potential == neuron.floor).any() else set()
        seen |= {"saturates"} if (potential == neuron.potential_range[1]).any() else set()
        seen |= {"held"} if "held" in states else set()
    return seen
