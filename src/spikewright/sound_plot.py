"""One picture of what an encoder does: waveform, cochleagram, spikes, reconstruction."""

from pathlib import Path
from typing import Any

import numpy as np

from spikewright.errors import ConfigError
from spikewright.gammatone import Reals, centre_frequencies
from spikewright.models.spiketrum_correlate import Correlator
from spikewright.models.spiketrum_spikes import Spikes
from spikewright.spiketrum import SpiketrumConfig

__all__ = ["Picture"]

BINS = 1000
"""Columns of a cochleagram."""

RANGE_DB = 60
MOST_MARKS = 50_000
SUFFIXES = (".png", ".svg", ".pdf")


class Picture:
    """Keeps the first seconds of a sound and of what is decoded of it, and draws them.

    Parameters
    ----------
    bank
        Kernels, ``(channels, longest)``.
    seconds
        How much is shown.
    suffix
        Format that it will be written in.

    Raises
    ------
    ConfigError
        If there is no such format, or matplotlib is missing.
    """

    def __init__(self, config: SpiketrumConfig, bank: Reals, seconds: float, suffix: str) -> None:
        if suffix not in SUFFIXES:
            raise ConfigError(f"a picture must end with {', '.join(SUFFIXES)}, not {suffix or 'nothing'!r}")
        try:
            import matplotlib  # noqa: F401  # takes longer than all else here, and may be missing
        except ImportError as error:
            raise ConfigError("pictures need matplotlib: pip install 'spikewright[plot]'") from error
        self._config, self._bank, self._suffix = config, bank, suffix
        self._samples = int(seconds * config.sample_rate_hz)
        self._sound: list[Reals] = []
        self._decoded: list[Reals] = []

    def sound(self, piece: Reals) -> None:
        """Take further sound."""
        self._keep(self._sound, piece)

    def decoded(self, piece: Reals) -> None:
        """Take further decoded sound."""
        self._keep(self._decoded, piece)

    def _keep(self, pieces: list[Reals], piece: Reals) -> None:
        room = self._samples - sum(map(len, pieces))
        if room > 0 and len(piece):
            pieces.append(piece[:room])

    def write(self, path: Path, spikes: Spikes, snr_db: float | None) -> None:
        """Draw it."""
        from matplotlib.figure import Figure

        sound = np.concatenate([*self._sound, np.zeros(0)])
        decoded = np.concatenate([*self._decoded, np.zeros(0)])
        figure = Figure(figsize=(10, 9), layout="constrained", dpi=120)
        axes = figure.subplots(4, 1, sharex=True, height_ratios=[1, 2, 2, 1])
        self._draw_wave(axes[0], sound, "sound", "#222222")
        self._draw_cochleagram(figure, axes[1], sound)
        self._draw_spikes(figure, axes[2], spikes[spikes.position < len(sound)])
        self._draw_wave(axes[3], decoded, "decoded", "#1f6fb4")
        error = sound - decoded
        axes[3].plot(np.arange(len(error)) / self._config.sample_rate_hz, error, lw=0.5, color="#d1495b",
                     label="error")  # fmt: skip
        axes[3].legend(loc="upper right", ncols=2, fontsize=8)
        axes[3].set_xlabel("time (s)")
        quality = "" if snr_db is None else f", SNR {snr_db:.1f} dB"
        figure.suptitle(f"{len(spikes)} spikes at {self._config.rate_hz} a second{quality}")
        figure.savefig(path, format=self._suffix.removeprefix("."))

    def _draw_wave(self, axes: Any, wave: Reals, label: str, color: str) -> None:
        axes.plot(np.arange(len(wave)) / self._config.sample_rate_hz, wave, lw=0.6, color=color, label=label)
        axes.set_ylabel(label)
        axes.set_ylim(-1.1, 1.1)

    def _channel_axis(self, axes: Any) -> None:
        frequencies = centre_frequencies(self._config.channels, self._config.low_hz, self._config.high_hz)
        ticks = np.unique(np.linspace(0, len(frequencies) - 1, 6).round().astype(int))
        axes.set_yticks(ticks, [f"{frequencies[tick]:.0f}" for tick in ticks])
        axes.set_ylim(-0.5, len(frequencies) - 0.5)

    def _draw_cochleagram(self, figure: Any, axes: Any, sound: Reals) -> None:
        """Largest correlation of each channel in each column, in dB below the largest of all."""
        padded = np.concatenate([sound, np.zeros(self._bank.shape[1])])
        strength = np.abs(Correlator(self._bank)(padded, len(sound)))
        width = max(1, len(sound) // BINS, self._config.sample_rate_hz // 250)
        columns = np.maximum.reduceat(strength, np.arange(0, max(len(sound), 1), width), axis=0)
        db = 20 * np.log10(np.maximum(columns / max(float(columns.max()), 1e-9), 1e-9))
        end = len(columns) * width / self._config.sample_rate_hz
        image = axes.imshow(
            db.T, origin="lower", aspect="auto", extent=(0, end, -0.5, db.shape[1] - 0.5), vmin=-RANGE_DB,
            vmax=0, cmap="magma",
        )  # fmt: skip
        self._channel_axis(axes)
        axes.set_ylabel("cochleagram (Hz)")
        figure.colorbar(image, ax=axes, label="dB", pad=0.01)

    def _draw_spikes(self, figure: Any, axes: Any, spikes: Spikes) -> None:
        """A mark a spike, where its kernel begins; the larger its amplitude the larger and darker."""
        shown = spikes[:MOST_MARKS]
        amplitudes = np.abs(shown.amplitude)
        db = 20 * np.log10(np.maximum(amplitudes / max(float(amplitudes.max(initial=0)), 1e-9), 1e-9))
        marks = axes.scatter(
            shown.position / self._config.sample_rate_hz, shown.channel, c=np.maximum(db, -RANGE_DB / 2),
            s=np.clip(14 + db / 3, 2, 14), cmap="viridis_r", vmin=-RANGE_DB / 2, vmax=0, linewidths=0,
        )  # fmt: skip
        self._channel_axis(axes)
        axes.set_ylabel("spikes (Hz)")
        figure.colorbar(marks, ax=axes, label="dB", pad=0.01)
