"""The stage ``cosim``: the build's Verilog against PyTorch, and what is kept of it."""

import shutil
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from spikewright.boards.activity import count_operations, write_activity
from spikewright.build import SCRATCH, BuildFolder
from spikewright.config import ChipConfig
from spikewright.cosim.run import CosimResult, cosimulate
from spikewright.cosim.simulators import SIMULATORS, Simulator
from spikewright.cosim.timing import predict_cycles
from spikewright.errors import ConfigError, ToolError
from spikewright.manifest import StageRecord, hash_bytes
from spikewright.models.trace import decode
from spikewright.network import IntegerNetwork
from spikewright.progress import waiting
from spikewright.stages.common import (
    Arrays,
    array_hash,
    read_summary,
    run_stage,
    versions,
    write_summary,
)
from spikewright.stages.stimulus import Stimulus

__all__ = ["Cosim", "CosimOptions", "run_cosim"]

SUMMARY, HARDWARE, SAMPLE, ACTIVITY = (
    f"cosim/{name}" for name in ("summary.json", "hardware.npz", "sample.npz", "activity.json")
)


@dataclass(frozen=True, slots=True, kw_only=True)
class CosimOptions:
    """How to co-simulate; see :func:`spikewright.cosim.run.cosimulate`."""

    simulator: Simulator = "verilator"
    stall: float = 0.0
    seed: int = 0
    waves: bool = False

    def __post_init__(self) -> None:
        if self.simulator not in SIMULATORS:
            raise ConfigError(f"simulator must be {' or '.join(SIMULATORS)}, not {self.simulator!r}")
        if self.seed < 0:
            raise ConfigError(f"seed must be 0 or more, not {self.seed}")


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


def run_cosim(
    folder: BuildFolder,
    chip: ChipConfig,
    network: IntegerNetwork,
    stimulus: Stimulus,
    options: CosimOptions,
    *,
    images: Mapping[str, Any] | None,
    force: bool,
) -> Cosim:
    """Co-simulate and keep the result in the build."""
    x, y = stimulus.x, stimulus.y
    arrays: Arrays = {name: np.asarray(array) for name, array in x.items()}
    labels = None if y is None else np.asarray(y)
    samples = next(iter(arrays.values())).shape[:1]
    if labels is not None and labels.shape != samples:
        raise ConfigError(f"y: must have shape {samples}, not {labels.shape}")
    record = StageRecord(
        options={
            **stimulus.options,
            "simulator": options.simulator,
            "stall": options.stall,
            "seed": options.seed,
            "waves": options.waves,
        },
        inputs={
            "x": array_hash(arrays),
            "y": "none" if labels is None else array_hash({"y": labels}),
            "build": hash_bytes(repr(sorted(folder.hashes("compile").items())).encode()),
            **versions("cosim", "torch", "numpy", "cocotb", "verilator"),
        },
    )

    def action(staging: Path) -> None:
        path = folder.path.resolve()  # cocotb's runner changes folders
        with waiting(f"building and running the {options.simulator} simulation"):
            result = cosimulate(
                chip,
                network,
                x,
                rtl=path / "rtl",
                memory=path / "memory",
                work=path / SCRATCH / "cosim",
                images=images,
                simulator=options.simulator,
                stall=options.stall,
                seed=options.seed,
                waves=options.waves,
            )
        (staging / "cosim").mkdir()
        if options.waves:
            keep_waves(path / SCRATCH / "cosim", staging / "cosim")
        keep(staging, chip, network, replace(stimulus, x=arrays, y=labels), result, options)

    ran = run_stage(folder, "cosim", record, action, force=force)
    return load_cosim(folder.path, ran=ran)


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
    options: CosimOptions,
) -> None:
    """Write a result to the staging folder."""
    x, y = stimulus.x, stimulus.y
    hardware, model, comparison = result.hardware, result.model, result.comparison
    activity = count_operations(
        chip,
        network,
        {**x, **model.spikes},
        cycles=int(hardware.cycles.sum()),
        event_cycles=hardware.event_cycles,
        update_cycles=hardware.update_cycles,
    )
    write_activity(activity, staging / ACTIVITY)
    predicted = predict_cycles(chip, network, {**x, **model.spikes})
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
        "mismatches": comparison.mismatches,
        "first_divergence": None if divergence is None else str(divergence),
        "faults": hardware.faults,
        "firing_rates": {name: float(array.mean()) for name, array in model.spikes.items()},
        "cycles": int(hardware.cycles.sum()),
        "cycles_per_step": float(hardware.step_cycles.mean()) if hardware.step_cycles.size else None,
        "event_cycles": hardware.event_cycles,
        "update_cycles": hardware.update_cycles,
        "predicted_cycles": int(predicted.cycles.sum()),
        "simulator": result.simulator,
        "steps_per_second": result.steps_per_second,
        "build_seconds": result.build_seconds,
        "run_seconds": result.run_seconds,
        "accuracy": None if y is None else float((classes == y).mean()),
        "stimulus": stimulus.name,
        "stall": options.stall,
        "seed": options.seed,
    }
    write_summary(staging / SUMMARY, summary)


def keep_waves(work: Path, target: Path) -> None:
    """Bring over the newest waveform, which each simulator leaves under a name and in a place of its own."""
    found = [file for file in work.rglob("*") if file.suffix in (".vcd", ".fst")]
    if not found:
        raise ToolError(f"{work}: the simulator left no waveform")
    newest = max(found, key=lambda file: file.stat().st_mtime_ns)
    shutil.copyfile(newest, target / f"waves{newest.suffix}")


def save_arrays(file: Path, arrays: Mapping[str, Any]) -> None:
    """Write an npz; the same arrays give the same bytes."""
    with file.open("wb") as stream:
        np.savez_compressed(stream, **arrays)
