"""The filter bank's model: gammatone filters in real numbers, integers as defined, how far apart they are."""

from dataclasses import replace
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from scipy import signal  # type: ignore[import-untyped]

from spikewright.errors import ConfigError
from spikewright.filterbank import FilterBankConfig
from spikewright.filterbank_tables import filterbank_tables
from spikewright.gammatone import centre_frequencies, erb_hz
from spikewright.models.filterbank import BLOCK, FilterBank, FixedFilterBank
from tests.models.filterbank_reference import reference_outputs, reference_spikes

BANK = FilterBankConfig()
Sound = npt.NDArray[np.int64]
SMALL = FilterBankConfig(channels=6, low_hz=200.0, threshold=0.2, leak_shift=7)
NOT_PCM = r"^samples must be whole numbers in -32768\.\.32767$"


def noise(config: FilterBankConfig, samples: int, *, part: float = 1.0, seed: int = 1) -> Sound:
    """White noise up to a part of full scale, as samples."""
    top = part * (1 << (config.pcm_bits - 1)) - 1
    return np.rint(np.random.default_rng(seed).uniform(-top - 1, top, samples)).astype(np.int64)


def responses(config: FilterBankConfig, length: int = 1 << 14) -> npt.NDArray[Any]:
    """Frequency responses, ``(frequencies, channels)``."""
    impulse = np.zeros((length, 1))
    impulse[0] = 1
    return np.fft.rfft(FilterBank(config).filter(impulse)[:, 0], axis=0)


@pytest.mark.parametrize(("rate", "low"), [(16000, 300.0), (44100, 1000.0)])
def test_responses_are_those_of_scipy(rate: int, low: float) -> None:
    """Within 0.02 dB up to two bandwidths from the centre, where scipy's recursion is stable and accurate."""
    config = replace(BANK, sample_rate_hz=rate, low_hz=low)
    ours, length = responses(config), 1 << 14
    frequencies = np.arange(length // 2 + 1) * rate / length
    for channel, centre in enumerate(centre_frequencies(config.channels, low, config.high_hz).tolist()):
        near = np.abs(frequencies - centre) < 2 * erb_hz(centre)
        b, a = signal.gammatone(centre, "iir", fs=rate)
        _, theirs = signal.freqz(b, a, worN=frequencies[near], fs=rate)
        error = 20 * np.log10(np.abs(ours[near, channel]) / np.abs(theirs))
        assert near.sum() > 50
        assert np.abs(error).max() < 0.02, (centre, np.abs(error).max())


@pytest.mark.parametrize(("rate", "low", "high"), [
    (8000, 20.0, 3900.0), (16000, 50.0, 7000.0), (48000, 20.0, 20000.0),
])
def test_gain_is_1_at_every_centre(rate: int, low: float, high: float) -> None:
    """Also where scipy's filters diverge."""
    config = replace(BANK, sample_rate_hz=rate, low_hz=low, high_hz=high, channels=16)
    centres = centre_frequencies(16, low, high)
    time = np.arange(rate)[:, None] / rate
    sines = np.sin(2 * np.pi * centres * time)
    outputs = FilterBank(config, batch=16).filter(sines)[rate // 2:]
    power = np.sqrt(2 * (outputs[:, range(16), range(16)] ** 2).mean(axis=0))
    assert power == pytest.approx(np.ones(16), abs=2e-3)


@pytest.mark.parametrize("config", [
    SMALL,
    replace(SMALL, leak_shift=None, threshold=1 / 64),
    replace(SMALL, state_bits=18, coefficient_bits=14, low_hz=300.0),
    replace(SMALL, state_bits=30, pcm_bits=24, leak_shift=1, threshold=0.02),
    replace(SMALL, sample_rate_hz=48000, low_hz=200.0, high_hz=20000.0, threshold=1 / 64),
])
def test_integers_are_those_of_the_definition(config: FilterBankConfig) -> None:
    sound = np.concatenate([noise(config, 250), np.zeros(50, np.int64), noise(config, 40, part=1e-3)])
    bank = FixedFilterBank(config)
    assert bank.filter(sound[:, None])[:, 0].T.tolist() == reference_outputs(config, sound.tolist())
    expected = reference_spikes(config, sound.tolist())
    assert len({channel for _, channel in expected}) == config.channels, "all must fire"
    bank.reset()
    times, channels = bank.events(sound)
    assert list(zip(times.tolist(), channels.tolist(), strict=True)) == expected


def test_a_sum_that_is_full_stays_so() -> None:
    config = replace(SMALL, threshold=1 / 64, leak_shift=None, low_hz=1000.0)
    tables = filterbank_tables(config)
    loud = np.where(np.sin(np.arange(200)) > 0, 32767, -32768)  # 2,546 Hz
    sound = np.concatenate([loud, np.zeros(2000, np.int64)])  # long enough to fire all that was kept
    assert tables.saturates
    outputs = np.maximum(np.array(reference_outputs(config, sound.tolist())), 0).sum(axis=1)
    spikes = np.bincount([channel for _, channel in reference_spikes(config, sound.tolist())], minlength=6)
    assert (outputs // tables.thresholds > spikes + 10).any(), "some of what came must be lost"
    assert (outputs // tables.thresholds == spikes).any(), "and in quiet channels nothing"
    fired = FixedFilterBank(config).spikes(sound[:, None])[:, 0]
    assert fired.sum(axis=0).tolist() == spikes.tolist()


@pytest.mark.parametrize("kind", [FilterBank, FixedFilterBank])
def test_streams_and_batches_are_the_same(kind: type[FilterBank]) -> None:
    sound = np.stack([noise(SMALL, 300, seed=seed) for seed in range(3)], axis=1)
    whole = kind(SMALL, batch=3).spikes(sound)
    assert whole.any(axis=(0, 2)).all()
    parts = kind(SMALL, batch=3)
    ends = [0, 1, 3, 3, 120, 300]
    pieces = [parts.spikes(sound[start:stop]) for start, stop in pairwise(ends)]
    assert (np.concatenate(pieces) == whole).all()
    for column in range(3):
        assert (kind(SMALL).spikes(sound[:, column:column + 1])[:, 0] == whole[:, column]).all()


def test_no_sound_makes_a_state_overflow() -> None:
    """The worst sound there is: full scale, with the sign of the impulse response backwards."""
    config = replace(SMALL, low_hz=60.0)
    bank = FixedFilterBank(config)
    impulse = np.zeros((4000, 1))
    impulse[0] = 1
    response = FilterBank(config).filter(impulse)[:, 0]
    for channel in range(config.channels):
        worst = np.where(response[::-1, channel] < 0, -32768, 32767)
        bank.reset()
        peak = np.abs(bank.filter(worst[:, None])[-1, 0, channel])
        bound = bank.tables.bounds[channel]
        assert bound < 1 << (config.state_bits - 1)
        assert 0.5 * bound < peak <= bound


@pytest.mark.parametrize(("state_bits", "coefficient_bits", "part", "least_db"), [
    (24, 18, 1.0, 59), (24, 18, 0.1, 56), (24, 18, 0.01, 38), (24, 16, 1.0, 47), (24, 14, 1.0, 35),
    (20, 18, 1.0, 53), (18, 18, 1.0, 42), (28, 18, 0.01, 57),
])
def test_error_of_the_integers(state_bits: int, coefficient_bits: int, part: float, least_db: float) -> None:
    """Signal to error in the worst of 64 channels; the table of docs/filterbank.md."""
    assert worst_snr(replace(BANK, state_bits=state_bits, coefficient_bits=coefficient_bits), part) > least_db


def worst_snr(config: FilterBankConfig, part: float) -> float:
    """Power of the real filters' outputs over that of their difference to the integers', in dB."""
    sound = noise(config, 8000, part=0.61 * part)[:, None]
    fixed = FixedFilterBank(config)
    real = FilterBank(config).filter(sound / (1 << (config.pcm_bits - 1)))
    error = fixed.filter(sound) / fixed.tables.scales - real
    return float((10 * np.log10((real**2).sum(axis=0) / (error**2).sum(axis=0))).min())


@pytest.mark.parametrize("kind", [FilterBank, FixedFilterBank])
def test_rate_of_a_sine_is_as_stated(kind: type[FilterBank]) -> None:
    """At full scale fs / (pi threshold) spikes a second, in proportion below it."""
    config = replace(BANK, channels=8, low_hz=200.0, leak_shift=None)
    time = np.arange(16000)[:, None] / 16000
    unit = 32767 if kind is FixedFilterBank else 1.0
    for part in (1.0, 0.3):
        sines = part * unit * np.sin(2 * np.pi * centre_frequencies(8, 200.0, 7000.0) * time)
        fired = kind(config, batch=8).spikes(np.rint(sines) if unit > 1 else sines)
        rates = fired.sum(axis=0)[range(8), range(8)]
        assert rates == pytest.approx(np.full(8, part * 16000 / (np.pi * 2.5)), rel=0.03)


def test_silence_stays_silent() -> None:
    """Rounding leaves states circling; leak keeps that from ever firing."""
    bank = FixedFilterBank(BANK)
    assert bank.spikes(noise(BANK, 4000)[:, None]).any()
    bank.spikes(np.zeros((4000, 1)))
    silence = np.zeros((BANK.sample_rate_hz, 1))
    assert 0 < np.abs(bank.filter(silence)).max() < 32, "of 2**23"
    assert not bank.spikes(silence).any()
    most = 32 << (BANK.leak_shift or 0)
    assert (bank.tables.thresholds > most).all(), "what such a circle can add up to"


def test_dc_clipping_and_short_sounds() -> None:
    bank = FixedFilterBank(BANK)
    spikes = bank.spikes(np.full((16000, 1), 1024))
    centres = centre_frequencies(64, BANK.low_hz, BANK.high_hz)
    assert not spikes[4000:, 0, centres > 100].any(), "an offset of 1/32 is not heard"
    assert len(bank.events(np.array([], np.int64))[0]) == 0
    assert FilterBank(BANK).counts(np.zeros(1)).tolist() == [[0] * 64]
    assert FilterBank(BANK).counts(np.zeros(0)).shape == (0, 64)


def test_counts_are_those_of_events_in_long_sound() -> None:
    config = replace(SMALL, step=100)
    sound = noise(config, 2 * BLOCK + 50)
    times, channels = FixedFilterBank(config).events(sound)
    counts = FixedFilterBank(config).counts(sound)
    assert counts.shape == (42, 6)
    assert counts.sum() == len(times) > 500
    assert counts[3, 2] == ((times // 100 == 3) & (channels == 2)).sum() > 0
    assert (np.diff(times * 6 + channels) > 0).all()


@pytest.mark.parametrize(("bank", "sound", "message"), [
    (FixedFilterBank(BANK), [[32768]], NOT_PCM),
    (FixedFilterBank(BANK), [[0.5]], NOT_PCM),
    (FilterBank(BANK), [[np.nan]], r"^sound must be finite$"),
    (FilterBank(BANK), [1.0, 2.0], r"^sound must be \(samples, 1\), not \(2,\)$"),
    (FilterBank(BANK, batch=2), [[1.0]], r"^sound must be \(samples, 2\), not \(1, 1\)$"),
])
def test_refusals(bank: FilterBank, sound: Any, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        bank.filter(sound)


def test_events_are_of_one_recording() -> None:
    with pytest.raises(ConfigError, match=r"^events are those of one recording, not of a batch of 2$"):
        FilterBank(BANK, batch=2).events(np.zeros(3))
