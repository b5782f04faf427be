"""A network made into the files that co-simulation runs on."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from spikewright.compiler.images import write_images
from spikewright.compiler.mapping import Mapped, map_network
from spikewright.cosim.compare import Comparison, compare
from spikewright.cosim.harness import harness
from spikewright.cosim.records import read_records
from spikewright.cosim.run import (
    RUN,
    CosimResult,
    Setup,
    check_contents,
    cosimulate,
    flat_inputs,
    prepare,
    run_plusargs,
    verilog_sources,
)
from spikewright.cosim.simulators import Simulator
from spikewright.cosim.standalone import build_program
from spikewright.cosim.stepped import run_stepped
from spikewright.models.integer import IntegerModel
from spikewright.network import IntegerNetwork
from spikewright.rtl.verilog import write_chip

__all__ = ["Files", "write_files", "write_mapped"]

SECONDS = 300
"""What no simulation of so small a network takes."""


@dataclass(frozen=True, kw_only=True)
class Files:
    """A mapped network and the folder that holds its Verilog and memory images."""

    network: IntegerNetwork
    mapped: Mapped
    folder: Path

    def cosimulate(self, x: Any, **options: Any) -> CosimResult:
        """Co-simulate; see :func:`spikewright.cosim.run.cosimulate`."""
        return cosimulate(
            self.mapped.chip,
            self.network,
            x,
            rtl=self.folder / "rtl",
            memory=self.folder / "memory",
            work=self.folder / "cosim",
            images=self.mapped.images,
            **options,
        )

    def simulate(self, x: Mapping[str, Any], *, simulator: Simulator, stall: float, seed: int) -> Comparison:
        """The same without cocotb, as a program of its own that starts at once; a sample is stepped through.

        For many small networks, of which each is run once.
        """
        setup = Setup(
            rtl=self.folder / "rtl",
            memory=self.folder / "memory",
            work=self.folder / "cosim",
            images=self.mapped.images,
            simulator=simulator,
            stall=stall,
            seed=seed,
        )
        chip, run = self.mapped.chip, setup.work / RUN
        samples, steps = next(iter(x.values())).shape[:2]
        prepare(chip, flat_inputs(x), run, setup, stepped=1)
        (setup.work / "harness.sv").write_text(harness(chip))
        program = build_program(simulator, [*verilog_sources(setup), setup.work / "harness.sv"], setup.work)
        ended = program.run(run, run_plusargs(setup, samples=samples, stepped=1), timeout=SECONDS)
        assert ended, (run / "simulation.log").read_text()
        hardware = read_records(run / "records.bin", chip, samples=samples, steps=steps, stepped=1)
        if chip.contents == "bus":
            check_contents(hardware, run / "load.bin")
        first = {name: array[:1] for name, array in x.items()}
        model = IntegerModel(self.network).run(x)
        return compare(chip, hardware, model, run_stepped(self.network, first))


def write_files(network: IntegerNetwork, folder: Path, mapping: Mapping[str, Any] | None = None) -> Files:
    """Map a network and write what co-simulation needs."""
    return write_mapped(network, map_network(network, **(mapping or {})), folder)


def write_mapped(network: IntegerNetwork, mapped: Mapped, folder: Path) -> Files:
    """Write what co-simulation needs of a mapped network."""
    write_chip(mapped.chip, folder / "rtl")
    write_images(mapped.chip, mapped.images, folder / "memory")
    return Files(network=network, mapped=mapped, folder=folder)
