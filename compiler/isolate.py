"""One population of a network on its own, fed by what its sources send: what it loses is then its own."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt

from spikewright.errors import ConfigError
from spikewright.ir import RealNetwork, RealPopulation
from spikewright.network import InputPort, IntegerNetwork, Population

__all__ = ["Feed", "alone", "evenly", "integer_feed", "samples_of", "source_feed"]

Feed = dict[str, npt.NDArray[Any]]
"""Values of the real network, ``(samples, steps, *shape of the port)``, by name of the port."""

AnyNetwork = TypeVar("AnyNetwork", RealNetwork, IntegerNetwork)


def alone(network: AnyNetwork, name: str) -> AnyNetwork:
    """A population with the edges into it; other populations that it listens to are inputs of spikes.

    Edges from itself stay what they are.
    """
    edges: Any = tuple(edge for edge in network.edges if edge.target == name)
    populations: tuple[RealPopulation | Population, ...] = network.populations
    sources = {edge.source for edge in edges} - {name}
    ports = tuple(port for port in network.inputs if port.name in sources) + tuple(
        InputPort(
            name=population.name,
            shape=population.shape or (population.size,),
            max_events=max_spikes(population),
        )
        for population in populations
        if population.name in sources
    )
    kept: Any = tuple(population for population in populations if population.name == name)
    return replace(network, inputs=ports, populations=kept, edges=edges, outputs=(name,))


def max_spikes(population: RealPopulation | Population) -> int:
    """Most spikes of a neuron in a step."""
    return population.neuron.max_spikes if isinstance(population, Population) else population.max_spikes


def source_feed(part: RealNetwork | IntegerNetwork, *seen: Mapping[str, npt.NDArray[Any]]) -> Feed:
    """What the inputs of a population on its own are fed: from the first mapping that has it."""
    found = {}
    for port in part.inputs:
        array = next(arrays[port.name] for arrays in seen if port.name in arrays)
        found[port.name] = array.reshape(*array.shape[:2], *port.shape)
    return found


def evenly(feed: Feed, most: int) -> Feed:
    """As many samples as there may be, evenly spread over all."""
    count = samples_of(feed)
    if count <= most:
        return feed
    chosen = np.linspace(0, count - 1, most).round().astype(int)
    return {name: array[chosen] for name, array in feed.items()}


def samples_of(feed: Mapping[str, npt.NDArray[Any]]) -> int:
    """Number of samples."""
    return len(next(iter(feed.values()), ()))


def integer_feed(inputs: tuple[InputPort, ...], feed: Feed) -> Feed:
    """What comes in for real values: ``round(x * value_scale)`` of valued inputs, spikes as they are."""
    events: Feed = {}
    for port in inputs:
        if port.name not in feed:
            raise ConfigError(f"calibration data: must have an array for input {port.name!r}")
        values = np.asarray(feed[port.name])
        if port.value_bits:
            values = np.clip(np.rint(values * port.value_scale), 0, port.max_value).astype(np.int64)
        events[port.name] = values
    return events
