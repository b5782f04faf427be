"""Proofs: the walker of compressed rows reads every event's entries once, in order, and no others."""

from collections.abc import Mapping, Sequence
from typing import Any

import pytest
from amaranth.hdl import Array, Const, Signal, Value

from spikewright.config import CompressedRows, CoreConfig
from spikewright.memories import core_memories
from spikewright.rtl import rows
from spikewright.rtl.memory import ConfiguredMemory
from spikewright.rtl.rows import CompressedWalker
from tests.formal.formal import Formal
from tests.formal.memories import FreeMemories
from tests.formal.prover import Model
from tests.formal.rows import Followed, feed_events
from tests.rtl.cores import Port, plain_core

PORTS: dict[str, list[Port]] = {
    "spikes": [("drive", 2, 0)],
    "held": [("hold", 1, 0), ("drive", 1, 0)],
    "values": [("drive", 1, 2), ("hold", 1, 0)],
}
GROUPS = [1, 2]
MOST = 2
"""Entries of a row."""


def compressed_core(ports: Sequence[Port], group: int) -> CoreConfig:
    """Two rows, four entries."""
    rows = CompressedRows(entries=4, group=group, start_bits=2, offset_bits=3 if group > 1 else 2)
    return plain_core(2, 1, ports=ports, weight_bits=2, rows=rows)


class Rows:
    """The row memory as docs/configuration.md has it: where the entries of a row are, and how many."""

    def __init__(self, formal: Formal, core: CoreConfig, words: Any, most: int) -> None:
        assert isinstance(core.rows, CompressedRows)
        starts, counts = [], []
        for row in range(core.total_rows):
            word, within = words[row // core.rows.group], row % core.rows.group
            ends = word[core.rows.start_bits:]
            end = ends.word_select(within, core.rows.offset_bits)
            begin = ends.word_select(within - 1, core.rows.offset_bits) if within else Const(0, 1)
            start, count = Signal(range(core.rows.entries + 1), name=f"start_{row}"), Signal(range(most + 1))
            formal.m.d.comb += [start.eq(word[:core.rows.start_bits] + begin), count.eq(end - begin)]
            formal.assume((begin <= end) & (end - begin <= most)
                          & (word[:core.rows.start_bits] + end <= core.rows.entries))
            starts.append(start)
            counts.append(count)
        self.starts, self.counts = Array(starts), Array(counts)


def walker(ports: Sequence[Port], group: int, queue: int, faults: Mapping[str, str] | None = None) -> Formal:
    """Any events at any time, any rows; of one entry, anywhere, the contents are known."""
    core, most = compressed_core(ports, group), MOST
    memories = FreeMemories()
    formal = Formal(faults, platform=memories)
    m = formal.m
    shapes = {memory.name.split(".")[1]: memory for memory in core_memories(core)}
    row_memory, entries = ConfiguredMemory(shapes["rows"]), ConfiguredMemory(shapes["entries"])
    layout = Rows(formal, core, memories.keep(formal, row_memory.memory), most)
    address, contents = memories.follow(formal, [entries.memory])
    m.submodules.rows, m.submodules.entries = row_memory, entries
    m.submodules.walker = part = CompressedWalker(core, row_memory, entries)
    event = feed_events(formal, core, part.event)
    busy = formal.observe("busy", part.busy)
    words = Signal(range(most + 1))
    m.d.comb += words.eq(layout.counts[event.payload.row])
    row = Followed(formal, core, event, [part.synapse], words=words, most=most, capacity=queue + 4,
                   within=8 + queue)
    ours = row.ours
    known = layout.starts[row.row] + row.word == address
    found: Value = row.seen["address"][:-1] if core.holds else row.seen["address"]
    formal.check("the entries of its row", ~ours | ~known
                 | (row.weights == contents[:core.weight_bits]) & (found == contents[core.weight_bits:]))
    formal.check("at rest when it says so", busy | (row.owed == 0))
    formal.cover("its entry is the one that is known", ours & known)
    return formal


@pytest.mark.slow
@pytest.mark.parametrize("ports", ["spikes", "held"])
@pytest.mark.parametrize("group", GROUPS)
def test_compressed_walker(ports: str, group: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """For any number of cycles, with room for one event in the queue."""
    monkeypatch.setattr(rows, "QUEUE_DEPTH", 1)
    model = Model(walker(PORTS[ports], group, 1))
    model.prove(seconds=300)
    model.reach(16)


@pytest.mark.parametrize(("queue", "depth"), [
    (2, 9), pytest.param(rows.QUEUE_DEPTH, 11, marks=pytest.mark.slow)])
@pytest.mark.parametrize("ports", PORTS)
@pytest.mark.parametrize("group", GROUPS)
def test_compressed_walker_for_so_many_cycles(ports: str, group: int, queue: int, depth: int,
                                              monkeypatch: pytest.MonkeyPatch) -> None:
    """After power-up: with values, and with the queue of a core."""
    monkeypatch.setattr(rows, "QUEUE_DEPTH", queue)
    model = Model(walker(PORTS[ports], group, queue))
    model.bounded(depth)
    assert max(model.reach(16).values()) <= depth


FOUND = [
    ("event", "drops", "all comes out in the end"),
    ("event", "stalls", "a waiting event is taken"),
    ("event", "doubles", "nothing comes of nothing"),
    ("event", "doubles", "at rest when it says so"),
    ("event", "alters", "the entries of its row"),
    ("event", "alters", "held as the event says"),
    ("event", "alters", "bits of the value, the highest first"),
    ("event", "alters", "pass after pass"),
    ("event", "overtakes", "the entries of its row"),
    ("valid", "alters", "nothing comes of nothing"),
    ("valid", "alters", "the entries of its row"),
    ("valid", "alters", "all comes out in the end"),
    ("valid", "alters", "no more than finds room"),
    ("first", "alters", "pass after pass"),
    ("last", "alters", "pass after pass"),
    ("bit", "alters", "bits of the value, the highest first"),
    ("address", "alters", "the entries of its row"),
    ("address", "alters", "held as the event says"),
    ("weights", "alters", "the entries of its row"),
    ("busy", "alters", "at rest when it says so"),
]


@pytest.mark.parametrize(("output", "fault", "check"), FOUND)
def test_compressed_walker_proof_fails_on_a_walker_that(output: str, fault: str, check: str,
                                                        monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rows, "QUEUE_DEPTH", 1)
    Model(walker(PORTS["values"], 2, 1, {output: fault})).refute(check, 25)


def test_every_check_is_among_those_that_fail() -> None:
    checks = Model(walker(PORTS["values"], 2, rows.QUEUE_DEPTH)).formal.checks
    assert set(checks) == {check for _, _, check in FOUND}
