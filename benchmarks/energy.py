"""Modelled against measured energy: counted operations times technologies/130nm.yaml, and toggled gates.

Draws designs of many shapes, maps each to the gates of a Liberty library, simulates gates and RTL in
lockstep and takes energy from every net's toggles; beside it the fast model, which sees configuration and
spikes alone. Prints a row a design, rank correlations (Spearman), and with ``--calibrate`` the terms of the
fast model fitted to these runs; "left out" is each design by terms that were fitted without it.

    python benchmarks/energy.py LIBRARY.lib.gz [--designs 28] [--jobs 2] [--json FILE] [--keep FOLDER]
                                [--calibrate]
"""

import argparse
import json
import shutil
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.optimize import nnls
from scipy.stats import spearmanr

from spikewright.boards.asic import GateSimulation, asic_target, measure_asic
from spikewright.boards.energy import inference_energy
from spikewright.boards.technology_file import load_technology
from spikewright.boards.technology_rows import TERMS
from spikewright.boards.terms import core_terms
from spikewright.compiler.images import write_images
from spikewright.compiler.mapping import Mapped, map_network
from spikewright.cosim.stimulus import bernoulli
from spikewright.models.integer import IntegerModel
from spikewright.network import Edge, InputPort, IntegerNetwork, Population
from spikewright.neuron import Decay, NeuronConfig
from spikewright.rtl.verilog import write_chip
from spikewright.stages.estimate import gate_simulation

TECHNOLOGY = "130nm"
LAYERS = ((12, 6), (24, 10), (40, 16), (64, 24), (96, 12), (32, 48, 8), (24, 16, 10), (48, 32, 10), (20, 64))

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """What gates gave; energies of an inference in nJ, ``clock_share`` is that of the clock in logic."""

    gates: int
    ffs: int
    macros: int
    area_um2: float
    fmax_mhz: float | None
    cycles: float
    logic_nj: float
    memory_nj: float
    clock_share: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One design, measured, and modelled by the terms that come along; ``terms`` are their counts."""

    name: str
    measured: Measured
    modelled_logic_nj: float
    modelled_memory_nj: float
    terms: dict[str, float]


def network(seed: int) -> tuple[IntegerNetwork, dict[str, Any], dict[str, Any]]:
    """A network, how it is mapped, and what it is fed with; equal seeds give equal ones."""
    rng = np.random.default_rng(1000 + seed)
    sizes = LAYERS[seed % len(LAYERS)]
    bits, density = int(rng.integers(2, 11)), float(rng.choice([0.05, 0.2, 0.5, 1.0]))
    value_bits = int(rng.integers(2, 5)) if rng.random() < 0.2 else 0
    names = ["input", *(f"layer{index}" for index in range(1, len(sizes)))]
    populations, edges = [], []
    for source, target, fan_in, size in zip(names, names[1:], sizes, sizes[1:], strict=False):
        top = max(1, (1 << (bits - 1)) - 1)
        weights = rng.integers(-top, top, (size, fan_in), endpoint=True)
        weights[rng.random(weights.shape) >= density] = 0
        weights[0, 0] = top
        state = int(rng.integers(8, 17))
        level = max(1, min(top * 2, (1 << (state - 1)) // 4))
        kind = str(rng.choice(["none", "shift", "multiply"]))
        shift, factor = int(rng.integers(1, 6)), int(rng.integers(128, 250))
        decay = {"none": Decay(kind="none"), "shift": Decay(kind="shift", shift=shift),
                 "multiply": Decay(kind="multiply", fraction_bits=8, factor=(factor,))}[kind]
        neuron = NeuronConfig(state_bits=state, decay=decay, compare=(level,), reset_amount=(level,),
                              reset="set" if rng.random() < 0.3 else "subtract")
        populations.append(Population(name=target, size=size, neuron=neuron))
        edges.append(Edge(source=source, target=target, weights=weights))
    net = IntegerNetwork(
        name=f"d{seed}", inputs=(InputPort(name="input", shape=(sizes[0],), value_bits=value_bits),),
        populations=tuple(populations), edges=tuple(edges), outputs=(names[-1],), weight_bits=bits)
    mapping = {"lanes": int(2 ** rng.integers(0, 4)), "contents": "baked",
               "rows": str(rng.choice(["dense", "compressed"]))}
    rate, steps = float(rng.choice([0.03, 0.1, 0.3])), int(rng.choice([8, 16, 32]))
    x = bernoulli((sizes[0],), probability=rate, samples=1, steps=steps, seed=seed).astype(np.int64)
    if value_bits:
        x *= rng.integers(1, 1 << value_bits, x.shape)
    return net, mapping, {"input": x}


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Design:
    """A mapped network, and what it does with its stimulus."""

    mapped: Mapped
    simulation: GateSimulation

    @property
    def name(self) -> str:
        """Sizes, rows, lanes x accumulator bits, weight bits, decay of the first core."""
        chip = self.mapped.chip
        core = chip.cores[0]
        sizes = "-".join(str(size) for size in (chip.inputs[0].size, *(one.neurons for one in chip.cores)))
        return (f"{sizes} {core.rows.kind} {core.lanes}x{core.accumulator_bits} w{core.weight_bits}"
                f" {core.neuron.decay.kind}")


def design(seed: int, folder: Path) -> Design:
    """The design of a seed, to be simulated in a folder."""
    net, mapping, x = network(seed)
    mapped = map_network(net, **mapping)
    simulation = gate_simulation(mapped.chip, IntegerModel(net), x, "one sample", folder, None)
    return Design(mapped=mapped, simulation=simulation)


def measure(design: Design, library: Path, folder: Path) -> Measured:
    """Map a design to gates, simulate them."""
    chip = design.mapped.chip
    write_images(chip, design.mapped.images, folder / "memory")
    write_chip(chip, folder / "rtl")
    asic = measure_asic(asic_target(f"{library}@{TECHNOLOGY}"), folder / "rtl", folder / "work", top="chip",
                        run_in=folder, simulation=design.simulation)
    assert asic.logic is not None
    assert asic.memory_pj is not None
    assert asic.cycles is not None
    return Measured(
        gates=asic.gates, ffs=asic.ffs, macros=asic.macros, fmax_mhz=asic.fmax_mhz, cycles=asic.cycles,
        area_um2=asic.logic_area_um2 + asic.memory_area_um2, logic_nj=asic.logic.total_pj / 1e3,
        memory_nj=asic.memory_pj / 1e3, clock_share=asic.logic.clock_pj / asic.logic.total_pj)


def row(design: Design, measured: Measured) -> Row:
    """Beside what was measured what is modelled."""
    chip, activity = design.mapped.chip, design.simulation.activity
    modelled = inference_energy(chip, activity, load_technology(TECHNOLOGY))
    counts = [core_terms(chip, core, activity) for core in chip.cores]
    return Row(name=design.name, measured=measured, modelled_logic_nj=modelled.compute_nj,
               modelled_memory_nj=modelled.memory_nj,
               terms={name: sum(count[name] for count in counts) for name in TERMS})


def fit(counts: Floats, measured_pj: Floats) -> Floats:
    """Terms, none below zero, by least squares of relative errors."""
    scale = np.abs(counts).max(axis=0)
    scale[scale == 0] = 1.0
    solution, _ = nnls(counts / scale / measured_pj[:, None], np.ones(len(measured_pj)))
    terms: Floats = solution / scale
    return terms


def calibrate(rows: list[Row]) -> dict[str, Any]:
    """Terms for all designs, and measured over modelled with each design left out of its own fit."""
    counts = np.array([[row.terms[name] for name in TERMS] for row in rows])
    measured = np.array([row.measured.logic_nj for row in rows]) * 1e3
    left_out = []
    for index in range(len(rows)):
        others = np.arange(len(rows)) != index
        left_out.append(float(counts[index] @ fit(counts[others], measured[others])))
    ratios = measured / np.array(left_out)
    terms = dict(zip(TERMS, fit(counts, measured).tolist(), strict=True))
    return {"terms": {name: value for name, value in terms.items() if value > 0},
            "low": float(ratios.min()), "high": float(ratios.max()),
            "median_error": float(np.median(np.abs(1 / ratios - 1))),
            "left_out_nj": [value / 1e3 for value in left_out]}


def rank(one: list[float], other: list[float]) -> float:
    """Spearman's rank correlation."""
    return float(spearmanr(one, other).statistic)


def correlations(rows: list[Row], logic: list[float]) -> dict[str, float]:
    """Of modelled with measured, for some modelled logic."""
    measured = [row.measured.logic_nj for row in rows]
    memory = [row.modelled_memory_nj for row in rows]
    return {
        "logic": rank(logic, measured),
        "memories": rank(memory, [row.measured.memory_nj for row in rows]),
        "total": rank([a + b for a, b in zip(logic, memory, strict=True)],
                      [row.measured.logic_nj + row.measured.memory_nj for row in rows]),
        "logic per clock": rank([e / row.measured.cycles for e, row in zip(logic, rows, strict=True)],
                                [row.measured.logic_nj / row.measured.cycles for row in rows]),
    }


def show(rows: list[Row], calibration: dict[str, Any]) -> None:
    """The table, for people."""
    print(f"{'design':44} {'gates':>6} {'FFs':>5} {'macros':>6} {'clocks':>7} {'clock':>6}"
          f" {'logic nJ':>9} {'modelled':>9} {'left out':>9} {'memory nJ':>9} {'modelled':>9}")
    for row, left_out in zip(rows, calibration["left_out_nj"], strict=True):
        found = row.measured
        print(f"{row.name:44} {found.gates:6} {found.ffs:5} {found.macros:6} {found.cycles:7.0f}"
              f" {found.clock_share:6.0%} {found.logic_nj:9.2f} {row.modelled_logic_nj:9.2f}"
              f" {left_out:9.2f} {found.memory_nj:9.2f} {row.modelled_memory_nj:9.2f}")
    for title, logic in (("shipped terms", [row.modelled_logic_nj for row in rows]),
                         ("left out", calibration["left_out_nj"])):
        ranks = ", ".join(f"{name} {value:.3f}" for name, value in correlations(rows, logic).items())
        print(f"rank correlation over {len(rows)} designs, {title}: {ranks}")
    print(f"logic measured over modelled, each design left out: {calibration['low']:.2f} to"
          f" {calibration['high']:.2f}, median error {calibration['median_error']:.1%}")


def main() -> None:
    """Measure and print."""
    layout = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=layout)
    parser.add_argument("library", type=Path)
    parser.add_argument("--designs", type=int, default=28)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--keep", type=Path, help="folder of rows that are kept, and not measured again")
    parser.add_argument("--calibrate", action="store_true", help="print terms for technologies/130nm.yaml")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch, ThreadPoolExecutor(options.jobs) as pool:
        def one(seed: int) -> Row:
            folder = Path(scratch, str(seed))
            drawn = design(seed, folder)
            kept = options.keep / f"{options.library.name}-{seed}.json" if options.keep else None
            if kept is not None and kept.is_file():
                return row(drawn, Measured(**json.loads(kept.read_text(encoding="utf-8"))))
            measured = measure(drawn, options.library, folder)
            shutil.rmtree(folder)
            if kept is not None:
                kept.write_text(json.dumps(asdict(measured)), encoding="utf-8")
            print(f"{seed + 1}/{options.designs} {drawn.name}", file=sys.stderr, flush=True)
            return row(drawn, measured)

        rows = list(pool.map(one, range(options.designs)))
    calibration = calibrate(rows)
    show(rows, calibration)
    if options.calibrate:
        for name, value in calibration["terms"].items():
            print(f"    - {{term: {name}, energy_pj: {value:.4g}, source: *runs}}")
    if options.json:
        content = {"library": options.library.name, "designs": [asdict(row) for row in rows],
                   "calibration": calibration,
                   "shipped": correlations(rows, [row.modelled_logic_nj for row in rows]),
                   "left_out": correlations(rows, calibration["left_out_nj"])}
        options.json.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
