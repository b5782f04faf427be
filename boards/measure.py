"""Area and clock rate of a design on several FPGAs: synthesised, then placed with every seed, in parallel."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TypeVar

from spikewright.boards.cache import design_key, read_results, write_results
from spikewright.boards.devices import Device
from spikewright.boards.place import DoesNotFitError, Placement, place
from spikewright.boards.synth import Synthesis, synthesise

__all__ = ["Design", "Measured", "measure"]

Task = TypeVar("Task")
Result = TypeVar("Result")
Advance = Callable[[float, str], None]
"""Told how much work is done, and of what."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """What the tools gave for one device.

    Parameters
    ----------
    cells
        ``luts`` and the other sums of :data:`spikewright.boards.synth.CELLS`.
    instances
        The same sums for every instance inside the top module.
    logic_cells, seed_fmax_mhz
        What the placer used, most of all seeds, and what it reached with each.
    reason
        Why it was not placed: it does not fit.
    """

    cells: dict[str, int]
    instances: dict[str, dict[str, int]] = field(default_factory=dict)
    logic_cells: int | None = None
    seed_fmax_mhz: tuple[float | None, ...] = ()
    reason: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Design:
    """What is synthesised, and how.

    Parameters
    ----------
    rtl, top, run_in
        As of :func:`spikewright.boards.synth.synthesise`.
    work
        Takes one folder a device, with its results.
    jobs
        Tools that run at once.
    """

    rtl: Path
    work: Path
    top: str
    run_in: Path
    seeds: tuple[int, ...]
    jobs: int


def measure(design: Design, devices: Sequence[Device], advance: Advance) -> dict[str, Measured]:
    """Synthesise and place on every device; what is known is not run again."""
    results: dict[str, Measured] = {}
    keys: dict[str, str] = {}
    for device in devices:
        name = device.technology
        keys[name] = design_key(design.rtl, device, design.seeds, design.top, design.run_in)
        known = read_results(design.work / name, keys[name])
        if known is not None:
            results[name] = Measured(**known)
            advance(1 + len(design.seeds), name)
    fresh = [device for device in devices if device.technology not in results]
    for device, measured in zip(fresh, run_tools(design, fresh, advance), strict=True):
        name = device.technology
        results[name] = measured
        write_results(design.work / name, keys[name], asdict(measured))
    return results


def run_tools(design: Design, devices: Sequence[Device], advance: Advance) -> list[Measured]:
    """Synthesise for every device, then place with every seed; several tools at once."""
    def synthesise_one(device: Device) -> Synthesis:
        folder = design.work / device.technology
        return synthesise(design.rtl, device, folder, top=design.top, run_in=design.run_in)

    def place_one(task: tuple[Synthesis, int]) -> Placement | str:
        synthesis, seed = task
        try:
            return place(synthesis.netlist, synthesis.device, seed=seed, top=design.top)
        except DoesNotFitError as error:
            return str(error)

    syntheses = in_parallel(synthesise_one, devices, design.jobs,
                            lambda device: advance(1, f"{device.technology} synthesised"))
    shortages = [shortage(synthesis) for synthesis in syntheses]
    tasks = [(synthesis, seed) for synthesis, short in zip(syntheses, shortages, strict=True) if short is None
             for seed in design.seeds]
    placed = iter(in_parallel(place_one, tasks, design.jobs,
                              lambda task: advance(1, f"{task[0].device.technology} placed, seed {task[1]}")))
    measured = []
    for synthesis, short in zip(syntheses, shortages, strict=True):
        if short is not None:
            advance(len(design.seeds), f"{synthesis.device.technology} does not fit")
        placements = [] if short is not None else [next(placed) for _ in design.seeds]
        measured.append(summary(synthesis, placements, short))
    return measured


def in_parallel(function: Callable[[Task], Result], tasks: Sequence[Task], jobs: int,
                done: Callable[[Task], None]) -> list[Result]:
    """Results in the order of their tasks; after an error no further task is begun."""
    with ThreadPoolExecutor(jobs) as pool:
        futures = {pool.submit(function, task): task for task in tasks}
        try:
            for future in as_completed(futures):
                future.result()
                done(futures[future])
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise
        return [future.result() for future in futures]


def shortage(synthesis: Synthesis) -> str | None:
    """What the device has too little of, as far as synthesis tells."""
    return synthesis.device.shortage({
        "logic_cells": synthesis.least_logic_cells, "brams": synthesis.brams, "dsps": synthesis.dsps})


def summary(synthesis: Synthesis, placements: Sequence[Placement | str], short: str | None) -> Measured:
    """What is kept of the tools' results; a placement that failed is its reason."""
    figures = ("luts", "carries", "ffs", "brams", "dsps", "lutram_cells")
    cells = {figure: int(getattr(synthesis, figure)) for figure in figures}
    instances = {name: dict(sums) for name, sums in synthesis.instances.items()}
    reasons = [placement for placement in placements if isinstance(placement, str)]
    if short is not None or reasons:
        return Measured(cells=cells, instances=instances, reason=short or reasons[0])
    fitting = [placement for placement in placements if isinstance(placement, Placement)]
    return Measured(cells=cells, instances=instances,
                    logic_cells=max(placement.logic_cells for placement in fitting),
                    seed_fmax_mhz=tuple(placement.fmax_mhz for placement in fitting))
