"""The area model against Yosys on random chips that it was not fitted to; with ``--fit``, fitted before.

Chips are drawn by seed (area_networks.py), synthesised for the ECP5 without placement, and kept by content
(area_designs.py), so that formulas can be changed without synthesising again. ``--fit`` writes
boards/area/coefficients.json (area_fit.py).

    python benchmarks/area_model.py [--fit] [--jobs 2] [--output area_model.json]
"""

import argparse
import datetime
import json
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
from area_designs import few_lanes, random_chip, synthesised
from area_fit import Sample, fit

import spikewright.boards.area
from spikewright.boards.area.model import TECHNOLOGY, chip_terms, has_ring, total
from spikewright.boards.yosys import yosys_version
from spikewright.compiler.blockram import ECP5, blocks

FIT = (*range(106), *(seed for seed in range(106, 202) if few_lanes(seed)))
"""Fitted to: any chips, and then those that are soon synthesised."""
HELD_OUT = tuple(range(70_000, 70_044))
MODEL = Path(spikewright.boards.area.__file__).with_name("coefficients.json")


def samples(seeds: Sequence[int], folder: Path, jobs: int) -> list[Sample]:
    """Chips of some seeds, synthesised or as kept."""
    def one(seed: int) -> Sample:
        mapped = random_chip(seed)
        sample = Sample(seed=seed, mapped=mapped, found=synthesised(mapped, TECHNOLOGY, folder))
        print(f"{seed}: {sample.found.cells['luts']} LUT4", flush=True)
        return sample

    with ThreadPoolExecutor(jobs) as pool:
        return list(pool.map(one, seeds))


def compare(data: Sequence[Sample], coefficients: dict[str, dict[str, float]]) -> list[dict[str, Any]]:
    """Modelled and synthesised figures of every chip."""
    rows = []
    for sample in data:
        chip, images, cells = sample.mapped.chip, sample.mapped.images, sample.found.cells
        terms = chip_terms(chip, images)
        row: dict[str, Any] = {
            "seed": sample.seed, "contents": chip.contents, "rings": has_ring(chip),
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


def by_kind(rows: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Errors over chips held out, and over those with rings and without."""
    kinds = {kind: accuracy([row for row in rows if row["rings"] == rings])
             for kind, rings in (("rings", True), ("no rings", False))}
    return {"held_out": accuracy(rows), "held_out_by_kind": kinds}


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
    if options.fit:
        fitted = samples(FIT, options.folder, options.jobs)
        coefficients = {figure: fit(fitted, figure) for figure in ("luts", "carries")}
        show(compare(fitted, coefficients))
        held_out = samples(HELD_OUT, options.folder, options.jobs)
        model = {
            "technology": TECHNOLOGY, "yosys": f"pyosys {yosys_version()}",
            "date": datetime.date.today().isoformat(), "command": "python benchmarks/area_model.py --fit",
            "fitted": accuracy(compare(fitted, coefficients)),
            **by_kind(compare(held_out, coefficients)), "coefficients": coefficients}
        MODEL.write_text(json.dumps(model, indent=1) + "\n")
    held_out = samples(HELD_OUT, options.folder, options.jobs)
    model = json.loads(MODEL.read_text())
    rows = compare(held_out, model["coefficients"])
    show(rows)
    print(json.dumps(by_kind(rows) | {"fitted": model["fitted"]}, indent=1))
    if options.output:
        options.output.write_text(json.dumps(by_kind(rows) | {"rows": rows}, indent=1))


if __name__ == "__main__":
    main()
