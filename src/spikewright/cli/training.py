"""The commands that train: train, demo, reproduce."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from spikewright.cli.exits import FAILED, OK
from spikewright.cli.options import NAMES, BinMs, EncoderPath, Force, Json, Output, PolarityOption, Seed
from spikewright.cli.printing import show, tell
from spikewright.cli.training_tables import show_demo, show_reproduce, show_train
from spikewright.errors import ConfigError

__all__ = ["demo_command", "reproduce_command", "train_command"]


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


def train_command(
    method: Annotated[Method, typer.Argument(metavar="METHOD", help="How to train; see above.")],
    data: Annotated[
        str,
        typer.Option(
            metavar="DATA",
            help=f"NAME[:foldK/N][a:b], or a path; trains on its part train, or samples a to b of it, tests"
            f" on its part test. NAME is one of {NAMES}.",
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
    show(metrics, show_train, as_json)
    tell(f"{output / 'network.nir'}: written", as_json)
    return OK


def sizes(option: str, text: str) -> tuple[int, ...]:
    """Numbers with commas between."""
    try:
        return tuple(int(size) for size in text.split(",") if size.strip())
    except ValueError:
        raise ConfigError(f"{option} must be numbers with commas between, not {text!r}") from None


def demo_command(
    output: Output = Path("out/demo"),
    epochs: Annotated[int | None, typer.Option(min=1, help="Passes over the data.")] = None,
    samples: Annotated[int | None, typer.Option(min=1, help="Images to co-simulate.")] = None,
    seed: Seed = 0,
    force: Force = False,
    as_json: Json = False,
) -> int:
    """Train, compile, co-simulate and estimate a sparse network on handwritten digits."""
    from spikewright.demo import EPOCHS, SAMPLES, run_demo

    result = run_demo(output, epochs=epochs or EPOCHS, samples=samples or SAMPLES, seed=seed, force=force)
    show(result, show_demo, as_json)
    tell(f"{output / 'report.html'}: the whole story", as_json)
    return FAILED if result["cosim"]["mismatches"] else OK


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
    seeds: Annotated[
        int | None,
        typer.Option(min=1, help="Trainings of every variant, each with its seed; as many as folds, or 3."),
    ] = None,
    folds: Annotated[
        int | None,
        typer.Option(min=2, help="Every seed tests on another fold of so many, for data of few samples."),
    ] = None,
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
    runs: dict[str, int | None] = {"seeds": seeds, "folds": folds, "jobs": jobs}
    result = reproduce(system, folder, quick=quick, data=data, **runs, force=force)
    show(result, show_reproduce, as_json)
    tell(f"{folder / 'reproduce.png'}: the picture", as_json)
    return OK
