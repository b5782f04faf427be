"""The flow from Python: from a graph to a build, its co-simulation, estimate and report."""

import json
import re
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import spikewright
from spikewright.api import Build
from spikewright.cli import main
from spikewright.errors import ConfigError
from spikewright.models.data import Dataset
from spikewright.models.real import RealModel

ROOT = Path(__file__).parents[1]
SAMPLES, STEPS = 6, 20


def stimulus(seed: int = 3) -> Any:
    """Random spikes for the small network."""
    return (np.random.default_rng(seed).random((SAMPLES, STEPS, 6)) < 0.4).astype(np.uint8)


@pytest.fixture(scope="module")
def simulated(compiled: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The small network's build, co-simulated on the stimulus with labels."""
    import shutil

    path = shutil.copytree(compiled, tmp_path_factory.mktemp("simulated") / "build")
    Build(path).cosim(stimulus(), np.arange(SAMPLES) % 3)
    return path


def test_hardware_and_model_fire_the_same_spikes(simulated: Path) -> None:
    build = Build(simulated)
    trace = build.model(stimulus())
    result = build.cosim(stimulus(), np.arange(SAMPLES) % 3)
    assert result.ran is False, "the same run stands in the build"
    assert set(result.spikes) == {"hidden", "out"}
    for name, spikes in result.spikes.items():
        np.testing.assert_array_equal(spikes, trace.spikes[name])
        assert 0 < spikes.mean() < 1, "the stimulus must make neurons fire and stay silent"
    summary = result.summary
    assert summary["spikes_compared"] == sum(int(spikes.sum()) for spikes in trace.spikes.values())
    assert summary["states_compared"] == SAMPLES * (5 + 3)
    assert (summary["samples"], summary["steps"], summary["mismatches"]) == (SAMPLES, STEPS, 0)
    classes = trace.predict("count", "out")
    assert summary["accuracy"] == float((classes == np.arange(SAMPLES) % 3).mean())
    assert summary["cycles"] > SAMPLES * STEPS
    assert summary["predicted_cycles"] == pytest.approx(summary["cycles"], rel=0.02)
    assert summary["event_cycles"].keys() == summary["update_cycles"].keys() == {"hidden", "out"}


def test_another_stimulus_is_another_run(simulated: Path) -> None:
    folder = Build(simulated).folder
    before = folder.stages["cosim"].inputs["x"]
    result = Build(simulated).cosim(stimulus(seed=4), simulator="icarus")
    assert result.ran is True
    assert result.summary["accuracy"] is None
    assert Build(simulated).folder.stages["cosim"].inputs["x"] != before
    Build(simulated).cosim(stimulus(), np.arange(SAMPLES) % 3)


def test_hardware_that_differs_is_found(build: Path, capsys: pytest.CaptureFixture[str]) -> None:
    memories = sorted((build / "memory").glob("hidden.*.hex"))
    text = memories[0].read_text()
    memories[0].write_text(re.sub("[0-9a-f]", lambda digit: f"{int(digit.group(), 16) ^ 4:x}", text))
    arguments = [
        "cosim",
        str(build),
        "--bernoulli",
        "0.5",
        "--samples",
        "4",
        "--simulator",
        "icarus",
        "--force",
    ]
    assert main([*arguments, "--json"]) == 1
    out, err = capsys.readouterr()
    found = json.loads(out)
    assert found["mismatches"] > 0
    assert found["first_divergence"].startswith("first divergence: sample 0, step ")
    assert "MISMATCHES" in err
    assert main(["report", str(build), "--force"]) == 0
    page = (build / "report.html").read_text()
    assert 'class="verdict bad"' in page
    assert "first divergence: sample 0" in page


def test_results_are_kept_as_arrays(simulated: Path) -> None:
    with np.load(simulated / "cosim" / "hardware.npz", allow_pickle=False) as arrays:
        assert set(arrays.files) == {"spikes.hidden", "spikes.out"}
    activity = json.loads((simulated / "cosim" / "activity.json").read_text())
    assert activity["samples"] == SAMPLES
    assert activity["cores"]["hidden"]["events"] == int(stimulus().sum())


def test_waves_are_kept(build: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["cosim", str(build), "--bernoulli", "0.3", "--samples", "1", "--simulator", "icarus"]
    assert main([*arguments, "--waves"]) == 0
    file = build / "cosim" / "waves.vcd"
    said = f"{file}: waveform of sample 0, steps 0 to 4: no divergence, so the first steps"
    assert said in capsys.readouterr().out
    assert file.stat().st_size > 100
    assert main(arguments) == 0
    assert not file.exists(), "the next run without waves has none"


def test_labels_must_go_with_the_samples(simulated: Path) -> None:
    with pytest.raises(ConfigError, match=r"^y: must have shape \(6,\), not \(5,\)$"):
        Build(simulated).cosim(stimulus(), np.zeros(5))


def test_arrays_of_a_wrong_shape_are_refused(simulated: Path) -> None:
    with pytest.raises(
        ConfigError, match=r"^input 'input': must have shape \(samples, steps, 6\), not \(2, 3, 7\)$"
    ):
        Build(simulated).cosim(np.zeros((2, 3, 7), np.uint8))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"simulator": "vcs"}, "simulator must be verilator or icarus, not 'vcs'"),
        ({"seed": -1}, "seed must be 0 or more, not -1"),
        ({"stall": 1.0}, r"stall must be 0\.\.0\.95, not 1\.0"),
    ],
)
def test_impossible_runs_are_one_line(simulated: Path, options: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=rf"^{message}$"):
        Build(simulated).cosim(stimulus(), **options)


def test_energy_is_counted_activity(simulated: Path) -> None:
    target = Build(simulated).estimate(["45nm"])["targets"][0]
    assert target["technology"] == "45nm"
    assert target["energy_per_inference_nj"] > 0
    assert target["luts"] is None
    assert any("Horowitz" in source for source in target["sources"])
    other = Build(simulated).estimate(["45nm"], bernoulli=0.9, steps=STEPS, samples=SAMPLES)["targets"][0]
    assert other["energy_per_inference_nj"] > target["energy_per_inference_nj"], "more spikes cost more"
    assert other["cycles_per_inference"] > target["cycles_per_inference"], "and take longer"


def test_an_unknown_technology_is_one_line(simulated: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["estimate", str(simulated), "--technology", "45nm,2nm"]) == 2
    assert re.fullmatch(r"spikewright: technology must be one of .* not '2nm'\n", capsys.readouterr().err)


class Resources(HTMLParser):
    """Everything that a page would load, and the tags that must be closed."""

    def __init__(self) -> None:
        super().__init__()
        self.loaded: list[str] = []
        self.open: list[str] = []

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.loaded += [str(value) for key, value in attributes if key in ("src", "href", "data", "srcset")]
        if tag in ("script", "link", "iframe", "object", "img"):
            self.loaded.append(tag)
        if tag not in ("meta", "br"):
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        """SVG's empty elements need no end."""

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def test_the_report_holds_everything_in_itself(simulated: Path) -> None:
    Build(simulated).estimate(["45nm"])
    path = Build(simulated).report()
    assert path == simulated / "report.html"
    page = path.read_text(encoding="utf-8")
    parser = Resources()
    parser.feed(page)
    assert parser.open == [], "every element is closed"
    assert parser.loaded == [], "nothing is loaded from outside"
    assert "url(" not in page
    summary = json.loads((simulated / "cosim" / "summary.json").read_text())
    assert f"0 mismatches in {summary['spikes_compared']} spikes" in page
    for text in (
        "hidden: PyTorch",
        "hidden: hardware",
        "out: hardware",
        "45nm",
        "Horowitz",
        "prefers-color-scheme",
    ):
        assert text in page, text
    before = path.stat().st_mtime_ns
    Build(simulated).report()
    assert path.stat().st_mtime_ns == before, "nothing changed, nothing was written"


def test_names_in_the_report_are_escaped(graph: Any, tmp_path: Path) -> None:
    evil = "<script>alert(1)</script>"
    graph.nodes = {evil if name == "hidden" else name: node for name, node in graph.nodes.items()}
    graph.edges = [tuple(evil if end == "hidden" else end for end in edge) for edge in graph.edges]
    try:
        build = spikewright.compile(graph, source="norse", output=tmp_path / "b")
    except ConfigError:
        return  # such names may as well be refused
    assert "<script>" not in build.report().read_text()


def test_the_default_folder_is_named_after_the_network(
    network_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    build = spikewright.compile(network_file, source="norse")
    assert build.path == Path("out/small")
    assert build.fresh
    assert not spikewright.compile(network_file, source="norse").fresh
    assert spikewright.compile(network_file, source="norse", weight_bits=4).fresh


def test_a_graph_and_its_file_are_the_same(network_file: Path, graph: Any, tmp_path: Path) -> None:
    semantics = {"dt": 1e-3, "reset": "subtract", "reset_when": "now", "compare": "ge", "decode": "count"}
    by_file = spikewright.compile(network_file, semantics=semantics, output=tmp_path / "file")
    by_graph = spikewright.compile(graph, semantics=semantics, output=tmp_path / "graph")
    for name in ("memory/hidden.weights.hex", "rtl/chip.v"):
        if (by_file.path / name).exists():
            assert (by_file.path / name).read_bytes() == (by_graph.path / name).read_bytes()
    np.testing.assert_array_equal(by_file.network.edges[0].weights, by_graph.network.edges[0].weights)


def test_calibration_and_evaluation_take_arrays(network_file: Path, tmp_path: Path) -> None:
    x, y = stimulus(), np.arange(SAMPLES) % 3
    semantics = network_file.with_name("semantics.yaml")
    build = spikewright.compile(
        network_file,
        semantics=semantics,
        weight_bits=3,
        calibrate=(x, None),
        evaluate=(x, y),
        output=tmp_path / "b",
    )
    assert any("calibrated" in note for note in build.summary["notes"])
    integer = build.model(x).predict("count", "out")
    assert build.summary["accuracy_integer"] == float((integer == y).mean())
    assert build.summary["evaluated_samples"] == SAMPLES
    timing, run = build.summary["timing"], build.cosim(x).summary
    assert timing["samples"] == run["samples"] == SAMPLES
    for busy in ("event_cycles", "update_cycles"):
        assert timing[busy] == run[busy], "busy clocks are known before anything is simulated"
    assert timing["cycles_per_inference"] == pytest.approx(run["cycles"] / SAMPLES, rel=0.02)
    assert timing["cycles_per_step"] == pytest.approx(run["cycles_per_step"], rel=0.02)
    again = spikewright.compile(
        network_file,
        semantics=semantics,
        weight_bits=3,
        calibrate=(x, None),
        evaluate=(x, 2 - y),
        output=tmp_path / "b",
    )
    assert again.fresh, "other labels are other inputs"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"weight_bits": 1}, r"weight_bits must be 2\.\.16, not 1"),
        ({"weight_bits": 17}, r"weight_bits must be 2\.\.16, not 17"),
        ({"state_bits": 25}, r"state_bits must be 8\.\.24, not 25"),
        ({"lanes": 3}, r".*lanes must be .*power of two.* not 3"),
        ({"lanes": 0}, r".*lanes must be .* not 0"),
        ({"rows": "sparse"}, r"rows must be auto, dense or compressed, not 'sparse'"),
        ({"contents": "flash"}, r"contents must be baked or bus, not 'flash'"),
        ({"source": "tensorflow"}, r"source must be one of .* not 'tensorflow'"),
    ],
)
def test_impossible_options_are_one_line(
    network_file: Path, tmp_path: Path, options: dict[str, Any], message: str
) -> None:
    with pytest.raises(ConfigError, match=rf"^{message}$"):
        spikewright.compile(network_file, **{"source": "norse", **options}, output=tmp_path / "b")
    assert not (tmp_path / "b").exists()


def test_evaluation_needs_labels(network_file: Path, tmp_path: Path) -> None:
    data = Dataset(name="mine", x=stimulus(), y=None, static=False, classes=0)
    with pytest.raises(ConfigError, match=r"^data 'mine': has no labels to evaluate with$"):
        spikewright.compile(network_file, source="norse", evaluate=data, output=tmp_path / "b")
    assert not (tmp_path / "b").exists()


def test_contents_over_the_bus(network_file: Path, tmp_path: Path) -> None:
    build = spikewright.compile(network_file, source="snntorch", contents="bus", output=tmp_path / "b")
    result = build.cosim(stimulus(), simulator="icarus", stall=0.3)
    assert result.mismatches == 0
    assert result.summary["spikes_compared"] > 0
    assert build.summary["contents"] == "bus"


def test_the_example_of_the_readme_runs(tmp_path: Path) -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    blocks = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    code = next(block for block in blocks if "snntorch" in block)
    assert "build.estimate()" in code
    code = code.replace("build.estimate()", 'build.estimate(["45nm"])')  # place and route takes a minute
    command = [sys.executable, "-c", code]
    run = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, check=False)
    assert run.returncode == 0, run.stderr
    found = re.fullmatch(r"0 mismatches in (\d+) spikes: out/digits/report\.html\n", run.stdout)
    assert found, run.stdout
    assert int(found[1]) > 1000
    assert (tmp_path / "out" / "digits" / "report.html").is_file()


@pytest.mark.slow
def test_the_demo(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "demo"
    assert main(["demo", "-o", str(out), "--epochs", "4", "--samples", "50"]) == 0
    printed = capsys.readouterr().out
    summary = json.loads((out / "summary.json").read_text())
    assert summary.keys() == {"train", "compile", "cosim", "estimate"}
    assert summary["train"]["accuracy"] > 0.7
    assert summary["compile"]["accuracy_integer"] == summary["train"]["accuracy_integer"]
    assert summary["compile"]["nonzero_synapses"] < 0.11 * summary["compile"]["synapses"]
    assert (summary["cosim"]["samples"], summary["cosim"]["mismatches"]) == (50, 0)
    assert summary["cosim"]["spikes_compared"] > 1000
    targets = {target["technology"]: target for target in summary["estimate"]["targets"]}
    assert targets["ecp5"]["luts"] > 0
    assert targets["ecp5"]["fmax_mhz"] > 0
    assert targets["45nm"]["energy_per_inference_nj"] > 0
    assert (out / "report.html").is_file()
    for text in ("accuracy float", "accuracy integer", "accuracy hardware", "mismatches", "energy an image"):
        assert text in printed


def test_the_float_network_is_the_graph(compiled: Path, graph: Any) -> None:
    """The real model of the graph and the integers agree on nearly every spike at 8 bits."""
    from spikewright.compiler.passes import lower

    semantics = {"dt": 1e-3, "reset": "subtract", "reset_when": "now", "compare": "ge", "decode": "count"}
    real = RealModel(lower(graph, semantics=semantics).real).run(stimulus())
    integer = Build(compiled).model(stimulus())
    differing = np.mean(real.spikes["hidden"] != integer.spikes["hidden"])
    assert differing < 0.05
