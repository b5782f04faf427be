"""What a chip costs on several targets, every figure with how it came about.

Area and clock rate of FPGAs are measured by Yosys and nextpnr; energy is modelled from counted
operations by technologies (:mod:`spikewright.boards.technology`); gates of a Liberty library are mapped and
simulated (:mod:`spikewright.boards.asic`). A figure for which there is neither a tool nor a sourced table is
None: most FPGAs have no energy here, a table of energies has no area.
"""

from collections.abc import Sequence
from dataclasses import replace
from os import cpu_count
from pathlib import Path
from typing import Any, cast

from spikewright.boards.activity import Activity
from spikewright.boards.asic import (
    Asic,
    AsicTarget,
    GateSimulation,
    asic_sources,
    asic_target,
    measure_asic,
)
from spikewright.boards.devices import DEVICES, Device
from spikewright.boards.energy import check_activity, inference_energy
from spikewright.boards.fabric import fabric_energy
from spikewright.boards.liberty import SUFFIXES, is_liberty
from spikewright.boards.measure import Design, Measured, measure
from spikewright.boards.place import nextpnr_version
from spikewright.boards.target import TargetEstimate
from spikewright.boards.technology import Technology
from spikewright.boards.technology_file import load_technology, shipped_technologies
from spikewright.boards.yosys import yosys_version
from spikewright.config import ChipConfig, identifier
from spikewright.errors import ConfigError
from spikewright.progress import Advance

__all__ = ["DEFAULT_TECHNOLOGIES", "TargetEstimate", "estimate", "work_units"]

DEFAULT_TECHNOLOGIES = ("ecp5", "45nm")


def estimate(chip: ChipConfig, rtl: Path, work: Path, *, technologies: Sequence[str] = DEFAULT_TECHNOLOGIES,
             activity: Activity | None = None, seeds: Sequence[int] = (1, 2, 3), top: str = "chip",
             run_in: Path | None = None, jobs: int | None = None, progress: Advance | None = None,
             simulation: GateSimulation | None = None) -> list[TargetEstimate]:
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
        paths of technology files, or of Liberty files (``PATH``, or ``PATH@TECHNOLOGY`` with the technology
        of the memories).
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
    simulation
        How gates of Liberty libraries are simulated; without it these have neither latency nor energy.

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
    libraries = {name: asic_target(name) for name in names if is_liberty(name.partition("@")[0])}
    energies = {name: energy_technology(name) for name in names if name not in libraries}
    # So far nothing has run.
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
        elif name in libraries:
            folder = design.work / Path(name).name.replace("@", "_")
            asic = measure_asic(libraries[name], rtl, folder, top=top, run_in=design.run_in,
                                simulation=simulation)
            advance(1, name)
            targets.append(library_target(libraries[name], asic, simulation))
            continue
        else:
            target = TargetEstimate(technology=name)
            advance(1, name)
        target = with_activity(target, chip, activity, energies[name])
        targets.append(target if activity is None else with_sound(target, chip, activity))
    return targets


def library_target(target: AsicTarget, asic: Asic, simulation: GateSimulation | None) -> TargetEstimate:
    """The row of a Liberty library."""
    row = TargetEstimate(
        technology=target.library.path.name, gates=asic.gates, ffs=asic.ffs, macros=asic.macros,
        area_um2=asic.logic_area_um2 + asic.memory_area_um2, logic_area_um2=asic.logic_area_um2,
        memory_area_um2=asic.memory_area_um2, fmax_mhz=asic.fmax_mhz,
        leakage_uw=asic.logic_leakage_uw + asic.memory_leakage_uw,
        sources=tuple(asic_sources(asic, target, simulation)))
    if simulation is None or asic.logic is None or asic.memory_pj is None or asic.cycles is None:
        return row
    samples, operations = simulation.activity.samples, simulation.activity.synaptic_operations
    cycles = asic.cycles / samples
    latency = cycles / asic.fmax_mhz if asic.fmax_mhz else None
    logic, memory = asic.logic.total_pj / samples / 1e3, asic.memory_pj / samples / 1e3
    leakage = (row.leakage_uw or 0.0) * latency / 1e3 if latency else 0.0
    energy = logic + memory + leakage
    return replace(
        row, cycles_per_inference=cycles, latency_us=latency, energy_per_inference_nj=energy,
        energy_per_sop_pj=1e3 * energy * samples / operations if operations else None,
        memory_nj=memory, compute_nj=logic, leakage_nj=leakage,
        power_mw=energy / latency if latency else None)


def by_core(chip: ChipConfig, measured: Measured, figure: str) -> dict[str, int]:
    """One figure of every core, and of every encoder."""
    parts = {core.name: f"core_{identifier(core.name)}" for core in chip.cores}
    parts |= {port.name: f"encoder_{identifier(port.name)}" for port in chip.inputs
              if port.encoder is not None}
    return {name: measured.instances.get(instance, {}).get(figure, 0) for name, instance in parts.items()}


def work_units(technologies: Sequence[str], seeds: Sequence[int]) -> int:
    """How much work :func:`estimate` reports to ``progress``: a unit a synthesis, a placement, a table."""
    return sum(1 + len(seeds) if name in DEVICES else 1 for name in dict.fromkeys(technologies))


def energy_technology(name: str) -> Technology | None:
    """Energies for a target: a technology file; of an FPGA the one of its name, if one comes along."""
    if name in DEVICES:
        return load_technology(name) if name in shipped_technologies() else None
    if name not in shipped_technologies() and Path(name).suffix not in (".yaml", ".yml"):
        known = ", ".join(dict.fromkeys([*DEVICES, *shipped_technologies()]))
        kinds = ", ".join(SUFFIXES)
        raise ConfigError(f"technology must be one of {known}, a YAML file or a Liberty file ({kinds}),"
                          f" not {name!r}")
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
    if technology.fabric is not None:
        return fabric_energy(replace(target, sources=tuple(sources)), activity, technology)
    energy = inference_energy(chip, activity, technology)
    return replace(
        target, sources=(*sources, *energy.sources),
        energy_low_nj=energy.low_nj, energy_high_nj=energy.high_nj,
        energy_per_inference_nj=energy.energy_per_inference_nj, energy_per_sop_pj=energy.energy_per_sop_pj,
        memory_nj=energy.memory_nj, compute_nj=energy.compute_nj, energy_by_core_nj=energy.by_core_nj,
        power_mw=energy.energy_per_inference_nj / latency if latency else None)


def with_sound(target: TargetEstimate, chip: ChipConfig, activity: Activity) -> TargetEstimate:
    """The same row by the second of sound, where an encoder stands in front; of several the longest sound."""
    seconds = max((activity.encoders[port.name].samples / port.encoder.sample_rate_hz
                   for port in chip.inputs if port.encoder is not None), default=0.0)
    if not seconds:
        return target
    heard = f"{seconds:.3f} s of sound in {activity.samples} recordings, without the steps they are padded by"
    latency, energy, sources = target.latency_us, target.energy_per_inference_nj, list(target.sources)
    if latency is not None:
        sources.append(f"real_time_factor: by latency_us, {heard}")
    if energy is not None:
        sources.append(f"energy_per_second_uj: energy_per_inference_nj by {heard}")
    return replace(
        target, sources=tuple(sources),
        real_time_factor=1e6 * seconds / (latency * activity.samples) if latency else None,
        energy_per_second_uj=None if energy is None else energy * activity.samples / seconds / 1e3)
