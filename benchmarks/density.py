"""What compressed rows cost against dense ones, over density: the curve of docs/benchmarks.md.

A layer 784-128 of random 8-bit weights, each of which exists with a probability (the density), on 8 lanes,
is compiled with either kind of rows and co-simulated in Verilator on the same random spikes (10 %, 1,000
steps). Any mismatch stops the program. All figures are counts: the same on any machine.

    python benchmarks/density.py [--densities 0.1 0.5] [--trained] [--output FILE.json] [--figure FILE.svg]

- memory: bits of entries, padding up to the fullest lane included, and of row pointers; of dense weights.
- cycles a step: mean clocks between the tokens that end steps.
- lanes busy: synapses added a step, over lanes times the clocks of a step but those of the update's sweep.
  Look-ups, empty rows, waiting for the slowest lane, filling and draining the pipeline count against it.
"""

import argparse
import itertools
import json
import tempfile
from pathlib import Path
from typing import Any

import nir
import numpy as np

import spikewright
from spikewright.api import train

SOURCES, NEURONS, LANES = 784, 128, 8
DENSITIES = (0.02, 0.05, *(tenth / 10 for tenth in range(1, 11)))
SPIKES = {"bernoulli": 0.1, "samples": 10, "steps": 100, "seed": 1}
SEMANTICS = {"dt": 1e-3, "integration": "euler", "reset": "subtract", "reset_when": "now", "compare": "ge"}
TRAINING = {"coding": "rate", "hidden": (128,), "density": 0.1, "epochs": 12}


def layer(density: float) -> nir.NIRGraph:
    """The layer; no weight is so small that it would be 0 in 8 bits."""
    rng = np.random.default_rng(0)
    weights = rng.uniform(0.05, 1, (NEURONS, SOURCES)) * rng.choice([-1, 1], (NEURONS, SOURCES))
    weights *= (rng.random(weights.shape) < density) * 4 / np.sqrt(SOURCES * density)
    tau = np.full(NEURONS, 8e-3)
    neurons = nir.LIF(tau=tau, r=tau / 1e-3, v_leak=0 * tau, v_threshold=np.ones(NEURONS), v_reset=0 * tau)
    return nir.NIRGraph(
        nodes={"input": nir.Input(np.array([SOURCES])), "fc": nir.Linear(weights), "layer": neurons,
               "output": nir.Output(np.array([NEURONS]))},
        edges=[("input", "fc"), ("fc", "layer"), ("layer", "output")])


def measure(graph: nir.NIRGraph | Path, rows: str, folder: Path, **stimulus: Any) -> dict[str, Any]:
    """Figures of the first core of a network."""
    semantics = None if isinstance(graph, Path) else SEMANTICS
    build = spikewright.compile(graph, semantics=semantics, rows=rows, lanes=LANES, output=folder / rows)
    cosim = build.cosim(**stimulus)
    if cosim.mismatches:
        raise SystemExit(f"{rows}: {cosim.mismatches} mismatches")
    core, summary = build.summary["core_details"][0], cosim.summary
    steps = summary["samples"] * summary["steps"]
    on_events = summary["cycles_per_step"] - build.chip.cores[0].slots
    counted = json.loads((build.path / "cosim" / "activity.json").read_bytes())["cores"][core["name"]]
    return {
        "density": core["density"], "memory_bits": core["memory_bits"],
        "cycles_per_step": summary["cycles_per_step"],
        "lanes_busy": counted["synaptic_operations"] / steps / (LANES * on_events),
        "steps": steps, "spikes_compared": summary["spikes_compared"],
    }


def compare(graph: nir.NIRGraph | Path, **stimulus: Any) -> dict[str, Any]:
    """Both kinds of rows, and compressed over dense."""
    with tempfile.TemporaryDirectory() as folder:
        dense, compressed = (
            measure(graph, rows, Path(folder), **stimulus) for rows in ("dense", "compressed"))
    return {
        "density": compressed["density"], "dense": dense, "compressed": compressed,
        "memory": compressed["memory_bits"] / dense["memory_bits"],
        "cycles": compressed["cycles_per_step"] / dense["cycles_per_step"],
    }


def trained_layer() -> dict[str, Any]:
    """The same of the first layer of a network that `spikewright train sparse` makes."""
    with tempfile.TemporaryDirectory() as folder:
        metrics = train("sparse", "mnist5k", folder, **TRAINING)
        point = compare(Path(folder, "network.nir"), x="mnist5k:test", samples=40)
    return point | {"accuracy": metrics["accuracy"]}


def break_even(points: list[dict[str, Any]], figure: str) -> float | None:
    """The density above which compressed rows cost more, from straight lines between points."""
    for low, high in itertools.pairwise(points):
        if low[figure] <= 1 < high[figure]:
            share = (1 - low[figure]) / (high[figure] - low[figure])
            return float(low["density"] + share * (high["density"] - low["density"]))
    return None


def row(name: str, point: dict[str, Any]) -> str:
    """A row of the table."""
    rows = point["compressed"]
    return (f"| {name} | {point['density']:.1%} | {rows['memory_bits']:,} | {point['memory']:.3f} |"
            f" {rows['cycles_per_step']:,.1f} | {point['cycles']:.3f} | {rows['lanes_busy']:.1%} |")


def draw(found: dict[str, Any], file: Path) -> None:
    """Compressed rows against dense ones over density, and how busy their lanes are."""
    import matplotlib as mpl
    from matplotlib.figure import Figure

    # The same figure is the same file.
    mpl.rcParams.update({"svg.hashsalt": "spikewright", "svg.fonttype": "none", "font.size": 9})
    points, trained = found["points"], found["trained"]
    densities = [100 * point["density"] for point in points]
    figure = Figure(figsize=(8.4, 3.4), layout="constrained")
    cost, lanes = figure.subplots(1, 2)
    star = {"marker": "*", "ms": 10, "mec": "black", "mew": 0.5, "ls": ""}
    for key, label, colour in (("memory", "memory, with pointers and padding", "tab:blue"),
                               ("cycles", "cycles a step", "tab:red")):
        cost.plot(densities, [point[key] for point in points], "o-", ms=3.5, color=colour, label=label)
        at = found["break_even"][key]
        if at is not None:
            cost.axvline(100 * at, color=colour, lw=0.8, ls=":")
            cost.annotate(f"break-even {at:.0%}", (100 * at - 1, 0.05), rotation=90, ha="right", color=colour)
        if trained:
            cost.plot(100 * trained["density"], trained[key], color=colour, **star)
    cost.axhline(1, color="black", lw=0.8)
    cost.annotate("dense rows", (2, 1.02))
    cost.set(xlabel="synapses that exist (%)", ylabel="compressed / dense", xlim=(0, 102), ylim=(0, None))
    cost.legend(loc="upper left", frameon=False)
    for key, style in (("compressed", "o-"), ("dense", "--")):
        busy = [100 * point[key]["lanes_busy"] for point in points]
        lanes.plot(densities, busy, style, ms=3.5, label=f"{key} rows",
                   color="tab:green" if key == "compressed" else "grey")
    if trained:
        lanes.plot(100 * trained["density"], 100 * trained["compressed"]["lanes_busy"], color="tab:green",
                   label="trained layer, compressed", **star)
    lanes.set(xlabel="synapses that exist (%)", ylabel="lanes busy (%)", xlim=(0, 102), ylim=(0, 102))
    lanes.legend(loc="lower right", frameon=False)
    file.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(file, metadata={"Date": None} if file.suffix == ".svg" else None)


def main() -> None:
    """Measure, print, draw."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--densities", nargs="+", type=float, default=DENSITIES)
    parser.add_argument("--trained", action="store_true", help="also train a network, and measure its layer")
    parser.add_argument("--output", type=Path, help="JSON file to write")
    parser.add_argument("--figure", type=Path, help="figure to write, .svg or .png")
    arguments = parser.parse_args()
    print("| layer | density | memory (bits) | of dense | cycles a step | of dense | lanes busy |")
    print("|---" * 7 + "|")
    points = []
    for density in sorted(arguments.densities):
        points.append(compare(layer(density), **SPIKES))
        print(row("random", points[-1]), flush=True)
    dense = points[0]["dense"]
    print(f"| dense rows | any | {dense['memory_bits']:,} | 1 | {dense['cycles_per_step']:,.1f} | 1 | |")
    trained = trained_layer() if arguments.trained else None
    if trained:
        print(row("trained", trained))
    found = {"points": points, "trained": trained,
             "break_even": {figure: break_even(points, figure) for figure in ("memory", "cycles")}}
    for figure, at in found["break_even"].items():
        print(f"break-even of {figure}: {'none in these densities' if at is None else f'{at:.0%}'}")
    if arguments.output:
        arguments.output.write_text(json.dumps(found, indent=1) + "\n")
    if arguments.figure:
        draw(found, arguments.figure)


if __name__ == "__main__":
    main()
