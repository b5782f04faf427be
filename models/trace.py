"""What a network did: spikes, read-outs and final states, and the class that they stand for."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from spikewright.errors import ConfigError
from spikewright.network import DECODES, Decode

__all__ = ["Numbers", "Trace", "accuracy", "decode"]

Numbers = npt.NDArray[Any]
"""An array of integers (integer model, hardware) or of reals (real model)."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Trace:
    """Everything that a run gives, as NumPy arrays by name of population.

    Parameters
    ----------
    spikes
        Spikes of every population that fires, hidden ones too, ``(samples, steps, size)``: 0 or 1, or a count
        where several spikes are allowed in a step. ``uint8``, wider only where a step allows over 255 spikes.
    readouts
        Potential ``u`` of every step of every population that does not fire, ``(samples, steps, size)``:
        ``int32`` of the integer model, ``float64`` of the real one.
    states
        State at the end of the sample, each ``(samples, size)``: ``potential`` (``v``) and, of the integer
        model, what hardware stores (docs/numerics.md): ``stored`` (``p``), ``current`` (``q``, where there is
        a synaptic current; of the real model the current ``j`` itself), ``held`` (``h``, where a hold input
        feeds the population) and ``fired`` (``s``, where ``neuron.stores_spike``). ``int64``, or reals.
    """

    spikes: dict[str, Numbers]
    readouts: dict[str, Numbers]
    states: dict[str, dict[str, Numbers]]

    def predict(self, mode: Decode, output: str) -> npt.NDArray[np.int64]:
        """Class of every sample, read from the population ``output``; see :func:`decode`."""
        spiking = mode in ("count", "first_spike")
        arrays, kind = (self.spikes, "fires") if spiking else (self.readouts, "does not fire")
        if output not in arrays:
            raise ConfigError(f"decode {mode}: needs an output that {kind}, not {output!r}")
        return decode(arrays[output], mode)


def decode(outputs: Numbers, mode: Decode) -> npt.NDArray[np.int64]:
    """Class of every sample, from the spikes or potentials of the output, of a model or of hardware.

    Parameters
    ----------
    outputs
        ``(samples, steps, classes)``: spikes (count, first_spike) or potentials (the others).
    mode
        ``count``: most spikes; ``potential_sum``: highest sum over the steps; ``potential_last``: highest in
        the last step; ``first_spike``: fires first. Ties go to the lowest index, and so does silence.

    Returns
    -------
    numpy.ndarray
        ``(samples,)``, indices of the classes.

    Raises
    ------
    ConfigError
        If the mode is unknown, or the array has not three axes with at least one step and one class.
    """
    if mode not in DECODES:
        raise ConfigError(f"decode must be one of {', '.join(DECODES)}, not {mode!r}")
    values = np.asarray(outputs)
    if values.ndim != 3 or 0 in values.shape[1:]:
        shape = values.shape
        raise ConfigError(f"decode {mode}: outputs must have shape (samples, steps, classes), not {shape}")
    if mode == "potential_last":
        scores = values[:, -1]
    elif mode == "first_spike":
        fired = values != 0
        scores = -np.where(fired.any(axis=1), fired.argmax(axis=1), values.shape[1])
    else:
        scores = values.sum(axis=1, dtype=np.float64 if values.dtype.kind == "f" else np.int64)
    classes: npt.NDArray[np.int64] = scores.argmax(axis=1).astype(np.int64, copy=False)
    return classes


def accuracy(predicted: npt.NDArray[np.int64], labels: npt.NDArray[np.int64]) -> float:
    """Share of samples whose predicted class is their label."""
    if predicted.shape != labels.shape or not labels.size:
        raise ConfigError(
            f"accuracy: predictions and labels must match in shape, not {predicted.shape} and {labels.shape}"
        )
    return float(np.mean(predicted == labels))
