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
from spikewright.cosim.timing_encoders import EncoderSource, encoder_source
from spikewright.cosim.timing_ring import RingTiming, arrivals
from spikewright.models.encoders import Sound
from spikewright.network import IntegerNetwork
from spikewright.rings import closing_ports, port_rings, port_source

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
    encoder_cycles
        Clocks that the encoder of every input that has one works, where it does not wait.
    """

    cycles: Cycles
    step_cycles: float
    event_cycles: dict[str, int]
    update_cycles: dict[str, int]
    encoder_cycles: dict[str, int]


def predict_cycles(
    chip: ChipConfig,
    network: IntegerNetwork,
    events: Mapping[str, npt.NDArray[Any]],
    sound: Mapping[str, Sound] | None = None,
) -> Timing:
    """Predict the clocks of a run.

    Parameters
    ----------
    events
        Events of every input and spikes of every firing population, ``(samples, steps, ...)``.
    sound
        What is fed to the inputs that an encoder stands behind; it makes their events. Without it, an input
        counts as one without encoder.

    Returns
    -------
    Timing
        Busy clocks exactly; the others within 2 % of the hardware where streams have no gaps but their own.
    """
    valued = {port.name for port in chip.inputs if port.value_bits}  # one event whatever its value
    flat = {
        name: (array != 0 if name in valued else array).reshape(*array.shape[:2], -1).astype(np.int64)
        for name, array in events.items()
    }
    samples, steps = flat[chip.inputs[0].name].shape[:2]
    late = {(core.name, index): arrivals(flat[port.source], port.delay)
            for core in chip.cores for index, port in enumerate(core.ports)}
    parts = _Parts(
        cores=[CoreTiming(core, network, samples, closing_ports(chip, core)) for core in chip.cores],
        rings={(core.name, index): RingTiming(ring, port_source(chip, core, index), late[core.name, index])
               for core, index, ring in port_rings(chip)},
        inputs={port.name: encoder_source(port, sound[port.name]) if sound and port.name in sound
                else _Input(flat[port.name]) for port in chip.inputs},
    )
    ended = _end_sample(chip, parts)
    out = np.zeros((samples, steps), dtype=np.int64)
    for step in range(steps):
        words = _run_step(parts, {name: array[:, step] for name, array in flat.items()}, step)
        for name, stream in parts.inputs.items():
            stream.end_step(words[name])
        out[:, step] = words[chip.outputs[0]].token_taken
    first = np.min([stream.first for stream in parts.inputs.values()], axis=0)
    end_cycles = ended - np.min([stream.released for stream in parts.inputs.values()], axis=0)
    per_step = float(np.diff(out, axis=1).mean()) if steps > 1 else float((out - first[:, None]).mean() + 1)
    last = np.max([words[name].token_taken for name in chip.outputs], axis=0)
    arriving = {core.name: [late[core.name, index][:, :steps] for index in range(len(core.ports))]
                for core in chip.cores}
    return Timing(
        cycles=last - first + 1 + end_cycles,
        step_cycles=per_step,
        event_cycles={core.config.name: core.event_cycles(arriving[core.config.name])
                      for core in parts.cores},
        update_cycles={
            core.config.name: core.update_cycles(arriving[core.config.name], flat.get(core.config.name))
            for core in parts.cores
        },
        encoder_cycles={name: int(stream.worked.sum()) for name, stream in parts.inputs.items()
                        if isinstance(stream, EncoderSource)},
    )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Parts:
    """What works: cores in their order, rings by core and port, and what feeds the inputs."""

    cores: list[CoreTiming]
    rings: dict[tuple[str, int], RingTiming]
    inputs: "dict[str, _Input | EncoderSource]"


def _run_step(parts: _Parts, spikes: Mapping[str, npt.NDArray[Any]], step: int) -> dict[str, Words]:
    """All words of a step.

    A stream of several takers waits for the latest of them, which may be worked out after the others: all is
    worked out again until nothing changes. Which port comes first may hang on that and go back and forth
    without end: after :data:`TRIES` rounds the ports keep their turns, and clocks that only grow settle.
    """
    known: dict[str, dict[str, Cycles]] = {}
    for attempt in range(TRIES + SETTLING):
        words = {name: stream.offer(step, known.get(name)) for name, stream in parts.inputs.items()}
        streams: dict[str, list[Words]] = {}
        for core in parts.cores:
            name = core.config.name
            streams[name] = [_given(words, port.source, parts.rings.get((name, index)), step)
                             for index, port in enumerate(core.config.ports)]
            core.take(streams[name], keep_turns=attempt >= TRIES)
            words[name] = core.emit(spikes[name] if core.config.neuron.fires else None, known.get(name))
        for (name, index), ring in parts.rings.items():
            if ring.config.leads:
                ring.free = streams[name][index].token_taken + 1
                ring.take(words[ring.source])
        found = {name: word.taken for name, word in words.items() if len(word.taken) > 1}
        if all(
            np.array_equal(taken, known.get(name, {}).get(taker, ()))
            for name, takers in found.items()
            for taker, taken in takers.items()
        ):
            break
        known = found
    for core in parts.cores:
        core.end_step(words[core.config.name], streams[core.config.name])
    for (name, index), ring in parts.rings.items():
        ring.end_step(streams[name][index])
    return words


def _given(words: Mapping[str, Words], source: str, ring: RingTiming | None, step: int) -> Words:
    """The words that come to a port: its source's, or those of its ring."""
    if ring is None:
        return words[source]
    if not ring.config.leads:
        ring.take(words[source])
    return ring.give(step)


class _Input:
    """A source of the harness: ``(samples, steps, size)`` events, a word a cycle, as fast as it is taken."""

    def __init__(self, events: npt.NDArray[Any]) -> None:
        self.events, self.places = events, np.arange(events.shape[2])
        self.free: Cycles = np.zeros(len(events), dtype=np.int64)
        """When the next word is offered."""
        self.step = 0
        self.first: Cycles = self.free
        """When the first word of each sample is taken."""
        self.gone: Cycles = self.free
        """When the end of the sample is gone, on the clock that counts from when it shows."""

    def offer(self, step: int, taken: Mapping[str, Cycles] | None) -> Words:
        """The words of a step."""
        self.step = step
        sources, valid = places(self.events[:, step], self.places)
        made = np.broadcast_to(self.free[:, None], sources.shape).copy()
        return Words(sources=sources, valid=valid, made=made, token=self.free, taken=taken)

    def end_step(self, words: Words) -> None:
        """All of the step is settled; the next begins."""
        if not self.step:
            self.first = words.first_taken()
        self.free = words.token_taken + 1

    @property
    def released(self) -> Cycles:
        """When the end of each sample is taken."""
        return self.gone


def _end_sample(chip: ChipConfig, parts: _Parts) -> Cycles:
    """Run every sample's end through the chip; when it is out, on the clock that counts from when it shows.

    The samples after begin behind it; the first one finds a chip at rest.
    """
    samples = len(next(iter(parts.inputs.values())).free)
    shown = {name: np.zeros(samples, dtype=np.int64) for name in parts.inputs}
    gone = dict(shown)
    for core in parts.cores:
        name = core.config.name
        forward = [(index, port.source) for index, port in enumerate(core.config.ports)
                   if index not in core.closing]
        taken = np.max([shown[source] + ((name, index) in parts.rings) for index, source in forward], axis=0)
        shown[name] = gone[name] = taken + core.end_latency
        core.restart(taken)
        for index, source in forward:
            ring = parts.rings.get((name, index))
            if ring is not None:
                ring.restart(taken)
            gone[source] = np.maximum(gone[source], taken if ring is None else shown[source])
    for (name, _), ring in parts.rings.items():
        if ring.config.leads:  # what it has brought too early is dropped first
            core = next(core for core in parts.cores if core.config.name == name)
            taken = np.maximum(shown[ring.source], shown[name] - core.end_latency + 2 + ring.flush())
            gone[ring.source] = np.maximum(gone[ring.source], taken)
            ring.restart(np.roll(taken + 1, 1))
    for core in parts.cores:
        core.sent = np.maximum(core.sent, np.roll(gone[core.config.name] + 1, 1))
        core.free[:1] = core.sent[:1] = 0
    for name, stream in parts.inputs.items():
        stream.gone = gone[name]
        stream.free = np.roll(gone[name] + 1, 1)
        stream.free[:1] = 0
    out: Cycles = np.max([gone[name] for name in chip.outputs], axis=0)
    return out
