"""Ports of a core that take turns: in a cycle in which an event is taken, the first port that shows one."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

__all__ = ["NEVER", "Turns"]

Cycles = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]

NEVER = np.iinfo(np.int64).max // 4


class Turns:
    """Events of a step, port by port, in the turns in which they are taken; all samples at once.

    Parameters
    ----------
    shown
        When each event shows if those before it are gone, ``(samples, events)``, of every port.
    valid
        Which of them are real: the first ones of each sample.
    gaps
        Cycles that at least pass between the event before and each, and one number more.
    kept
        Ports as they were chosen in a run before; else it is the first that shows an event.

    Attributes
    ----------
    count
        Most events of a sample.
    place
        Number of the present event among those of all ports, one behind the other; any if there is none left.
    real
        In which samples there is one.
    choices
        Its port, and those of the events before it.
    """

    def __init__(self, shown: Sequence[Cycles], valid: Sequence[Flags], gaps: Sequence[Cycles],
                 kept: Sequence[Cycles] | None = None) -> None:  # fmt: skip
        samples = len(shown[0])
        ends = np.full((samples, 1), NEVER)
        padded = [np.concatenate([np.where(real, at, NEVER), ends], axis=1)
                  for at, real in zip(shown, valid, strict=True)]  # fmt: skip
        lengths = [part.shape[1] for part in padded]
        self._begins = np.cumsum([0, *lengths[:-1]])
        self._shown = np.concatenate(padded, axis=1)
        self._gaps = np.concatenate(gaps, axis=1)
        self._heads: Cycles = np.tile(self._begins[:, None], (1, samples))
        self._rows = np.arange(samples)
        self._kept = kept
        self.choices: list[Cycles] = []
        self._taken = np.full(self._shown.shape, -NEVER)
        self.count = int(sum(real.sum(axis=1) for real in valid).max(initial=0))
        self.place: Cycles = np.zeros(samples, dtype=np.int64)
        self.real: Flags = np.zeros(samples, dtype=bool)

    def next(self, ready: Cycles) -> Cycles:
        """Go on to the next event: when it shows to a core that is ready from then on."""
        heads = self._shown[self._rows, self._heads]
        at = np.maximum(ready, heads.min(axis=0))
        port = np.argmax(heads <= at, axis=0)
        if self._kept is not None:
            kept = self._kept[len(self.choices)]
            port = np.where(heads[kept, self._rows] < NEVER, kept, port)
            at = np.maximum(ready, heads[port, self._rows])
        self.choices.append(port)
        self.real = heads[port, self._rows] < NEVER
        self.place = self._heads[port, self._rows]
        self._heads[port, self._rows] += self.real
        return np.where(self.real, at, ready)

    def join(self, parts: Sequence[npt.NDArray[Any]]) -> npt.NDArray[Any]:
        """What belongs to the events of each port, ``(samples, events, ...)``, for :meth:`pick`."""
        padded = [np.concatenate([part, np.zeros_like(part, shape=(len(part), 1, *part.shape[2:]))], axis=1)
                  for part in parts]  # fmt: skip
        return np.concatenate(padded, axis=1)

    def pick(self, joined: npt.NDArray[Any]) -> npt.NDArray[Any]:
        """What belongs to the event that :meth:`next` went on to."""
        picked: npt.NDArray[Any] = joined[self._rows, self.place]
        return picked

    def take(self, at: Cycles) -> None:
        """It is taken then."""
        self._taken[self._rows, self.place] = np.where(self.real, at, -NEVER)
        rows = np.flatnonzero(self.real)
        after = self.place[rows] + 1
        self._shown[rows, after] = np.maximum(self._shown[rows, after], at[rows] + self._gaps[rows, after])

    def taken(self) -> list[Cycles]:
        """When each event of every port was taken."""
        ends = [*self._begins[1:], self._shown.shape[1]]
        return [self._taken[:, begin : end - 1] for begin, end in zip(self._begins, ends, strict=True)]
