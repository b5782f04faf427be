"""What comes out of a simulation: records, as arrays in the model's order of neurons."""

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt

from spikewright.config import ChipConfig, CoreConfig
from spikewright.cosim.names import Tag, encoded_inputs
from spikewright.cosim.record_file import Records, read_file
from spikewright.cosim.states import States, sort_states, state_words
from spikewright.cosim.streams import Breach, Received, Sender, compare_port, receive
from spikewright.errors import ToolError
from spikewright.events import Kind

__all__ = ["Hardware", "LockedError", "Run", "read_records"]

Integers = npt.NDArray[np.int64]


class LockedError(ToolError):
    """A simulation that did not come to its end; ``breach`` says where it stands.

    ``stepped`` is the number of samples that were to be stepped through.
    """

    def __init__(self, message: str, breach: Breach, stepped: int) -> None:
        super().__init__(message)
        self.breach, self.stepped = breach, stepped


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Run:
    """One pass over samples, by name of population; the arrays of :class:`spikewright.models.trace.Trace`.

    Parameters
    ----------
    spikes
        Events received, ``(samples, steps, neurons)``: counted, so that a doubled event shows as 2.
    readouts
        Potentials received, ``(samples, steps, neurons)``.
    states
        ``stored``, ``held``, ``fired`` at each sample's end, ``(samples, neurons)``.
    """

    spikes: dict[str, npt.NDArray[np.uint8]]
    readouts: dict[str, Integers]
    states: States


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Hardware(Run):
    """What a chip did.

    Parameters
    ----------
    stepped
        The samples that were run once more and stepped through; ``step_states`` are their states at every
        step's end, ``(samples, steps, neurons)``.
    faults
        Breaches of the event protocol.
    cycles
        Clocks of each sample, first word in to last token out, without the pause to read states.
    step_cycles
        Clocks between successive step tokens of the first output, ``(samples, steps - 1)``.
    event_cycles, update_cycles
        Clocks that each core spent so, over all samples.
    contents
        Transfers read back over the bus after loading; empty without a bus.
    encoded
        Events that the encoder behind each input sent, ``(samples, steps, lines)``.
    encoder_cycles
        Clocks that each encoder worked, over all samples.
    """

    stepped: Run
    step_states: States
    faults: list[Breach]
    cycles: Integers
    step_cycles: Integers
    event_cycles: dict[str, int]
    update_cycles: dict[str, int]
    contents: Integers
    encoded: dict[str, Integers]
    encoder_cycles: dict[str, int]


def read_records(path: Path, chip: ChipConfig, *, samples: int, steps: int, stepped: int = 0) -> Hardware:
    """Read ``records.bin`` of a run of so many samples of so many steps, the first of them stepped again.

    Raises
    ------
    LockedError
        If the run did not come to its end.
    """
    records = read_file(path)
    total = samples + stepped
    received = {
        core.name: receive(
            Sender.core(core),
            records.of(Tag.POPULATION + index),
            records.cycles[records.tags == Tag.POPULATION + index],
            total,
            steps,
        )
        for index, core in enumerate(chip.cores)
    }
    encoders = encoded_inputs(chip)
    encoded = {
        port.name: receive(
            Sender.encoder(port),
            records.of(Tag.ENCODER + index),
            records.cycles[records.tags == Tag.ENCODER + index],
            total,
            steps,
        )
        for index, port in enumerate(encoders)
    }
    step_words, end_words = records.of(Tag.STEP_STATE), records.of(Tag.STATE)
    size = state_words(chip)
    complete = len(step_words) == stepped * steps * size and len(end_words) == total * size
    if not (records.tags == Tag.FINISHED).any() or not complete:
        raise _locked(records, chip, samples, total, steps)
    faults = [
        replace(breach, sample=breach.sample - samples, stepped=True)
        if breach.sample is not None and breach.sample >= samples
        else breach
        for core in chip.cores
        for breach in [
            *received[core.name].breaches,
            *_arrived(chip, records, core, steps),
        ]
    ]
    faults = [breach for one in encoded.values() for breach in one.breaches] + faults
    ends = sort_states(chip, end_words, total)
    step_states = {
        name: {field: values.reshape(stepped, steps, values.shape[1]) for field, values in fields.items()}
        for name, fields in sort_states(chip, step_words, stepped * steps).items()
    }
    free = _run(chip, received, ends, slice(None, samples))
    sample_cycles, step_cycles = _times(chip, records, received, samples)
    names = [core.name for core in chip.cores]
    counted = [
        records.of(tag).reshape(total, len(names))[samples - 1].tolist()
        for tag in (Tag.EVENT_CYCLES, Tag.UPDATE_CYCLES)
    ]
    worked = records.of(Tag.ENCODER_CYCLES).reshape(total, len(encoders))[samples - 1].tolist()
    return Hardware(
        spikes=free.spikes,
        readouts=free.readouts,
        states=free.states,
        stepped=_run(chip, received, ends, slice(samples, None)),
        step_states=step_states,
        faults=faults,
        cycles=sample_cycles,
        step_cycles=step_cycles,
        event_cycles=dict(zip(names, counted[0], strict=True)),
        update_cycles=dict(zip(names, counted[1], strict=True)),
        contents=records.of(Tag.CONTENTS),
        encoded={name: one.values[:samples] for name, one in encoded.items()},
        encoder_cycles=dict(zip(encoded, worked, strict=True)),
    )


def _arrived(chip: ChipConfig, records: Records, core: CoreConfig, steps: int) -> list[Breach]:
    """Whether an output's words got out of the chip."""
    if core.name not in chip.outputs:
        return []
    sent = records.of(Tag.POPULATION + chip.cores.index(core))
    return compare_port(core, sent, records.of(Tag.OUTPUT + chip.outputs.index(core.name)), steps)


def _run(chip: ChipConfig, received: dict[str, Received], ends: States, which: slice) -> Run:
    """Part of the samples."""
    return Run(
        spikes={
            core.name: np.minimum(received[core.name].values[which], 255).astype(np.uint8)
            for core in chip.cores
            if core.neuron.fires
        },
        readouts={
            core.name: received[core.name].values[which] for core in chip.cores if not core.neuron.fires
        },
        states={
            name: {field: values[which] for field, values in fields.items()} for name, fields in ends.items()
        },
    )


def _locked(records: Records, chip: ChipConfig, samples: int, total: int, steps: int) -> LockedError:
    """Where a run stands: the first population, in their order, that ended the fewest steps."""
    ended = [
        int(np.count_nonzero((records.of(Tag.POPULATION + index) & 3) != Kind.EVENT))
        for index in range(len(chip.cores))
    ]
    sample, step = divmod(min(min(ended), total * (steps + 1) - 1), steps + 1)
    breach = Breach(
        what="stands still",
        population=chip.cores[ended.index(min(ended))].name,
        sample=sample % samples,
        step=min(step, steps - 1),
        stepped=sample >= samples,
    )
    last = records.of(Tag.LOCKED)
    done = min(int(last[0]), samples) if len(last) else 0
    return LockedError(
        f"simulation locked up: nothing moved after {done} of {samples} samples; {breach}",
        breach,
        total - samples,
    )


def _times(
    chip: ChipConfig, records: Records, received: dict[str, Received], samples: int
) -> tuple[Integers, Integers]:
    """Clocks of every sample and between step tokens."""
    first = np.full(samples, np.iinfo(np.int64).max)
    released = first.copy()
    for index in range(len(chip.inputs)):
        chosen = records.tags == Tag.INPUT + index
        kinds, when = records.payloads[chosen] & 3, records.cycles[chosen]
        ends_at = np.flatnonzero(kinds == Kind.END_OF_SAMPLE)[:samples]
        starts_at = np.r_[0, ends_at[:-1] + 1]
        first = np.minimum(first, when[starts_at])
        released = np.minimum(released, when[ends_at])
    last_step = np.max([received[name].step_cycles[:samples, -1] for name in chip.outputs], axis=0)
    last = np.max([received[name].sample_cycles[:samples] for name in chip.outputs], axis=0)
    steps = received[chip.outputs[0]].step_cycles[:samples]
    cycles: Integers = (last_step - first + 1) + (last - released)
    return cycles, np.diff(steps, axis=1)
