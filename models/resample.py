"""Sound at another sample rate, piece by piece, the same as all at once."""

from fractions import Fraction

import numpy as np

from spikewright.gammatone import Reals

__all__ = ["Resampler"]

MOST = 200_000
"""Largest factor up and down. Rates of a stranger ratio are taken for the nearest one within it, at worst
a few millionths away; filters have ten taps for each of it on either side."""


class Resampler:
    """Resamples a stream as ``scipy.signal.resample_poly`` does a whole: its filter, zeros beyond both ends.

    Parameters
    ----------
    rate_hz, target_hz
        Sample rates of what comes and what goes.
    """

    def __init__(self, rate_hz: int, target_hz: int) -> None:
        ratio = Fraction(target_hz, rate_hz).limit_denominator(MOST)
        if target_hz > rate_hz:
            ratio = 1 / Fraction(rate_hz, target_hz).limit_denominator(MOST)
        self._up, self._down = ratio.numerator, ratio.denominator
        # SciPy's filter reaches ten samples of the lower rate; whole periods, so that pieces stay in phase.
        reach = 10 * max(self._up, self._down) // self._up + 1
        self._margin = -(-reach // self._down) * self._down
        self._held = np.zeros(self._margin)  # zeros before the start
        self._filter: Reals | None = None
        self._taken = 0
        self._given = 0

    def push(self, samples: Reals) -> Reals:
        """Take further samples; what they complete."""
        if self._up == self._down:
            return samples
        self._held = np.concatenate([self._held, samples])
        self._taken += len(samples)
        ready = (len(self._held) - 2 * self._margin) // self._down * self._down
        return self._convert(ready) if ready > 0 else np.zeros(0)

    def finish(self) -> Reals:
        """What is left."""
        if self._up == self._down:
            return np.zeros(0)
        left = len(self._held) - self._margin
        ready = -(-left // self._down) * self._down
        self._held = np.concatenate([self._held, np.zeros(ready + 2 * self._margin - len(self._held))])
        missing = -(-self._taken * self._up // self._down) - self._given
        return self._convert(ready)[:missing] if ready else np.zeros(0)

    def _convert(self, ready: int) -> Reals:
        """Resample the next samples, of a whole number of periods."""
        from scipy import signal  # type: ignore[import-untyped]  # takes longer than all else here

        if self._filter is None:  # SciPy would make it anew for every piece
            factor = max(self._up, self._down)
            self._filter = signal.firwin(20 * factor + 1, 1 / factor, window=("kaiser", 5.0))
        held = self._held[: ready + 2 * self._margin]
        piece = signal.resample_poly(held, self._up, self._down, window=self._filter)
        first = self._margin * self._up // self._down
        out: Reals = piece[first : first + ready * self._up // self._down]
        self._held = self._held[ready:]
        self._given += len(out)
        return out
