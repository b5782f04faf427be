"""Training from data to files: what ``spikewright train`` does, whatever the method."""

import math
import time
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import torch

from spikewright.errors import ConfigError
from spikewright.models.coding import CodingName
from spikewright.models.data import Dataset, parse
from spikewright.models.export import to_nir
from spikewright.models.learning.build import build_network, cramped, input_port
from spikewright.models.learning.channels import ChannelPruner
from spikewright.models.learning.conversion import convert_weights
from spikewright.models.learning.log import recorded
from spikewright.models.learning.methods import METHODS
from spikewright.models.learning.network import SpikingNetwork
from spikewright.models.learning.options import SECTIONS, TrainOptions
from spikewright.models.learning.parts import parts_of
from spikewright.models.learning.reduced import reduced
from spikewright.models.learning.results import (
    Results,
    integer_figures,
    load_parts,
    one_thread,
    real_accuracy,
)
from spikewright.models.learning.samples import DEFAULT_STEPS, Samples
from spikewright.models.learning.teacher import Distilled, Teacher, train_teacher
from spikewright.models.learning.trainer import CALIBRATION, Progress, Trainer, pick_device

__all__ = ["course", "options_of", "train", "train_network"]

STATE = "training.pt"
"""File in the output folder that an interrupted training leaves."""

OPTIONS = tuple(TrainOptions.__dataclass_fields__)


def options_of(method: str, **options: Any) -> TrainOptions:
    """Options of a method, with what is given in the place of what it begins with.

    A section (``evolution``, ``pruning``, ``teacher``) may be a mapping of those of its keys that differ.

    Raises
    ------
    ConfigError
        If there is no such method or option, or a value is wrong.
    """
    if method not in METHODS:
        raise ConfigError(f"method must be one of {', '.join(METHODS)}, not {method!r}")
    start = METHODS[method]
    layers = options.get("layers", start["layers"])
    options["layers"] = plain_layers(layers, options.pop("hidden", None), options.pop("channels", None))
    unknown = set(options) - set(TrainOptions.__dataclass_fields__)
    if unknown:
        raise ConfigError(f"train: {min(unknown)} is no option; options are {', '.join(OPTIONS)}")
    for key, section in SECTIONS.items():
        given = options.get(key)
        if isinstance(given, dict):
            base = start.get(key)
            names = section.__dataclass_fields__
            if set(given) - set(names):
                wrong = min(set(given) - set(names))
                raise ConfigError(f"{key}: {wrong} is no option; options are {', '.join(names)}")
            options[key] = section(**given) if base is None else replace(base, **given)
    return TrainOptions(**{"method": method, **start, **options})


def plain_layers(start: str, hidden: tuple[int, ...] | None, channels: tuple[int, ...] | None) -> str:
    """Layers of so many neurons, after convolutions of so many channels, in the place of those given.

    The first convolution has kernels of 5 and stride 2, the others kernels of 3 after sums over 2 by 2; what
    follows them takes such sums too. Dense layers are recurrent where those given are.
    """
    if hidden is None and channels is None:
        return start
    words = start.lower().split("-") if start else []
    if channels is None:
        kept = [word for word in words if "c" in word or "p" in word]
    else:
        kept = [f"{n}c5s2" if not i else f"p2-{n}c3" for i, n in enumerate(channels)] + ["p2"]
    dense = [word for word in words if "c" not in word and "p" not in word]
    if hidden is not None:
        recurrent = "r" if any("r" in word for word in dense) else ""
        dense = [f"{n}{recurrent}" for n in hidden]
    return "-".join(kept + dense)


def course(
    options: TrainOptions,
    data: Dataset,
    *,
    state: Path | None = None,
    teacher: Teacher | None = None,
    progress: Progress | None = None,
) -> Trainer:
    """A network and all that trains it; nothing is trained yet but the teacher that the options name.

    Parameters
    ----------
    teacher
        To learn from; None: it is trained first, if the options name one.
    progress
        Of the teacher's training.
    """
    generator = torch.Generator().manual_seed(options.seed)
    device = pick_device(options.device)
    port = input_port(options, data)
    network = build_network(options, port, data.classes, generator).to(device)
    samples = Samples(options, data, port, generator, device)
    objective: Distilled | None = None
    if options.teacher is not None:
        taught = options.teacher
        if teacher is None and taught.kind != "virtual":
            theirs = data if taught.data is None else load_parts(taught.data, options.binning)[0]
            _fits(theirs, data)
            teacher = train_teacher(options, theirs, progress)
        if taught.convert:
            assert teacher is not None
            convert_weights(teacher.network, network, samples.some(CALIBRATION).mean(), taught.percentile)
        objective = Distilled(options, teacher, data.classes, generator)
        objective.fit(network, samples.some(options.batch))
    return Trainer(network, samples, options, objective=objective, parts=parts_of, state=state)


def _fits(theirs: Dataset, ours: Dataset) -> None:
    """Refuse a teacher's data that it could not answer the student's batches from, or that are its test."""
    if (math.prod(theirs.shape), theirs.classes) != (math.prod(ours.shape), ours.classes):
        raise ConfigError(
            f"teacher: data {theirs.name!r} must have the student's {math.prod(ours.shape)} values and "
            f"{ours.classes} classes, not {math.prod(theirs.shape)} and {theirs.classes}"
        )
    taught, learnt = parse(theirs.name), parse(ours.name)
    if taught.name == learnt.name and taught.fold != learnt.fold:
        raise ConfigError(
            f"teacher: data {theirs.name!r} must be of the same fold as the student's {ours.name!r}: it would"
            " learn what the student is tested on"
        )


def train_network(
    options: TrainOptions,
    data: Dataset,
    progress: Progress | None = None,
    *,
    teacher: Teacher | None = None,
) -> tuple[SpikingNetwork, float]:
    """The trained network, on its integer grid, and the mean loss of its last epoch."""
    trainer = course(options, data, teacher=teacher)
    finish(trainer, progress)
    return trainer.network, trainer.history[-1]["loss"] if trainer.history else math.nan


def finish(trainer: Trainer, progress: Progress | None, *, resume: bool = False) -> None:
    """Train to the end, on integers at the latest then."""
    trainer.run(progress, resume=resume)
    if not trainer.network.quantized:
        trainer.quantize()
    for part in trainer.parts:
        if isinstance(part, ChannelPruner):
            masks = part.masks()
            part.remove()
            trainer.network = reduced(trainer.network, masks)
    trainer.network.to("cpu")


@one_thread()
def train(
    options: TrainOptions,
    data: str,
    output: Path | None,
    progress: Progress | None = None,
    *,
    resume: bool = False,
    teacher: Teacher | None = None,
    log: Path | None = None,
) -> Results:
    """Train on ``DATA:train``, measure on ``DATA:test``, write network, checkpoint and metrics.

    Parameters
    ----------
    options
        What to train, and how. The same options and data give the same network.
    data
        Specification of the data, without a part (:mod:`spikewright.models.data`).
    output
        Folder for ``network.nir``, ``checkpoint.pt`` and ``metrics.json``; None writes nothing. While it
        trains, ``training.pt`` is there, which ``resume`` goes on from.
    progress
        Called after every epoch.
    teacher
        To learn from, in the place of one that the options would have trained.
    log
        Folder for event files of TensorBoard with the figures of every epoch; None: none.

    Raises
    ------
    ConfigError
        If options or data are wrong; nothing is written then.
    """
    if output is not None and output.exists() and not output.is_dir():
        raise ConfigError(f"output {str(output)!r}: must be a folder, not a file")
    started = time.perf_counter()
    trained, held_out = load_parts(data, options.binning)
    state = None if output is None else output / STATE
    trainer = course(options, trained, state=state, teacher=teacher)
    with recorded(log) as record:

        def told(done: int, total: int, loss: float) -> None:
            record(done, trainer.history[-1])
            if progress is not None:
                progress(done, total, loss)

        finish(trainer, told, resume=resume)
    network = trainer.network
    integer, real = (
        network.integer_network(options.method),
        network.real_network(options.method, dt=options.step_s),
    )
    fed = how_fed(options, trained)
    coding: CodingName = fed["name"]
    shown = {"coding": coding, "steps": fed["steps"], "seed": options.seed}
    synapses = sum(edge.weights.size for edge in integer.edges)
    nonzero = sum(int((edge.weights != 0).sum()) for edge in integer.edges)
    accuracy, operations = integer_figures(integer, held_out, **shown)
    metrics: dict[str, Any] = {
        "accuracy": real_accuracy(real, held_out, **shown),
        "accuracy_integer": accuracy,
        "synaptic_operations": operations,
        "density": nonzero / synapses,
        "parameters": nonzero + sum(len(layer.biases()) for layer in network.stack),
        "epochs": len(trainer.history),
        "seed": options.seed,
        "method": options.method,
        "data": data,
        "n_train": len(trained),
        "n_test": len(held_out),
        "loss": trainer.history[-1]["loss"] if trainer.history else None,
        "seconds": round(time.perf_counter() - started, 3),
        "options": asdict(options),
        "notes": [*trained.notes, *held_out.notes, *cramped(network.stack)],
        "history": trainer.history,
    }
    taught = trainer.objective
    if isinstance(taught, Distilled) and taught.teacher is not None:
        metrics["accuracy_teacher"] = taught.teacher.accuracy(options, held_out)
    results = Results(
        graph=to_nir(real, integer, coding=fed), checkpoint=network.state_dict(), metrics=metrics
    )
    if output is not None:
        results.write(output)
        (output / STATE).unlink(missing_ok=True)
    return results


def how_fed(options: TrainOptions, data: Dataset) -> dict[str, Any]:
    """How data become events, as the network's file says it."""
    if data.static:
        return {"name": options.coding, "steps": options.steps or DEFAULT_STEPS, "seed": options.seed}
    fed: dict[str, Any] = {"name": "events", "steps": data.x.shape[1], "seed": options.seed}
    for key in ("bin_ms", "polarity"):
        if getattr(options, key) is not None:
            fed[key] = getattr(options, key)
    if options.encoder is not None:
        fed["encoder"] = asdict(options.encoder)
    return fed
