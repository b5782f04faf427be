"""Chips that take sound: every spike of the encoder and of the network is compared, from the samples on."""

from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pytest

from spikewright.compiler.encoders import put_encoder
from spikewright.compiler.mapping import map_network
from spikewright.config import ChipConfig
from spikewright.cosim.harness import WATCHDOG_CYCLES, watchdog_cycles
from spikewright.cosim.run import Setup
from spikewright.cosim.simulators import Simulator
from spikewright.cosim.stimulus import sound_words
from spikewright.cosim.timing import predict_cycles
from spikewright.cosim.waves import choose_window, write_waves
from spikewright.errors import ConfigError
from spikewright.events import Kind
from spikewright.models.encoders import Encoder, Sound, encode_sound, encoded_events
from spikewright.rtl.verilog import write_chip
from spikewright.spiketrum import SpiketrumConfig
from tests.cosim.builds import Files, write_mapped
from tests.cosim.test_random_networks import needs_icarus
from tests.cosim.test_run import SIMULATOR
from tests.cosim.vcd_file import read_vcd
from tests.sound_networks import BANK, PURSUIT, network_behind, sound_network, two_inputs

ENCODERS: dict[str, Encoder] = {"pursuit": PURSUIT, "bank": BANK}
STEPS = 6


def sound(seed: int = 0) -> Sound:
    """A recording of no sample, of one, of whole steps and of others; none fills all steps but one."""
    rng = np.random.default_rng(seed)
    shapes = ((131, 8000), (0, 0), (1, 20000), (96, 3000), (192, 15000), (65, 30000))
    return Sound(samples=tuple(rng.normal(0, loud, count).clip(-32768, 32767).astype(np.int64)
                               for count, loud in shapes), steps=STEPS)


def files_of(folder: Path, encoder: Encoder, contents: Literal["baked", "bus"] = "baked", lanes: int = 2
             ) -> Files:
    mapped, network = sound_network(encoder, contents, lanes)
    return write_mapped(network, mapped, folder)


@pytest.mark.parametrize(("simulator", "contents", "stall", "lanes"), [
    pytest.param("icarus", "baked", 0.0, 2, marks=needs_icarus),
    pytest.param("icarus", "bus", 0.3, 4, marks=needs_icarus),
    ("verilator", "baked", 0.5, 1),
    ("verilator", "bus", 0.0, 2),
])
@pytest.mark.parametrize("name", ENCODERS)
def test_every_spike_of_encoder_and_network_is_the_same(
    name: str, simulator: Simulator, contents: Literal["baked", "bus"], stall: float, lanes: int,
    tmp_path: Path,
) -> None:
    files, given = files_of(tmp_path, ENCODERS[name], contents, lanes), sound()
    result = files.cosimulate({"mic": given}, simulator=simulator, stall=stall, seed=3)
    assert result.comparison.divergence is None
    assert result.comparison.mismatches == 0
    assert (result.samples, result.steps, result.stepped) == (6, STEPS, 0)
    lines = ENCODERS[name].lines
    assert result.comparison.places_compared == 6 * STEPS * (lines + 12)
    encoded = encode_sound(ENCODERS[name], given)
    np.testing.assert_array_equal(result.hardware.encoded["mic"], encoded)
    assert [bool(counts.any()) for counts in encoded] == [True, False, False, True, True, True]
    assert encoded.sum() > 40
    assert result.comparison.spikes_compared == encoded.sum() + result.model.spikes["hidden"].sum()
    assert result.model.spikes["hidden"].sum() > 10
    if not stall:
        timing = predict_cycles(files.mapped.chip, files.network,
                                {"mic": encoded, **result.model.spikes}, {"mic": given})
        np.testing.assert_array_equal(timing.cycles, result.hardware.cycles)
        assert timing.step_cycles == result.hardware.step_cycles.mean()
        predicted, seen = timing.encoder_cycles["mic"], result.hardware.encoder_cycles["mic"]
        # A bank stands still with its pass while a word of it waits for the core.
        assert predicted <= seen <= predicted * (1 if name == "pursuit" else 1.001)


@pytest.mark.parametrize("encoder", [
    replace(PURSUIT, channels=3, low_hz=1200.0, window=8, step=2, rate_hz=8000, burst=12, truncate=0.2),
    replace(BANK, threshold=0.1, step=3),
], ids=["pursuit", "bank"])
def test_clocks_are_predicted_where_a_slow_core_holds_the_encoder_up(
    encoder: Encoder, tmp_path: Path
) -> None:
    rng = np.random.default_rng(1)
    given = Sound(samples=tuple(rng.integers(-20000, 20000, count) for count in (70, 0, 95, 9)), steps=48)
    network = network_behind(encoder)
    files = write_mapped(network, put_encoder(map_network(network, lanes=1), encoder,
                                              4 if isinstance(encoder, SpiketrumConfig) else None), tmp_path)
    result = files.cosimulate({"mic": given}, simulator=SIMULATOR)
    assert result.comparison.mismatches == 0
    events = {"mic": encode_sound(encoder, given), **result.model.spikes}
    timing = predict_cycles(files.mapped.chip, network, events, {"mic": given})
    np.testing.assert_array_equal(timing.cycles, result.hardware.cycles)
    assert timing.step_cycles == result.hardware.step_cycles.mean()
    assert result.hardware.encoder_cycles["mic"] > timing.encoder_cycles["mic"], "it must have waited"


@pytest.mark.parametrize(("encoder", "kind"), [(PURSUIT, "hold"), (BANK, "drive")], ids=["pursuit", "bank"])
def test_another_input_beside_the_sound(
    encoder: Encoder, kind: Literal["drive", "hold"], tmp_path: Path
) -> None:
    """A chip with an encoder before one of two inputs: all is compared, and its clocks are foretold."""
    network, given = two_inputs(encoder, kind), sound()
    lanes = 2 if isinstance(encoder, SpiketrumConfig) else None
    files = write_mapped(network, put_encoder(map_network(network), encoder, lanes), tmp_path)
    context = (np.random.default_rng(4).random((len(given), STEPS, 7)) < 0.4).astype(np.uint8)
    result = files.cosimulate({"mic": given, "context": context}, simulator=SIMULATOR)
    assert result.comparison.mismatches == 0
    encoded = encode_sound(encoder, given)
    spikes = result.model.spikes
    assert result.comparison.spikes_compared == encoded.sum() + spikes["hidden"].sum()
    assert spikes["hidden"][1].any(), "the context alone, without sound, must make it fire"
    timing = predict_cycles(files.mapped.chip, network, {"mic": encoded, "context": context, **spikes},
                            {"mic": given})
    np.testing.assert_array_equal(timing.cycles, result.hardware.cycles)


def test_a_spike_that_the_twin_has_not_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The hardware is right, and what it is compared with lacks a spike: just that place is named first."""
    files, given = files_of(tmp_path, PURSUIT), sound()
    counts = encode_sound(PURSUIT, given)
    sample, step, line = (int(index) for index in np.argwhere(counts)[len(np.argwhere(counts)) // 2])

    def broken(*arguments: Any) -> Any:
        found = encode_sound(*arguments)
        found[sample, step, line] -= 1
        return found

    monkeypatch.setattr("spikewright.models.encoders.encode_sound", broken)
    comparison = files.cosimulate({"mic": given}, simulator=SIMULATOR).comparison
    assert comparison.mismatches >= 1
    count = int(counts[sample, step, line])
    assert str(comparison.divergence) == (
        f"first divergence: sample {sample}, step {step}, population 'mic', neuron {line}:"
        f" spikes must be {count - 1}, hardware gave {count}")


@pytest.mark.parametrize(("name", "change"), [("pursuit", {"gate": 900}), ("bank", {"leak_shift": 9})])
def test_other_hardware_is_found(name: str, change: dict[str, Any], tmp_path: Path) -> None:
    """Verilog of an encoder that differs in what is built in, with the same memories."""
    files = files_of(tmp_path, ENCODERS[name])
    chip = files.mapped.chip
    other = replace(chip.inputs[0], encoder=replace(ENCODERS[name], **change))
    write_chip(replace(chip, inputs=(other,)), tmp_path / "rtl")
    comparison = files.cosimulate({"mic": sound()}, simulator=SIMULATOR).comparison
    assert comparison.mismatches > 0
    assert comparison.divergence is not None
    assert (comparison.divergence.population, comparison.divergence.what) == ("mic", "spikes")


def test_a_broken_table_is_found(tmp_path: Path) -> None:
    files = files_of(tmp_path, PURSUIT)
    image = tmp_path / "memory" / "mic.kernels.0.hex"
    lines = image.read_text().split()
    lines[7] = f"{int(lines[7], 16) ^ 0x20:0{len(lines[7])}x}"
    image.write_text("\n".join(lines) + "\n")
    comparison = files.cosimulate({"mic": sound()}, simulator=SIMULATOR).comparison
    assert comparison.mismatches > 0
    assert comparison.divergence is not None
    assert comparison.divergence.population == "mic"


def test_a_token_too_many_is_a_breach(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A recording with a step more than it should have: the encoder's stream is out of order."""
    files = files_of(tmp_path, BANK)

    def longer(port: Any, given: Sound) -> Any:
        words = sound_words(port, given)
        place = int(np.flatnonzero(words == Kind.END_OF_SAMPLE)[0])
        return np.insert(words, place, Kind.END_OF_STEP)

    monkeypatch.setattr("spikewright.cosim.run.sound_words", longer)
    comparison = files.cosimulate({"mic": sound()}, simulator=SIMULATOR).comparison
    assert str(comparison.divergence).startswith(
        f"first divergence: sample 0, step {STEPS - 1}, population 'mic':"), comparison.divergence


def test_words_of_recordings() -> None:
    """Samples, the token that ends the recording, one for each step of silence, and the sample's end."""
    (port,) = sound_network(PURSUIT)[0].chip.inputs
    given = Sound(samples=(np.array([5, -3]), np.zeros(0, np.int64)), steps=3)
    words = sound_words(port, given).tolist()
    assert [word & 3 for word in words] == [0, 0, 1, 1, 1, 2, 1, 1, 1, 1, 2]
    values = [(word >> 3) & 0xFFFF for word in words[:2]]
    assert values == [5, 0xFFFD]


@pytest.mark.parametrize("name", ENCODERS)
def test_a_waveform_shows_the_encoder(name: str, tmp_path: Path) -> None:
    """Its samples going in, and the encoder's spikes in the step that was asked for."""
    files, given = files_of(tmp_path, ENCODERS[name]), sound()[3:5]
    result = files.cosimulate({"mic": given}, simulator="verilator")
    window = choose_window(None, (1, 3), 0, samples=len(given), steps=STEPS)
    setup = Setup(rtl=tmp_path / "rtl", memory=tmp_path / "memory", work=tmp_path / "cosim",
                  simulator="verilator")
    found = read_vcd(write_waves(files.mapped.chip, window, setup, samples=len(given), steps=STEPS,
                                 stepped=result.stepped))
    assert {value for _, value in found["view.enc_mic.sample"]} == {1}
    assert 3 in {value for _, value in found["view.enc_mic.step"]}
    taken = sum(value for _, value in found["view.enc_mic.is_event"])
    spikes = result.hardware.encoded["mic"][1]
    assert taken >= spikes[3].sum() > 0
    assert "view.in_mic.value" in found


def test_sound_and_events_are_told_apart() -> None:
    chip = sound_network(PURSUIT)[0].chip
    with pytest.raises(ConfigError, match=r"^input 'mic': takes sound, not events$"):
        encoded_events(chip, {"mic": np.zeros((1, 3, PURSUIT.lines))})
    plain = replace(chip, inputs=(replace(chip.inputs[0], encoder=None, encoder_lanes=None),))
    with pytest.raises(ConfigError, match=r"^input 'mic': takes events, not sound$"):
        encoded_events(plain, {"mic": sound()})


def test_sound_is_not_stepped_through(tmp_path: Path) -> None:
    files = files_of(tmp_path, PURSUIT)
    with pytest.raises(ConfigError, match=r"^stepped: must be 0 where an encoder makes the steps, not 1$"):
        files.cosimulate({"mic": sound()}, simulator=SIMULATOR, stepped=1)


def test_a_recording_must_fit_its_steps(tmp_path: Path) -> None:
    files = files_of(tmp_path, PURSUIT)
    longer = replace(sound(), steps=5)
    with pytest.raises(ConfigError, match=r"^recording 4: takes 6 steps, and 5 are given$"):
        files.cosimulate({"mic": longer}, simulator=SIMULATOR)


def test_a_busy_encoder_is_not_taken_for_a_lock_up() -> None:
    """The watchdog knows how long a window may take."""
    mapped, _ = sound_network(PURSUIT)
    assert watchdog_cycles(sound_network(BANK)[0].chip) == WATCHDOG_CYCLES
    assert watchdog_cycles(mapped.chip) > WATCHDOG_CYCLES
    slow: ChipConfig = put_encoder(replace(mapped, chip=without(mapped.chip)), replace(PURSUIT, rate_hz=1600),
                                   1).chip
    assert watchdog_cycles(slow) > watchdog_cycles(mapped.chip)


def without(chip: ChipConfig) -> ChipConfig:
    """The chip without its encoder, for more spikes of a line in a step."""
    return replace(chip, inputs=(replace(chip.inputs[0], encoder=None, encoder_lanes=None, max_events=200),))
