"""Chooses scales on data: how much of the largest weights to clip, by what the spikes say."""

from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt

from spikewright.compiler.plan import Plan
from spikewright.compiler.quantize import quantize
from spikewright.errors import ConfigError
from spikewright.ir import RealNetwork
from spikewright.network import InputPort, IntegerNetwork

__all__ = ["CLIPS", "Feed", "calibrate", "integer_feed"]

Feed = dict[str, npt.NDArray[Any]]
"""Values of the real network, ``(samples, steps, *shape of the port)``, by name of the port."""

CLIPS = (1.0, 0.8, 0.64, 0.5, 0.4, 0.3, 0.2)
"""Shares of the largest weight that are tried as the largest code; heavier weights are clipped to it."""


def calibrate(real: RealNetwork, plan: Plan, feed: Feed) -> tuple[Plan, tuple[str, ...]]:
    """Choose a clip for every population whose scale training did not fix.

    Populations are taken in order, each with what comes before it already quantized, so that a later one
    makes up for nothing earlier. What counts is :func:`distance`.

    Returns
    -------
    tuple
        The plan with its clips, and lines that say what was chosen.
    """
    from spikewright.models.integer import IntegerModel  # torch only where data is there to run
    from spikewright.models.real import RealModel

    expected = RealModel(real).run(feed)
    events = integer_feed(real.inputs, feed)
    notes: list[str] = []
    for index, population in enumerate(real.populations):
        if population.name in plan.scales:
            continue
        ahead = prefix(real, index + 1)
        results: list[tuple[float, float]] = []
        for clip in CLIPS:
            tried = replace(plan, clips={**plan.clips, population.name: clip})
            try:
                network = quantize(ahead, tried).network
            except ConfigError:
                if clip == CLIPS[0]:
                    raise
                continue  # a level that fits no state any more: not this clip
            got = IntegerModel(network).run(events)
            results.append((distance(network, population.name, got, expected), -clip))
        error, clip = min(results)
        plan = replace(plan, clips={**plan.clips, population.name: -clip})
        notes.append(
            f"{population.name}: calibrated: largest code at {-clip:.0%} of the largest weight,"
            f" {error:.3%} off the real network (unclipped {results[0][0]:.3%})"
        )
    return plan, tuple(notes)


def prefix(real: RealNetwork, count: int) -> RealNetwork:
    """The first populations of a network alone."""
    populations = real.populations[:count]
    names = {population.name for population in populations}
    edges = tuple(edge for edge in real.edges if edge.target in names)
    return replace(real, populations=populations, edges=edges, outputs=())


def distance(network: IntegerNetwork, name: str, got: Any, expected: Any) -> float:
    """How far a population is from the real one, relative to it.

    Of spikes, by how much the counts so far differ, over all steps: a spike a step late costs little, one
    that is missing or too many costs in every later step. (Spikes that differ would favour silence.) Of
    potentials, their error.
    """
    if name in got.spikes:
        counts = np.cumsum(expected.spikes[name], axis=1, dtype=np.int64)
        off = np.abs(np.cumsum(got.spikes[name], axis=1, dtype=np.int64) - counts)
        return float(off.mean() / max(counts.mean(), 1 / counts.size))
    real = expected.readouts[name]
    size = float(np.sqrt(np.mean(np.square(real)))) or 1.0
    error = got.readouts[name] / network.population(name).scale - real
    return float(np.sqrt(np.mean(np.square(error)))) / size


def integer_feed(inputs: tuple[InputPort, ...], feed: Feed) -> Feed:
    """What comes in for real values: ``round(x * value_scale)`` of valued inputs, spikes as they are."""
    events: Feed = {}
    for port in inputs:
        if port.name not in feed:
            raise ConfigError(f"calibration data: must have an array for input {port.name!r}")
        values = np.asarray(feed[port.name])
        if port.value_bits:
            values = np.clip(np.rint(values * port.value_scale), 0, port.max_value).astype(np.int64)
        events[port.name] = values
    return events
