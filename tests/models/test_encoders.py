"""Spikes that an encoder's integers make of recordings: by the twins, padded, and what is refused."""

import numpy as np
import pytest

from spikewright.errors import ConfigError
from spikewright.models.encoders import Sound, encode_sound
from spikewright.models.filterbank import FixedFilterBank
from spikewright.models.spiketrum_fixed import encode_fixed
from tests.sound_networks import BANK, PURSUIT

NOISE = np.random.default_rng(1).integers(-20000, 20000, 150, np.int64)
RECORDINGS = (NOISE, NOISE[:0], NOISE[:1], NOISE[:96])


def test_pursuit_is_the_twin_step_by_step() -> None:
    counts = encode_sound(PURSUIT, Sound(samples=RECORDINGS, steps=7))
    assert counts.shape == (4, 7, PURSUIT.lines)
    for samples, found in zip(RECORDINGS, counts, strict=True):
        spikes = encode_fixed(samples, PURSUIT)
        expected = np.zeros_like(found)
        np.add.at(expected, (spikes.steps(PURSUIT), spikes.lines(PURSUIT)), 1)
        np.testing.assert_array_equal(found, expected)
    assert counts[0].sum() == round(150 * 800 / 8000)


def test_a_bank_counts_the_spikes_of_every_step() -> None:
    counts = encode_sound(BANK, Sound(samples=RECORDINGS, steps=5))
    for samples, found in zip(RECORDINGS, counts, strict=True):
        times, channels = FixedFilterBank(BANK).events(samples)
        expected = np.zeros_like(found)
        np.add.at(expected, (times // BANK.step, channels), 1)
        np.testing.assert_array_equal(found, expected)
    assert counts[0].sum() > 10


def test_every_recording_is_told() -> None:
    told: list[int] = []
    encode_sound(PURSUIT, Sound(samples=RECORDINGS, steps=7), lambda: told.append(1))
    assert len(told) == 4


def test_recordings_can_be_chosen() -> None:
    sound = Sound(samples=RECORDINGS, steps=7)[1:3]
    assert (len(sound), sound.steps) == (2, 7)
    np.testing.assert_array_equal(encode_sound(PURSUIT, sound),
                                  encode_sound(PURSUIT, Sound(samples=RECORDINGS, steps=7))[1:3])


def test_a_recording_longer_than_its_steps_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"^recording 0: takes 5 steps, and 4 are given$"):
        encode_sound(PURSUIT, Sound(samples=RECORDINGS, steps=4))


def test_more_spikes_than_a_byte_counts_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("spikewright.models.encoders._counts",
                        lambda *_: np.full((1, PURSUIT.lines), 256, np.int64))
    message = r"^recording 0: a line must fire at most 255 times a step, not 256$"
    with pytest.raises(ConfigError, match=message):
        encode_sound(PURSUIT, Sound(samples=(NOISE[:5],), steps=1))
