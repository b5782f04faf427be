"""The real model against exact fractions: on dyadic numbers float64 rounds nothing."""

import dataclasses
from fractions import Fraction
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import torch

from spikewright.errors import ConfigError
from spikewright.ir import RealEdge, RealNetwork, RealPopulation
from spikewright.models.integer import IntegerModel
from spikewright.models.real import RealModel
from spikewright.network import Edge, InputPort, IntegerNetwork, Population
from spikewright.neuron import NeuronConfig

RULES = [(reset, when) for reset in ("subtract", "set") for when in ("now", "next")]


def population(rng: np.random.Generator, name: str, size: int, **options: Any) -> RealPopulation:
    def eighths(low: int, high: int) -> npt.NDArray[np.float64]:
        return rng.integers(low, high, size, endpoint=True) / 8

    return RealPopulation(
        name=name,
        size=size,
        decay=rng.choice([0.0, 0.5, 0.75, 1.0], size),
        bias=eighths(-2, 4),
        threshold=eighths(4, 12),
        reset_amount=eighths(0, 12),
        reset_value=eighths(-4, 3),
        **options,
    )


def random_network(
    seed: int, reset: Any, when: Any, compare: Any, most: int, v_min: float | None
) -> RealNetwork:
    rng = np.random.default_rng(seed)
    options: dict[str, Any] = {"reset": reset, "reset_when": when, "compare": compare, "v_min": v_min}
    sizes = {"in": 4, "held": 3, "a": 5, "out": 2}

    def edge(source: str, target: str) -> RealEdge:
        weights = rng.integers(-8, 16, (sizes[target], sizes[source])) / 8
        return RealEdge(source=source, target=target, weights=weights)

    return RealNetwork(
        name="random",
        inputs=(
            InputPort(name="in", shape=(2, 2)),
            InputPort(name="held", shape=(3,), kind="hold", value_bits=3),
        ),
        populations=(
            population(rng, "a", 5, fires=True, max_spikes=most, **options),
            population(rng, "out", 2, fires=False, v_min=v_min),
        ),
        edges=(edge("in", "a"), edge("held", "a"), edge("a", "out"), edge("in", "out")),
        outputs=("out",),
    )


def reference(network: RealNetwork, feed: dict[str, npt.NDArray[Any]]) -> dict[str, npt.NDArray[Any]]:
    """Outputs of every population, neuron by neuron, in fractions."""
    samples, steps = feed["in"].shape[:2]
    sent = {name: x.reshape(samples, steps, -1) for name, x in feed.items()}
    for p in network.populations:
        outputs = np.zeros((samples, steps, p.size))
        for s, n in np.ndindex(samples, p.size):
            v, fired = Fraction(0), 0
            h = Fraction(0)
            theta, r, v_reset = (
                Fraction(float(levels[n])) for levels in (p.threshold, p.reset_amount, p.reset_value)
            )
            for t in range(steps):
                i = Fraction(0)
                for edge in network.edges:
                    if edge.target == p.name and (edge.source != "held" or sent["held"][s, t].any()):
                        values = zip(edge.weights[n], sent[edge.source][s, t], strict=True)
                        total = sum((Fraction(float(a)) * Fraction(float(b)) for a, b in values), Fraction(0))
                        h, i = (total, i) if edge.source == "held" else (h, i + total)
                u = Fraction(float(p.decay[n])) * v + i + h + Fraction(float(p.bias[n]))
                if p.fires and fired and (p.reset, p.reset_when) == ("subtract", "next"):
                    u -= r
                u = u if p.v_min is None else max(u, Fraction(p.v_min))
                if p.fires and fired and (p.reset, p.reset_when) == ("set", "next"):
                    u = v_reset
                fired = 0
                while p.fires and fired < p.max_spikes and (u > theta if p.compare == "gt" else u >= theta):
                    fired += 1
                    if p.reset_when == "next":
                        break
                    u = u - r if p.reset == "subtract" else v_reset
                v = u
                outputs[s, t, n] = fired if p.fires else float(u)
        sent[p.name] = outputs
    return {p.name: sent[p.name] for p in network.populations}


@pytest.mark.parametrize("compare", ["gt", "ge"])
@pytest.mark.parametrize("rule", [*[(*rule, 1) for rule in RULES], ("subtract", "now", 3)])
@pytest.mark.parametrize("v_min", [None, -0.5])
def test_equals_fractions(compare: str, rule: tuple[str, str, int], v_min: float | None) -> None:
    network = random_network(7, *rule[:2], compare, rule[2], v_min)
    rng = np.random.default_rng(1)
    feed = {
        "in": (rng.random((3, 12, 2, 2)) < 0.4) * 1.0,
        "held": rng.integers(0, 8, (3, 12, 3)) / 4 * (rng.random((3, 12, 1)) < 0.3),
    }
    trace = RealModel(network).run(feed)
    expected = reference(network, feed)
    np.testing.assert_array_equal(trace.spikes["a"], expected["a"])
    np.testing.assert_array_equal(trace.readouts["out"], expected["out"])
    np.testing.assert_array_equal(trace.states["out"]["potential"], expected["out"][:, -1])
    assert set(np.unique(trace.spikes["a"])) == set(range(rule[2] + 1))
    assert trace.readouts["out"].dtype == np.float64


def test_compares_differ_at_the_threshold() -> None:
    spikes = {}
    for compare in ("ge", "gt"):
        network = random_network(7, "subtract", "now", compare, 1, None)
        a = network.populations[0]
        exact = dataclasses.replace(a, decay=0 * a.decay, bias=a.threshold)
        network = dataclasses.replace(network, populations=(exact, network.populations[1]))
        feed = {"in": np.zeros((1, 4, 2, 2)), "held": np.zeros((1, 4, 3))}
        spikes[compare] = RealModel(network).run(feed).spikes["a"]
    assert (spikes["ge"] == 1).all()
    assert (spikes["gt"] == 0).all()


@pytest.mark.parametrize(("reset", "when"), RULES)
def test_equals_the_integer_model_on_integers(reset: Any, when: Any) -> None:
    rng = np.random.default_rng(3)
    weights = rng.integers(-20, 40, (6, 5))
    ones = np.ones(6)
    real = RealNetwork(
        name="both",
        inputs=(InputPort(name="in", shape=(5,)),),
        populations=(
            RealPopulation(
                name="a",
                size=6,
                fires=True,
                decay=ones,
                bias=3 * ones,
                threshold=50 * ones,
                reset_amount=50 * ones,
                reset_value=-7 * ones,
                reset=reset,
                reset_when=when,
            ),
        ),
        edges=(RealEdge(source="in", target="a", weights=weights.astype(np.float64)),),
        outputs=("a",),
    )
    neuron = NeuronConfig(
        compare=(50,), reset_amount=(50,), reset_value=(-7,), bias=(3,), reset=reset, reset_when=when
    )
    whole = IntegerNetwork(
        name="both",
        inputs=real.inputs,
        populations=(Population(name="a", size=6, neuron=neuron),),
        edges=(Edge(source="in", target="a", weights=weights),),
        outputs=("a",),
    )
    x = (rng.random((4, 30, 5)) < 0.4).astype(np.uint8)
    ours, theirs = RealModel(real).run(x), IntegerModel(whole).run(x)
    np.testing.assert_array_equal(ours.spikes["a"], theirs.spikes["a"])
    np.testing.assert_array_equal(ours.states["a"]["potential"], theirs.states["a"]["potential"])
    assert 0 < ours.spikes["a"].mean() < 1


def test_single_precision_on_request() -> None:
    network = random_network(7, "subtract", "now", "ge", 1, None)
    feed = {"in": np.ones((1, 8, 2, 2)), "held": np.zeros((1, 8, 3))}
    assert RealModel(network, dtype=torch.float32).run(feed).readouts["out"].dtype == np.float32


def test_refuses_what_is_not_finite() -> None:
    network = random_network(7, "subtract", "now", "ge", 1, None)
    feed = {"in": np.ones((1, 2, 2, 2)), "held": np.zeros((1, 2, 3))}
    feed["held"][0, 1, 2] = np.inf
    with pytest.raises(ConfigError, match=r"^input 'held': values must be finite, not inf at \(0, 1, 2\)$"):
        RealModel(network).run(feed)
