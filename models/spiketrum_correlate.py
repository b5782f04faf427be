"""Correlations of sound with a bank of kernels, by fast Fourier transforms."""

import numpy as np
import numpy.typing as npt

from spikewright.gammatone import Reals

__all__ = ["Correlator", "Singles"]

Singles = npt.NDArray[np.float32]


class Correlator:
    """Correlates sound with the kernels of a bank at every position.

    Parameters
    ----------
    bank
        ``(channels, longest)``.
    block
        The positions of a result are padded with zeros to a multiple of this.
    """

    def __init__(self, bank: Reals, block: int = 1) -> None:
        self._bank = bank.astype(np.float32)
        self._block = block
        self._spectra: dict[int, npt.NDArray[np.complex64]] = {}

    def __call__(self, sound: Reals, positions: int) -> Singles:
        """Correlations of every kernel that starts at one of the first positions, ``(positions, channels)``.

        The sound must go on for the longest kernel.
        """
        channels, longest = self._bank.shape
        out = np.zeros((-(-positions // self._block) * self._block, channels), np.float32)
        size = self._size(positions)
        hop = size - longest + 1
        for first in range(0, positions, hop):
            count = min(hop, positions - first)
            piece = sound[first : first + count + longest - 1].astype(np.float32)
            products = np.fft.irfft(np.fft.rfft(piece, size) * self._spectra[size], size)
            out[first : first + count] = products[:, :count].T
        return out

    def _size(self, positions: int) -> int:
        """Length of a transform: little of a long sound lies in two, a short one needs no long transform."""
        longest = self._bank.shape[1]
        enough: int = 1 << (positions + longest - 2).bit_length()
        size: int = min(enough, 1 << (8 * longest).bit_length())
        if size not in self._spectra:
            self._spectra[size] = np.fft.rfft(self._bank, size).conj().astype(np.complex64)
        return size
