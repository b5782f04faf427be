"""The filter bank's hardware equals its model, word for word, at any pace; its clocks are as stated."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from spikewright.events import Kind
from spikewright.filterbank import FilterBankConfig
from spikewright.filterbank_tables import filterbank_tables
from spikewright.gammatone import centre_frequencies
from spikewright.models.filterbank import FixedFilterBank
from spikewright.rtl.filterbank.core import FilterBankCore
from tests.rtl.cores import meanings, word
from tests.rtl.platforms import StrictPlatform
from tests.rtl.streams import Bench, Run, run_streams

Sound = npt.NDArray[np.int64]
NO_TOKENS = (0,)
TOKENS = (1, 3, 0, 2)
"""Against recordings of whole steps, of others, of none."""
CHANCES = [(1.0, 1.0), (0.02, 1.0), (1.0, 0.2), (0.05, 0.1)]
SMALL = FilterBankConfig(channels=5, low_hz=1000.0, threshold=0.3, leak_shift=6, step=16)
"""Fires often within few samples; low filters would take long to answer."""

CONFIGS = {
    "small": SMALL,
    "fewest channels": replace(SMALL, channels=4),
    "a power of two": replace(SMALL, channels=8, step=7),
    "one multiplier": replace(SMALL, state_bits=18),
    "narrow": replace(SMALL, state_bits=16, coefficient_bits=12),
    "wide": replace(SMALL, state_bits=30, coefficient_bits=17, pcm_bits=24),
    "8 bits": replace(SMALL, pcm_bits=8, state_bits=19, coefficient_bits=11),
    "no leak": replace(SMALL, leak_shift=None),
    "quick leak": replace(SMALL, leak_shift=1, threshold=0.05),
    "saturating": replace(SMALL, threshold=1 / 64, leak_shift=None),
    "never saturating": replace(SMALL, threshold=2.1, leak_shift=None, low_hz=2500.0),
    "a step a sample": replace(SMALL, step=1),
    "48 kHz": replace(SMALL, sample_rate_hz=48000, low_hz=3000.0, high_hz=20000.0),
}


def recordings(config: FilterBankConfig, seed: int = 1) -> list[Sound]:
    """Noise, extremes, silence; lengths of whole steps and of others, of one sample and of none."""
    rng = np.random.default_rng(seed)
    low, high = -(1 << (config.pcm_bits - 1)), (1 << (config.pcm_bits - 1)) - 1
    # A tone for every channel, as loud as can be.
    places = centre_frequencies(config.channels, config.low_hz, config.high_hz)
    turns = [np.arange(20 + rng.integers(9)) * place / config.sample_rate_hz for place in places]
    tones = np.where(np.concatenate(turns) % 1 < 0.5, high, low)
    noise = rng.integers(low, high, size=config.step + 5, endpoint=True)
    return [tones, noise[:0], noise, noise[:1], np.zeros(3, np.int64), tones[7:2 * config.step + 7]]


def sent(config: FilterBankConfig, sounds: list[Sound], tokens: Sequence[int] = NO_TOKENS) -> list[int]:
    """Words of recordings, with so many ends of steps behind each, in turn."""
    words = []
    for index, sound in enumerate(sounds):
        behind = tokens[index % len(tokens)]
        words += [word(config.sample_word, Kind.EVENT, 0, sample) for sample in sound.tolist()]
        words += [word(config.sample_word, Kind.END_OF_STEP)] * behind
        words.append(word(config.sample_word, Kind.END_OF_SAMPLE))
    return words


def expected(config: FilterBankConfig, sounds: list[Sound], tokens: Sequence[int] = NO_TOKENS) -> list[int]:
    """By the model: the spikes of every sample, tokens after every step and recording, those asked for."""
    words: list[int] = []
    for index, sound in enumerate(sounds):
        behind = tokens[index % len(tokens)]
        fired = FixedFilterBank(config).spikes(sound[:, None])[:, 0]
        for number, channels in enumerate(fired, 1):
            words += [word(config.word, Kind.EVENT, channel) for channel in np.flatnonzero(channels).tolist()]
            if number % config.step == 0 or number == len(sound):
                words.append(Kind.END_OF_STEP)
        words += [Kind.END_OF_STEP] * max(behind - 1, 0)
        words.append(Kind.END_OF_SAMPLE)
    return words


def run(config: FilterBankConfig, words: list[int], receive: int, **bench: Any) -> Run:
    return run_streams(FilterBankCore(config), send={"source": words}, receive={"sink": receive},
                       platform=StrictPlatform(), patience=2000, **bench)


@pytest.mark.parametrize("name", CONFIGS)
def test_equals_the_model(name: str) -> None:
    config = CONFIGS[name]
    sounds = recordings(config)
    wanted = expected(config, sounds)
    channels = {bits for bits in wanted if bits & 3 == Kind.EVENT}
    assert len(channels) == config.channels, "all must fire"
    assert filterbank_tables(config).saturates == (name != "never saturating")
    got = run(config, sent(config, sounds), len(wanted))
    assert meanings(got["sink"]) == wanted


@pytest.mark.parametrize("name", CONFIGS)
def test_states_are_those_of_the_model(name: str) -> None:
    """Every bit of every section and sum, in the middle of a recording; spikes show little of them."""
    config = CONFIGS[name]
    sound = recordings(config)[0][:50]
    bank = FixedFilterBank(config)
    fired = int(bank.spikes(sound[:, None]).sum())
    platform, words = StrictPlatform(), sent(config, [sound])[:-1]
    bench = Bench(FilterBankCore(config), platform=platform)
    memories: dict[str, list[int]] = {}

    async def process(ctx: Any) -> None:
        await bench.exchange(ctx, {"source": words}, {"sink": fired}, drain=2 * config.cycles)
        memories.update(platform.read(ctx))

    bench.run(process)
    state, sums = bank.state()
    bits, channel_bits = config.state_bits, config.word.address_bits
    mask = (1 << bits) - 1
    for section, row in enumerate(state[:, 0]):
        expected = [int(z.real) & mask | (int(z.imag) & mask) << bits for z in row]
        first = section << channel_bits
        assert memories["filterbank.states"][first:first + config.channels] == expected
        assert len(set(expected)) == config.channels
    assert memories["filterbank.sums"] == sums[0].astype(int).tolist()


@pytest.mark.parametrize(("p_valid", "p_ready"), CHANCES)
def test_at_any_pace(p_valid: float, p_ready: float) -> None:
    sounds = recordings(SMALL, seed=2)
    sounds.insert(2, sounds[0][:2 * SMALL.step])
    wanted = expected(SMALL, sounds, TOKENS)
    got = run(SMALL, sent(SMALL, sounds, TOKENS), len(wanted), p_valid=p_valid, p_ready=p_ready)
    assert meanings(got["sink"]) == wanted


@pytest.mark.parametrize("length", [0, 1, SMALL.step - 1, SMALL.step, SMALL.step + 1, 3 * SMALL.step])
@pytest.mark.parametrize("tokens", [0, 1, 2, 4])
def test_tokens_behind_a_recording_are_steps_of_silence(length: int, tokens: int) -> None:
    """The first only ends it; so that a recording of any length takes as many steps as another one."""
    sounds = [recordings(SMALL)[0][:length], recordings(SMALL)[0][:3]]
    wanted = expected(SMALL, sounds, (tokens, 0))
    steps = wanted.index(Kind.END_OF_SAMPLE) - sum(bits & 3 == Kind.EVENT for bits in
                                                   wanted[:wanted.index(Kind.END_OF_SAMPLE)])
    assert steps == -(-length // SMALL.step) + max(tokens - 1, 0)
    got = run(SMALL, sent(SMALL, sounds, (tokens, 0)), len(wanted))
    assert meanings(got["sink"]) == wanted


def test_samples_behind_the_end_are_dropped() -> None:
    sounds = [recordings(SMALL)[0][:20], recordings(SMALL)[0][:9]]
    words = sent(SMALL, sounds, (2, 0))
    late = recordings(SMALL)[0][20:60]
    assert FixedFilterBank(SMALL).spikes(late[:, None]).any(), "they would be heard"
    assert len(late) > SMALL.step, "and counted"
    words[21:21] = [word(SMALL.sample_word, Kind.EVENT, 0, sample) for sample in late.tolist()]
    wanted = expected(SMALL, sounds, (2, 0))
    got = run(SMALL, words, len(wanted))
    assert meanings(got["sink"]) == wanted


def test_64_channels() -> None:
    """The bank of the benchmarks, a little loud so that it fires within few samples."""
    config = FilterBankConfig(threshold=1 / 32, step=8)
    noise = np.random.default_rng(3).integers(-32768, 32767, size=39, endpoint=True)
    sounds = [noise[:30], noise[30:]]
    wanted = expected(config, sounds)
    assert len({bits for bits in wanted if bits & 3 == Kind.EVENT}) > 30
    got = run(config, sent(config, sounds), len(wanted))
    assert meanings(got["sink"]) == wanted


@pytest.mark.parametrize("channels", [4, 5, 8])
def test_a_sample_takes_16_cycles_a_channel(channels: int) -> None:
    config = replace(SMALL, channels=channels)
    sounds = [sound[:20] for sound in recordings(config)]
    got = run(config, sent(config, sounds), len(expected(config, sounds)))
    ends = [bits & 3 == Kind.END_OF_SAMPLE for bits in got["source"]]
    assert np.diff(got.cycles["source"]).tolist() == [4 if end else config.cycles for end in ends[:-1]]
    assert config.cycles == 16 * channels
    assert got.cycles["source"][0] == 3


def test_a_spike_goes_out_when_its_channel_is_done() -> None:
    """The docstring's figures: of spikes, of tokens of full steps, of the end of sample."""
    sound = recordings(SMALL)[:1]
    got = run(SMALL, sent(SMALL, sound), len(expected(SMALL, sound)))
    taken = got.cycles["source"]
    sample = 0
    latencies = set()
    for bits, cycle in zip(got["sink"], got.cycles["sink"], strict=True):
        if bits & 3 == Kind.EVENT:
            channel = bits >> 2
            latency = 12 * (SMALL.channels + 1) + 4 * channel
            while taken[sample] + latency < cycle:
                sample += 1
            assert taken[sample] + latency == cycle
            latencies.add(latency)
    assert len(latencies) == SMALL.channels
    words = zip(got["sink"], got.cycles["sink"], strict=True)
    tokens = [cycle for bits, cycle in words if bits & 3 == Kind.END_OF_STEP]
    assert tokens[:3] == [taken[16 * step - 1] + SMALL.cycles + 9 for step in (1, 2, 3)]
    assert got.cycles["sink"][-1] == taken[-1] + 13


def test_tokens_that_are_asked_for_come_13_cycles_later() -> None:
    sound = recordings(SMALL)[:1]
    got = run(SMALL, sent(SMALL, sound, (4,)), len(expected(SMALL, sound, (4,))))
    assert [cycle - 13 for cycle in got.cycles["sink"][-5:]] == got.cycles["source"][-5:]
    assert np.diff(got.cycles["source"][-5:]).tolist() == [4] * 4
