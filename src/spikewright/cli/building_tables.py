"""How results of check and compile look."""

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from spikewright.cli.printing import Result, line, pairs, table
from spikewright.wording import number, percent

if TYPE_CHECKING:
    from rich.console import Console

__all__ = ["area_of", "show_check", "show_compile"]


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
