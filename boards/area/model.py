"""Area before synthesis: look-up tables, carry cells and block RAM of an ECP5, from the configuration alone.

Look-up tables and carry cells are sums of terms (:mod:`~spikewright.boards.area.terms`), each with a
coefficient that ``benchmarks/area_model.py`` has fitted to synthesised designs; they stand in
``coefficients.json``, with what they were fitted to and the error on designs that they were not. Block RAM is
what Yosys does (:mod:`spikewright.compiler.blockram`).
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from spikewright.boards.area.carries import carry_terms
from spikewright.boards.area.terms import add, lut_terms
from spikewright.compiler.blockram import ECP5, blocks, realised_memories, varying_bits
from spikewright.compiler.words import Image
from spikewright.config import ChipConfig
from spikewright.memories import weight_memories

__all__ = ["AreaEstimate", "Images", "chip_terms", "estimate_area", "has_ring", "load_model", "total",
           "unfitted"]

TECHNOLOGY = "ecp5"
MOST_BANKS = 32
"""Most banks of weights of a core whose choice the model knows."""
Images = Mapping[str, Image] | None


@dataclass(frozen=True, slots=True, kw_only=True)
class AreaEstimate:
    """Cells that a chip will take, by the model.

    Parameters
    ----------
    luts, carries, brams
        As of :class:`spikewright.boards.synth.Synthesis`.
    error_percent, mean_error_percent
        Largest and mean error of ``luts`` on designs that were not fitted to.
    held_out, within_10
        How many these are, and how many of them are met within 10 %.
    beyond
        What the chip has for which the model is too far off: then there are no ``luts`` and ``carries``.
    """

    luts: int | None
    carries: int | None
    brams: int
    error_percent: float
    mean_error_percent: float
    held_out: int
    within_10: int
    technology: str = TECHNOLOGY
    beyond: tuple[str, ...] = ()


@cache
def load_model() -> dict[str, Any]:
    """Coefficients and their provenance."""
    text = Path(__file__).with_name("coefficients.json").read_text(encoding="utf-8")
    model: dict[str, Any] = json.loads(text)
    return model


def chip_terms(chip: ChipConfig, images: Images = None) -> dict[str, dict[str, float]]:
    """Amounts of all terms of a chip, of ``luts`` and of ``carries``."""
    parts = lut_terms(chip, realised_memories(ECP5, chip, images), varying_bits(chip, images), images)
    luts: dict[str, float] = {}
    for part in parts.values():
        add(luts, part)
    return {"luts": luts, "carries": carry_terms(chip)}


def total(coefficients: Mapping[str, float], terms: Mapping[str, float]) -> float:
    """Sum of terms."""
    return sum(coefficients.get(term, 0.0) * amount for term, amount in terms.items() if amount)


def unfitted(chip: ChipConfig) -> tuple[str, ...]:
    """What a chip has that the model does not know, or is too far off for.

    A ring takes up to twice as many tables where it is the slowest path of its chip. Chips with them are
    fitted to and held out like others; their error stands in ``coefficients.json`` beside that of the others.
    """
    banks = max(len(weight_memories(core)) for core in chip.cores)
    reasons = {
        "delays": has_ring(chip),
        "encoders of sound": any(port.encoder is not None for port in chip.inputs),
        f"weights in more than {MOST_BANKS} banks": banks > MOST_BANKS,
    }
    return tuple(reason for reason, holds in reasons.items() if holds)


def has_ring(chip: ChipConfig) -> bool:
    """Whether it has delays or cycles."""
    return any(port.delayed for core in chip.cores for port in core.ports)


def estimate_area(chip: ChipConfig, images: Images = None) -> AreaEstimate:
    """Area of a chip; block RAM is exact with the ``images`` of baked contents: constant bits take none.

    Look-up tables and carry cells are those of chips like the ones that the model was fitted to; of others
    there is block RAM alone.
    """
    model = load_model()
    luts = carries = None
    beyond = unfitted(chip)
    if not beyond:
        terms, coefficients = chip_terms(chip, images), model["coefficients"]
        luts, carries = (round(total(coefficients[name], terms[name])) for name in ("luts", "carries"))
    held_out = model["held_out_by_kind"]["no rings"]
    return AreaEstimate(luts=luts, carries=carries, brams=blocks(ECP5, chip, images), beyond=beyond,
                        error_percent=held_out["luts"]["max_percent"],
                        mean_error_percent=held_out["luts"]["mean_percent"], held_out=held_out["designs"],
                        within_10=held_out["luts"]["within_10"])
