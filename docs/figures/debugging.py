"""Draws the pictures of docs/debugging.md from a build whose co-simulation found a mismatch.

Usage: python docs/figures/debugging.py BUILD FOLDER
"""

import re
import sys
from collections import defaultdict
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
from vcd.reader import TokenKind, tokenize

from spikewright.api import Build
from spikewright.cosim.stepped import run_stepped
from spikewright.stages.common import read_summary

mpl.use("svg")
mpl.rcParams |= {"svg.hashsalt": "spikewright", "svg.fonttype": "none", "font.size": 8}
from matplotlib import pyplot as plt  # noqa: E402  # after the backend is chosen

INK, WRONG = "#4a4a4a", "#c62828"


def read_vcd(path: Path) -> dict[str, list[tuple[int, int]]]:
    """Changes of the signals in ``harness.view`` by name: (clock, value)."""
    scopes: list[str] = []
    names: dict[str, list[str]] = defaultdict(list)
    found: dict[str, list[tuple[int, int]]] = defaultdict(list)
    now = 0
    with path.open("rb") as stream:
        for token in tokenize(stream):
            if token.kind is TokenKind.SCOPE:
                scopes.append(token.scope.ident)
            elif token.kind is TokenKind.UPSCOPE:
                scopes.pop()
            elif token.kind is TokenKind.VAR:
                name = ".".join([*scopes, token.var.reference]).partition("harness.view.")[2]
                names[token.var.id_code].append(name)
            elif token.kind is TokenKind.CHANGE_TIME:
                now = token.time_change // 10_000  # a clock is 10 ns, the unit 1 ps
            elif token.kind in (TokenKind.CHANGE_SCALAR, TokenKind.CHANGE_VECTOR):
                change = token.scalar_change if token.kind is TokenKind.CHANGE_SCALAR else token.vector_change
                value = change.value if isinstance(change.value, int) else int(str(change.value), 2)
                for name in names[change.id_code]:
                    if name:
                        found[name].append((now, value))
    return found


def draw_raster(build: Build, population: str, file: Path) -> None:
    """Spikes of a population, PyTorch's beside the hardware's, in the sample in which they differ most."""
    summary = read_summary(build.path / "cosim" / "summary.json")
    model = build.model(build.stimulus(samples=summary["samples"]).x).spikes[population]
    with np.load(build.path / "cosim" / "hardware.npz") as arrays:
        hardware = arrays[f"spikes.{population}"]
    sample = int((model != hardware).sum(axis=(1, 2)).argmax())
    figure, axes = plt.subplots(1, 2, figsize=(6.4, 2.6), sharey=True, layout="constrained")
    for axis, title, spikes in zip(axes, ("PyTorch", "hardware"), (model, hardware), strict=True):
        differs = model[sample] != hardware[sample]
        step, neuron = np.nonzero(spikes[sample])
        axis.scatter(step, neuron, marker="|", s=18, color=INK, linewidths=1)
        step, neuron = np.nonzero(differs)
        axis.scatter(step, neuron, marker="o", s=36, facecolors="none", edgecolors=WRONG, linewidths=1)
        axis.set(title=f"{title}, sample {sample}", xlabel="step", xlim=(-0.7, spikes.shape[1] - 0.3))
    axes[0].set_ylabel(f"neuron of {population}")
    figure.savefig(file, metadata={"Date": None})
    plt.close(figure)


def steps_of(changes: list[tuple[int, int]], bits: int, end: int) -> tuple[list[int], list[int]]:
    """A signal as a line: clocks and two's complement values."""
    clocks = [clock for clock, _ in changes] + [end]
    values = [value - (value >> (bits - 1) << bits) for _, value in changes]
    return clocks, [*values, values[-1]]


def draw_waves(build: Build, population: str, neuron: int, expected: tuple[int, int], file: Path) -> None:
    """Words in, step, spikes and the potential of one neuron, as they stand in the waveform.

    ``expected`` is a step and what the model stores after it.
    """
    step, level = expected
    found = read_vcd(build.path / "cosim" / "waves.vcd")
    bits = build.chip.core(population).accumulator_bits
    end = max(clock for changes in found.values() for clock, _ in changes)
    rows: list[tuple[str, str, int]] = [
        ("in_input.is_event", "input:\nevents", 2),
        (f"pop_{population}.step", f"{population}:\nstep", 32),
        (f"pop_{population}.is_event", f"{population}:\nspikes", 2),
        (f"pop_{population}.held_{neuron}", f"held\ndrive of\nneuron {neuron}", bits),
        (f"pop_{population}.potential_{neuron}", f"stored\npotential of\nneuron {neuron}", bits),
    ]
    rows = [row for row in rows if row[0] in found]
    heights = [2 if "neuron" in label else 0.7 for _, label, _ in rows]
    figure, axes = plt.subplots(
        len(rows), 1, figsize=(6.4, 4.2), sharex=True, layout="constrained", height_ratios=heights
    )
    for axis, (name, label, width) in zip(axes, rows, strict=True):
        clocks, values = steps_of(found[name], width, end)
        axis.step(clocks, values, where="post", color=INK, linewidth=0.9)
        axis.set_ylabel(label, rotation=0, ha="right", va="center")
        axis.spines[["top", "right"]].set_visible(False)
        if width == 2:
            axis.set_yticks([])
    axes[-1].axhline(level, color=WRONG, linestyle="--", linewidth=0.9)
    begins = found["in_input.is_event"][1][0]  # before that, the last sample is being swept away
    axes[-1].set_xlim(begins - 5, end)
    shown = [value for clock, value in zip(clocks[1:], values[:-1], strict=True) if clock > begins]
    axes[-1].set_ylim(min(*shown, level) - 400, max(*shown, level) + 400)
    axes[-1].text(begins, level, f"PyTorch after step {step}: {level}", color=WRONG, va="bottom")
    axes[-1].set_xlabel("clock")
    figure.savefig(file, metadata={"Date": None})
    plt.close(figure)


def main(build_path: str, folder: str) -> None:
    """Draw both pictures."""
    build = Build(build_path, force=True)
    divergence: Any = read_summary(build.path / "cosim" / "summary.json")["first_divergence"]
    place = re.search(r"sample (\d+), step (\d+), population '(.+)', neuron (\d+)", str(divergence))
    if place is None:
        sys.exit(f"{build_path}: its co-simulation has no divergence of a neuron in a step")
    sample, step, population, neuron = int(place[1]), int(place[2]), place[3], int(place[4])
    stored = run_stepped(build.network, build.stimulus(samples=sample + 1).x).states[population]["stored"]
    expected = (step, int(stored[sample, step, neuron]))
    target = Path(folder)
    draw_raster(build, population, target / "debugging-raster.svg")
    draw_waves(build, population, neuron, expected, target / "debugging-waves.svg")


if __name__ == "__main__":
    main(*sys.argv[1:])
