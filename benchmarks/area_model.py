"""The area model against Yosys on random chips that it was not fitted to; with ``--fit``, fitted before.

Chips are drawn by seed (area_designs.py), synthesised for the ECP5 without placement, and kept by content,
so that formulas can be changed without synthesising again. ``--fit`` writes boards/area/coefficients.json:
each is fitted by non-negative least squares over whole chips and, for look-up tables, over parts of cores,
all errors relative to the chip's own size.

    python benchmarks/area_model.py [--fit] [--jobs 2] [--output area_model.json]
"""

import argparse
import datetime
import json
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from area_designs import Synthesised, random_chip, synthesised
from scipy.optimize import nnls

import spikewright.boards.area
from spikewright.boards.area.model import TECHNOLOGY, chip_terms, total
from spikewright.boards.area.terms import Terms, lut_terms
from spikewright.boards.yosys import yosys_version
from spikewright.compiler.blockram import ECP5, blocks, realised_memories, varying_bits
from spikewright.compiler.mapping import Mapped
from spikewright.config import identifier

FIT = (*range(60), *range(10_000, 10_060), *range(20_000, 20_044))
HELD_OUT = tuple(range(30_000, 30_040))
MODEL = Path(spikewright.boards.area.__file__).with_name("coefficients.json")

LEAST = 50
"""Cells below which errors count as if there were so many: fixed costs are guessed coarsely."""
EXPECTED = {
    "luts": {
        "store": 1, "forward": 1.1, "forward compare": 2, "value": 1.5, "clamp": 1, "clamp excess": 0.8,
        "floor": 0.5, "late reset level": 1, "late reset clamped": 0.8, "fires": 2, "reset subtract": 1,
        "reset set": 1, "reset level": 1, "repeats": 5, "repeat": 1, "magnitude": 1.9,
        "decay carries": 1, "wide product": 0.3, "three operands": 1.8, "three with level": 1.8,
        "three with constant": 1.5, "four operands": 3.5, "columns of 3": 2.4, "columns of 4": 6,
        "columns of 5": 3, "walker": 20, "idle walker": 12, "walk": 1, "walk values": 8, "walk value": 2,
        "dense": 5, "dense slot": 1.2, "dense value": 3, "banks": 1.3, "choice of two": 1,
        "choice of more": 0.8, "ram rows": 3, "small table": 0.4, "table": 1, "large table": 1.3,
        "block contents": 2, "rows written": 2, "emit encode": 0.7, "emit queue": 6, "readout": 15,
        "readout shift": 1.3, "control": 35, "control slot": 4, "port choice": 2, "control held": 15,
        "partial": 8, "control readout": 10, "bus": 10, "bus memory": 8, "bus address": 0.5,
        "bus answer": 0.8, "bus wide": 0.4, "bus level": 0.3, "many banks": 1.2, "emit counts": 4},
    "carries": {
        "accumulate": 1, "amount": 1, "compare": 1, "control": 0.3, "current": 1, "decay": 1, "dense": 0.8,
        "emit": 0.5, "floor": 1, "held": 1, "magnitude": 1, "port": 0.5, "queue": 4, "row": 1, "shift": 1,
        "stored": 1, "value": 0.8, "walker": 1, "wide product": 0.2}}
"""What one of each term takes, as seen in cores that differ in one option; fits start from it."""
TRUST = 0.1
"""Weight of that beside the designs': more or less of it serves designs that are left out worse."""
WHOLE = 4.0
"""Weight of a chip's sum beside that of each of its parts, whose borders Yosys moves."""
CONTROL = ("emitter", "intake")
"""Instances of a core's control. Others are not told apart: Yosys names joined cells after one of them."""


@dataclass(frozen=True, kw_only=True)
class Sample:
    """A chip, and what Yosys made of it."""

    seed: int
    mapped: Mapped
    found: Synthesised


def samples(seeds: Sequence[int], folder: Path, jobs: int) -> list[Sample]:
    """Chips of some seeds, synthesised or as kept."""
    def one(seed: int) -> Sample:
        mapped = random_chip(seed)
        sample = Sample(seed=seed, mapped=mapped, found=synthesised(mapped, TECHNOLOGY, folder))
        print(f"{seed}: {sample.found.cells['luts']} LUT4", flush=True)
        return sample

    with ThreadPoolExecutor(jobs) as pool:
        return list(pool.map(one, seeds))


def luts_by_part(sample: Sample) -> Counter[tuple[str, str]]:
    """LUTs of every core, by the parts of :func:`lut_terms`."""
    luts: Counter[tuple[str, str]] = Counter()
    for path, cells in sample.found.parts.items():
        head, _, part = path.partition(".")
        if head.startswith("core_"):
            control = not part or part.split("$")[0] in CONTROL
            luts[head.removeprefix("core_"), "control" if control else "work"] += cells["luts"]
    return luts


def equations(sample: Sample, figure: str) -> list[tuple[Terms, float, float]]:
    """Terms, their sum as Yosys has it, and a weight: of the chip, and of the parts where they are apart."""
    chip, images = sample.mapped.chip, sample.mapped.images
    cells = sample.found.cells[figure]
    weight = 1 / max(cells, LEAST)
    found: list[tuple[Terms, float, float]] = [(chip_terms(chip, images)[figure], cells, WHOLE * weight)]
    if figure == "luts" and chip.contents == "baked":
        known = luts_by_part(sample)
        parts = lut_terms(chip, realised_memories(ECP5, chip, images), varying_bits(chip, images))
        found += [(terms, known[identifier(core), part], weight)
                  for (core, part), terms in parts.items() if core]
    return found


def fit(data: Sequence[Sample], figure: str) -> dict[str, float]:
    """Coefficients of a figure: least squares, none negative, towards what is expected."""
    rows = [row for sample in data for row in equations(sample, figure)]
    names = sorted(EXPECTED[figure])
    matrix = np.array([[terms.get(name, 0.0) for name in names] for terms, _, _ in rows])
    cells, weights = (np.array([row[index] for row in rows], float) for index in (1, 2))
    expected = np.array([EXPECTED[figure][name] for name in names])
    trust = TRUST * np.sqrt(len(data))
    solution, _ = nnls(np.vstack([matrix * weights[:, np.newaxis], trust * np.diag(1 / expected)]),
                       np.concatenate([cells * weights, np.full(len(names), trust)]))
    return {name: round(float(value), 4) for name, value in zip(names, solution, strict=True)}


def compare(data: Sequence[Sample], coefficients: dict[str, dict[str, float]]) -> list[dict[str, Any]]:
    """Modelled and synthesised figures of every chip."""
    rows = []
    for sample in data:
        chip, images, cells = sample.mapped.chip, sample.mapped.images, sample.found.cells
        terms = chip_terms(chip, images)
        row: dict[str, Any] = {
            "seed": sample.seed, "contents": chip.contents,
            "cores": [f"{core.neurons}/{core.lanes} {core.rows.kind}" for core in chip.cores],
            "brams": cells["brams"], "brams_model": blocks(ECP5, chip, images),
        }
        for figure in ("luts", "carries"):
            modelled = round(total(coefficients[figure], terms[figure]))
            row |= {figure: cells[figure], f"{figure}_model": modelled,
                    f"{figure}_error_percent": 100 * (modelled / max(1, cells[figure]) - 1)}
        rows.append(row)
    return rows


def accuracy(rows: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Errors over chips."""
    found: dict[str, Any] = {"designs": len(rows),
                             "brams_exact": sum(row["brams"] == row["brams_model"] for row in rows)}
    for figure in ("luts", "carries"):
        errors = np.abs([row[f"{figure}_error_percent"] for row in rows])
        found[figure] = {"mean_percent": round(float(errors.mean()), 1),
                         "max_percent": round(float(errors.max()), 1),
                         "within_10": int((errors <= 10).sum())}
    return found


def show(rows: Sequence[dict[str, Any]]) -> None:
    """A line a chip."""
    header = ("chip", "cores: neurons/lanes", "LUT4", "model", "error", "carries", "model", "error",
              "block RAM", "model")
    print("| " + " | ".join(header) + " |\n" + "|---" * len(header) + "|")
    for row in rows:
        cores = ", ".join(row["cores"])
        figures = [f"{row[figure]} | {row[f'{figure}_model']} | {row[f'{figure}_error_percent']:+.1f} %"
                   for figure in ("luts", "carries")]
        print(f"| {row['seed']} {row['contents']} | {cores} | {' | '.join(figures)}"
              f" | {row['brams']} | {row['brams_model']} |")


def main() -> None:
    """Evaluate, and fit before where that is asked for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--fit", action="store_true", help="fit, and write the coefficients")
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--folder", type=Path, default=Path("out/bench/area_model"))
    parser.add_argument("--output", type=Path, help="a JSON file for the rows")
    options = parser.parse_args()
    held_out = samples(HELD_OUT, options.folder, options.jobs)
    if options.fit:
        fitted = samples(FIT, options.folder, options.jobs)
        coefficients = {figure: fit(fitted, figure) for figure in ("luts", "carries")}
        model = {
            "technology": TECHNOLOGY, "yosys": f"pyosys {yosys_version()}",
            "date": datetime.date.today().isoformat(), "command": "python benchmarks/area_model.py --fit",
            "fitted": accuracy(compare(fitted, coefficients)),
            "held_out": accuracy(compare(held_out, coefficients)), "coefficients": coefficients}
        MODEL.write_text(json.dumps(model, indent=1) + "\n")
    model = json.loads(MODEL.read_text())
    rows = compare(held_out, model["coefficients"])
    show(rows)
    print(json.dumps({"held_out": accuracy(rows), "fitted": model["fitted"]}, indent=1))
    if options.output:
        options.output.write_text(json.dumps({"held_out": accuracy(rows), "rows": rows}, indent=1))


if __name__ == "__main__":
    main()
