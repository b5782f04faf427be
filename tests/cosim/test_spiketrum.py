"""Encoders in Verilog against the twin: at full size, and over many recordings."""

from pathlib import Path

import numpy as np
import pytest

from spikewright.cosim.spiketrum import SpiketrumProgram
from spikewright.cosim.timing_spiketrum import SpiketrumTiming
from spikewright.events import Kind
from spikewright.spiketrum import SpiketrumConfig
from tests.rtl.spiketrum.encoders import (
    Case,
    Samples,
    case,
    expected_words,
    meanings,
    noise,
    small,
    tone,
    windows,
)

LONG = SpiketrumConfig(channels=16, low_hz=200.0, window=64, step=32, rate_hz=1600, burst=20)


def speech_like(length: int, seed: int) -> Samples:
    """Bursts of harmonics in noise, with pauses; some of it clipped."""
    rng, time = np.random.default_rng(seed), np.arange(length) / 8000
    sound = np.zeros(length)
    for _ in range(4):
        start, pitch = rng.integers(0, max(1, length)), rng.uniform(90, 220)
        envelope = np.exp(-((time - time[start]) / 0.03) ** 2) if length else time
        harmonics = (np.sin(2 * np.pi * pitch * n * time) * rng.normal(0, 6000) for n in range(1, 12))
        sound += envelope * sum(harmonics)
    sound += rng.normal(0, 50, length) * (time > 0.02)
    return np.clip(np.rint(sound), -32768, 32767).astype(np.int64)


def programs(made: Case, folder: Path) -> SpiketrumProgram:
    return SpiketrumProgram(made.layout, made.tables, folder)


@pytest.mark.parametrize("lanes", [pytest.param(1, marks=pytest.mark.slow), 4])
def test_many_recordings(lanes: int, tmp_path: Path) -> None:
    """Of every length, loud and silent, in a row and with gaps: the same spikes; clocks as foretold."""
    made = case(LONG, lanes)
    lengths = 900, 64, 65, 1, 300, 63, 512, 128
    recordings = [speech_like(length, seed) for seed, length in enumerate(lengths)]
    recordings += [np.zeros(200, np.int64), noise(300, 32767), tone(400, 90000, 20.0), np.zeros(0, np.int64)]
    expected = expected_words(made, recordings)
    assert sum(word & 3 == Kind.EVENT for word in expected) > 300
    program = programs(made, tmp_path)
    got = program.run(recordings)
    assert meanings(got.words) == expected
    timing = SpiketrumTiming(made.layout)
    assert list(got.active_cycles) == [timing.window_cycles(*window) for samples in recordings
                                       for window in windows(made, samples)]
    for valid, ready in ((1, 100), (100, 3), (2, 20)):
        assert program.run(recordings, valid=valid, ready=ready, seed=valid).words == got.words


@pytest.mark.slow
def test_random_configurations(tmp_path: Path) -> None:
    """Whatever can be configured, in one build each."""
    for seed in range(6):
        rng = np.random.default_rng(seed)
        step, steps, rate = int(rng.integers(1, 12)), int(rng.integers(1, 6)), int(rng.integers(100, 9000))
        least = -(-rate * step * steps // 8000)
        signed = bool(rng.integers(2))
        channels = int(rng.integers(1, 14))
        config = small(
            channels=channels, step=step, window=step * steps, levels=int(rng.integers(1, 12)), signed=signed,
            low_hz=float(rng.uniform(100, 1000)), rate_hz=rate,
            burst=least + int(rng.integers(0, 5)), gate=int(rng.choice([1, 500])),
            kernel_bits=int(rng.integers(3, 12)), gram_bits=int(rng.integers(4, 18)),
            correlation_bits=int(rng.integers(14, 24)), gram_floor=float(rng.choice([0.0, 0.005, 0.3])),
            gains=tuple(int(gain) for gain in rng.integers(0, 255, channels, endpoint=True)))
        made = case(config, int(rng.choice([1, 2, 4, 8])))
        recordings = [noise(int(length), seed=seed) for length in rng.integers(0, 4 * config.window + 50, 6)]
        got = programs(made, tmp_path / str(seed)).run(recordings, valid=20, ready=50, seed=seed + 1)
        assert meanings(got.words) == expected_words(made, recordings), config


@pytest.mark.parametrize("lanes", [pytest.param(1, marks=pytest.mark.slow), 2,
                                   pytest.param(4, marks=pytest.mark.slow)])
def test_full_size(lanes: int, tmp_path: Path) -> None:
    """The encoder of 40 channels at 8 kHz, 800 spikes/s, through a few windows."""
    made = case(SpiketrumConfig(rate_hz=800), lanes)
    recordings = [speech_like(1500, 1), noise(300, 32767)]
    expected = expected_words(made, recordings)
    assert sum(word & 3 == Kind.EVENT for word in expected) == 150 + 30
    got = programs(made, tmp_path).run(recordings)
    assert meanings(got.words) == expected
    timing = SpiketrumTiming(made.layout)
    assert list(got.active_cycles) == [timing.window_cycles(*window) for samples in recordings
                                       for window in windows(made, samples)]
    worst = timing.real_time_hz(800) * made.config.window / made.config.sample_rate_hz
    assert max(got.active_cycles) < worst < 1.2 * max(got.active_cycles)
