"""Tables of the report."""

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from markupsafe import Markup

from spikewright.build import BuildFolder
from spikewright.figures import bars
from spikewright.wording import number, percent, predicted, quantity, source_of

__all__ = ["Grid", "checks", "costs", "layers", "semantics_grid", "stage_section"]

Summary = Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Grid:
    """A table of the page.

    Parameters
    ----------
    numeric, how, whole
        Columns to the right, subdued, never broken into lines.
    """

    header: Sequence[str] = ()
    rows: Sequence[Sequence[str]]
    numeric: frozenset[int] = field(default_factory=frozenset)
    how: frozenset[int] = field(default_factory=frozenset)
    whole: frozenset[int] = field(default_factory=frozenset)


def layers(compiled: Summary, cosim: Summary | None, targets: Sequence[Summary] = ()) -> Grid:
    """One row a core; area and energy of the targets that have them core by core."""
    costs = [
        (f"{label}, {target['technology']}", target[key], digits)
        for target in targets
        for key, label, digits in (
            ("luts_by_core", "LUTs", 0),
            ("brams_by_core", "block RAMs", 0),
            ("energy_by_core_nj", "nJ", 2),
        )
        if target.get(key)
    ]
    seen = cosim or {"firing_rates": {}, "event_cycles": {}, "update_cycles": {}, "samples": 1}
    rows = []
    for core in compiled["core_details"]:
        name = core["name"]
        cycles = [seen[key].get(name) for key in ("event_cycles", "update_cycles")]
        row = [
            name,
            number(core["neurons"]),
            number(core["nonzero_synapses"]),
            percent(core["density"]),
            percent(seen["firing_rates"].get(name)),
            core["rows"],
            number(core["lanes"]),
            number(core["memory_bits"]),
        ]
        row += [number(count and round(count / seen["samples"])) for count in cycles]
        rows.append(row + [f"{cost[name]:,.{digits}f}" for _, cost, digits in costs])
    header = (
        "core",
        "neurons",
        "synapses",
        "density",
        "activity",
        "rows",
        "lanes",
        "memory bits",
        "event cycles",
        "update cycles",
        *(label for label, _, _ in costs),
    )
    numeric = frozenset({1, 2, 3, 4, *range(6, len(header))})
    return Grid(header=header, rows=rows, numeric=numeric, whole=frozenset({0}))


def checks(cosim: Summary | None) -> Grid | None:
    """What the co-simulation compared."""
    if cosim is None:
        return None
    rows = [
        ("samples × steps", f"{number(cosim['samples'])} × {number(cosim['steps'])}"),
        ("spikes of all populations but the input", number(cosim["spikes_compared"])),
        ("places where a spike could have been", number(cosim["places_compared"])),
        ("read-outs", number(cosim["readouts_compared"])),
        ("states at the samples' ends", number(cosim["states_compared"])),
        ("states at the ends of steps", number(cosim.get("step_states_compared"))),
        ("mismatches", number(cosim["mismatches"])),
        ("cycles", number(cosim["cycles"])),
        ("cycles predicted by the event-level model", predicted(cosim)),
        ("cycles between output tokens, mean", number(cosim["cycles_per_step"])),
        ("simulated steps a second", number(cosim["steps_per_second"] and round(cosim["steps_per_second"]))),
    ]
    if cosim.get("injected") is not None:
        kinds = ("injected", "effective", "detected", "located")
        rows += [(f"faults {key}", number(cosim[key])) for key in kinds]
    return Grid(rows=[row for row in rows if row[1] != "–"], numeric=frozenset({1}))


FIGURES = (
    ("luts", "LUT cells", "", 1.0),
    ("carries", "carry cells", "", 1.0),
    ("logic_cells", "logic cells used by the placer", "", 1.0),
    ("ffs", "flip-flops", "", 1.0),
    ("brams", "block RAMs", "", 1.0),
    ("dsps", "multipliers", "", 1.0),
    ("gates", "gates", "", 1.0),
    ("macros", "memory macros", "", 1.0),
    ("area_um2", "area in µm²", "", 1.0),
    ("logic_area_um2", "of it logic, µm²", "", 1.0),
    ("memory_area_um2", "of it memories, µm²", "", 1.0),
    ("leakage_uw", "leakage", "W", 1e-6),
    ("fmax_mhz", "clock", "Hz", 1e6),
    ("cycles_per_inference", "cycles an inference", "", 1.0),
    ("latency_us", "time an inference", "s", 1e-6),
    ("energy_per_inference_nj", "energy an inference", "J", 1e-9),
    ("energy_low_nj", "at the lower end of its error bar", "J", 1e-9),
    ("energy_high_nj", "at the upper end", "J", 1e-9),
    ("memory_nj", "of it in memories", "J", 1e-9),
    ("compute_nj", "of it in logic", "J", 1e-9),
    ("leakage_nj", "of it leakage or static", "J", 1e-9),
    ("energy_per_sop_pj", "energy a synaptic operation", "J", 1e-12),
    ("power_mw", "power", "W", 1e-3),
    ("real_time_factor", "seconds of sound worked on in a second", "", 1.0),
    ("energy_per_second_uj", "energy a second of sound", "J", 1e-6),
)


def costs(estimated: Summary | None) -> list[dict[str, Any]]:
    """A table a technology: figures that there are, with their sources."""
    found = []
    for target in (estimated or {"targets": []})["targets"]:
        rows = []
        for key, name, unit, factor in FIGURES:
            value = target.get(key)
            if value is None:
                continue
            text = number(value) if not unit else quantity(value * factor, unit)
            rows.append((name, text, source_of(target, key) or ""))
        if target.get("reason"):
            rows.append(("does not fit", "", target["reason"]))
        named = {source for *_, source in rows}
        rows += [("", "", source) for source in target["sources"] if source.partition(": ")[2] not in named]
        part = f" ({target['part']})" if target.get("part") else ""
        grid = Grid(
            header=("", "", "how it came about"),
            rows=rows,
            numeric=frozenset({1}),
            how=frozenset({2}),
            whole=frozenset({0}),
        )
        parts = [
            (label, target[key], quantity(target[key] * 1e-9, "J"))
            for key, label in (("memory_nj", "memories"), ("compute_nj", "arithmetic"))
            if target.get(key) is not None
        ]
        section = {
            "title": f"{target['technology']}{part}",
            "table": grid,
            "bars": Markup(bars(parts)) if parts else None,
            "caption": "Energy of an inference.",
        }
        found.append(section)
    return found


def semantics_grid(semantics: Summary) -> Grid | None:
    """Every key of the semantics, with its origin."""
    origins = semantics.get("origins") or {}
    rows = [
        (key, text(value), str(origins.get(key, ""))) for key, value in semantics.items() if key != "origins"
    ]
    return Grid(header=("key", "value", "from"), rows=rows, how=frozenset({2})) if rows else None


def stage_section(folder: BuildFolder, name: str) -> dict[str, Any]:
    """How a stage was run: options, versions and content hashes."""
    record = folder.stages[name]
    tools = {key: value for key, value in record.inputs.items() if len(value) != 64}
    hashes = {key: value for key, value in record.inputs.items() if len(value) == 64}
    rows = [
        (key, text(value)) for key, value in (*record.options.items(), *tools.items()) if value is not None
    ]
    return {
        "name": name,
        "command": command_line(folder, name, record.options),
        "table": Grid(rows=rows),
        "hashes": Grid(header=("", "sha256"), rows=[*hashes.items(), *record.outputs.items()]),
    }


def command_line(folder: BuildFolder, name: str, options: Mapping[str, Any]) -> str:
    """The command, or where arrays went in the Python, that runs a stage so."""
    if "arrays" in options:
        return f"spikewright.Build({str(folder.path)!r}).{name}(x, y)"
    words = ["spikewright", name, "network.nir" if name == "compile" else str(folder.path)]
    for key, value in options.items():
        if value is None or value is False or isinstance(value, Mapping) or key == "seeds":
            continue
        words.append({"technologies": "--technology"}.get(key, f"--{key.replace('_', '-')}"))
        if value is not True:
            words.append(text(value))
    return shlex.join(words)


def text(value: object) -> str:
    """A value as a person writes it."""
    if isinstance(value, Mapping):
        return ", ".join(f"{key}: {text(item)}" for key, item in value.items()) or "–"
    if isinstance(value, list | tuple):
        return ",".join(text(item) for item in value) or "–"
    return "–" if value is None else str(value)
