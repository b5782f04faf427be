"""The intake against a list of samples: windows, zeros behind a recording, room in the ring."""

import random
from typing import Any

import numpy as np
import pytest

from spikewright.events import Kind
from spikewright.rtl.spiketrum.intake import SampleIntake
from tests.rtl.spiketrum.encoders import Samples, case, encoded_samples, noise, small
from tests.rtl.streams import Bench

LENGTHS = [40, 1, 0, 16, 32, 5, 97, 33]


@pytest.mark.parametrize(("p_valid", "p_advance", "p_hold"), [
    (1.0, 1.0, 0.0), (1.0, 0.02, 0.0), (0.2, 1.0, 0.5), (0.7, 0.05, 0.3)])
def test_windows_have_their_samples(p_valid: float, p_advance: float, p_hold: float) -> None:
    """Every window, and what kernels reach beyond it, is in the ring when it is shown; nothing is lost."""
    layout = case(small()).layout
    recordings = [noise(length, seed=length + 1) for length in LENGTHS]
    intake, chosen = SampleIntake(layout), random.Random(5)
    ring = [None] * layout.ring
    found: list[list[list[int | None]]] = [[]]
    problems: list[str] = []

    async def process(ctx: Any) -> None:
        words, offered = encoded_samples(layout, recordings), False
        for _ in range(20000):
            if len(found) > len(recordings):
                break
            hold, enable = chosen.random() < p_hold, chosen.random() < 0.95
            offered = offered or (bool(words) and chosen.random() < p_valid)
            ctx.set(intake.source.valid, offered)
            ctx.set(intake.source.payload.as_value(), words[0] if offered else chosen.getrandbits(19))
            ctx.set(intake.hold, hold)
            ctx.set(intake.enable, enable)
            start, positions = ctx.get(intake.start), ctx.get(intake.positions)
            ended, goes_on = ctx.get(intake.ended), chosen.random() < p_advance
            advances = bool(ctx.get(intake.valid)) and goes_on
            if advances:
                reach = range(start, start + positions + layout.longest - 1)
                found[-1].append([ring[address % layout.ring] for address in reach])
            ctx.set(intake.advance, advances)
            ctx.set(intake.restart, ended and goes_on)
            if ended and goes_on:
                found.append([])
            _, _, ready, writes, address, data = await ctx.tick().sample(
                intake.source.ready, intake.write_enable, intake.write_address, intake.write_data)
            if writes:
                ring[address] = np.int64(data).astype(np.int32) - (data >> layout.config.pcm_bits << 17)
                if hold or not enable:
                    problems.append("wrote while it must not")
            if offered and ready:
                words.pop(0)
                offered = False

    Bench(intake).run(process)
    assert not problems
    assert found[:-1] == [expected_windows(layout, samples) for samples in recordings]


def expected_windows(layout: Any, samples: Samples) -> list[list[int]]:
    window, reach = layout.config.window, layout.longest - 1
    padded = np.concatenate([samples, np.zeros(reach, np.int64)])
    return [padded[start:min(start + window, len(samples)) + reach].tolist()
            for start in range(0, len(samples), window)]


def test_takes_a_sample_a_cycle_until_the_ring_is_full() -> None:
    layout = case(small()).layout
    intake = SampleIntake(layout)
    words = [0 << 3 | Kind.EVENT] * (layout.ring + 10)
    bench = Bench(intake, patience=20)
    taken: list[int] = []

    async def process(ctx: Any) -> None:
        ctx.set(intake.enable, 1)
        ctx.set(intake.source.valid, 1)
        for _ in words:
            _, _, ready = await ctx.tick().sample(intake.source.ready)
            taken.append(int(ready))

    bench.run(process)
    assert taken == [1] * layout.ring + [0] * 10
