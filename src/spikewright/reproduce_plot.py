"""The picture of a comparison: accuracy over what the variants differ in."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from spikewright.models.systems.comparison import Comparison, Outcome, Variant

__all__ = ["draw"]

Point = tuple[float, float, float]
"""Where on the axis, mean and standard deviation of the accuracy, %."""

REACH = 12.0
"""Points of accuracy below the best that are drawn: what falls far off would press all else together."""


def draw(comparison: "Comparison", outcome: "Outcome", path: Path) -> None:
    """Draw a panel for every network that is compared: curves where there are any, else a row a variant."""
    from matplotlib.figure import Figure

    panels: dict[str, list[Variant]] = {}
    for variant in comparison.variants:
        panels.setdefault(variant.panel, []).append(variant)
    figure = Figure(figsize=(8 if len(panels) == 1 else 5 * len(panels), 4.5), layout="constrained")
    for axes, (panel, variants) in zip(
        figure.subplots(1, len(panels), squeeze=False)[0], panels.items(), strict=True
    ):
        curves, single = points(variants, outcome)
        if len({x for curve in curves.values() for x, _, _ in curve}) > 1:
            draw_curves(axes, curves, single)
            axes.set_xlabel(comparison.axis)
        else:
            draw_rows(axes, {name: curve[0][1:] for name, curve in curves.items()} | single)
        axes.set_title(panel, fontsize="medium")
        axes.grid(alpha=0.3)
    seeds = len(next(iter(outcome.runs.values())))
    figure.suptitle(f"{comparison.title}\n{comparison.data}, {seeds} seeds", fontsize="medium")
    figure.savefig(path, format="png", dpi=120)


def points(
    variants: "Sequence[Variant]", outcome: "Outcome"
) -> tuple[dict[str, list[Point]], dict[str, tuple[float, float]]]:
    """Curves by name, and the accuracies of variants that are no point of any."""
    curves: dict[str, list[Point]] = {}
    single: dict[str, tuple[float, float]] = {}
    for variant in variants:
        runs = outcome.runs[variant.name]
        for key in [key for key in runs[0] if key.startswith("T=")]:  # a run that measured a whole curve
            point = (float(key[2:]), *spread([one[key] for one in runs]))
            curves.setdefault(variant.name, []).append(point)
        if "accuracy_integer" not in runs[0]:
            continue
        found = spread([one["accuracy_integer"] for one in runs])
        if variant.series is not None and variant.x is not None:
            curves.setdefault(variant.series, []).append((variant.x, *found))
        else:
            single[variant.name] = found
    return curves, single


def draw_curves(
    axes: "Axes", curves: dict[str, list[Point]], single: dict[str, tuple[float, float]]
) -> None:
    """Accuracy over ``x``; what has no place on it is a line across."""
    for number, (name, curve) in enumerate(curves.items()):
        x, y, error = zip(*sorted(curve), strict=True)
        axes.errorbar(x, y, error, label=name, marker="osD^v<>"[number % 7], capsize=3)
    for number, (name, (mean, deviation)) in enumerate(single.items(), len(curves)):
        name = f"{name}: {mean:.1f} ± {deviation:.1f}"
        axes.axhline(mean, linestyle=":", color=f"C{number}", label=name)
    places = sorted({x for curve in curves.values() for x, _, _ in curve})
    if len(places) > 2 and min(places) > 0:
        axes.set_xscale("log")
    axes.set_xticks(places, [f"{place:g}" for place in places])
    axes.minorticks_off()
    axes.set_ylabel("accuracy of the integer network, %")
    means = [mean for curve in curves.values() for _, mean, _ in curve]
    low = max(means) - REACH
    for number, curve in enumerate(curves.values()):
        for place, mean, _ in curve:
            if mean < low:
                axes.annotate(
                    f"{mean:.0f} ↓", (place, low), color=f"C{number}", fontsize="small", ha="center"
                )
    axes.set_ylim(max(min(means) - 1, low - 0.5), max(means) + 1)
    axes.legend(fontsize="small")


def draw_rows(axes: "Axes", rows: dict[str, tuple[float, float]]) -> None:
    """A row a variant."""
    means, deviations = zip(*rows.values(), strict=True)
    axes.errorbar(means, list(rows), xerr=deviations, fmt="o", capsize=3)
    axes.margins(y=0.2)
    axes.invert_yaxis()
    axes.set_xlabel("accuracy of the integer network, %")


def spread(shares: Sequence[float]) -> tuple[float, float]:
    """Mean and standard deviation of the sample, %; 0 of a single one."""
    percent = 100 * np.asarray(shares)
    return float(percent.mean()), float(percent.std(ddof=1)) if len(percent) > 1 else 0.0
