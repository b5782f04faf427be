"""Sound files: formats, rates, channels, and what is no sound."""

from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
import soundfile  # type: ignore[import-untyped]
from scipy import signal  # type: ignore[import-untyped]

from spikewright.errors import ConfigError
from spikewright.models import sound as sound_module
from spikewright.models.resample import Resampler
from spikewright.models.sound import SoundFile, read_sound, to_pcm


def tone(samples: int, rate_hz: int, frequency_hz: float = 440.0) -> npt.NDArray[np.float64]:
    wave: npt.NDArray[np.float64] = 0.5 * np.sin(2 * np.pi * frequency_hz / rate_hz * np.arange(samples))
    return wave


@pytest.mark.parametrize(("rate_hz", "target_hz"), [
    (44100, 8000), (48000, 8000), (16000, 8000), (11025, 8000), (8000, 8000), (8000, 16000), (6000, 8000),
    (8001, 8000), (22050, 16000),
])  # fmt: skip
@pytest.mark.parametrize("samples", [1, 2, 500, 3000])
@pytest.mark.parametrize("piece", [1000, 7])
def test_pieces_are_resampled_as_scipy_resamples_the_whole(
    rate_hz: int, target_hz: int, samples: int, piece: int
) -> None:
    wave = np.random.default_rng(1).normal(size=samples)
    resampler = Resampler(rate_hz, target_hz)
    parts = [resampler.push(wave[first : first + piece]) for first in range(0, samples, piece)]
    got = np.concatenate([*parts, resampler.finish()])
    divisor = np.gcd(rate_hz, target_hz)
    expected = signal.resample_poly(wave, target_hz // divisor, rate_hz // divisor)
    assert len(got) == len(expected) == -(-samples * target_hz // rate_hz)
    np.testing.assert_allclose(got, expected, atol=1e-9)


def test_a_strange_ratio_of_rates_is_taken_for_a_near_one() -> None:
    resampler = Resampler(999_983, 8000)
    got = np.concatenate([resampler.push(tone(999_983, 999_983)), resampler.finish()])
    assert len(got) == 8000
    np.testing.assert_allclose(got[200:-200], tone(8000, 8000)[200:-200], atol=2e-3)


@pytest.mark.parametrize(("name", "subtype"), [
    ("a.wav", "PCM_16"), ("a.wav", "PCM_24"), ("a.wav", "FLOAT"), ("a.wav", "PCM_U8"), ("a.flac", "PCM_16"),
    ("a.ogg", "VORBIS"),
])  # fmt: skip
def test_reads_formats(tmp_path: Path, name: str, subtype: str) -> None:
    wave = tone(20_000, 16_000)
    soundfile.write(tmp_path / name, wave, 16_000, subtype=subtype)
    got = read_sound(tmp_path / name, 16_000)
    assert len(got) == 20_000
    assert np.abs(got - wave).max() < (0.05 if name.endswith("ogg") else 0.01)


@pytest.mark.parametrize("rate_hz", [44_100, 48_000])
def test_stereo_at_a_high_rate_is_mixed_down_and_resampled_and_says_so(tmp_path: Path, rate_hz: int) -> None:
    left, right = tone(rate_hz, rate_hz, 300), tone(rate_hz, rate_hz, 9000)
    soundfile.write(tmp_path / "a.wav", np.stack([left, right], 1), rate_hz)
    file = SoundFile(tmp_path / "a.wav", 8000)
    assert file.notes == ["2 channels mixed down to their mean", f"resampled from {rate_hz} Hz to 8000 Hz"]
    got = np.concatenate(list(file.pieces()))
    # 9 kHz cannot be had at 8,000 samples a second, and must not come back as another tone.
    np.testing.assert_allclose(got[200:-200], tone(8000, 8000, 300)[200:-200] / 2, atol=2e-3)


def test_pieces_are_small(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sound_module, "PIECE", 1000)
    wave = tone(10_500, 8000)
    soundfile.write(tmp_path / "a.wav", wave, 8000, subtype="FLOAT")
    pieces = list(SoundFile(tmp_path / "a.wav", 8000).pieces())
    assert max(map(len, pieces)) == 1000
    np.testing.assert_allclose(np.concatenate(pieces), wave, atol=1e-6)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_a_sample_that_is_no_number_is_named(tmp_path: Path, bad: float) -> None:
    wave = np.stack([tone(9000, 8000), tone(9000, 8000)], 1)
    wave[8000, 1] = bad
    soundfile.write(tmp_path / "a.wav", wave, 8000, subtype="FLOAT")
    with pytest.raises(ConfigError, match=rf"a\.wav: sample 8000 \(1\.000 s\) must be finite, not {bad}$"):
        read_sound(tmp_path / "a.wav", 8000)


def test_what_is_no_sound_is_refused(tmp_path: Path) -> None:
    (tmp_path / "text.wav").write_text("not a sound")
    soundfile.write(tmp_path / "empty.wav", np.zeros(0), 8000)
    cases = [
        ("none.wav", r"none\.wav: there is no such file$"),
        (".", r": is not a file$"),
        ("text.wav", r"text\.wav: must be sound in WAV, FLAC, Ogg or the like: Format not recognised\.$"),
        ("empty.wav", r"empty\.wav: must have samples, and has none$"),
    ]
    for name, message in cases:
        with pytest.raises(ConfigError, match=message):
            SoundFile(tmp_path / name, 8000)


def test_pcm_is_clipped_and_counted() -> None:
    pcm, clipped = to_pcm(np.array([0, 0.5, 1.0, 1.5, -1.0, -1.001, 1 / 32768 * 0.5]), 16)
    assert pcm.tolist() == [0, 16384, 32767, 32767, -32768, -32768, 0]
    assert clipped == 2, "full scale itself is one step too much by convention, not clipped"
