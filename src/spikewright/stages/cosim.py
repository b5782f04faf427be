"""The stage ``cosim``: the build's Verilog against PyTorch, and what is kept of it."""

import shutil
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from spikewright.build import SCRATCH, BuildFolder
from spikewright.config import ChipConfig
from spikewright.cosim.compare import Divergence
from spikewright.cosim.inject import MAX_FAULTS, inject
from spikewright.cosim.names import encoded_inputs
from spikewright.cosim.records import LockedError
from spikewright.cosim.run import Setup, cosimulate
from spikewright.cosim.simulators import SIMULATORS, Simulator
from spikewright.cosim.waves import WAVES, Window, choose_window, write_waves
from spikewright.errors import ConfigError, ToolError
from spikewright.manifest import StageRecord, hash_bytes
from spikewright.models.encoders import Sound
from spikewright.network import IntegerNetwork
from spikewright.progress import progress, waiting
from spikewright.stages.common import Arrays, array_hash, run_stage, versions, write_summary
from spikewright.stages.cosim_results import FAULTS, Cosim, as_divergence, keep, load_cosim
from spikewright.stages.injection import FAULT_COUNTS, faults_summary
from spikewright.stages.stimulus import Stimulus, for_chip

__all__ = ["Cosim", "CosimOptions", "run_cosim"]


@dataclass(frozen=True, slots=True, kw_only=True)
class CosimOptions:
    """How to co-simulate; see :func:`spikewright.cosim.run.cosimulate`.

    Parameters
    ----------
    waves, waves_at, waves_steps
        Keep a waveform: of this sample and step, else of the first divergence, with so many steps around it.
    inject
        Put in so many single faults, one a run, and count those that the check finds.
    """

    simulator: Simulator = "verilator"
    stall: float = 0.0
    seed: int = 0
    stepped: int | None = None
    waves: bool = False
    waves_at: tuple[int, int] | None = None
    waves_steps: int = 2
    inject: int | None = None

    def __post_init__(self) -> None:
        if self.simulator not in SIMULATORS:
            raise ConfigError(f"simulator must be {' or '.join(SIMULATORS)}, not {self.simulator!r}")
        if self.seed < 0:
            raise ConfigError(f"seed must be 0 or more, not {self.seed}")
        if self.stepped is not None and self.stepped < 0:
            raise ConfigError(f"stepped must be 0 or more, not {self.stepped}")
        if self.waves_steps < 0:
            raise ConfigError(f"waves_steps must be 0 or more, not {self.waves_steps}")
        if self.inject is not None and not 1 <= self.inject <= MAX_FAULTS:
            raise ConfigError(f"inject must be 1..{MAX_FAULTS}, not {self.inject}")

    @property
    def wants_waves(self) -> bool:
        """Whether a waveform is to be kept; to say where is to ask for it."""
        return self.waves or self.waves_at is not None


def run_cosim(
    folder: BuildFolder,
    chip: ChipConfig,
    network: IntegerNetwork,
    stimulus: Stimulus,
    options: CosimOptions,
    *,
    images: Mapping[str, Any] | None,
    force: bool,
) -> Cosim:
    """Co-simulate and keep the result in the build."""
    if options.inject is not None and encoded_inputs(chip):
        raise ConfigError(
            "inject: must be left out with a chip that takes sound, as it is not stepped through;"
            " compile without an encoder"
        )
    stimulus = for_chip(chip, stimulus)
    x, y = stimulus.x, stimulus.y
    arrays: Arrays = {name: np.asarray(array) for name, array in x.items()}
    labels = None if y is None else np.asarray(y)
    shape = next(iter(arrays.values())).shape[:2]
    if labels is not None and labels.shape != shape[:1]:
        raise ConfigError(f"y: must have shape {shape[:1]}, not {labels.shape}")
    record = StageRecord(
        options={
            **stimulus.options,
            "simulator": options.simulator,
            "stall": options.stall,
            "seed": options.seed,
            "stepped": options.stepped,
            "waves": options.wants_waves,
            "waves_at": options.waves_at,
            "waves_steps": options.waves_steps if options.wants_waves else None,
            "inject": options.inject,
        },
        inputs={
            "x": array_hash(arrays | sound_arrays(stimulus.sound)),
            "y": "none" if labels is None else array_hash({"y": labels}),
            "build": hash_bytes(repr(sorted(folder.hashes("compile").items())).encode()),
            **versions("cosim", "torch", "numpy", "cocotb", "verilator", "pyosys"),
        },
    )

    path = folder.path.resolve()  # cocotb's runner changes folders
    setup = Setup(
        rtl=path / "rtl",
        memory=path / "memory",
        work=path / SCRATCH / "cosim",
        images=images,
        simulator=options.simulator,
        stall=options.stall,
        seed=options.seed,
    )

    def action(staging: Path) -> None:
        if options.waves_at is not None:  # refused before anything is run
            choose_window(None, options.waves_at, 0, samples=shape[0], steps=shape[1])
        try:
            with waiting(f"building and running the {options.simulator} simulation"):
                result = cosimulate(
                    chip,
                    network,
                    {**arrays, **stimulus.sound},
                    rtl=setup.rtl,
                    memory=setup.memory,
                    work=setup.work,
                    images=images,
                    simulator=options.simulator,
                    stall=options.stall,
                    seed=options.seed,
                    stepped=options.stepped,
                )
        except LockedError as error:
            if not options.wants_waves:
                raise
            window, file = waves(chip, setup, options, as_divergence(error), shape, error.stepped)
            raise ToolError(f"{error}; waveform of {window}: {file}") from error
        (staging / "cosim").mkdir()
        found: dict[str, Any] = {"waves": None, **dict.fromkeys(FAULT_COUNTS)}
        if options.wants_waves:
            divergence = result.comparison.divergence
            window, file = waves(chip, setup, options, divergence, shape, result.stepped)
            shutil.copyfile(file, staging / "cosim" / WAVES)
            found["waves"] = str(window)
        if options.inject is not None and not result.comparison.mismatches:
            with progress("injecting faults", options.inject) as advance:
                injection = inject(chip, network, x, setup, count=options.inject, advance=advance)
            write_summary(staging / FAULTS, faults_summary(injection, options.seed))
            found |= injection.count()
        keep(staging, chip, network, replace(stimulus, x=arrays, y=labels), result, setup, found)

    ran = run_stage(folder, "cosim", record, action, force=force)
    return load_cosim(folder.path, ran=ran)


def sound_arrays(sound: Mapping[str, Sound]) -> Arrays:
    """The samples of all recordings, by input, and where each begins."""
    found: Arrays = {}
    for name, recordings in sound.items():
        found[f"{name} samples"] = np.concatenate([np.zeros(0, np.int64), *recordings.samples])
        found[f"{name} lengths"] = np.array([len(samples) for samples in recordings.samples])
    return found


def waves(
    chip: ChipConfig,
    setup: Setup,
    options: CosimOptions,
    divergence: Divergence | None,
    shape: tuple[int, ...],
    stepped: int,
) -> tuple[Window, Path]:
    """Run once more and write a waveform; what it shows, and the file."""
    samples, steps = shape
    window = choose_window(
        divergence, options.waves_at, options.waves_steps, samples=samples, steps=steps
    )  # fmt: skip
    with waiting("running once more for the waveform"):
        file = write_waves(chip, window, setup, samples=samples, steps=steps, stepped=stepped)
    return window, file
