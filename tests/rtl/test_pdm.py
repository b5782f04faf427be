"""The PDM receiver: moving averages of a microphone's bits, exactly."""

import math
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from amaranth.sim import Simulator

from spikewright.errors import ConfigError
from spikewright.events import Kind
from spikewright.rtl.pdm import PdmConfig, PdmReceiver

Bits = npt.NDArray[np.int64]
SMALL = PdmConfig(half_period=3, decimation=16, order=4, bits=12)


def averaged(config: PdmConfig, bits: Bits) -> list[int]:
    """Samples by definition: ``order`` moving sums, one of every ``decimation`` of them; zeros before."""
    wave = 2 * bits - 1
    for _ in range(config.order):
        wave = np.convolve(wave, np.ones(config.decimation, np.int64))
    # A pipeline of sums is so many bits late.
    wave = np.concatenate([np.zeros(config.order - 1, np.int64), wave[:len(bits)]])
    due = wave[config.decimation - 1:len(bits):config.decimation]
    scaled = due >> (config.gain_bits - config.bits + 1)
    return [min(int(sample), (1 << (config.bits - 1)) - 1) for sample in scaled]


def modulated(sound: npt.NDArray[np.float64]) -> Bits:
    """Bits of a second-order modulator, for sound in -1..1 at the rate of bits."""
    bits, first, second = np.empty(len(sound), np.int64), 0.0, 0.0
    for index, value in enumerate(sound):
        bits[index] = second >= 0
        back = 1.0 if bits[index] else -1.0
        first += value - back
        second += first - back
    return bits


def run_pdm(config: PdmConfig, bits: Bits) -> tuple[list[int], list[int], list[int]]:
    """Samples received, cycles in which they came, cycles at whose end bits were taken.

    The channel's microphone gives ``bits`` while the clock has its level, that of the other channel anything.
    """
    receiver = PdmReceiver(config)
    samples: list[int] = []
    times: list[int] = []
    edges: list[int] = []
    right = config.channel == "right"
    other = np.random.default_rng(1).integers(0, 2, 997)

    async def process(ctx: Any) -> None:
        ctx.set(receiver.recording, 1)
        ctx.set(receiver.sink.ready, 1)
        place, before, cycle, rest = 0, 0, 0, 20
        ctx.set(receiver.serial_data, int(bits[0]) if not right else 0)
        while rest:
            _, _, clock, valid, kind, value = await ctx.tick().sample(
                receiver.clock, receiver.sink.valid, receiver.sink.payload.kind, receiver.sink.payload.value)
            if valid and kind == Kind.EVENT:
                samples.append(int(value))
                times.append(cycle)
            if clock != before:
                before = clock
                if clock != right:  # the edge that the channel is taken with
                    place += 1
                    edges.append(cycle - 1)
                mine = clock == right
                line = bits if mine and place < len(bits) else other
                ctx.set(receiver.serial_data, int(line[place % len(line)]))
            cycle += 1
            rest -= place >= len(bits)

    simulator = Simulator(receiver)
    simulator.add_clock(1e-6)
    simulator.add_testbench(process)
    simulator.run()
    return samples, times, edges


@pytest.mark.parametrize("config", [
    SMALL,
    replace(SMALL, channel="right"),
    replace(SMALL, order=3, decimation=32, half_period=2),
    replace(SMALL, order=2, decimation=64, bits=13, half_period=5),
    replace(SMALL, order=5, decimation=8, bits=16),
])
def test_samples_are_averages_of_averages(config: PdmConfig) -> None:
    bits = np.random.default_rng(2).integers(0, 2, 12 * config.decimation)
    bits[3 * config.decimation:7 * config.decimation] = 1  # up to full scale
    bits[7 * config.decimation:] &= np.arange(len(bits) - 7 * config.decimation) >= 4 * config.decimation
    expected = averaged(config, bits)
    samples, _, _ = run_pdm(config, bits)
    assert len(samples) == 12
    assert samples == expected


def test_full_scale_is_the_highest_sample() -> None:
    samples, _, _ = run_pdm(SMALL, np.ones(10 * 16, np.int64))
    assert samples[5:] == [2047] * 5
    samples, _, _ = run_pdm(SMALL, np.zeros(10 * 16, np.int64))
    assert samples[5:] == [-2048] * 5


@pytest.mark.parametrize("order", [2, 4])
def test_a_sample_is_there_order_plus_4_cycles_after_its_last_bit(order: int) -> None:
    config = replace(SMALL, order=order, decimation=64 if order == 2 else 16, bits=10)
    _, times, edges = run_pdm(config, np.ones(4 * config.decimation, np.int64))
    last = edges[config.decimation - 1::config.decimation]
    assert [time - edge for time, edge in zip(times, last, strict=True)] == [order + 4] * 4


def test_a_tone_comes_through() -> None:
    """1 kHz from a modulator, 64 bits a sample: as high as averages let it be, 50 dB above the noise."""
    config = PdmConfig(half_period=2)
    time = np.arange(100 * 64)
    samples, _, _ = run_pdm(config, modulated(0.5 * np.sin(2 * math.pi * 1000 / (16000 * 64) * time)))
    heard = np.array(samples[20:100]) / 32768  # five periods
    spectrum = np.abs(np.fft.rfft(heard)) / (len(heard) / 2)
    tone = spectrum[5]
    assert tone == pytest.approx(0.5 * np.sinc(1 / 16) ** 4, rel=0.01)
    noise = math.sqrt(float((spectrum**2).sum() - tone**2))
    assert 20 * math.log10(tone / noise) > 50


@pytest.mark.parametrize(("values", "message"), [
    ({"half_period": 1}, r"^half_period must be in 2\.\.1024, not 1$"),
    ({"decimation": 48}, r"^decimation must be a power of two, not 48$"),
    ({"channel": "mixed"}, r"^channel must be left or right, not 'mixed'$"),
    ({"order": 2}, r"^order times the bits of decimation must be at least 15, not 12$"),
])
def test_refusals(values: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        PdmConfig(**values)
