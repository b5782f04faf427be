"""How results of cosim and estimate look."""

from typing import TYPE_CHECKING

from spikewright.cli.printing import Result, line, pairs, table
from spikewright.wording import number, percent, predicted, quantity

if TYPE_CHECKING:
    from rich.console import Console

__all__ = ["show_cosim", "show_estimate"]


def show_cosim(console: "Console", result: Result) -> None:
    """What was compared, and what it took."""
    if result["mismatches"]:
        line(console, f"MISMATCHES: {number(result['mismatches'])}", "bold red")
        if result.get("first_divergence"):
            line(console, str(result["first_divergence"]))
    else:
        line(console, "hardware equals PyTorch: 0 mismatches", "bold green")
    rows = [
        ("spikes compared", number(result["spikes_compared"])),
        ("read-outs compared", number(result["readouts_compared"])),
        ("states compared", number(result["states_compared"])),
        ("states after steps", stepped(result)),
        ("samples × steps", f"{number(result['samples'])} × {number(result['steps'])}"),
        (
            "cycles",
            f"{number(result['cycles'])} ({number(result['cycles'] / max(1, result['samples']))} a sample)",
        ),
        ("predicted cycles", predicted(result)),
        ("accuracy", percent(result.get("accuracy"))),
        ("simulator", f"{result['simulator']}, {number(round(result['steps_per_second'] or 0))} steps/s"),
    ]
    if result.get("injected") is not None:
        rows.append(("faults", faults(result)))
    pairs(console, rows)
    for note in result.get("notes", ()):
        line(console, f"note: {note}")


def stepped(result: Result) -> str:
    """States that were compared at the end of every step."""
    samples = result.get("stepped_samples")
    if not samples:
        return "–"
    return f"{number(result['step_states_compared'])}, in {number(samples)} samples stepped through"


def faults(result: Result) -> str:
    """What came of injected faults, in a line."""
    effective, detected = result["effective"], result["detected"]
    share = percent(detected / effective) if effective else "–"
    return (
        f"{number(result['injected'])} injected, {number(effective)} effective, {number(detected)} of these"
        f" detected ({share}), {number(result['located'])} located"
    )


def show_estimate(console: "Console", result: Result) -> None:
    """Area, clock and energy by technology."""
    rows = []
    for target in result["targets"]:
        energy, fmax, latency = (target.get(k) for k in ("energy_per_inference_nj", "fmax_mhz", "latency_us"))
        area = target.get("area_um2")
        rows.append(
            (
                target["technology"],
                number(target.get("luts")) if area is None else f"{number(area)} µm²",
                number(target.get("ffs")),
                number(target.get("brams")),
                number(target.get("dsps")),
                "–" if fmax is None else f"{fmax:.1f} MHz",
                quantity(None if latency is None else latency * 1e-6, "s"),
                quantity(None if energy is None else energy * 1e-9, "J") + error_bar(target),
            )
        )
    header = ("technology", "LUTs / area", "FFs", "BRAMs", "DSPs", "clock", "an inference", "energy")
    table(console, header, rows)
    for target in result["targets"]:
        factor, energy = target.get("real_time_factor"), target.get("energy_per_second_uj")
        said = [] if factor is None else [f"{factor:.2f} times real time"]
        said += [] if energy is None else [f"{quantity(energy * 1e-6, 'J')} a second of sound"]
        if said:
            line(console, f"{target['technology']}: {', '.join(said)}")


def error_bar(target: Result) -> str:
    """Between which an energy lies, where its model says so."""
    low, high = target.get("energy_low_nj"), target.get("energy_high_nj")
    if low is None or high is None:
        return ""
    return f" ({quantity(low * 1e-9, 'J')} to {quantity(high * 1e-9, 'J')})"
