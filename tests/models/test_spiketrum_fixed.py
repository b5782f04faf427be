"""The fixed-point encoder against a plain one in Python's integers, and what it promises by itself."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from spikewright.errors import ConfigError
from spikewright.models.spiketrum_fixed import FixedEncoder, encode_fixed, round_shift
from spikewright.models.spiketrum_spikes import Spikes, decode, join
from spikewright.spiketrum import SpiketrumConfig
from spikewright.spiketrum_tables import make_tables
from tests.models.spiketrum_reference import reference_spikes, sound

SMALL = SpiketrumConfig(channels=6, low_hz=300, high_hz=3000, rate_hz=600, window=64, step=32, burst=16)
CASES: dict[str, dict[str, Any]] = {
    "as it is": {},
    "rectified": {"signed": False},
    "one level": {"levels": 1, "top_db": -10.0},
    "many levels": {"levels": 64, "range_db": 60.0},
    "narrow": {"kernel_bits": 3, "correlation_bits": 12, "gram_bits": 4},
    "wide": {"kernel_bits": 12, "correlation_bits": 24, "gram_bits": 18},
    "gains": {"gains": (64, 0, 255, 10, 1, 64)},
    "all gains zero": {"gains": (0,) * 6},
    "high gate": {"gate": 800},
    "overdriven": {"top_db": 14.0, "range_db": 6.0},
    "small burst": {"burst": 5},
    "one channel": {"channels": 1},
    "8-bit samples": {"pcm_bits": 8},
    "a window longer than kernels": {"window": 256, "low_hz": 1500, "burst": 32, "gram_floor": 0.4},
}


def tuples(spikes: Spikes) -> list[tuple[int, int, int, bool]]:
    columns = spikes.position, spikes.channel, spikes.level, spikes.negative
    return list(zip(*(column.tolist() for column in columns), strict=True))


@pytest.mark.parametrize("case", CASES)
def test_equals_the_reference(case: str) -> None:
    config = replace(SMALL, **CASES[case])
    tables = make_tables(config)
    pcm = sound(300, full_scale=config.full_scale)
    expected = reference_spikes(config, tables, pcm.tolist())
    assert tuples(encode_fixed(pcm, config, tables)) == expected
    assert bool(expected) == (case != "all gains zero"), "the stimulus must make it fire"


@pytest.mark.parametrize("sign", [1, -1])
def test_what_overflows_is_clamped_as_in_the_reference(sign: int) -> None:
    # One level far above all correlations: every spike makes more of what it should take out.
    config = replace(SMALL, levels=1, top_db=13.0, range_db=0.0, rate_hz=1000)
    tables = make_tables(config)
    pcm = np.where(sign * sound(500) > 0, 32767, -32768)
    spikes = encode_fixed(pcm, config, tables)
    assert tuples(spikes) == reference_spikes(config, tables, pcm.tolist())
    assert len(spikes) == 63
    decoded = decode(spikes, tables.real_kernels, len(pcm))
    assert np.abs(pcm / 32768 - decoded).max() > 2, "the residual must leave its range"


@pytest.mark.parametrize("sign", [1, -1])
def test_correlations_are_clamped_when_a_kernel_is_taken_out(sign: int) -> None:
    # No sound was found that gets there, since correlations have room for all: so from the middle.
    encoder = FixedEncoder(SMALL)
    encoder._credit = SMALL.sample_rate_hz
    correlations = np.full((6, 64), sign * 131_071, np.int32)
    assert encoder._pursue(np.zeros(1000, np.int64), correlations) == [(0, 0, 7, sign)]
    block, beyond = encoder.tables.gram[0], 0
    for channel in range(6):
        exact = np.full(64, sign * 131_071)
        for lag, gram in enumerate(block.of(channel).tolist(), start=int(block.low[channel])):
            if 0 <= lag < 64:
                exact[lag] -= round_shift(sign * int(encoder.tables.levels[7]) * gram, 8)
        beyond += int((np.abs(exact) > 131_072).sum())
        assert correlations[channel].tolist() == np.clip(exact, -131_072, 131_071).tolist()
    assert beyond > 10


def test_the_number_of_spikes_is_exact() -> None:
    for samples, rate_hz in [(1600, 50), (1601, 333), (4000, 1000), (7, 400), (10, 400), (11, 400)]:
        config = replace(SMALL, rate_hz=rate_hz)
        pcm = sound(samples)
        assert len(encode_fixed(pcm, config)) == config.spikes(samples) == int(rate_hz * samples / 8000 + 0.5)


@pytest.mark.parametrize("pieces", [[1] * 700, [3, 1, 400, 0, 296], [64] * 10 + [60], [699, 1]])
def test_pieces_give_the_same_spikes_as_the_whole(pieces: list[int]) -> None:
    pcm = sound(700)
    encoder = FixedEncoder(SMALL)
    parts, first = [], 0
    for piece in pieces:
        parts.append(encoder.push(pcm[first : first + piece]))
        first += piece
        assert len(encoder._residual) < SMALL.window + encoder.tables.longest, "memory is bounded"
    parts.append(encoder.finish())
    whole = encode_fixed(pcm, SMALL)
    assert tuples(join(parts)) == tuples(whole)
    assert len(whole) > 10
    # The next recording starts afresh.
    assert tuples(join([encoder.push(pcm), encoder.finish()])) == tuples(whole)


def test_silence_gives_no_spikes_and_an_empty_recording_none() -> None:
    assert len(encode_fixed(np.zeros(1000, np.int64), SMALL)) == 0
    assert len(encode_fixed(np.zeros(0, np.int64), SMALL)) == 0


def test_saved_credit_is_limited() -> None:
    pcm = np.concatenate([np.zeros(8000, np.int64), sound(800)])
    spikes = encode_fixed(pcm, SMALL)
    # Of 600 spikes that came in silence 16 were kept, for the first windows from which kernels reach sound.
    assert np.bincount(spikes.position // SMALL.window).max() <= 16
    assert 16 < len(spikes) <= 16 + SMALL.spikes(800 + make_tables(SMALL).longest + SMALL.window)


@pytest.mark.parametrize(("pcm", "message"), [
    (np.array([0, 40000]), r"^samples must be in -32768\.\.32767, not 0\.\.40000$"),
    (np.array([0.5]), r"^samples must be integers in a row, not float64 of shape \(1,\)$"),
])  # fmt: skip
def test_samples_of_another_kind_are_refused(pcm: np.ndarray[Any, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        FixedEncoder(SMALL).push(pcm)
