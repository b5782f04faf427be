"""Hardware against the integer model: how much was compared, what differs, and where first."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from spikewright.config import ChipConfig
from spikewright.cosim.names import encoded_inputs
from spikewright.cosim.records import Hardware, Run
from spikewright.cosim.stepped import SteppedTrace
from spikewright.models.trace import Trace

__all__ = ["Comparison", "Divergence", "compare"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Divergence:
    """The first place where hardware and model differ.

    ``step`` is None for a state at a sample's end, ``neuron`` for a stream that breaches the protocol,
    ``expected`` and ``seen`` then too. ``stepped`` says that it was seen when the sample was run once more
    and stepped through.
    """

    sample: int
    step: int | None
    population: str
    what: str
    neuron: int | None = None
    expected: int | None = None
    seen: int | None = None
    stepped: bool = False

    def __str__(self) -> str:
        when = "at its end" if self.step is None else f"step {self.step}"
        place = f"first divergence: sample {self.sample}, {when}, population {self.population!r}"
        if self.neuron is None:
            return f"{place}: {self.what}"
        must = f"{self.what} must be {self.expected}, hardware gave {self.seen}"
        return f"{place}, neuron {self.neuron}: {must}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """What a co-simulation compared.

    ``spikes_compared`` counts the model's spikes of all populations, encoders among them; every place without
    a spike is compared as well. ``states_compared`` are those at the samples' ends, ``step_states_compared``
    those at the end of every step of the samples that were stepped through. ``mismatches`` counts places:
    (sample, step, neuron), and states, of both passes, and breaches of the protocol.
    """

    spikes_compared: int
    places_compared: int
    readouts_compared: int
    states_compared: int
    step_states_compared: int
    mismatches: int
    divergence: Divergence | None


_Order = tuple[int, int, int, int, bool]
"""Sample, step, population, whether a state, pass: what comes first."""


class _Differences:
    """Counts places that differ and keeps the first."""

    def __init__(self) -> None:
        self.count = 0
        self.firsts: list[tuple[_Order, Divergence]] = []

    def note(self, order: _Order, divergence: Divergence) -> None:
        self.firsts.append((order, divergence))

    def look(self, name: str, order: int, what: str, expected: Any, seen: Any, *, stepped: bool, steps: int
             ) -> None:  # fmt: skip
        """Compare arrays ``(samples, steps, neurons)``, or states ``(samples, neurons)`` at samples' ends."""
        differs = _different(expected, seen)
        self.count += len(differs)
        if not len(differs):
            return
        sample, *step, neuron = map(int, differs[0])
        self.note(
            (sample, step[0] if step else steps, order, int(what.startswith("state")), stepped),
            Divergence(
                sample=sample,
                step=step[0] if step else None,
                population=name,
                what=what,
                neuron=neuron,
                expected=int(expected[tuple(differs[0])]),
                seen=int(seen[tuple(differs[0])]),
                stepped=stepped,
            ),
        )

    def first(self) -> Divergence | None:
        return min(self.firsts, key=lambda first: first[0])[1] if self.firsts else None


def compare(
    chip: ChipConfig,
    hardware: Hardware,
    model: Trace,
    stepped: SteppedTrace | None = None,
    encoded: Mapping[str, npt.NDArray[Any]] | None = None,
) -> Comparison:
    """Compare every spike, read-out and stored state of every population; faults count as mismatches.

    ``stepped`` is the model's run of the samples that the hardware was stepped through; ``encoded`` are the
    spikes of the encoders, by input, as their integer models make them.
    """
    found = _Differences()
    found.count = len(hardware.faults)
    spikes = places = readouts = states = step_states = 0
    encoders = [port.name for port in encoded_inputs(chip)]
    for order, name in enumerate(encoders):
        expected = (encoded or {})[name]
        found.look(name, order, "spikes", expected, hardware.encoded[name], stepped=False,
                   steps=expected.shape[1])  # fmt: skip
        spikes += int(expected.sum())
        places += expected.size
    for order, core in enumerate(chip.cores, len(encoders)):
        for stream in _streams(core.name, core.neuron.fires, hardware, model, stepped):
            found.look(core.name, order, *stream[:3], stepped=stream[3], steps=stream[1].shape[1])
        if core.neuron.fires:
            spikes += int(model.spikes[core.name].sum())
            places += model.spikes[core.name].size
        else:
            readouts += model.readouts[core.name].size
        steps = (model.spikes | model.readouts)[core.name].shape[1]
        for field, values in hardware.states[core.name].items():
            wanted = model.states[core.name][field]
            states += wanted.size
            found.look(core.name, order, f"state {field!r}", wanted, values, stepped=False, steps=steps)
        if stepped is None:
            continue
        for field, values in hardware.step_states[core.name].items():
            wanted = stepped.states[core.name][field]
            step_states += wanted.size
            found.look(core.name, order, f"state {field!r}", wanted, values, stepped=True, steps=steps)
        for field, values in hardware.stepped.states[core.name].items():
            wanted = stepped.trace.states[core.name][field]
            found.look(core.name, order, f"state {field!r}", wanted, values, stepped=True, steps=steps)
    names = [*encoders, *(core.name for core in chip.cores)]
    for breach in hardware.faults:
        if breach.population is None or breach.sample is None or breach.step is None:
            continue
        found.note(
            (breach.sample, breach.step, names.index(breach.population), 0, breach.stepped),
            Divergence(
                sample=breach.sample,
                step=breach.step,
                population=breach.population,
                what=breach.what,
                stepped=breach.stepped,
            ),
        )
    return Comparison(
        spikes_compared=spikes,
        places_compared=places,
        readouts_compared=readouts,
        states_compared=states,
        step_states_compared=step_states,
        mismatches=found.count,
        divergence=found.first(),
    )


def _streams(
    name: str, fires: bool, hardware: Hardware, model: Trace, stepped: SteppedTrace | None
) -> Iterator[tuple[str, npt.NDArray[Any], npt.NDArray[Any], bool]]:
    """What a population sent, model's and hardware's, of both passes."""
    passes: list[tuple[Trace, Run, bool]] = [(model, hardware, False)]
    if stepped is not None:
        passes.append((stepped.trace, hardware.stepped, True))
    for expected, seen, again in passes:
        if fires:
            yield "spikes", expected.spikes[name], seen.spikes[name], again
        else:
            yield "potential", expected.readouts[name], seen.readouts[name], again


def _different(expected: npt.NDArray[np.generic], seen: npt.NDArray[np.generic]) -> npt.NDArray[np.int64]:
    """Places that differ, in order; arrays of different shapes are a bug, not a mismatch."""
    assert expected.shape == seen.shape, f"{expected.shape} against {seen.shape}"
    return np.argwhere(expected.astype(np.int64) != seen.astype(np.int64))
