"""The check is checked: single faults in memories and logic, and how many of them the checker finds.

Every run has one fault and takes the same samples twice, freely and stepped through. A fault is *effective*
if a probe that the checker does not use sees any word of an output, or any bit of a state memory at the end
of a step, differ from a clean run of the same Verilog, or if the run never ends. It is *detected* if the
ordinary comparison with PyTorch reports it.
"""

import os
import shutil
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from spikewright.config import ChipConfig
from spikewright.cosim.compare import compare
from spikewright.cosim.faults import Fault, contents_faults, flipped, logic_faults, state_faults
from spikewright.cosim.harness import WATCHDOG_CYCLES, harness
from spikewright.cosim.mutants import fault_bits, write_mutants
from spikewright.cosim.outcomes import Injection, Outcome
from spikewright.cosim.probe import Probe, effect, read_probe
from spikewright.cosim.record_file import last_cycle
from spikewright.cosim.records import LockedError, read_records
from spikewright.cosim.run import Setup, check_contents, flat_inputs, prepare, run_plusargs, verilog_sources
from spikewright.cosim.standalone import Program, build_program
from spikewright.cosim.stepped import SteppedTrace, run_stepped
from spikewright.cosim.stimulus import word_writes
from spikewright.errors import ConfigError, ToolError
from spikewright.models.trace import Trace
from spikewright.network import IntegerNetwork

__all__ = ["MAX_FAULTS", "MAX_SAMPLES", "inject"]

MAX_SAMPLES = 20
"""Samples that a run with a fault takes at most, from the first on."""
MAX_FAULTS = 10_000
SLOWER = 8
"""A run with a fault is given up after so many times the clocks of a clean one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Campaign:
    """What all runs share."""

    chip: ChipConfig
    images: Mapping[str, Any]
    program: Program
    base: Path
    plusargs: list[str]
    samples: int
    steps: int
    model: Trace
    stepped: SteppedTrace

    def run(self, fault: Fault | None, folder: Path, timeout: float | None, *more: str) -> bool:
        """Run with one fault or none, in a folder of its own; whether the simulator ended by itself."""
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        for entry in self.base.iterdir():
            (folder / entry.name).symlink_to(entry)
        plusargs = [*self.plusargs, *more, *(fault.plusargs if fault else ())]
        patch = np.array([], dtype=np.uint64)
        if fault is not None and fault.kind == "contents":
            assert fault.memory is not None
            images = flipped(self.images, fault.memory, fault.word, fault.bit)
            if self.chip.contents == "bus":
                patch = word_writes(self.chip, images, fault.memory, fault.word)
            else:
                _write_image(self.chip, images, fault.memory, folder, self.base)
        patch.astype(">u8").tofile(folder / "patch.bin")
        return self.program.run(folder, plusargs, timeout=timeout)

    def check(self, folder: Path) -> tuple[str | None, str | None, int | None, bool]:
        """What the checker says first: text, population, neuron, and whether that names a place."""
        try:
            hardware = read_records(
                folder / "records.bin",
                self.chip,
                samples=self.samples,
                steps=self.steps,
                stepped=self.samples,
            )
        except LockedError as error:
            return str(error), error.breach.population, None, True
        if self.chip.contents == "bus":
            check_contents(hardware, folder / "load.bin")
        comparison = compare(self.chip, hardware, self.model, self.stepped)
        if not comparison.mismatches:
            return None, None, None, False
        first = comparison.divergence
        if first is None:  # the bus gave back other contents than were loaded
            return str(hardware.faults[0]), None, None, True
        return str(first), first.population, first.neuron, True


def inject(
    chip: ChipConfig,
    network: IntegerNetwork,
    x: Any,
    setup: Setup,
    *,
    count: int,
    advance: Callable[[], None] = lambda: None,
) -> Injection:
    """Put ``count`` single faults into a chip, one a run: half of them into its logic, half into memories.

    Of the memory faults two thirds are flipped bits of contents, one third bits of state memories, which
    flip once or are stuck. The setup's seed draws them all; it must
    have images.

    Raises
    ------
    ConfigError
        If ``count`` is out of range.
    ToolError
        If a tool fails, or the clean run differs from the model.
    """
    if not 1 <= count <= MAX_FAULTS:
        raise ConfigError(f"inject must be 1..{MAX_FAULTS}, not {count}")
    assert setup.images is not None, "faults need the images"
    started = time.perf_counter()
    arrays = {chip.inputs[0].name: x} if not isinstance(x, Mapping) else dict(x)
    flat = {name: array[:MAX_SAMPLES] for name, array in flat_inputs(arrays).items()}
    samples, steps = next(iter(flat.values())).shape[:2]
    folder = setup.work / "faults"
    shutil.rmtree(folder, ignore_errors=True)
    (folder / "rtl").mkdir(parents=True)
    mutants = write_mutants(setup.rtl, folder / "rtl" / "chip.v", count - count // 2, setup.seed)
    sources = _sources(chip, setup, folder / "rtl", fault_bits(len(mutants)))
    stepped = run_stepped(network, {name: np.asarray(array)[:MAX_SAMPLES] for name, array in arrays.items()})
    campaign = _Campaign(
        chip=chip,
        images=setup.images,
        program=build_program(setup.simulator, sources, setup.work, level="-O1"),
        base=folder / "base",
        plusargs=run_plusargs(setup, samples=samples, stepped=samples),
        samples=samples,
        steps=steps,
        model=stepped.trace,
        stepped=stepped,
    )
    prepare(chip, flat, campaign.base, setup, stepped=samples)
    clean, limits, timeout = _clean_run(campaign, folder / "clean")
    random = np.random.default_rng(setup.seed)
    in_memory = count - len(mutants)
    faults = logic_faults(chip, mutants)
    faults += contents_faults(chip, setup.images, in_memory - in_memory // 3, random)
    faults += state_faults(chip, samples * steps, count - len(faults), random)

    def attempt(number: int) -> Outcome:
        place = folder / f"{number}"
        ended = campaign.run(faults[number], place, timeout, *limits)
        outcome = _outcome(campaign, faults[number], place, clean, ended=ended)
        shutil.rmtree(place)
        return outcome

    outcomes = tuple(_parallel(attempt, len(faults), advance))
    return Injection(
        outcomes=outcomes, samples=samples, steps=steps, seconds=time.perf_counter() - started
    )  # fmt: skip


def _clean_run(campaign: _Campaign, folder: Path) -> tuple[Probe, tuple[str, ...], float]:
    """What the probe sees without a fault; clocks and seconds that a run with one is given."""
    started = time.perf_counter()
    campaign.run(None, folder, None)
    seconds = time.perf_counter() - started
    found = campaign.check(folder)[0]
    if found is not None:
        raise ToolError(f"no faults injected: the Verilog made for them differs without one: {found}")
    clocks = last_cycle(folder / "records.bin")
    watchdog = min(WATCHDOG_CYCLES, max(5000, clocks))
    limits = (f"+limit={SLOWER * clocks}", f"+watchdog={watchdog}")
    return read_probe(folder / "probe.bin", campaign.chip), limits, 60 + 4 * SLOWER * seconds


def _outcome(campaign: _Campaign, fault: Fault, folder: Path, clean: Probe, *, ended: bool) -> Outcome:
    """Compare a run with the clean one, by the probe, and with the model, by the checker."""
    found, population, neuron, named = campaign.check(folder)
    seen = effect(campaign.chip, clean, read_probe(folder / "probe.bin", campaign.chip))
    if seen is None and (not ended or (found is not None and found.startswith("simulation locked up"))):
        seen = "the run never ends"
    located = named
    if fault.kind != "logic":
        fits = population in (fault.population, None)
        located = named and fits and (neuron is None or fault.neurons is None or neuron in fault.neurons)
    return Outcome(fault=fault, effect=seen, found=found, located=located)


def _sources(chip: ChipConfig, setup: Setup, target: Path, bits: int) -> list[Path]:
    """The chip with its mutants, memories that can go wrong and report, and the harness."""
    addition = (Path(__file__).parent / "verilog" / "memory_faults.sv").read_text()
    sources = []
    for source in verilog_sources(setup):
        file = target / source.name
        if source.stem == "spikewright_memory":
            head, end, tail = source.read_text().rpartition("endmodule")
            file.write_text(head + addition + end + tail)
        elif source.name != "chip.v":
            shutil.copyfile(source, file)
        sources.append(file)
    top = target / "harness.sv"
    top.write_text(harness(chip, fault_bits=bits))
    return [*sources, top]


def _write_image(
    chip: ChipConfig, images: Mapping[str, Any], memory: str, folder: Path, base: Path
) -> None:  # fmt: skip
    """Replace one memory image of a run's folder."""
    from spikewright.compiler.images import image_texts

    (folder / "memory").unlink()
    (folder / "memory").mkdir()
    for entry in (base / "memory").iterdir():
        if entry.name != f"{memory}.hex":
            (folder / "memory" / entry.name).symlink_to(entry)
    (folder / "memory" / f"{memory}.hex").write_text(image_texts(chip, dict(images))[memory])


def _parallel(
    attempt: Callable[[int], Outcome], count: int, advance: Callable[[], None]
) -> Iterator[Outcome]:  # fmt: skip
    """Outcomes in order, so many at once as there are processors."""
    with ThreadPoolExecutor(max_workers=os.cpu_count() or 1) as pool:
        for outcome in pool.map(attempt, range(count)):
            advance()
            yield outcome
