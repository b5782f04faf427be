"""Verilog of whole chips is accepted, without a warning, by the three tools that read it."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from spikewright.boards.devices import DEVICES
from spikewright.boards.synth import synthesise
from spikewright.compiler.images import write_images
from spikewright.compiler.mapping import map_network
from spikewright.cosim.simulators import find_verilator
from spikewright.rtl import verilog
from tests.networks import random_case

WAIVERS = Path(verilog.__file__).parent / "verilog" / "lint.vlt"
SEEDS = (0, 2, 7, 27)  # bus and baked, hold, values, dense and compressed, read-outs


@pytest.fixture(params=SEEDS)
def folder(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    case = random_case(request.param)
    mapped = map_network(case.network, **case.mapping)
    verilog.write_chip(mapped.chip, tmp_path / "rtl")
    write_images(mapped.chip, mapped.images, tmp_path / "memory")
    return tmp_path


def sources(folder: Path) -> list[str]:
    return [str(path) for path in sorted((folder / "rtl").glob("*.v"))]


def run_verilator(folder: Path, *extra: str) -> subprocess.CompletedProcess[str]:
    root = find_verilator()
    command = ["perl", str(root / "bin" / "verilator"), "--lint-only", "-Wall", "--top-module", "chip"]
    return subprocess.run(
        [*command, *extra, *sources(folder)],
        env={**os.environ, "VERILATOR_ROOT": str(root)}, capture_output=True, text=True, check=False,
    )  # fmt: skip


def test_verilator(folder: Path) -> None:
    result = run_verilator(folder, str(WAIVERS))
    assert (result.returncode, result.stderr) == (0, "")


def test_the_waivers_are_needed(folder: Path) -> None:
    assert "%Warning-" in run_verilator(folder).stderr


@pytest.mark.skipif(shutil.which("iverilog") is None, reason="iverilog is not installed")
def test_icarus(folder: Path) -> None:
    command = ["iverilog", "-g2012", "-Wall", "-o", str(folder / "chip.vvp"), *sources(folder)]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (result.returncode, result.stderr) == (0, "")


def test_yosys(folder: Path) -> None:
    synthesise(folder / "rtl", DEVICES["ecp5"], folder / "synthesis")
    log = (folder / "synthesis" / "yosys.log").read_text()
    warnings = [line for line in log.splitlines() if line.startswith("Warning:")]
    assert not warnings


def test_same_chip_same_bytes(folder: Path, tmp_path: Path) -> None:
    first = (folder / "rtl" / "chip.v").read_bytes()
    (folder / "rtl" / "chip.v").unlink()
    seed = next(s for s in SEEDS if str(s) in tmp_path.name)
    case = random_case(seed)
    verilog.write_chip(map_network(case.network, **case.mapping).chip, folder / "rtl")
    assert (folder / "rtl" / "chip.v").read_bytes() == first
