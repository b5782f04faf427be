"""What each method begins with, where that is not the default of :class:`.options.TrainOptions`."""

from typing import Any

from spikewright.models.learning.parts_options import EvolutionOptions, PruningOptions, TeacherOptions

__all__ = ["METHODS"]

_ESL: dict[str, Any] = {
    "layers": "256-256",
    "density": 0.1,
    "evolution": EvolutionOptions(),
    "loss": "tet",
    "steps": 4,
    "decay_shift": 1,
    "readout_shift": None,
    "reset": "set",
    "surrogate": "triangle",
    "sharpness": 1.0,
    "epochs": 30,
    "batch": 100,
    "learning_rate": 3e-3,
    "real_share": 0.8,
    "shift": None,
    "rate_penalty": 0.0,
}

# Integrate-and-fire for two steps, read out by an integrator: what an analog network's rates fit into.
_INTEGRATE: dict[str, Any] = {
    "decay_shift": None,
    "readout_shift": None,
    "decode": "potential_last",
    "steps": 2,
    "epochs": 30,
    "batch": 100,
    "learning_rate": 2e-3,
    "real_share": 0.8,
    "shift": None,
    "rate_penalty": 0.0,
}

METHODS: dict[str, dict[str, Any]] = {
    "sparse": {
        "layers": "128",
        "density": 0.1,
        "graded": True,
        "epochs": 100,
        "batch": 100,
        "real_share": 0.6,
        "shift": None,
        "rate_penalty": 0.3,
    },
    "esl": _ESL,
    "sca": {
        "layers": "16c5s2-p2-32c3-p2-64",
        "norm": True,
        "pruning": PruningOptions(),
        "steps": 4,
        "decay_shift": None,
        "readout_shift": None,
        "decode": "potential_last",
        "reset": "set",
        "epochs": 20,
        "batch": 100,
        "learning_rate": 2e-3,
        "shift": None,
        "rate_penalty": 0.0,
    },
    "rkd": {
        **_ESL,
        "steps": 2,
        "teacher": TeacherOptions(kind="snn", layers="16", epochs=10, response=0.5, temperature=2.0),
    },
    "kd": {
        **_INTEGRATE,
        "layers": "128-128",
        "reset": "set",
        "epochs": 100,
        "teacher": TeacherOptions(layers="512-512", response=0.9, temperature=4.0),
    },
    "lasnn": {
        **_INTEGRATE,
        "layers": "16c5s2-p2-32c3-p2-64",
        "teacher": TeacherOptions(feature=0.1, feature_loss="attention", convert=True),
    },
    "conv": {"layers": "12c5s2-p2-24c3-p2", "shift": 2, "readout_shift": 4, "clip": 1.0},
    # Gradients through hundreds of steps stay in bounds if only neurons near the threshold learn.
    "recurrent": {
        "layers": "38r",
        "epochs": 60,
        "learning_rate": 2e-3,
        "readout_shift": 5,
        "sharpness": 8.0,
        "clip": 1.0,
    },
    "sound": {
        "layers": "256r",
        "density": 0.3,
        "epochs": 30,
        "learning_rate": 3e-3,
        "decay_shift": 2,
        "readout_shift": 5,
        "sharpness": 8.0,
        "drop": 0.3,
        "shift_steps": 3,
        "rate_penalty": 0.0,
        "clip": 1.0,
    },
}
