"""Chooses scales and widths on data: how much of the largest weights to clip, how wide states must be."""

from dataclasses import dataclass, replace
from typing import Any, Literal, get_args

import numpy as np
import numpy.typing as npt

from spikewright.compiler.isolate import Feed, alone, evenly, integer_feed, samples_of, source_feed
from spikewright.compiler.levels import least_bits, least_current_bits
from spikewright.compiler.plan import Plan
from spikewright.compiler.quantize import quantize
from spikewright.compiler.scales import grouped, groups
from spikewright.errors import ConfigError
from spikewright.fixed import signed_bits
from spikewright.ir import RealNetwork, RealPopulation
from spikewright.network import IntegerNetwork, Population

__all__ = ["CLIPS", "Reference", "Widths", "affordable", "calibrate"]

Reals = npt.NDArray[np.float64]
Traces = dict[str, npt.NDArray[Any]]
Ends = dict[str, tuple[npt.NDArray[Any], npt.NDArray[Any]]]
Widths = Literal["proven", "calibrated"]
"""How wide states are: so that they provably never saturate, or as the largest potential seen asks for."""

CLIPS = (1.0, 0.8, 0.64, 0.5, 0.4, 0.3, 0.2)
"""Shares of the largest weight that are tried as the largest code; heavier weights are clipped to it."""
MARGIN = 2.0
"""Calibrated states hold so many times the largest potential seen; beyond that they saturate."""
WORK = 200_000_000
"""Most neurons times steps times samples that are run; of more data, samples are taken evenly."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Reference:
    """The real network on calibration data: what every population should do.

    Parameters
    ----------
    events
        What comes into the integer network.
    wanted
        Spikes, or potentials, by name of the population.
    potentials, currents
        How far they went.
    """

    real: RealNetwork
    events: Feed
    wanted: Traces
    potentials: Ends
    currents: Ends
    notes: tuple[str, ...]

    @classmethod
    def of(cls, real: RealNetwork, feed: Feed) -> "Reference":
        """Run as many samples as :data:`WORK` affords, evenly spread."""
        from spikewright.models.observe import watch_extremes  # torch only where data is there to run

        events, count = integer_feed(real.inputs, feed), samples_of(feed)
        most = affordable(real, feed)
        trace, potentials, currents = watch_extremes(real, evenly(feed, most))
        return cls(
            real=real,
            events=evenly(events, most),
            wanted={**trace.spikes, **trace.readouts},
            potentials=potentials,
            currents=currents,
            notes=(f"calibrated on {most} of {count} samples",) if most < count else (),
        )


def affordable(real: RealNetwork, feed: Feed) -> int:
    """Of how many samples a run of the network stays within :data:`WORK`; 8 or more."""
    steps = next(iter(feed.values())).shape[1]
    sizes = sum(port.size for port in real.inputs) + sum(p.size for p in real.populations)
    return int(max(8, WORK // (steps * sizes)))


def calibrate(reference: Reference, plan: Plan, widths: Widths = "proven") -> tuple[Plan, tuple[str, ...]]:
    """Choose clips where neither training nor the plan fix them, and widths where they are asked for.

    Populations are taken in order, each on its own behind those that are quantized already, so that a later
    one makes up for nothing earlier. What counts is :func:`distances`, of the neurons that share a scale.

    Returns
    -------
    tuple
        The plan with its clips (and widths), and lines that say what was chosen.
    """
    from spikewright.models.integer import IntegerModel

    if widths not in get_args(Widths):
        raise ConfigError(f"widths must be {' or '.join(get_args(Widths))}, not {widths!r}")
    notes = list(reference.notes)
    sent: Traces = dict(reference.events)
    for population in reference.real.populations:
        name = population.name
        part = alone(reference.real, name)
        sources = source_feed(part, sent, reference.wanted)
        if name not in plan.scales and name not in plan.clips:
            plan, note = choose_clips(part, population, plan, sources, reference.wanted[name])
            notes.append(note)
        network = quantize(part, plan).network
        if widths == "calibrated":
            seen = reference.potentials[name], reference.currents.get(name)
            plan, note = with_seen(plan, network.populations[0], seen_widths(network.populations[0], *seen))
            notes.append(note)
        if population.fires:
            sent[name] = IntegerModel(network).run(sources).spikes[name]
    return plan, tuple(notes)


def choose_clips(
    part: RealNetwork, population: RealPopulation, plan: Plan, sources: Feed, wanted: npt.NDArray[Any]
) -> tuple[Plan, str]:
    """The clips of a population, the best of each group of neurons that share a scale."""
    from spikewright.models.integer import IntegerModel

    name, of = population.name, groups(population, part.edges, plan)
    results: list[tuple[float, Reals]] = []
    for clip in CLIPS:
        try:
            network = quantize(part, replace(plan, clips={**plan.clips, name: clip})).network
        except ConfigError:
            if clip == CLIPS[0]:
                raise
            continue  # a level that fits no state any more: not this clip
        trace = IntegerModel(network).run(sources)
        got = {**trace.spikes, **trace.readouts}[name]
        results.append((clip, grouped(distances(network, name, got, wanted), of, np.add)))
    errors = np.stack([error for _, error in results])
    best = errors.argmin(axis=0)  # the first of equals: the least clipping
    chosen = tuple(float(results[index][0]) for index in best)
    size = magnitude(wanted)
    error, unclipped = float(errors.min(axis=0).sum()) / size, float(errors[0].sum()) / size
    shares = f"{min(chosen):.0%}" if len(set(chosen)) == 1 else f"{min(chosen):.0%} to {max(chosen):.0%}"
    note = (
        f"{name}: calibrated: largest code at {shares} of the largest weight, {error:.3%} off the real"
        f" network (unclipped {unclipped:.3%})"
    )
    clips = chosen[0] if len(chosen) == 1 else chosen
    return replace(plan, clips={**plan.clips, name: clips}), note


def distances(network: IntegerNetwork, name: str, got: npt.NDArray[Any], wanted: npt.NDArray[Any]) -> Reals:
    """How far every neuron is from the real one, ``(size,)``.

    Of spikes, by how much the counts so far differ, over all steps: a spike a step late costs little, one
    that is missing or too many costs in every later step. (Spikes that differ would favour silence.) Of
    potentials, their squared error.
    """
    total = np.zeros(got.shape[2])
    population = network.population(name)
    for ours, theirs in zip(got, wanted, strict=True):
        if population.neuron.fires:
            total += np.abs(np.cumsum(ours.astype(np.int32) - theirs, axis=0, dtype=np.int32)).sum(axis=0)
        else:
            total += np.square(ours / population.scale - theirs).sum(axis=0)
    return total


def magnitude(wanted: npt.NDArray[Any]) -> float:
    """What a distance is relative to: the sum of counts so far, or of squared potentials."""
    if wanted.dtype.kind == "f":
        return float(np.square(wanted).sum()) or 1.0
    later = np.arange(wanted.shape[1], 0, -1)
    return max(1.0, float((wanted.sum(axis=(0, 2), dtype=np.int64) * later).sum()))


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """Widths that hold what was seen; 0 for a current that is not there."""

    state_bits: int
    current_bits: int


def seen_widths(
    population: Population, potential: tuple[Reals, Reals], current: tuple[Reals, Reals] | None
) -> Seen:
    """Widths that hold :data:`MARGIN` times what was seen, and all levels; never above the proven ones."""
    neuron = population.neuron
    scales = np.asarray(population.scales or population.scale)

    def bits(ends: tuple[Reals, Reals]) -> int:
        low, high = (float(end) for end in ((ends[0] * scales).min(), (ends[1] * scales).max()))
        return signed_bits(int(low * MARGIN) - 1, int(high * MARGIN) + 1)

    state = min(neuron.state_bits, max(least_bits(neuron), bits(potential)))
    if neuron.current is None or current is None:
        return Seen(state_bits=state, current_bits=0)
    return Seen(
        state_bits=state,
        current_bits=min(neuron.current.bits, max(least_current_bits(neuron.current), bits(current))),
    )


def with_seen(plan: Plan, population: Population, seen: Seen) -> tuple[Plan, str]:
    """The plan with the widths of a population, where none were asked for, and a line about them."""
    name, proven = population.name, population.neuron
    note = f"{name}: calibrated: {MARGIN:g} times the largest potential seen fits {seen.state_bits} bits"
    if not isinstance(plan.state_bits, int) and name not in (plan.state_bits or {}):
        plan = replace(plan, state_bits={**(plan.state_bits or {}), name: seen.state_bits})
    note += f" (else {proven.state_bits})"
    if seen.current_bits and proven.current is not None:
        plan = replace(plan, current_bits={**plan.current_bits, name: seen.current_bits})
        note += f", the largest current {seen.current_bits} (else {proven.current.bits})"
    return plan, note
