"""Row walkers: the synapses of every event, pass by pass, in the cycles that their docstrings promise."""

import random
from collections.abc import Sequence
from dataclasses import replace
from itertools import groupby
from typing import Any

import numpy as np
import pytest
from amaranth.hdl import Module
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In

from spikewright.compiler.rows import compress, compressed_images, compressed_layout, dense_images
from spikewright.config import CompressedRows, CoreConfig, slot_bits
from spikewright.fixed import signed_range
from spikewright.memories import core_memories, weight_memories
from spikewright.memory import BANK_WORDS
from spikewright.rtl.banks import WeightBanks
from spikewright.rtl.memory import ConfiguredMemory
from spikewright.rtl.rows import QUEUE_DEPTH, CompressedWalker, DenseWalker, event_layout
from tests.rtl.cores import Port, encode, plain_core
from tests.rtl.platforms import StrictPlatform
from tests.rtl.streams import Run, run_streams

PORTS: dict[str, list[Port]] = {
    "spikes": [("drive", 7, 0)],
    "values": [("drive", 4, 3), ("drive", 3, 0)],
    "held": [("hold", 4, 4), ("drive", 2, 1), ("hold", 1, 0)],
}
SHAPES = [(1, 1), (3, 1), (1, 2), (5, 2), (9, 4)]
"""Neurons and lanes."""
Event = tuple[int, int, int, int]
"""Row, hold, value, its width less one: as the intake gives them."""
Synapse = tuple[int, int, bool, bool, int]
"""Address, weight, first, last, bit."""


class Walked(wiring.Component):  # type: ignore[type-arg]  # not generic at run time
    """A core's walkers with their memories; every walker has a queue or a register of its own for events."""

    event: Any

    def __init__(self, core: CoreConfig, images: dict[str, Any], lane: int = 0) -> None:
        super().__init__({"event": In(stream.Signature(event_layout(core)))})
        memories = {memory.name: ConfiguredMemory(memory, init=images[memory.name].tolist())
                    for memory in core_memories(core) if not memory.state}
        if isinstance(core.rows, CompressedRows):
            used = [f"core.rows.{lane}", f"core.entries.{lane}"]
            self.walker: Any = CompressedWalker(core, *(memories[name] for name in used))
            self.synapses = [self.walker.synapse]
        else:
            used = [memory.name for memory in weight_memories(core)]
            self.walker = DenseWalker(core, WeightBanks([memories[name] for name in used]))
            self.synapses = [self.walker.synapses[index] for index in range(core.lanes)]
        self.memories = memories

    def elaborate(self, platform: object) -> Module:
        m = Module()
        m.submodules.walker = self.walker
        m.submodules += self.memories.values()
        wiring.connect(m, wiring.flipped(self.event), self.walker.event)
        return m

    def walk(self, events: Sequence[int], **bench: Any) -> tuple[Run, list[list[tuple[int, Synapse]]]]:
        """Feed the events; by lane, what it was shown and in which cycle."""
        names = ("valid", "address", "weight", "first", "last", "bit")
        watch = {f"{lane}.{name}": getattr(synapse, name)
                 for lane, synapse in enumerate(self.synapses) for name in names}
        run = run_streams(self, send={"event": events}, receive={}, drain=200, platform=StrictPlatform(),
                          watch={**watch, "busy": self.walker.busy}, **bench)
        shown: list[list[tuple[int, Synapse]]] = []
        for lane in range(len(self.synapses)):
            columns = [run.watched[f"{lane}.{name}"] for name in names]
            shown.append([(cycle, (address, weight, bool(first), bool(last), bit))
                          for cycle, (valid, address, weight, first, last, bit)
                          in enumerate(zip(*columns, strict=True)) if valid])
        return run, shown


def placed_weights(core: CoreConfig, density: float, seed: int = 1) -> Any:
    """Random weights ``(rows, slots, lanes)``, with empty rows and full ones."""
    rng = np.random.default_rng(seed)
    low, high = signed_range(core.weight_bits)
    weights = rng.integers(low, high, size=(core.total_rows, core.slots, core.lanes), endpoint=True)
    return np.where(rng.random(weights.shape) < density, weights, 0)


def random_events(core: CoreConfig, count: int, seed: int = 1) -> list[Event]:
    """Events of all ports; values stand in the high bits of their field."""
    chosen, events = random.Random(seed), []
    for _ in range(count):
        port = chosen.choice(core.ports)
        bits = port.value_bits or 1
        value = chosen.randrange(1, 1 << bits) << core.value_bits - bits if core.value_bits else 1
        row = port.first_row + chosen.randrange(port.addresses)
        events.append((row, int(port.kind == "hold"), value, bits - 1))
    return events


def encoded(core: CoreConfig, events: Sequence[Event]) -> list[int]:
    words = []
    for row, hold, value, passes in events:
        fields = {"row": row}
        fields |= {"hold": hold} if core.holds else {}
        fields |= {"value": value, "passes": passes} if core.value_bits else {}
        words.append(encode(event_layout(core), **fields))
    return words


def synapse_passes(core: CoreConfig, event: Event, slot: int, weight: int) -> list[Synapse]:
    """One synapse: a pass for each bit of the value, highest first."""
    _, hold, value, passes = event
    address = slot | hold << slot_bits(core)
    if not core.value_bits:
        return [(address, weight, True, True, 1)]
    return [(address, weight, index == 0, index == passes, value >> core.value_bits - 1 - index & 1)
            for index in range(passes + 1)]


def lane_passes(core: CoreConfig, placed: Any, lane: int, event: Event) -> list[Synapse]:
    """All passes of an event in a lane; compressed rows have none for weights of zero."""
    weights = placed[event[0], :, lane].tolist()
    return [one for slot, weight in enumerate(weights) if weight or not isinstance(core.rows, CompressedRows)
            for one in synapse_passes(core, event, slot, weight)]


def compressed_core(core: CoreConfig, placed: Any, group: int) -> tuple[CoreConfig, dict[str, Any]]:
    entries = compress(placed)
    rows = compressed_layout(entries, group)
    core = replace(core, rows=rows)
    return core, compressed_images(core, rows, entries)


@pytest.mark.parametrize("ports", PORTS)
@pytest.mark.parametrize(("neurons", "lanes"), SHAPES)
@pytest.mark.parametrize("p_valid", [1.0, 0.2])
def test_dense_rows(neurons: int, lanes: int, ports: str, p_valid: float) -> None:
    """Every synapse in every lane; the first 2 cycles after the event, the rest without a gap."""
    core = plain_core(neurons, lanes, ports=PORTS[ports])
    placed = placed_weights(core, 0.8)
    events = random_events(core, 25)
    assert len({event[3] for event in events}) > 1 or ports == "spikes", "values of several widths"
    walked = Walked(core, dense_images(core, placed))
    run, shown = walked.walk(encoded(core, events), p_valid=p_valid)
    for lane in range(lanes):
        expected = [(cycle + 2 + index, one)
                    for event, cycle in zip(events, run.cycles["event"], strict=True)
                    for index, one in enumerate(lane_passes(core, placed, lane, event))]
        assert shown[lane] == expected
    if p_valid == 1.0:  # slots times passes for each event, and the next without a gap
        paces = [core.slots * (event[3] + 1 if core.value_bits else 1) for event in events]
        assert np.diff(run.cycles["event"]).tolist() == paces[:-1]
    # Busy from the cycle after an event until a cycle before its last pass reaches the lanes.
    busy = {cycle - 1 for cycle, _ in shown[0]}
    assert {cycle for cycle, value in enumerate(run.watched["busy"]) if value} == busy


@pytest.mark.parametrize("ports", PORTS)
@pytest.mark.parametrize(("neurons", "lanes"), SHAPES)
@pytest.mark.parametrize("group", [1, 2, 4])
@pytest.mark.parametrize("density", [0.0, 0.3, 1.0])
def test_compressed_rows(neurons: int, lanes: int, ports: str, group: int, density: float) -> None:
    """Every entry of a lane's row, at an entry a cycle and an empty row a cycle, 5 cycles after the event."""
    core = plain_core(neurons, lanes, ports=PORTS[ports])
    placed = placed_weights(core, density)
    core, images = compressed_core(core, placed, group)
    events = random_events(core, 25)
    lane = lanes - 1
    walked = Walked(core, images, lane)
    run, shown = walked.walk(encoded(core, events))
    rows = [lane_passes(core, placed, lane, event) for event in events]
    assert [one for _, one in shown[0]] == [one for row in rows for one in row]
    # Events come as fast as the queue takes them, so that the walker is never without one.
    cycle, expected = 5, []
    for row in rows:
        expected += list(range(cycle, cycle + len(row)))
        cycle += max(1, len(row))
    assert [when for when, _ in shown[0]] == expected
    busy = [when for when, value in enumerate(run.watched["busy"]) if value]
    assert busy == list(range(1, busy[-1] + 1)), "from the cycle after the first event, without a gap"
    assert busy[-1] >= max((when for when, _ in shown[0]), default=0)
    assert busy[-1] <= cycle, "and no longer than it takes"


@pytest.mark.parametrize("ports", PORTS)
@pytest.mark.parametrize("group", [1, 4])
@pytest.mark.parametrize("p_valid", [0.5, 0.1])
def test_compressed_rows_with_gaps(ports: str, group: int, p_valid: float) -> None:
    """An event that finds the lane idle has its first entry reach the lane 5 cycles later, others no gap."""
    core = plain_core(9, 4, ports=PORTS[ports])
    placed = placed_weights(core, 0.6, seed=3)
    core, images = compressed_core(core, placed, group)
    events = random_events(core, 40)
    walked = Walked(core, images, 1)
    run, shown = walked.walk(encoded(core, events), p_valid=p_valid)
    rows = [lane_passes(core, placed, 1, event) for event in events]
    assert [one for _, one in shown[0]] == [one for row in rows for one in row]
    expected, idle_starts, queued_starts, free = [], 0, 0, 0
    for event_cycle, row in zip(run.cycles["event"], rows, strict=True):
        idle_starts += event_cycle + 5 > free
        queued_starts += event_cycle + 5 < free
        start = max(event_cycle + 5, free)
        expected += list(range(start, start + len(row)))
        free = start + max(1, len(row))
    assert [cycle for cycle, _ in shown[0]] == expected
    assert idle_starts > 3 or p_valid > 0.1, "some events find it idle"
    assert queued_starts > 3 or p_valid < 0.5, "others wait for those before"
    last = max(cycle for cycle, _ in shown[0])
    assert run.watched["busy"][last], "busy as long as a synapse is shown"
    runs = [value for value, _ in groupby(run.watched["busy"])]
    assert runs[-1] == 0, "and then not any more"


def test_events_queue_in_front_of_a_slow_row() -> None:
    """As many as the queue holds, and those that look up their row and are at work."""
    core = plain_core(9, 1, ports=[("drive", 3, 0)])
    placed = np.ones((3, 9, 1), np.int64)
    core, images = compressed_core(core, placed, 1)
    walked = Walked(core, images)
    run, shown = walked.walk(encoded(core, [(row % 3, 0, 1, 0) for row in range(40)]))
    at_once = next(index for index, cycle in enumerate(run.cycles["event"]) if cycle != index)
    # The first row is done when the queue and its output register are full: one is at work, one looked up.
    assert at_once == QUEUE_DEPTH + 1 + 3
    assert len(shown[0]) == 40 * 9


@pytest.mark.parametrize("past", [0, 1, BANK_WORDS])
def test_dense_rows_in_banks(past: int) -> None:
    """Weights that take more than a bank are read as those that do not, at both sides of every border."""
    core = plain_core(128, 1, ports=[("drive", BANK_WORDS // 128 + -(-past // 128), 0)])
    placed = placed_weights(core, 1.0)
    images = dense_images(core, placed)
    assert len(images) == 1 + (past > 0) + (past > BANK_WORDS)
    events = [(row, 0, 1, 0) for row in range(core.total_rows)]
    random.Random(1).shuffle(events)
    _, shown = Walked(core, images).walk(encoded(core, events))
    assert [one for _, one in shown[0]] == [
        one for event in events for one in lane_passes(core, placed, 0, event)]
