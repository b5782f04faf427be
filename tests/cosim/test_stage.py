"""``spikewright cosim`` with faults and waveforms: what it prints, keeps, refuses, and its exit codes."""

import json
import re
import shutil
from pathlib import Path
from typing import Any

import pytest

from spikewright.api import Build
from spikewright.cli import main
from spikewright.cosim.compare import Comparison
from tests.cosim.test_run import spoil

SIMULATOR = "icarus" if shutil.which("iverilog") else "verilator"
RUN = ("--bernoulli", "0.4", "--samples", "2", "--steps", "6", "--simulator", SIMULATOR)


def cosim(capsys: pytest.CaptureFixture[str], build: Path, *options: str, code: int = 0) -> dict[str, Any]:
    """Run with ``--json``: the object that it prints."""
    assert main(["cosim", str(build), *RUN, *options, "--json"]) == code
    found = json.loads(capsys.readouterr().out)
    assert isinstance(found, dict)
    return found


def test_faults_are_counted_and_kept(build: Path, capsys: pytest.CaptureFixture[str]) -> None:
    plain = cosim(capsys, build)
    assert [plain[key] for key in ("injected", "effective", "detected", "located")] == [None] * 4
    found = cosim(capsys, build, "--inject", "12")
    assert found["injected"] == 12
    assert 12 >= found["effective"] >= found["detected"] >= found["located"] > 0
    assert found["mismatches"] == 0
    kept = json.loads((build / "cosim" / "faults.json").read_text())
    assert len(kept["faults"]) == 12
    assert sum(fault["effective"] for fault in kept["faults"]) == found["effective"]
    assert "/" not in "".join(fault["where"] for fault in kept["faults"]), "no paths of this machine"
    assert Build(build).folder.stages["cosim"].options["inject"] == 12
    assert main(["cosim", str(build), *RUN, "--inject", "12"]) == 0
    said = capsys.readouterr().out
    assert "up to date, nothing was run" in said
    assert re.search(r"faults +12 injected, \d+ effective, \d+ of these detected", said)
    assert cosim(capsys, build)["injected"] is None
    assert not (build / "cosim" / "faults.json").exists()


def test_a_check_that_finds_too_few_faults_has_failed(
    build: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    blind = Comparison(spikes_compared=0, places_compared=0, readouts_compared=0, states_compared=0,
                       step_states_compared=0, mismatches=0, divergence=None)  # fmt: skip
    monkeypatch.setattr("spikewright.cosim.inject.compare", lambda *_: blind)
    found = cosim(capsys, build, "--inject", "8", code=1)
    assert found["mismatches"] == 0
    assert found["detected"] < 0.95 * found["effective"]


def test_no_faults_where_hardware_differs_without(build: Path, capsys: pytest.CaptureFixture[str]) -> None:
    image = build / "memory" / "hidden.weights.hex"
    image.write_text(re.sub("[0-9a-f]", lambda digit: f"{int(digit.group(), 16) ^ 4:x}", image.read_text()))
    assert main(["cosim", str(build), *RUN, "--inject", "8", "--waves", "--force"]) == 1
    said = capsys.readouterr().out
    assert "no faults were injected: hardware and PyTorch differ without any" in said
    assert re.search(r"waves\.vcd: waveform of sample 0.*: around the first divergence, step \d", said)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--waves-at", "3"], "--waves-at must be SAMPLE:STEP, such as 0:3, not '3'"),
        (["--waves-at", "1:x"], "--waves-at must be SAMPLE:STEP, such as 0:3, not '1:x'"),
        (["--waves-at", "2:0"], "waves_at must be of sample 0..1 and step 0..5, not 2:0"),
        (["--inject", "10001"], "inject must be 1..10000, not 10001"),
        (["--inject", "0"], "Invalid value for '--inject'"),
        (["--waves-steps", "-1"], "Invalid value for '--waves-steps'"),
    ],
)
def test_options_that_make_no_sense_are_refused(
    build: Path, capsys: pytest.CaptureFixture[str], options: list[str], message: str
) -> None:
    before = sorted(build.iterdir())
    assert main(["cosim", str(build), *RUN, *options]) == 2
    out, err = capsys.readouterr()
    assert (out, len(err.splitlines())) == ("", 1)
    assert err.startswith(f"spikewright: {message}")
    assert sorted(build.iterdir()) == before


def test_a_chip_that_stands_still_leaves_a_waveform(build: Path, capsys: pytest.CaptureFixture[str]) -> None:
    link = build / "rtl" / "spikewright_link.v"
    spoil(link, "assign source_ready = sink_ready;", "assign source_ready = 1'b0;")
    assert main(["cosim", str(build), *RUN, "--waves", "--force"]) == 2
    said = capsys.readouterr().err
    place = re.search(
        r"population 'hidden': stands still, first in sample 0, step 0; waveform of .*: (\S+)$", said
    )
    assert place is not None, said
    assert Path(place.group(1)).stat().st_size > 1000
