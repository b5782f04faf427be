"""The walker against the order of words by definition, cycle by cycle, for every task."""

from collections.abc import Iterator
from typing import Any

import pytest
from amaranth.hdl import Elaboratable, Module

from spikewright.rtl.memory import ConfiguredMemory
from spikewright.rtl.spiketrum.latency import SpiketrumLatency
from spikewright.rtl.spiketrum.walker import RowWalker, Task
from spikewright.spiketrum_memories import spiketrum_images, spiketrum_memories
from tests.rtl.platforms import StrictPlatform
from tests.rtl.spiketrum.encoders import Case, case, small
from tests.rtl.streams import Bench

Tap = dict[str, int]
QUIET: Tap = {"begin": 0, "store": 0, "kernel_read": 0, "gram_read": 0, "last": 0, "residual_read": 0}


class Walked(Elaboratable):
    """A walker with its memories."""

    def __init__(self, made: Case) -> None:
        images = spiketrum_images(made.layout, made.tables)
        self.memories = {name: ConfiguredMemory(shape, init=images[shape.name])
                         for shape in spiketrum_memories(made.layout)
                         if (name := shape.name.partition(".")[2]) in ("groups", "spans")}
        self.walker = RowWalker(made.layout, **self.memories)

    def elaborate(self, platform: object) -> Module:
        m = Module()
        m.submodules.walker = self.walker
        for name, memory in self.memories.items():
            m.submodules[name] = memory
        return m


def walk(made: Case, tasks: list[tuple[Task, int, int, int, int]]) -> list[list[Tap]]:
    """What the walker says in each cycle of each task: task, channel, position, window start, positions."""
    design = Walked(made)
    walker, runs = design.walker, []
    names = [name for name in walker.tap.signature.members if name != "shifts"]

    async def process(ctx: Any) -> None:
        for task, channel, position, start, positions in tasks:
            ctx.set(walker.task, task)
            for name, value in {"channel": channel, "position": position, "window_start": start,
                                "positions": positions, "start": 1}.items():
                ctx.set(getattr(walker, name), value)
            await ctx.tick()
            ctx.set(walker.start, 0)
            run: list[Tap] = []
            done = 0
            while not done and len(run) < 5000:
                _, _, done, *values = await ctx.tick().sample(
                    walker.done, *(getattr(walker.tap, name) for name in names))
                run.append(dict(zip(names, map(int, values), strict=True)))
            runs.append(run)
            await ctx.tick()

    Bench(design, platform=StrictPlatform()).run(process)
    return runs


def kernel_start(made: Case, group: int) -> int:
    return sum(made.layout.lengths[:group])


def rows(made: Case, task: Task, channel: int, position: int, start: int, positions: int) -> Iterator[Tap]:
    """What it must say: only what matters in a cycle."""
    layout, drain = made.layout, SpiketrumLatency(made.layout).drain
    address = sum(count for _, count in layout.spans[:channel * layout.groups])
    groups = [channel // layout.lanes] if task == Task.REMOVE else list(range(layout.groups))
    for group in groups:
        yield from [QUIET] * 2
        if task == Task.SUBTRACT:
            first, count = layout.spans[channel * layout.groups + group]
            address += count
            if not count:
                yield QUIET
                continue
        yield QUIET | {"begin": 1, "group": group}
        if task == Task.SUBTRACT:
            for at in range(positions):
                lag = at - position - first
                inside = 0 <= lag < count
                there = {"gram_address": address - count + lag} if inside else {}
                yield {"first": 1, "last": 1, "pair": 0, "kernel_read": 0, "gram_read": int(inside), **there}
        else:
            yield from kernel_taps(made, task, group, position, start, positions)
        yield from [QUIET] * (drain - 1)
        yield QUIET | {"store": int(task != Task.REMOVE), "group": group}


def kernel_taps(made: Case, task: Task, group: int, position: int, start: int, positions: int
                ) -> Iterator[Tap]:
    layout, length = made.layout, made.layout.lengths[group]
    removes = task == Task.REMOVE
    for at in [position] if removes else range(0, positions, 2):
        for index in range(length if removes else length + 1):
            reads = index < length
            there = {"kernel_address": kernel_start(made, group) + index} if reads else {}
            yield {"kernel_read": int(reads), "residual_read": 1, "gram_read": 0,
                   "residual_address": (start + at + index) % layout.ring,
                   "last": int(index == length - 1 and not removes), **there,
                   **({} if removes else {"first": int(index == 0), "pair": int(at + 1 < positions)})}


CONFIGS: dict[str, dict[str, Any]] = {
    "default": {}, "few correlations": {"gram_floor": 0.4, "low_hz": 500.0, "truncate": 0.5},
    "one channel": {"channels": 1}, "odd window": {"window": 21, "step": 7},
    "banks": {"low_hz": 20.0, "channels": 20},
}


@pytest.mark.parametrize("lanes", [1, 2, 8])
@pytest.mark.parametrize("changes", CONFIGS)
def test_walks_in_order(changes: str, lanes: int) -> None:
    """Every task, over whole and cut windows, at both ends of window and ring; task after task."""
    made = case(small(**CONFIGS[changes]), lanes)
    window, last = made.config.window, made.config.channels - 1
    tasks = [
        (Task.CORRELATE, 0, 0, made.layout.ring - 5, window),
        (Task.REMOVE, last, 3, made.layout.ring - 5, window),
        (Task.SUBTRACT, last, 3, 0, window), (Task.SUBTRACT, 0, 0, 0, window), (Task.CORRELATE, 0, 0, 7, 1),
        (Task.REMOVE, 0, window - 1, 7, window), (Task.SUBTRACT, last // 2, window - 1, 7, window),
        (Task.SUBTRACT, 0, 4, 7, 5), (Task.CORRELATE, 0, 0, 9, 6),
    ]
    if changes == "banks":
        tasks = tasks[1:4]
        assert SpiketrumLatency(made.layout).word == 2 or lanes == 8
    runs = walk(made, tasks)
    for task, run in zip(tasks, runs, strict=True):
        expected = list(rows(made, *task))
        assert len(run) == len(expected)
        for cycle, (got, wanted) in enumerate(zip(run, expected, strict=True)):
            assert {name: got[name] for name in wanted} == wanted, (task, cycle)
