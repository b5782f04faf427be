"""What dense networks cost on an ECP5: cells, clock, and time a step; the table of docs/benchmarks.md.

Every network is compiled, co-simulated for 1,000 steps of random spikes (0 mismatches, or it stops),
synthesised, and placed with three seeds. Areas and cycles are the same on any machine.

    python benchmarks/area.py [A B C ...] [--contents baked bus] [--output area.json]
"""

import argparse
import itertools
import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import nir
import numpy as np

import spikewright

DECAY = 0.875


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """A dense network, and the random spikes that it is timed with."""

    sizes: tuple[int, ...]
    weight_bits: int = 8
    decay: float = DECAY
    density: float = 1.0
    probability: float = 0.1
    technology: str = "ecp5"
    lanes: int | None = None


CASES = {
    "A": Case(sizes=(64, 32, 10), weight_bits=6),
    "B": Case(sizes=(40, 128, 10)),
    "C": Case(sizes=(784, 128, 10)),
    "A decay 0.9": Case(sizes=(64, 32, 10), weight_bits=6, decay=0.9),
    "B decay 0.9": Case(sizes=(40, 128, 10), decay=0.9),
    "C decay 0.9": Case(sizes=(784, 128, 10), decay=0.9),
    "C 2 % input": Case(sizes=(784, 128, 10), probability=0.02),
    "A UP5K": Case(sizes=(64, 32, 10), weight_bits=6, technology="ice40"),
    "64-160-10 UP5K": Case(sizes=(64, 160, 10), technology="ice40", lanes=4),
    "largest UP5K": Case(sizes=(129, 96, 10), technology="ice40", lanes=1),
}


def random_graph(case: Case) -> nir.NIRGraph:
    """A network of random weights, reset by subtraction at a threshold of 1."""
    rng = np.random.default_rng(0)
    nodes: dict[str, Any] = {"input": nir.Input(np.array([case.sizes[0]]))}
    for index, (fan_in, size) in enumerate(itertools.pairwise(case.sizes), start=1):
        weights = rng.normal(0, 1.6 / np.sqrt(fan_in * case.density), (size, fan_in))
        nodes[f"fc{index}"] = nir.Linear(weights * (rng.random(weights.shape) < case.density))
        tau = np.full(size, 1e-3 / (1 - case.decay))
        nodes[f"layer{index}"] = nir.LIF(
            tau=tau, r=tau / 1e-3, v_leak=np.zeros(size), v_threshold=np.ones(size), v_reset=np.zeros(size))
    nodes["output"] = nir.Output(np.array([case.sizes[-1]]))
    names = list(nodes)
    return nir.NIRGraph(nodes=nodes, edges=list(itertools.pairwise(names)))


SEMANTICS = {"dt": 1e-3, "integration": "euler", "reset": "subtract", "reset_when": "now", "compare": "ge"}


def measure(name: str, case: Case, contents: str, folder: Path) -> dict[str, Any]:
    """One row of the table."""
    build = spikewright.compile(
        random_graph(case), semantics=SEMANTICS, weight_bits=case.weight_bits, contents=contents,
        lanes=case.lanes, output=folder / f"{name} {contents}".translate(str.maketrans(" ", "_", "%,")))
    cosim = build.cosim(bernoulli=case.probability, samples=10, steps=100, seed=1)
    if cosim.mismatches:
        raise SystemExit(f"{name}: {cosim.mismatches} mismatches")
    figures = build.estimate([case.technology])["targets"][0]
    clock = figures["fmax_mhz"]
    summary = cosim.summary
    return {
        "name": name, "contents": contents, **asdict(case),
        **{key: figures[key] for key in ("luts", "carries", "logic_cells", "ffs", "brams", "dsps",
                                         "lutram_cells", "luts_by_core", "seed_fmax_mhz")},
        "reason": figures["reason"], "fmax_mhz": clock, "lanes": [core.lanes for core in build.chip.cores],
        "cycles": summary["cycles"], "cycles_per_step": summary["cycles_per_step"],
        "event_cycles": summary["event_cycles"], "update_cycles": summary["update_cycles"],
        "firing_rates": summary["firing_rates"], "mismatches": cosim.mismatches,
        "step_us": summary["cycles_per_step"] / clock if clock else None,
    }


COLUMNS = {
    "network": "name", "contents": "contents", "lanes": "lanes", "LUT4": "luts", "carries": "carries",
    "logic cells": "logic_cells", "FF": "ffs", "block RAM": "brams", "multipliers": "dsps",
    "clock (MHz)": "fmax_mhz", "cycles a step": "cycles_per_step", "time a step (µs)": "step_us",
}


def text(value: Any) -> str:
    """A cell of the table."""
    if isinstance(value, list):
        return "+".join(map(str, value))
    return f"{value:.3g}" if isinstance(value, float) and value < 1 else \
        f"{value:.1f}" if isinstance(value, float) else str(value)


def main() -> None:
    """Measure what is asked for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME",
                        help=f"of {', '.join(CASES).replace('%', '%%')}; by default all")
    parser.add_argument("--contents", nargs="*", default=["baked", "bus"], choices=["baked", "bus"])
    parser.add_argument("--folder", type=Path, default=Path("out/bench/area"))
    parser.add_argument("--output", type=Path, help="a JSON file for the rows")
    options = parser.parse_args()
    rows = []
    print("| " + " | ".join(COLUMNS) + " |\n" + "|---" * len(COLUMNS) + "|")
    for name in options.names or CASES:
        for contents in options.contents:
            row = measure(name, CASES[name], contents, options.folder)
            rows.append(row)
            print("| " + " | ".join(text(row[key]) for key in COLUMNS.values()) + " |", flush=True)
    if options.output:
        options.output.write_text(json.dumps(rows, indent=1))


if __name__ == "__main__":
    main()
