"""KDSNN: an analog teacher teaches a spiking student by its answers and its layers (Xu et al., CVPR 2023).

Response-based: the student's softened answers follow the teacher's (Hinton et al. 2015). Feature-based: rates
of the student's layers follow the teacher's activities (Heo et al. 2019). Teacher and student may be built
quite differently; here a wider network teaches a narrower one.
"""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from spikewright.models.data import Dataset
from spikewright.models.learning.results import integer_accuracy, load_parts, need_images, one_thread
from spikewright.models.learning.training import course, finish, options_of
from spikewright.models.systems.comparison import Claim, Comparison, Figures, Outcome, Variant

__all__ = ["comparison", "with_noise"]

PAPER = "Xu et al., KDSNN, CVPR 2023 (arXiv:2304.05627)"
NOISES = ("salt and pepper", "gaussian", "poisson")


@one_thread()
def with_noise(method: str, data: str, options: Mapping[str, Any], seed: int) -> Figures:
    """Train once; accuracies on the test part as it is, and with noise that training never saw."""
    chosen = options_of(method, seed=seed, **options)
    trained, held_out = load_parts(data, chosen.binning)
    need_images(trained)
    trainer = course(chosen, trained)
    finish(trainer, None)
    integer = trainer.network.integer_network(method)
    shown: dict[str, Any] = {"steps": trainer.samples.whole_steps, "coding": chosen.coding, "seed": seed}
    figures = {"accuracy_integer": integer_accuracy(integer, held_out, **shown), "n_test": len(held_out)}
    for name in NOISES:
        figures[name] = integer_accuracy(integer, noisy(held_out, name, seed), **shown)
    return figures


def noisy(data: Dataset, kind: str, seed: int) -> Dataset:
    """Images with a tenth of the pixels black or white, normal noise of deviation 0.3, or counts of 20."""
    rng = np.random.default_rng((seed, 7))
    if kind == "salt and pepper":
        drawn = rng.random(data.x.shape)
        x = np.where(drawn < 0.05, 0.0, np.where(drawn > 0.95, 1.0, data.x))
    elif kind == "gaussian":
        x = data.x + rng.normal(0, 0.3, data.x.shape)
    else:
        x = rng.poisson(20 * data.x) / 20
    return dataclasses.replace(data, x=x.clip(0, 1).astype(np.float32))


def comparison(data: str, *, quick: bool) -> Comparison:
    """Without a teacher, by answers, by features, by both; with few labels, and with all of them."""
    shared: dict[str, Any] = {"epochs": 150}
    learned: dict[str, Any] = {"data": data, "layers": "512-512", "epochs": 15}
    teachers: dict[str, dict[str, Any] | None] = {
        "no teacher": None,
        "answers": {**learned, "response": 0.9, "temperature": 4.0},
    }
    features: dict[str, Any] = {"layers": "128-128", "feature": 1.0, "feature_loss": "partial"}
    if not quick:
        teachers["features"] = {**learned, **features, "response": 0.0}
        teachers["both"] = {**learned, **features, "response": 0.9, "temperature": 4.0}
    variants = []
    for labels in (1000,) if quick else (1000, 4000):
        for name, teacher in teachers.items():
            options = {**shared, "teacher": teacher}
            if labels > 1000:
                options["epochs"] = shared["epochs"] * 1000 // labels
            arguments = {"method": "kd", "data": f"{data}[0:{labels}]", "options": options}
            variants.append(
                Variant(
                    name=f"{name}, {labels} labels",
                    measure=with_noise,
                    arguments=arguments,
                    series=name,
                    x=labels,
                )
            )

    def claims(outcome: Outcome) -> Sequence[Claim]:
        alone, taught = "no teacher, 1000 labels", "answers, 1000 labels"
        found = [outcome.claim("answers help with few labels", taught, alone, 0.5)]
        for kind in NOISES:
            found.append(outcome.claim(f"immunity to noise: {kind}", taught, alone, 0.0, key=kind))
        if not quick:
            taught = "features, 1000 labels"
            found.append(outcome.claim("features help with few labels", taught, alone, 0.0))
            found.append(
                outcome.claim(
                    "answers help with all labels (the paper)",
                    "answers, 4000 labels",
                    "no teacher, 4000 labels",
                    0.0,
                )
            )
        return found

    return Comparison(
        title="Distillation from an analog teacher: accuracy over labels",
        paper=PAPER,
        data=data,
        variants=variants,
        claims=claims,
        axis="labels that the student sees",
    )
