"""LaSNN: a student that starts as the converted teacher and learns from its layers (Hong et al. 2023).

An analog network is trained, converted with balanced thresholds (:mod:`.learning.conversion`), and the result
is trained on as a spiking network of few steps, while attention maps of its layers follow the teacher's
(:class:`.learning.teaching.AttentionLoss`). What the paper claims: a twentieth of the steps of a converted
network.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch

from spikewright.models.learning.build import build_network
from spikewright.models.learning.conversion import convert_weights
from spikewright.models.learning.results import integer_accuracy, load_parts, need_images, one_thread
from spikewright.models.learning.samples import Samples
from spikewright.models.learning.teacher import train_teacher
from spikewright.models.learning.trainer import CALIBRATION
from spikewright.models.learning.training import options_of, train
from spikewright.models.systems.comparison import Claim, Comparison, Figures, Outcome, Variant

__all__ = ["comparison", "converted", "taught"]

PAPER = "Hong et al., LaSNN, 2023 (arXiv:2304.09101)"
STEPS = (1, 2, 4, 8, 16, 32)


@one_thread()
def converted(method: str, data: str, options: Mapping[str, Any], seed: int) -> Figures:
    """Accuracy of the analog teacher, and of what it is converted to after every number of steps."""
    chosen = options_of(method, seed=seed, **options)
    trained, held_out = load_parts(data, chosen.binning)
    need_images(trained)
    teacher = train_teacher(chosen, trained)
    network = teacher.network
    device = next(network.parameters()).device
    generator = torch.Generator().manual_seed(seed)
    samples = Samples(chosen, trained, network.port, generator, device)
    x = samples.shown(torch.arange(min(CALIBRATION, len(trained))), augmented=False).mean()
    figures = {"n_test": float(len(held_out)), "analog": teacher.accuracy(chosen, held_out)}
    for steps in STEPS:
        spiking = build_network(chosen, network.port, trained.classes, generator).to(device)
        convert_weights(network, spiking, x)
        spiking.quantize(chosen.weight_bits, chosen.state_bits, x, steps)
        integer = spiking.integer_network("converted")
        figures[f"T={steps}"] = integer_accuracy(
            integer, held_out, steps=steps, coding=chosen.coding, seed=seed
        )
    return figures


def taught(method: str, data: str, options: Mapping[str, Any], seed: int) -> Figures:
    """Train once; accuracies, and after how many epochs 90 % of the last training loss's way was gone."""
    metrics = train(options_of(method, seed=seed, **options), data, None).metrics
    losses = np.array([epoch["loss"] for epoch in metrics["history"]])
    goal = losses[0] - 0.9 * (losses[0] - losses.min())
    return {
        "accuracy": metrics["accuracy"],
        "accuracy_integer": metrics["accuracy_integer"],
        "epochs": float(np.argmax(losses <= goal) + 1),
        "first_loss": float(losses[0]),
        "n_test": metrics["n_test"],
    }


def comparison(data: str, *, quick: bool) -> Comparison:
    """The converted network over steps; students of few steps, and what they start as and learn from."""
    shared: dict[str, Any] = {
        "layers": "128-128" if quick else "16c5s2-p2-32c3-p2-64",
        "epochs": 20 if quick else 30,
    }
    teacher: dict[str, Any] = {"epochs": 12 if quick else 15}
    whole = {**shared, "teacher": teacher}
    variants = [
        Variant(
            name="converted",
            measure=converted,
            arguments={"method": "lasnn", "data": data, "options": whole},
        )
    ]
    for steps in (2,) if quick else (1, 2, 4):
        variants.append(_student(f"LaSNN, T={steps}", data, {**whole, "steps": steps}, "LaSNN", steps))
    variants.append(_student("from nothing, T=2", data, {**shared, "steps": 2, "teacher": None}))
    few = f"{data}[0:1000]"
    more = {**shared, "steps": 2, "epochs": 2 * shared["epochs"]}
    taught_by_all = {**teacher, "data": data}
    variants += [
        _student("from nothing, 1000 labels", few, {**more, "teacher": None}),
        _student("converted start, 1000 labels", few, {**more, "teacher": {**taught_by_all, "feature": 0.0}}),
        _student("LaSNN, 1000 labels", few, {**more, "teacher": taught_by_all}),
    ]

    def claims(outcome: Outcome) -> Sequence[Claim]:
        student = outcome.of("LaSNN, T=2")
        best = np.minimum(outcome.of("converted", "analog"), outcome.of("converted", "T=32"))
        found = [
            outcome.measured(
                "two steps reach the analog network or its conversion at 32",
                100 * (student - best),
                least=-1.0,
            )
        ]
        ratios = []
        for seed, accuracy in enumerate(student):
            curve = {steps: outcome.of("converted", f"T={steps}")[seed] for steps in STEPS}
            enough = [steps for steps, reached in curve.items() if reached >= accuracy - 0.005]
            # Where not even the most steps reach it, more than these are needed: a bound, never too high.
            ratios.append((enough[0] if enough else STEPS[-1]) / 2)
        at_equal = "steps of the conversion at equal accuracy (-0.5 points)"
        for name, least in ((at_equal, 4), ("the same (the paper)", 20)):
            unit = "times the student's 2"
            found.append(outcome.measured(name, np.array(ratios), least=least, unit=unit))
        found.append(outcome.claim("it helps with all labels", "LaSNN, T=2", "from nothing, T=2", 0.0))
        found.append(
            outcome.claim(
                "it helps with few labels", "LaSNN, 1000 labels", "from nothing, 1000 labels", 0.5
            )
        )
        found.append(
            outcome.claim(
                "layers add to the converted start", "LaSNN, 1000 labels", "converted start, 1000 labels", 0.0
            )
        )
        return found

    return Comparison(
        title="Layer-wise distillation: accuracy over steps",
        paper=PAPER,
        data=data,
        variants=variants,
        claims=claims,
        axis="steps",
    )


def _student(
    name: str, data: str, options: Mapping[str, Any], series: str | None = None, x: float | None = None
) -> Variant:
    arguments = {"method": "lasnn", "data": data, "options": options}
    return Variant(name=name, measure=taught, arguments=arguments, series=series, x=x)
