"""Timing of one core: when it takes the words of a step, updates, and makes words of its own.

Clocks are those of :class:`~spikewright.rtl.lif_core.LifCore`; the numbers that are not in
:class:`~spikewright.rtl.latency.CoreLatency` are registers of the emitters, queues and walkers.
"""

from collections.abc import Collection, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from spikewright.config import CompressedRows, CoreConfig
from spikewright.cosim.timing_turns import NEVER, Turns
from spikewright.memory import bank_depths
from spikewright.network import IntegerNetwork
from spikewright.rtl.latency import CoreLatency
from spikewright.rtl.rows import QUEUE_DEPTH
from spikewright.walks import reached, walked_words

__all__ = ["CoreTiming", "Words", "places"]

Cycles = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]

EMIT = 3
"""Cycles from a spike, or a token, in the lanes' output registers to its word on the stream."""


class Words:
    """The words of a step on one stream, ``(samples, words)``: events in their order, then a token.

    ``made`` is when each could be on the stream if those before it were gone. It is gone when all its takers
    have it; ``taken`` says when each of them does, as far as that is known. Where words are made ``in_step``
    with their taker, one that goes late delays all after it by as much.
    """

    def __init__(self, *, sources: npt.NDArray[np.int64], valid: Flags, made: Cycles, token: Cycles,
                 taken: Mapping[str, Cycles] | None = None, in_step: bool = False) -> None:
        self.sources, self.valid, self.made, self.token = sources, valid, made, token
        self.gaps: Cycles = np.zeros((len(made), made.shape[1] + 1), np.int64)  # before each, the token last
        if in_step and made.shape[1]:
            last = np.where(valid, made, -NEVER).max(axis=1)
            self.gaps[:, 1:-1] = np.diff(made, axis=1)
            self.gaps[:, -1] = np.where(valid.any(axis=1), token - last, 0)
        self.taken: dict[str, Cycles] = dict(taken or {})
        self.token_taken: Cycles = self.token_offered()

    def offered(self, taker: str) -> Cycles:
        """When each event shows to one of the takers, which takes those before at once."""
        shown = _in_turn(self.made, self.valid)
        for name, taken in self.taken.items():
            if name != taker:
                shown[:, 1:] = np.maximum(shown[:, 1:], taken[:, :-1] + 1)
        return _in_turn(shown, self.valid)

    def shows(self, taker: str) -> Cycles:
        """When the first word shows, be it the token."""
        events = np.where(self.valid, self.offered(taker), NEVER).min(axis=1, initial=NEVER)
        first: Cycles = np.minimum(events, self.token_offered())
        return first

    def token_offered(self) -> Cycles:
        """When the token shows."""
        gone = np.max([_in_turn(self.made, self.valid), *self.taken.values()], axis=0)
        gap = np.maximum(self.gaps[:, -1], 1)
        after: Cycles = np.where(self.valid, gone, -NEVER).max(axis=1, initial=-NEVER) + gap
        shown: Cycles = np.maximum(self.token, after)
        return shown

    def first_taken(self) -> Cycles:
        """When the first word is gone, be it the token."""
        gone = np.max([self.made, *self.taken.values()], axis=0)
        events: Cycles = np.where(self.valid, gone, NEVER).min(axis=1, initial=NEVER)
        first: Cycles = np.minimum(events, self.token_taken)
        return first


def places(spikes: npt.NDArray[Any], order: npt.NDArray[np.int64]) -> tuple[npt.NDArray[np.int64], Flags]:
    """Who fires, in the order in which words leave: indices ``(samples, most)``, and which of them are real.

    ``order`` lists the indices by address. Who fires several times is there as often.
    """
    fired = spikes[:, order].astype(np.int64)
    totals = fired.sum(axis=1)
    valid = np.arange(int(totals.max(initial=0)))[None, :] < totals[:, None]
    sample, place = np.nonzero(fired)
    sources = np.zeros(valid.shape, np.int64)
    sources[valid] = np.repeat(order[place], fired[sample, place])
    return sources, valid


def _in_turn(made: Cycles, valid: Flags) -> Cycles:
    """Clocks of words of which one goes a cycle."""
    index = np.arange(made.shape[1])
    ready = np.where(valid, made - index, -NEVER)
    return np.asarray(np.maximum.accumulate(ready, axis=1) + index) if made.shape[1] else made


class CoreTiming:
    """State of one core between steps, all samples at once, ``(samples,)``.

    Parameters
    ----------
    closing
        Indices of the ports that close a cycle.

    Attributes
    ----------
    free
        When it may take words again.
    register
        When the register in front of the walkers, if it has one, may take the next event.
    sent
        When its last token is gone, and the next may be taken.
    """

    def __init__(self, core: CoreConfig, network: IntegerNetwork, samples: int,
                 closing: Collection[int] = ()) -> None:
        self.config, self.latency, self.closing = core, CoreLatency(core), closing
        self.costs = [walked_words(network, core, port) * max(1, port.value_bits) for port in core.ports]
        self.kept = [reached(port, network.sizes[port.source]) for port in core.ports]
        self.order = np.array([neuron for neuron in core.placement if neuron >= 0])
        self.free: Cycles = np.zeros(samples, dtype=np.int64)
        self.register: Cycles = np.zeros(samples, dtype=np.int64)
        self.fed, self.into = self.register, np.zeros((samples, 0), dtype=bool)
        self.sent: Cycles = np.zeros(samples, dtype=np.int64)
        self.took: Cycles = np.zeros(samples, dtype=np.int64)
        self.updated: Cycles = np.zeros(samples, dtype=np.int64)
        self.held: Flags = np.zeros(samples, dtype=bool)
        self.choices: list[Cycles] = []
        dense = not isinstance(core.rows, CompressedRows)
        banks = len(bank_depths(core.weight_words)) > 1 if dense else False
        self.settling = 1 + banks + (not self.latency.settles_at_once)

    @property
    def end_latency(self) -> int:
        """Clocks from taking a sample's end to passing it on."""
        return EMIT if self.config.neuron.fires else 1

    def restart(self, clock: Cycles) -> None:
        """Take a sample's end, and clear all states."""
        core = self.config
        sweep = core.slots * (self.latency.phases + core.holds)
        self.free = clock + sweep + self.latency.drain + 1
        self.register = clock + 1
        self.sent = clock + self.end_latency + 1
        self.held = np.zeros_like(self.held)

    def take(self, streams: Sequence[Words], *, keep_turns: bool = False) -> None:
        """Take the events of a step from all ports, then the token.

        With ``keep_turns`` ports take turns as in the call before.
        """
        name = self.config.name
        forward = [words for index, words in enumerate(streams) if index not in self.closing]
        begins = np.min([words.shows(name) for words in forward], axis=0)
        shown = [words.offered(name) for words in streams]
        for index in self.closing:
            shown[index] = np.maximum(shown[index], begins[:, None])
        adds = [index for index, port in enumerate(self.config.ports) if port.kind != "pace"]
        turns = Turns([shown[index] for index in adds], [streams[index].valid for index in adds],
                      [streams[index].gaps for index in adds], self.choices if keep_turns else None)
        walks = {"dense": self._walk_dense, "compressed": self._walk_compressed, "kernel": self._walk_kernels}
        walk = walks[self.config.rows.kind]
        self.fed = self.register
        self.into = turns.join([self.kept[index][streams[index].sources] for index in adds])
        passes = turns.join([self.costs[index][streams[index].sources] for index in adds])
        holds = turns.join([np.full(streams[index].valid.shape, self.config.ports[index].kind == "hold")
                            for index in adds])
        settled = walk(turns, passes, holds)
        self.choices = turns.choices
        for words, at in zip(streams, shown, strict=True):  # of ports that only bring tokens
            words.taken[name] = at
        for index, at in zip(adds, turns.taken(), strict=True):
            streams[index].taken[name] = at
        tokens = np.max([words.token_offered() for words in streams], axis=0)
        self.took = np.max([tokens, settled, self.sent, self.free], axis=0)
        for words in streams:
            words.token_taken = np.maximum(words.token_taken, self.took)

    def _wipe(self, at: Cycles, hold: Flags, fresh: Flags, settled: Cycles) -> tuple[Cycles, Flags]:
        """When an event may be taken that comes ``at``: what is held is emptied first, once a step."""
        needs = hold & ~fresh & self.held
        emptied = np.maximum(at, settled) + 1 + self.config.slots
        return np.where(needs, emptied, at), fresh | hold

    def _next(self, turns: Turns, ready: Cycles) -> tuple[Cycles, Flags]:
        """Go on to the next event: when it may go to walkers that are ready then, and where there is one."""
        if not self.latency.intake:
            return turns.next(ready), turns.real
        inside = turns.next(self.fed)
        turns.take(inside)
        return np.maximum(inside + 1, ready), turns.real & turns.pick(self.into)

    def _go(self, turns: Turns, at: Cycles, now: Flags) -> None:
        """It goes there."""
        if self.latency.intake:
            self.fed = np.where(now, at, self.fed)
        else:
            turns.take(at)

    def _walk_dense(self, turns: Turns, passes: Cycles, holds: Flags) -> Cycles:
        """Take the events, a row after the other; when all are added."""
        ready, settled, fresh = self.free, np.zeros_like(self.free), np.zeros_like(self.held)
        for _ in range(turns.count):
            at, now = self._next(turns, ready)
            if self.config.holds:
                at, fresh = self._wipe(at, turns.pick(holds) & now, fresh, settled)
            self._go(turns, at, now)
            length = turns.pick(passes)[:, 0]
            ready = np.where(now, at + length, ready)
            settled = np.where(now, at + length + self.settling, settled)
        return settled

    def _walk_kernels(self, turns: Turns, passes: Cycles, holds: Flags) -> Cycles:
        """The same where an event is looked up while the one before it is walked, and may reach nothing."""
        ready, settled, fresh = self.free, np.zeros_like(self.free), np.zeros_like(self.held)
        walks = np.full_like(self.free, -NEVER)  # the last cycle of the walk
        for _ in range(turns.count):
            at, now = self._next(turns, ready)
            if self.config.holds:
                at, fresh = self._wipe(at, turns.pick(holds) & now, fresh, settled)
            self._go(turns, at, now)
            length = turns.pick(passes)[:, 0]
            found = np.where(length > 0, np.maximum(at + 1, walks), at + 1)
            walks = np.where(now & (length > 0), found + length, walks)
            ready = np.where(now, found, ready)
            settled = np.where(now, np.maximum(walks + self.settling, at + 2), settled)
        return settled

    def _walk_compressed(self, turns: Turns, passes: Cycles, holds: Flags) -> Cycles:
        """The same where every lane has a queue, looks up its row, and walks it at its own pace."""
        lanes = (len(self.free), self.config.lanes)
        begun, length = np.full(lanes, -NEVER), np.ones(lanes, np.int64)
        moved: list[Cycles] = []
        settled, fresh, fetched = np.zeros(lanes, np.int64), np.zeros_like(self.held), np.full(lanes, -NEVER)
        ready = self.free
        for _ in range(turns.count):
            if len(moved) >= QUEUE_DEPTH:
                ready = np.maximum(ready, moved[-QUEUE_DEPTH].max(axis=1) + 1)
            at, now = self._next(turns, ready)
            if self.config.holds:
                at, fresh = self._wipe(at, turns.pick(holds) & now, fresh, settled.max(axis=1))
            self._go(turns, at, now)
            ready = np.where(now, at + 1, ready)
            moved.append(np.where(now[:, None], np.maximum(at[:, None] + 1, fetched), -NEVER))
            fetch = np.maximum(moved[-1] + 1, begun)
            start = np.maximum(fetch + 1, begun + np.maximum(length, 1))
            entries = turns.pick(passes)
            fetched = np.where(now[:, None], fetch, fetched)
            begun = np.where(now[:, None], start, begun)
            length = np.where(now[:, None], entries, length)
            over = np.where(entries > 0, start + entries + 2, start + 1)
            settled = np.where(now[:, None], np.maximum(settled, over), settled)
        last: Cycles = settled.max(axis=1)
        return last

    def _stalls(self, spikes: npt.NDArray[Any]) -> Cycles:
        """Cycles that a sweep waits at each slot, ``(samples, slots)``: its lanes fire on together."""
        core = self.config
        if not core.neuron.repeats:
            return np.zeros((len(spikes), core.slots), np.int64)
        fired = np.zeros((len(spikes), len(core.placement)), np.int64)
        fired[:, np.array(core.placement) >= 0] = spikes[:, self.order]
        busiest = fired.reshape(len(spikes), core.slots, core.lanes).max(axis=2)
        stalls: Cycles = np.minimum(busiest, core.neuron.max_spikes - 1)
        return stalls

    def emit(self, spikes: npt.NDArray[Any] | None, taken: Mapping[str, Cycles] | None = None) -> Words:
        """Update after the token, and the words that come of it; without spikes, the potentials."""
        core, latency, samples = self.config, self.latency, len(self.took)
        if spikes is not None:
            sources, valid = places(spikes, self.order)
            address = np.empty(core.neurons, dtype=np.int64)
            address[self.order] = np.flatnonzero(np.array(core.placement) >= 0)
            slot = address[sources] // core.lanes
            waits = np.cumsum(self._stalls(spikes), axis=1)
            read = self.took[:, None] + (slot + 1) * latency.phases + np.take_along_axis(waits, slot, axis=1)
            last_read = self.took + core.slots * latency.phases + waits[:, -1]
            words = Words(sources=sources, valid=valid, made=read + latency.shown + EMIT,
                          token=last_read + latency.shown + 1 + EMIT, taken=taken)
        else:
            # A slot is read when the potentials of the one before are out.
            partial = core.partial_slots
            counts = [core.lanes] * (core.slots - partial) + [core.partial_lanes] * partial
            paces = [latency.shown + count + latency.phases - 1 for count in counts]
            reads = np.cumsum([latency.phases, *paces[:-1]])
            last_read = self.took + reads[-1]
            made = [read + latency.shown + 1 + word
                    for read, count in zip(reads, counts, strict=True) for word in range(count)]
            words = Words(sources=np.zeros((samples, len(made)), np.int64),
                          valid=np.ones((samples, len(made)), bool),
                          made=self.took[:, None] + np.array(made), token=last_read + latency.shown + 3)
        self.updated = last_read + latency.drain + 1
        return words

    def end_step(self, words: Words, streams: Sequence[Words]) -> None:
        """All of the step is settled; the next begins."""
        self.free, self.register, self.sent = self.updated, self.took + 1, words.token_taken + 1
        for port, source in zip(self.config.ports, streams, strict=True):
            if port.kind == "hold":
                self.held |= source.valid.any(axis=1)

    def event_cycles(self, events: Sequence[npt.NDArray[Any]]) -> int:
        """Clocks of the row walker that has most to do; ``events`` are those that arrive, port by port."""
        parts = zip(events, self.costs, strict=True)
        total = sum(arriving.sum(axis=(0, 1)) @ cost for arriving, cost in parts)
        return int(np.max(total)) if np.ndim(total) else 0

    def update_cycles(self, events: Sequence[npt.NDArray[Any]], spikes: npt.NDArray[Any] | None) -> int:
        """Clocks of sweeps, and of emptying what is held; ``spikes`` are its own, if it fires."""
        core = self.config
        samples, steps = events[0].shape[:2]
        arrives = np.zeros((samples, steps), dtype=bool)
        for port, arriving in zip(core.ports, events, strict=True):
            if port.kind == "hold":
                arrives |= arriving.any(axis=2)
        again = int(np.maximum(arrives.sum(axis=1) - 1, 0).sum())
        sweeps = samples * steps + samples - 1
        stalls = 0 if spikes is None else int(self._stalls(spikes.reshape(samples * steps, -1)).sum())
        return int(core.slots * (sweeps * self.latency.phases + again + core.holds * (samples - 1))) + stalls
