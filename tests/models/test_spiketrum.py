"""Spiketrum in floating point: rate, refinement, pieces, levels, and what it is compared with."""

import time
from dataclasses import replace
from itertools import pairwise

import numpy as np
import numpy.typing as npt
import pytest

from spikewright.errors import ConfigError
from spikewright.models.spiketrum import RealEncoder, encode, kernel_bank
from spikewright.models.spiketrum_correlate import Correlator
from spikewright.models.spiketrum_fixed import encode_fixed
from spikewright.models.spiketrum_peaks import encode_peaks
from spikewright.models.spiketrum_spikes import Spikes, decode, join, snr_db
from spikewright.spiketrum import SpiketrumConfig
from spikewright.spiketrum_tables import make_tables
from tests.models.spiketrum_reference import sound

CONFIG = SpiketrumConfig(channels=20, low_hz=100)
BANK = kernel_bank(CONFIG)


def wave(samples: int) -> npt.NDArray[np.float64]:
    return sound(samples) / 32768


def quality(spikes: Spikes, of: npt.NDArray[np.float64], bank: npt.NDArray[np.float64] = BANK) -> float:
    snr = snr_db(of, decode(spikes, bank, len(of)))
    assert snr is not None
    return snr


def plain_pursuit(of: npt.NDArray[np.float64], count: int) -> list[tuple[int, int, float]]:
    """Matching pursuit without any bookkeeping: all correlations anew for every spike."""
    residual = np.concatenate([of, np.zeros(BANK.shape[1])])
    found = []
    for _ in range(count):
        windows = np.lib.stride_tricks.sliding_window_view(residual, BANK.shape[1])[: len(of)]
        correlations = windows @ BANK.T
        position, channel = np.unravel_index(np.abs(correlations).argmax(), correlations.shape)
        amplitude = correlations[position, channel]
        residual[position : position + BANK.shape[1]] -= amplitude * BANK[channel]
        found.append((int(position), int(channel), float(amplitude)))
    return found


def test_equals_matching_pursuit_without_bookkeeping() -> None:
    of = wave(1500)
    spikes = encode(of, replace(CONFIG, rate_hz=300), quantised=False)
    expected = plain_pursuit(of, len(spikes))
    assert len(expected) == 56
    assert spikes.position.tolist() == [position for position, _, _ in expected]
    assert spikes.channel.tolist() == [channel for _, channel, _ in expected]
    np.testing.assert_allclose(spikes.amplitude, [amplitude for *_, amplitude in expected], atol=1e-3)


@pytest.mark.parametrize("rate_hz", [50, 333, 1600])
@pytest.mark.parametrize("samples", [8, 1000, 4001])
@pytest.mark.parametrize("window", [None, 256, 1000])
def test_the_number_of_spikes_is_exact(rate_hz: int, samples: int, window: int | None) -> None:
    config = replace(CONFIG, rate_hz=rate_hz)
    assert len(encode(wave(samples), config, window=window)) == config.spikes(samples)


def test_more_spikes_refine_and_begin_with_the_same() -> None:
    of = wave(4000)
    rates = [50, 100, 200, 400, 800, 1600]
    codes = [encode(of, replace(CONFIG, rate_hz=rate), quantised=False) for rate in rates]
    for few, many in pairwise(codes):
        np.testing.assert_array_equal(few.position, many.position[: len(few)])
        np.testing.assert_array_equal(few.amplitude, many.amplitude[: len(few)])
    snr = [quality(code, of) for code in codes]
    assert (np.diff(snr) > 0.5).all(), snr


def test_taking_out_is_worth_several_times_picking_peaks() -> None:
    of = wave(8000)
    peaks = encode_peaks(of, CONFIG)
    assert len(peaks) == CONFIG.spikes(8000)
    assert quality(encode(of, CONFIG, quantised=False), of) > 2 * quality(peaks, of) > 0.5


def test_levels_are_rounded_down_within_the_loop() -> None:
    of = wave(4000)
    config = replace(CONFIG, levels=8, top_db=0.0, range_db=40.0)
    free, code = encode(of, config, quantised=False), encode(of, config)
    assert set(free.level.tolist()) == {-1}
    np.testing.assert_array_equal(np.abs(code.amplitude), np.array(config.level_amplitudes)[code.level])
    assert len(set(code.level.tolist())) > 3
    # The first is the same kernel, at the next lower level.
    assert (code.position[0], code.channel[0]) == (free.position[0], free.channel[0])
    assert 10 ** (-40 / 7 / 20) < code.amplitude[0] / free.amplitude[0] <= 1
    rounded_afterwards = Spikes(
        position=free.position, channel=free.channel, level=free.level,
        amplitude=np.sign(free.amplitude) * np.array(config.level_amplitudes)[
            np.maximum(np.searchsorted(config.level_amplitudes, np.abs(free.amplitude), "right") - 1, 0)],
    )  # fmt: skip
    assert quality(free, of) > quality(code, of) > quality(rounded_afterwards, of) + 0.3


def test_rectified_kernels_are_only_added() -> None:
    code = encode(wave(4000), replace(CONFIG, signed=False))
    assert len(code) == 200
    assert (code.amplitude > 0).all()
    signed = encode(wave(4000), CONFIG)
    assert 20 < signed.negative.sum() < 180


def test_gains_steer_the_choice_but_not_what_is_decoded() -> None:
    of = wave(4000)
    low_half = replace(CONFIG, gains=(64,) * 10 + (0,) * 10)
    code = encode(of, low_half, quantised=False)
    assert code.channel.max() < 10
    only = encode(of, replace(CONFIG, gains=(16,) * 20), quantised=False)
    plain = encode(of, CONFIG, quantised=False)
    np.testing.assert_array_equal(only.channel, plain.channel)
    np.testing.assert_array_equal(only.amplitude, plain.amplitude)
    louder = encode(of, replace(CONFIG, gains=(64,) * 10 + (255,) * 10), quantised=False)
    assert (louder.channel >= 10).mean() > (plain.channel >= 10).mean() + 0.05


@pytest.mark.parametrize("pieces", [[1] * 300 + [1700], [3, 0, 997, 1000], [256] * 7 + [208]])
def test_pieces_give_the_same_spikes_as_the_whole(pieces: list[int]) -> None:
    of = wave(2000)
    whole = encode(of, CONFIG, window=256)
    encoder = RealEncoder(CONFIG, burst=CONFIG.burst)
    parts, first = [], 0
    for piece in pieces:
        parts.append(encoder.push(of[first : first + piece]))
        first += piece
        assert sum(map(len, encoder._pieces)) < 256 + BANK.shape[1], "memory is bounded"
    parts.append(encoder.finish())
    streamed = join(parts)
    assert len(whole) == 100
    for what in ("position", "channel", "level", "amplitude"):
        np.testing.assert_array_equal(getattr(streamed, what), getattr(whole, what))


def test_the_integer_encoder_is_as_good_with_kernels_of_8_bits() -> None:
    of = wave(8000)
    config = SpiketrumConfig(kernel_bits=8)
    tables = make_tables(config)
    fixed = quality(encode_fixed(sound(8000), config, tables), of, tables.real_kernels)
    assert fixed == pytest.approx(quality(encode(of, config, window=256), of, kernel_bank(config)), abs=0.3)


def test_correlations_do_not_depend_on_how_the_sound_is_cut() -> None:
    of = np.concatenate([wave(30_000), np.zeros(BANK.shape[1])])
    got = Correlator(BANK)(of, 30_000)
    for channel in (0, 19):
        expected = np.correlate(of, BANK[channel], "valid")[:30_000]
        np.testing.assert_allclose(got[:, channel], expected, atol=1e-5)


def test_a_kernel_is_one_spike() -> None:
    of = np.zeros(4000)
    of[1234 : 1234 + BANK.shape[1]] = -0.25 * BANK[7]
    spikes = encode(of, CONFIG, quantised=False)
    assert (spikes.position[0], spikes.channel[0]) == (1234, 7)
    assert spikes.amplitude[0] == pytest.approx(-0.25, rel=1e-5)
    assert np.abs(spikes.amplitude[1:]).max() < 2e-4, "what is left is what the tables leave out"


@pytest.mark.parametrize("of", [np.zeros(0), np.zeros(1), np.zeros(3000), 1e-8 * wave(3000)])
def test_silence_gives_nothing(of: npt.NDArray[np.float64]) -> None:
    for code in (encode(of, CONFIG), encode(of, CONFIG, window=256), encode_peaks(np.zeros(9), CONFIG)):
        assert len(code) == 0
        assert snr_db(of, decode(code, BANK, len(of))) == (pytest.approx(0) if of.any() else None)


def test_silence_beside_sound_gives_nothing() -> None:
    of = np.concatenate([wave(1000), np.zeros(40_000)])
    code = encode(of, replace(CONFIG, rate_hz=50), quantised=False)
    assert len(code) == 256
    assert code.position.max() < 1000


def test_samples_that_are_no_numbers_are_named() -> None:
    encoder = RealEncoder(CONFIG)
    encoder.push(np.zeros(5))
    with pytest.raises(ConfigError, match=r"^sample 6 must be finite, not nan$"):
        encoder.push([0.0, np.nan])
    with pytest.raises(ConfigError, match=r"^samples must be numbers in a row, not of shape \(2, 2\)$"):
        encode(np.zeros((2, 2)), CONFIG)


def test_encoding_is_twenty_times_faster_than_real_time() -> None:
    of = wave(40_000)
    encoder = RealEncoder(SpiketrumConfig(), window=1 << 17)

    def seconds() -> float:
        start = time.process_time()
        assert len(join([encoder.push(of), encoder.finish()])) == 2000
        return time.process_time() - start

    assert min(seconds() for _ in range(3)) < 5 / 20, "benchmarks/spiketrum.py measures some 70 times"
