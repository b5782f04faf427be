"""The I2S receiver: every sample, whatever the jitter of the bit clock and the width of a slot."""

import random
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

import pytest
from amaranth.hdl import Module
from amaranth.sim import Simulator

from spikewright.errors import ConfigError
from spikewright.events import Kind
from spikewright.fixed import signed_range
from spikewright.rtl.i2s import I2sChannel, I2sConfig, I2sReceiver, SampleQueue

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


@dataclass
class Heard:
    """What came out, when (in cycles), how many samples were dropped, and when each slot had its sample."""

    words: list[int] = field(default_factory=list)
    times: list[float] = field(default_factory=list)
    dropped: int = 0
    complete: list[tuple[int, float]] = field(default_factory=list)
    over: bool = False


def run_i2s(receiver: I2sReceiver, sound: Frames, *, slot: int, ratio: float, jitter: float = 0.0,
            seed: int = 1, ready: float = 1.0, skip: int = 0, records: tuple[int, int] | None = None
            ) -> Heard:
    """Sound on a bus with a clock of its own, to a receiver.

    ``ratio``: system clocks a bit clock. ``jitter``: part of half a bit clock by which an edge may come early
    or late. ``skip``: bits before the bus is there. ``records``: frames at whose beginning recording starts
    and stops.
    """
    m = Module()
    m.submodules.receiver = receiver
    bits, chosen, heard = receiver.config.bits, random.Random(seed), Heard()
    half = ratio / 2
    first, last = records or (0, len(sound) + 1)
    # What is sent with each bit clock, before word select is moved ahead by one bit.
    sent = [(1, 0, -1, -1)] * 2 + [
        (select, bit, place, index)
        for index, frame in enumerate([*sound, (0, 0)]) for select, word in enumerate(frame)
        for place, bit in enumerate(slot_bits(word, bits, slot, chosen))]
    sent = sent[skip:]

    async def bus(ctx: Any) -> None:
        now, late = chosen.random(), 0.0
        ctx.set(receiver.recording, first == 0)
        await ctx.delay(now * PERIOD)
        for (select, bit, place, index), (following, *_) in pairwise(sent):
            if (select, place) == (0, 0):
                ctx.set(receiver.recording, first <= index < last)
            for level in (0, 1):
                move = half * jitter * (2 * chosen.random() - 1)
                await ctx.delay((half + move - late) * PERIOD)
                now, late = now + half + move - late, move
                ctx.set(receiver.bit_clock, level)
                if level == 0:
                    ctx.set(receiver.serial_data, bit)
                    ctx.set(receiver.word_select, following)
            if place == bits - 1:
                heard.complete.append((select, now))
        ctx.set(receiver.recording, 0)
        heard.over = True

    async def consumer(ctx: Any) -> None:
        rest, cycle = 200, 0
        sink = receiver.sink
        while rest:
            ctx.set(sink.ready, chosen.random() < ready)
            _, _, valid, taken, kind, value, dropped = await ctx.tick().sample(
                sink.valid, sink.ready, sink.payload.kind, sink.payload.value, receiver.dropped)
            if valid and taken:
                heard.words.append(int(value) if kind == Kind.EVENT else int(kind) << 40)
                heard.times.append(cycle + 0.5)  # the clock rises in the middle of the simulator's period
            cycle, heard.dropped = cycle + 1, int(dropped)
            rest -= heard.over

    simulator = Simulator(m)
    simulator.add_clock(PERIOD)
    simulator.add_testbench(bus)
    simulator.add_testbench(consumer)
    simulator.run()
    return heard


END = Kind.END_OF_SAMPLE << 40


def expected(sound: Frames, channel: I2sChannel) -> list[int]:
    return [{"left": left, "right": right, "mixed": (left + right) >> 1}[channel] for left, right in sound]


@pytest.mark.parametrize("channel", ["left", "right", "mixed"])
@pytest.mark.parametrize(("bits", "slot"), [(16, 16), (16, 32), (24, 24), (24, 32), (16, 25)])
def test_every_sample_comes_in_order(channel: I2sChannel, bits: int, slot: int) -> None:
    sound = frames(bits, 8)
    receiver = I2sReceiver(I2sConfig(bits=bits, channel=channel))
    heard = run_i2s(receiver, sound, slot=slot, ratio=5.3, jitter=0.1)
    assert heard.words[:len(sound)] == expected(sound, channel)
    assert heard.words[-1] == END
    assert heard.dropped == 0


@pytest.mark.parametrize(("ratio", "jitter"), [
    (4.05, 0.0), (4.6, 0.05), (6.0, 0.15), (17.3, 0.35), (64.0, 0.45),
])
@pytest.mark.parametrize("seed", [1, 2])
def test_edges_may_come_early_or_late(ratio: float, jitter: float, seed: int) -> None:
    """By nearly a quarter of a bit clock where that is long; not where each half lasts two cycles only."""
    sound = frames(16, 6, seed)
    receiver = I2sReceiver(I2sConfig())
    heard = run_i2s(receiver, sound, slot=16, ratio=ratio, jitter=jitter, seed=seed)
    assert heard.words[:6] == [left for left, _ in sound]
    assert heard.dropped == 0


@pytest.mark.parametrize("channel", ["left", "right", "mixed"])
def test_a_sample_is_there_4_to_5_cycles_after_its_last_bit(channel: I2sChannel) -> None:
    heard = run_i2s(I2sReceiver(I2sConfig(channel=channel)), frames(16, 20), slot=20, ratio=7.37)
    edges = [edge for select, edge in heard.complete if select == (channel != "left")]
    delays = [time - edge for edge, time in zip(edges, heard.times, strict=False)][:20]
    assert 4 <= min(delays) < 4.2
    assert 4.8 < max(delays) <= 5


def test_a_slot_too_short_for_a_sample_is_none() -> None:
    heard = run_i2s(I2sReceiver(I2sConfig(bits=24)), frames(24, 6), slot=16, ratio=8.0)
    assert (heard.words, heard.dropped) == ([END], 0)


@pytest.mark.parametrize(("channel", "skip", "first"), [
    ("left", 12, 1), ("left", 40, 1), ("right", 12, 0), ("right", 40, 1), ("mixed", 12, 1), ("mixed", 40, 1),
])
def test_a_bus_that_runs_already_is_heard_from_the_next_slot_on(channel: I2sChannel, skip: int, first: int
                                                                ) -> None:
    """Mixed from the next frame on. Slots are of 32 bits: 12 are in the left one, 40 in the right one."""
    sound = frames(16, 5)
    heard = run_i2s(I2sReceiver(I2sConfig(channel=channel)), sound, slot=32, ratio=6.0, skip=skip)
    assert heard.words[:5 - first] == expected(sound, channel)[first:]


def test_samples_before_the_end_of_the_last_recording_is_out_are_dropped() -> None:
    queue = SampleQueue(8)
    seen: list[tuple[int, int]] = []

    async def process(ctx: Any) -> None:
        # Sample 5 waits; the recording ends; another begins. 6 and 9 come too early, 7 and 8 do not.
        for recording, sample, ready in [
            (1, 5, 0), (0, None, 0), (1, 6, 0), (1, 9, 1), (1, 7, 1), (1, 8, 1), (1, None, 1), (1, None, 1),
        ]:
            ctx.set(queue.recording, recording)
            ctx.set(queue.strobe, sample is not None)
            ctx.set(queue.sample, sample or 0)
            ctx.set(queue.sink.ready, ready)
            _, _, valid, kind, value = await ctx.tick().sample(
                queue.sink.valid, queue.sink.payload.kind, queue.sink.payload.value)
            if valid and ready:
                seen.append((int(kind), int(value) if kind == Kind.EVENT else 0))
        seen.append((-1, ctx.get(queue.dropped)))

    simulator = Simulator(queue)
    simulator.add_clock(PERIOD)
    simulator.add_testbench(process)
    simulator.run()
    assert seen == [(Kind.EVENT, 5), (Kind.END_OF_SAMPLE, 0), (Kind.EVENT, 7), (Kind.EVENT, 8), (-1, 2)]


def test_a_recording_is_what_comes_while_it_lasts() -> None:
    sound = frames(16, 9)
    heard = run_i2s(I2sReceiver(I2sConfig()), sound, slot=16, ratio=6.0, records=(2, 7))
    assert heard.words == [*(left for left, _ in sound[2:7]), END]
    assert heard.dropped == 0


def test_what_nobody_takes_is_dropped_and_counted() -> None:
    """Words that come are samples of the sound in order; with those counted they are all."""
    sound = frames(16, 40)
    heard = run_i2s(I2sReceiver(I2sConfig()), sound, slot=16, ratio=5.0, ready=0.004, records=(0, 40))
    left = iter([left for left, _ in sound])
    samples = [word for word in heard.words if word != END]
    assert all(word in left for word in samples), "in order, each at most once"
    assert heard.dropped > 0
    assert len(samples) + heard.dropped in (40, 39), "the last one may wait still"


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
