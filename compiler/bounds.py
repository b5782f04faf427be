"""Proven ranges of what a core adds up, from the actual weights: nothing may overflow between events.

Between two steps a core keeps ``p`` (docs/numerics.md, "What hardware stores") and adds drive to it
event by event, in any order. Every partial sum lies between ``p`` plus all negative and ``p`` plus all
positive contributions, since 0 lies between those two.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from spikewright.convolution import Convolution
from spikewright.fixed import signed_bits, signed_range
from spikewright.network import IntegerNetwork, Population
from spikewright.neuron import Current, Decay, Levels, NeuronConfig

__all__ = [
    "Bounds",
    "Drive",
    "Range",
    "drive_range",
    "edge_drives",
    "levels_array",
    "population_bounds",
    "reachable_current",
    "reachable_potential",
    "stored_range",
]

Integers = npt.NDArray[np.int64]
Range = tuple[Integers, Integers]
"""Lowest and highest value of every neuron."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Drive:
    """What an edge can bring: its weights, and how much of each at most in a step.

    Parameters
    ----------
    weights, convolution
        As of an :class:`~spikewright.network.Edge`.
    largest
        Highest value, or number of spikes, of a source in a step.
    held
        Whether it adds to the held drive.
    """

    weights: Integers
    convolution: Convolution | None = None
    largest: int = 1
    held: bool = False

    def range(self) -> Range:
        """Lowest and highest sum of weights times values in one step, of every target.

        Of a convolution for a target whose whole kernel is within the source: exact for the inner ones.
        """
        if self.convolution is None:
            low, high = np.minimum(self.weights, 0).sum(axis=1), np.maximum(self.weights, 0).sum(axis=1)
            return low * self.largest, high * self.largest
        _, height, width = self.convolution.target
        most = self.largest * self.convolution.pool[0] * self.convolution.pool[1]
        low, high = (clip(self.weights, 0).sum(axis=(1, 2, 3)) * most for clip in (np.minimum, np.maximum))
        return np.repeat(low, height * width), np.repeat(high, height * width)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Bounds:
    """Lowest and highest values of one population, each an array ``(neurons,)``.

    Parameters
    ----------
    drive
        Sum over the drive ports in one step.
    held
        Sum over the hold ports, ``h``; zeros where there is none.
    stored
        ``p`` at the start of a step, before its drive.
    accumulated
        What drive is added to, ``p`` or with a current ``q``, with every partial sum of drive on top of it.
    current
        Whether there is a current, and ``p`` a word of its own.
    """

    drive: Range
    held: Range
    stored: Range
    accumulated: Range
    current: bool = False

    @property
    def potential_bits(self) -> int:
        """Width of ``p`` beside a current; 0 where there is none."""
        return signed_bits(int(self.stored[0].min()), int(self.stored[1].max())) if self.current else 0

    @property
    def accumulator_bits(self) -> int:
        """Width of the words that hold ``p`` (or ``q``) with its drive, or ``h``."""
        ranges = (self.accumulated, self.held)
        return max(signed_bits(int(low.min()), int(high.max())) for low, high in ranges)


def edge_drives(network: IntegerNetwork, population: Population) -> list[Drive]:
    """What every edge into a population of a network can bring."""
    drives = []
    for edge in network.edges_to(population.name):
        port = network.input(edge.source)
        largest = port.max_value if port else network.population(edge.source).neuron.max_spikes
        held = port is not None and port.kind == "hold"
        drives.append(Drive(weights=edge.weights, convolution=edge.convolution, largest=largest, held=held))
    return drives


def population_bounds(network: IntegerNetwork, population: Population) -> Bounds:
    """Ranges of one population of a network, for every input that its ports can bring."""
    drives = edge_drives(network, population)
    size, neuron = population.size, population.neuron
    drive, held = (drive_range(size, [d for d in drives if d.held is kind]) for kind in (False, True))
    bottom, top = (np.full(size, end) for end in neuron.potential_range)
    stored = stored_range(neuron, bottom, top)
    receives = stored
    if neuron.current is not None:
        lowest, highest = (np.full(size, end) for end in signed_range(neuron.current.bits))
        receives = stored_current(neuron.current, lowest, highest)
        if neuron.current.feeds == "old":
            stored = stored[0] + lowest, stored[1] + highest
    accumulated = receives[0] + drive[0], receives[1] + drive[1]
    return Bounds(
        drive=drive, held=held, stored=stored, accumulated=accumulated, current=neuron.current is not None
    )


def drive_range(size: int, drives: Sequence[Drive]) -> Range:
    """Lowest and highest sum that edges bring in one step; those of one kind, which add up."""
    ranges = [drive.range() for drive in drives]
    zero = np.zeros(size, np.int64)
    return sum((low for low, _ in ranges), zero), sum((high for _, high in ranges), zero)


def stored_current(current: Current, lowest: Integers, highest: Integers) -> Range:
    """Lowest and highest ``q = D_syn(j) + b_syn`` of currents within these bounds, or 0."""
    bias = levels_array(current.bias, len(lowest))
    low, high = np.minimum(lowest, 0), np.maximum(highest, 0)
    return decayed(current.decay, low) + bias, decayed(current.decay, high) + bias


def stored_range(neuron: NeuronConfig, lowest: Integers, highest: Integers) -> Range:
    """Lowest and highest ``p = D(v) + b`` (``- r`` where the reset of the last spike waits).

    ``lowest`` and ``highest`` bound the potential ``u`` of every neuron. ``D`` is monotone, so its extremes
    lie at those of ``v``. After a reset ``v`` is below the compare level, or what the reset leaves; 0 is
    always possible, as the state of a sample's start.
    """
    size = len(lowest)
    bias = levels_array(neuron.bias, size)
    low, high = np.minimum(lowest, 0), np.maximum(highest, 0)
    if neuron.fires:
        compare = levels_array(neuron.compare, size)
        amount = levels_array(neuron.reset_amount, size)
        silent_high = np.maximum(np.minimum(compare - 1, highest), 0)
        if neuron.reset_when == "now" and neuron.reset == "set":
            value = levels_array(neuron.reset_value, size)
            low, high = np.minimum(low, value), np.maximum(silent_high, value)
        elif neuron.reset_when == "now":
            low, high = np.minimum(low, compare - amount), np.maximum(silent_high, highest - amount)
        elif neuron.reset == "subtract":
            fired_low = decayed(neuron.decay, compare) - amount
            fired_high = decayed(neuron.decay, np.maximum(highest, compare)) - amount
            return (
                np.minimum(decayed(neuron.decay, low), fired_low) + bias,
                np.maximum(decayed(neuron.decay, silent_high), fired_high) + bias,
            )
    return decayed(neuron.decay, low) + bias, decayed(neuron.decay, high) + bias


def reachable_potential(neuron: NeuronConfig, drive: Range, limit: int) -> Range | None:
    """Proven lowest and highest potential ``u`` before saturation, or None where it may pass ``limit``.

    ``drive`` is what is added in a step: that of the edges, or the current.
    """

    def step(low: Integers, high: Integers) -> Range:
        stored = stored_range(neuron, low, high)
        below, above = stored[0] + drive[0], stored[1] + drive[1]
        if neuron.stores_spike:
            value = levels_array(neuron.reset_value, len(low))
            below, above = np.minimum(below, value), np.maximum(above, value)
        return below, above

    return settled(step, drive, neuron.decay, limit)


def reachable_current(current: Current, drive: Range, limit: int) -> Range | None:
    """Proven lowest and highest current ``j`` before saturation, or None where it may pass ``limit``."""

    def step(low: Integers, high: Integers) -> Range:
        stored = stored_current(current, low, high)
        return stored[0] + drive[0], stored[1] + drive[1]

    return settled(step, drive, current.decay, limit)


def settled(
    step: Callable[[Integers, Integers], Range], drive: Range, decay: Decay, limit: int
) -> Range | None:
    """An interval that ``step`` does not leave, or None where it may pass ``limit``.

    An interval that one step does not leave is proven by that. The guess at one is where the growth of the
    last step would end if every step kept the same share of it (the decay), and a little further each time.
    """
    low, high = (bound.copy() for bound in drive)
    leak = 1.0 - levels_array(decay.factor, len(low)) * 2.0**-decay.fraction_bits
    if decay.kind != "multiply":
        leak = np.full(len(low), 2.0**-decay.shift if decay.kind == "shift" else 0.0)
    for attempt in range(40):
        below, above = step(low, high)
        if (below >= low).all() and (above <= high).all():
            return low, high
        reach = np.minimum(1.0 / np.maximum(leak, 2.0**-attempt), 2.0**24)
        further = np.minimum(max(attempt - 8, 0) * reach, 2.0**24)
        down, up = np.maximum(low - below, 0), np.maximum(above - high, 0)
        low -= np.where(down > 0, np.ceil(down * reach + further), 0).astype(np.int64)
        high += np.where(up > 0, np.ceil(up * reach + further), 0).astype(np.int64)
        if low.min() < -limit or high.max() >= limit:
            return None
    return None


def decayed(decay: Decay, values: Integers) -> Integers:
    """``D`` of one value for each neuron."""
    result: Integers = decay.apply(values, levels_array(decay.factor, len(values)))
    return result


def levels_array(levels: Levels, size: int) -> Integers:
    """One level a neuron, from one for all or one for each."""
    return np.broadcast_to(np.asarray(levels, np.int64), (size,))
