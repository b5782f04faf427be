"""Random integer networks, and NIR graphs made by hand, for all tests of the compiler."""

from collections.abc import Callable
from typing import Any

import nir  # type: ignore[import-untyped]
import numpy as np
import pytest

from spikewright.network import Edge, InputPort, IntegerNetwork, Population
from spikewright.neuron import Decay, NeuronConfig

Node = Any
Graph = Callable[[dict[str, Node], list[tuple[str, str]]], Any]


def random_neuron(rng: np.random.Generator, size: int, *, fires: bool = True) -> NeuronConfig:
    """An arithmetic of any kind that a LIF core has."""
    state_bits = int(rng.integers(8, 25))
    high = (1 << (state_bits - 1)) - 1

    def levels(low: int, high: int) -> tuple[int, ...]:
        count = 1 if rng.random() < 0.5 else size
        return tuple(int(level) for level in rng.integers(low, high, size=count, endpoint=True))

    fraction_bits = int(rng.integers(1, 17))
    decay = [
        Decay(),
        Decay(kind="shift", shift=int(rng.integers(0, state_bits))),
        Decay(kind="multiply", factor=levels(0, 1 << fraction_bits), fraction_bits=fraction_bits),
    ][rng.integers(3)]
    reset, when = ("subtract", "set")[rng.integers(2)], ("now", "next")[rng.integers(2)]
    return NeuronConfig(
        fires=fires,
        state_bits=state_bits,
        decay=decay,
        compare=levels(1, high),
        reset=reset,  # type: ignore[arg-type]
        reset_when=when,  # type: ignore[arg-type]
        reset_amount=levels(0, high),
        reset_value=levels(-5, 5),
        bias=levels(-20, 20),
    )


def random_network(seed: int) -> IntegerNetwork:
    """A network of one to four populations with branches, skips and joins, sparse and dense edges."""
    rng = np.random.default_rng(seed)
    weight_bits = int(rng.integers(2, 17))
    low, high = -(1 << (weight_bits - 1)), (1 << (weight_bits - 1)) - 1
    inputs = tuple(
        InputPort(
            name=f"in{index}",
            shape=(int(rng.integers(1, 9)), int(rng.integers(1, 4))),
            kind=("drive", "hold")[rng.integers(2)],
            value_bits=int(rng.choice([0, 0, 1, 4, 8])),
        )
        for index in range(rng.integers(1, 3))
    )
    sizes = {port.name: port.size for port in inputs}
    populations: list[Population] = []
    edges: list[Edge] = []
    for index in range(rng.integers(1, 5)):
        name, size = f"p{index}", int(rng.integers(1, 30))
        sources = [source for source in sizes if rng.random() < 0.6] or [str(rng.choice(sorted(sizes)))]
        for source in sources:
            weights = rng.integers(low, high, size=(size, sizes[source]), endpoint=True)
            weights[rng.random(weights.shape) > rng.choice([0.0, 0.1, 0.5, 1.0])] = 0
            edges.append(Edge(source=source, target=name, weights=weights))
        populations.append(Population(name=name, size=size, neuron=random_neuron(rng, size)))
        sizes[name] = size
    return IntegerNetwork(
        name="random",
        inputs=inputs,
        populations=tuple(populations),
        edges=tuple(edges),
        outputs=(populations[-1].name,),
        weight_bits=weight_bits,
    )


@pytest.fixture(scope="session")
def make_network() -> Callable[[int], IntegerNetwork]:
    """Random networks by seed."""
    return random_network


@pytest.fixture(scope="session")
def graph() -> Graph:
    """NIR graphs as a file would give them: nothing inferred, nothing checked."""

    def make(nodes: dict[str, Node], edges: list[tuple[str, str]]) -> Any:
        return nir.NIRGraph(nodes=nodes, edges=edges, type_check=False)

    return make


def lif(size: int, **parameters: float) -> Any:
    """A LIF node; parameters are the same for all of its neurons."""
    values = {"tau": 0.01, "r": 1.0, "v_leak": 0.0, "v_threshold": 1.0, "v_reset": 0.0} | parameters
    return nir.LIF(**{name: np.full(size, value) for name, value in values.items()})


@pytest.fixture
def nodes() -> dict[str, Node]:
    """A network that compiles: input, fc1, lif1, fc2, lif2, output."""
    rng = np.random.default_rng(0)
    return {
        "input": nir.Input(np.array([4, 3])),
        "fc1": nir.Affine(rng.normal(size=(8, 12)), rng.normal(size=8) / 10),
        "lif1": lif(8),
        "fc2": nir.Linear(rng.normal(size=(3, 8))),
        "lif2": lif(3),
        "output": nir.Output(np.array([3])),
    }


@pytest.fixture
def edges() -> list[tuple[str, str]]:
    """The edges of :func:`nodes`."""
    return [("input", "fc1"), ("fc1", "lif1"), ("lif1", "fc2"), ("fc2", "lif2"), ("lif2", "output")]
