"""The report: one HTML page with all figures of a build, in a single file without outside resources."""

import math
from collections.abc import Mapping
from importlib import resources
from pathlib import Path
from typing import Any

import jinja2
import numpy as np
from markupsafe import Markup

from spikewright import __version__
from spikewright.build import BuildFolder
from spikewright.figures import Panel, picture, rasters
from spikewright.manifest import STAGES, StageRecord
from spikewright.report_tables import checks, costs, layers, semantics_grid, stage_section
from spikewright.stages.common import Arrays, read_summary, run_stage, versions
from spikewright.wording import number, percent, quantity

__all__ = ["write_report"]

Summary = Mapping[str, Any]


def write_report(folder: BuildFolder, *, force: bool = False) -> Path:
    """Write ``report.html`` of a build from what its stages left there; its path."""
    inputs = {
        name: digest
        for stage in STAGES[:-1]
        for name, digest in folder.hashes(stage).items()
        if name.endswith((".json", "sample.npz"))
    }
    record = StageRecord(options={}, inputs=inputs | versions("report", "jinja2"))

    def action(staging: Path) -> None:
        (staging / "report.html").write_text(render(folder), encoding="utf-8")

    run_stage(folder, "report", record, action, force=force)
    return folder.path / "report.html"


def render(folder: BuildFolder) -> str:
    """The page."""
    compiled = read_summary(folder.path / "compile.json")
    cosim = optional(folder, "cosim")
    estimated = optional(folder, "estimate")
    sample = read_sample(folder.path / "cosim" / "sample.npz") if cosim else {}
    environment = jinja2.Environment(
        autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    text = resources.files("spikewright").joinpath("templates/report.html").read_text(encoding="utf-8")
    return environment.from_string(text).render(
        title=compiled["name"],
        subtitle=f"{number(compiled['neurons'])} neurons in {len(compiled['core_details'])} cores,"
        f" {number(compiled['nonzero_synapses'])} synapses of {compiled['weight_bits']} bits",
        verdict=verdict(cosim),
        tiles=tiles(compiled, cosim, estimated),
        sample_caption=sample_caption(sample, cosim),
        figures=figures(sample),
        layers=layers(compiled, cosim, estimated["targets"] if estimated else ()),
        checks=checks(cosim),
        costs=costs(estimated),
        notes=compiled["notes"],
        semantics=semantics_grid(compiled.get("semantics") or {}),
        stages=[stage_section(folder, name) for name in STAGES if name in folder.stages and name != "report"],
        version=__version__,
    )


def optional(folder: BuildFolder, stage: str) -> dict[str, Any] | None:
    """Summary of a stage, if it was run."""
    return read_summary(folder.path / stage / "summary.json") if stage in folder.stages else None


def read_sample(file: Path) -> Arrays:
    """What one sample did, in model and hardware."""
    with file.open("rb") as stream, np.load(stream, allow_pickle=False) as arrays:
        return {key: arrays[key] for key in arrays.files}


def verdict(cosim: Summary | None) -> dict[str, str | None]:
    """The first thing to know."""
    if cosim is None:
        return {"kind": "none", "text": "Not co-simulated yet: run spikewright cosim.", "detail": None}
    compared = (
        f"{number(cosim['spikes_compared'])} spikes, {number(cosim['readouts_compared'])} read-outs and"
        f" {number(cosim['states_compared'])} states of {number(cosim['samples'])} samples"
    )
    if cosim["mismatches"]:
        lines = [line for line in (cosim["first_divergence"], *cosim["faults"]) if line]
        text = f"Hardware and PyTorch differ in {number(cosim['mismatches'])} places; compared: {compared}."
        return {"kind": "bad", "text": text, "detail": "\n".join(lines[:20])}
    return {
        "kind": "good",
        "text": f"The hardware does what PyTorch does: 0 mismatches in {compared}.",
        "detail": None,
    }


def tiles(compiled: Summary, cosim: Summary | None, estimated: Summary | None) -> list[dict[str, str]]:
    """The figures that everyone asks for."""

    def tile(name: str, value: str, note: str = "") -> dict[str, str]:
        return {"name": name, "value": value, "note": note}

    evaluated = compiled.get("evaluated_samples")
    held_out = f"{number(evaluated)} held-out samples" if evaluated else "not evaluated"
    found = [
        tile("Accuracy, float", percent(compiled["accuracy_float"]), held_out),
        tile("Accuracy, integer", percent(compiled["accuracy_integer"]), held_out),
    ]
    if cosim:
        found.append(
            tile(
                "Accuracy, hardware",
                percent(cosim["accuracy"]),
                f"{number(cosim['samples'])} simulated samples",
            )
        )
        cycles = round(cosim["cycles"] / cosim["samples"])
        found.append(tile("Cycles an inference", number(cycles), f"of {number(cosim['steps'])} steps"))
    found.append(tile("Memory", quantity(compiled["memory_bits"], "bit"), "weights, indices, row pointers"))
    if not estimated:
        area = compiled["area_model"]
        note = f"modelled, mean error {area['mean_error_percent']:.0f} %; {number(area['brams'])} block RAMs"
        if area["luts"] is not None:
            found.append(tile(f"LUTs, {area['technology']}", f"about {number(area['luts'])}", note))
    for target in (estimated or {"targets": []})["targets"]:
        name = target["technology"]
        if target["fmax_mhz"] is not None:
            found.append(
                tile(f"Clock, {name}", f"{target['fmax_mhz']:.1f} MHz", "slowest of the placer's seeds")
            )
            found.append(
                tile(f"LUTs, {name}", number(target["luts"]), f"{number(target['brams'])} block RAMs")
            )
        if target["latency_us"] is not None:
            found.append(
                tile(
                    f"Time an inference, {name}",
                    quantity(target["latency_us"] * 1e-6, "s"),
                    "cycles at that clock",
                )
            )
        if target["energy_per_inference_nj"] is not None:
            energy = quantity(target["energy_per_inference_nj"] * 1e-9, "J")
            found.append(tile(f"Energy an inference, {name}", energy, "modelled from counted operations"))
    return found


def sample_caption(sample: Arrays, cosim: Summary | None) -> str:
    """Which sample it is."""
    if not sample or cosim is None:
        return ""
    which = "the first in which they differ" if cosim["mismatches"] else "the first"
    return f"Sample {int(sample['sample'])} of the co-simulation, {which}. Same axes left and right."


def figures(sample: Arrays) -> list[dict[str, Any]]:
    """Inputs, and every population in model and hardware beside each other."""
    found = []
    for key in sample:
        kind, _, name = key.partition(".")
        if kind == "input":
            values = flat(sample[key])
            panel = Panel(name=f"{name}: input", values=values)
            text = f"{number(int(np.count_nonzero(values)))} events"
            image = held_image(values)
            if image is None:
                found.append({"svg": Markup(rasters([panel])), "caption": text})
            else:
                text = f"{name}: values of step 0 as a square, {text}; nothing comes in afterwards"
                found.append({"svg": Markup(picture(image)), "caption": text})
        elif kind == "model":
            model, hardware = flat(sample[key]), flat(sample[f"hardware.{name}"])
            wrong = model != hardware
            signed = bool(np.issubdtype(model.dtype, np.signedinteger))
            panels = [
                Panel(name=f"{name}: PyTorch", values=model, signed=signed, wrong=wrong),
                Panel(name=f"{name}: hardware", values=hardware, signed=signed, wrong=wrong),
            ]
            found.append({"svg": Markup(rasters(panels)), "caption": caption(model, wrong, signed)})
    return found


def held_image(values: Any) -> Any:
    """An image that comes in whole with the first step, as a square; None if it is no such."""
    side = math.isqrt(values.shape[1])
    if side * side != values.shape[1] or side < 4 or values[1:].any() or values[0].max(initial=0) < 2:
        return None
    return values[0].reshape(side, side)


def flat(values: Any) -> Any:
    """``(steps, neurons)``, whatever the shape of a step."""
    return values.reshape(len(values), -1)


def caption(model: Any, wrong: Any, signed: bool) -> str:
    """What a pair of panels shows."""
    what = "potentials" if signed else f"{number(int(model.sum()))} spikes"
    return f"{what}, {number(int(wrong.sum()))} mismatches"
