"""Results as tables for people; each takes the object that ``--json`` prints."""

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rich.console import Console

__all__ = [
    "area_of",
    "line",
    "loss_rows",
    "number",
    "percent",
    "predicted",
    "quantity",
    "show_check",
    "show_compile",
    "show_cosim",
    "show_demo",
    "show_doctor",
    "show_estimate",
    "show_train",
    "source_of",
    "trial_rows",
]

Result = Mapping[str, Any]

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


def table(
    console: "Console", header: Sequence[str], rows: Iterable[Sequence[str]], *, title: str | None = None
) -> None:
    """Print a table; the first column to the left, numbers to the right."""
    from rich.box import SIMPLE_HEAD
    from rich.table import Table
    from rich.text import Text

    rows = [*rows]
    heading = None if title is None else Text(title)
    grid = Table(box=SIMPLE_HEAD, title=heading, title_justify="left", pad_edge=False)
    for name in header:
        grid.add_column(Text(name))
    for index, column in enumerate(grid.columns):
        cells = [row[index] for row in rows]
        if index and cells and all(cell[:1].isdigit() or cell[:1] in "–-" for cell in cells):
            column.justify = "right"
    for row in rows:
        grid.add_row(*[Text(cell) for cell in row])
    console.print(grid)


def pairs(console: "Console", rows: Iterable[Sequence[str]]) -> None:
    """Print names and values in columns; a third says where they come from."""
    from rich.table import Table
    from rich.text import Text

    grid = Table.grid(padding=(0, 2))
    for name, value, *more in rows:
        grid.add_row(Text(name, style="dim"), Text(value), *[Text(text, style="dim") for text in more])
    console.print(grid)


def line(console: "Console", text: str, style: str | None = None) -> None:
    """Print one line as it is."""
    console.print(text, style=style, markup=False, emoji=False, highlight=False, soft_wrap=True)


def show_doctor(console: "Console", result: Result) -> None:
    """What is there, and how to get the rest."""
    rows = [
        (
            entry["name"],
            ("ok" if entry["found"] else "MISSING" if entry["required"] else "no"),
            entry["version"] or "–",
            entry["needed_for"] if entry["found"] else f"{entry['needed_for']}: {entry['remedy']}",
        )
        for entry in result["tools"]
    ]
    table(console, ("tool", "", "version", "needed for"), rows)
    missing = [entry["name"] for entry in result["tools"] if entry["required"] and not entry["found"]]
    line(console, f"missing: {', '.join(missing)}" if missing else "everything that is needed is there")


def show_check(console: "Console", result: Result) -> None:
    """Every node, and what the network takes."""
    rows = [
        (
            node["name"],
            node["type"],
            "yes" if node["supported"] else "NO",
            str(node["realised_as"] or "–") if node["supported"] else str(node["reason"]),
        )
        for node in result["nodes"]
    ]
    table(console, ("node", "type", "supported", "realised as, or why not"), rows)
    shown = {f"{node['name']}: {node['reason']}" for node in result["nodes"]}
    for problem in result["problems"]:
        if problem not in shown:
            line(console, f"problem: {problem}")
    for note in result["notes"]:
        line(console, f"note: {note}")
    if result["memory_bits"] is not None:
        line(console, f"memory: {number(result['memory_bits'])} bits (weights, indices, row pointers)")
    for name, fit in result["fits"].items():
        blocks = f"{number(fit['block_rams'])} of {number(fit['available'])} block RAMs"
        line(console, f"{name}: {'fits' if fit['fits'] else 'DOES NOT FIT'}, {blocks}")
    line(console, "supported" if result["supported"] else "NOT SUPPORTED")


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
            "reproduced" if claim["reproduced"] else "not reproduced at this scale",
        )
        for claim in result["claims"]
    ]
    table(console, ("claim", "expected", "got", ""), rows, title=result["paper"])
    seeds, tested = result["claims"][0]["seeds"], result["claims"][0]["n_test"]
    over = "one seed" if seeds == 1 else f"mean ± standard deviation over {seeds} seeds"
    line(console, f"{over}, {number(tested)} test samples each")


def spread(given: dict[str, float | None] | None, factor: int) -> str:
    """A mean with its deviation."""
    if given is None or given["mean"] is None:
        return "–"
    mean, deviation = factor * given["mean"], given["deviation"]
    digits = 2 if factor == 100 else 0
    tail = "" if deviation is None else f" ± {factor * deviation:,.{digits}f}"
    return f"{mean:,.{digits}f}{tail}"


def show_encode(console: "Console", result: Result) -> None:
    """How much of the sound is in its spikes."""
    config = result["config"]
    kind = f"{result['encoder']} encoder, {config['channels']} channels"
    snr = "–" if result["snr_db"] is None else f"{result['snr_db']:.2f} dB"
    pairs(
        console,
        [
            ("spikes", f"{result['spikes']:,}", f"{result['asked']:,} asked for"),
            ("a second", f"{result['spikes_per_second']:.1f}", kind),
            ("SNR", snr, "of what they decode to"),
            ("duration", f"{result['duration_s']:.3f} s", f"{config['sample_rate_hz']:,} Hz"),
        ],
    )
    for note in result["notes"]:
        line(console, f"note: {note}")


def show_decode(console: "Console", result: Result) -> None:
    """What was decoded."""
    pairs(
        console,
        [
            ("spikes", f"{result['spikes']:,}"),
            ("duration", f"{result['duration_s']:.3f} s", f"{result['sample_rate_hz']:,} Hz"),
            ("peak", f"{result['peak']:.3f}", "of full scale"),
        ],
    )
    for note in result["notes"]:
        line(console, f"note: {note}")


def show_compile(console: "Console", result: Result) -> None:
    """The hardware that came out, core by core."""
    rows = [
        (
            core["name"],
            number(core["neurons"]),
            number(core["nonzero_synapses"]),
            percent(core["density"]),
            core["rows"],
            number(core["lanes"]),
            number(core["memory_bits"]),
            core["decay"],
        )
        for core in result["core_details"]
    ]
    table(console, ("core", "neurons", "synapses", "density", "rows", "lanes", "memory bits", "decay"), rows)
    for note in result["notes"]:
        line(console, f"note: {note}")
    show_quantization(console, result["quantization"])
    pairs(
        console,
        [
            ("weights", weights_of(result["core_details"])),
            ("memory", f"{number(result['memory_bits'])} bits (weights, indices, row pointers)"),
            ("accuracy float", percent(result["accuracy_float"])),
            ("accuracy integer", percent(result["accuracy_integer"])),
            ("area (model)", area_of(result["area_model"])),
            ("clocks (model)", clocks(result["timing"])),
        ],
    )


def weights_of(cores: Sequence[Result]) -> str:
    """Widths of weights, of each core where they differ."""
    widths = [core["weight_bits"] for core in cores]
    if len(set(widths)) == 1:
        return f"{widths[0]} bits"
    return ", ".join(f"{core['name']} {core['weight_bits']}" for core in cores) + " bits"


def show_quantization(console: "Console", quantization: Result) -> None:
    """What a search tried, and what every population lost."""
    search = quantization["search"]
    if search is not None:
        table(console, *trial_rows(search), title="search of widths")
    if quantization["populations"]:
        samples = quantization["populations"][0]["samples"]
        title = f"lost by quantization, on {number(samples)} samples of {quantization['data']}"
        table(console, *loss_rows(quantization["populations"]), title=title)


def trial_rows(search: Result) -> tuple[Sequence[str], list[Sequence[str]]]:
    """Header and rows of the networks that a search tried."""
    rows = [
        (
            trial["changed"],
            *(shortly(trial[key].values()) for key in ("weight_bits", "state_bits", "current_bits")),
            percent(trial["accuracy"]),
            f"{trial['points_lost']:.2f}",
            "yes" if trial["kept"] else "no",
        )
        for trial in search["trials"]
    ]
    header = ("narrower", "weight bits", "state bits", "current bits", "accuracy", "points lost", "kept")
    return header, [*rows]


def shortly(widths: Iterable[int]) -> str:
    """Widths of all populations, one where all are alike."""
    listed = [*widths]
    return "–" if not listed else ", ".join(map(str, listed[:1] if len(set(listed)) == 1 else listed))


def loss_rows(populations: Sequence[Result]) -> tuple[Sequence[str], list[Sequence[str]]]:
    """Header and rows of what populations lost."""
    rows = [
        (
            population["name"],
            percent(population["weight_error"]),
            number(population["spikes_real"]),
            number(population["spikes_integer"]),
            percent(population["rate_change"]),
            percent(population["differing"]),
            percent(population["own_differing"]),
            percent(population["potential_error"]),
            percent(max(population["saturated"], population["current_saturated"] or 0.0)),
        )
        for population in populations
    ]
    header = (
        "population", "weights off", "spikes float", "integer", "rate", "bits differ", "by itself",
        "potential off", "saturated",
    )  # fmt: skip
    return header, [*rows]


def area_of(model: Result) -> str:
    """Modelled cells, and how far the model is off."""
    if model["luts"] is None:
        brams, what = number(model["brams"]), ", ".join(model["beyond"])
        return f"{brams} block RAMs on {model['technology']}; LUT4 are not modelled for {what}"
    return (
        f"about {number(model['luts'])} LUT4, {number(model['carries'])} carry cells,"
        f" {number(model['brams'])} block RAMs on {model['technology']}; LUT4 within 10 % on"
        f" {number(model['within_10'])} of {number(model['held_out'])} other designs,"
        f" {model['error_percent']:.0f} % at most"
    )


def clocks(timing: Result) -> str:
    """What was predicted, for which events."""
    return (f"{number(timing['cycles_per_step'])} a step, {number(timing['cycles_per_inference'])} for"
            f" {timing['steps']} steps, within {timing['error_percent']:g} % ({timing['activity']})")


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


def predicted(result: Result) -> str:
    """Cycles that the event-level model predicts, and how far off it is."""
    cycles = result["predicted_cycles"]
    if cycles is None or not result["cycles"]:
        return number(cycles)
    return f"{number(cycles)} ({100 * (cycles / result['cycles'] - 1):+.2f} %)"


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


def source_of(target: Result, key: str) -> str | None:
    """How a figure of an estimate came about: the source that names it, or all energies, before its colon."""
    energy = key.startswith("energy") or key in ("memory_nj", "compute_nj")
    for name in (key, "energy") if energy else (key,):
        for source in target.get("sources") or ():
            names, colon, how = source.partition(": ")
            if colon and name in names.split(", "):
                return str(how)
    return None


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
