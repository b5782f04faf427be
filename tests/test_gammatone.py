"""Gammatone kernels: against SciPy where SciPy is stable, and everywhere else by what must hold."""

import numpy as np
import pytest
from scipy import signal  # type: ignore[import-untyped]

from spikewright.errors import ConfigError
from spikewright.gammatone import centre_frequencies, erb_hz, erb_rate, hz_of_erb_rate, kernels


@pytest.mark.parametrize("sample_rate_hz", [8000, 16000, 44100])
@pytest.mark.parametrize("frequency_hz", [50.0, 440.0, 3700.0])
def test_kernels_are_scipys_fir_filters(sample_rate_hz: int, frequency_hz: float) -> None:
    (kernel,), (length,) = kernels([frequency_hz], sample_rate_hz)
    taps, _ = signal.gammatone(frequency_hz, "fir", order=4, numtaps=int(length), fs=sample_rate_hz)
    # SciPy's bandwidth is 24.7 + f / 9.26449, ours 24.7 (4.37 f / 1000 + 1): four digits of the same.
    np.testing.assert_allclose(kernel, taps / np.linalg.norm(taps), atol=2e-4 * np.abs(kernel).max())


@pytest.mark.parametrize(("sample_rate_hz", "frequency_hz"), [(8000, 1000.0), (16000, 2000.0)])
def test_kernels_sound_like_scipys_recursive_filters(sample_rate_hz: int, frequency_hz: float) -> None:
    (kernel,), (length,) = kernels([frequency_hz], sample_rate_hz)
    numerator, denominator = signal.gammatone(frequency_hz, "iir", fs=sample_rate_hz)
    response = signal.lfilter(numerator, denominator, np.eye(1, int(length))[0])
    # Slaney's approximation has another phase: magnitudes are compared.
    ours, theirs = np.abs(np.fft.rfft(kernel, 4096)), np.abs(np.fft.rfft(response, 4096))
    near = ours > 0.3 * ours.max()
    assert near.sum() > 20
    ratio = ours[near] / theirs[near]
    np.testing.assert_allclose(ratio / np.median(ratio), 1, atol=0.05)


@pytest.mark.parametrize("sample_rate_hz", [1000, 8000, 44100, 192000])
@pytest.mark.parametrize("channels", [1, 2, 40, 64])
def test_kernels_are_finite_of_unit_norm_and_end_when_they_have_decayed(
    sample_rate_hz: int, channels: int
) -> None:
    frequencies = centre_frequencies(channels, 20, 0.45 * sample_rate_hz)
    bank, lengths = kernels(frequencies, sample_rate_hz)
    assert bank.shape == (channels, lengths.max())
    assert np.isfinite(bank).all()
    np.testing.assert_allclose(np.linalg.norm(bank, axis=1), 1)
    assert (np.diff(lengths) <= 0).all(), "higher channels have shorter kernels"
    for row, length in zip(bank, lengths, strict=True):
        assert not row[length:].any()
        # What is cut off is small, and nothing that matters was cut: three samples, since a cosine has zeros.
        assert 0 < np.abs(row[length - 3 : length]).max() < 6e-3 * np.abs(row).max()


def test_frequencies_are_equally_spaced_in_erb() -> None:
    frequencies = centre_frequencies(40, 50, 3700)
    assert (frequencies[0], frequencies[-1]) == (50, 3700)
    np.testing.assert_allclose(np.diff(erb_rate(frequencies)), np.diff(erb_rate(frequencies))[0])
    np.testing.assert_allclose(hz_of_erb_rate(erb_rate(frequencies)), frequencies)
    assert erb_hz(1000) == pytest.approx(132.639)
    # One ERB apart is one apart on the scale.
    assert erb_rate(1000 + 0.5 * 132.639) - erb_rate(1000 - 0.5 * 132.639) == pytest.approx(1, abs=0.02)


def test_frequencies_above_half_the_rate_are_refused() -> None:
    message = r"^frequencies must be above 0 and below half the sample rate, 4000, not 100\.\.4000$"
    with pytest.raises(ConfigError, match=message):
        kernels([100, 4000], 8000)


def test_kernels_that_nothing_could_hold_are_refused() -> None:
    with pytest.raises(ConfigError, match=r"^kernels must have at most 16777216 samples together, not 1024"):
        kernels(centre_frequencies(1024, 20, 20000), 1_000_000)
