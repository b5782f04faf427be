"""What a chip costs on several targets, every figure with how it came about.

Area and clock rate of FPGAs are measured by Yosys and nextpnr; energy is modelled from counted
operations by technologies (:mod:`spikewright.boards.technology`). A figure for which there is
neither a tool nor a sourced table is None: FPGAs have no energy here, a table of energies has no area.
"""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from os import cpu_count
from pathlib import Path
from typing import Any, cast

from spikewright.boards.activity import Activity
from spikewright.boards.devices import DEVICES, Device
from spikewright.boards.energy import check_activity, inference_energy
from spikewright.boards.measure import Design, Measured, measure
from spikewright.boards.place import nextpnr_version
from spikewright.boards.technology import Technology, load_technology, shipped_technologies
from spikewright.boards.yosys import yosys_version
from spikewright.config import ChipConfig, identifier
from spikewright.errors import ConfigError
from spikewright.progress import Advance

__all__ = ["DEFAULT_TECHNOLOGIES", "TargetEstimate", "estimate", "work_units"]

DEFAULT_TECHNOLOGIES = ("ecp5", "45nm")


@dataclass(frozen=True, slots=True, kw_only=True)
class TargetEstimate:
    """One target; None where there is no such figure. Its fields are those of ``estimate --json``.

    Parameters
    ----------
    part
        FPGA that was placed for.
    luts, carries, ffs, brams, dsps, lutram_cells
        Cells of the synthesised netlist.
    logic_cells
        What the placer used: look-up tables, carries and distributed RAM together.
    fmax_mhz
        The lowest of all seeds, out of context; ``seed_fmax_mhz`` has each.
    latency_us
        ``cycles_per_inference`` at that clock.
    memory_nj, compute_nj
        The parts of ``energy_per_inference_nj``.
    luts_by_core, brams_by_core, energy_by_core_nj
        The same figures core by core; what belongs to none (links, forks, the bus) is in the sums alone.
    reason
        Why figures are missing that could be there: the design does not fit.
    sources
        How every figure came about.
    """

    technology: str
    part: str | None = None
    luts: int | None = None
    carries: int | None = None
    logic_cells: int | None = None
    ffs: int | None = None
    brams: int | None = None
    dsps: int | None = None
    lutram_cells: int | None = None
    area_um2: float | None = None
    fmax_mhz: float | None = None
    seed_fmax_mhz: tuple[float | None, ...] = ()
    cycles_per_inference: float | None = None
    latency_us: float | None = None
    energy_per_inference_nj: float | None = None
    energy_per_sop_pj: float | None = None
    memory_nj: float | None = None
    compute_nj: float | None = None
    power_mw: float | None = None
    luts_by_core: dict[str, int] | None = None
    brams_by_core: dict[str, int] | None = None
    energy_by_core_nj: dict[str, float] | None = None
    reason: str | None = None
    sources: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """As an object for JSON."""
        return json.loads(json.dumps(asdict(self)))  # type: ignore[no-any-return]


def estimate(chip: ChipConfig, rtl: Path, work: Path, *, technologies: Sequence[str] = DEFAULT_TECHNOLOGIES,
             activity: Activity | None = None, seeds: Sequence[int] = (1, 2, 3), top: str = "chip",
             run_in: Path | None = None, jobs: int | None = None, progress: Advance | None = None
             ) -> list[TargetEstimate]:
    """Estimate a chip on several targets.

    Parameters
    ----------
    rtl
        Folder of its Verilog, top module ``top``.
    work
        Folder for netlists, reports, logs and results, one folder an FPGA inside. Results are taken
        from there where the Verilog, the contents of its memories, the tools and the seeds are the same.
    technologies
        Names of FPGAs (:data:`spikewright.boards.devices.DEVICES`) and of technologies that come along,
        or paths of technology files.
    activity
        What a run counted; without it there are neither latencies nor energies.
    seeds
        Of the placer; the slowest counts.
    run_in
        Folder that file names in ``$readmemh`` are relative to; by default the one above ``rtl``.
    jobs
        Tools that run at once; by default as many as there are processors.
    progress
        Told of every finished step; :func:`work_units` says how many there are.

    Raises
    ------
    ConfigError
        If a technology is unknown or wrong, or the activity is of another chip.
    ToolError
        If a tool is missing or stops. A design that does not fit is no error: its ``reason`` says so.
    """
    names = tuple(dict.fromkeys(technologies))
    if not seeds:
        raise ConfigError("seeds must be one or more, not none")
    energies = {name: energy_technology(name) for name in names}  # complains before anything runs
    if activity is not None:
        check_activity(chip, activity)
    devices = [DEVICES[name] for name in names if name in DEVICES]
    design = Design(rtl=rtl, work=work, top=top, run_in=run_in or rtl.parent, seeds=tuple(seeds),
                    jobs=jobs or cpu_count() or 1)

    def advance(amount: float, note: str) -> None:
        if progress is not None:
            progress(amount, note)

    measured = measure(design, devices, advance)
    targets = []
    for name in names:
        if name in DEVICES:
            target = replace(fpga_target(DEVICES[name], measured[name], seeds),
                             luts_by_core=by_core(chip, measured[name], "luts"),
                             brams_by_core=by_core(chip, measured[name], "brams"))
        else:
            target = TargetEstimate(technology=name)
            advance(1, name)
        targets.append(with_activity(target, chip, activity, energies[name]))
    return targets


def by_core(chip: ChipConfig, measured: Measured, figure: str) -> dict[str, int]:
    """One figure of every core."""
    return {core.name: measured.instances.get(f"core_{identifier(core.name)}", {}).get(figure, 0)
            for core in chip.cores}


def work_units(technologies: Sequence[str], seeds: Sequence[int]) -> int:
    """How much work :func:`estimate` reports to ``progress``: a unit a synthesis, a placement, a table."""
    return sum(1 + len(seeds) if name in DEVICES else 1 for name in dict.fromkeys(technologies))


def energy_technology(name: str) -> Technology | None:
    """Energies for a target: a technology file; of an FPGA the one of its name, if one comes along."""
    if name in DEVICES:
        return load_technology(name) if name in shipped_technologies() else None
    if name not in shipped_technologies() and Path(name).suffix not in (".yaml", ".yml"):
        known = ", ".join([*DEVICES, *shipped_technologies()])
        raise ConfigError(f"technology must be one of {known} or a YAML file, not {name!r}")
    return load_technology(name)


def fpga_target(device: Device, measured: Measured, seeds: Sequence[int]) -> TargetEstimate:
    """The row of an FPGA, without what depends on activity."""
    reached = [mhz for mhz in measured.seed_fmax_mhz if mhz is not None]
    sources = [f"luts, carries, ffs, brams, dsps: measured, Yosys {yosys_version()} synth_{device.family}"]
    if measured.reason is None:
        how = "--out-of-context" if device.family == "ecp5" else "pins but clock and reset left out"
        each = ", ".join("none" if mhz is None else f"{mhz:.1f}" for mhz in measured.seed_fmax_mhz)
        sources.append(
            f"logic_cells, fmax_mhz: measured, nextpnr-{device.family} {nextpnr_version(device.family)},"
            f" {device.part} {device.package}, {how}; fmax_mhz the lowest of seeds"
            f" {', '.join(map(str, seeds))}: {each} MHz")
    return TargetEstimate(
        technology=device.technology, part=device.part, **cast(dict[str, Any], measured.cells),
        logic_cells=measured.logic_cells,
        fmax_mhz=min(reached, default=None), seed_fmax_mhz=measured.seed_fmax_mhz, reason=measured.reason,
        sources=tuple(sources))


def with_activity(target: TargetEstimate, chip: ChipConfig, activity: Activity | None,
                  technology: Technology | None) -> TargetEstimate:
    """The same row with cycles, latency, energy and power, as far as there are such figures."""
    sources = list(target.sources)
    if activity is None:
        return replace(target, sources=(*sources, "cycles, energy: none without activity"))
    clock = target.fmax_mhz
    if clock is None and technology is not None and technology.clock is not None:
        clock = technology.clock.mhz
        sources.append(f"latency_us: at {clock:g} MHz, {technology.clock.source}")
    cycles = None if activity.cycles is None else activity.cycles / activity.samples
    latency = None if cycles is None or clock is None else cycles / clock
    if cycles is not None:
        sources.append(f"cycles_per_inference: {activity.cycles_source}, mean of {activity.samples} samples")
    if latency is not None and target.fmax_mhz is not None:
        sources.append("latency_us: cycles_per_inference at fmax_mhz")
    target = replace(target, cycles_per_inference=cycles, latency_us=latency)
    if technology is None:
        sources.append("energy, power: none; no sourced table of energies of this FPGA comes along")
        return replace(target, sources=tuple(sources))
    energy = inference_energy(chip, activity, technology)
    return replace(
        target, sources=(*sources, *energy.sources),
        energy_per_inference_nj=energy.energy_per_inference_nj, energy_per_sop_pj=energy.energy_per_sop_pj,
        memory_nj=energy.memory_nj, compute_nj=energy.compute_nj, energy_by_core_nj=energy.by_core_nj,
        power_mw=energy.energy_per_inference_nj / latency if latency else None)
