"""Credit against a count in Python: never a spike too many, or too late."""

import random
from typing import Any

import pytest

from spikewright.rtl.spiketrum.credit import Credit
from tests.rtl.spiketrum.encoders import small
from tests.rtl.streams import Bench


@pytest.mark.parametrize(("rate", "burst"), [(2000, 6), (400, 2), (7999, 16), (1, 1), (12000, 30)])
def test_counts_what_the_rate_allows(rate: int, burst: int) -> None:
    """Windows whole and cut, spikes spent and saved up, recordings one after the other."""
    config = small(rate_hz=rate, burst=burst)
    credit, chosen = Credit(config), random.Random(3)
    spent: list[int] = []
    allowed: list[int] = []

    async def process(ctx: Any) -> None:
        async def pulse(signal: Any) -> None:
            ctx.set(signal, 1)
            await ctx.tick()
            ctx.set(signal, 0)

        for _ in range(4):
            saved = config.sample_rate_hz // 2
            for window in range(12):
                positions = config.window if window < 11 else chosen.randint(1, config.window)
                ctx.set(credit.positions, positions)
                await pulse(credit.gain)
                for _ in range(config.window + 2):
                    await ctx.tick()
                saved += rate * positions
                most = chosen.choice([0, 1, burst, burst])
                count = 0
                while count < most and ctx.get(credit.enough):
                    await pulse(credit.spend)
                    count += 1
                expected = min(most, saved // config.sample_rate_hz)
                saved -= expected * config.sample_rate_hz
                saved = min(saved, burst * config.sample_rate_hz + config.sample_rate_hz - 1)
                await pulse(credit.close)
                spent.append(count)
                allowed.append(expected)
            await pulse(credit.restart)

    Bench(credit).run(process)
    assert spent == allowed
    assert rate == 1 or max(spent) > 0


def test_the_spikes_of_a_recording_are_its_duration_times_the_rate() -> None:
    """Half rounded up: 4 spikes a window of 16 at 2 kHz; 3 samples are three quarters of one."""
    config = small(rate_hz=2000)
    assert [config.spikes(samples) for samples in (16, 17, 18, 19, 0, 1, 2)] == [4, 4, 5, 5, 0, 0, 1]
