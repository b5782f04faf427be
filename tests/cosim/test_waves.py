"""A waveform shows the window that was asked for, by names that a person understands."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from spikewright.cosim.compare import Divergence
from spikewright.cosim.run import CosimResult, Setup
from spikewright.cosim.simulators import Simulator
from spikewright.cosim.waves import Window, choose_window, name_all, write_waves
from spikewright.errors import ConfigError
from spikewright.neuron import Current, Decay
from tests.cosim.builds import Files, write_files
from tests.cosim.test_random_networks import needs_icarus
from tests.cosim.test_run import SIMULATOR, network
from tests.cosim.vcd_file import Waveform, read_vcd

SAMPLES, STEPS = 3, 25


@pytest.fixture(scope="module")
def x() -> Any:
    return (np.random.default_rng(4).random((SAMPLES, STEPS, 20)) < 0.2).astype(np.uint8)


def waves(
    files: Files, result: CosimResult, window: Window, simulator: Simulator = SIMULATOR
) -> tuple[Waveform, int]:
    """Write a waveform and read it; and its size."""
    setup = Setup(
        rtl=files.folder / "rtl",
        memory=files.folder / "memory",
        work=files.folder / "cosim",
        images=files.mapped.images,
        simulator=simulator,
    )
    file = write_waves(
        files.mapped.chip, window, setup, samples=SAMPLES, steps=STEPS, stepped=result.stepped
    )  # fmt: skip
    return read_vcd(file), file.stat().st_size


def ends_of_steps(found: Waveform, scope: str) -> dict[int, int]:
    """When each step of a stream ended, in ns, by the number of the step."""
    changes = found[f"{scope}.step"]
    return {step - 1: when for when, step in changes if step > 0}


def at(found: Waveform, name: str, when: int, bits: int) -> int:
    """A signal's value, two's complement, just before a time."""
    value = [value for time, value in found[name] if time < when][-1]
    return value - (value >> (bits - 1) << bits)


@pytest.mark.parametrize("simulator", [pytest.param("icarus", marks=needs_icarus), "verilator"])
def test_shows_spikes_and_potentials_of_the_steps_asked_for(
    simulator: Simulator, x: Any, tmp_path: Path
) -> None:
    files = write_files(network(), tmp_path)
    result = files.cosimulate(x, simulator=simulator)
    window = choose_window(result.comparison.divergence, (1, 7), 1, samples=SAMPLES, steps=STEPS)
    assert str(window) == "sample 1, steps 6 to 8: around step 7, as asked for"
    found, size = waves(files, result, window, simulator)
    assert size < 500_000
    assert {value for _, value in found["view.in_input.sample"]} == {1}
    assert {6, 7, 8} <= {value for _, value in found["view.in_input.step"]} <= {*range(5, 12)}, (
        "inputs run ahead"
    )
    ended = ends_of_steps(found, "view.pop_hidden")
    core = files.mapped.chip.core("hidden")
    assert result.stepped_model is not None
    stored = result.stepped_model.states["hidden"]["stored"]
    for step in (6, 7, 8):
        fired = at(found, "view.pop_hidden.spikes", ended[step], 64)
        expected = result.model.spikes["hidden"][1, step]
        assert fired == sum(int(spike) << neuron for neuron, spike in enumerate(expected))
    for neuron in range(12):
        seen = {
            value - (value >> (core.accumulator_bits - 1) << core.accumulator_bits)
            for _, value in found[f"view.pop_hidden.potential_{neuron}"]
        }
        assert {int(stored[1, step, neuron]) for step in (6, 7)} <= seen


@pytest.mark.parametrize("reset", ["subtract", "set"])
def test_shows_currents_beside_potentials(reset: Any, x: Any, tmp_path: Path) -> None:
    """Also where a spike is stored between the two."""
    plain = network()
    hidden = plain.population("hidden")
    current = Current(bits=12, decay=Decay(kind="shift", shift=2), bias=(1,))
    neuron = replace(hidden.neuron, current=current, reset=reset, reset_when="next")
    populations = tuple(replace(p, neuron=neuron) if p is hidden else p for p in plain.populations)
    files = write_files(replace(plain, populations=populations), tmp_path)
    result = files.cosimulate(x, simulator=SIMULATOR)
    window = choose_window(result.comparison.divergence, (1, 7), 1, samples=SAMPLES, steps=STEPS)
    found, _ = waves(files, result, window)
    core = files.mapped.chip.core("hidden")
    assert result.stepped_model is not None
    states = result.stepped_model.states["hidden"]
    for name, state, bits in (("potential", "stored", core.potential_bits),
                              ("current", "current", core.accumulator_bits)):  # fmt: skip
        for neuron_index in range(12):
            changes = found[f"view.pop_hidden.{name}_{neuron_index}"]
            seen = {value - (value >> (bits - 1) << bits) for _, value in changes}
            assert {int(states[state][1, step, neuron_index]) for step in (6, 7)} <= seen


def test_a_broken_weight_is_in_the_window(x: Any, tmp_path: Path) -> None:
    files = write_files(network(), tmp_path)
    image = files.folder / "memory" / "hidden.weights.hex"
    lines = image.read_text().split()
    lines[3] = f"{int(lines[3], 16) ^ 0x10:0{len(lines[3])}x}"
    image.write_text("\n".join(lines) + "\n")
    result = files.cosimulate(x, simulator=SIMULATOR)
    found = result.comparison.divergence
    assert found is not None
    assert found.step is not None
    window = choose_window(found, None, 1, samples=SAMPLES, steps=STEPS)
    assert window.sample == found.sample
    assert window.first <= found.step <= window.last
    assert window.reason == f"around the first divergence, step {found.step}"
    changes, _ = waves(files, result, window)
    core = files.mapped.chip.core("hidden")
    bits = core.accumulator_bits
    seen = {
        value - (value >> (bits - 1) << bits)
        for _, value in changes[f"view.pop_hidden.potential_{found.neuron}"]
    }
    if found.what == "state 'stored'":
        assert found.seen in seen
        assert found.expected not in seen


def test_the_window_is_small(x: Any, tmp_path: Path) -> None:
    files = write_files(network(), tmp_path)
    result = files.cosimulate(x, simulator=SIMULATOR)
    sizes = []
    for around in (0, 2, 12):
        window = choose_window(None, (1, 12), around, samples=SAMPLES, steps=STEPS)
        changes, size = waves(files, result, window)
        steps = {value for _, value in changes["view.in_input.step"]}
        assert set(range(window.first, window.last + 1)) <= steps
        sizes.append(size)
    assert sizes[0] < sizes[1] < sizes[2]


def test_without_a_divergence_the_first_steps() -> None:
    window = choose_window(None, None, 2, samples=3, steps=10)
    assert (window.sample, window.first, window.last) == (0, 0, 4)
    assert str(window) == "sample 0, steps 0 to 4: no divergence, so the first steps"


@pytest.mark.parametrize(("step", "first", "last"), [(0, 0, 2), (9, 7, 9), (None, 7, 9), (5, 3, 7)], ids=str)
def test_steps_around_a_divergence_stay_in_the_sample(step: int | None, first: int, last: int) -> None:
    divergence = Divergence(sample=2, step=step, population="p", what="spikes", neuron=0, expected=1, seen=0)
    window = choose_window(divergence, None, 2, samples=3, steps=10)
    assert (window.sample, window.first, window.last) == (2, first, last)


@pytest.mark.parametrize("place", [(3, 0), (0, 10), (-1, 0)])
def test_a_step_that_there_is_not_is_refused(place: tuple[int, int]) -> None:
    message = rf"^waves_at must be of sample 0\.\.2 and step 0\.\.9, not {place[0]}:{place[1]}$"
    with pytest.raises(ConfigError, match=message):
        choose_window(None, place, 2, samples=3, steps=10)


def test_signals_without_a_name_get_one(tmp_path: Path) -> None:
    file = tmp_path / "waves.vcd"
    head = (
        "$scope module $1 $end\n$var wire 4 # $signal$3 [3:0] $end\n$var wire 1 $ ready $end\n$upscope $end\n"
    )
    body = "$enddefinitions $end\n#0\nb0 #\n1$\n"
    file.write_text(head + body)
    name_all(file)
    assert file.read_text() == head.replace("module $", "module unnamed$").replace(
        "# $signal", "# unnamed$signal"
    ) + body  # fmt: skip
