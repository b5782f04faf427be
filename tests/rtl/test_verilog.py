"""The Verilog of chips: taken without a warning by every tool, the same when written again."""

import hashlib
import os
import re
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from spikewright.boards.devices import DEVICES
from spikewright.boards.synth import synthesise
from spikewright.boards.yosys import run_yosys
from spikewright.compiler.images import write_images
from spikewright.compiler.mapping import Mapped, map_network
from spikewright.cosim.simulators import find_verilator
from spikewright.fixed import unsigned_bits
from spikewright.memories import chip_memories
from spikewright.network import Edge, InputPort, IntegerNetwork, Population
from spikewright.neuron import Decay, NeuronConfig
from spikewright.rtl import verilog
from spikewright.rtl.chip import Chip
from spikewright.rtl.verilog import CELLS, TOP, VerilogPlatform, to_verilog, write_chip
from tests.networks import random_case

CELL_FOLDER = Path(verilog.__file__).parent / "verilog"
WAIVERS = CELL_FOLDER / "lint.vlt"
WAIVER = re.compile(r'lint_off -rule ([A-Z]+) +-file "\*/?(\w+\.v)" +// \S.*')
needs_icarus = pytest.mark.skipif(shutil.which("iverilog") is None, reason="iverilog is not on PATH")
SEEDS = (0, 1, 2, 3, 4, 7)
NAMES = [*(f"random {seed}" for seed in SEEDS), "784-128-10"]


def mapped_chip(name: str) -> Mapped:
    """One of the chips to write: random ones, and one of the size that classifies pictures of digits."""
    if name != "784-128-10":
        case = random_case(int(name.removeprefix("random ")), largest=16)
        return map_network(case.network, **case.mapping)
    rng = np.random.default_rng(1)
    neuron = NeuronConfig(decay=Decay(kind="shift", shift=4), compare=(400,), reset_amount=(400,))
    sizes = {"in": 784, "hidden": 128, "out": 10}
    edges = tuple(
        Edge(source=source, target=target, weights=rng.integers(-127, 128, (sizes[target], sizes[source])))
        for source, target in (("in", "hidden"), ("hidden", "out")))
    populations = tuple(Population(name=name, size=sizes[name], neuron=neuron) for name in ("hidden", "out"))
    network = IntegerNetwork(
        name="digits", inputs=(InputPort(name="in", shape=(28, 28)),), edges=edges,
        populations=populations, outputs=("out",))
    return map_network(network)


@pytest.fixture(scope="module", name="folders")
def folders_fixture(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The Verilog and the images of every chip, each in a folder of its own."""
    folders = {name: tmp_path_factory.mktemp("chip") for name in NAMES}
    for name, folder in folders.items():
        mapped = mapped_chip(name)
        write_chip(mapped.chip, folder / "rtl")
        write_images(mapped.chip, mapped.images, folder / "memory")
    return folders


def yosys(folder: Path, *commands: str) -> str:
    """Give commands to Yosys; what it says."""
    run_yosys([(folder, commands)], folder / "yosys.log")
    return (folder / "yosys.log").read_text()


SOURCES = " ".join(f"rtl/{name}" for name in ("chip.v", *CELLS))


def verilator(folder: Path, *arguments: object) -> str:
    """Lint; every complaint."""
    root = find_verilator()
    command = ["perl", str(root / "bin" / "verilator"), "--lint-only", "-Wall", "--top-module", TOP]
    result = subprocess.run([*command, *map(str, arguments), *SOURCES.split()], cwd=folder,
                            capture_output=True, text=True, check=False,
                            env={**os.environ, "VERILATOR_ROOT": str(root)})
    return result.stderr


@pytest.mark.parametrize("name", NAMES)
def test_yosys_takes_it(folders: dict[str, Path], name: str) -> None:
    folder = folders[name]
    # -defer: memories are read once their parameters are known, not with the parameters' defaults.
    log = yosys(folder, f"read_verilog -defer {SOURCES}", f"hierarchy -check -top {TOP}", "proc",
                "check -assert")
    assert [line for line in log.splitlines() if "warning" in line.lower()] == []
    assert "Found and reported 0 problems." in log


def test_yosys_synthesises_it(folders: dict[str, Path], tmp_path: Path) -> None:
    """To the cells of an FPGA, without a warning on the way."""
    synthesise(folders["random 7"] / "rtl", DEVICES["ecp5"], tmp_path)
    log = (tmp_path / "yosys.log").read_text()
    assert "ABC RESULTS" in log
    assert [line for line in log.splitlines() if line.startswith("Warning:")] == []


@needs_icarus
@pytest.mark.parametrize("name", NAMES)
def test_icarus_takes_it(folders: dict[str, Path], name: str) -> None:
    folder = folders[name]
    command = ["iverilog", "-g2012", "-Wall", "-o", "chip.vvp", "-s", TOP, *SOURCES.split()]
    result = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    assert (result.returncode, result.stdout + result.stderr) == (0, "")


@pytest.mark.parametrize("name", NAMES)
def test_verilator_takes_it(folders: dict[str, Path], name: str) -> None:
    assert verilator(folders[name], WAIVERS) == ""


def test_waivers_are_needed_and_have_a_reason_each(folders: dict[str, Path]) -> None:
    """One rule of one file a line, with why; and every one of them holds back a complaint."""
    header, *lines = [line for line in WAIVERS.read_text().splitlines() if not line.startswith("//")]
    assert header == "`verilator_config"
    waived = set()
    for line in lines:
        match = WAIVER.fullmatch(line)
        assert match, line
        waived.add((match[1], match[2]))
    assert len(waived) == len(lines)
    complaints = "".join(verilator(folder) for folder in folders.values())
    found = re.findall(r"^%Warning-(\w+): \S*?(\w+\.v):", complaints, re.MULTILINE)
    assert set(found) == waived


PRINT_DIGESTS = """
import sys
from tests.rtl.test_verilog import digest
print(*(digest(name) for name in sys.argv[1:]))
"""


def digest(name: str) -> str:
    text = to_verilog(Chip(mapped_chip(name).chip), platform=VerilogPlatform(contents=True))
    return hashlib.sha256(text.encode()).hexdigest()


def test_the_same_chip_is_written_alike() -> None:
    """In this process, and in one that has another seed for its hashes."""
    names = [NAMES[0], NAMES[2], NAMES[3]]
    here = [digest(name) for name in names]
    assert here == [digest(name) for name in names]
    assert len(set(here)) == len(here)
    root = Path(__file__).parents[2]
    other = subprocess.run([sys.executable, "-c", PRINT_DIGESTS, *names], capture_output=True, text=True,
                           check=True, env={**os.environ, "PYTHONHASHSEED": "12345", "PYTHONPATH": str(root)})
    assert other.stdout.split() == here


def test_files_of_a_chip(folders: dict[str, Path]) -> None:
    for folder in folders.values():
        assert {path.name for path in (folder / "rtl").iterdir()} == {"chip.v", *CELLS}
        for name in CELLS:
            assert (folder / "rtl" / name).read_bytes() == (CELL_FOLDER / name).read_bytes()


INSTANCE = re.compile(r"spikewright_memory #\((.*?)\) ram", re.DOTALL)


@pytest.mark.parametrize("contents", ["baked", "bus"])
@pytest.mark.parametrize("name", ["random 2", "784-128-10"])
def test_memories_are_instances_as_configured(
    tmp_path: Path, name: str, contents: Any
) -> None:
    """Contents by name where they are baked in; never of states, nor where the bus loads them."""
    chip = replace(mapped_chip(name).chip, contents=contents)
    write_chip(chip, tmp_path)
    found = [dict(re.findall(r'\.(\w+)\((?:32\'d)?"?(.*?)"?\)', text))
             for text in INSTANCE.findall((tmp_path / "chip.v").read_text())]
    expected = [
        {"WIDTH": str(memory.width), "DEPTH": str(memory.depth), "STYLE": "block" if memory.block else "auto",
         "ADDRESS_BITS": str(unsigned_bits(memory.depth - 1)),
         "CONTENTS": "" if memory.state or contents == "bus" else f"memory/{memory.name}.hex"}
        for memory in chip_memories(chip)]
    assert {memory["STYLE"] for memory in expected} == {"auto", "block"} or name != "784-128-10"
    assert sorted(map(str, (sorted(memory.items()) for memory in found))) == sorted(
        str(sorted(memory.items())) for memory in expected)
