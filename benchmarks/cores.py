"""What a core costs on an ECP5, by what it can do: cells, memory, clock and cycles; for docs/benchmarks.md.

Every core is compiled, co-simulated for 500 steps of random spikes (0 mismatches, or it stops),
synthesised, and placed with three seeds. Areas and cycles are the same on any machine.

    python benchmarks/cores.py [dense kernels ...] [--output cores.json]
"""

import argparse
import json
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import nir
import numpy as np

import spikewright

DT = 1e-3
SEMANTICS = {"dt": DT, "integration": "euler", "reset": "subtract", "reset_when": "now", "compare": "ge"}
SMALL, LARGE = (64, 32), (512, 256)


@dataclass(frozen=True, slots=True, kw_only=True)
class Core:
    """One core: a graph, what its semantics add, and how the input is drawn.

    Parameters
    ----------
    delay
        Of the input, in steps.
    values
        Largest value of an input event; 1 for spikes.
    rate
        Part of the input's addresses that bring an event in a step.
    """

    kind: str = "LIF"
    shape: tuple[int, ...]
    neurons: int
    kernel: int = 0
    bias: bool = False
    recurrent: bool = False
    delay: int = 0
    values: int = 1
    rate: float = 0.1
    semantics: dict[str, Any] = field(default_factory=dict)


FORMS: dict[str, dict[str, Any]] = {
    "LIF": {},
    "bias": {"bias": True},
    "values of 4 bits": {"values": 15, "semantics": {"inputs": {"input": {"value_bits": 4}}}},
    "values of 8 bits": {"values": 255, "semantics": {"inputs": {"input": {"value_bits": 8}}}},
    "held values of 8 bits": {
        "values": 255, "semantics": {"inputs": {"input": {"kind": "hold", "value_bits": 8}}}},
    "up to 7 spikes": {"semantics": {"max_spikes_per_step": 7}},
    "up to 255 spikes": {"semantics": {"max_spikes_per_step": 255}},
    "recurrent": {"recurrent": True},
    "delay of 1": {"delay": 1},
    "delay of 16": {"delay": 16},
    "CubaLIF": {"kind": "CubaLIF"},
    "CubaLIF, current of the step before": {
        "kind": "CubaLIF", "semantics": {"cuba_order": "potential_first"}},
    "CubaLIF, recurrent": {"kind": "CubaLIF", "recurrent": True},
    "LI": {"kind": "LI"},
    "CubaLI": {"kind": "CubaLI"},
}
"""What a dense core can be asked for, one thing at a time."""

PLANES: dict[str, tuple[tuple[int, int, int], int, int]] = {
    "small: 2 x 16 x 16, 3 x 3, to 4": ((2, 16, 16), 3, 4),
    "2 x 32 x 32, 3 x 3, to 4": ((2, 32, 32), 3, 4),
    "2 x 64 x 64, 3 x 3, to 4": ((2, 64, 64), 3, 4),
    "2 x 16 x 16, 5 x 5, to 4": ((2, 16, 16), 5, 4),
    "2 x 16 x 16, 7 x 7, to 4": ((2, 16, 16), 7, 4),
    "2 x 16 x 16, 3 x 3, to 8": ((2, 16, 16), 3, 8),
    "2 x 16 x 16, 3 x 3, to 32": ((2, 16, 16), 3, 32),
    "16 x 16 x 16, 3 x 3, to 4": ((16, 16, 16), 3, 4),
    "large: 16 x 32 x 32, 5 x 5, to 32": ((16, 32, 32), 5, 32),
}
"""Channels, height and width of the input, the kernel's size, and channels that come out."""


def dense() -> Iterator[tuple[str, Core]]:
    """Small and large dense cores of every form."""
    for name, form in FORMS.items():
        for inputs, neurons in (SMALL, LARGE):
            yield f"{inputs}-{neurons}, {name}", Core(shape=(inputs,), neurons=neurons, **form)


def kernels() -> Iterator[tuple[str, Core]]:
    """Cores of shared kernels: events, pixels, kernel and channels grow one at a time."""
    for name, (shape, kernel, channels) in PLANES.items():
        core = Core(shape=shape, neurons=channels, kernel=kernel)
        yield name, core
        if name.startswith("small"):
            yield f"{name}, 1 % input", replace(core, rate=0.01)
            yield f"{name}, 50 % input", replace(core, rate=0.5)


GROUPS = {"dense": dense, "kernels": kernels}


def graph(core: Core) -> nir.NIRGraph:
    """Random weights; the potential decays by 7/8 a step, a current by 3/4; threshold 1."""
    rng = np.random.default_rng(0)
    fan_in = core.shape[0] * core.kernel**2 if core.kernel else core.shape[0]
    spread = 1.6 / np.sqrt(fan_in) / (core.values / 2 if core.values > 1 else 1)
    nodes: dict[str, Any] = {"input": nir.Input(np.array(core.shape))}
    if core.delay:
        nodes["delay"] = nir.Delay(np.full(core.shape, core.delay * DT))
    size: tuple[int, ...] = (core.neurons,)
    if core.kernel:
        weights = rng.normal(0, spread, (core.neurons, core.shape[0], core.kernel, core.kernel))
        size = (core.neurons, *core.shape[1:])
        nodes["weights"] = nir.Conv2d(
            input_shape=core.shape[1:], weight=weights, stride=1, padding=core.kernel // 2, dilation=1,
            groups=1, bias=np.zeros(core.neurons))  # fmt: skip
    elif core.bias:
        weights = rng.normal(0, spread, (core.neurons, *core.shape))
        nodes["weights"] = nir.Affine(weights, rng.normal(0, 0.05, core.neurons))
    else:
        nodes["weights"] = nir.Linear(rng.normal(0, spread, (core.neurons, *core.shape)))
    nodes["core"] = neurons(core.kind, size)
    nodes["output"] = nir.Output(np.array(size))
    edges = list(pairwise(nodes))
    if core.recurrent:
        nodes["around"] = nir.Linear(rng.normal(0, 0.5 / np.sqrt(core.neurons), (core.neurons, core.neurons)))
        edges += [("core", "around"), ("around", "core")]
    return nir.NIRGraph(nodes=nodes, edges=edges)


def neurons(kind: str, size: tuple[int, ...]) -> Any:
    """Neurons of one class, with drive gains of 1."""
    one = np.ones(size)
    tau, tau_syn = 8 * DT * one, 4 * DT * one
    levels: dict[str, Any] = {"r": tau / DT, "v_leak": 0 * one}
    if kind.startswith("Cuba"):
        levels |= {"tau_mem": tau, "tau_syn": tau_syn, "w_in": tau_syn / DT}
    else:
        levels["tau"] = tau
    if kind.endswith("LIF"):
        levels |= {"v_threshold": one, "v_reset": 0 * one}
    return getattr(nir, kind)(**levels)


def measure(name: str, core: Core, folder: Path) -> dict[str, Any]:
    """One row of the table."""
    build = spikewright.compile(graph(core), semantics={**SEMANTICS, **core.semantics}, weight_bits=6,
                                output=folder)  # fmt: skip
    rng = np.random.default_rng(1)
    x = (rng.random((5, 100, *core.shape)) < core.rate) * rng.integers(1, core.values, (5, 100, *core.shape),
                                                                endpoint=True)  # fmt: skip
    cosim = build.cosim(x)
    if cosim.mismatches:
        raise SystemExit(f"{name}: {cosim.mismatches} mismatches")
    figures = build.estimate(["ecp5"])["targets"][0]
    (hardware,) = build.chip.cores
    events = int(np.count_nonzero(x))
    events += int(cosim.spikes["core"].sum()) if core.recurrent else 0
    return {
        "name": name, "lanes": hardware.lanes, "potential_bits": hardware.potential_bits,
        **{key: figures[key] for key in ("luts", "carries", "logic_cells", "ffs", "brams", "dsps",
                                         "lutram_cells", "fmax_mhz", "seed_fmax_mhz")},
        "cycles_per_event": cosim.summary["event_cycles"]["core"] / events,
        "cycles_per_step": cosim.summary["cycles_per_step"],
        "firing_rates": cosim.summary["firing_rates"], "spikes_compared": cosim.summary["spikes_compared"],
    }  # fmt: skip


COLUMNS = ("lanes", "luts", "carries", "logic_cells", "ffs", "brams", "lutram_cells", "dsps")


def main() -> None:
    """Print the rows, and write them where asked."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("groups", nargs="*", metavar="GROUP", help=f"of {', '.join(GROUPS)}; by default all")
    parser.add_argument("--output", type=Path)
    options = parser.parse_args()
    print("| core |", " | ".join(COLUMNS), "| clock (MHz) | clocks an event | clocks a step |")
    rows = []
    for group in options.groups or GROUPS:
        for name, core in GROUPS[group]():
            with tempfile.TemporaryDirectory() as folder:
                row = measure(name, core, Path(folder, "build"))
            rows.append(row)
            cells = " | ".join(f"{row[key]:,}" for key in COLUMNS)
            print(f"| {name} | {cells} | {row['fmax_mhz']:.1f} | {row['cycles_per_event']:.1f} |"
                  f" {row['cycles_per_step']:,.1f} |", flush=True)  # fmt: skip
            if options.output:
                options.output.write_text(json.dumps(rows, indent=1) + "\n")


if __name__ == "__main__":
    main()
