"""What the stage ``cosim`` keeps of a run in the build."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from spikewright.boards.activity_file import write_activity
from spikewright.boards.counting import count_operations
from spikewright.config import ChipConfig
from spikewright.cosim.compare import Divergence
from spikewright.cosim.records import LockedError
from spikewright.cosim.run import CosimResult, Setup
from spikewright.cosim.timing import predict_cycles
from spikewright.models.trace import decode
from spikewright.network import IntegerNetwork
from spikewright.stages.common import Arrays, read_summary, write_summary
from spikewright.stages.injection import faults_found
from spikewright.stages.stimulus import Stimulus

__all__ = ["FAULTS", "Cosim", "as_divergence", "keep", "load_cosim"]

SUMMARY, HARDWARE, SAMPLE, ACTIVITY, FAULTS = (
    f"cosim/{name}" for name in ("summary.json", "hardware.npz", "sample.npz", "activity.json", "faults.json")
)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Cosim:
    """What a co-simulation found.

    Parameters
    ----------
    summary
        The object that ``spikewright cosim --json`` prints.
    spikes, readouts
        What the hardware did, by population, ``(samples, steps, neurons)``.
    ran
        False where the same run stood in the build already.
    """

    summary: dict[str, Any]
    spikes: Arrays
    readouts: Arrays
    ran: bool

    @property
    def mismatches(self) -> int:
        """Places where hardware and PyTorch differ."""
        return int(self.summary["mismatches"])

    @property
    def held(self) -> bool:
        """Whether the check held: no mismatch, and of injected faults enough found."""
        return not self.mismatches and faults_found(self.summary)


def load_cosim(path: Path, *, ran: bool = False) -> Cosim:
    """The co-simulation that stands in a build."""
    kept: dict[str, Arrays] = {"spikes": {}, "readouts": {}}
    with (path / HARDWARE).open("rb") as stream, np.load(stream, allow_pickle=False) as arrays:
        for key in arrays.files:
            kind, name = key.split(".", 1)
            kept[kind][name] = arrays[key]
    return Cosim(summary=read_summary(path / SUMMARY), **kept, ran=ran)


def keep(
    staging: Path,
    chip: ChipConfig,
    network: IntegerNetwork,
    stimulus: Stimulus,
    result: CosimResult,
    setup: Setup,
    found: Mapping[str, Any],
) -> None:
    """Write a result to the staging folder; ``found`` is added to its summary."""
    x, y = stimulus.x, stimulus.y
    hardware, model, comparison = result.hardware, result.model, result.comparison
    activity = count_operations(
        chip,
        network,
        {**x, **model.spikes},
        cycles=int(hardware.cycles.sum()),
        event_cycles=hardware.event_cycles,
        update_cycles=hardware.update_cycles,
        sound=stimulus.sound,
    )
    write_activity(activity, staging / ACTIVITY)
    predicted = predict_cycles(chip, network, {**x, **model.spikes}, stimulus.sound)
    save_arrays(staging / HARDWARE, {
        **{f"spikes.{name}": array for name, array in hardware.spikes.items()},
        **{f"readouts.{name}": array.astype(np.int32) for name, array in hardware.readouts.items()},
    })  # fmt: skip
    divergence = comparison.divergence
    index = divergence.sample if divergence else 0
    save_arrays(staging / SAMPLE, {
        "sample": np.array(index),
        **{f"input.{name}": array[index] for name, array in x.items()},
        **{f"model.{name}": array[index] for name, array in (model.spikes | model.readouts).items()},
        **{f"hardware.{name}": array[index] for name, array in (hardware.spikes | hardware.readouts).items()},
    })  # fmt: skip
    output = hardware.spikes | hardware.readouts
    classes = decode(output[chip.outputs[0]], chip.decode)
    summary: dict[str, Any] = {
        "samples": result.samples,
        "steps": result.steps,
        "spikes_compared": comparison.spikes_compared,
        "places_compared": comparison.places_compared,
        "readouts_compared": comparison.readouts_compared,
        "states_compared": comparison.states_compared,
        "stepped_samples": result.stepped,
        "step_states_compared": comparison.step_states_compared,
        "mismatches": comparison.mismatches,
        "first_divergence": None if divergence is None else str(divergence),
        "faults": [str(breach) for breach in hardware.faults],
        "firing_rates": {name: float(array.mean()) for name, array in model.spikes.items()},
        "cycles": int(hardware.cycles.sum()),
        "cycles_per_step": float(hardware.step_cycles.mean()) if hardware.step_cycles.size else None,
        "event_cycles": hardware.event_cycles,
        "update_cycles": hardware.update_cycles,
        "predicted_cycles": int(predicted.cycles.sum()),
        "predicted_cycles_per_step": predicted.step_cycles,
        "encoder_cycles": hardware.encoder_cycles,
        "predicted_encoder_cycles": predicted.encoder_cycles,
        "predicted_event_cycles": predicted.event_cycles,
        "predicted_update_cycles": predicted.update_cycles,
        "simulator": result.simulator,
        "steps_per_second": result.steps_per_second,
        "build_seconds": result.build_seconds,
        "run_seconds": result.run_seconds,
        "accuracy": None if y is None else float((classes == y).mean()),
        "stimulus": stimulus.name,
        "notes": list(stimulus.notes),
        "stall": setup.stall,
        "seed": setup.seed,
        **found,
    }
    write_summary(staging / SUMMARY, summary)


def as_divergence(error: LockedError) -> Divergence:
    """Where a run stands still."""
    breach = error.breach
    return Divergence(
        sample=breach.sample or 0,
        step=breach.step,
        population=breach.population or "",
        what=breach.what,
        stepped=breach.stepped,
    )


def save_arrays(file: Path, arrays: Mapping[str, Any]) -> None:
    """Write an npz; the same arrays give the same bytes."""
    with file.open("wb") as stream:
        np.savez_compressed(stream, **arrays)
