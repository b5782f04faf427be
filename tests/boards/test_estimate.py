"""Rows of an estimate, and which work is done again."""

import json
import re
import warnings
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from spikewright.boards.activity import Activity, CoreActivity
from spikewright.boards.devices import Device
from spikewright.boards.energy import inference_energy
from spikewright.boards.estimate import estimate, work_units
from spikewright.boards.place import Placement, place
from spikewright.boards.synth import Synthesis, synthesise
from spikewright.boards.technology_file import load_technology
from spikewright.config import ChipConfig, CoreConfig, DenseRows, InputConfig, PortConfig
from spikewright.errors import ConfigError, ToolError
from spikewright.neuron import NeuronConfig

CORE = CoreConfig(
    name="core", neuron=NeuronConfig(), neurons=4, lanes=2, weight_bits=4, accumulator_bits=16,
    ports=(PortConfig(source="in", addresses=8),), rows=DenseRows(), placement=(0, 1, 2, 3))
CHIP = ChipConfig(name="chip", inputs=(InputConfig(name="in", shape=(8,)),), cores=(CORE,), outputs=("core",))
COUNTS: dict[str, Any] = dict.fromkeys(CoreActivity.__dataclass_fields__, 40)
COUNTS |= {"row_words": 0, "parameter_words": 0, "ring_reads": (), "ring_writes": ()}
ACTIVITY = Activity(samples=4, steps=2, cores={"core": CoreActivity(**COUNTS)}, cycles=1000)
CLOCKED = """
version: 1
name: clocked
supply: {volts: 1.0, source: mine}
clock: {mhz: 50, source: my data sheet}
adders: [{bits: 8, energy_pj: 1.0, source: mine}]
memories: [{bytes: 8, word_bits: 8, energy_pj: 1.0, source: mine}]
"""

Runs = list[tuple[str] | tuple[str, int]]


@pytest.fixture
def runs(monkeypatch: pytest.MonkeyPatch) -> Runs:
    """What tools were run for: (technology,) a synthesis, (technology, seed) a placement."""
    done: Runs = []
    def synthesise_and_tell(rtl: Path, device: Any, *arguments: Any, **options: Any) -> Any:
        done.append((device.technology,))
        return synthesise(rtl, device, *arguments, **options)

    def place_and_tell(netlist: Path, device: Any, **options: Any) -> Any:
        done.append((device.technology, options["seed"]))
        return place(netlist, device, **options)

    monkeypatch.setattr("spikewright.boards.measure.synthesise", synthesise_and_tell)
    monkeypatch.setattr("spikewright.boards.measure.place", place_and_tell)
    return done


def test_rows(counter: Path, tmp_path: Path, runs: Runs) -> None:
    told: list[float] = []

    def tell(amount: float = 1, note: str | None = None) -> None:
        assert note
        told.append(amount)

    seeds = (1, 2)
    targets = estimate(CHIP, counter, tmp_path / "work", technologies=("ecp5", "45nm", "ice40", "ecp5"),
                       activity=ACTIVITY, seeds=seeds, progress=tell)
    assert [target.technology for target in targets] == ["ecp5", "45nm", "ice40"]
    assert sorted(runs) == [("ecp5",), ("ecp5", 1), ("ecp5", 2), ("ice40",), ("ice40", 1), ("ice40", 2)]
    assert sum(told) == work_units(("ecp5", "45nm", "ice40", "ecp5"), seeds) == 7
    ecp5, energies, ice40 = targets
    assert (ecp5.luts, ecp5.carries, ecp5.ffs, ecp5.brams, ecp5.dsps) == (1, 4, 8, 0, 0)
    assert (ice40.luts, ice40.carries, ice40.ffs) == (8, 6, 8)
    for fpga in (ecp5, ice40):
        assert fpga.logic_cells is not None
        assert fpga.fmax_mhz is not None
        assert len(fpga.seed_fmax_mhz) == 2
        assert fpga.fmax_mhz == min(mhz for mhz in fpga.seed_fmax_mhz if mhz is not None)
        assert fpga.cycles_per_inference == 250
        assert fpga.latency_us == pytest.approx(250 / fpga.fmax_mhz)
    assert (ecp5.energy_per_inference_nj, ecp5.energy_per_sop_pj, ecp5.power_mw) == (None, None, None)
    assert ice40.energy_per_inference_nj is not None
    expected = inference_energy(CHIP, ACTIVITY, load_technology("45nm"))
    assert energies.energy_per_inference_nj == expected.energy_per_inference_nj
    assert energies.energy_per_sop_pj == expected.energy_per_sop_pj
    assert (energies.luts, energies.fmax_mhz, energies.latency_us, energies.power_mw) == (None,) * 4


def test_every_figure_has_a_source(counter: Path, tmp_path: Path) -> None:
    ecp5, energies = estimate(CHIP, counter, tmp_path / "work", activity=ACTIVITY, seeds=(1,))
    assert [source.split(":")[0] for source in ecp5.sources] == [
        "luts, carries, ffs, brams, dsps", "logic_cells, fmax_mhz", "cycles_per_inference", "latency_us",
        "energy, power"]
    assert ecp5.sources[0].startswith("luts, carries, ffs, brams, dsps: measured, Yosys 0.")
    assert re.search(r"measured, nextpnr-ecp5 0\.\S+, LFE5U-85F CABGA381, --out-of-context; fmax_mhz"
                     r" the lowest of seeds 1: \d+\.\d MHz$", ecp5.sources[1])
    assert ecp5.sources[2] == "cycles_per_inference: counted in simulation, mean of 4 samples"
    assert any("Horowitz" in source for source in energies.sources)
    fields = json.loads(json.dumps(ecp5.to_json()))
    assert set(fields) >= {
        "technology", "luts", "carries", "logic_cells", "ffs", "brams", "dsps", "area_um2", "fmax_mhz",
        "cycles_per_inference", "latency_us", "energy_per_inference_nj", "energy_per_sop_pj", "power_mw",
        "sources"}
    assert fields["area_um2"] is None


def test_a_technology_with_a_clock(counter: Path, tmp_path: Path) -> None:
    path = tmp_path / "clocked.yaml"
    path.write_text(CLOCKED)
    (target,) = estimate(CHIP, counter, tmp_path / "work", technologies=(str(path),), activity=ACTIVITY)
    assert target.latency_us == pytest.approx(250 / 50)
    assert target.energy_per_inference_nj is not None
    assert target.power_mw == pytest.approx(target.energy_per_inference_nj / 5)
    assert "latency_us: at 50 MHz, my data sheet" in target.sources
    (idle,) = estimate(CHIP, counter, tmp_path / "work", technologies=(str(path),))
    assert (idle.cycles_per_inference, idle.latency_us) == (None, None)
    assert (idle.energy_per_inference_nj, idle.power_mw) == (None, None)
    assert idle.sources == ("cycles, energy: none without activity",)
    (timeless,) = estimate(CHIP, counter, tmp_path / "work", technologies=(str(path),),
                           activity=replace(ACTIVITY, cycles=None))
    assert (timeless.latency_us, timeless.power_mw) == (None, None)
    assert timeless.energy_per_inference_nj == target.energy_per_inference_nj


def estimate_rom(rom: Path, work: Path, **options: Any) -> Any:
    (target,) = estimate(CHIP, rom, work, technologies=("ice40",), **{"seeds": (1,)} | options)
    return target


@pytest.fixture
def stubs(monkeypatch: pytest.MonkeyPatch) -> Runs:
    """The same in place of the tools."""
    done: Runs = []

    def pretend_to_synthesise(_: Path, device: Device, folder: Path, **__: Any) -> Synthesis:
        done.append((device.technology,))
        folder.mkdir(parents=True, exist_ok=True)
        return Synthesis(device=device, netlist=folder / "netlist.json", cells={}, luts=8, carries=6, ffs=8,
                         brams=0, dsps=0, lutram_cells=0)

    def pretend_to_place(_: Path, device: Device, *, seed: int, **__: Any) -> Placement:
        done.append((device.technology, seed))
        used = {"ICESTORM_LC": 9}
        return Placement(device=device, seed=seed, fmax_mhz=40.0 + seed, used=used, available={})

    monkeypatch.setattr("spikewright.boards.measure.synthesise", pretend_to_synthesise)
    monkeypatch.setattr("spikewright.boards.measure.place", pretend_to_place)
    return done


def test_the_same_design_is_not_run_again(rom: Path, tmp_path: Path, stubs: Runs) -> None:
    work = tmp_path / "work"
    first = estimate_rom(rom, work)
    assert (first.luts, first.logic_cells, first.fmax_mhz) == (8, 9, 41.0)
    assert stubs == [("ice40",), ("ice40", 1)]
    assert estimate_rom(rom, work) == first
    with_energy = estimate_rom(rom, work, activity=ACTIVITY)
    assert with_energy.cycles_per_inference == 250, "activity costs no tool"
    assert len(stubs) == 2
    # Other contents of a memory, other Verilog, other seeds: run again, and what was before is known no more.
    contents = rom.parent / "memory" / "rom.hex"
    contents.write_text(contents.read_text().replace("00000", "00001", 1))
    estimate_rom(rom, work)
    assert len(stubs) == 4
    (rom / "part_0.v").write_text((rom / "part_0.v").read_text() + "// changed\n")
    estimate_rom(rom, work)
    assert len(stubs) == 6
    estimate_rom(rom, work, seeds=(2,))
    assert stubs[6:] == [("ice40",), ("ice40", 2)]


@pytest.mark.parametrize("damage", ["", "{", "[]", "{}\n{}", "\x00\x01", "cut", "changed"])
def test_damaged_results_are_ignored(counter: Path, tmp_path: Path, stubs: Runs, damage: str) -> None:
    work = tmp_path / "work"
    first = estimate_rom(counter, work)
    kept = work / "ice40" / "results.json"
    text = kept.read_text()
    assert '"luts": 8' in text
    damaged = {"cut": text[:-40], "changed": text.replace('"luts": 8', '"luts": 7')}
    kept.write_text(damaged.get(damage, damage))
    for _ in range(2):
        assert estimate_rom(counter, work) == first
        assert len(stubs) == 4


def test_a_design_that_does_not_fit_is_a_row(verilog: Any, tmp_path: Path, runs: Runs) -> None:
    rtl = verilog("""
        module chip(input clk, input write, input [12:0] address, input [15:0] given, output reg [15:0] word);
            reg [15:0] words [0:8191];
            always @(posedge clk) begin word <= words[address]; if (write) words[address] <= given; end
        endmodule""")
    for _ in range(2):
        target = estimate_rom(rtl, tmp_path / "work", activity=ACTIVITY)
        assert target.reason == "iCE40UP5K has 30 block RAMs, the design needs 32"
        assert target.brams == 32
        assert (target.logic_cells, target.fmax_mhz, target.latency_us) == (None, None, None)
        assert target.cycles_per_inference == 250
        assert not any("nextpnr" in source for source in target.sources)
    assert runs == [("ice40",)], "neither placed, nor synthesised twice"


def test_errors_come_before_work(counter: Path, tmp_path: Path, runs: Runs) -> None:
    known = "ecp5, ecp5-45k, ecp5-25k, ice40, ice40-hx8k, 130nm, 45nm"
    expected = (f"technology must be one of {known}, a YAML file or a Liberty file (.lib, .lib.gz),"
                " not 'ecp6'")
    with pytest.raises(ConfigError, match=f"^{re.escape(expected)}$"):
        estimate(CHIP, counter, tmp_path / "work", technologies=("ecp5", "ecp6"))
    with pytest.raises(ConfigError, match=r"^seeds must be one or more, not none$"):
        estimate(CHIP, counter, tmp_path / "work", seeds=())
    other = replace(ACTIVITY, cores={"b": CoreActivity(**COUNTS)})
    with pytest.raises(ConfigError, match=r"^activity is of cores b, the chip has core; co-simulate again$"):
        estimate(CHIP, counter, tmp_path / "work", activity=other)
    assert runs == []
    assert not (tmp_path / "work").exists()


def test_a_tool_that_stops(verilog: Any, tmp_path: Path) -> None:
    rtl = verilog("module chip(input a; endmodule\n")
    with pytest.raises(ToolError, match=r"^yosys: \S+part_0\.v:1: syntax error, unexpected ';'"):
        estimate(CHIP, rtl, tmp_path / "work", technologies=("ecp5", "ice40"))
    assert not list((tmp_path / "work").rglob("results.json"))


def test_a_compiled_chip(tmp_path: Path) -> None:
    """From a network to figures: the chip's own Verilog, with the contents of its memories."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        from spikewright.rtl.verilog import write_chip
    from spikewright.compiler.mapping import map_network
    from spikewright.network import Edge, InputPort, IntegerNetwork, Population

    rng = np.random.default_rng(1)
    net = IntegerNetwork(
        name="net", weight_bits=4, inputs=(InputPort(name="in", shape=(128,)),),
        populations=(Population(name="out", size=16, neuron=NeuronConfig(state_bits=8)),),
        edges=(Edge(source="in", target="out", weights=rng.integers(-8, 8, (16, 128))),), outputs=("out",))
    mapped = map_network(net, lanes=4, rows="dense")
    write_chip(mapped.chip, tmp_path / "rtl")
    (tmp_path / "memory").mkdir()
    image = mapped.images["out.weights"]
    (tmp_path / "memory" / "out.weights.hex").write_text("".join(f"{int(word):x}\n" for word in image))
    (target,) = estimate(mapped.chip, tmp_path / "rtl", tmp_path / "work", technologies=("ecp5",), seeds=(1,))
    assert target.reason is None
    assert target.brams == 1  # 512 words of 16 bits
    assert target.fmax_mhz is not None
    assert 30 < target.fmax_mhz < 400
    assert target.luts is not None
    assert 100 < target.luts < 1500
    netlist = json.loads((tmp_path / "work" / "ecp5" / "netlist.json").read_text())
    (ram,) = [cell for cell in netlist["modules"]["chip"]["cells"].values() if cell["type"] == "DP16KD"]
    ones = sum(ram["parameters"][f"INITVAL_{line:02X}"].count("1") for line in range(64))
    assert ones == sum(int(word).bit_count() for word in image) > 1000
