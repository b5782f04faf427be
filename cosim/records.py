"""What comes out of a simulation: records, as arrays in the model's order of neurons."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from spikewright.config import ChipConfig, CoreConfig, slot_bits
from spikewright.cosim.harness import RECORD_BYTES, Tag, state_memories
from spikewright.errors import ToolError
from spikewright.events import Kind

__all__ = ["Hardware", "read_records"]

Integers = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Hardware:
    """What a chip did, by name of population; the arrays of :class:`spikewright.models.trace.Trace`.

    Parameters
    ----------
    spikes
        Events received, ``(samples, steps, neurons)``: counted, so that a doubled event shows as 2.
    readouts
        Potentials received, ``(samples, steps, neurons)``.
    states
        ``stored``, ``held``, ``fired`` at each sample's end, ``(samples, neurons)``.
    faults
        Breaches of the event protocol, one line each.
    cycles
        Clocks of each sample, first word in to last token out, without the pause to read states.
    step_cycles
        Clocks between successive step tokens of the first output, ``(samples, steps - 1)``.
    event_cycles, update_cycles
        Clocks that each core spent so, over all samples.
    contents
        Transfers read back over the bus after loading; empty without a bus.
    """

    spikes: dict[str, npt.NDArray[np.uint8]]
    readouts: dict[str, Integers]
    states: dict[str, dict[str, Integers]]
    faults: list[str]
    cycles: Integers
    step_cycles: Integers
    event_cycles: dict[str, int]
    update_cycles: dict[str, int]
    contents: Integers


def read_records(path: Path, chip: ChipConfig, *, samples: int, steps: int) -> Hardware:
    """Read ``records.bin`` of a run of so many samples of so many steps.

    Raises
    ------
    ToolError
        If the run did not come to its end.
    """
    raw = np.fromfile(path, dtype="<u4")
    raw = raw[: len(raw) // (RECORD_BYTES // 4) * (RECORD_BYTES // 4)].reshape(-1, RECORD_BYTES // 4)
    tags = (raw[:, 0] & 0xFF).astype(np.int64)
    payloads = (raw[:, 0].astype(np.int64) >> 8) | (raw[:, 1].astype(np.int64) << 24)
    cycles = raw[:, 2].astype(np.int64)
    if (tags == Tag.LOCKED).any() or not (tags == Tag.FINISHED).any():
        last = int(payloads[tags == Tag.LOCKED][0]) if (tags == Tag.LOCKED).any() else 0
        raise ToolError(f"simulation locked up: nothing moved after {last} of {samples} samples")
    spikes: dict[str, npt.NDArray[np.uint8]] = {}
    readouts: dict[str, Integers] = {}
    faults: list[str] = []
    ends: dict[str, tuple[Integers, Integers]] = {}
    for index, core in enumerate(chip.cores):
        chosen = tags == Tag.POPULATION + index
        received, end_steps, end_samples = _received(
            core, payloads[chosen], cycles[chosen], samples, steps, faults
        )
        ends[core.name] = end_steps, end_samples
        if core.neuron.fires:
            spikes[core.name] = received.astype(np.uint8)
        else:
            readouts[core.name] = received
    sample_cycles, step_cycles = _times(chip, tags, payloads, cycles, ends, samples)
    counted = {
        tag: payloads[tags == tag].reshape(samples, len(chip.cores))
        for tag in (Tag.EVENT_CYCLES, Tag.UPDATE_CYCLES)
    }
    names = [core.name for core in chip.cores]
    return Hardware(
        spikes=spikes,
        readouts=readouts,
        faults=faults,
        cycles=sample_cycles,
        step_cycles=step_cycles,
        states=_states(chip, payloads[tags == Tag.STATE], samples),
        event_cycles=dict(zip(names, counted[Tag.EVENT_CYCLES][-1].tolist(), strict=True)),
        update_cycles=dict(zip(names, counted[Tag.UPDATE_CYCLES][-1].tolist(), strict=True)),
        contents=payloads[tags == Tag.CONTENTS],
    )


def _received(
    core: CoreConfig, words: Integers, cycles: Integers, samples: int, steps: int, faults: list[str]
) -> tuple[Integers, Integers, Integers]:
    """Sort a core's words into samples, steps and neurons; cycles of its step and sample tokens."""
    kinds = words & 3
    is_event = kinds == Kind.EVENT
    sample = np.cumsum(kinds == Kind.END_OF_SAMPLE)
    step = np.cumsum(kinds == Kind.END_OF_STEP) - sample * steps
    result = np.zeros((samples, steps, core.neurons), dtype=np.int64)
    if (kinds == Kind.RESERVED).any():
        faults.append(f"population {core.name!r}: words of a reserved kind")
    expected = np.tile(np.r_[np.full(steps, Kind.END_OF_STEP), Kind.END_OF_SAMPLE], samples)
    if not np.array_equal(kinds[~is_event], expected):
        faults.append(
            f"population {core.name!r}: {int((~is_event).sum())} tokens, or out of order;"
            f" expected {len(expected)}"
        )
        return result, np.zeros((samples, steps), np.int64), np.zeros(samples, np.int64)
    address = (words[is_event] >> 2) & ((1 << core.address_bits) - 1)
    placement = np.full(1 << core.address_bits, -1)
    placement[: len(core.placement)] = core.placement
    neuron, when = placement[address], (sample[is_event], step[is_event])
    if (neuron < 0).any():
        faults.append(
            f"population {core.name!r}: {int((neuron < 0).sum())} events of places without a neuron"
        )
    known = neuron >= 0
    place = when[0][known], when[1][known], neuron[known]
    if core.neuron.fires:
        np.add.at(result, place, 1)
    else:
        bits = core.neuron.state_bits
        value = (words[is_event] >> (2 + core.address_bits)) & ((1 << bits) - 1)
        result[place] = (value - ((value >> (bits - 1)) << bits))[known]
        seen = np.zeros(result.shape, dtype=np.int64)
        np.add.at(seen, place, 1)
        if (seen != 1).any():
            faults.append(f"population {core.name!r}: {int((seen != 1).sum())} read-outs missing or doubled")
    tokens = cycles[~is_event].reshape(samples, steps + 1)
    return result, tokens[:, :-1], tokens[:, -1]


def _times(
    chip: ChipConfig,
    tags: Integers,
    payloads: Integers,
    cycles: Integers,
    ends: dict[str, tuple[Integers, Integers]],
    samples: int,
) -> tuple[Integers, Integers]:
    """Clocks of every sample and between step tokens."""
    first = np.full(samples, np.iinfo(np.int64).max)
    released = first.copy()
    for index in range(len(chip.inputs)):
        chosen = tags == Tag.INPUT + index
        kinds, when = payloads[chosen] & 3, cycles[chosen]
        ends_at = np.flatnonzero(kinds == Kind.END_OF_SAMPLE)[:samples]
        starts_at = np.r_[0, ends_at[:-1] + 1]
        first = np.minimum(first, when[starts_at])
        released = np.minimum(released, when[ends_at])
    last_step = np.max([ends[name][0][:, -1] for name in chip.outputs], axis=0)
    last = np.max([ends[name][1] for name in chip.outputs], axis=0)
    return (last_step - first + 1) + (last - released), np.diff(ends[chip.outputs[0]][0], axis=1)


def _states(chip: ChipConfig, words: Integers, samples: int) -> dict[str, dict[str, Integers]]:
    """Sort the words of the state memories into neurons."""
    memories = state_memories(chip)
    transfers = [memory.transfers if chip.contents == "bus" else 1 for memory in memories]
    sizes = [memory.depth * count for memory, count in zip(memories, transfers, strict=True)]
    blocks = np.split(words.reshape(samples, -1), np.cumsum(sizes)[:-1], axis=1)
    by_name = {}
    for memory, count, block in zip(memories, transfers, blocks, strict=True):
        parts = block.reshape(samples, memory.depth, count)
        by_name[memory.name] = sum(parts[:, :, t] << (32 * t) for t in range(count))
    states: dict[str, dict[str, Integers]] = {}
    for core in chip.cores:
        lanes = np.stack([by_name[f"{core.name}.state.{lane}"] for lane in range(core.lanes)], axis=2)
        places = np.flatnonzero(np.array(core.placement) >= 0)
        neurons = np.array(core.placement)[places]
        bits, offset = core.accumulator_bits, 1 << slot_bits(core)
        fields = {"stored": lanes[:, : core.slots]}
        if core.holds:
            fields["held"] = lanes[:, offset : offset + core.slots]
        states[core.name] = {}
        for name, field in fields.items():
            value = field.reshape(samples, -1)[:, places] & ((1 << bits) - 1)
            states[core.name][name] = np.empty((samples, core.neurons), dtype=np.int64)
            states[core.name][name][:, neurons] = value - ((value >> (bits - 1)) << bits)
        if core.neuron.stores_spike:
            fired = np.empty((samples, core.neurons), dtype=np.int64)
            fired[:, neurons] = lanes[:, : core.slots].reshape(samples, -1)[:, places] >> bits & 1
            states[core.name]["fired"] = fired
    return states
