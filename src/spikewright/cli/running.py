"""The commands that take a build: cosim, estimate, report."""

from enum import StrEnum
from typing import Annotated

import typer

from spikewright.cli.exits import FAILED, OK
from spikewright.cli.options import (
    Bernoulli,
    BinMs,
    BuildPath,
    Data,
    Force,
    Json,
    PolarityOption,
    Samples,
    Seed,
    Steps,
)
from spikewright.cli.printing import line, show, tell
from spikewright.cli.running_tables import show_cosim, show_estimate
from spikewright.errors import ConfigError

__all__ = ["cosim_command", "estimate_command", "report_command"]


class Simulator(StrEnum):
    """Simulators of Verilog."""

    VERILATOR = "verilator"
    ICARUS = "icarus"


def cosim_command(
    build: BuildPath,
    data: Data = None,
    bernoulli: Bernoulli = None,
    steps: Steps = None,
    samples: Samples = None,
    bin_ms: BinMs = None,
    polarity: PolarityOption = None,
    seed: Seed = 0,
    simulator: Annotated[Simulator, typer.Option(help="What runs the Verilog.")] = Simulator.VERILATOR,
    stall: Annotated[
        float, typer.Option(min=0, max=0.95, help="Probability of a gap on every stream.")
    ] = 0.0,
    stepped: Annotated[
        int | None,
        typer.Option(min=0, metavar="N", help="Samples run again and stepped through: states of all steps."),
    ] = None,
    inject: Annotated[
        int | None,
        typer.Option(min=1, metavar="N", help="Put in N single faults; how many of them are found?"),
    ] = None,
    waves: Annotated[
        bool, typer.Option("--waves", help="Keep a waveform, of the first divergence if there is one.")
    ] = False,
    waves_at: Annotated[
        str | None, typer.Option(metavar="SAMPLE:STEP", help="Keep a waveform of this step.")
    ] = None,
    waves_steps: Annotated[
        int, typer.Option(min=0, metavar="N", help="Steps before and after in a waveform.")
    ] = 2,
    force: Force = False,
    as_json: Json = False,
) -> int:
    """Run the Verilog and compare every spike, read-out and state with PyTorch."""
    from spikewright.api import Build

    result = Build(build, force=force).cosim(
        data,
        bernoulli=bernoulli,
        steps=steps,
        samples=samples,
        bin_ms=bin_ms,
        polarity=None if polarity is None else polarity.value,
        seed=seed,
        simulator=simulator.value,
        stall=stall,
        stepped=stepped,
        inject=inject,
        waves=waves,
        waves_at=None if waves_at is None else sample_and_step(waves_at),
        waves_steps=waves_steps,
        force=force,
    )
    show(result.summary, show_cosim, as_json)
    if result.summary["waves"] is not None:
        tell(f"{build / 'cosim' / 'waves.vcd'}: waveform of {result.summary['waves']}", as_json)
    if result.summary["injected"] is not None:
        tell(f"{build / 'cosim' / 'faults.json'}: every fault", as_json)
    elif inject is not None:
        tell("no faults were injected: hardware and PyTorch differ without any", as_json)
    if not result.ran:
        tell(f"{build}: up to date, nothing was run; --force runs it again", as_json)
    return OK if result.held else FAILED


def sample_and_step(text: str) -> tuple[int, int]:
    """``SAMPLE:STEP`` as two numbers."""
    sample, colon, step = text.partition(":")
    if not (colon and sample.isdecimal() and step.isdecimal()):
        raise ConfigError(f"--waves-at must be SAMPLE:STEP, such as 0:3, not {text!r}")
    return int(sample), int(step)


def estimate_command(
    build: BuildPath,
    technology: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME", help="ecp5, ice40, 45nm, 130nm, a technology or Liberty file; more by commas."
        ),
    ] = None,
    data: Data = None,
    bernoulli: Bernoulli = None,
    steps: Steps = None,
    samples: Samples = None,
    bin_ms: BinMs = None,
    polarity: PolarityOption = None,
    seed: Seed = 0,
    force: Force = False,
    as_json: Json = False,
) -> int:
    """Estimate area and clock with Yosys and nextpnr, energy from counted activity."""
    from spikewright.api import Build

    names = [name for entry in technology or () for name in entry.split(",") if name] or None
    result = Build(build, force=force).estimate(
        names,
        x=data,
        bernoulli=bernoulli,
        steps=steps,
        samples=samples,
        bin_ms=bin_ms,
        polarity=None if polarity is None else polarity.value,
        seed=seed,
        force=force,
    )
    show(result, show_estimate, as_json)
    return OK


def report_command(build: BuildPath, force: Force = False, as_json: Json = False) -> int:
    """Write one HTML page with all figures of a build."""
    from spikewright.api import Build

    path = Build(build, force=force).report()
    show({"report": str(path)}, lambda console, result: line(console, result["report"]), as_json)
    return OK
