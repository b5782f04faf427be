"""How figures are written, on the command line and in the report alike."""

from collections.abc import Mapping
from typing import Any

__all__ = ["number", "percent", "predicted", "quantity", "source_of"]

PREFIXES = (
    (1e9, "G"),
    (1e6, "M"),
    (1e3, "k"),
    (1.0, ""),
    (1e-3, "m"),
    (1e-6, "µ"),
    (1e-9, "n"),
    (1e-12, "p"),
)


def number(value: float | None) -> str:
    """A count with separators, or a figure with four digits; a dash where there is none."""
    if value is None:
        return "–"
    if float(value).is_integer():
        return f"{int(value):,}"
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.4g}"


def percent(value: float | None) -> str:
    """A fraction as a percentage."""
    return "–" if value is None else f"{100 * value:.2f} %"


def quantity(value: float | None, unit: str) -> str:
    """A figure with its unit, with the prefix that gives one to three digits before the point."""
    if value is None:
        return "–"
    if value == 0:
        return f"0 {unit}"
    factor, prefix = next(((f, p) for f, p in PREFIXES if abs(value) >= f * 0.9995), PREFIXES[-1])
    scaled = value / factor
    return f"{scaled:.{max(0, 2 - len(str(int(abs(scaled)))) + 1)}f} {prefix}{unit}"


def predicted(result: Mapping[str, Any]) -> str:
    """Cycles that the event-level model predicts, and how far off it is."""
    cycles = result["predicted_cycles"]
    if cycles is None or not result["cycles"]:
        return number(cycles)
    return f"{number(cycles)} ({100 * (cycles / result['cycles'] - 1):+.2f} %)"


def source_of(target: Mapping[str, Any], key: str) -> str | None:
    """How a figure of an estimate came about: the source that names it, or all energies, before its colon."""
    energy = key.startswith("energy") or key in ("memory_nj", "compute_nj")
    for name in (key, "energy") if energy else (key,):
        for source in target.get("sources") or ():
            names, colon, how = source.partition(": ")
            if colon and name in names.split(", "):
                return str(how)
    return None
