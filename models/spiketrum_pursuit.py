"""Matching pursuit on a stretch of sound, in floating point, and the bookkeeping that makes it fast.

After every spike only correlations that its kernel reaches change, and only blocks of them are searched
anew: maxima are kept of every block of 32 positions of a channel, and of every block over the channels.
Arrays have the time first, so that what changes together lies together in memory.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from spikewright.errors import ConfigError
from spikewright.gammatone import Reals
from spikewright.models.spiketrum_correlate import Correlator, Singles
from spikewright.spiketrum_tables import cross_correlations

__all__ = ["Chosen", "Pursuit"]

BLOCK = 32
FLOOR = 3e-4
"""Correlations of kernels that are taken as zero: a hundredth of what begins to show in the SNR."""

NOTHING = 2.0**-19
"""Correlations below this, a sixteenth of a step of 16-bit samples, are silence with rounding errors."""

MOST_WORDS = 1 << 27


@dataclass(frozen=True, slots=True)
class Chosen:
    """A kernel that was found best: where, which, and its correlation with what is left of the sound."""

    position: int
    channel: int
    correlation: float


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Rectangle:
    """Correlations of a kernel with others, ``(lags, channels)``; what ``values[0, 0]`` belongs to."""

    first_channel: int
    first_lag: int
    values: Singles


class Pursuit:
    """Chooses kernels of a bank, one by one, each the best for what the ones before have left.

    Parameters
    ----------
    bank
        Kernels of unit norm, ``(channels, longest)``.
    gains
        Factor by which correlations of each channel count in the choice, ``(channels,)``.
    signed
        Whether kernels may also be subtracted.
    """

    def __init__(self, bank: Reals, gains: npt.ArrayLike, *, signed: bool) -> None:
        words = bank.shape[0] ** 2 * 2 * bank.shape[1]
        if words > MOST_WORDS:
            raise ConfigError(
                f"correlations of kernels must be at most {MOST_WORDS}, not {words}: use fewer channels"
            )
        self._gains = np.asarray(gains, np.float32)
        self._equal = bool((self._gains == 1).all())
        self._signed = signed
        self._rectangles = [rectangle(exact) for exact in cross_correlations(bank, bank.shape[1] - 1)]
        self._correlate = Correlator(bank, BLOCK)

    def run(self, sound: Reals, positions: int, most: int, rounded: Callable[[float], float]) -> list[Chosen]:
        """Choose up to ``most`` kernels that start at one of the first positions.

        Parameters
        ----------
        sound
            ``(positions + longest - 1,)`` or more; stays as it is.
        rounded
            Gives the amplitude that is subtracted for a correlation.
        """
        correlations = self._correlate(sound, positions)
        scores = self._scores(correlations, slice(None))
        maxima = scores.reshape(-1, BLOCK, scores.shape[1]).max(axis=1)
        tops = maxima.max(axis=1)
        found: list[Chosen] = []
        while len(found) < most:
            block = int(tops.argmax())
            if tops[block] < NOTHING:
                break
            channel = int(maxima[block].argmax())
            first = block * BLOCK
            inside = correlations[first : first + BLOCK, channel]
            position = first + int((np.abs(inside) if self._signed else inside).argmax())
            correlation = float(correlations[position, channel])
            found.append(Chosen(position, channel, correlation))

            change = self._rectangles[channel]
            start = position + change.first_lag
            begin, end = max(0, start), min(positions, start + len(change.values))
            rows = slice(change.first_channel, change.first_channel + change.values.shape[1])
            amount = np.float32(rounded(correlation))
            correlations[begin:end, rows] -= amount * change.values[begin - start : end - start]
            blocks = slice(begin // BLOCK, -(-end // BLOCK))
            touched = correlations[blocks.start * BLOCK : blocks.stop * BLOCK, rows]
            scores = self._scores(touched, rows)
            maxima[blocks, rows] = scores.reshape(-1, BLOCK, scores.shape[1]).max(axis=1)
            tops[blocks] = maxima[blocks].max(axis=1)
        return found

    def _scores(self, correlations: Singles, rows: slice) -> Singles:
        """What the choice goes by; where negative kernels are not allowed, below zero counts as nothing."""
        scores = np.abs(correlations) if self._signed else correlations
        return scores if self._equal else scores * self._gains[rows]


def rectangle(exact: Reals) -> Rectangle:
    """The smallest rectangle of correlations ``(lags, channels)`` outside of which all are negligible."""
    matters = np.abs(exact) >= FLOOR
    channels, lags = np.flatnonzero(matters.any(axis=1)), np.flatnonzero(matters.any(axis=0))
    reach = exact.shape[1] // 2
    part = exact[channels[0] : channels[-1] + 1, lags[0] : lags[-1] + 1]
    return Rectangle(
        first_channel=int(channels[0]),
        first_lag=int(lags[0]) - reach,
        values=np.ascontiguousarray(part.T, np.float32),
    )
