"""Configuration, tables and memories of a filter bank."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from spikewright.errors import ConfigError
from spikewright.filterbank import FilterBankConfig
from spikewright.filterbank_memories import (
    coefficient_memory,
    filterbank_images,
    state_memory,
    sum_memory,
    threshold_memory,
)
from spikewright.filterbank_tables import filterbank_tables, poles
from spikewright.gammatone import centre_frequencies


@pytest.mark.parametrize(("values", "message"), [
    ({"channels": 3}, r"^channels must be in 4\.\.1024, not 3$"),
    ({"channels": 8.0}, r"^channels must be a whole number, not 8\.0$"),
    ({"threshold": "1"}, r"^threshold must be a number, not '1'$"),
    ({"threshold": float("nan")}, r"^threshold must be in 0\.015625\.\.1024, not nan$"),
    ({"leak_shift": 0}, r"^leak_shift must be in 1\.\.20, not 0$"),
    ({"coefficient_bits": 19}, r"^coefficient_bits must be in 8\.\.18, not 19$"),
    ({"state_bits": 15}, r"^state_bits must be at least pcm_bits, 16, not 15$"),
    ({"high_hz": 8000.0},
     r"^low_hz and high_hz must be above 0, in this order and below half the sample rate, 8000, not 50 and"),
    ({"low_hz": float("nan")}, r"^low_hz and high_hz must be .* not nan and 7000$"),
    ({"low_hz": 0.0}, r"^low_hz and high_hz must be .* not 0 and 7000$"),
])  # fmt: skip
def test_refuses(values: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        FilterBankConfig(**values)


@pytest.mark.parametrize(("values", "message"), [
    ({"coefficient_bits": 8, "sample_rate_hz": 192000},
     r"^coefficient_bits must be enough for a filter at 50 Hz to decay, not 8$"),
    ({"coefficient_bits": 8}, r"^coefficient_bits must be above 8, the largest shift, not 8$"),
    ({"sample_rate_hz": 1000000, "state_bits": 12, "pcm_bits": 8},
     r"^state_bits must be more: rounding alone fills a state up to 2047$"),
])  # fmt: skip
def test_tables_refuse(values: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        filterbank_tables(FilterBankConfig(**values))


@pytest.mark.parametrize("config", [
    FilterBankConfig(),
    FilterBankConfig(state_bits=18, coefficient_bits=14),
    FilterBankConfig(sample_rate_hz=48000, low_hz=20.0, high_hz=20000.0, channels=128),
    FilterBankConfig(sample_rate_hz=8000, high_hz=3990.0, channels=40),
])
def test_every_filter_is_stable_and_scaled_to_its_state(config: FilterBankConfig) -> None:
    tables = filterbank_tables(config)
    unit = 1 << config.fraction_bits
    assert (tables.real**2 + tables.imaginary**2 < unit**2).all()
    quantized = (tables.real + 1j * tables.imaginary) / unit
    assert np.abs(quantized - poles(config)).max() <= 0.7072 / unit
    full = 1 << (config.state_bits - 1)
    assert (tables.bounds < full).all()
    # Shifts by two bits: no more than a factor of four is lost.
    assert (tables.bounds > full / 4.2).all()
    assert (tables.shifts % 2 == 0).all()
    # A sine is half a complex wave: it reaches half of what no sound exceeds. Its other half joins in where
    # it is near: at low frequencies, and near half the sample rate.
    centres = centre_frequencies(config.channels, config.low_hz, config.high_hz)
    between = (centres > 100) & (centres < 0.45 * config.sample_rate_hz)
    assert 2 * tables.scales[between] == pytest.approx(tables.bounds[between], rel=0.05)
    assert (tables.scales < tables.bounds).all()
    assert tables.thresholds == pytest.approx(config.threshold * tables.scales, rel=1e-3)


def test_sums_hold_a_threshold_and_a_sample() -> None:
    quiet = filterbank_tables(FilterBankConfig())
    assert not quiet.saturates
    assert (quiet.thresholds - 1 + quiet.bounds).max() < 1 << quiet.sum_bits
    loud = filterbank_tables(FilterBankConfig(threshold=1.0))
    assert loud.saturates


def test_memories_hold_what_the_tables_say() -> None:
    config = FilterBankConfig(channels=5)
    tables = filterbank_tables(config)
    images = filterbank_images(config, tables)
    words = images[coefficient_memory(config).name]
    bits = config.coefficient_bits
    sign = 1 << (bits - 1)
    assert [((word & (2 * sign - 1)) ^ sign) - sign for word in words] == tables.real.tolist()
    assert [((word >> bits) ^ sign) - sign for word in words] == tables.imaginary.tolist()
    assert max(words) < 1 << coefficient_memory(config).width
    assert images[threshold_memory(config, tables).name] == tables.thresholds.tolist()
    assert (state_memory(config).depth, state_memory(config).width) == (32, 48)
    assert (sum_memory(config, tables).depth, sum_memory(config, tables).width) == (5, tables.sum_bits)
    assert set(images) == {"filterbank.coefficients", "filterbank.thresholds"}


def test_cycles_and_clock() -> None:
    config = FilterBankConfig()
    assert (config.cycles, config.clock_hz) == (1024, 16_384_000)
    assert replace(config, sample_rate_hz=48000).clock_hz == 49_152_000
