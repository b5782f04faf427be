"""Makes a random network that fails smaller, as long as it still fails."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import numpy as np

from spikewright.network import Edge, IntegerNetwork, Population
from spikewright.neuron import NeuronConfig
from tests.networks import Case

__all__ = ["shrink", "tell"]


def shrink(case: Case, fails: Callable[[Case], bool], *, tries: int = 300) -> Case:
    """The smallest case found that fails: reductions are taken one by one, greedily, until none helps."""
    while tries > 0:
        for smaller in reductions(case):
            tries -= 1
            if fails(smaller):
                case = smaller
                break
            if tries <= 0:
                return case
        else:
            return case
    return case


def reductions(case: Case) -> Iterator[Case]:
    """Cases a little smaller, the largest steps first."""
    samples, steps = next(iter(case.x.values())).shape[:2]
    for part in halves(samples):
        yield replace(case, x={name: x[part] for name, x in case.x.items()})
    if steps > 1:
        for count in {steps // 2, steps - 1}:
            yield replace(case, x={name: x[:, :count] for name, x in case.x.items()})
    network = case.network
    if len(network.populations) > 1:
        for population in network.populations:
            yield without(case, population.name)
    for edge in network.edges:
        if len(network.edges_to(edge.target)) > 1:
            yield tidied(case, tuple(other for other in network.edges if other is not edge))
    flat = all(edge.convolution is None and len(edge.delay) == 1 for edge in network.edges)
    for name, size in network.sizes.items() if flat else ():
        for part in halves(size):
            yield cut(case, {name: part})
    for key, least in (("lanes", 1), ("contents", "baked"), ("rows", "dense")):
        if case.mapping[key] != least:
            yield replace(case, mapping={**case.mapping, key: least})
    for name, x in case.x.items():
        for part in halves(int(np.count_nonzero(x))):
            silenced = x.copy()
            silenced[tuple(index[part] for index in np.nonzero(x))] = 0
            yield replace(case, x={**case.x, name: silenced})


def halves(size: int) -> list[slice]:
    """Two parts to keep, or to take away; none of what is one already."""
    return [slice(0, size // 2), slice(size // 2, size)] if size > 1 else []


def cut(case: Case, kept: dict[str, slice]) -> Case:
    """Only some addresses of the inputs and neurons of the populations that are named."""
    network = case.network
    part = {name: kept.get(name, slice(None)) for name in network.sizes}
    inputs = tuple(
        replace(port, shape=(len(range(port.size)[part[port.name]]),)) for port in network.inputs
    )  # fmt: skip
    populations = tuple(
        cut_population(population, part[population.name]) for population in network.populations
    )
    edges = tuple(
        replace(edge, weights=edge.weights[part[edge.target], part[edge.source]]) for edge in network.edges
    )
    x = {name: array[:, :, part[name]] for name, array in case.x.items()}
    return replace(case, x=x, network=replace(network, inputs=inputs, populations=populations, edges=edges))


def cut_population(population: Population, kept: slice) -> Population:
    """Some neurons of a population, with their levels."""
    size = len(range(population.size)[kept])

    def levels(all_levels: tuple[int, ...]) -> tuple[int, ...]:
        return all_levels[kept] if len(all_levels) > 1 else all_levels

    neuron = population.neuron
    names = ("compare", "reset_amount", "reset_value", "bias")
    fields: dict[str, Any] = {name: levels(getattr(neuron, name)) for name in names}
    fields["decay"] = replace(neuron.decay, factor=levels(neuron.decay.factor))
    if neuron.current is not None:
        decay = replace(neuron.current.decay, factor=levels(neuron.current.decay.factor))
        fields["current"] = replace(neuron.current, decay=decay, bias=levels(neuron.current.bias))
    cut_neuron: NeuronConfig = replace(neuron, **fields)
    return replace(population, size=size, neuron=cut_neuron)


def without(case: Case, name: str) -> Case:
    """Without a population, and without those that nothing but it feeds."""
    network, gone = case.network, {name}
    for population in network.populations:
        if all(edge.source in gone for edge in network.edges_to(population.name)):
            gone.add(population.name)
    edges = tuple(edge for edge in network.edges if not {edge.source, edge.target} & gone)
    return tidied(case, edges) if edges else case


def tidied(case: Case, edges: tuple[Edge, ...]) -> Case:
    """With these edges only: populations without one go, what feeds nothing more is an output or goes."""
    network = case.network
    targets, sources = {edge.target for edge in edges}, {edge.source for edge in edges}
    populations = tuple(population for population in network.populations if population.name in targets)
    inputs = tuple(port for port in network.inputs if port.name in sources)
    outputs = tuple(
        population.name
        for population in populations
        if population.name in network.outputs or population.name not in sources
    )
    changed: IntegerNetwork = replace(
        network, inputs=inputs, populations=populations, edges=edges, outputs=outputs
    )
    return replace(case, network=changed, x={port.name: case.x[port.name] for port in inputs})


def tell(case: Case) -> str:
    """Everything of a case, to be read by a person."""
    network = case.network
    lines = [f"weights of {network.weight_bits} bits, outputs {network.outputs}, {case.mapping}"]
    lines += [str(port) for port in network.inputs]
    lines += [str(population) for population in network.populations]
    lines += [
        f"{edge.source} to {edge.target}, delay {edge.delay}, {edge.convolution}: {edge.weights.tolist()}"
        for edge in network.edges
    ]
    lines += [f"{name}: {array.tolist()}" for name, array in case.x.items()]
    return "\n".join(lines)
