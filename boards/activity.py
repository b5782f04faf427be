"""Activity: how often a chip does what costs energy.

Hardware and model fire the same spikes, so the counts follow from the model's; they are those of the
hardware as it is built (rtl/), event by event:

========================  ======================================================================
events                    events taken, of all ports, each of the several that an address may bring;
                          tokens, and what a sample's end finds still in a ring, are not counted
row_words                 compressed: one word of every lane's row memory an event that has a row; reads
                          of it while no event waits are not counted
weight_words              dense: ``slots`` words of ``lanes`` weights an event; kernels: one for every
                          target in the plane that it reaches and every word of channels of its group;
                          compressed: one word an entry of the row
additions                 weights added to a stored potential or current: ``lanes`` a word of weights,
                          zeros too; compressed: one an entry
multiply_passes           in a core some of whose events carry values: shift-and-add passes of its
                          weights, as many for each addition as the value has bits, one for a spike
synaptic_operations       events times the non-zero weights of their rows, however they are stored
neuron_updates            ``slots * lanes`` a step, and at the end of every sample
parameter_words           where there is a parameter memory: ``slots`` a step and end of sample
state_reads               one an addition, one an update; two an update with held drive
state_writes              one an addition, one an update; with held drive, one for every place when
                          it is replaced, and at the end of a sample
spikes                    events sent
ring_reads                of every delayed port's ring: one an event that comes, one for every word of
                          a step slot a step
ring_writes               the same, and one for every word of the ring at the end of a sample
========================  ======================================================================

An encoder of sound (:class:`EncoderActivity`) reads and writes its memories (``kernels``, ``residual``, ...:
:func:`spikewright.memories.encoder_memories`) as the sound and its spikes have it, window by window or
sample by sample. Of its operations these are counted that the result needs: not those of the second
multiplier at the end of an odd window, nor of products with what is not stored.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

__all__ = ["SIMULATED", "Activity", "CoreActivity", "EncoderActivity"]

SIMULATED = "counted in simulation"
"""How cycles come about, unless it is said otherwise."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CoreActivity:
    """What one core did, summed over all samples; the module's docstring defines the counts.

    Parameters
    ----------
    event_cycles, update_cycles
        Clocks spent on events and on updates, where they are known.
    """

    events: int
    row_words: int
    weight_words: int
    additions: int
    multiply_passes: int
    synaptic_operations: int
    neuron_updates: int
    parameter_words: int
    state_reads: int
    state_writes: int
    spikes: int
    ring_reads: tuple[int, ...] = ()
    ring_writes: tuple[int, ...] = ()
    event_cycles: int | None = None
    update_cycles: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class EncoderActivity:
    """What an encoder of sound did, summed over all recordings.

    Parameters
    ----------
    samples, spikes
        Taken, and sent.
    reads, writes
        Words, by memory; those of all its banks together.
    operations
        Multiplications, additions and comparisons, by what they are for.
    """

    samples: int
    spikes: int
    reads: Mapping[str, int]
    writes: Mapping[str, int]
    operations: Mapping[str, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Activity:
    """What a chip did in a run.

    Parameters
    ----------
    samples, steps
        Samples, and steps of each.
    cores
        By name.
    cycles
        Clocks, summed over samples; None where they are not known.
    cycles_source
        How ``cycles`` came about.
    encoders
        By name of the input, of all that have one.
    """

    samples: int
    steps: int
    cores: Mapping[str, CoreActivity]
    cycles: int | None = None
    cycles_source: str = SIMULATED
    encoders: Mapping[str, EncoderActivity] = field(default_factory=dict)

    @property
    def synaptic_operations(self) -> int:
        """Of all cores."""
        return sum(core.synaptic_operations for core in self.cores.values())
