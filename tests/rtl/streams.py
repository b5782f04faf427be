"""Runs a component in Amaranth's simulator: words in with gaps, words out with back-pressure, all recorded.

Nothing is asserted while the simulator runs; what went wrong is raised once it has ended.
"""

import random
from collections import deque
from collections.abc import Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from amaranth.hdl import ClockDomain, Elaboratable, Fragment, Module, Signal, Value
from amaranth.sim import Simulator

__all__ = ["Bench", "Chances", "Run", "StreamError", "run_streams"]

Process = Callable[[Any], Coroutine[Any, Any, None]]
Chances = float | Mapping[str, float]


class StreamError(AssertionError):
    """Words that do not come, or a word that is taken back or changed while it waits."""


@dataclass
class Run:
    """What was seen.

    Parameters
    ----------
    words
        Words handed over on every stream, sent and received.
    cycles
        For each of them, the cycle in which it was handed over.
    watched
        The watched values, one of each cycle.
    """

    words: dict[str, list[int]] = field(default_factory=dict)
    cycles: dict[str, list[int]] = field(default_factory=dict)
    watched: dict[str, list[int]] = field(default_factory=dict)

    def __getitem__(self, stream: str) -> list[int]:
        return self.words[stream]


def named(component: Any, path: str) -> Any:
    """A member of a component: ``sink``, or ``sinks.1`` of an array."""
    member = component
    for part in path.split("."):
        member = member[int(part)] if part.isdecimal() else getattr(member, part)
    return member


class Bench:
    """A component under a clock, and the far ends of its streams.

    Parameters
    ----------
    p_valid, p_ready
        Chance in each cycle that the next word is offered, that a word is accepted; of all streams, or
        by name.
    watch
        Values to record in every cycle, by name.
    toggle
        Plain inputs that are high in a cycle with this chance.
    may_retract
        Streams that may take back or change an offered word.
    patience
        Cycles without progress after which the component is held to be locked up.
    """

    def __init__(self, component: Any, *, p_valid: Chances = 1.0, p_ready: Chances = 1.0, seed: int = 1,
                 platform: object = None, watch: Mapping[str, Value] | None = None,
                 toggle: Mapping[str, float] | None = None, may_retract: Sequence[str] = (),
                 patience: int = 500) -> None:
        self.component, self.platform, self.patience = component, platform, patience
        self.p_valid, self.p_ready, self.toggle = p_valid, p_ready, toggle or {}
        self.may_retract = may_retract
        self.random = random.Random(seed)
        self.domain: Any = ClockDomain("sync")
        self.watch = dict(watch or {})
        self.seen = Run(watched={name: [] for name in self.watch})
        self.cycle = 0
        self.problem = ""
        self._waiting: dict[str, int] = {}  # words offered by the component and not yet accepted

    def run(self, process: Process) -> Run:
        """Run a process to its end."""
        m = Module()
        m.domains.sync = self.domain
        m.submodules.component = self.component
        m.d.sync += Signal(name="alive").eq(1)  # the clock of a design without registers
        simulator = Simulator(Fragment.get(m, self.platform))  # type: ignore[no-untyped-call]
        simulator.add_clock(1e-6)
        simulator.add_testbench(process)
        simulator.run()
        if self.problem:
            raise StreamError(self.problem)
        return self.seen

    async def reset(self, ctx: Any, cycles: int = 3) -> None:
        """Hold the component in reset."""
        ctx.set(self.domain.rst, 1)
        await self.wait(ctx, cycles)
        ctx.set(self.domain.rst, 0)

    async def wait(self, ctx: Any, cycles: int) -> None:
        """Let cycles go by, with nothing sent or accepted."""
        await self.exchange(ctx, {}, {}, drain=cycles)

    async def exchange(self, ctx: Any, send: Mapping[str, Sequence[int]], receive: Mapping[str, int], *,
                       drain: int = 30) -> None:
        """Send these words, receive so many; then go on for ``drain`` cycles, in which none should come."""
        if self.problem:
            return
        ends = {name: named(self.component, name) for name in (*send, *receive)}
        signals = {name: (end.valid, end.ready, Value.cast(end.payload)) for name, end in ends.items()}
        sampled = [signal for name in signals for signal in signals[name]]
        unsent = {name: deque(int(word) for word in words) for name, words in send.items()}
        wanted = dict(receive)
        for name in ends:
            self.seen.words.setdefault(name, [])
            self.seen.cycles.setdefault(name, [])
        offered = dict.fromkeys(send, False)
        idle = 0
        while drain > 0 and not self.problem:
            for name, chance in self.toggle.items():
                ctx.set(named(self.component, name), self.random.random() < chance)
            for name, words in unsent.items():
                self._offer(ctx, signals[name], name, words, offered)
            for name in receive:
                ctx.set(ends[name].ready, self.random.random() < self._chance(self.p_ready, name))
            _, _, *values = await ctx.tick().sample(*sampled, *self.watch.values())
            self.cycle += 1
            for name, value in zip(self.watch, values[len(sampled):], strict=True):
                self.seen.watched[name].append(int(value))
            idle += 1
            for index, name in enumerate(signals):
                valid, ready, word = (int(value) for value in values[3 * index:3 * index + 3])
                if valid and ready:
                    self.seen.words[name].append(word)
                    self.seen.cycles[name].append(self.cycle - 1)
                if name in receive:
                    self._check(name, valid, ready, word)
                    if valid and ready:
                        wanted[name] -= 1
                        idle = 0 if wanted[name] >= 0 else idle
                elif valid and ready:
                    unsent[name].popleft()
                    offered[name], idle = False, 0
            if not any(unsent.values()) and all(count <= 0 for count in wanted.values()):
                drain -= 1
            elif idle >= self.patience:
                counts = [f"{name}: sent {len(send[name]) - len(unsent[name])} of {len(send[name])}"
                          for name in send]
                counts += [f"{name}: received {receive[name] - wanted[name]} of {receive[name]}"
                           for name in receive]
                self.problem = f"locked up, nothing moved for {idle} cycles; {'; '.join(counts)}"
        for name in ends:
            ctx.set(ends[name].valid if name in send else ends[name].ready, 0)

    def _offer(self, ctx: Any, signals: tuple[Any, Any, Any], name: str, words: deque[int],
               offered: dict[str, bool]) -> None:
        """Offer the next word, until it is taken; where there is none, show any word, not valid."""
        valid, _, payload = signals
        if words and not offered[name]:
            offered[name] = self.random.random() < self._chance(self.p_valid, name)
        ctx.set(valid, offered[name])
        ctx.set(payload, words[0] if offered[name] else self.random.getrandbits(max(1, len(payload))))

    def _check(self, name: str, valid: int, ready: int, word: int) -> None:
        """An offered word stays as it is until it is accepted."""
        if name in self._waiting and name not in self.may_retract and not self.problem:
            before = self._waiting[name]
            if not valid:
                self.problem = f"{name}: word {before:#x} was taken back in cycle {self.cycle - 1}"
            elif word != before:
                self.problem = f"{name}: word {before:#x} changed to {word:#x} in cycle {self.cycle - 1}"
        self._waiting.pop(name, None)
        if valid and not ready:
            self._waiting[name] = word

    def _chance(self, chances: Chances, name: str) -> float:
        return chances.get(name, 1.0) if isinstance(chances, Mapping) else chances


def run_streams(component: Elaboratable, *, send: Mapping[str, Sequence[int]], receive: Mapping[str, int],
                drain: int = 30, **bench: Any) -> Run:
    """Feed, drain, record, then return: words go into the streams of ``send``, out of those of ``receive``.

    Words are the bits of the payload as an unsigned number (signed where the payload is a signed number).
    ``receive`` says how many are expected; more are waited for, recorded and left to the caller to find.
    ``bench`` goes to :class:`Bench`.

    Raises
    ------
    StreamError
        If nothing moves any more, with counts; or if the component takes back or changes an offered word.
    """
    runner = Bench(component, **bench)

    async def process(ctx: Any) -> None:
        await runner.exchange(ctx, send, receive, drain=drain)

    return runner.run(process)
