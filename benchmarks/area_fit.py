"""Fits coefficients of the area model to synthesised chips; for benchmarks/area_model.py."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from area_designs import Synthesised
from scipy.optimize import nnls

from spikewright.boards.area.model import chip_terms
from spikewright.boards.area.terms import Terms, lut_terms
from spikewright.compiler.blockram import ECP5, realised_memories, varying_bits
from spikewright.compiler.mapping import Mapped
from spikewright.config import identifier

__all__ = ["Sample", "fit"]

LEAST = 50
"""Cells below which errors count as if there were so many: fixed costs are guessed coarsely."""
TRUST = {"luts": 0.08, "carries": 0.1}
"""Weight of what is expected: a coefficient off by all of itself counts like a chip that is off by this."""
COUNTED = ("store", "forward", "value", "clamp", "late reset level", "reset level", "reset subtract",
           "repeat", "magnitude", "three operands", "readout shift")
"""Terms counted by the names that netlists give their tables; trusted :data:`COUNTED_TRUST` times as much."""
COUNTED_TRUST = 20
CORE = 0.5
"""Weight of a core of several beside that of its chip: Yosys moves borders."""
OUTLIER = 0.04
"""Error from which on a chip counts linearly, no longer squared."""

EXPECTED = {
    "luts": {
        # Lanes: what a bit of it takes, as seen in the netlists' names.
        "store": 1, "forward": 1, "value": 1, "clamp": 1, "clamp floor": 0.5, "floor": 0.5, "late reset": 1,
        "late reset level": 1, "fires": 1.5, "reset subtract": 1, "reset set": 1, "reset level": 1,
        "repeat": 1, "magnitude": 1, "wide product": 0.5, "decay carries": 1, "three operands": 2,
        # Memories and tables.
        "state address": 1.2, "state bus address": 1, "held address": 1, "tables": 1.1, "unknown tables": 1,
        "choice of two": 1, "choice of more": 0.7, "ram rows": 2, "rows written": 2, "block contents": 0.3,
        # Walkers.
        "walker": 15, "idle walker": 8, "walk": 1.2, "walk within": 2.5, "walk values": 5, "walk value": 2,
        "walk forward": 1, "walk event": 0.1, "dense": 4, "dense slot": 1, "dense value": 1,
        "dense address": 1, "columns of 3": 2, "columns of 4": 2, "columns of 5": 1, "banks": 0.85,
        "many banks": 2, "bank enables": 1.3, "kernels": 7, "kernel place": 2.5, "kernel words": 0.6,
        "kernel columns": 0.2, "kernel rows": 1.8, "kernel left": 0.6, "kernel steps": 0.3,
        "kernel port choice": 1, "plane columns": 2, "plane row": 3,
        # Control.
        "control": 25, "control slot": 1.2, "port": 4, "port choice": 1, "closing": 15, "partial": 5,
        "control held": 15, "control readout": 5, "control repeats": 10, "emit": 18, "emit lanes": 1.5,
        "emit encode": 0.5, "emit queue": 1.5, "emit mask": 0.2, "emit waits": 2.5, "emit wide": 1.7,
        "emit lanes wait": 0.5, "emit repeats": 5, "emit counts": 3.4, "place": 1.1, "places": 1.4,
        "readout": 6, "readout shift": 1, "queue block": 0.7, "queue choice of two": 0.7,
        "queue choice of more": 0.7, "queue ram rows": 0.5, "ring": 40, "ring word": 4, "ring fields": 1.2,
        "ring values": 1, "ring counts": 1, "ring address": 2,
        "ring words": 1.5, "ring ahead": 2, "ring delays": 1,
        "bus": 15, "bus memory": 7, "bus address": 0.4, "bus answer": 0.5, "bus wide": 0.4,
        "bus level": 0.3},
    "carries": {
        "accumulate": 1, "amount": 1, "compare": 1, "current": 1, "decay": 1, "floor": 1, "held": 1,
        "magnitude": 1, "own bias": 1, "shift": 1, "stored": 1, "value": 1, "wide product": 0.2,
        "walker": 1, "dense": 1, "row": 1, "kernels": 1, "plane rows": 1, "port": 0.5, "control": 0.3,
        "place": 1, "emit": 0.5, "ring": 1, "ring ahead": 1, "ring events": 1}}
"""What one of each term is expected to take; fits start from it."""


@dataclass(frozen=True, kw_only=True)
class Sample:
    """A chip, and what Yosys made of it."""

    seed: int
    mapped: Mapped
    found: Synthesised


def equations(sample: Sample, figure: str) -> list[tuple[Terms, float, float]]:
    """Terms, their sum as Yosys has it, and a weight: of the chip, of look-up tables also core by core."""
    chip, images = sample.mapped.chip, sample.mapped.images
    cells = sample.found.cells[figure]
    weight = 1 / max(cells, LEAST)
    found: list[tuple[Terms, float, float]] = [(chip_terms(chip, images)[figure], cells, weight)]
    if figure == "luts" and chip.contents == "baked" and len(chip.cores) > 1:
        parts = lut_terms(chip, realised_memories(ECP5, chip, images), varying_bits(chip, images), images)
        found += [(parts[core.name], luts_of(sample, identifier(core.name)), CORE * weight)
                  for core in chip.cores]
    return found


def luts_of(sample: Sample, core: str) -> int:
    """Look-up tables of a core and the rings in front of it."""
    return sum(cells["luts"] for name, cells in sample.found.instances.items()
               if name == f"core_{core}" or (name.startswith("ring_") and name.endswith(f"_of_{core}")))


def fit(data: Sequence[Sample], figure: str) -> dict[str, float]:
    """Coefficients of a figure by least squares of relative errors, none negative, towards what is expected.

    Errors of outliers count linearly.
    """
    rows = [row for sample in data for row in equations(sample, figure)]
    names = sorted(EXPECTED[figure])
    unknown = {term for terms, _, _ in rows for term, amount in terms.items() if amount} - set(names)
    assert not unknown, f"terms without an expected coefficient: {unknown}"
    matrix = np.array([[terms.get(name, 0.0) for name in names] for terms, _, _ in rows])
    cells, weights = (np.array([row[index] for row in rows], float) for index in (1, 2))
    expected = np.array([EXPECTED[figure][name] for name in names])
    trust = TRUST[figure] * np.where(np.isin(names, COUNTED), COUNTED_TRUST, 1)
    used = np.ones(len(rows))
    for _ in range(5):
        scale = weights * used
        solution, _ = nnls(np.vstack([matrix * scale[:, np.newaxis], np.diag(trust / expected)]),
                           np.concatenate([cells * scale, trust]))
        errors = np.abs(matrix @ solution - cells) * weights
        used = np.sqrt(np.minimum(1, OUTLIER / np.maximum(errors, 1e-9)))
    return {name: round(float(value), 4) for name, value in zip(names, solution, strict=True)}
