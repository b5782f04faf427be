"""Configuration and tables of a spiketrum encoder."""

from typing import Any

import numpy as np
import pytest

from spikewright.errors import ConfigError
from spikewright.gammatone import kernels
from spikewright.spiketrum import SpiketrumConfig
from spikewright.spiketrum_tables import cross_correlations, make_tables


@pytest.mark.parametrize(("values", "message"), [
    ({"channels": 0}, r"^channels must be in 1\.\.1024, not 0$"),
    ({"kernel_bits": 13}, r"^kernel_bits must be in 3\.\.12, not 13$"),
    ({"high_hz": 4000.0},
     r"^high_hz must be above low_hz, 50\.0, and below half the sample rate, 4000, not 4000\.0$"),
    ({"low_hz": 3700.0}, r"^high_hz must be above low_hz, 3700\.0, and below half the sample rate"),
    ({"low_hz": float("nan")}, r"^low_hz must be above 0, not nan$"),
    ({"window": 200}, r"^window must be a multiple of step, 128, not 200$"),
    ({"burst": 12},
     r"^burst must be at least what 400 spikes a second bring in a window of 256 samples, 13, not 12$"),
    ({"gate": 1 << 17}, r"^gate must be in 1\.\.131071, not 131072$"),
    ({"gains": (64,)}, r"^gains must be 40 numbers, one a channel, not 1$"),
    ({"gains": (256,) * 40}, r"^gains must be in 0\.\.255, not 256$"),
    ({"range_db": float("nan")}, r"^range_db must be in 0\.\.200, not nan$"),
])  # fmt: skip
def test_refuses(values: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        SpiketrumConfig(**values)


def test_lines_count_through_channels_levels_and_signs() -> None:
    config = SpiketrumConfig(channels=3, levels=2)
    lines = [config.line(m, level, sign) for m in range(3) for level in range(2) for sign in (False, True)]
    assert lines == list(range(config.lines)) == list(range(12))
    assert [SpiketrumConfig(window=1024, burst=n).most_events for n in (64, 255, 256)] == [64, 255, 255]
    rectified = SpiketrumConfig(channels=3, levels=2, signed=False)
    assert [rectified.line(m, level, False) for m in range(3) for level in range(2)] == list(range(6))


def test_spikes_round_half_up() -> None:
    config = SpiketrumConfig(rate_hz=400)  # a spike is 20 samples
    assert [config.spikes(samples) for samples in (0, 9, 10, 29, 30, 8000)] == [0, 0, 1, 1, 2, 400]


@pytest.mark.parametrize("bits", [3, 5, 8, 12])
def test_kernels_use_their_bits(bits: int) -> None:
    tables = make_tables(SpiketrumConfig(kernel_bits=bits))
    peaks = np.abs(tables.kernels).max(axis=1)
    top = (1 << (bits - 1)) - 1
    assert (peaks <= top).all()
    bank, lengths = kernels(tables.frequencies_hz, 8000)
    finer = np.abs(bank).max(axis=1) * 2.0 ** (tables.exponents + 1)
    assert (np.rint(finer) > top).all(), "one bit more does not fit"
    assert np.abs(tables.real_kernels - bank).max() <= 0.5 * 2.0 ** -tables.exponents.min()
    assert tables.longest == lengths.max() == 610


def test_no_correlation_of_any_sound_overflows() -> None:
    tables = make_tables(SpiketrumConfig())
    worst = (np.abs(tables.kernels).sum(axis=1) * 2.0**-tables.exponents).max() * 2**16
    assert worst / 2**tables.correlation_shift < 2**17 <= worst / 2 ** (tables.correlation_shift - 1)
    assert make_tables(SpiketrumConfig(correlation_bits=24)).correlation_shift == 0


def test_levels_are_evenly_spaced_in_decibels() -> None:
    tables = make_tables(SpiketrumConfig(levels=5, range_db=40.0))
    ratios = 20 * np.log10(tables.levels[1:] / tables.levels[:-1])
    np.testing.assert_allclose(ratios, 10, atol=0.02)
    with pytest.raises(ConfigError, match=r"^top_db must give a highest level of at most 131071 units"):
        make_tables(SpiketrumConfig(top_db=40.0))


def test_cross_correlations_are_sums_of_products() -> None:
    bank = np.random.default_rng(1).normal(size=(3, 20))
    for first, rows in zip(bank, cross_correlations(bank, 25), strict=True):
        for second, row in zip(bank, rows, strict=True):
            expected = [
                sum(second[k] * first[k + lag] for k in range(20) if 0 <= k + lag < 20)
                for lag in range(-25, 26)
            ]
            np.testing.assert_allclose(row, expected, atol=1e-12)


def test_ranges_hold_what_is_above_the_floor_and_end_with_it() -> None:
    config = SpiketrumConfig(channels=12, gram_floor=0.02)
    tables = make_tables(config)
    unit = tables.real_kernels / np.linalg.norm(tables.real_kernels, axis=1, keepdims=True)
    reach = config.window - 1
    empty = 0
    for block, exact in zip(tables.gram, cross_correlations(unit, reach), strict=True):
        for channel, row in enumerate(exact):
            above = np.flatnonzero(np.abs(row) >= config.gram_floor) - reach
            values = block.of(channel)
            if not len(above):
                empty += 1
                assert not len(values)
                continue
            assert (block.low[channel], block.high[channel]) == (above[0], above[-1])
            codes = np.rint(row[above[0] + reach : above[-1] + reach + 1] * 256)
            np.testing.assert_array_equal(values, np.clip(codes, -255, 255))
    assert empty, "the case must have channels that do not matter to each other"
    assert tables.gram_words == sum(len(block.of(channel)) for block in tables.gram for channel in range(12))


def test_tables_that_nothing_could_hold_are_refused() -> None:
    with pytest.raises(ConfigError, match=r"^correlations of kernels must be at most 67108864, not "):
        make_tables(SpiketrumConfig(channels=1024, window=4096, burst=300))
