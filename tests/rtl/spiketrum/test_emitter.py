"""The emitter: the spikes of a window, sorted by step, and the tokens."""

import random
from typing import Any

import pytest
from amaranth.hdl import Elaboratable, Module

from spikewright.events import Kind
from spikewright.rtl.memory import ConfiguredMemory
from spikewright.rtl.spiketrum.emitter import StepEmitter
from spikewright.spiketrum_memories import spiketrum_memories
from tests.rtl.platforms import StrictPlatform
from tests.rtl.spiketrum.encoders import case, meanings, small
from tests.rtl.streams import Bench, Run

LAYOUT = case(small(window=24, step=8, burst=9)).layout
END = 1 << 5
"""The bit behind the positions of a close word."""

Window = tuple[int, list[tuple[int, int]]]
"""Positions, and spikes: line, position."""


def send(recordings: list[list[Window]], **bench: Any) -> Run:
    """Close each window after its spikes, each recording after its windows."""
    spikes = ConfiguredMemory(spiketrum_memories(LAYOUT)[-1])
    line_bits = LAYOUT.word.address_bits
    emitter = StepEmitter(LAYOUT, spikes)
    runner = Bench(WithMemory(emitter, spikes), platform=StrictPlatform(), watch={"busy": emitter.busy},
                   **bench)

    async def process(ctx: Any) -> None:
        for windows in recordings:
            for positions, found in windows:
                words = [line | position << line_bits for line, position in found]
                await runner.exchange(ctx, {"spike": words}, {}, drain=1)
                steps = -(-positions // LAYOUT.config.step)
                await runner.exchange(ctx, {"close": [positions]}, {"sink": len(found) + steps}, drain=2)
            await runner.exchange(ctx, {"close": [END]}, {"sink": 1}, drain=2)

    return runner.run(process)


class WithMemory(Elaboratable):
    """The emitter and its memory; the ports are the emitter's."""

    def __init__(self, emitter: StepEmitter, spikes: ConfiguredMemory) -> None:
        self.emitter, self.spikes = emitter, spikes
        self.spike, self.close, self.sink = emitter.spike, emitter.close, emitter.sink

    def elaborate(self, platform: object) -> Module:
        m = Module()
        m.submodules.emitter, m.submodules.spikes = self.emitter, self.spikes
        return m


def recordings_of(seed: int) -> list[list[Window]]:
    chosen, config = random.Random(seed), LAYOUT.config
    recordings = []
    for windows in (3, 0, 1, 4):
        positions = [config.window] * (windows - 1) + [chosen.randint(1, config.window)] * bool(windows)
        recordings.append([
            (count, [(chosen.randrange(config.lines), chosen.randrange(count))
                     for _ in range(chosen.choice([0, 1, config.burst, config.burst]))])
            for count in positions])
    return recordings


def expected(recordings: list[list[Window]]) -> list[int]:
    words = []
    for windows in recordings:
        for positions, spikes in windows:
            for low in range(0, positions, LAYOUT.config.step):
                words += [line << 2 for line, at in spikes if low <= at < low + LAYOUT.config.step]
                words.append(int(Kind.END_OF_STEP))
        words.append(int(Kind.END_OF_SAMPLE))
    return words


@pytest.mark.parametrize(("p_valid", "p_ready"), [(1.0, 1.0), (0.3, 1.0), (1.0, 0.3), (0.4, 0.4)])
def test_sorts_spikes_by_step(p_valid: float, p_ready: float) -> None:
    recordings = recordings_of(2)
    assert any(len(spikes) == LAYOUT.config.burst for windows in recordings for _, spikes in windows)
    got = send(recordings, p_valid=p_valid, p_ready=p_ready)
    assert meanings(got["sink"]) == expected(recordings)


def test_takes_3_cycles_a_spike_and_step_one_more_to_send_it_2_for_a_token() -> None:
    windows: list[Window] = [(24, [(1, 3), (2, 20), (3, 8), (4, 15)]), (9, [(5, 0)]), (24, [])]
    got = send([windows])
    cost = [4 * 3 * 3 + 4 + 3 * 2, 1 * 2 * 3 + 1 + 2 * 2, 3 * 2, 1]
    runs, length = [], 0
    for busy in [*got.watched["busy"], 0]:
        if not busy and length:
            runs.append(length)
        length = length + 1 if busy else 0
    assert runs == cost
