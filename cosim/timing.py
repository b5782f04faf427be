"""The event-level timing model: clocks of a chip from its configuration and spikes, without any RTL.

Busy cycles are closed formulas of what a core is built for and of the events that it sees. Latency and
throughput follow word by word: when a core makes a word, when the cores that it goes to can take it, and from
that when they take their token, sweep, and make words of their own. All samples are worked out together.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from spikewright.config import ChipConfig
from spikewright.cosim.timing_core import CoreTiming, Words, places
from spikewright.network import IntegerNetwork

__all__ = ["Timing", "predict_cycles"]

Cycles = npt.NDArray[np.int64]

TRIES, SETTLING = 6, 24
"""Rounds in which the ports of a core may change turns within a step, and rounds after that."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Timing:
    """What the model predicts.

    Parameters
    ----------
    cycles
        Clocks of each sample, first word in to last token out, ``(samples,)``.
    step_cycles
        Mean clocks between step tokens of the first output.
    event_cycles, update_cycles
        Busy clocks of every core over all samples: of the row walker that has most to do, and of updates
        with those at the ends of all samples but the last.
    """

    cycles: Cycles
    step_cycles: float
    event_cycles: dict[str, int]
    update_cycles: dict[str, int]


def predict_cycles(
    chip: ChipConfig, network: IntegerNetwork, events: Mapping[str, npt.NDArray[Any]]
) -> Timing:
    """Predict the clocks of a run.

    Parameters
    ----------
    events
        Events of every input and spikes of every firing population, ``(samples, steps, ...)``.

    Returns
    -------
    Timing
        Busy clocks exactly; the others within 2 % of the hardware where streams have no gaps but their own.
    """
    flat = {name: array.reshape(*array.shape[:2], -1) != 0 for name, array in events.items()}
    samples, steps = flat[chip.inputs[0].name].shape[:2]
    cores = [CoreTiming(core, network, samples) for core in chip.cores]
    streams = {port.name: _Input(port.size, samples) for port in chip.inputs}
    start = _end_sample(chip, cores, streams)
    out = np.zeros((samples, steps), dtype=np.int64)
    first = np.full(samples, np.iinfo(np.int64).max)
    for step in range(steps):
        words = _run_step(cores, streams, {name: array[:, step] for name, array in flat.items()})
        if step == 0:
            first = np.min([words[name].first_taken() for name in streams], axis=0)
        for name, stream in streams.items():
            stream.free = words[name].token_taken + 1
        for core in cores:
            core.end_step(words[core.config.name], [words[port.source] for port in core.config.ports])
        out[:, step] = words[chip.outputs[0]].token_taken
    per_step = float(np.diff(out, axis=1).mean()) if steps > 1 else float((out - first[:, None]).mean() + 1)
    last = np.max([words[name].token_taken for name in chip.outputs], axis=0)
    return Timing(
        cycles=last - first + 1 + start,
        step_cycles=per_step,
        event_cycles={core.config.name: core.event_cycles(flat) for core in cores},
        update_cycles={core.config.name: core.update_cycles(flat) for core in cores},
    )


def _run_step(
    cores: list[CoreTiming], streams: "Mapping[str, _Input]", spikes: Mapping[str, npt.NDArray[np.bool_]]
) -> dict[str, Words]:
    """All words of a step.

    A stream of several takers waits for the latest of them, which may be worked out after the others: all is
    worked out again until nothing changes. Which port comes first may hang on that and go back and forth
    without end: after :data:`TRIES` rounds the ports keep their turns, and clocks that only grow settle.
    """
    known: dict[str, dict[str, Cycles]] = {}
    for attempt in range(TRIES + SETTLING):
        words = {name: stream.offer(spikes[name], known.get(name)) for name, stream in streams.items()}
        for core in cores:
            name = core.config.name
            core.take([words[port.source] for port in core.config.ports], keep_turns=attempt >= TRIES)
            words[name] = core.emit(spikes[name] if core.config.neuron.fires else None, known.get(name))
        found = {name: word.taken for name, word in words.items() if len(word.taken) > 1}
        if all(
            np.array_equal(taken, known.get(name, {}).get(taker, ()))
            for name, takers in found.items()
            for taker, taken in takers.items()
        ):
            break
        known = found
    return words


class _Input:
    """A source of the harness: a word a cycle, as fast as it is taken."""

    def __init__(self, size: int, samples: int) -> None:
        self.places = np.arange(size)
        self.free: Cycles = np.zeros(samples, dtype=np.int64)
        """When the next word is offered."""

    def offer(self, spikes: npt.NDArray[Any], taken: Mapping[str, Cycles] | None) -> Words:
        """The words of a step."""
        sources, valid = places(spikes, self.places)
        made = np.broadcast_to(self.free[:, None], sources.shape).copy()
        return Words(sources=sources, valid=valid, made=made, token=self.free, taken=taken)


def _end_sample(chip: ChipConfig, cores: list[CoreTiming], streams: Mapping[str, _Input]) -> int:
    """Run a sample's end through the chip; the clocks from when an input has given it until it is out.

    The first sample finds a chip at rest.
    """
    shown = {port.name: 0 for port in chip.inputs}
    gone = dict(shown)
    for core in cores:
        name, sources = core.config.name, [port.source for port in core.config.ports]
        taken = max(shown[source] for source in sources)
        shown[name] = gone[name] = taken + core.end_latency
        core.restart(taken)
        for source in sources:
            gone[source] = max(gone[source], taken)
    for core in cores:
        core.sent = np.maximum(core.sent, gone[core.config.name] + 1)
        core.free[:1] = core.sent[:1] = 0
    for name, stream in streams.items():
        stream.free = np.full_like(stream.free, gone[name] + 1)
        stream.free[:1] = 0
    return max(gone[name] for name in chip.outputs) - min(gone[name] for name in streams)
