"""``spikewright reproduce``: the comparison behind a published claim, run, judged, written and drawn."""

import json
import math
import os
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from spikewright.atomic import written
from spikewright.errors import ConfigError
from spikewright.progress import progress

if TYPE_CHECKING:
    from spikewright.models.systems.comparison import Claim, Comparison, Outcome

__all__ = ["SYSTEMS", "reproduce"]

SYSTEMS = ("esl", "sca", "rkd", "kd", "lasnn")
DATA, QUICK_DATA = "mnist", "mnist5k"
"""What is trained on if nothing is asked for; ``mnist5k`` comes inside a package."""


def reproduce(
    system: str,
    output: Path,
    *,
    quick: bool = False,
    data: str | None = None,
    seeds: int = 3,
    jobs: int | None = None,
    force: bool = False,
) -> dict[str, Any]:
    """Run a system's comparison and say of every claim whether it came out at this scale.

    Parameters
    ----------
    system
        One of :data:`SYSTEMS`.
    output
        Folder for ``reproduce.json``, ``reproduce.png`` and the figures of every run: what is there already,
        of the same runs, is not run again, so that an interrupted comparison goes on.
    quick
        A smaller comparison, of minutes.
    data
        What is trained on, without a part.
    seeds
        Runs of every variant.
    jobs
        Processes; None: one a core.

    Returns
    -------
    dict
        ``claims`` (``name expected got deviation seeds n_test reproduced unit``) and ``variants``.
    """
    from spikewright.models.systems.comparison import run

    if system not in SYSTEMS:
        raise ConfigError(f"system must be one of {', '.join(SYSTEMS)}, not {system!r}")
    if seeds < 1:
        raise ConfigError(f"seeds must be 1 or more, not {seeds}")
    if output.exists() and not output.is_dir():
        raise ConfigError(f"output {str(output)!r}: must be a folder, not a file")
    # Better said now than after hours.
    place = next(place for place in (output, *output.absolute().parents) if place.exists())
    if not place.is_dir() or not os.access(place, os.W_OK):
        why = f"{str(place)!r} is no folder to write to"
        raise ConfigError(f"output {str(output)!r}: cannot be written: {why}")
    if find_spec("matplotlib") is None:
        raise ConfigError("pictures need matplotlib: pip install 'spikewright[plot]'")
    module = import_module(f"spikewright.models.systems.{system}")
    comparison: Comparison = module.comparison(data or (QUICK_DATA if quick else DATA), quick=quick)
    runs = len(comparison.variants) * seeds
    with progress(f"reproducing {system}", runs) as advance:
        outcome = run(
            comparison,
            range(seeds),
            output,
            jobs=jobs,
            force=force,
            progress=lambda name: advance(1, name),
        )
    claims = comparison.claims(outcome)
    result = {
        "system": system,
        "title": comparison.title,
        "paper": comparison.paper,
        "data": comparison.data,
        "quick": quick,
        "date": datetime.now(UTC).date().isoformat(),
        "claims": [plain(claim) for claim in claims],
        "variants": [
            {"name": name, **{key: spread([figures[key] for figures in runs]) for key in runs[0]}}
            for name, runs in outcome.runs.items()
        ],
    }
    output.mkdir(parents=True, exist_ok=True)
    with written(output / "reproduce.json") as path:
        path.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")
    with written(output / "reproduce.png") as path:
        draw(comparison, outcome, path)
    return result


def plain(claim: "Claim") -> dict[str, Any]:
    """A claim as JSON has it: no deviation of a single seed."""
    return {
        key: None if isinstance(value, float) and math.isnan(value) else value
        for key, value in asdict(claim).items()
    }


def spread(values: Sequence[float]) -> dict[str, float | None]:
    """Mean, and standard deviation of the sample."""
    deviation = float(np.std(values, ddof=1)) if len(values) > 1 else None
    return {"mean": float(np.mean(values)), "deviation": deviation}


def draw(comparison: "Comparison", outcome: "Outcome", path: Path) -> None:
    """Accuracy over what the variants differ in where curves come of it, else a row a variant."""
    from matplotlib.figure import Figure

    curves: dict[str, list[tuple[float, float, float]]] = {}
    single: dict[str, tuple[float, float]] = {}
    for variant in comparison.variants:
        runs = outcome.runs[variant.name]
        for key in [key for key in runs[0] if key.startswith("T=")]:  # a run that measured a whole curve
            point = (float(key[2:]), *_mean([100 * one[key] for one in runs]))
            curves.setdefault(variant.name, []).append(point)
        if "accuracy_integer" not in runs[0]:
            continue
        single[variant.name] = _mean([100 * one["accuracy_integer"] for one in runs])
        if variant.series is not None and variant.x is not None:
            curves.setdefault(variant.series, []).append((variant.x, *single[variant.name]))
            del single[variant.name]
    figure = Figure(figsize=(8, 4.5), layout="constrained")
    axes = figure.subplots()
    label = "accuracy of the integer network, %"
    if max((len(points) for points in curves.values()), default=0) > 1:
        for number, (name, points) in enumerate(curves.items()):
            x, y, error = zip(*sorted(points), strict=True)
            axes.errorbar(x, y, error, label=name, marker="osD^v<>"[number % 7], capsize=3)
        for number, (name, (mean, deviation)) in enumerate(single.items(), len(curves)):
            name = f"{name}: {mean:.1f} ± {deviation:.1f}"
            axes.axhline(mean, linestyle=":", color=f"C{number}", label=name)
        places = sorted({x for points in curves.values() for x, _, _ in points})
        if len(places) > 2 and min(places) > 0:
            axes.set_xscale("log")
        axes.set_xticks(places, [f"{place:g}" for place in places])
        axes.minorticks_off()
        axes.set_xlabel(comparison.axis)
        axes.set_ylabel(label)
        axes.set_ylim(*limits(mean for points in curves.values() for _, mean, _ in points))
        axes.legend(fontsize="small")
    else:
        rows = {name: points[0][1:] for name, points in curves.items()} | single
        means, deviations = zip(*rows.values(), strict=True)
        axes.errorbar(means, list(rows), xerr=deviations, fmt="o", capsize=3)
        axes.margins(y=0.2)
        axes.invert_yaxis()
        axes.set_xlabel(label)
    axes.set_title(f"{comparison.title}\n{comparison.data}, {len(next(iter(outcome.runs.values())))} seeds")
    axes.grid(alpha=0.3)
    figure.savefig(path, format="png", dpi=120)


def limits(accuracies: Iterable[float]) -> tuple[float, float]:
    """Where the axis begins and ends: what falls far off would press all else together."""
    found = list(accuracies)
    return max(min(found) - 1, max(found) - 15), max(found) + 1


def _mean(values: Sequence[float]) -> tuple[float, float]:
    return float(np.mean(values)), float(np.std(values, ddof=1)) if len(values) > 1 else 0.0
