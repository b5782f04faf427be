"""The baseline: peaks of the correlations, picked in one go, without taking anything out of the sound."""

import numpy as np
import numpy.typing as npt

from spikewright.gammatone import Reals
from spikewright.models.spiketrum import checked_samples, kernel_bank
from spikewright.models.spiketrum_correlate import Correlator
from spikewright.models.spiketrum_spikes import Spikes, decode
from spikewright.spiketrum import SpiketrumConfig

__all__ = ["encode_peaks"]


def encode_peaks(sound: npt.ArrayLike, config: SpiketrumConfig, bank: Reals | None = None) -> Spikes:
    """As many of the highest peaks of all correlations as the rate allows, highest first.

    A peak is higher than its neighbours in time. Amplitudes are the correlations times the one factor with
    which they decode best: without it, peaks that tell the same would add up to several times the sound.
    """
    samples = checked_samples(sound)
    kernels = kernel_bank(config) if bank is None else bank
    padded = np.concatenate([samples, np.zeros(kernels.shape[1])])
    correlations = Correlator(kernels)(padded, len(samples))
    scores = np.abs(correlations) if config.signed else np.maximum(correlations, 0)
    fenced = np.pad(scores, ((1, 1), (0, 0)))
    peaks = np.where((scores > fenced[:-2]) & (scores >= fenced[2:]), scores, 0).ravel()
    count = min(config.spikes(len(samples)), int((peaks > 0).sum()))
    highest = np.argsort(-peaks, kind="stable")[:count]
    position, channel = np.divmod(highest, kernels.shape[0])
    spikes = Spikes(
        position=position,
        channel=channel,
        level=np.full(count, -1),
        amplitude=correlations.ravel()[highest].astype(np.float64),
    )
    decoded = decode(spikes, kernels, len(samples))
    energy = float(decoded @ decoded)
    factor = float(samples @ decoded) / energy if energy else 1.0
    return Spikes(position=position, channel=channel, level=spikes.level, amplitude=spikes.amplitude * factor)
