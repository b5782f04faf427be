"""One row of an estimate: what a chip costs on one target."""

import json
from dataclasses import asdict, dataclass
from typing import Any

__all__ = ["TargetEstimate"]


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
    gates, ffs, macros
        Of a Liberty library: cells, registers among them, memories that are SRAM macros.
    area_um2, logic_area_um2, memory_area_um2
        Of cells and macros together, and of each; not of routing.
    leakage_uw
        Of cells and macros.
    memory_nj, compute_nj, leakage_nj
        The parts of ``energy_per_inference_nj``: memories, logic, and leakage or static power.
    energy_low_nj, energy_high_nj
        Error bar of ``energy_per_inference_nj``, where its model has one.
    real_time_factor, energy_per_second_uj
        Of a chip that takes sound: seconds of sound worked on in a second, energy of a second of sound.
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
    gates: int | None = None
    macros: int | None = None
    area_um2: float | None = None
    logic_area_um2: float | None = None
    memory_area_um2: float | None = None
    leakage_uw: float | None = None
    fmax_mhz: float | None = None
    seed_fmax_mhz: tuple[float | None, ...] = ()
    cycles_per_inference: float | None = None
    latency_us: float | None = None
    energy_per_inference_nj: float | None = None
    energy_per_sop_pj: float | None = None
    memory_nj: float | None = None
    compute_nj: float | None = None
    leakage_nj: float | None = None
    energy_low_nj: float | None = None
    energy_high_nj: float | None = None
    power_mw: float | None = None
    real_time_factor: float | None = None
    energy_per_second_uj: float | None = None
    luts_by_core: dict[str, int] | None = None
    brams_by_core: dict[str, int] | None = None
    energy_by_core_nj: dict[str, float] | None = None
    reason: str | None = None
    sources: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """As an object for JSON."""
        return json.loads(json.dumps(asdict(self)))  # type: ignore[no-any-return]
