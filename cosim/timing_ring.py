"""Timing of one ring: when it takes the words of its source, and when it gives those of a step.

Clocks are those of :class:`~spikewright.rtl.ring.DelayRing`. A ring that closes a cycle gives the words of a
step when its source has ended the step before: all that it gives in a step hangs on earlier ones.
"""

import numpy as np
import numpy.typing as npt

from spikewright.config import CoreConfig, InputConfig
from spikewright.cosim.timing_core import Words, places
from spikewright.cosim.timing_turns import NEVER
from spikewright.neuron import Levels
from spikewright.rings import RingConfig

__all__ = ["RingTiming", "arrivals"]

Cycles = npt.NDArray[np.int64]

EVENT = 2
"""Cycles that an event takes; one more where its delay is looked up in a table."""
FIRST = 3
"""Cycles from the source's token to the first event, if there is one in the first word."""


def arrivals(events: npt.NDArray[np.generic], delay: Levels) -> npt.NDArray[np.generic]:
    """Events ``(samples, steps, addresses)`` in the steps in which they arrive, one step more of them."""
    samples, steps, size = events.shape
    late = np.zeros((samples, steps + 1, size), dtype=events.dtype)
    each = np.broadcast_to(np.array(delay), size)
    for count in np.unique(each[each <= steps]):
        kept = min(steps, steps + 1 - count)
        late[:, count : count + kept, each == count] = events[:, :kept, each == count]
    return late


class RingTiming:
    """State of one ring between steps, all samples at once, ``(samples,)``.

    Attributes
    ----------
    free
        When it may take words again.
    took
        When it has taken its source's last token.
    """

    def __init__(self, ring: RingConfig, source: CoreConfig | InputConfig,
                 events: npt.NDArray[np.generic]) -> None:  # fmt: skip
        self.config, self.name, self.events = ring, ring.name, events
        self.source = source.name
        self.order = np.argsort(source.addresses)
        self.word = source.addresses // ring.fields
        self.of_word = (self.word[:, None] == np.arange(ring.words)).astype(np.int64)
        samples = len(events)
        self.free: Cycles = np.zeros(samples, dtype=np.int64)
        self.took: Cycles = np.zeros(samples, dtype=np.int64)
        self.turned: Cycles = np.zeros(samples, dtype=np.int64)

    def take(self, words: Words) -> None:
        """Take the words of a step from the source."""
        pace = EVENT + (len(self.config.table) > 1)
        turn = pace * np.arange(words.valid.shape[1])
        offered = np.maximum(words.offered(self.name), self.free[:, None]) - turn
        taken = np.where(words.valid, offered, -NEVER)
        taken = np.maximum.accumulate(taken, axis=1) + turn if len(turn) else taken
        words.taken[self.name] = taken
        last = np.where(words.valid, taken, -NEVER).max(axis=1, initial=-NEVER)
        self.took = np.max([words.token_offered(), last + pace, self.free], axis=0)
        words.token_taken = np.maximum(words.token_taken, self.took)

    def give(self, step: int) -> Words:
        """Words of a step, after the token that answers it."""
        sources, valid = places(self.events[:, step], self.order)
        counts, before = self._counts(step)
        begin = (self.turned if self.config.leads else self.took) + FIRST
        if self.config.leads and not step:  # an empty step, made when all slots are empty
            return Words(sources=sources, valid=valid, made=np.zeros(sources.shape, np.int64), token=begin)
        row, word = np.arange(len(sources))[:, None], self.word[sources]
        first = np.cumsum(counts, axis=1) - counts
        made = begin[:, None] + before[row, word] + np.arange(sources.shape[1]) - first[row, word]
        token = begin + before[:, -1] + counts[:, -1]
        return Words(sources=sources, valid=valid, made=made, token=token, in_step=True)

    def _counts(self, step: int) -> tuple[Cycles, Cycles]:
        """Events of every word of a slot, and cycles before the first of them, ``(samples, words)``."""
        counts: Cycles = self.events[:, step].astype(np.int64) @ self.of_word
        spent = np.maximum(counts, 1)
        return counts, np.cumsum(spent, axis=1) - spent

    def end_step(self, given: Words) -> None:
        """All of the step is settled; the next begins."""
        self.free, self.turned = given.token_taken + 1, self.took

    def flush(self) -> Cycles:
        """Cycles to drop what each sample leaves behind, ``(samples,)``."""
        counts, before = self._counts(-1)
        waits = np.argmax(counts > 0, axis=1)  # the first word with an event shows its first one
        left = before[:, -1] + counts[:, -1] - before[np.arange(len(counts)), waits]
        return np.where(counts.any(axis=1), left, 0)

    def restart(self, clock: Cycles) -> None:
        """Its sample's end is taken, and all slots are emptied; the first sample finds a ring at rest."""
        self.free = clock + 1 + self.config.memory.depth
        self.free[:1] = 0
        self.turned = self.free - FIRST
