"""Random integer networks with delays and cycles: loops, edges back, several edges between the same two."""

from itertools import pairwise
from typing import Any

import numpy as np

from spikewright.models.integer import IntegerModel
from spikewright.network import Edge, InputPort, IntegerNetwork, Population
from tests.networks import Case, enriched, random_events, random_neuron, random_weights

__all__ = ["random_recurrent_case"]


def random_recurrent_case(seed: int, *, largest: int = 40, steps: int = 12, samples: int = 3) -> Case:
    """The case of a seed, in which something fires that a cycle or a delay brings back."""
    for attempt in range(100):
        rng = np.random.default_rng([seed, 55, attempt])
        network = random_network(rng, f"recurrent{seed}", largest)
        x = {port.name: random_events(rng, port, samples, steps) for port in network.inputs}
        spikes = IntegerModel(network).run(x).spikes
        fired = {**x, **spikes}
        late = [edge.source for edge in network.edges if any(edge.delay)]
        if late and all(0 < np.count_nonzero(fired[name]) < 0.8 * fired[name].size for name in late):
            mapping: dict[str, Any] = {
                "lanes": None if rng.random() < 0.3 else int(2 ** rng.integers(0, 5)),
                "contents": "bus" if rng.random() < 0.4 else "baked",
                "rows": str(rng.choice(["auto", "dense", "compressed"])),
            }
            return Case(network=network, mapping=mapping, x=x)
    raise AssertionError(f"no lively network of seed {seed}")


def random_network(rng: np.random.Generator, name: str, largest: int) -> IntegerNetwork:
    """One to three populations in a chain, with whatever other edges; the last may give potentials.

    In some there is one more before them, that only the last of the chain feeds.
    """
    weight_bits = int(rng.integers(3, 10))
    inputs = [random_input(rng, f"in{index}", largest) for index in range(int(rng.integers(1, 3)))]
    count = int(rng.integers(1, 4))
    names = [f"p{index}" for index in range(count)]
    fires = dict.fromkeys(names, True)
    fires[names[-1]] = bool(rng.random() < 0.7)
    sizes = {port.name: port.size for port in inputs}
    sizes |= {p: int(rng.integers(1, largest)) for p in names}
    ends = [("in0", names[0]), *pairwise(names)]
    ends += [(port.name, names[int(rng.integers(count))]) for port in inputs[1:]]

    def edge(source: str, target: str, delay: tuple[int, ...]) -> Edge:
        weights = random_weights(rng, (sizes[target], sizes[source]), weight_bits)
        return Edge(source=source, target=target, weights=weights, delay=delay)

    edges = [edge(*end, random_delay(rng, sizes[end[0]], 0) if rng.random() < 0.4 else (0,)) for end in ends]
    order = [*sizes]
    for source in (s for s in order if fires.get(s, True)):
        for target in names:
            closes = source in names and order.index(source) >= order.index(target)
            if rng.random() < (0.4 if closes else 0.15):
                delay = random_delay(rng, sizes[source], 1)
                if (source, target, delay) not in {(e.source, e.target, e.delay) for e in edges}:
                    edges.append(edge(source, target, delay))
    if fires[names[-1]] and rng.random() < 0.25:
        sizes["back"], fires["back"] = int(rng.integers(1, largest)), True
        edges.append(edge(names[-1], "back", random_delay(rng, sizes[names[-1]], 1)))
        edges.append(edge("back", names[0], (0,)))
        names.insert(0, "back")
    populations = []
    for p in names:
        drive = sum(int(np.abs(into.weights).sum(axis=1).mean()) for into in edges if into.target == p)
        neuron = random_neuron(rng, sizes[p], fires=fires[p], drive=1 + drive // 3)
        if rng.random() < 0.3:
            neuron = enriched(neuron, sizes[p], rng, drive=1 + drive // 3)
        populations.append(Population(name=p, size=sizes[p], neuron=neuron))
    sources = {into.source for into in edges if into.source != into.target}
    outputs = tuple(p for p in names if p == names[-1] or p not in sources or rng.random() < 0.3)
    return IntegerNetwork(
        name=name,
        inputs=tuple(inputs),
        populations=tuple(populations),
        edges=tuple(edges),
        outputs=outputs,
        weight_bits=weight_bits,
    )


def random_input(rng: np.random.Generator, name: str, largest: int) -> InputPort:
    """Spikes, several spikes, or values."""
    kind = rng.choice(["spikes", "counts", "values"], p=[0.5, 0.2, 0.3])
    return InputPort(
        name=name,
        shape=(int(rng.integers(1, largest)),),
        value_bits=int(rng.integers(1, 5)) if kind == "values" else 0,
        max_events=int(rng.integers(2, 6)) if kind == "counts" else 1,
    )


def random_delay(rng: np.random.Generator, size: int, least: int) -> tuple[int, ...]:
    """Steps for all sources, or for each."""
    most = int(rng.choice([1, 2, 4]))
    if rng.random() < 0.6:
        return (max(least, most),)
    return tuple(int(d) for d in rng.integers(least, least + most, size, endpoint=True))
