"""What sparse training and distillation are worth in hardware: accuracy, memory, area, cycles, energy.

Trains the networks that are compared, takes each through compile, co-simulation (50 test images; it stops
at a mismatch) and estimate, and prints the table of README.md. Draws docs/figures/systems.png: accuracy over
energy. What the output folder has already is not made again.

    python benchmarks/systems.py [--output out/systems] [--only NAME ...]
"""

import argparse
import json
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from spikewright import api

DATA = "mnist" if os.environ.get("SPIKEWRIGHT_DATA") else "mnist5k"
SAMPLES = 50
FIGURE = Path("docs/figures/systems.png")


@dataclass(frozen=True, slots=True, kw_only=True)
class Design:
    """One network: which others it is compared with, and how it is trained."""

    name: str
    family: str
    method: str
    options: Mapping[str, Any] = field(default_factory=dict)
    data: str = DATA


def designs() -> Iterator[Design]:
    """What is compared; the first of a family is what the others are measured against."""
    family = "784-256-256-10, 4 steps"
    shared: dict[str, Any] = {"epochs": 30}
    yield Design(name="all synapses", family=family, method="esl",
                 options={**shared, "density": 1.0, "evolution": None})
    for density in (0.3, 0.1, 0.05):
        options = {**shared, "density": density}
        yield Design(name=f"ESL, {density:.0%}", family=family, method="esl", options=options)
    yield Design(name="ESL, 10% of 512-512", family=family, method="esl",
                 options={"layers": "512-512", "epochs": 60, "density": 0.1})
    family = "24c5s2-p2-48c3-p2-96, 2 steps"
    convolutions = {"layers": "24c5s2-p2-48c3-p2-96", "steps": 2, "epochs": 20, "learning_rate": 4e-3}
    yield Design(name="all channels", family=family, method="sca", options={**convolutions, "pruning": None})
    for keep in (0.5, 0.3):
        options = {**convolutions, "pruning": {"keep": keep, "regrow": 0.2}}
        yield Design(name=f"SCA, {keep:.0%}", family=family, method="sca", options=options)
    family = "784-128-128-10"
    yield Design(name="converted, 32 steps", family=family, method="lasnn",
                 options={"layers": "128-128", "steps": 32, "training_steps": 32, "epochs": 0})
    options = {"layers": "128-128", "steps": 2}
    yield Design(name="LaSNN, 2 steps", family=family, method="lasnn", options=options)
    yield Design(name="KD, 2 steps, 1,000 labels", family=family, method="kd", data=f"{DATA}[0:1000]",
                 options={"epochs": 150, "teacher": {"data": DATA}})
    yield Design(name="RKD, 2 steps, 10%", family=family, method="rkd", options={"layers": "128-128"})


def measure(design: Design, folder: Path) -> dict[str, Any]:
    """The design from training to estimates; figures of the whole test part, of 50 images, of the tools."""
    trained, built = folder / "network", folder / "build"
    metrics_file = trained / "metrics.json"
    if not metrics_file.exists():
        api.train(design.method, design.data, trained, **design.options)
    metrics = json.loads(metrics_file.read_text(encoding="utf-8"))
    build = api.compile(trained / "network.nir", output=built)
    cosim = build.cosim(f"{DATA}:test", samples=SAMPLES).summary
    if cosim["mismatches"] or not cosim["spikes_compared"]:
        raise SystemExit(f"{design.name}: {cosim['mismatches']} mismatches, nothing more is measured")
    targets = {target["technology"]: target for target in build.estimate(["ecp5", "45nm"])["targets"]}
    placed, modelled = targets["ecp5"], targets["45nm"]
    return {
        "name": design.name,
        "family": design.family,
        "accuracy": metrics["accuracy_integer"],
        "n_test": metrics["n_test"],
        "density": metrics["density"],
        "parameters": metrics["parameters"],
        "synaptic_operations": metrics["synaptic_operations"],
        "memory_bits": build.summary["memory_bits"],
        "spikes_compared": cosim["spikes_compared"],
        "cycles": cosim["cycles"] / SAMPLES,
        **{key: placed[key] for key in ("luts", "brams", "dsps", "fmax_mhz", "latency_us")},
        "energy_nj": modelled["energy_per_inference_nj"],
    }


def table(rows: Sequence[Mapping[str, Any]]) -> str:
    """The rows as Markdown."""
    lines = [
        "| network | accuracy | parameters | memory, kbit | LUT4 | DP16KD | clock, MHz | cycles | time, µs |"
        " energy, nJ |",
        "|---|---|---|---|---|---|---|---|---|---|",
    ]
    family = None
    for row in rows:
        if row["family"] != family:
            family = row["family"]
            lines.append(f"| **{family}** |" + " |" * 9)
        lines.append(
            f"| {row['name']} | {row['accuracy']:.2%} | {row['parameters']:,} |"
            f" {row['memory_bits'] / 1e3:,.0f} | {row['luts']:,} | {row['brams']} |"
            f" {row['fmax_mhz']:.1f} | {row['cycles']:,.0f} |"
            f" {row['latency_us']:,.1f} | {row['energy_nj']:,.1f} |"
        )
    return "\n".join(lines)


def draw(rows: Sequence[Mapping[str, Any]], path: Path) -> None:
    """Accuracy over energy, a colour a family."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8, 4.5), layout="constrained")
    axes = figure.subplots()
    for number, family in enumerate(dict.fromkeys(row["family"] for row in rows)):
        points = [row for row in rows if row["family"] == family]
        x, y = [row["energy_nj"] for row in points], [100 * row["accuracy"] for row in points]
        axes.plot(x, y, "osD"[number % 3], color=f"C{number}", label=family)
        for row, place, height in zip(points, x, y, strict=True):
            where = {"xytext": (5, 4), "textcoords": "offset points", "fontsize": 8}
            axes.annotate(row["name"], (place, height), **where)
    axes.set_xscale("log")
    axes.set_xlabel("energy of an image, nJ (45 nm, modelled from counted operations)")
    axes.set_ylabel("accuracy of the integer network, %")
    axes.grid(alpha=0.3, which="both")
    axes.margins(x=0.15)
    axes.legend(fontsize="small", loc="lower right")
    figure.savefig(path, dpi=120)


def main() -> None:
    """Measure, print, draw."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--output", type=Path, default=Path("out/systems"))
    parser.add_argument("--only", nargs="*", help="names of designs; the others are left out")
    parser.add_argument("--figure", type=Path, default=FIGURE)
    asked = parser.parse_args()
    rows = []
    for design in designs():
        if asked.only and design.name not in asked.only:
            continue
        words = re.findall(r"[a-z0-9]+", f"{design.method} {design.name}".lower())
        rows.append(measure(design, asked.output / "-".join(words)))
        print(f"{design.name}: {rows[-1]['accuracy']:.2%}, {rows[-1]['energy_nj']:,.1f} nJ", flush=True)
        (asked.output / "systems.json").write_text(json.dumps(rows, indent=1) + "\n", encoding="utf-8")
    print(table(rows))
    if not asked.only:
        draw(rows, asked.figure)


if __name__ == "__main__":
    main()
