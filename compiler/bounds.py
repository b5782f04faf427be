"""Proven ranges of what a core adds up, from the actual weights: nothing may overflow between events.

Between two steps a core keeps ``p`` (docs/numerics.md, "What hardware stores") and adds drive to it
event by event, in any order. Every partial sum lies between ``p`` plus all negative and ``p`` plus all
positive contributions, since 0 lies between those two.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from spikewright.fixed import signed_bits
from spikewright.network import InputPort, IntegerNetwork, Population
from spikewright.neuron import Levels, NeuronConfig

__all__ = [
    "Bounds",
    "Range",
    "drive_range",
    "levels_array",
    "population_bounds",
    "reachable_potential",
    "stored_range",
]

Integers = npt.NDArray[np.int64]
Range = tuple[Integers, Integers]
"""Lowest and highest value of every neuron."""


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
        ``p`` and every partial sum of drive on top of it.
    """

    drive: Range
    held: Range
    stored: Range
    accumulated: Range

    @property
    def accumulator_bits(self) -> int:
        """Width of the words that hold ``p`` with its drive, or ``h``."""
        ranges = (self.accumulated, self.held)
        return max(signed_bits(int(low.min()), int(high.max())) for low, high in ranges)


def population_bounds(network: IntegerNetwork, population: Population) -> Bounds:
    """Ranges of one population of a network, for every input that its ports can bring."""
    edges = [(edge.weights, network.input(edge.source)) for edge in network.edges_to(population.name)]
    drive, held = (drive_range(population.size, edges, kind) for kind in ("drive", "hold"))
    bottom, top = population.neuron.potential_range
    size = population.size
    low, high = stored_range(population.neuron, np.full(size, bottom), np.full(size, top))
    return Bounds(drive=drive, held=held, stored=(low, high), accumulated=(low + drive[0], high + drive[1]))


def drive_range(size: int, edges: Sequence[tuple[Integers, InputPort | None]], kind: str) -> Range:
    """Lowest and highest sum of weights times values in one step over the ports of one kind.

    Every address brings at most one event a step: a spike counts 1, a valued event up to its port's
    highest value. The port of an edge from a population is None.
    """
    low, high = np.zeros(size, np.int64), np.zeros(size, np.int64)
    for weights, port in edges:
        if (port.kind if port else "drive") == kind:
            largest = port.max_value if port else 1
            low += np.minimum(weights, 0).sum(axis=1) * largest
            high += np.maximum(weights, 0).sum(axis=1) * largest
    return low, high


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
            fired_low = decayed(neuron, compare) - amount
            fired_high = decayed(neuron, np.maximum(highest, compare)) - amount
            return (
                np.minimum(decayed(neuron, low), fired_low) + bias,
                np.maximum(decayed(neuron, silent_high), fired_high) + bias,
            )
    return decayed(neuron, low) + bias, decayed(neuron, high) + bias


def reachable_potential(neuron: NeuronConfig, drive: Range, limit: int) -> Range | None:
    """Proven lowest and highest potential ``u`` before saturation, or None where it may pass ``limit``.

    An interval that one step does not leave is proven by that. The guess at one is where the growth of the
    last step would end if every step kept the same share of it (the decay), and a little further each time.
    """
    low, high = (bound.copy() for bound in drive)
    leak = 1.0 - levels_array(neuron.decay.factor, len(low)) * 2.0**-neuron.decay.fraction_bits
    if neuron.decay.kind != "multiply":
        leak = np.full(len(low), 2.0**-neuron.decay.shift if neuron.decay.kind == "shift" else 0.0)
    for attempt in range(40):
        stored = stored_range(neuron, low, high)
        below, above = stored[0] + drive[0], stored[1] + drive[1]
        if neuron.stores_spike:
            value = levels_array(neuron.reset_value, len(low))
            below, above = np.minimum(below, value), np.maximum(above, value)
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


def decayed(neuron: NeuronConfig, potential: Integers) -> Integers:
    """``D`` of one potential for each neuron."""
    result: Integers = neuron.decay.apply(potential, levels_array(neuron.decay.factor, len(potential)))
    return result


def levels_array(levels: Levels, size: int) -> Integers:
    """One level a neuron, from one for all or one for each."""
    return np.broadcast_to(np.asarray(levels, np.int64), (size,))
