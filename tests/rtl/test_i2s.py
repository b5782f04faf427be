"""The I2S receiver: every sample, whatever the jitter of the bit clock and the width of a slot."""

import random
from typing import Any

import pytest
from amaranth.hdl import Module
from amaranth.sim import Simulator

from spikewright.errors import ConfigError
from spikewright.events import Kind
from spikewright.fixed import signed_range
from spikewright.rtl.i2s import I2sChannel, I2sConfig, I2sReceiver, SampleQueue
from tests.rtl.streams import Run

PERIOD = 1e-6
"""Seconds of a cycle of the system clock."""

Frames = list[tuple[int, int]]


def frames(bits: int, count: int, seed: int = 1) -> Frames:
    """Random samples (left, right), the extremes among them."""
    low, high = signed_range(bits)
    chosen = random.Random(seed)
    return [(low, high), (high, low), (low, low), (-1, 0)] + [
        (chosen.randint(low, high), chosen.randint(low, high)) for _ in range(count - 4)]


def slot_bits(word: int, bits: int, slot: int, chosen: random.Random) -> list[int]:
    """Bits of a slot, highest first; behind the sample's comes anything."""
    taken = [word >> index & 1 for index in reversed(range(bits))]
    return (taken + [chosen.getrandbits(1) for _ in range(slot - bits)])[:slot]


def run_i2s(receiver: I2sReceiver, sound: Frames, *, slot: int, ratio: float, jitter: float = 0.0,
            seed: int = 1, ready: float = 1.0, records: tuple[int, int] | None = None) -> tuple[Run, int]:
    """Words received, and samples dropped, of sound on a bus of its own clock.

    ``ratio``: system clocks a bit clock. ``jitter``: part of half a bit clock that each edge may come early or
    late. ``records``: frames at whose beginning recording starts and stops.
    """
    m = Module()
    m.submodules.receiver = receiver
    chosen, seen = random.Random(seed), Run(words={"sink": []}, cycles={"sink": []})
    half = PERIOD * ratio / 2
    first, last = records or (0, len(sound) + 1)
    dropped = [0]
    over = [False]

    async def bus(ctx: Any) -> None:
        await ctx.delay(chosen.random() * PERIOD)
        late = 0.0
        bits = [(select, bit, index, select == 0 and place == 0)
                for index, frame in enumerate([*sound, (0, 0)]) for select, word in enumerate(frame)
                for place, bit in enumerate(slot_bits(word, receiver.config.bits, slot, chosen))]
        # Word select runs one bit ahead of the data.
        idle = (1, 0, 0, False)
        sent = [idle, idle, *bits]
        for (select, *_), (_, bit, index, begins) in zip(sent[1:], sent, strict=False):
            if begins:
                ctx.set(receiver.recording, first <= index < last)
            for level in (0, 1):
                await ctx.delay(half + (move := half * jitter * (2 * chosen.random() - 1)) - late)
                late = move
                ctx.set(receiver.bit_clock, level)
                if level == 0:
                    ctx.set(receiver.serial_data, bit)
                    ctx.set(receiver.word_select, select)
        ctx.set(receiver.recording, 0)
        over[0] = True

    async def consumer(ctx: Any) -> None:
        rest, cycle = 200, 0
        while rest:
            ctx.set(receiver.sink.ready, chosen.random() < ready)
            _, _, valid, taken, kind, value, lost = await ctx.tick().sample(
                receiver.sink.valid, receiver.sink.ready, receiver.sink.payload.kind,
                receiver.sink.payload.value, receiver.dropped)
            if valid and taken:
                seen.words["sink"].append(int(value) if kind == Kind.EVENT else int(kind) << 40)
                seen.cycles["sink"].append(cycle)
            cycle += 1
            dropped[0] = int(lost)
            rest -= over[0]

    simulator = Simulator(m)
    simulator.add_clock(PERIOD)
    simulator.add_testbench(bus)
    simulator.add_testbench(consumer)
    simulator.run()
    return seen, dropped[0]


END = Kind.END_OF_SAMPLE << 40


def expected(sound: Frames, channel: I2sChannel) -> list[int]:
    return [{"left": left, "right": right, "mixed": (left + right) >> 1}[channel] for left, right in sound]


@pytest.mark.parametrize("channel", ["left", "right", "mixed"])
@pytest.mark.parametrize(("bits", "slot"), [(16, 16), (16, 32), (24, 24), (24, 32), (16, 25)])
def test_every_sample_comes_in_order(channel: I2sChannel, bits: int, slot: int) -> None:
    sound = frames(bits, 8)
    seen, dropped = run_i2s(I2sReceiver(I2sConfig(bits=bits, channel=channel)), sound, slot=slot, ratio=5.3, jitter=0.1)
    assert seen["sink"][:len(sound)] == expected(sound, channel)
    assert seen["sink"][-1] == END
    assert dropped == 0


@pytest.mark.parametrize(("ratio", "jitter"), [(4.05, 0.0), (4.6, 0.05), (6.0, 0.3), (17.3, 0.7), (64.0, 0.9)])
@pytest.mark.parametrize("seed", [1, 2])
def test_edges_may_come_early_or_late(ratio: float, jitter: float, seed: int) -> None:
    """As long as each half of a bit clock lasts two system clocks."""
    sound = frames(16, 6, seed)
    seen, dropped = run_i2s(I2sReceiver(I2sConfig()), sound, slot=16, ratio=ratio, jitter=jitter / 2, seed=seed)
    assert seen["sink"][:6] == [left for left, _ in sound]
    assert dropped == 0


def test_a_slot_too_short_for_a_sample_is_none() -> None:
    seen, dropped = run_i2s(I2sReceiver(I2sConfig(bits=24)), frames(24, 6), slot=16, ratio=8.0)
    assert (seen["sink"], dropped) == ([END], 0)


def test_a_recording_is_what_comes_while_it_lasts() -> None:
    sound = frames(16, 9)
    seen, dropped = run_i2s(I2sReceiver(I2sConfig()), sound, slot=16, ratio=6.0, records=(2, 7))
    assert seen["sink"] == [*(left for left, _ in sound[2:7]), END]
    assert dropped == 0


def test_what_nobody_takes_is_dropped_and_counted() -> None:
    """Words that come are samples of the sound in order; with those counted they are all."""
    sound = frames(16, 40)
    seen, dropped = run_i2s(I2sReceiver(I2sConfig()), sound, slot=16, ratio=5.0, ready=0.004, records=(0, 40))
    left = iter([left for left, _ in sound])
    samples = [word for word in seen["sink"] if word != END]
    assert all(word in left for word in samples), "in order, each at most once"
    assert dropped > 0
    assert len(samples) + dropped in (40, 39), "the last one may wait still"


def test_the_count_of_dropped_samples_does_not_wrap() -> None:
    queue = SampleQueue(8, count_bits=3)
    counts: list[int] = []

    async def process(ctx: Any) -> None:
        ctx.set(queue.recording, 1)
        ctx.set(queue.strobe, 1)
        for _ in range(12):
            *_, count = await ctx.tick().sample(queue.dropped)
            counts.append(int(count))

    simulator = Simulator(queue)
    simulator.add_clock(PERIOD)
    simulator.add_testbench(process)
    simulator.run()
    assert counts == [0, 0, 1, 2, 3, 4, 5, 6, 7, 7, 7, 7]


@pytest.mark.parametrize(("options", "message"), [
    ({"bits": 7}, r"^bits must be in 8\.\.32, not 7$"),
    ({"channel": "middle"}, r"^channel must be left, right or mixed, not 'middle'$"),
])
def test_refusals(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        I2sConfig(**options)
