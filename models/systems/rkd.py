"""Reverse knowledge distillation with structure learning: a sparse student that a weaker network teaches.

Xu et al. 2023 (arXiv:2304.09500) let the synapses of a sparse spiking network evolve (:mod:`.esl`) while it
learns from soft labels, with the usual order of teacher and student reversed. That a weak teacher can help at
all is Yuan et al.'s finding (CVPR 2020): its answers smooth the labels. The paper's exact teacher could not
be verified, so both of Yuan et al. are here: a weak network, and a virtual one that is always right (``kind:
virtual``).
"""

from collections.abc import Sequence
from typing import Any

from spikewright.models.systems.comparison import Claim, Comparison, Outcome, Variant

__all__ = ["comparison"]

PAPER = "Xu et al., reverse knowledge distillation with structure learning, 2023 (arXiv:2304.09500)"
WEAK: dict[str, Any] = {"kind": "snn", "layers": "16", "epochs": 10}


def comparison(data: str, *, quick: bool) -> Comparison:
    """Evolving masks alone and with teachers, with clean labels and with 30 % wrong ones."""
    shared: dict[str, Any] = {"epochs": 20, "density": 0.1, "shift": 0}
    variants = []
    for noise in (0.3,) if quick else (0.0, 0.3):
        teachers: dict[str, dict[str, Any] | None] = {
            "ESL alone": None,
            "weak teacher": {**WEAK, "response": 0.5, "temperature": 2.0},
            "virtual teacher": {"kind": "virtual", "response": 0.9, "temperature": 1.0, "correct": 0.9},
        }
        for name, teacher in teachers.items():
            options = {**shared, "label_noise": noise, "teacher": teacher}
            arguments = {"method": "rkd", "data": data, "options": options}
            variants.append(
                Variant(name=f"{name}, {noise:.0%} wrong", arguments=arguments, series=name, x=noise)
            )

    def claims(outcome: Outcome) -> Sequence[Claim]:
        weak = "weak teacher, 30% wrong"
        over = 100 * (outcome.of(weak) - outcome.of(weak, "accuracy_teacher"))
        found = [
            outcome.claim("a weak teacher helps where labels are wrong", weak, "ESL alone, 30% wrong", 1.0),
            outcome.measured("the student surpasses its teacher", over, least=3.0),
            outcome.claim(
                "a virtual teacher helps where labels are wrong",
                "virtual teacher, 30% wrong",
                "ESL alone, 30% wrong",
                0.0,
            ),
        ]
        if not quick:
            found.append(
                outcome.claim(
                    "a weak teacher helps with clean labels (the paper)",
                    "weak teacher, 0% wrong",
                    "ESL alone, 0% wrong",
                    0.0,
                )
            )
        return found

    return Comparison(
        title="Reverse distillation: accuracy over wrong labels",
        paper=PAPER,
        data=data,
        variants=variants,
        claims=claims,
        axis="share of labels that are wrong",
    )
