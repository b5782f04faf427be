"""One neuron as docs/numerics.md has it under "What hardware stores", in Python's integers."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from spikewright.models.trace import Trace
from spikewright.network import IntegerNetwork
from spikewright.neuron import NeuronConfig

__all__ = ["Neuron", "level", "run_reference"]


def level(levels: tuple[int, ...], index: int) -> int:
    """The level of one neuron."""
    return levels[index if len(levels) > 1 else 0]


@dataclass
class Neuron:
    """What is kept of a neuron between events; ``stored`` is p, ``current`` is q."""

    config: NeuronConfig
    index: int
    stored: int = 0
    current: int = 0
    held: int = 0
    fired: bool = False
    drive: int = 0

    def clear(self) -> None:
        """The end of a sample."""
        self.stored, self.held, self.fired, self.drive = level(self.config.bias, self.index), 0, False, 0
        if self.config.current is not None:
            self.current = level(self.config.current.bias, self.index)

    def step(self) -> tuple[int, int]:
        """End a step: u, and how often it fires."""
        config, index = self.config, self.index
        low, high = config.potential_range
        added, later = self.drive + self.held, 0
        if config.current is not None:
            syn, limit = config.current, 1 << config.current.bits - 1
            current = min(max(self.current + added, -limit), limit - 1)
            self.current = syn.decay.apply(current, level(syn.decay.factor, index)) + level(syn.bias, index)
            added, later = (current, 0) if syn.feeds == "new" else (0, current)
        potential = min(max(self.stored + added, low), high)
        if config.stores_spike and self.fired:
            potential = level(config.reset_value, index)
        left, count = potential, 0
        amount = level(config.reset_amount, index) if config.reset == "subtract" else 0
        while config.fires and left >= level(config.compare, index) and count < config.max_spikes:
            count += 1
            if config.reset_when == "now":
                left = left - amount if config.reset == "subtract" else level(config.reset_value, index)
        self.stored = config.decay.apply(left, level(config.decay.factor, index)) + level(config.bias, index)
        self.stored += later
        if count and config.reset_when == "next":
            self.stored -= amount
        self.fired, self.drive = count > 0, 0
        return potential, count


def run_reference(network: IntegerNetwork, x: dict[str, npt.NDArray[np.int64]]) -> Trace:
    """A network of one population, as :class:`~spikewright.models.integer.IntegerModel` runs it."""
    (population,) = network.populations
    samples, steps, _ = next(iter(x.values())).shape
    outputs = np.zeros((samples, steps, population.size), np.int64)
    names = ["stored", *["current"] * (population.neuron.current is not None),
             *["held"] * any(port.kind == "hold" for port in network.inputs),
             *["fired"] * population.neuron.stores_spike]
    states = {name: np.zeros((samples, population.size), np.int64) for name in names}
    for sample in range(samples):
        neurons = [Neuron(population.neuron, index) for index in range(population.size)]
        for neuron in neurons:
            neuron.clear()
        for step in range(steps):
            sums: dict[str, npt.NDArray[np.int64]] = {}
            for edge in network.edges:
                port = network.input(edge.source)
                assert port is not None
                events = x[port.name][sample, step]
                if port.kind == "drive" or events.any():
                    sums[port.kind] = sums.get(port.kind, 0) + edge.weights @ events
            for index, neuron in enumerate(neurons):
                neuron.drive = int(sums["drive"][index]) if "drive" in sums else 0
                neuron.held = int(sums["hold"][index]) if "hold" in sums else neuron.held
                potential, count = neuron.step()
                outputs[sample, step, index] = count if population.neuron.fires else potential
        for name in names:
            states[name][sample] = [int(getattr(neuron, name)) for neuron in neurons]
    found = {population.name: outputs}
    fires = population.neuron.fires
    return Trace(spikes=found if fires else {}, readouts={} if fires else found,
                 states={population.name: states})
