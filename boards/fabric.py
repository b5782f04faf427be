"""Energy of an FPGA that was measured as a whole: clock distribution, used logic cells, static power.

How much a logic cell takes in a cycle hangs on how often it switches. It was measured in logic that hardly
does (long counters) and in logic that does much (a multiplier whose operands count up): what is given lies
between the two, at their geometric mean, with both as error bar. Block RAM is in none of the measurements, so
it is not in the energy.
"""

import math
from dataclasses import replace

from spikewright.boards.activity import Activity
from spikewright.boards.target import TargetEstimate
from spikewright.boards.technology import Technology

__all__ = ["fabric_energy"]


def fabric_energy(target: TargetEstimate, activity: Activity, technology: Technology) -> TargetEstimate:
    """The same row with energy and power, where it has logic cells, cycles and a latency."""
    fabric, cells, cycles, latency = (technology.fabric, target.logic_cells, target.cycles_per_inference,
                                      target.latency_us)
    assert fabric is not None, "asked of technologies with a fabric only"
    if cells is None or cycles is None or latency is None:
        reason = "energy, power: none without logic cells placed, cycles and a clock"
        return replace(target, sources=(*target.sources, reason))
    static_nj = fabric.static_mw.value * latency
    quiet, busy = fabric.quiet_cell_pj.value, fabric.busy_cell_pj.value
    bounds = [cycles * (fabric.cycle_pj.value + cells * each) / 1e3 for each in
              (quiet, math.sqrt(quiet * busy), busy)]
    low, middle, high = (static_nj + bound for bound in bounds)
    figures = (fabric.cycle_pj, fabric.quiet_cell_pj, fabric.busy_cell_pj, fabric.static_mw)
    operations = activity.synaptic_operations / activity.samples
    return replace(
        target, energy_per_inference_nj=middle, energy_low_nj=low, energy_high_nj=high, compute_nj=bounds[1],
        leakage_nj=static_nj, energy_per_sop_pj=1e3 * middle / operations if operations else None,
        power_mw=middle / latency,
        sources=(
            *target.sources,
            "energy, power: modelled, clocks times the energy of a cycle and of every logic cell in it, and"
            f" static power over the latency; a cell takes between {quiet:g} pJ in logic that hardly switches"
            f" and {busy:g} pJ in a busy multiplier, their geometric mean is given, both are the error bar;"
            " without block RAM, multipliers and pins, of which no measurement was found",
            f"energy of a cycle and a cell: {'; '.join(dict.fromkeys(row.source for row in figures))}",
        ))
