"""The command line: a thin layer over :mod:`spikewright.api`.

Exit codes: 0 it ran and held; 1 the check failed; 2 the input is wrong, said in one line; 130 stopped
by the user. Anything else is a traceback, and a bug.
"""

import json
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from spikewright import __version__, present, progress
from spikewright.errors import CheckFailedError, ConfigError, SpikewrightError

if TYPE_CHECKING:
    from rich.console import Console

__all__ = ["app", "main"]

OK, FAILED, WRONG, STOPPED = 0, 1, 2, 130
PLAIN_WIDTH = 110
"""Columns of tables where there is no terminal."""

app = typer.Typer(
    name="spikewright",
    help="Turns trained sparse spiking networks into hardware that provably does the same.",
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)


class Method(StrEnum):
    """Ways to train."""

    SPARSE = "sparse"
    CONV = "conv"
    RECURRENT = "recurrent"
    SOUND = "sound"
    ESL = "esl"
    SCA = "sca"
    RKD = "rkd"
    KD = "kd"
    LASNN = "lasnn"


class Coding(StrEnum):
    """How an image becomes events."""

    DIRECT = "direct"
    RATE = "rate"
    LATENCY = "latency"


class Polarity(StrEnum):
    """What becomes of the polarities of event recordings."""

    SEPARATE = "separate"
    MERGE = "merge"
    ON = "on"
    OFF = "off"


class Rows(StrEnum):
    """How synapses are stored."""

    AUTO = "auto"
    DENSE = "dense"
    COMPRESSED = "compressed"


class Contents(StrEnum):
    """How contents get into the hardware."""

    BAKED = "baked"
    BUS = "bus"


class Scales(StrEnum):
    """Who shares a scale."""

    LAYER = "layer"
    CHANNEL = "channel"


class Widths(StrEnum):
    """How wide states are."""

    PROVEN = "proven"
    CALIBRATED = "calibrated"


class Microphone(StrEnum):
    """What a chip that takes sound hears with."""

    I2S = "i2s"
    PDM = "pdm"


class Simulator(StrEnum):
    """Simulators of Verilog."""

    VERILATOR = "verilator"
    ICARUS = "icarus"


Json = Annotated[
    bool, typer.Option("--json", help="Print one JSON object; what is for people goes to stderr.")
]
Force = Annotated[
    bool, typer.Option("--force", help="Run although nothing changed; accept files changed by hand.")
]
BuildPath = Annotated[Path, typer.Argument(metavar="BUILD", help="Build directory of spikewright compile.")]
Output = Annotated[Path, typer.Option("--output", "-o", metavar="DIR", help="Folder to write.")]
NetworkPath = Annotated[Path, typer.Argument(metavar="NET.nir", help="Network in NIR.")]
NAMES = "digits, mnist5k, mnist, fashion, nmnist, braille7, dvs_gesture, fsdd, speech_commands"
DATA = f"NAME[:train|:test][a:b] ({NAMES}), or a path."
Data = Annotated[str | None, typer.Option(metavar="DATA", help=DATA)]
Semantics = Annotated[Path | None, typer.Option(metavar="S.yaml", help="What NIR does not carry.")]
Source = Annotated[
    str | None, typer.Option(metavar="FRAMEWORK", help="Framework that the network comes from.")
]
Bernoulli = Annotated[float | None, typer.Option(metavar="P", help="Random spikes of this probability.")]
Steps = Annotated[int | None, typer.Option(min=1, help="Time steps of a sample.")]
EncoderPath = Annotated[
    Path | None,
    typer.Option("--encoder", metavar="spiketrum.yaml", help="Encoder that makes spikes of sound."),
]
BinMs = Annotated[float | None, typer.Option(metavar="MS", help="Time of a step of event recordings.")]
PolarityOption = Annotated[
    Polarity | None,
    typer.Option("--polarity", help="Of event recordings: a channel each, both as one, or one of them."),
]
Samples = Annotated[int | None, typer.Option(min=1, help="Run so many samples.")]
Seed = Annotated[int, typer.Option(min=0, help="Of everything random.")]


@app.callback(invoke_without_command=True)
def root(
    context: typer.Context,
    version: Annotated[bool, typer.Option("--version", help="Print the version.")] = False,
) -> int:
    """Turn trained sparse spiking networks into hardware that provably does the same."""
    if version:
        print(f"spikewright {__version__}")
        raise typer.Exit
    if context.invoked_subcommand is None:
        names = ", ".join(command.name or "" for command in app.registered_commands)
        raise ConfigError(f"name a command: {names}; spikewright --help tells more")
    return OK


@app.command("doctor")
def doctor_command(as_json: Json = False) -> int:
    """Say which tools are there, which are missing and how to get them."""
    from dataclasses import asdict

    from spikewright.doctor import examine

    findings = examine()
    complete = all(finding.found for finding in findings if finding.required)
    result = {
        "complete": complete,
        "spikewright": __version__,
        "tools": [asdict(finding) for finding in findings],
    }
    show(result, present.show_doctor, as_json)
    return OK if complete else FAILED


@app.command("train")
def train_command(
    method: Annotated[Method, typer.Argument(metavar="METHOD", help="How to train; see above.")],
    data: Annotated[
        str,
        typer.Option(
            metavar="DATA",
            help=f"NAME[a:b], or a path; trains on its part train, or samples a to b of it, tests on its part"
            f" test. NAME is one of {NAMES}.",
        ),
    ],
    output: Output,
    config: Annotated[
        Path | None,
        typer.Option(
            metavar="X.yaml",
            help="File with any options, also those that have no place here; docs/training.md has them all."
            " What is given here goes before it.",
        ),
    ] = None,
    layers: Annotated[
        str | None,
        typer.Option(
            metavar="LAYERS",
            help="Hidden layers with hyphens between: 128 neurons, 38r recurrent, 16c3 channels of 3 by 3"
            " kernels, 16c5s2 with stride 2, p2 sums over 2 by 2. As 16c5s2-p2-32c3-p2-64.",
        ),
    ] = None,
    hidden: Annotated[
        str | None,
        typer.Option(metavar="N,N,...", help="Neurons of each dense hidden layer; or use --layers."),
    ] = None,
    channels: Annotated[
        str | None,
        typer.Option(
            metavar="N,N,...", help="Channels of each convolution, with pooling between; or use --layers."
        ),
    ] = None,
    density: Annotated[
        float | None, typer.Option(help="Share of synapses that exist, above 0, at most 1.")
    ] = None,
    steps: Annotated[
        int | None,
        typer.Option(min=1, help="Time steps that an image is shown for, or a recording lasts."),
    ] = None,
    bin_ms: BinMs = None,
    polarity: PolarityOption = None,
    encoder: EncoderPath = None,
    drop: Annotated[
        float | None, typer.Option(min=0, help="Leave out up to so much of a sample's events.")
    ] = None,
    shift_steps: Annotated[
        int | None, typer.Option(min=0, help="Move samples in time by up to so many steps.")
    ] = None,
    learning_rate: Annotated[
        float | None, typer.Option(help="Of the optimizer, at first; it falls to 0.")
    ] = None,
    epochs: Annotated[
        int | None,
        typer.Option(min=0, help="Passes over the training samples; 0: lasnn's converted network as it is."),
    ] = None,
    weight_bits: Annotated[int | None, typer.Option(min=2, max=16, help="Width of the weights; 8.")] = None,
    state_bits: Annotated[
        int | None, typer.Option(min=8, max=24, help="Width of the potentials; 16.")
    ] = None,
    coding: Annotated[Coding | None, typer.Option(help="How an image becomes events; direct.")] = None,
    seed: Annotated[int | None, typer.Option(min=0, help="Of everything random; 0.")] = None,
    resume: Annotated[
        bool,
        typer.Option(
            "--resume",
            help="Go on where a training with the same options into this folder was interrupted.",
        ),
    ] = False,
    tensorboard: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Folder for event files of every epoch's figures.")
    ] = None,
    as_json: Json = False,
) -> int:
    """Train a network in PyTorch; writes network.nir, checkpoint.pt and metrics.json.

    \b
    METHOD     what it does
    sparse     few synapses, drawn once
    conv       convolutions, on data in time
    recurrent  neurons that reach each other, on data in time
    sound      on sound, behind --encoder
    esl        few synapses, which move while the weights learn
    sca        channels pruned by their activity, some regrown
    rkd        esl with a teacher weaker than the student
    kd         an analog teacher's answers
    lasnn      a start converted from an analog network, its layers

    Options that are not given are the method's own.
    """
    from spikewright import api

    asked: dict[str, Any] = {
        "layers": layers,
        "weight_bits": weight_bits,
        "state_bits": state_bits,
        "seed": seed,
        "hidden": None if hidden is None else sizes("--hidden", hidden),
        "channels": None if channels is None else sizes("--channels", channels),
        "density": density,
        "steps": steps,
        "bin_ms": bin_ms,
        "polarity": None if polarity is None else polarity.value,
        "encoder": encoder,
        "drop": drop,
        "shift_steps": shift_steps,
        "learning_rate": learning_rate,
        "epochs": epochs,
        "coding": None if coding is None else coding.value,
    }
    options = {key: value for key, value in asked.items() if value is not None}
    metrics = api.train(method.value, data, output, config=config, resume=resume, log=tensorboard, **options)
    show(metrics, present.show_train, as_json)
    tell(f"{output / 'network.nir'}: written", as_json)
    return OK


def sizes(option: str, text: str) -> tuple[int, ...]:
    """Numbers with commas between."""
    try:
        return tuple(int(size) for size in text.split(",") if size.strip())
    except ValueError:
        raise ConfigError(f"{option} must be numbers with commas between, not {text!r}") from None


@app.command("demo")
def demo_command(
    output: Annotated[Path, typer.Option("--output", "-o", metavar="DIR", help="Folder to write.")] = Path(
        "out/demo"
    ),
    epochs: Annotated[int | None, typer.Option(min=1, help="Passes over the data.")] = None,
    samples: Annotated[int | None, typer.Option(min=1, help="Images to co-simulate.")] = None,
    seed: Seed = 0,
    force: Force = False,
    as_json: Json = False,
) -> int:
    """Train, compile, co-simulate and estimate a sparse network on handwritten digits."""
    from spikewright.demo import EPOCHS, SAMPLES, run_demo

    result = run_demo(output, epochs=epochs or EPOCHS, samples=samples or SAMPLES, seed=seed, force=force)
    show(result, present.show_demo, as_json)
    tell(f"{output / 'report.html'}: the whole story", as_json)
    return FAILED if result["cosim"]["mismatches"] else OK


@app.command("reproduce")
def reproduce_command(
    system: Annotated[str, typer.Argument(metavar="SYSTEM", help="Which; see above.")],
    output: Annotated[
        Path | None,
        typer.Option(
            "--output",
            "-o",
            metavar="DIR",
            help="Folder to write; out/reproduce/SYSTEM, with --quick out/reproduce/SYSTEM-quick.",
        ),
    ] = None,
    quick: Annotated[
        bool,
        typer.Option("--quick", help="Fewer variants, shorter trainings, data that come inside a package."),
    ] = False,
    data: Annotated[
        str | None,
        typer.Option(metavar="DATA", help="What to train on, no part; mnist, with --quick mnist5k."),
    ] = None,
    seeds: Annotated[int, typer.Option(min=1, help="Trainings of every variant, each with its seed.")] = 3,
    jobs: Annotated[
        int | None, typer.Option(min=1, help="Trainings at a time, each on one core; as many as cores.")
    ] = None,
    force: Annotated[
        bool, typer.Option("--force", help="Train again what the folder has the figures of.")
    ] = False,
    as_json: Json = False,
) -> int:
    """Run the comparison behind a published system's claims, and say what of them came out.

    \b
    SYSTEM  what is compared
    esl     synapses that move, that stay, and all of them (Shen et al. 2023)
    sca     channels pruned by activity, otherwise, not at all (Li et al. 2024)
    rkd     a weak teacher, a virtual one, and none (Xu et al. 2023)
    kd      an analog teacher and none, with few labels (Xu et al. 2023)
    lasnn   few steps with an analog teacher, and conversion (Hong et al. 2023)

    Writes reproduce.json and reproduce.png. Every variant is trained with several seeds; an interrupted
    comparison goes on. Claims are judged at this scale, far smaller than the papers'.
    """
    from spikewright.reproduce import reproduce

    folder = output or Path("out/reproduce") / (f"{system}-quick" if quick else system)
    result = reproduce(system, folder, quick=quick, data=data, seeds=seeds, jobs=jobs, force=force)
    show(result, present.show_reproduce, as_json)
    tell(f"{folder / 'reproduce.png'}: the picture", as_json)
    return OK


@app.command("encode")
def encode_command(
    audio: Annotated[Path, typer.Argument(metavar="AUDIO", help="Sound: WAV, FLAC, Ogg, at any rate.")],
    output: Annotated[Path, typer.Option("--output", "-o", metavar="SPIKES.npz", help="File to write.")],
    config: Annotated[
        Path | None, typer.Option(metavar="spiketrum.yaml", help="Configuration of the encoder.")
    ] = None,
    rate: Annotated[int | None, typer.Option(min=1, help="Spikes a second over all channels; 400.")] = None,
    channels: Annotated[int | None, typer.Option(min=1, help="Kernels; 40.")] = None,
    levels: Annotated[
        int | None, typer.Option(min=0, help="Amplitudes that are told apart; 8. 0: amplitudes as they are.")
    ] = None,
    fixed: Annotated[bool, typer.Option("--fixed", help="In integers, as the hardware does.")] = False,
    window: Annotated[
        int | None, typer.Option(min=1, metavar="SAMPLES", help="Code so many at a time, not 131,072.")
    ] = None,
    as_it_is: Annotated[
        bool, typer.Option("--as-it-is", help="Neither take out an offset nor bring the peak to full scale.")
    ] = False,
    plot: Annotated[
        Path | None,
        typer.Option(metavar="P.png", help="Draw waveform, cochleagram, spikes, and what is decoded."),
    ] = None,
    as_json: Json = False,
) -> int:
    """Encode sound as spikes by matching pursuit on gammatone kernels (spiketrum)."""
    from spikewright.api import encode

    result = encode(
        audio,
        output,
        config=config,
        rate=rate,
        channels=channels,
        levels=levels,
        fixed=fixed,
        window=window,
        as_it_is=as_it_is,
        plot=plot,
    )
    show(result, present.show_encode, as_json)
    for path in (output, plot):
        if path is not None:
            tell(f"{path}: written", as_json)
    return OK


@app.command("decode")
def decode_command(
    spikes: Annotated[Path, typer.Argument(metavar="SPIKES.npz", help="What spikewright encode wrote.")],
    output: Annotated[Path, typer.Option("--output", "-o", metavar="OUT.wav", help="Sound to write.")],
    as_json: Json = False,
) -> int:
    """Decode spikes to sound."""
    from spikewright.api import decode

    show(decode(spikes, output), present.show_decode, as_json)
    tell(f"{output}: written", as_json)
    return OK


@app.command("check")
def check_command(
    network: NetworkPath,
    semantics: Semantics = None,
    source: Source = None,
    weight_bits: Annotated[int | None, typer.Option(min=2, max=16, help="Width of the weights.")] = None,
    as_json: Json = False,
) -> int:
    """Say of every node whether it is supported and how it is realised, or why not."""
    from spikewright.api import check

    result = check(network, semantics=semantics, source=source, weight_bits=weight_bits)
    show(result, present.show_check, as_json)
    return OK if result["supported"] else FAILED


@app.command("compile")
def compile_command(
    network: NetworkPath,
    output: Output,
    semantics: Semantics = None,
    source: Source = None,
    weight_bits: Annotated[int | None, typer.Option(min=2, max=16, help="Width of the weights.")] = None,
    state_bits: Annotated[int | None, typer.Option(min=8, max=24, help="Width of the potentials.")] = None,
    lanes: Annotated[
        int | None, typer.Option(min=1, help="Neurons a core works on at once; a power of 2.")
    ] = None,
    rows: Annotated[Rows, typer.Option(help="How synapses are stored.")] = Rows.AUTO,
    contents: Annotated[
        Contents, typer.Option(help="Contents in the hardware, or loaded over a bus.")
    ] = Contents.BAKED,
    calibrate: Data = None,
    evaluate: Data = None,
    scales: Annotated[
        Scales, typer.Option(help="A scale for each layer, or for each channel.")
    ] = Scales.LAYER,
    widths: Annotated[
        Widths, typer.Option(help="States that provably never saturate, or as calibration's data ask for.")
    ] = Widths.PROVEN,
    search_bits: Annotated[
        float | None,
        typer.Option(min=0, metavar="POINTS", help="Narrowest widths that lose no more points of accuracy."),
    ] = None,
    finetune: Annotated[
        int | None, typer.Option(min=1, metavar="EPOCHS", help="Train on the integer grid, on --calibrate.")
    ] = None,
    steps: Steps = None,
    bin_ms: BinMs = None,
    polarity: PolarityOption = None,
    encoder: EncoderPath = None,
    encoder_lanes: Annotated[
        int | None, typer.Option(help="Channels a spiketrum encoder works on at once: 1, 2, 4 or 8.")
    ] = None,
    microphone: Annotated[
        Microphone | None, typer.Option(help="Write a module with its pins around the chip.")
    ] = None,
    clock_mhz: Annotated[
        float | None, typer.Option(metavar="MHZ", help="The chip's clock, for that of a PDM microphone.")
    ] = None,
    force: Force = False,
    as_json: Json = False,
) -> int:
    """Compile a network to configuration, memory contents and Verilog."""
    from spikewright import api

    build = api.compile(
        network,
        semantics=semantics,
        source=source,
        weight_bits=weight_bits,
        state_bits=state_bits,
        lanes=lanes,
        rows=rows.value,
        contents=contents.value,
        calibrate=calibrate,
        evaluate=evaluate,
        steps=steps,
        bin_ms=bin_ms,
        polarity=None if polarity is None else polarity.value,
        scales=scales.value,
        widths=widths.value,
        search_bits=search_bits,
        finetune=finetune,
        encoder=encoder,
        encoder_lanes=encoder_lanes,
        microphone=None if microphone is None else microphone.value,
        clock_mhz=clock_mhz,
        output=output,
        force=force,
    )
    show(build.summary, present.show_compile, as_json)
    tell(f"{build.path}: written" if build.fresh else f"{build.path}: up to date", as_json)
    return OK


@app.command("cosim")
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
    show(result.summary, present.show_cosim, as_json)
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


@app.command("estimate")
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
    show(result, present.show_estimate, as_json)
    return OK


@app.command("report")
def report_command(build: BuildPath, force: Force = False, as_json: Json = False) -> int:
    """Write one HTML page with all figures of a build."""
    from spikewright.api import Build

    path = Build(build, force=force).report()
    show({"report": str(path)}, lambda console, result: present.line(console, result["report"]), as_json)
    return OK


def show(
    result: Mapping[str, Any], how: "Callable[[Console, Mapping[str, Any]], None]", as_json: bool
) -> None:
    """Print a result: as JSON on stdout and for people on stderr, or for people on stdout."""
    from spikewright.stages.common import plain

    how(console(sys.stderr if as_json else sys.stdout), result)
    if as_json:
        json.dump(plain(result), sys.stdout, indent=1, allow_nan=False)
        sys.stdout.write("\n")


def tell(text: str, as_json: bool) -> None:
    """Print a line for people."""
    present.line(console(sys.stderr if as_json else sys.stdout), text)


def console(stream: Any) -> "Console":
    """Where tables go; wide enough where there is no terminal."""
    from rich.console import Console

    return Console(file=stream, width=None if stream.isatty() else PLAIN_WIDTH)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command line; its exit code."""
    progress.enable()
    try:
        code = app(arguments, prog_name="spikewright", standalone_mode=False)
        sys.stdout.flush()
        if code == STOPPED:  # Typer's way to pass on a key press
            return complain("stopped", STOPPED)
        return code if isinstance(code, int) else OK
    except typer.TyperException as error:
        return complain(usage(error), WRONG)
    except CheckFailedError as error:
        return complain(str(error), FAILED)
    except SpikewrightError as error:
        return complain(str(error), WRONG)
    except BrokenPipeError:  # whoever reads has seen enough; Typer and Rich end with 1 then, too
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return FAILED
    except OSError as error:
        return complain(os_reason(error), WRONG)
    except (KeyboardInterrupt, typer.Abort):
        return complain("stopped", STOPPED)


def usage(error: typer.TyperException) -> str:
    """What is wrong with a command line, and what came, which Typer leaves out of a value's limits."""
    said, findings = error.format_message(), getattr(error.__cause__, "errors", None)
    return f"{said}, not {findings()[0]['input']!r}" if callable(findings) else said


def os_reason(error: OSError) -> str:
    """What the system refused, and where."""
    reason = error.strerror or str(error)
    return reason if error.filename is None else f"{error.filename}: {reason}"


def complain(message: str, code: int) -> int:
    """Print an error as one line."""
    print(f"spikewright: {' '.join(message.split())}", file=sys.stderr)
    return code
