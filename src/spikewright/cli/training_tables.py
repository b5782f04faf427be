"""How results of train, demo and reproduce look."""

from typing import TYPE_CHECKING

from spikewright.cli.printing import Result, line, pairs, table
from spikewright.wording import number, percent, quantity, source_of

if TYPE_CHECKING:
    from rich.console import Console

__all__ = ["show_demo", "show_reproduce", "show_train"]


def show_train(console: "Console", result: Result) -> None:
    """What training reached."""
    pairs(
        console,
        [
            ("accuracy (held out)", percent(result.get("accuracy"))),
            ("of its integers", percent(result.get("accuracy_integer"))),
            ("density", percent(result.get("density"))),
            ("parameters", number(result.get("parameters"))),
            ("synaptic operations", f"{number(round(result['synaptic_operations']))} a sample"),
            ("epochs", number(result.get("epochs"))),
            ("seed", str(result.get("seed"))),
        ],
    )
    for note in result.get("notes", ()):
        line(console, f"note: {note}")


def show_demo(console: "Console", result: Result) -> None:
    """The whole flow on a page."""
    compiled, cosim = result["compile"], result["cosim"]
    evaluated = f"{number(compiled['evaluated_samples'])} held-out images"
    rows = [
        (
            "network",
            f"{number(compiled['neurons'])} neurons",
            f"{number(compiled['nonzero_synapses'])} synapses",
        ),
        ("accuracy float", percent(compiled["accuracy_float"]), evaluated),
        ("accuracy integer", percent(compiled["accuracy_integer"]), evaluated),
        ("accuracy hardware", percent(cosim["accuracy"]), f"{number(cosim['samples'])} simulated images"),
        ("spikes compared", number(cosim["spikes_compared"]), f"{number(cosim['states_compared'])} states"),
        ("mismatches", number(cosim["mismatches"]), f"{cosim['simulator']} against PyTorch"),
        (
            "cycles an image",
            number(round(cosim["cycles"] / max(1, cosim["samples"]))),
            "counted in simulation",
        ),
    ]
    for target in result["estimate"]["targets"]:
        for label, key, unit, factor in (
            ("LUTs", "luts", "", 1.0),
            ("block RAMs", "brams", "", 1.0),
            ("clock", "fmax_mhz", "Hz", 1e6),
            ("time an image", "latency_us", "s", 1e-6),
            ("energy an image", "energy_per_inference_nj", "J", 1e-9),
        ):
            value = target.get(key)
            if value is not None:
                figure = quantity(value * factor, unit) if unit else number(value)
                rows.append((f"{label}, {target['technology']}", figure, source_of(target, key) or ""))
    pairs(console, rows)


def show_reproduce(console: "Console", result: Result) -> None:
    """Accuracy of every variant, and what became of every claim."""
    rows = []
    for variant in result["variants"]:
        shown = [
            spread(variant.get(key), factor)
            for key, factor in (
                ("accuracy_integer", 100), ("density", 100), ("parameters", 1), ("synaptic_operations", 1),
            )
        ]  # fmt: skip
        rows.append((variant["name"], *shown))
    header = ("variant", "accuracy, %", "density, %", "parameters", "synaptic operations")
    table(console, header, rows, title=f"{result['title']}, on {result['data']}")
    rows = [
        (
            claim["name"],
            claim["expected"],
            f"{claim['got']:+.2f}" + ("" if claim["deviation"] is None else f" ± {claim['deviation']:.2f}"),
            ("reproduced" if claim["reproduced"] else "not reproduced at this scale")
            + (", within the deviation" if claim["close"] else ""),
        )
        for claim in result["claims"]
    ]
    table(console, ("claim", "expected", "got", ""), rows, title=result["paper"])
    seeds, tested = result["claims"][0]["seeds"], result["claims"][0]["n_test"]
    what = "seeds" if result["folds"] is None else "folds"
    over = "one seed" if seeds == 1 else f"mean ± standard deviation over {seeds} {what}"
    least = "" if result["folds"] is None else "at least "  # folds differ by a few
    line(console, f"{over}, {least}{number(tested)} test samples each")


def spread(given: dict[str, float | None] | None, factor: int) -> str:
    """A mean with its deviation."""
    if given is None or given["mean"] is None:
        return "–"
    mean, deviation = factor * given["mean"], given["deviation"]
    digits = 2 if factor == 100 else 0
    tail = "" if deviation is None else f" ± {factor * deviation:,.{digits}f}"
    return f"{mean:,.{digits}f}{tail}"
