"""Area and energy core by core: the parts are there, and they make up the whole."""

from pathlib import Path

import numpy as np
import pytest

from spikewright.boards.counting import count_operations
from spikewright.boards.devices import DEVICES
from spikewright.boards.energy import inference_energy
from spikewright.boards.synth import synthesise
from spikewright.boards.technology_file import load_technology
from spikewright.compiler.images import write_images
from spikewright.compiler.mapping import map_network
from spikewright.models.integer import IntegerModel
from spikewright.rtl.verilog import write_chip
from tests.networks import random_case


@pytest.mark.parametrize("technology", ["ecp5", "ice40"])
def test_cells_of_cores_make_up_the_chip(technology: str, tmp_path: Path) -> None:
    case = random_case(6)  # two cores
    mapped = map_network(case.network, lanes=4)
    write_chip(mapped.chip, tmp_path / "rtl")
    write_images(mapped.chip, mapped.images, tmp_path / "memory")
    whole = synthesise(tmp_path / "rtl", DEVICES[technology], tmp_path / "synthesis")
    cores = [whole.instances[f"core_{core.name}"] for core in mapped.chip.cores]
    assert len(cores) == 2
    assert all(core["luts"] > 50 and core["ffs"] > 50 for core in cores)
    assert sum(core["brams"] for core in cores) == whole.brams
    assert 0.9 * whole.luts <= sum(core["luts"] for core in cores) <= whole.luts
    assert 0.9 * whole.ffs <= sum(core["ffs"] for core in cores) <= whole.ffs


def test_energies_of_cores_make_up_the_inference() -> None:
    case = random_case(6)
    mapped = map_network(case.network)
    spikes = IntegerModel(case.network).run(case.x).spikes
    activity = count_operations(mapped.chip, case.network, {**case.x, **spikes})
    energy = inference_energy(mapped.chip, activity, load_technology("45nm"))
    assert set(energy.by_core_nj) == {core.name for core in mapped.chip.cores}
    assert all(energy.by_core_nj.values())
    assert np.isclose(sum(energy.by_core_nj.values()), energy.energy_per_inference_nj)
