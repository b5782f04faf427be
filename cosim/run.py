"""Co-simulation of a build: the Verilog as it stands, against PyTorch's integer mode."""

import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from spikewright.config import ChipConfig
from spikewright.cosim.compare import Comparison, compare
from spikewright.cosim.harness import harness
from spikewright.cosim.records import Hardware, read_records
from spikewright.cosim.simulators import Simulator, build
from spikewright.cosim.stimulus import bus_writes, input_words
from spikewright.errors import ConfigError
from spikewright.models.integer import IntegerModel
from spikewright.models.trace import Trace
from spikewright.network import IntegerNetwork

__all__ = ["CosimResult", "cosimulate"]

LINK = "spikewright_link"
QUICK_STEPS = 200
"""Runs of fewer steps than this are not worth an optimised simulator."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class CosimResult:
    """What a co-simulation found.

    ``comparison`` says what was compared and what differs; ``hardware`` and ``model`` hold everything
    that either did. ``build_seconds`` is the time to build the simulator, ``run_seconds`` that to run it.
    """

    comparison: Comparison
    hardware: Hardware
    model: Trace
    samples: int
    steps: int
    simulator: str
    build_seconds: float
    run_seconds: float

    @property
    def steps_per_second(self) -> float:
        """Time steps simulated a second, start-up of the simulator included, its build not."""
        return self.samples * self.steps / self.run_seconds


def cosimulate(
    chip: ChipConfig,
    network: IntegerNetwork,
    x: Any,
    *,
    rtl: Path,
    memory: Path,
    work: Path,
    images: Mapping[str, Any] | None = None,
    simulator: Simulator = "verilator",
    stall: float = 0.0,
    seed: int = 0,
    waves: bool = False,
) -> CosimResult:
    """Run a chip's Verilog on ``x`` and compare it with the integer model.

    Parameters
    ----------
    x
        Events ``(samples, steps, *shape)``, or a mapping by name of the input.
    rtl, memory
        Folders of the Verilog and of the memory images of a build.
    work
        Folder for simulators and runs; simulators of the same Verilog are used again.
    images
        Contents by name of memory; needed for contents ``bus``.
    stall
        Probability of a gap, in every cycle, on every stream: 0 to below 1.

    Raises
    ------
    ConfigError
        If the input does not fit, nothing would be compared, or ``stall`` is out of range.
    ToolError
        If the simulator is missing, fails, or the chip locks up.
    """
    if not 0 <= stall <= 0.95:
        raise ConfigError(f"stall must be 0..0.95, not {stall}")
    arrays = {chip.inputs[0].name: x} if not isinstance(x, Mapping) else dict(x)
    model = IntegerModel(network).run(x)
    flat = {name: _flat(array) for name, array in arrays.items()}
    samples, steps = next(iter(flat.values())).shape[:2]
    if not samples * steps:
        raise ConfigError(f"co-simulation must compare something, not {samples} samples of {steps} steps")
    run = work / "run"
    shutil.rmtree(run, ignore_errors=True)
    run.mkdir(parents=True)
    shutil.copytree(memory, run / "memory")
    for index, port in enumerate(chip.inputs):
        input_words(port, flat[port.name]).astype(">u8").tofile(run / f"input_{index}.bin")
    if chip.contents == "bus":
        assert images is not None, "a chip with a bus needs its images"
        bus_writes(chip, images).astype(">u8").tofile(run / "load.bin")
    sources = _sources(chip, rtl, work, stalled=stall > 0)
    built = build(simulator, sources, work, waves=waves, quick=samples * steps < QUICK_STEPS)
    plusargs = [f"+samples={samples}", f"+seed={seed}", f"+stall={round(stall * 256)}"]
    if (
        simulator == "verilator"
    ):  # memories and registers start with random contents: nothing may rely on them
        plusargs += ["+verilator+rand+reset+2", f"+verilator+seed+{seed % (1 << 31) or 1}"]
    seconds = built.run(run, plusargs=plusargs, waves=waves)
    hardware = read_records(run / "records.bin", chip, samples=samples, steps=steps)
    if chip.contents == "bus":
        _check_contents(hardware, run / "load.bin")
    return CosimResult(
        comparison=compare(chip, hardware, model),
        hardware=hardware,
        model=model,
        samples=samples,
        steps=steps,
        simulator=simulator,
        build_seconds=built.build_seconds,
        run_seconds=seconds,
    )


def _flat(array: Any) -> npt.NDArray[Any]:
    values = np.asarray(array)
    return values.reshape(*values.shape[:2], -1)


def _sources(chip: ChipConfig, rtl: Path, work: Path, *, stalled: bool) -> list[Path]:
    """The build's own Verilog, but for the links where streams are to have gaps, and the harness."""
    work.mkdir(parents=True, exist_ok=True)
    sources = sorted(rtl.glob("*.v"))
    if not sources:
        raise ConfigError(f"{rtl}: there is no Verilog")
    if stalled:
        sources = [source for source in sources if source.stem != LINK]
        sources.append(Path(__file__).parent / "verilog" / f"{LINK}.sv")
    top = work / "harness.sv"
    top.write_text(harness(chip))
    return [*sources, top]


def _check_contents(hardware: Hardware, load: Path) -> None:
    """What was read back over the bus must be what was loaded; a difference is a fault."""
    loaded = np.fromfile(load, dtype=">u8").astype(np.int64) & 0xFFFFFFFF
    if not np.array_equal(loaded, hardware.contents):
        wrong = (
            int((loaded != hardware.contents).sum()) if len(loaded) == len(hardware.contents) else len(loaded)
        )
        hardware.faults.append(f"configuration bus: {wrong} of {len(loaded)} transfers read back differ")
