"""Spiketrum on spoken digits: how much of them is in its spikes (docs/results.md has all recordings)."""

import os
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from spikewright.models.sound import normalise, read_sound, to_pcm
from spikewright.models.spiketrum import encode, kernel_bank
from spikewright.models.spiketrum_fixed import encode_fixed
from spikewright.models.spiketrum_peaks import encode_peaks
from spikewright.models.spiketrum_spikes import Spikes, decode, snr_db
from spikewright.spiketrum import SpiketrumConfig
from spikewright.spiketrum_tables import make_tables

FOLDER = Path(os.environ.get("SPIKEWRIGHT_DATA", "/nowhere")) / "fsdd" / "recordings"
SPEAKERS = ("george", "jackson", "lucas", "nicolas", "theo", "yweweler")
CONFIG = SpiketrumConfig()
BANK = kernel_bank(CONFIG)

pytestmark = pytest.mark.skipif(not FOLDER.is_dir(), reason="SPIKEWRIGHT_DATA has no fsdd/recordings")
Wave = npt.NDArray[np.float64]


@pytest.fixture(scope="module")
def waves() -> list[Wave]:
    files = [FOLDER / f"{digit}_{speaker}_0.wav" for digit, speaker in zip("036818", SPEAKERS, strict=True)]
    return [normalise(read_sound(file, CONFIG.sample_rate_hz)) for file in files]


def mean_snr(codes: list[Spikes], waves: list[Wave], bank: Wave = BANK) -> float:
    values = [snr_db(wave, decode(code, bank, len(wave))) for code, wave in zip(codes, waves, strict=True)]
    return float(np.mean([value for value in values if value is not None]))


def test_more_spikes_carry_more_and_their_number_is_exact(waves: list[Wave]) -> None:
    found = {}
    for rate_hz in (50, 100, 200, 400, 800, 1600):
        config = replace(CONFIG, rate_hz=rate_hz)
        codes = [encode(wave, config, quantised=False) for wave in waves]
        assert [len(code) for code in codes] == [int(rate_hz * len(wave) / 8000 + 0.5) for wave in waves]
        found[rate_hz] = mean_snr(codes, waves)
    assert all(few < many for few, many in pairwise(found.values()))
    assert found[800] >= 15
    peaks = [encode_peaks(wave, CONFIG) for wave in waves]
    assert [len(code) for code in peaks] == [CONFIG.spikes(len(wave)) for wave in waves]
    assert found[400] >= 3 * mean_snr(peaks, waves) > 0


def test_integers_are_as_good_as_floats_with_the_same_windows_and_levels(waves: list[Wave]) -> None:
    tables = make_tables(CONFIG)
    fixed = [encode_fixed(to_pcm(wave, 16)[0], CONFIG, tables) for wave in waves]
    real = [encode(wave, CONFIG, window=CONFIG.window) for wave in waves]
    assert [len(code) for code in fixed] == [len(code) for code in real]
    assert mean_snr(fixed, waves, tables.real_kernels) == pytest.approx(mean_snr(real, waves), abs=0.3)
