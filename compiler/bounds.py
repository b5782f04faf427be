"""Proven ranges of what a core adds up, from the actual weights: nothing may overflow between events.

Between two steps a core keeps ``p`` (docs/numerics.md, "What hardware stores") and adds drive to it
event by event, in any order. Every partial sum lies between ``p`` plus all negative and ``p`` plus all
positive contributions, since 0 lies between those two.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from spikewright.fixed import signed_bits
from spikewright.network import IntegerNetwork, Population
from spikewright.neuron import Levels, NeuronConfig

__all__ = ["Bounds", "drive_range", "levels_array", "population_bounds", "stored_range"]

Integers = npt.NDArray[np.int64]


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

    drive: tuple[Integers, Integers]
    held: tuple[Integers, Integers]
    stored: tuple[Integers, Integers]
    accumulated: tuple[Integers, Integers]

    @property
    def accumulator_bits(self) -> int:
        """Width of the words that hold ``p`` with its drive, or ``h``."""
        ranges = (self.accumulated, self.held)
        return max(signed_bits(int(low.min()), int(high.max())) for low, high in ranges)


def population_bounds(network: IntegerNetwork, population: Population) -> Bounds:
    """Ranges of one population of a network, for every input that its ports can bring."""
    drive, held = drive_range(network, population, "drive"), drive_range(network, population, "hold")
    low, high = stored_range(population.neuron, population.size)
    return Bounds(drive=drive, held=held, stored=(low, high), accumulated=(low + drive[0], high + drive[1]))


def drive_range(network: IntegerNetwork, population: Population, kind: str) -> tuple[Integers, Integers]:
    """Lowest and highest sum of weights times values in one step over the ports of one kind.

    Every address brings at most one event a step: a spike counts 1, a valued event up to its port's
    highest value.
    """
    low = np.zeros(population.size, np.int64)
    high = np.zeros(population.size, np.int64)
    for edge in network.edges_to(population.name):
        port = network.input(edge.source)
        if (port.kind if port else "drive") == kind:
            largest = port.max_value if port else 1
            low += np.minimum(edge.weights, 0).sum(axis=1) * largest
            high += np.maximum(edge.weights, 0).sum(axis=1) * largest
    return low, high


def stored_range(neuron: NeuronConfig, size: int) -> tuple[Integers, Integers]:
    """Lowest and highest ``p = D(v) + b`` (``- r`` where the reset of the last spike waits).

    ``D`` is monotone, so its extremes lie at those of ``v``. After a reset ``v`` is below the compare
    level, or what the reset leaves; 0 is always possible, as the state of a sample's start.
    """
    lowest, highest = (np.full(size, bound, np.int64) for bound in neuron.potential_range)
    bias = levels_array(neuron.bias, size)
    if not neuron.fires:
        return decayed(neuron, lowest, size) + bias, decayed(neuron, highest, size) + bias
    compare = levels_array(neuron.compare, size)
    amount = levels_array(neuron.reset_amount, size)
    if neuron.reset_when == "next":
        if neuron.reset == "set":
            return decayed(neuron, lowest, size) + bias, decayed(neuron, highest, size) + bias
        silent = decayed(neuron, np.maximum(np.minimum(compare - 1, highest), 0), size)
        fired_low = decayed(neuron, compare, size) - amount
        fired_high = decayed(neuron, highest, size) - amount
        return (
            np.minimum(np.minimum(decayed(neuron, lowest, size), fired_low), 0) + bias,
            np.maximum(np.maximum(silent, fired_high), 0) + bias,
        )
    if neuron.reset == "set":
        after_low = after_high = levels_array(neuron.reset_value, size)
    else:
        after_low, after_high = compare - amount, highest - amount
    low = np.minimum(np.minimum(lowest, after_low), 0)
    high = np.maximum(np.maximum(compare - 1, after_high), 0)
    return decayed(neuron, low, size) + bias, decayed(neuron, high, size) + bias


def decayed(neuron: NeuronConfig, potential: Integers, size: int) -> Integers:
    """``D`` of one potential for each neuron."""
    return neuron.decay.apply(potential, levels_array(neuron.decay.factor, size))


def levels_array(levels: Levels, size: int) -> Integers:
    """One level a neuron, from one for all or one for each."""
    return np.broadcast_to(np.asarray(levels, np.int64), (size,))
