"""Whole chips as gates: mapped, in lockstep with their RTL, and estimated from the command line."""

import gzip
import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from spikewright.boards.asic import Asic, AsicTarget, GateSimulation, asic_target, measure_asic
from spikewright.boards.asic_memory import macro_for_simulation, memory_for_synthesis
from spikewright.boards.counting import count_operations
from spikewright.boards.estimate import library_target
from spikewright.boards.mapping import GATES
from spikewright.boards.sram import macro_model
from spikewright.cli import main
from spikewright.compiler.images import write_images
from spikewright.compiler.mapping import Mapped, map_network
from spikewright.cosim.gates import run_gates
from spikewright.cosim.stimulus import bernoulli
from spikewright.errors import ConfigError, ToolError
from spikewright.models.integer import IntegerModel
from spikewright.network import Edge, InputPort, IntegerNetwork, Population
from spikewright.neuron import Decay, NeuronConfig
from spikewright.rtl.verilog import write_chip
from tests.boards.libraries import REAL, TINY, real_library

STEPS = 6


def small_network() -> IntegerNetwork:
    """20 inputs, 6 neurons: the weights, 60 words of 12 bits, are a macro; the states are flip-flops."""
    rng = np.random.default_rng(3)
    decay = Decay(kind="shift", shift=2)
    neuron = NeuronConfig(state_bits=10, decay=decay, compare=(40,), reset_amount=(40,))
    return IntegerNetwork(
        name="small", inputs=(InputPort(name="in", shape=(20,)),),
        populations=(Population(name="out", size=6, neuron=neuron),),
        edges=(Edge(source="in", target="out", weights=rng.integers(-31, 32, (6, 20))),),
        outputs=("out",), weight_bits=6)


@dataclass(frozen=True)
class Chip:
    folder: Path
    mapped: Mapped
    x: dict[str, Any]
    target: AsicTarget

    def simulation(self) -> GateSimulation:
        """Two samples; the activity is counted from the model's spikes."""
        network = small_network()
        events = {**self.x, **IntegerModel(network).run(self.x).spikes}

        def run(gates: str, sources: list[Path], work: Path) -> Any:
            images = self.mapped.images if self.mapped.chip.contents == "bus" else None
            return run_gates(self.mapped.chip, self.x, rtl=self.folder / "rtl", memory=self.folder / "memory",
                             gates=gates, sources=sources, work=work, images=images)

        return GateSimulation(run=run, activity=count_operations(self.mapped.chip, network, events),
                              stimulus="two samples")

    def measure(self, simulation: GateSimulation | None) -> Asic:
        return measure_asic(self.target, self.folder / "rtl", self.folder / "work", top="chip",
                            run_in=self.folder, simulation=simulation)


def written(folder: Path, library: Path, **options: Any) -> Chip:
    mapped = map_network(small_network(), lanes=2, rows="dense", **options)
    write_images(mapped.chip, mapped.images, folder / "memory")
    write_chip(mapped.chip, folder / "rtl")
    x = {"in": bernoulli((20,), probability=0.3, samples=2, steps=STEPS, seed=1)}
    return Chip(folder, mapped, x, asic_target(str(library)))


@pytest.fixture(scope="module", name="chip")
def chip_fixture(tmp_path_factory: pytest.TempPathFactory) -> Chip:
    return written(tmp_path_factory.mktemp("chip"), TINY)


@pytest.fixture(scope="module", name="asic")
def asic_fixture(chip: Chip) -> Asic:
    return chip.measure(chip.simulation())


def test_area_accesses_and_energy(chip: Chip, asic: Asic) -> None:
    activity = chip.simulation().activity
    assert asic.macros == 1
    assert asic.ffs > 2 * 3 * 10, "at least the states"
    assert asic.gates > asic.ffs
    weights = {"depth": 60, "width": 12, "ports": 1}
    model = macro_model(chip.target.memories)
    assert asic.memory_area_um2 == pytest.approx(model.figure("area_um2", **weights))
    assert asic.accesses is not None
    assert asic.memory_pj is not None
    reads = activity.cores["out"].weight_words
    assert reads > 20
    assert asic.accesses == pytest.approx(reads, rel=0.01), "the macro is read as often as was counted"
    assert asic.memory_pj == pytest.approx(asic.accesses * model.figure("read_pj", **weights, volts=2.0))
    assert asic.logic is not None
    assert asic.cycles is not None
    clock = asic.logic.clock_pj / asic.cycles / asic.ffs
    # Two edges of 6 fJ in the cell, and of 2 C at 2 V: a pin of 2 fF, a wire of 1 fF a reader.
    assert clock == pytest.approx(2 * (0.006 + 2e-3 * 3), rel=0.05)
    assert 0.2 < asic.logic.clock_pj / asic.logic.total_pj < 1
    assert asic.fmax_mhz is not None
    assert 1e3 / asic.fmax_mhz > model.figure("access_ns", **weights) + 0.03, "macro, gates, setup of 30 ps"


def test_the_row(chip: Chip, asic: Asic) -> None:
    simulation = chip.simulation()
    row = library_target(chip.target, asic, simulation)
    assert row.technology == "tiny.lib"
    assert row.area_um2 == asic.logic_area_um2 + asic.memory_area_um2
    assert asic.cycles is not None
    assert row.cycles_per_inference == asic.cycles / 2
    assert row.latency_us == pytest.approx(asic.cycles / 2 / (asic.fmax_mhz or 0))
    parts = [row.memory_nj, row.compute_nj, row.leakage_nj]
    assert row.energy_per_inference_nj == pytest.approx(sum(part or 0.0 for part in parts))
    assert row.leakage_nj == pytest.approx((row.leakage_uw or 0) * (row.latency_us or 0) / 1e3)
    assert row.energy_per_sop_pj == pytest.approx(
        1e3 * 2 * (row.energy_per_inference_nj or 0) / simulation.activity.synaptic_operations)
    assert any("(2 V / 1.2 V)²" in source for source in row.sources), "how macros came to this supply"
    assert any("words the same as the RTL's" in source for source in row.sources)


def test_without_a_stimulus(chip: Chip, asic: Asic) -> None:
    still = chip.measure(None)
    assert (still.gates, still.fmax_mhz) == (asic.gates, asic.fmax_mhz)
    row = library_target(chip.target, still, None)
    assert (row.energy_per_inference_nj, row.latency_us, row.power_mw) == (None, None, None)
    assert row.sources[-1] == "cycles, energy: none without a stimulus"


@pytest.mark.usefixtures("asic")
def test_gates_that_differ_from_the_rtl_are_found(chip: Chip) -> None:
    gates, models, macros = (chip.folder / "work" / name for name in ("gates.v", "models.v", "macros.v"))
    text = gates.read_text()
    place = [found.start() for found in re.finditer(r"\bNAND2 g", text)]
    assert len(place) > 20
    broken = chip.folder / "broken.v"
    middle = place[len(place) // 2]
    broken.write_text(text[:middle] + "NOR2 g" + text[middle + len("NAND2 g"):])
    with pytest.raises(ToolError, match=r"^gates differ from the RTL in \d+ cycles, first in \d+, see "):
        run_gates(chip.mapped.chip, chip.x, rtl=chip.folder / "rtl", memory=chip.folder / "memory",
                  gates=GATES, sources=[broken, models, macros], work=chip.folder / "broken")


@pytest.mark.slow
def test_contents_over_the_bus(tmp_path: Path) -> None:
    chip = written(tmp_path, TINY, contents="bus")
    asic = chip.measure(chip.simulation())
    assert asic.accesses == pytest.approx(chip.simulation().activity.cores["out"].weight_words, rel=0.01)


@pytest.mark.slow
@pytest.mark.parametrize("name", REAL)
def test_real_libraries(name: str, tmp_path: Path) -> None:
    chip = written(tmp_path, real_library(name))
    asic = chip.measure(chip.simulation())
    assert asic.logic is not None
    assert asic.cycles is not None
    assert 0.03 < asic.logic.clock_pj / asic.cycles / asic.ffs < 0.08, "pJ a register and cycle"
    assert asic.fmax_mhz is not None
    assert 50 < asic.fmax_mhz < 400


def test_from_the_command_line(build: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["estimate", str(build), "--technology", f"{TINY},130nm", "--bernoulli", "0.3",
                 "--steps", "4", "--samples", "3", "--json"]
    assert main(arguments) == 0
    row, modelled = json.loads(capsys.readouterr().out)["targets"]
    assert row["technology"] == "tiny.lib"
    assert row["gates"] > row["ffs"] > 0
    assert row["energy_per_inference_nj"] > 0
    assert any("the first 2 samples of the stimulus" in source for source in row["sources"])
    low, high = modelled["energy_low_nj"], modelled["energy_high_nj"]
    assert 0 < low < modelled["energy_per_inference_nj"] < high


def refused(capsys: pytest.CaptureFixture[str], *arguments: object) -> str:
    assert main([str(argument) for argument in arguments]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    line, = err.splitlines()
    return line


def test_refusals_from_the_command_line(build: Path, tmp_path: Path,
                                        capsys: pytest.CaptureFixture[str]) -> None:
    cut = tmp_path / "cut.lib.gz"
    cut.write_bytes(gzip.compress(TINY.read_bytes())[:-30])
    assert refused(capsys, "estimate", build, "--technology", cut).startswith(
        f"spikewright: {cut}: must be a whole gzip file: ")
    garbage = tmp_path / "garbage.lib"
    garbage.write_bytes(bytes(range(256)))
    assert re.match(r"^spikewright: garbage\.lib: line \d+: ", refused(
        capsys, "estimate", build, "--technology", garbage))
    assert refused(capsys, "estimate", build, "--technology", f"{TINY}@45nm") == (
        "spikewright: technology 45nm: must have srams to stand beside a Liberty library")
    assert not (build / "estimate").exists()


def test_memories_with_any_header() -> None:
    own = """// module spikewright_memory in a comment
module spikewright_memory #(
    parameter WIDTH = 8, parameter DEPTH = 4, parameter integer MORE = 3  // (one more)
) (input wire clk, input [WIDTH-1:0] given, output reg [WIDTH-1:0] word);
    always @(posedge clk) word <= given;
endmodule
"""
    synthesised, simulated = memory_for_synthesis(own, 256), macro_for_simulation(own)
    passed = "#(.WIDTH(WIDTH), .DEPTH(DEPTH), .MORE(MORE)) {} (.clk(clk), .given(given), .word(word));"
    assert f"spikewright_sram {passed.format('sram')}" in synthesised
    assert f"spikewright_flops {passed.format('flops')}" in synthesised
    assert f"spikewright_memory {passed.format('ram')}" in simulated
    assert "output wire [WIDTH-1:0] word" in synthesised
    with pytest.raises(ConfigError, match=r"^Verilog: module spikewright_memory is missing$"):
        memory_for_synthesis("module other; endmodule", 256)
