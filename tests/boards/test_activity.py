"""Counts against loops over every event, and against the memories of the hardware in simulation."""

import json
import re
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from spikewright.boards.activity import Activity, CoreActivity
from spikewright.boards.activity_file import read_activity, write_activity
from spikewright.boards.counting import count_operations
from spikewright.compiler.mapping import map_network
from spikewright.config import CompressedRows, CoreConfig
from spikewright.errors import ConfigError
from spikewright.network import Edge, InputPort, IntegerNetwork, Population
from spikewright.neuron import Decay, NeuronConfig
from tests.boards.watched import simulate

SAMPLES, STEPS = 3, 5


def network(seed: int) -> IntegerNetwork:
    """Two populations that fire, one that does not; values, held drive, per-neuron levels, a skip."""
    rng = np.random.default_rng(seed)

    def weights(targets: int, sources: int) -> npt.NDArray[np.int64]:
        drawn = rng.integers(-8, 8, (targets, sources)) * (rng.random((targets, sources)) < 0.3)
        return drawn.astype(np.int64)

    fires = NeuronConfig(state_bits=10, decay=Decay(kind="shift", shift=3), compare=(6,), reset_amount=(6,))
    levels = tuple(int(level) for level in rng.integers(4, 9, 13))
    return IntegerNetwork(
        name="net", weight_bits=4, outputs=("hidden", "middle", "last"),
        inputs=(
            InputPort(name="spikes", shape=(3, 4)),
            InputPort(name="image", shape=(6,), kind="hold", value_bits=3),
            InputPort(name="graded", shape=(5,), value_bits=2),
        ),
        populations=(
            Population(name="hidden", size=13, neuron=replace(fires, compare=levels)),
            Population(name="middle", size=7, neuron=fires),
            Population(name="last", size=5, neuron=replace(fires, fires=False)),
        ),
        edges=(
            Edge(source="spikes", target="hidden", weights=weights(13, 12)),
            Edge(source="image", target="hidden", weights=weights(13, 6)),
            Edge(source="hidden", target="middle", weights=weights(7, 13)),
            Edge(source="graded", target="middle", weights=weights(7, 5)),
            Edge(source="middle", target="last", weights=weights(5, 7)),
            Edge(source="spikes", target="last", weights=weights(5, 12)),
        ),
    )


def stimulus(seed: int) -> dict[str, npt.NDArray[np.int64]]:
    """Inputs of a run; in some steps there is no image, in one sample none at all."""
    rng = np.random.default_rng(seed)
    image = rng.integers(0, 8, (SAMPLES, STEPS, 6)) * (rng.random((SAMPLES, STEPS, 1)) < 0.6)
    image[1] = 0
    image[2, 1] = image[2, 3] = 5
    return {
        "spikes": rng.integers(0, 2, (SAMPLES, STEPS, 3, 4)) * (rng.random((SAMPLES, STEPS, 1, 1)) < 0.8),
        "image": image,
        "graded": rng.integers(0, 4, (SAMPLES, STEPS, 5)),
    }


def brute_force(core: CoreConfig, net: IntegerNetwork, events: Mapping[str, Any]) -> CoreActivity:
    """Walk through every event and every sweep, one at a time."""
    count = dict.fromkeys(CoreActivity.__dataclass_fields__, 0)
    lane_of = {neuron: place % core.lanes for place, neuron in enumerate(core.placement) if neuron >= 0}
    for sample in range(SAMPLES):
        empty = True
        for step in range(STEPS):
            wiped = False
            for port in core.ports:
                (edge,) = [edge for edge in net.edges_to(core.name) if edge.source == port.source]
                values = np.asarray(events[port.source][sample][step]).ravel()
                for address in np.flatnonzero(values):
                    count["events"] += 1
                    if port.kind == "hold":
                        if not empty and not wiped:
                            count["state_writes"] += len(core.placement)
                        wiped, empty = True, False
                    row = [[] for _ in range(core.lanes)]  # type: list[list[int]]
                    for neuron in range(core.neurons):
                        if edge.weights[neuron, address]:
                            row[lane_of[neuron]].append(neuron)
                            count["synaptic_operations"] += 1
                    for lane in range(core.lanes):
                        entries = len(row[lane])
                        if isinstance(core.rows, CompressedRows):
                            count["row_words"] += 1
                            count["weight_words"] += entries
                        else:
                            entries = core.slots
                            count["weight_words"] += core.slots if lane == 0 else 0
                        for name in ("additions", "state_reads", "state_writes"):
                            count[name] += entries
                        if core.value_bits:
                            count["multiply_passes"] += entries * (port.value_bits if port.value_bits else 1)
            sweep(core, count)
            if core.neuron.fires:
                count["spikes"] += int(np.count_nonzero(events[core.name][sample][step]))
        sweep(core, count)
        if core.holds:
            count["state_writes"] += len(core.placement)
    absent: dict[str, Any] = {"event_cycles": None, "update_cycles": None}
    absent |= {"ring_reads": (), "ring_writes": ()}
    return CoreActivity(**count | absent)


def sweep(core: CoreConfig, count: dict[str, int]) -> None:
    for _ in range(core.slots):
        count["parameter_words"] += 1 if core.parameters else 0
        for _ in range(core.lanes):
            count["neuron_updates"] += 1
            count["state_reads"] += 2 if core.holds else 1
            count["state_writes"] += 1


@pytest.mark.parametrize("rows", ["dense", "compressed"])
@pytest.mark.parametrize(("seed", "lanes"), [(1, 4), (2, 1), (3, 2), (4, 8)])
def test_counts_are_those_of_a_walk(rows: Any, seed: int, lanes: int) -> None:
    net = network(seed)
    mapped = map_network(net, lanes=lanes, rows=rows)
    rng = np.random.default_rng(seed)
    events = stimulus(seed) | {
        "hidden": rng.integers(0, 2, (SAMPLES, STEPS, 13)).astype(np.uint8),
        "middle": rng.integers(0, 2, (SAMPLES, STEPS, 7)).astype(np.uint8),
    }
    activity = count_operations(mapped.chip, net, events)
    assert (activity.samples, activity.steps, activity.cycles) == (SAMPLES, STEPS, None)
    for core in mapped.chip.cores:
        assert activity.cores[core.name] == brute_force(core, net, events), core.name
    hidden, middle, last = (activity.cores[name] for name in ("hidden", "middle", "last"))
    assert hidden.parameter_words > 0
    assert hidden.multiply_passes > hidden.additions > 0, "values take several passes, spikes one"
    assert middle.spikes > 0
    assert (last.spikes, last.multiply_passes) == (0, 0)
    assert activity.synaptic_operations == sum(core.synaptic_operations for core in activity.cores.values())


@pytest.mark.parametrize("rows", ["dense", "compressed"])
def test_counts_are_those_of_the_hardware(rows: Any) -> None:
    net, inputs = network(5), stimulus(5)
    mapped = map_network(net, lanes=2, rows=rows)
    spikes, accesses = simulate(mapped, inputs)
    firing = {name: spikes[name] for name in ("hidden", "middle")}
    assert all(0.02 < raster.mean() < 0.98 for raster in firing.values()), "some must fire, some not"
    activity = count_operations(mapped.chip, net, inputs | firing)
    for core in mapped.chip.cores:
        counted = activity.cores[core.name]
        sums = {kind: np.zeros(2, np.int64) for kind in ("weights", "entries", "rows", "parameters", "state")}
        for name, pair in accesses.items():
            owner, kind = name.split(".")[:2]
            if owner == core.name:
                sums[kind] += pair
        assert sums["weights"][0] + sums["entries"][0] == counted.weight_words
        assert sums["parameters"][0] == counted.parameter_words
        assert sums["state"].tolist() == [counted.state_reads, counted.state_writes]
        # The row memory is also read while no event waits.
        assert sums["rows"][0] >= counted.row_words
        assert (sums["rows"][0] > 0) == (rows == "compressed")


def test_activity_as_a_file(tmp_path: Path) -> None:
    net, path = network(1), tmp_path / "activity.json"
    events = stimulus(1) | {"hidden": np.ones((SAMPLES, STEPS, 13)), "middle": np.zeros((SAMPLES, STEPS, 7))}
    activity = count_operations(map_network(net).chip, net, events, cycles=1234, cycles_source="predicted",
                                event_cycles={"hidden": 7}, update_cycles={"hidden": 8})
    assert (activity.cycles, activity.cycles_source) == (1234, "predicted")
    assert (activity.cores["hidden"].event_cycles, activity.cores["hidden"].update_cycles) == (7, 8)
    write_activity(activity, path)
    assert read_activity(path) == activity
    assert json.loads(path.read_text())["cores"]["hidden"]["spikes"] == SAMPLES * STEPS * 13


def core_counts(**changes: Any) -> dict[str, Any]:
    rings = {"ring_reads": [3], "ring_writes": [4]}
    return dict.fromkeys(CoreActivity.__dataclass_fields__, 1) | rings | changes


ENCODER: dict[str, Any] = {"samples": 5, "spikes": 2, "reads": {"kernels": 9}, "writes": {}, "operations": {}}


@pytest.mark.parametrize(("text", "message"), [
    ("", "is no activity of this version; co-simulate again"),
    ("[]", "is no activity of this version; co-simulate again"),
    ('{"version": 3}', "is no activity of this version; co-simulate again"),
    ('{"version": 9}', "version must be 3; co-simulate again"),
    ({"samples": 0}, "samples must be a whole number, 1 or more, not 0"),
    ({"steps": 1.5}, "steps must be a whole number, 1 or more, not 1.5"),
    ({"cycles": "many"}, "cycles must be a whole number, 0 or more, not 'many'"),
    ({"cores": {"a": core_counts(events=-1)}}, "cores.a.events must be a whole number, 0 or more, not -1"),
    ({"cores": {"a": core_counts(spikes="1")}}, "cores.a.spikes must be a whole number, 0 or more, not '1'"),
    ({"cores": {"a": core_counts(ring_reads=[2, -1])}},
     "cores.a.ring_reads must be a whole number, 0 or more, not -1"),
    ({"encoders": {"mic": ENCODER | {"samples": None}}},
     "encoders.mic.samples must be a whole number, 0 or more, not None"),
    ({"encoders": {"mic": ENCODER | {"reads": {"kernels": -2}}}},
     "encoders.mic.reads.kernels must be a whole number, 0 or more, not -2"),
    ({"encoders": {"mic": {"samples": 3}}}, "is no activity of this version; co-simulate again"),
    ({"cores": {"a": core_counts(extra=1)}}, "is no activity of this version; co-simulate again"),
])
def test_a_file_that_is_wrong(tmp_path: Path, text: Any, message: str) -> None:
    path = tmp_path / "activity.json"
    good = {"version": 3, "samples": 1, "steps": 1, "cores": {"a": core_counts(event_cycles=None)},
            "encoders": {}}
    path.write_text(json.dumps(good))
    assert isinstance(read_activity(path), Activity)
    path.write_text(text if isinstance(text, str) else json.dumps(good | text))
    with pytest.raises(ConfigError, match=f"^{re.escape(str(path))}: {re.escape(message)}$"):
        read_activity(path)


def test_no_activity_yet(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"activity\.json: cannot be read: No such file or directory$"):
        read_activity(tmp_path / "activity.json")


def test_events_that_do_not_fit() -> None:
    net = network(1)
    chip = map_network(net).chip
    good: dict[str, Any] = stimulus(1) | {
        "hidden": np.zeros((SAMPLES, STEPS, 13)), "middle": np.zeros((SAMPLES, STEPS, 7))}
    with pytest.raises(ConfigError, match=r"^events of 'middle': are missing$"):
        count_operations(chip, net, {name: good[name] for name in good if name != "middle"})
    with pytest.raises(ConfigError, match=r"^events of 'hidden': must have shape \(samples, steps, 13\),"
                                          r" not \(3, 5, 12\)$"):
        count_operations(chip, net, good | {"hidden": np.zeros((SAMPLES, STEPS, 12))})
    with pytest.raises(ConfigError, match=r"^events of 'middle': must be of 3 samples and 5 steps like those"
                                          r" of 'spikes', not 3 and 4$"):
        count_operations(chip, net, good | {"middle": np.zeros((SAMPLES, STEPS - 1, 7))})
    other = replace(net, edges=net.edges[1:])
    with pytest.raises(ConfigError, match=r"^core 'hidden': the network has no edge from 'spikes'$"):
        count_operations(chip, other, good)
