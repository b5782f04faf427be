"""What every population loses by quantization, on data: spikes, potentials, saturation, weights."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from spikewright.compiler.isolate import Feed, alone, evenly, integer_feed, samples_of, source_feed
from spikewright.compiler.weights import Loss
from spikewright.fixed import signed_range
from spikewright.ir import RealNetwork, RealPopulation
from spikewright.network import IntegerNetwork, Population

__all__ = ["Fidelity", "measure"]

SAMPLES = 64
"""Most samples that are run."""
WORK = 60_000_000
"""Most neurons times steps times samples, of inputs and populations, but 2 samples are always run."""
CHUNK = 20_000_000
"""Potentials of the real network that are kept at once, to be compared with."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fidelity:
    """What one population loses, over all neurons, steps and samples that were run.

    Parameters
    ----------
    spikes_real, spikes_integer
        Spikes in the real and in the integer network; None of a population that does not fire.
    differing
        Share of places (neuron, step, sample) whose spikes differ, both networks running on their own.
    own_differing
        The same where both are fed the real network's spikes: what this population alone loses.
    potential_error
        Mean error of the potential, likewise of this population alone, in units of the threshold; of one that
        does not fire over the root mean square of the real potential.
    saturated, current_saturated
        Share of places at an end of the state's, of the current's width; None without a current.
    weight_error
        Root mean squared error of the weights of all edges over that of the weights, the largest of an edge.
    """

    name: str
    samples: int
    spikes_real: int | None
    spikes_integer: int | None
    rate_change: float | None
    differing: float | None
    own_differing: float | None
    potential_error: float
    saturated: float
    current_saturated: float | None
    weight_error: float


def measure(
    real: RealNetwork, network: IntegerNetwork, losses: Sequence[Loss], feed: Feed
) -> tuple[Fidelity, ...]:
    """Run both networks on some of the data, evenly spread; every population also on its own."""
    from spikewright.models.integer import IntegerModel  # torch only where data is there to run
    from spikewright.models.real import RealModel

    steps = next(iter(feed.values())).shape[1]
    sizes = sum(port.size for port in real.inputs) + sum(p.size for p in real.populations)
    feed = evenly(feed, max(2, min(SAMPLES, WORK // (steps * sizes))))
    events = integer_feed(real.inputs, feed)
    expected, got = RealModel(real).run(feed), IntegerModel(network).run(events)
    found = []
    for population, ours in zip(real.populations, network.populations, strict=True):
        name = population.name
        parts = alone(real, name), alone(network, name)
        feeds = source_feed(parts[0], feed, expected.spikes), source_feed(parts[1], events, expected.spikes)
        counts = (expected.spikes[name], got.spikes[name]) if population.fires else None
        spikes = (int(counts[0].sum()), int(counts[1].sum())) if counts is not None else (None, None)
        own = compare_alone(parts, feeds, population, ours)
        found.append(
            Fidelity(
                name=name,
                samples=samples_of(feed),
                spikes_real=spikes[0],
                spikes_integer=spikes[1],
                rate_change=spikes[1] / spikes[0] - 1 if spikes[0] and spikes[1] is not None else None,
                differing=float(np.mean(counts[0] != counts[1])) if counts is not None else None,
                own_differing=own.differing if population.fires else None,
                potential_error=own.potential_error,
                saturated=own.saturated,
                current_saturated=own.current_saturated if ours.neuron.current is not None else None,
                weight_error=max((loss.rms_relative for loss in losses if loss.target == name), default=0.0),
            )
        )
    return tuple(found)


@dataclass(frozen=True, slots=True, kw_only=True)
class Own:
    """What a population on its own loses."""

    differing: float
    potential_error: float
    saturated: float
    current_saturated: float


def compare_alone(
    parts: tuple[RealNetwork, IntegerNetwork],
    feeds: tuple[Feed, Feed],
    population: RealPopulation,
    ours: Population,
) -> Own:
    """Run a population on its own, real and integer, in chunks of samples, step beside step."""
    import torch

    from spikewright.models.forward import Neurons
    from spikewright.models.observe import watch

    samples, steps = next(iter(feeds[0].values())).shape[:2]
    scales = torch.from_numpy(np.broadcast_to(np.asarray(ours.scales or ours.scale), (ours.size,)).copy())
    low, high = signed_range(ours.neuron.state_bits)
    current = ours.neuron.current
    current_ends = signed_range(current.bits) if current is not None else (0, 0)
    differing = saturated = current_saturated = 0
    error = power = 0.0
    for chunk in chunks(samples, CHUNK // (steps * ours.size)):
        wanted: list[torch.Tensor] = []
        step = 0

        def keep(_: int, neurons: Neurons, kept: list[torch.Tensor] = wanted) -> None:
            kept.append(neurons.integrated.clone())

        def see(_: int, neurons: Neurons, kept: list[torch.Tensor] = wanted) -> None:
            nonlocal step, error, power, saturated, current_saturated
            integrated, real = neurons.integrated, kept[step]
            error += float((integrated / scales - real).abs().sum())
            power += float(real.square().sum())
            saturated += int(((integrated == low) | (integrated == high)).sum())
            if current is not None:
                at_end = (neurons.current == current_ends[0]) | (neurons.current == current_ends[1])
                current_saturated += int(at_end.sum())
            step += 1

        real_feed, events = ({name: array[chunk] for name, array in feed.items()} for feed in feeds)
        expected = watch(parts[0], real_feed, keep, whole=True)
        got = watch(parts[1], events, see, whole=True)
        if population.fires:
            differing += int((expected.spikes[ours.name] != got.spikes[ours.name]).sum())
    places = samples * steps * ours.size
    unit = unit_of(population) if population.fires else float(np.sqrt(power / places)) or 1.0
    return Own(
        differing=differing / places,
        potential_error=error / places / unit,
        saturated=saturated / places,
        current_saturated=current_saturated / places,
    )


def chunks(samples: int, most: int) -> list[slice]:
    """Samples in runs of at most so many, or of one."""
    size = max(1, most)
    return [slice(start, start + size) for start in range(0, samples, size)]


def unit_of(population: RealPopulation) -> float:
    """The mean distance of threshold and rest, which potentials are measured by."""
    threshold: npt.NDArray[np.float64] = np.abs(population.threshold)
    return float(threshold.mean()) or 1.0
