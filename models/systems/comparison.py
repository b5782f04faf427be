"""Comparisons of trainings: variants, each with several seeds, and what of a claim they bear out."""

import hashlib
import json
import math
import multiprocessing
import os
import signal
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

from spikewright.errors import ConfigError, ToolError
from spikewright.models.learning.training import options_of, train

__all__ = ["Claim", "Comparison", "Figures", "Outcome", "Variant", "run", "trained"]

Figures = Mapping[str, float]
"""What a run measures, by name: accuracies within 0..1 among them."""


def trained(method: str, data: str, options: Mapping[str, Any], seed: int) -> Figures:
    """Train once; accuracies on the test part, and how large the network is."""
    metrics = train(options_of(method, seed=seed, **options), data, None).metrics
    keys = (
        "accuracy", "accuracy_integer", "accuracy_teacher", "density", "parameters", "synaptic_operations",
        "n_test",
    )  # fmt: skip
    return {key: float(metrics[key]) for key in keys if metrics.get(key) is not None}


@dataclass(frozen=True, slots=True, kw_only=True)
class Variant:
    """One of the things that are compared.

    Parameters
    ----------
    name
        What tables and claims call it.
    measure, arguments
        Run with the arguments and ``seed``; a function of a module, so that other processes find it.
    series, x
        Which curve of the picture it is a point of, and where on it; without, it is a row.
    panel
        Which part of the picture it is in.
    """

    name: str
    measure: Callable[..., Figures] = trained
    arguments: Mapping[str, Any] = field(default_factory=dict)
    series: str | None = None
    x: float | None = None
    panel: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """A figure that the paper's claim leads to, and whether it came out.

    Parameters
    ----------
    name, expected
        What is claimed, and the bound that it must hold.
    got, deviation
        Mean over the seeds, and standard deviation of the sample.
    close
        Whether the mean is no farther from the bound than the deviation: about as much as chance would do.
    unit
        ``points`` of accuracy (a hundredth), or another.
    """

    name: str
    expected: str
    got: float
    deviation: float
    seeds: int
    n_test: int
    reproduced: bool
    close: bool
    unit: str = "points"


class Outcome:
    """Figures of every variant and seed.

    Parameters
    ----------
    runs
        Figures by variant, in the order of the seeds.
    """

    def __init__(self, runs: Mapping[str, Sequence[Figures]]) -> None:
        self.runs = runs

    def of(self, variant: str, key: str = "accuracy_integer") -> np.ndarray[Any, Any]:
        """A figure of a variant for every seed, ``(seeds,)``."""
        return np.array([figures[key] for figures in self.runs[variant]])

    def claim(
        self,
        name: str,
        better: str,
        than: str,
        least: float,
        *,
        key: str = "accuracy_integer",
        other: str | None = None,
    ) -> Claim:
        """One variant at least ``least`` points above another, in the mean of the seeds' own differences."""
        difference = 100 * (self.of(better, key) - self.of(than, other or key))
        return self.measured(name, difference, least=least)

    def measured(
        self,
        name: str,
        values: np.ndarray[Any, Any],
        *,
        least: float | None = None,
        most: float | None = None,
        unit: str = "points",
    ) -> Claim:
        """A claim about the mean of a value that every seed has: at least so much, or at most."""
        mean = float(np.mean(values))
        deviation = float(np.std(values, ddof=1)) if len(values) > 1 else math.nan
        if least is not None:
            sign, bound, holds = ">=", least, mean >= least
        else:
            assert most is not None, "a claim needs a bound"
            sign, bound, holds = "<=", most, mean <= most
        tests = {int(run["n_test"]) for runs in self.runs.values() for run in runs if "n_test" in run}
        return Claim(
            name=name,
            expected=f"{sign} {bound:{'+.1f' if unit == 'points' else 'g'}} {unit}",
            got=mean,
            deviation=deviation,
            seeds=len(values),
            n_test=min(tests),
            reproduced=holds,
            close=abs(mean - bound) < deviation,
            unit=unit,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """What is run and what is claimed of it.

    Parameters
    ----------
    title, paper
        What the comparison is, and what it is taken from.
    data
        What is trained on.
    axis
        What ``x`` of the variants is.
    """

    title: str
    paper: str
    data: str
    variants: Sequence[Variant]
    claims: Callable[[Outcome], Sequence[Claim]]
    axis: str = ""


def run(
    comparison: Comparison,
    seeds: Iterable[int],
    folder: Path,
    *,
    jobs: int | None = None,
    force: bool = False,
    variants: Callable[[int], Sequence[Variant]] | None = None,
    progress: Callable[[str], None] = lambda _: None,
) -> Outcome:
    """Run every variant with every seed, several at a time; what the folder has already is not run again.

    Parameters
    ----------
    folder
        Keeps the figures of every run by what was run: an interrupted comparison goes on.
    jobs
        Processes; None: one a core. Each computes on one core, so figures do not depend on how many there
        are.
    variants
        What is run with a seed, where that differs (in data); None: the comparison's own.
    progress
        Called with the name of every run that is done.
    """
    seeds = list(seeds)
    if len(seeds) < 1:
        raise ConfigError("seeds must be 1 or more")
    with_seed = {seed: comparison.variants if variants is None else variants(seed) for seed in seeds}
    found: dict[tuple[str, int], Figures] = {}
    waiting = []
    for number in range(len(comparison.variants)):
        for seed in seeds:
            variant = with_seed[seed][number]
            place = folder / "runs" / f"{_key(variant, seed)}.json"
            kept = None if force else _kept(place)
            if kept is not None:
                found[variant.name, seed] = kept
                progress(f"{variant.name}, seed {seed}")
            else:
                waiting.append((variant, seed, place))
    workers = min(jobs or os.cpu_count() or 1, max(1, len(waiting)))
    # Torch's threads do not outlive a fork. Interrupted together with this one, a process ends at once: else
    # it would go on to the next run, and say where it was.
    started: dict[str, Any] = {
        "mp_context": multiprocessing.get_context("spawn"),
        "initializer": signal.signal,
        "initargs": (signal.SIGINT, signal.SIG_DFL),
    }
    if waiting:
        with ProcessPoolExecutor(workers, **started) as pool:
            futures = {
                pool.submit(_measure, variant, seed): (variant, seed, place)
                for variant, seed, place in waiting
            }
            try:
                for future in as_completed(futures):
                    variant, seed, place = futures[future]
                    found[variant.name, seed] = future.result()
                    _keep(place, variant, seed, future.result())
                    progress(f"{variant.name}, seed {seed}")
            except BaseException as error:
                pool.shutdown(cancel_futures=True)
                for future, (variant, seed, place) in futures.items():  # what ran on until then, too
                    if not future.cancelled() and future.exception() is None:
                        _keep(place, variant, seed, future.result())
                if isinstance(error, BrokenProcessPool):
                    why = "was ended from outside, perhaps for want of memory: fewer jobs need less"
                    raise ToolError(f"the process of a training {why}") from error
                raise
    return Outcome(
        {variant.name: [found[variant.name, seed] for seed in seeds] for variant in comparison.variants}
    )


def _measure(variant: Variant, seed: int) -> Figures:
    return variant.measure(**variant.arguments, seed=seed)


def _key(variant: Variant, seed: int) -> str:
    """Names what is run: the same text, the same figures."""
    measured = (variant.measure.__qualname__, sorted(variant.arguments.items()))
    text = repr((measured, seed, version("spikewright")))
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _kept(place: Path) -> Figures | None:
    """Figures that a run left there, if it is whole."""
    try:
        figures: Figures = json.loads(place.read_text(encoding="utf-8"))["figures"]
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return figures


def _keep(place: Path, variant: Variant, seed: int, figures: Figures) -> None:
    document = {"variant": variant.name, "seed": seed, "figures": dict(figures)}
    temporary = place.with_suffix(f".{os.getpid()}")
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        temporary.write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")
        temporary.replace(place)
    except OSError as error:
        raise ConfigError(f"output {str(place)!r}: cannot be written: {error.strerror or error}") from error
