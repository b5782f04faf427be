"""The cochlear filter bank, from PCM to spikes: in real numbers, and in the integers that hardware equals.

A channel is four sections ``z[n] = p z[n-1] + g x[n]`` with one complex pole ``p``; the real part of the
last one is the gammatone filter's output. Both forms run through one loop over samples, vectorised over
recordings, channels and sections. All integers stay below ``2**53``, so that floating point is exact.
"""

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from spikewright.errors import ConfigError
from spikewright.filterbank import ORDER, FilterBankConfig
from spikewright.filterbank_tables import filterbank_tables, gain, poles
from spikewright.fixed import signed_range

__all__ = ["FilterBank", "FixedFilterBank"]

Reals = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]

BLOCK = 2048
"""Samples that are held in memory at a time; the result does not depend on it."""


class FilterBank:
    """The filter bank in real numbers; keeps its state from one call to the next.

    Parameters
    ----------
    config
        What it is built for; widths do not matter here.
    batch
        Recordings that run side by side.
    """

    rounds = False

    def __init__(self, config: FilterBankConfig, batch: int = 1) -> None:
        self.config, self.batch = config, batch
        pole = poles(config)
        # Unit gain at the centre; sections alike, so that none is far louder than the others.
        inject = np.broadcast_to(gain(pole, config) ** (-1 / ORDER), (ORDER, config.channels))
        self._set(pole, inject, np.full(config.channels, config.threshold))

    def _set(self, pole: npt.NDArray[np.complex128], inject: Reals, thresholds: Reals) -> None:
        self._pole, self._inject, self._thresholds = pole, inject[:, None, :], thresholds
        self.reset()

    def reset(self) -> None:
        """Forget the sound so far: a new recording begins."""
        # What comes in, then the states of the sections: a section's neighbour is what comes into it.
        self._chain = np.zeros((ORDER + 1, self.batch, self.config.channels), np.complex128)
        self._sums = np.zeros((self.batch, self.config.channels))

    def state(self) -> tuple[npt.NDArray[np.complex128], Reals]:
        """States of the sections, ``(4, batch, channels)``, and the sums that fire, ``(batch, channels)``."""
        return self._chain[1:].copy(), self._sums.copy()

    def filter(self, samples: npt.ArrayLike) -> Reals:
        """Outputs before rectification, ``(samples, batch, channels)``, for sound ``(samples, batch)``."""
        sound = self._checked(samples)
        outputs = np.empty((len(sound), self.batch, self.config.channels))
        chain, states = self._chain, self._chain[1:]
        fed = np.empty_like(states)
        # Section k is k samples behind, so that all advance together; at both ends only some have a sample.
        for now in range(len(sound) + ORDER - 1 if len(sound) else 0):
            first, last = max(0, now - len(sound) + 1), min(ORDER, now + 1)
            if first == 0:
                chain[0] = sound[now, :, None]
            part, into = states[first:last], fed[first:last]
            np.multiply(chain[first:last], self._inject[first:last], out=into)
            part *= self._pole
            part += into
            if self.rounds:
                both = part.view(np.float64)
                both += 0.5
                np.floor(both, out=both)
            if last == ORDER:
                outputs[now - ORDER + 1] = states[-1].real
        return outputs

    def spikes(self, samples: npt.ArrayLike) -> Bools:
        """Whether each channel fires, ``(samples, batch, channels)``, for sound ``(samples, batch)``."""
        outputs = self.filter(samples)
        np.maximum(outputs, 0, out=outputs)
        fired = np.empty(outputs.shape, np.bool_)
        sums, thresholds, most = self._sums, self._thresholds, self._most_sum()
        for output, fires in zip(outputs, fired, strict=True):
            if self.config.leak_shift is not None:
                leak = sums * 0.5**self.config.leak_shift
                sums -= np.floor(leak) if self.rounds else leak
            sums += output
            if most is not None:
                np.minimum(sums, most, out=sums)
            np.greater_equal(sums, thresholds, out=fires)
            sums -= fires * thresholds
        return fired

    def events(self, samples: npt.ArrayLike) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
        """Samples and channels of the spikes of one recording, ``(samples,)``, as hardware sends them."""
        if self.batch != 1:
            raise ConfigError(f"events are those of one recording, not of a batch of {self.batch}")
        times, channels = [np.empty(0, np.int64)], [np.empty(0, np.int64)]
        for start, block in blocks(np.asarray(samples)):
            time, _, channel = np.nonzero(self.spikes(block[:, None]))
            times.append(time + start)
            channels.append(channel)
        return np.concatenate(times), np.concatenate(channels)

    def counts(self, samples: npt.ArrayLike) -> npt.NDArray[np.int64]:
        """Spikes of every step of one recording, ``(steps, channels)``; the last step may be a short one."""
        sound = np.asarray(samples)
        times, channels = self.events(sound)
        result = np.zeros((-(-len(sound) // self.config.step), self.config.channels), np.int64)
        np.add.at(result, (times // self.config.step, channels), 1)
        return result

    def _most_sum(self) -> float | None:
        """Where sums saturate, if they do."""
        return None

    def _checked(self, samples: npt.ArrayLike) -> Reals:
        sound = np.asarray(samples, np.float64)
        if sound.ndim != 2 or sound.shape[1] != self.batch:
            raise ConfigError(f"sound must be (samples, {self.batch}), not {sound.shape}")
        if not np.isfinite(sound).all():
            raise ConfigError("sound must be finite")
        return sound


class FixedFilterBank(FilterBank):
    """The integer twin; hardware equals it bit for bit. Takes samples of ``pcm_bits`` bits.

    Every section rounds once, half up: ``z = (p z + x 2**(f - shift) + 2**(f - 1)) >> f``, both parts. The
    last section's real part, where it is positive, is added to the channel's sum, after ``sum >> leak_shift``
    is taken off. A channel whose sum has reached its threshold fires, once a sample, and loses the threshold.
    """

    rounds = True

    def __init__(self, config: FilterBankConfig, batch: int = 1) -> None:
        self.config, self.batch = config, batch
        self.tables = tables = filterbank_tables(config)
        inject = 0.5 ** tables.shifts.T.astype(np.float64)
        inject[0] *= 2 ** (config.state_bits - config.pcm_bits)
        self._set(tables.pole, inject, tables.thresholds.astype(np.float64))

    def _most_sum(self) -> float | None:
        return float((1 << self.tables.sum_bits) - 1) if self.tables.saturates else None

    def _checked(self, samples: npt.ArrayLike) -> Reals:
        sound = super()._checked(samples)
        low, high = signed_range(self.config.pcm_bits)
        if sound.size and (sound.min() < low or sound.max() > high or (sound != np.rint(sound)).any()):
            raise ConfigError(f"samples must be whole numbers in {low}..{high}")
        return sound


def blocks(sound: npt.NDArray[np.generic]) -> Iterator[tuple[int, npt.NDArray[np.generic]]]:
    """Parts of a recording and where they begin."""
    for start in range(0, len(sound), BLOCK):
        yield start, sound[start : start + BLOCK]
