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
from spikewright.cosim.names import encoded_inputs
from spikewright.cosim.records import Hardware, read_records
from spikewright.cosim.simulators import Simulator, build
from spikewright.cosim.states import state_words
from spikewright.cosim.stepped import SteppedTrace, run_stepped
from spikewright.cosim.stimulus import bus_writes, input_words, sound_words
from spikewright.cosim.streams import Breach
from spikewright.errors import ConfigError
from spikewright.models.encoders import Sound, encoded_events
from spikewright.models.integer import IntegerModel
from spikewright.models.trace import Trace
from spikewright.network import IntegerNetwork

__all__ = [
    "RUN",
    "CosimResult",
    "Setup",
    "check_contents",
    "cosimulate",
    "flat_inputs",
    "given_sound",
    "prepare",
    "run_plusargs",
    "verilog_sources",
]

LINK = "spikewright_link"
RUN = "run"
"""Folder of the last run, in the folder for work."""
QUICK_STEPS = 200
"""Runs of fewer steps than this are not worth an optimised simulator, unless sound is encoded."""
STEPPED_SAMPLES = 2
"""Samples that are run once more, stepped through, unless it is said how many."""
STEPPED_WORDS = 1 << 19
"""No more than about so many words of states are read for them then."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Setup:
    """What is simulated, with what, and where; see :func:`cosimulate`."""

    rtl: Path
    memory: Path
    work: Path
    images: Mapping[str, Any] | None = None
    simulator: Simulator = "verilator"
    stall: float = 0.0
    seed: int = 0

    def __post_init__(self) -> None:
        if not 0 <= self.stall <= 0.95:
            raise ConfigError(f"stall must be 0..0.95, not {self.stall}")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class CosimResult:
    """What a co-simulation found.

    ``comparison`` says what was compared and what differs; ``hardware``, ``model`` and ``stepped_model``
    hold everything that either did. ``stepped`` samples were run once more and stepped through.
    ``build_seconds`` is the time to build the simulator, ``run_seconds`` that to run it.
    """

    comparison: Comparison
    hardware: Hardware
    model: Trace
    stepped_model: SteppedTrace | None
    samples: int
    steps: int
    stepped: int
    simulator: Simulator
    build_seconds: float
    run_seconds: float

    @property
    def steps_per_second(self) -> float:
        """Time steps simulated a second, start-up of the simulator included, its build not."""
        return (self.samples + self.stepped) * self.steps / self.run_seconds


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
    stepped: int | None = None,
) -> CosimResult:
    """Run a chip's Verilog on ``x`` and compare it with the integer model.

    Parameters
    ----------
    x
        Events ``(samples, steps, *shape)``, or a mapping by name of the input; of one that an encoder stands
        behind, a :class:`~spikewright.models.encoders.Sound`.
    rtl, memory
        Folders of the Verilog and of the memory images of a build.
    work
        Folder for simulators and runs; simulators of the same Verilog are used again.
    images
        Contents by name of memory; needed for contents ``bus``.
    stall
        Probability of a gap, in every cycle, on every stream: 0 to below 1.
    stepped
        So many of the first samples are run once more and stepped through: every state is compared after
        every step. By default a few.

    Raises
    ------
    ConfigError
        If the input does not fit, nothing would be compared, or ``stall`` is out of range.
    ToolError
        If the simulator is missing, fails, or the chip locks up.
    """
    setup = Setup(
        rtl=rtl, memory=memory, work=work, images=images, simulator=simulator, stall=stall, seed=seed
    )
    given = {chip.inputs[0].name: x} if not isinstance(x, Mapping) else dict(x)
    arrays = encoded_events(chip, given)
    model = IntegerModel(network).run(arrays)
    flat = flat_inputs(arrays)
    samples, steps = next(iter(flat.values())).shape[:2]
    if not samples * steps:
        raise ConfigError(f"co-simulation must compare something, not {samples} samples of {steps} steps")
    encoded = {port.name: flat[port.name] for port in encoded_inputs(chip)}
    if encoded and stepped:
        raise ConfigError(f"stepped: must be 0 where an encoder makes the steps, not {stepped}")
    if encoded:
        stepped = 0
    if stepped is None:
        stepped = min(STEPPED_SAMPLES, STEPPED_WORDS // (steps * state_words(chip)))
    stepped = min(stepped, samples)
    first = {name: array[:stepped] for name, array in arrays.items()}
    stepped_model = run_stepped(network, first) if stepped else None
    run = setup.work / RUN
    prepare(chip, {**flat, **given_sound(given)}, run, setup, stepped=stepped)
    (setup.work / "harness.sv").write_text(harness(chip))
    sources = [*verilog_sources(setup), setup.work / "harness.sv"]
    quick = not encoded and (samples + stepped) * steps < QUICK_STEPS
    built = build(setup.simulator, sources, setup.work, quick=quick)
    plusargs = run_plusargs(setup, samples=samples, stepped=stepped, steps=steps)
    seconds = built.run(run, plusargs=plusargs)
    hardware = read_records(run / "records.bin", chip, samples=samples, steps=steps, stepped=stepped)
    if chip.contents == "bus":
        check_contents(hardware, run / "load.bin")
    return CosimResult(
        comparison=compare(chip, hardware, model, stepped_model, encoded),
        hardware=hardware,
        model=model,
        stepped_model=stepped_model,
        samples=samples,
        steps=steps,
        stepped=stepped,
        simulator=setup.simulator,
        build_seconds=built.build_seconds,
        run_seconds=seconds,
    )


def given_sound(given: Mapping[str, Any]) -> dict[str, Sound]:
    """The sound among inputs."""
    return {name: value for name, value in given.items() if isinstance(value, Sound)}


def flat_inputs(arrays: Mapping[str, Any]) -> dict[str, npt.NDArray[Any]]:
    """Events ``(samples, steps, size)`` by name of the input."""
    values = {name: np.asarray(array) for name, array in arrays.items()}
    return {name: array.reshape(*array.shape[:2], -1) for name, array in values.items()}


def prepare(
    chip: ChipConfig,
    flat: Mapping[str, npt.NDArray[Any] | Sound],
    run: Path,
    setup: Setup,
    *,
    stepped: int,
) -> None:
    """Make a fresh folder of a run: memory images, words of the inputs, what the bus loads."""
    shutil.rmtree(run, ignore_errors=True)
    run.mkdir(parents=True)
    shutil.copytree(setup.memory, run / "memory")
    for index, port in enumerate(chip.inputs):
        x = flat[port.name]
        words = sound_words(port, x) if isinstance(x, Sound) else \
            input_words(port, np.concatenate([x, x[:stepped]]))
        words.astype(">u8").tofile(run / f"input_{index}.bin")
    if chip.contents == "bus":
        assert setup.images is not None, "a chip with a bus needs its images"
        bus_writes(chip, setup.images).astype(">u8").tofile(run / "load.bin")


def run_plusargs(setup: Setup, *, samples: int, stepped: int, steps: int = 0) -> list[str]:
    """Arguments of a simulation; ``steps`` of a sample must be said where an encoder makes them."""
    seed = setup.seed
    plusargs = [f"+samples={samples + stepped}", f"+free={samples}", f"+seed={seed}", f"+steps={steps}"]
    plusargs.append(f"+stall={round(setup.stall * 256)}")
    if setup.simulator == "verilator":
        # Memories and registers start with random contents: nothing may rely on them.
        plusargs += ["+verilator+rand+reset+2", f"+verilator+seed+{seed % (1 << 31) or 1}"]
    return plusargs


def verilog_sources(setup: Setup) -> list[Path]:
    """The build's own Verilog, but for the links where streams are to have gaps."""
    sources = sorted(setup.rtl.glob("*.v"))
    if not sources:
        raise ConfigError(f"{setup.rtl}: there is no Verilog")
    if setup.stall > 0:
        sources = [source for source in sources if source.stem != LINK]
        sources.append(Path(__file__).parent / "verilog" / f"{LINK}.sv")
    return sources


def check_contents(hardware: Hardware, load: Path) -> None:
    """What was read back over the bus must be what was loaded; a difference is a fault."""
    loaded = np.fromfile(load, dtype=">u8").astype(np.int64) & 0xFFFFFFFF
    if not np.array_equal(loaded, hardware.contents):
        wrong = (
            int((loaded != hardware.contents).sum()) if len(loaded) == len(hardware.contents) else len(loaded)
        )
        what = f"configuration bus: {wrong} of {len(loaded)} transfers read back differ"
        hardware.faults.append(Breach(what=what))
