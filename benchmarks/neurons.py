"""What kinds of neurons cost on an ECP5: one core 64-32, cells, clock and cycles; for docs/benchmarks.md.

Every core is compiled, co-simulated for 1,000 steps of random spikes (0 mismatches, or it stops),
synthesised, and placed with three seeds. Areas and cycles are the same on any machine.

    python benchmarks/neurons.py [--output neurons.json]
"""

import argparse
import json
import tempfile
from pathlib import Path
from typing import Any

import nir
import numpy as np

import spikewright

INPUTS, NEURONS, DT = 64, 32, 1e-3
SEMANTICS = {"dt": DT, "integration": "euler", "reset": "subtract", "reset_when": "now", "compare": "ge"}
CASES: dict[str, tuple[str, dict[str, Any]]] = {
    "LIF": ("LIF", {}),
    "LIF, up to 7 spikes": ("LIF", {"max_spikes_per_step": 7}),
    "LIF, up to 255 spikes": ("LIF", {"max_spikes_per_step": 255}),
    "CubaLIF": ("CubaLIF", {}),
    "CubaLIF, current of the step before": ("CubaLIF", {"cuba_order": "potential_first"}),
    "CubaLIF, up to 7 spikes": ("CubaLIF", {"max_spikes_per_step": 7}),
    "LI": ("LI", {}),
    "CubaLI": ("CubaLI", {}),
}
"""Class of the node, and what its semantics add."""


def graph(kind: str) -> nir.NIRGraph:
    """A core of random weights; its potential decays by 7/8 a step, a current by 3/4; threshold 1."""
    weights = np.random.default_rng(0).normal(0, 1.6 / np.sqrt(INPUTS), (NEURONS, INPUTS))
    one = np.ones(NEURONS)
    tau, tau_syn = 8 * DT * one, 4 * DT * one
    levels: dict[str, Any] = {"r": tau / DT, "v_leak": 0 * one}
    if kind.startswith("Cuba"):
        levels |= {"tau_mem": tau, "tau_syn": tau_syn, "w_in": tau_syn / DT}
    else:
        levels["tau"] = tau
    if kind.endswith("LIF"):
        levels |= {"v_threshold": one, "v_reset": 0 * one}
    nodes = {"input": nir.Input(np.array([INPUTS])), "fc": nir.Linear(weights),
             "core": getattr(nir, kind)(**levels), "output": nir.Output(np.array([NEURONS]))}
    return nir.NIRGraph(nodes=nodes, edges=[("input", "fc"), ("fc", "core"), ("core", "output")])


def measure(name: str, folder: Path) -> dict[str, Any]:
    """One row of the table."""
    kind, more = CASES[name]
    build = spikewright.compile(graph(kind), semantics={**SEMANTICS, **more}, weight_bits=6,
                                output=folder / str(list(CASES).index(name)))
    cosim = build.cosim(bernoulli=0.1, samples=10, steps=100, seed=1)
    if cosim.mismatches:
        raise SystemExit(f"{name}: {cosim.mismatches} mismatches")
    figures = build.estimate(["ecp5"])["targets"][0]
    (core,) = build.chip.cores
    return {
        "name": name, "lanes": core.lanes, "accumulator_bits": core.accumulator_bits,
        "potential_bits": core.potential_bits,
        **{key: figures[key] for key in ("luts", "carries", "logic_cells", "ffs", "brams", "lutram_cells",
                                         "fmax_mhz", "seed_fmax_mhz")},
        "cycles_per_step": cosim.summary["cycles_per_step"],
        "update_cycles": cosim.summary["update_cycles"], "firing_rates": cosim.summary["firing_rates"],
    }


def main() -> None:
    """Print the rows, and write them where asked."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--output", type=Path)
    options = parser.parse_args()
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        for name in CASES:
            rows.append(measure(name, Path(folder)))
            row = rows[-1]
            cells = " | ".join(f"{row[key]:,}" for key in ("luts", "carries", "logic_cells", "ffs"))
            print(f"| {name} | {cells} | {row['fmax_mhz']:.1f} | {row['cycles_per_step']:.1f} |", flush=True)
    if options.output:
        options.output.write_text(json.dumps(rows, indent=1) + "\n")


if __name__ == "__main__":
    main()
