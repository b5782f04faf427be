"""A waveform of a few steps: the simulation once more, as a program that writes only the window.

The window is chosen in clocks of the first run; the same Verilog on the same words takes the same
clocks again.
"""

import re
from dataclasses import dataclass
from pathlib import Path

from spikewright.config import ChipConfig
from spikewright.cosim.compare import Divergence
from spikewright.cosim.harness import harness
from spikewright.cosim.record_file import word_cycles
from spikewright.cosim.run import RUN, Setup, run_plusargs, verilog_sources
from spikewright.cosim.standalone import build_program
from spikewright.cosim.view import WAVES
from spikewright.errors import ConfigError, ToolError

__all__ = ["WAVES", "Window", "choose_window", "name_all", "write_waves"]

MARGIN_CYCLES = 4
"""Clocks shown before the first word and after the last token."""
STANDSTILL_CYCLES = 400
"""Clocks shown of a step that never ends."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """Steps ``first`` to ``last`` of a sample, and why those."""

    sample: int
    first: int
    last: int
    reason: str
    stepped: bool = False

    def __str__(self) -> str:
        again = ", stepped through" if self.stepped else ""
        return f"sample {self.sample}{again}, steps {self.first} to {self.last}: {self.reason}"


def choose_window(
    divergence: Divergence | None, at: tuple[int, int] | None, around: int, *, samples: int, steps: int
) -> Window:
    """The step that was asked for, or of the first divergence, or the first, with so many around it.

    Raises
    ------
    ConfigError
        If there is no such step.
    """
    reason, stepped = "no divergence, so the first steps", False
    sample, step = 0, 0
    if at is not None:
        sample, step = at
        if not (0 <= sample < samples and 0 <= step < steps):
            have = f"sample 0..{samples - 1} and step 0..{steps - 1}"
            raise ConfigError(f"waves_at must be of {have}, not {sample}:{step}")
        reason = f"around step {step}, as asked for"
    elif divergence is not None:
        sample = divergence.sample
        step = steps - 1 if divergence.step is None else divergence.step
        stepped = divergence.stepped
        reason = f"around the first divergence, step {step}"
    last = min(steps - 1, step + around)
    if at is None and divergence is None:
        last = min(steps - 1, 2 * around)
    return Window(
        sample=sample, first=max(0, step - around), last=last, reason=reason, stepped=stepped
    )  # fmt: skip


def write_waves(
    chip: ChipConfig,
    window: Window,
    setup: Setup,
    *,
    samples: int,
    steps: int,
    stepped: int,
) -> Path:
    """Run what was run last with this setup once more and write the window's waveform; its file.

    Raises
    ------
    ToolError
        If the simulator fails or leaves no waveform.
    """
    run = setup.work / RUN
    start, end = _clocks(chip, window, run / "records.bin", samples, steps)
    top = setup.work / "harness_waves.sv"
    top.write_text(harness(chip, waves=True))
    sources = [*verilog_sources(setup), top]
    program = build_program(setup.simulator, sources, setup.work, waves=True)
    plusargs = run_plusargs(setup, samples=samples, stepped=stepped, steps=steps)
    program.run(run, [*plusargs, f"+waves_from={start}", f"+waves_to={end}"])
    file = run / WAVES
    if not file.is_file() or not file.stat().st_size:
        raise ToolError(f"{run}: the simulator left no waveform, see {run / 'simulation.log'}")
    name_all(file)
    return file


def name_all(file: Path) -> None:
    """Give names of their own to signals that have none: strict readers stumble over ``$`` in front."""
    head, end, body = file.read_bytes().partition(b"$enddefinitions")
    head = re.sub(rb"(\$var +\S+ +\d+ +\S+ +|\$scope +\S+ +)\$", rb"\1unnamed$", head)
    file.write_bytes(head + end + body)


def _clocks(
    chip: ChipConfig, window: Window, records: Path, samples: int, steps: int
) -> tuple[int, int]:  # fmt: skip
    """First and last clock of a window."""
    starts, taken, passed_on = word_cycles(records, chip, steps=steps)
    sample = window.sample + (samples if window.stepped else 0)
    start = end = 0
    if window.first:
        start = int(taken[sample, window.first - 1]) if sample < len(taken) else 0
    elif sample < len(starts):
        start = int(starts[sample])
    if sample < len(passed_on):
        end = int(passed_on[sample, window.last])
    start = max(0, start or int(max(starts.max(initial=0), taken.max(initial=0))))
    if not end:  # it stands still before
        end = max(start, int(max(taken.max(initial=0), passed_on.max(initial=0)))) + STANDSTILL_CYCLES
    return max(1, start - MARGIN_CYCLES), end + MARGIN_CYCLES
