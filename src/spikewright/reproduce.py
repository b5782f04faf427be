"""``spikewright reproduce``: the comparison behind a published claim, run, judged, written and drawn."""

import json
import math
import os
from collections.abc import Sequence
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
    from spikewright.models.systems.comparison import Claim, Comparison, Variant

__all__ = ["SYSTEMS", "reproduce"]

SYSTEMS = ("esl", "sca", "rkd", "kd", "lasnn")
DATA, QUICK_DATA = "mnist", "mnist5k"
"""What is trained on if nothing is asked for; ``mnist5k`` comes inside a package."""

SEEDS = 3


def reproduce(
    system: str,
    output: Path,
    *,
    quick: bool = False,
    data: str | None = None,
    seeds: int | None = None,
    folds: int | None = None,
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
        Runs of every variant; None: as many as folds, or 3.
    folds
        Every seed tests on another fold of so many of all samples, for data of few; None: on the data's own
        part.
    jobs
        Processes; None: one a core.

    Returns
    -------
    dict
        ``claims`` (``name expected got deviation seeds n_test reproduced close unit``) and ``variants``.
    """
    from spikewright.models.systems.comparison import run
    from spikewright.reproduce_plot import draw

    if system not in SYSTEMS:
        raise ConfigError(f"system must be one of {', '.join(SYSTEMS)}, not {system!r}")
    for name, value, least in (("seeds", seeds, 1), ("folds", folds, 2), ("jobs", jobs, 1)):
        if value is not None and value < least:
            raise ConfigError(f"{name} must be {least} or more, not {value}")
    seeds = seeds or folds or SEEDS
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
    chosen = data or (QUICK_DATA if quick else DATA)
    comparison: Comparison = module.comparison(chosen, quick=quick)

    def with_seed(seed: int) -> "Sequence[Variant]":
        if folds is None:
            return comparison.variants
        found: Comparison = module.comparison(f"{chosen}:fold{seed % folds + 1}/{folds}", quick=quick)
        return found.variants

    runs = len(comparison.variants) * seeds
    with progress(f"reproducing {system}", runs) as advance:
        outcome = run(
            comparison,
            range(seeds),
            output,
            jobs=jobs,
            force=force,
            variants=with_seed,
            progress=lambda name: advance(1, name),
        )
    claims = comparison.claims(outcome)
    result = {
        "system": system,
        "title": comparison.title,
        "paper": comparison.paper,
        "data": comparison.data,
        "folds": folds,
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
