"""Kernels, rows of sources in the plane, delays and cycles: all of it out of memory images again."""

from dataclasses import replace

import numpy as np
import pytest

from spikewright.compiler.bounds import population_bounds
from spikewright.compiler.config_yaml import config_text, parse_config
from spikewright.compiler.mapping import map_network
from spikewright.compiler.planes import window
from spikewright.compiler.unpack import unpack_edges
from spikewright.config import KernelRows
from spikewright.memories import chip_memories
from spikewright.network import Edge, IntegerNetwork
from tests.plane_networks import random_plane_network


def same_edges(network: IntegerNetwork, unpacked: tuple[Edge, ...]) -> None:
    for population in network.populations:
        mine = network.edges_to(population.name)
        found = [edge for edge in unpacked if edge.target == population.name]
        for edge, other in zip(mine, found, strict=True):
            assert (edge.source, edge.delay) == (other.source, other.delay)
            one, two = (e.matrix() if e.convolution is None else e.matrix().toarray() for e in (edge, other))
            assert np.array_equal(one, two)


@pytest.mark.parametrize("seed", range(30))
@pytest.mark.parametrize("lanes", [None, 1, 4])
def test_images_hold_exactly_the_network(seed: int, lanes: int | None) -> None:
    network = random_plane_network(seed)
    mapped = map_network(network, lanes=lanes, contents="bus" if seed % 2 else "baked")
    for memory in chip_memories(mapped.chip):
        if not memory.state:
            assert len(mapped.images[memory.name]) == memory.depth
    same_edges(network, unpack_edges(mapped.chip, mapped.images))
    assert parse_config(config_text(mapped.chip), "c") == mapped.chip
    for core in mapped.chip.cores:
        edges = network.edges_to(core.name)
        if core.plane is None:
            assert not isinstance(core.rows, KernelRows)
        else:
            assert all(edge.convolution is not None for edge in edges)
            places = np.array(core.placement)
            assert sorted(places[places >= 0].tolist()) == list(range(core.neurons))
            assert len(set(core.addresses.tolist())) == core.neurons
            # A place without a neuron is in the last slots, beyond the lanes that are left there.
            empty = np.flatnonzero(places < 0)
            assert (empty // core.lanes >= core.slots - core.partial_slots).all()
            assert (empty % core.lanes >= core.partial_lanes).all()
        for port, edge in zip(core.ports, edges, strict=False):
            assert mapped.chip.closes_cycle(core, port) == network.closes_cycle(edge)
        assert any(not mapped.chip.closes_cycle(core, port) for port in core.ports)


def test_the_networks_cover_what_there_is() -> None:
    mapped = [
        (random_plane_network(seed), map_network(random_plane_network(seed)).chip) for seed in range(30)
    ]
    ports = [port for _, chip in mapped for core in chip.cores for port in core.ports]
    assert {port.convolution is None for port in ports} == {True, False}
    assert any(port.plane is not None and port.convolution is None and port.pool != (1, 1) for port in ports)
    assert any(port.plane is not None and port.convolution is None and port.pool == (1, 1) for port in ports)
    assert any(port.convolution is not None and port.convolution.groups > 1 for port in ports)
    assert {port.kind for port in ports} >= {"drive", "pace"}
    assert any(len(port.delay) > 1 for port in ports)
    assert any(
        chip.closes_cycle(core, port) for _, chip in mapped for core in chip.cores for port in core.ports
    )
    assert {core.partial_slots > 1 for _, chip in mapped for core in chip.cores} == {True, False}


@pytest.mark.parametrize("seed", range(10))
def test_drive_of_a_convolution_is_bounded(seed: int) -> None:
    """The bound of kernels is that of the whole matrix, or wider where the kernel overlaps the border."""
    network = random_plane_network(seed)
    for population in network.populations:
        edges = network.edges_to(population.name)
        low, high = population_bounds(network, population).drive
        full = replace(
            network,
            edges=tuple(
                edge if edge.convolution is None
                else replace(edge, weights=edge.matrix().toarray(), convolution=None)
                for edge in network.edges
            ),
        )  # fmt: skip
        exact_low, exact_high = population_bounds(full, population).drive
        assert (low <= exact_low).all()
        assert (exact_high <= high).all()
        if all(edge.convolution is None for edge in edges):
            assert np.array_equal(low, exact_low)


def test_windows_are_found() -> None:
    rng = np.random.default_rng(0)
    rows = rng.integers(1, 9, (5, 2, 3, 2))
    whole = rows.repeat(2, axis=2).repeat(3, axis=3)
    assert window(whole.reshape(5, -1), (2, 6, 6)) == (2, 3)
    padded = np.pad(whole, ((0, 0), (0, 0), (0, 1), (0, 2)))
    assert window(padded.reshape(5, -1), (2, 7, 8)) == (2, 3)
    spoiled = padded.copy()
    spoiled[0, 0, -1, :3] = 1
    assert window(spoiled.reshape(5, -1), (2, 7, 8)) == (1, 3)
