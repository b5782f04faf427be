"""From sound to a chip on the command line: train, compile with the encoder, co-simulate, estimate."""

import json
import re
import shutil
from io import StringIO
from pathlib import Path
from typing import Any

import nir  # type: ignore[import-untyped]
import numpy as np
import pytest
import soundfile  # type: ignore[import-untyped]
from rich.console import Console

from spikewright.api import Build
from spikewright.api import compile as compile_network
from spikewright.cli import main
from spikewright.cli.building_tables import show_compile
from spikewright.cli.running_tables import show_estimate
from spikewright.models.encoders import Sound
from tests.cosim.test_run import SIMULATOR
from tests.sound_networks import PURSUIT
from tests.test_cli import json_of, refuse

PURSUIT_YAML = """\
channels: 6
low_hz: 300.0
high_hz: 2500.0
window: 64
step: 64
rate_hz: 800
burst: 12
levels: 2
truncate: 0.1
"""
BANK_YAML = """\
kind: filterbank
sample_rate_hz: 8000
channels: 6
low_hz: 300.0
high_hz: 2500.0
step: 64
threshold: 1.0
"""
ENCODERS = {"pursuit": PURSUIT_YAML, "bank": BANK_YAML}


@pytest.fixture(scope="module")
def tones(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Tones of three heights, 12 of each, of 25 to 40 ms."""
    rng, folder = np.random.default_rng(0), tmp_path_factory.mktemp("data") / "tones"
    for name, hz in (("high", 2200.0), ("low", 500.0), ("middle", 1100.0)):
        (folder / name).mkdir(parents=True)
        for index in range(12):
            time = np.arange(int(rng.integers(200, 321))) / 8000
            tone = np.sin(2 * np.pi * hz * rng.uniform(0.97, 1.03) * time + rng.uniform(0, 6))
            sound = 0.4 * tone * np.hanning(len(time)) + rng.normal(0, 0.01, len(time))
            soundfile.write(str(folder / name / f"{index}.wav"), sound, 8000, subtype="PCM_16")
    return folder


@pytest.fixture(scope="module", params=ENCODERS)
def trained(request: pytest.FixtureRequest, tones: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A network that hears which tone it is, and the encoder it was trained behind."""
    folder = tmp_path_factory.mktemp(str(request.param))
    (folder / "encoder.yaml").write_text(ENCODERS[request.param])
    arguments = ["train", "sound", "--data", str(tones), "--encoder", str(folder / "encoder.yaml"),
                 "--hidden", "12", "--epochs", "60", "--learning-rate", "0.02", "--density", "1",
                 "-o", str(folder / "net")]
    assert main(arguments) == 0
    return folder


@pytest.fixture
def build(trained: Path, tones: Path, tmp_path: Path) -> Path:
    """The network and its encoder compiled into one chip, a fresh copy."""
    made = trained / "build"
    if not made.exists():
        arguments = ["compile", str(trained / "net" / "network.nir"), "--encoder",
                     str(trained / "net" / "spiketrum.yaml"), "--evaluate", f"{tones}:test", "-o", str(made)]
        assert main(arguments) == 0
    return Path(shutil.copytree(made, tmp_path / "build"))


def test_it_learns_to_hear(trained: Path) -> None:
    metrics = json.loads((trained / "net" / "metrics.json").read_text())
    assert metrics["accuracy"] > 0.8
    assert abs(metrics["accuracy"] - metrics["accuracy_integer"]) < 0.2
    assert (metrics["method"], metrics["n_train"] + metrics["n_test"]) == ("sound", 36)


def test_compiles_into_one_chip(build: Path, trained: Path) -> None:
    found = Build(build).summary
    metrics = json.loads((trained / "net" / "metrics.json").read_text())
    assert found["accuracy_integer"] == metrics["accuracy_integer"]
    (port,) = Build(build).chip.inputs
    assert port.encoder is not None
    assert found["encoder"]["encoder"]["kind"] == port.encoder.kind
    assert any("keeps up with the sound from" in note for note in found["notes"])
    assert "encoders of sound" in found["area_model"]["beyond"]
    show_compile(Console(file=(said := StringIO()), width=200), found)
    assert re.search(r"clocks \(model\) +[\d.,]+ a step, [\d.,]+ for 5 steps, within 2 %", said.getvalue())


def test_from_sound_to_classes_in_hardware(
    build: Path, tones: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Data and their coding come with the build; energy and the report follow."""
    found = json_of(capsys, "cosim", build, "--samples", 3, "--stall", "0.1", "--simulator", SIMULATOR)
    assert found["mismatches"] == 0
    assert found["samples"] == 3
    assert found["steps"] == 5
    assert found["spikes_compared"] > 30
    assert found["encoder_cycles"]["input"] > 1000
    predicted = found["predicted_encoder_cycles"]["input"]
    assert found["encoder_cycles"]["input"] == pytest.approx(predicted, rel=0.01)  # some of the gaps count
    (target,) = json_of(capsys, "estimate", build, "--technology", "45nm")["targets"]
    assert set(target["energy_by_core_nj"]) == {"hidden1", "readout", "input"}
    assert target["energy_by_core_nj"]["input"] > 0
    (sound,) = Build(build).stimulus(f"{tones}:test").sound.values()
    heard = sum(map(len, sound.samples[:3])) / 8000
    assert target["energy_per_second_uj"] == pytest.approx(
        3 * target["energy_per_inference_nj"] / heard / 1000)
    assert target["real_time_factor"] is None  # a table of energies has no clock
    show_estimate(Console(file=(said := StringIO()), width=200), {"targets": [target]})
    assert re.search(r"^45nm: [\d.]+ [nµm]J a second of sound$", said.getvalue(), re.MULTILINE)
    assert main(["report", str(build)]) == 0
    assert "no mismatch" in (build / "report.html").read_text().lower() or \
        "0 mismatches" in (build / "report.html").read_text()


def test_estimates_without_a_simulation(build: Path, tones: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Clocks by the event-level model, within 2 % of those that a simulation takes."""
    simulated = json_of(capsys, "cosim", build, "--samples", 2, "--simulator", SIMULATOR)
    arguments = ("--technology", "45nm", "--data", f"{tones}:test", "--samples", 2)
    (target,) = json_of(capsys, "estimate", build, *arguments)["targets"]
    clocks = target["cycles_per_inference"]
    assert clocks == pytest.approx(simulated["cycles"] / 2, rel=0.02)
    assert simulated["predicted_cycles"] == 2 * clocks
    assert "predicted by the event-level model" in " ".join(target["sources"])
    timing = Build(build).summary["timing"]
    assert timing["encoder_cycles"]["input"] > 0.9 * timing["samples"] * timing["cycles_per_inference"] * 0.9


@pytest.mark.parametrize(("arguments", "message"), [
    (["--bernoulli", "0.1"],
     "input 'input': takes sound, which bernoulli 0.1, 32 steps, seed 0 has none of; give --data"),
    (["--inject", "3"], "inject: must be left out with a chip that takes sound, as it is not stepped through;"
                        " compile without an encoder"),
    (["--stepped", "1"], "stepped: must be 0 where an encoder makes the steps, not 1"),
])
def test_what_a_chip_with_an_encoder_cannot_do_is_refused(
    build: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], message: str
) -> None:
    assert refuse(capsys, "cosim", build, *arguments) == message
    assert not (build / "cosim").exists()


def test_estimate_of_random_spikes_is_refused(build: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert refuse(capsys, "estimate", build, "--technology", "45nm", "--bernoulli", "0.2") == (
        "input 'input': takes sound, which bernoulli 0.2, 32 steps, seed 0 has none of; give --data")


def test_a_chip_without_the_encoder_takes_its_spikes(
    trained: Path, tones: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    made = tmp_path / "build"
    json_of(capsys, "compile", trained / "net" / "network.nir", "-o", made)
    asked = ("--data", f"{tones}:test", "--samples", 2, "--simulator", SIMULATOR)
    found = json_of(capsys, "cosim", made, *asked)
    assert (found["mismatches"], found["stepped_samples"], found["encoder_cycles"]) == (0, 2, {})


def test_another_encoder_is_refused(
    trained: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    other = tmp_path / "other.yaml"
    other.write_text(PURSUIT_YAML.replace("levels: 2", "levels: 3"))
    network = trained / "net" / "network.nir"
    said = refuse(capsys, "compile", network, "--encoder", other, "-o", tmp_path / "b")
    assert said.startswith("input 'input': ")
    assert not (tmp_path / "b").exists()


def test_lanes_need_an_encoder(trained: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    network = trained / "net" / "network.nir"
    said = refuse(capsys, "compile", network, "--encoder-lanes", 2, "-o", tmp_path / "b")
    assert said == "encoder_lanes: there is no encoder; give --encoder"


def test_events_beside_the_sound(tmp_path: Path) -> None:
    """A NIR graph of two inputs: the encoder goes before the one of its lines, from compilation to energy."""
    rng = np.random.default_rng(0)
    weights = {"mic": rng.normal(0, 0.5, (5, PURSUIT.lines)), "context": rng.normal(0, 0.5, (5, 7))}
    ones = np.ones(5)
    nodes: dict[str, Any] = {
        **{name: nir.Input({"input": np.array([w.shape[1]])}) for name, w in weights.items()},
        **{f"from_{name}": nir.Linear(w) for name, w in weights.items()},
        "hidden": nir.LIF(tau=ones * 4e-3, r=ones, v_leak=ones * 0, v_threshold=ones * 0.2),
        "output": nir.Output({"output": np.array([5])}),
    }
    edges = [(name, f"from_{name}") for name in weights] + [(f"from_{name}", "hidden") for name in weights]
    graph = nir.NIRGraph(nodes, [*edges, ("hidden", "output")])
    semantics = {"dt": 1e-3, "inputs": {"mic": {"max_events": PURSUIT.most_events}}}
    build = compile_network(graph, semantics=semantics, encoder=PURSUIT, output=tmp_path / "b")
    assert [port.encoder for port in build.chip.inputs if port.name == "mic"] == [PURSUIT]
    assert build.summary["encoder"]["name"] == "mic"
    assert build.summary["timing"]["encoder_cycles"]["mic"] > 0
    sound = Sound(samples=(rng.integers(-9000, 9000, 100), rng.integers(-9000, 9000, 64)), steps=5)
    given: Any = {"mic": sound, "context": (rng.random((2, 5, 7)) < 0.3).astype(np.uint8)}
    found = build.cosim(given, simulator=SIMULATOR)
    assert found.mismatches == 0
    assert found.summary["spikes_compared"] > 10
    assert found.summary["predicted_cycles"] == found.summary["cycles"]
    (target,) = build.estimate(["45nm"])["targets"]
    run_nj = 2 * target["energy_per_inference_nj"]
    assert target["energy_per_second_uj"] == pytest.approx(run_nj / (164 / 8000) / 1000)


@pytest.mark.parametrize(("kind", "options"), [("i2s", ()), ("pdm", ("--clock-mhz", "24.576"))])
def test_a_microphone_is_put_before_the_chip(
    trained: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], kind: str, options: tuple[str, ...]
) -> None:
    """A module of its own beside the chip, which stays as it is; the build is co-simulated as before."""
    network, encoder = (trained / "net" / name for name in ("network.nir", "spiketrum.yaml"))
    made = json_of(capsys, "compile", network, "--encoder", encoder, "--microphone", kind, *options, "-o",
                   tmp_path / kind)
    assert any(f"pins of a {kind} microphone, 8,000 samples a second" in note for note in made["notes"])
    json_of(capsys, "compile", network, "--encoder", encoder, "-o", tmp_path / "plain")
    files = {file.name: file.read_text() for file in (tmp_path / kind / "rtl").iterdir()}
    around = files.pop("microphone_chip.v")
    assert files == {file.name: file.read_text() for file in (tmp_path / "plain" / "rtl").iterdir()}
    pins = {"i2s": {"bit_clock", "word_select", "serial_data"}, "pdm": {"clock", "serial_data"}}[kind]
    (ports,) = re.findall(r"^module microphone_chip\((.*)\);", around, re.MULTILINE)
    assert set(re.findall(r"\binput_(\w+)", ports)) == pins | {"recording", "dropped"}
    assert not re.search(r"\bin_input", ports)
    given: Any = Sound(samples=(np.random.default_rng(5).integers(-9000, 9000, 100),), steps=2)
    assert Build(tmp_path / kind).cosim(given, simulator=SIMULATOR).mismatches == 0


@pytest.mark.parametrize(("options", "message"), [
    (("--microphone", "i2s"), "microphone: there is no encoder; give --encoder"),
    (("--clock-mhz", "25"), "clock_mhz: there is no encoder; give --encoder"),
    (("--clock-mhz", "25", "--encoder"), "clock_mhz: there is no microphone; give --microphone"),
    (("--microphone", "pdm", "--encoder"),
     "clock_mhz: must be a multiple of 2.048, twice the microphone's clock, not left out"),
    (("--microphone", "usb", "--encoder"), "Invalid value for '--microphone': "),
])
def test_microphones_that_cannot_be_are_refused(
    trained: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], options: tuple[str, ...], message: str
) -> None:
    given = (*options, trained / "net" / "spiketrum.yaml") if options[-1] == "--encoder" else options
    said = refuse(capsys, "compile", trained / "net" / "network.nir", *given, "-o", tmp_path / "b")
    assert said.startswith(message)
    assert not (tmp_path / "b").exists()


def test_sound_as_arrays(build: Path) -> None:
    """Samples that are no file, by the API."""
    rng = np.random.default_rng(5)
    given: Any = Sound(samples=(rng.integers(-9000, 9000, 100), rng.integers(-9000, 9000, 64)), steps=2)
    result = Build(build).cosim(given, simulator=SIMULATOR)
    assert (result.mismatches, result.summary["samples"], result.summary["steps"]) == (0, 2, 2)


def test_a_waveform_of_a_chip_that_takes_sound(build: Path, capsys: pytest.CaptureFixture[str]) -> None:
    found = json_of(capsys, "cosim", build, "--samples", 1, "--waves-at", "0:2", "--waves-steps", "0")
    assert found["waves"] == "sample 0, steps 2 to 2: around step 2, as asked for"
    assert (build / "cosim" / "waves.vcd").stat().st_size > 1000
