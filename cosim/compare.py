"""Hardware against the integer model: how much was compared, what differs, and where first."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from spikewright.config import ChipConfig
from spikewright.cosim.records import Hardware
from spikewright.models.trace import Trace

__all__ = ["Comparison", "Divergence", "compare"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Divergence:
    """The first place where hardware and model differ; ``step`` is None for a state at a sample's end."""

    sample: int
    step: int | None
    population: str
    what: str
    neuron: int
    expected: int
    seen: int

    def __str__(self) -> str:
        when = "at its end" if self.step is None else f"step {self.step}"
        return (
            f"first divergence: sample {self.sample}, {when}, population {self.population!r}, neuron"
            f" {self.neuron}: {self.what} must be {self.expected}, hardware gave {self.seen}"
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """What a co-simulation compared.

    ``spikes_compared`` counts the model's spikes of all populations; every place without a spike is
    compared as well. ``mismatches`` counts places: (sample, step, neuron), and states.
    """

    spikes_compared: int
    places_compared: int
    readouts_compared: int
    states_compared: int
    mismatches: int
    divergence: Divergence | None


def compare(chip: ChipConfig, hardware: Hardware, model: Trace) -> Comparison:
    """Compare every spike, read-out and stored state of every population; faults count as mismatches."""
    mismatches = len(hardware.faults)
    spikes = places = readouts = states = 0
    firsts: list[tuple[tuple[int, int, int], Divergence]] = []
    for order, core in enumerate(chip.cores):
        expected: npt.NDArray[Any]
        seen: npt.NDArray[Any]
        if core.neuron.fires:
            what, expected, seen = "spikes", model.spikes[core.name], hardware.spikes[core.name]
            spikes += int(expected.sum())
            places += expected.size
        else:
            what, expected, seen = "potential", model.readouts[core.name], hardware.readouts[core.name]
            readouts += expected.size
        differs = _different(expected, seen)
        mismatches += len(differs)
        if len(differs):
            sample, step, neuron = map(int, differs[0])
            firsts.append(
                (
                    (sample, step, order),
                    Divergence(
                        sample=sample,
                        step=step,
                        population=core.name,
                        what=what,
                        neuron=neuron,
                        expected=int(expected[sample, step, neuron]),
                        seen=int(seen[sample, step, neuron]),
                    ),
                )
            )
        for field, values in hardware.states[core.name].items():
            wanted = model.states[core.name][field]
            states += wanted.size
            differs = _different(wanted, values)
            mismatches += len(differs)
            if len(differs):
                sample, neuron = map(int, differs[0])
                steps = expected.shape[1]
                firsts.append(
                    (
                        (sample, steps, order),
                        Divergence(
                            sample=sample,
                            step=None,
                            population=core.name,
                            what=f"state {field!r}",
                            neuron=neuron,
                            expected=int(wanted[sample, neuron]),
                            seen=int(values[sample, neuron]),
                        ),
                    )
                )
    return Comparison(
        spikes_compared=spikes,
        places_compared=places,
        readouts_compared=readouts,
        states_compared=states,
        mismatches=mismatches,
        divergence=min(firsts, key=lambda first: first[0])[1] if firsts else None,
    )


def _different(expected: npt.NDArray[np.generic], seen: npt.NDArray[np.generic]) -> npt.NDArray[np.int64]:
    """Places that differ, in order; arrays of different shapes are a bug, not a mismatch."""
    assert expected.shape == seen.shape, f"{expected.shape} against {seen.shape}"
    return np.argwhere(expected.astype(np.int64) != seen.astype(np.int64))
