"""Counts of kernels, planes, delays, currents and several spikes: against a walk, and on to energies."""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from spikewright.boards.activity import CoreActivity
from spikewright.boards.counting import count_operations
from spikewright.boards.energy import inference_energy
from spikewright.boards.technology_file import load_technology
from spikewright.compiler.mapping import map_network
from spikewright.config import ChipConfig, CompressedRows, CoreConfig, KernelRows, PortConfig
from spikewright.models.integer import IntegerModel
from spikewright.network import Edge, IntegerNetwork
from spikewright.rings import port_ring
from tests.boards.watched import simulate
from tests.plane_networks import random_plane_case

SEEDS = range(24)
HARDWARE = range(12)


def walk(chip: ChipConfig, core: CoreConfig, network: IntegerNetwork, events: Mapping[str, Any]
         ) -> CoreActivity:
    """Every event by itself: when it comes out of its port, and what it meets."""
    samples, steps = next(iter(events.values())).shape[:2]
    count: dict[str, Any] = dict.fromkeys(CoreActivity.__dataclass_fields__, 0)
    rings: dict[str, list[int]] = {"ring_reads": [], "ring_writes": []}
    held: dict[int, set[int]] = {sample: set() for sample in range(samples)}
    for index, port in enumerate(core.ports):
        if port.kind == "pace":
            continue
        (edge,) = [e for e in network.edges_to(core.name) if (e.source, e.delay) == (port.source, port.delay)]
        words, entries = words_of(core, port, edge), dense(edge.matrix())
        valued = next((p.value_bits > 0 for p in chip.inputs if p.name == port.source), False)
        raster = events[port.source].reshape(samples, steps, -1)
        sent = [(*place, 1 if valued else int(raster[tuple(place)])) for place in np.argwhere(raster)]
        for sample, step, source, several in sent:
            arrives = step + (port.delay[source] if len(port.delay) > 1 else port.delay[0])
            for _ in range(several if arrives < steps else 0):
                count["events"] += 1
                count["synaptic_operations"] += np.count_nonzero(entries[:, source])
                count["weight_words"] += words[source]
                count["row_words"] += core.lanes * has_row(port, source) * compressed(core)
                count["multiply_passes"] += (
                    words[source] * (1 if compressed(core) else core.lanes) * max(1, port.value_bits)
                    if core.value_bits else 0)
                if port.kind == "hold":
                    held[sample].add(arrives)
        ring = port_ring(chip, core, index)
        if ring is not None:
            reads = sum(several for *_, several in sent) + samples * steps * ring.words
            rings["ring_reads"].append(reads)
            rings["ring_writes"].append(reads + samples * ring.slots * ring.words)
    sweeps = samples * (steps + 1)
    count["additions"] = count["weight_words"] * (1 if compressed(core) else core.lanes)
    count["neuron_updates"] = sweeps * core.slots * core.lanes
    count["parameter_words"] = sweeps * core.slots if core.parameters else 0
    count["state_reads"] = count["additions"] + count["neuron_updates"] * (2 if core.holds else 1)
    wiped = samples + sum(max(0, len(arrivals) - 1) for arrivals in held.values())
    count["state_writes"] = count["additions"] + count["neuron_updates"]
    count["state_writes"] += wiped * core.slots * core.lanes if core.holds else 0
    count["spikes"] = int(events[core.name].sum()) if core.neuron.fires else 0
    return CoreActivity(**count | {name: tuple(each) for name, each in rings.items()}
                        | {"event_cycles": None, "update_cycles": None})


def compressed(core: CoreConfig) -> bool:
    return isinstance(core.rows, CompressedRows)


def dense(matrix: Any) -> npt.NDArray[np.int64]:
    return matrix if isinstance(matrix, np.ndarray) else np.asarray(matrix.todense())


def has_row(port: PortConfig, source: int) -> bool:
    """Whether it lies in a window of the pooling."""
    if port.plane is None:
        return True
    _, height, width = port.plane.shape
    y, x = source // width % height, source % width
    return y // port.pool[0] < height // port.pool[0] and x // port.pool[1] < width // port.pool[1]


def words_of(core: CoreConfig, port: PortConfig, edge: Edge) -> list[int]:
    """Words of weights of every source: of kernels, places and words of channels that its targets lie in."""
    if isinstance(core.rows, KernelRows):
        assert edge.convolution is not None
        reached = dense(edge.convolution.matrix(np.ones(edge.weights.shape, np.int64)))
        channels, height, width = edge.convolution.target
        word = np.arange(channels)[:, None] // core.lanes * height * width + np.arange(height * width)
        return [len(set(word.ravel()[column > 0].tolist())) for column in reached.T]
    if isinstance(core.rows, CompressedRows):
        return [int(n) for n in np.count_nonzero(dense(edge.matrix()), axis=0)]
    return [core.slots * has_row(port, source) for source in range(edge.shape[1])]


def run(seed: int) -> tuple[ChipConfig, IntegerNetwork, dict[str, Any]]:
    case = random_plane_case(seed)
    chip = map_network(case.network, **case.mapping).chip
    return chip, case.network, {**case.x, **IntegerModel(case.network).run(case.x).spikes}


@pytest.mark.parametrize("seed", SEEDS)
def test_counts_are_those_of_a_walk(seed: int) -> None:
    chip, network, events = run(seed)
    activity = count_operations(chip, network, events)
    for core in chip.cores:
        assert activity.cores[core.name] == walk(chip, core, network, events), core.name
    for technology in ("45nm", "130nm"):
        loaded = load_technology(technology)
        energy = inference_energy(chip, replace(activity, cycles=1000), loaded)
        assert energy.energy_per_inference_nj > 0
        assert energy.sources


@pytest.mark.parametrize("seed", HARDWARE)
def test_counts_are_those_of_the_hardware(seed: int) -> None:
    case = random_plane_case(seed, steps=4, samples=2)
    outputs = tuple(population.name for population in case.network.populations)
    network = replace(case.network, outputs=outputs)
    mapped = map_network(network, **case.mapping | {"contents": "baked"})
    seen, accesses = simulate(mapped, case.x)
    spikes = IntegerModel(network).run(case.x).spikes
    for name, expected in spikes.items():
        np.testing.assert_array_equal(seen[name], expected)
    activity = count_operations(mapped.chip, network, {**case.x, **spikes})
    for core in mapped.chip.cores:
        counted = activity.cores[core.name]
        sums: dict[str, npt.NDArray[np.int64]] = defaultdict(lambda: np.zeros(2, np.int64))
        rings = []
        for name, pair in accesses.items():
            owner, kind = name.split(".")[:2]
            if owner == core.name and kind == "ring":
                rings.append(pair)
            elif owner == core.name:
                sums[kind] += pair
        assert sums["weights"][0] + sums["entries"][0] == counted.weight_words
        assert sums["parameters"][0] == counted.parameter_words
        assert sums["state"].tolist() == [counted.state_reads, counted.state_writes]
        assert rings == list(zip(counted.ring_reads, counted.ring_writes, strict=True))


def test_the_networks_have_what_is_counted() -> None:
    seen: set[Any] = set()
    for seed in SEEDS:
        chip, _, events = run(seed)
        for core in chip.cores:
            seen |= {core.rows.kind} | ({"current"} if core.neuron.current else set())
            seen |= {"several"} if core.neuron.fires and events[core.name].max() > 1 else set()
            for port in core.ports:
                seen |= {port.kind} | ({"delay"} if port.delayed else set())
                seen |= {"groups"} if port.convolution and port.convolution.groups > 1 else set()
                seen |= {"values"} if port.value_bits else set()
                seen |= {"pool"} if port.pool != (1, 1) else set()
                seen |= {"cycle"} if chip.closes_cycle(core, port) else set()
                seen |= {"rest"} if port.plane and not all(
                    has_row(port, source) for source in range(np.prod(port.plane.shape))) else set()
    assert seen >= {"kernel", "dense", "compressed", "current", "several", "drive", "hold", "pace", "delay",
                    "groups", "values", "pool", "cycle", "rest"}


def test_an_edge_is_found_by_its_delay() -> None:
    chip, network, events = next(found for found in map(run, SEEDS) if any(
        port.delayed for core in found[0].cores for port in core.ports))
    late = next(edge for edge in network.edges if any(edge.delay))
    fewer = replace(late, weights=np.zeros_like(late.weights), delay=(7,))
    others = tuple(edge for edge in network.edges if edge is not late)
    both = replace(network, edges=(fewer, *others, late))
    assert count_operations(chip, both, events) == count_operations(chip, network, events)
