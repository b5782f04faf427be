"""Latencies inside a LIF core, in cycles: the sequencer, the lanes and the timing model share them.

Cycle 0 is the one in which a sweep reads a slot's stored potential (``M`` below).
"""

from dataclasses import dataclass

from spikewright.config import CoreConfig, ParameterName
from spikewright.neuron import Current, NeuronConfig
from spikewright.rtl.decay import decay_latency

__all__ = ["CoreLatency", "current_arithmetic"]


def current_arithmetic(current: Current) -> NeuronConfig:
    """A neuron whose potential is clamped and decays as a current does."""
    return NeuronConfig(fires=False, state_bits=current.bits, decay=current.decay)


@dataclass(frozen=True, slots=True)
class CoreLatency:
    """Latencies that follow from a core's configuration."""

    core: CoreConfig

    @property
    def potential(self) -> int:
        """From reading ``M`` to the registered potential; a new current is registered on the way."""
        current = self.core.neuron.current
        return 2 + self.core.holds + (current is not None and current.feeds == "new")

    @property
    def shown(self) -> int:
        """From reading ``M`` to what goes out: the registered spike, or the potential."""
        return self.potential + self.core.neuron.fires

    @property
    def store(self) -> int:
        """From reading ``M`` to writing the new stored potential."""
        return self.potential + 2 + self.decay

    @property
    def potential_decay(self) -> int:
        """From the potential that firing leaves to the decayed one: registers of a factor's adders."""
        return decay_latency(self.core.neuron, stored=self._in_memory("decay"))

    @property
    def current_decay(self) -> int:
        """From the current to the decayed one; 0 where there is none."""
        current = self.core.neuron.current
        if current is None:
            return 0
        return decay_latency(current_arithmetic(current), stored=self._in_memory("current_decay"))

    @property
    def decay(self) -> int:
        """From what firing leaves to all of it decayed."""
        return max(self.potential_decay, self.current_decay)

    def _in_memory(self, name: ParameterName) -> bool:
        """Whether a level comes from memory."""
        return any(level.name == name for level in (*self.core.parameters, *self.core.levels))

    @property
    def intake(self) -> int:
        """From an event at a port to the walkers: the row of an address in the plane takes a cycle."""
        ports = [port for port in self.core.ports if port.plane is not None]
        return int(any(port.convolution is None for port in ports))

    @property
    def phases(self) -> int:
        """Cycles that a sweep takes a slot: held drive is read before the potential."""
        return 1 + self.core.holds

    @property
    def drain(self) -> int:
        """Cycles to wait after a sweep's last read before the next word may be taken.

        A word taken in cycle x adds its drive to memory in cycle x + 3 at the earliest, after the
        sweep's last store (one write port); a sweep that follows at once reads slot 0 in cycle x + 1,
        after its store; and emptying the held drive writes in cycle x + 1, after the last store. Dense rows
        read slot ``n`` in cycle x + 2 + n, after its store; others, which begin at any slot, in cycle x + 3.
        Where neurons fire several times, the last slot may still do so until its potential has gone on.
        """
        cycles = self.store - 3 + (2 if self.core.holds else max(0, 3 - self.core.slots))
        return max(cycles, self.potential) if self.core.neuron.repeats else cycles

    @property
    def settles_at_once(self) -> bool:
        """Whether a sweep may follow a dense row in the cycle after its last weights were read.

        Their drive is stored 2 cycles later, in the last slot, which the sweep reads last; of a row of
        kernels in the last of several words of channels. Where held drive is emptied instead, that writes
        at once.
        """
        return not self.core.forwards and not self.core.holds
