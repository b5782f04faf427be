"""Data as a network takes them: by its metadata, or what is asked for beside them; hashes of content."""

import json
from pathlib import Path
from typing import Any

import nir  # type: ignore[import-untyped]
import numpy as np
import pytest

import spikewright
from spikewright.errors import ConfigError
from spikewright.models.data import Dataset
from spikewright.network import InputPort
from spikewright.stages.stimulus import Coding, data_hash, from_data

PORT = InputPort(name="in", shape=(2, 3, 5), max_events=2)
TIMES = np.array([0, 0, 0, 1500, 2500, 5000])


@pytest.fixture(name="recordings")
def recordings_fixture(tmp_path: Path) -> str:
    """Two recordings, of classes 0 and 1."""
    ones = np.ones(12, np.uint8)
    path = tmp_path / "events.npz"
    np.savez(path, t=np.tile(TIMES, 2), x=ones, y=ones, p=ones, offset=[0, 6, 12], label=[0, 1])
    return str(path)


def test_recordings_come_as_the_network_was_fed(recordings: str) -> None:
    coding = Coding.of_metadata({"name": "events", "steps": 4, "bin_ms": 1.0, "seed": 3})
    stimulus = from_data((PORT,), recordings, coding)
    assert stimulus.x["in"].shape == (2, 4, 2, 3, 5)
    assert stimulus.x["in"][:, :, 1, 1, 1].tolist() == [[2, 1, 1, 0]] * 2
    assert stimulus.notes == (
        f"{recordings}: 2 of 12 events come after the last of 4 steps: left out",
        f"{recordings}: 2 of 12 events are above 2 an address and step: left out",
    )
    assert stimulus.options == {"data": recordings, "samples": 2, "steps": 4, "bin_ms": 1.0}
    assert len(from_data((PORT,), recordings, coding, samples=1).x["in"]) == 1


def test_what_is_asked_for_goes_before_the_metadata(recordings: str) -> None:
    trained = {"name": "events", "steps": 4, "bin_ms": 1.0}
    stimulus = from_data((PORT,), recordings, Coding.of_metadata(trained, steps=3, bin_ms=3.0))
    assert stimulus.x["in"][0, :, 1, 1, 1].tolist() == [2, 1, 0]
    merged = InputPort(name="in", shape=(1, 3, 5), max_events=2)
    off = from_data((merged,), recordings, Coding.of_metadata(trained, polarity="off"))
    assert not off.x["in"].any()
    with pytest.raises(ConfigError, match=r"give --bin-ms$"):
        from_data((PORT,), recordings, Coding())


def test_values_carry_counts(recordings: str) -> None:
    port = InputPort(name="in", shape=(2, 3, 5), value_bits=2, value_scale=3.0)
    stimulus = from_data((port,), recordings, Coding(bin_ms=2.0))
    assert stimulus.x["in"][0, :, 1, 1, 1].tolist() == [3, 1, 1], "4 do not fit 2 bits"
    assert "2 of 12 events are above 3" in stimulus.notes[0]


def test_data_in_steps_are_cut_or_padded_only_if_asked() -> None:
    x = np.ones((3, 5, 2), np.uint8)
    data = Dataset(name="arrays", x=x, y=None, static=False, classes=0)
    port = InputPort(name="in", shape=(2,))
    metadata = {"steps": 25}
    assert from_data((port,), data, Coding.of_metadata(metadata)).x["in"].shape == (3, 5, 2)
    cut = from_data((port,), data, Coding.of_metadata(metadata, steps=3))
    assert cut.x["in"].shape == (3, 3, 2)
    assert cut.notes == ("arrays: 12 events come after the last of 3 steps: left out",)
    padded = from_data((port,), data, Coding.of_metadata(metadata, steps=7))
    assert padded.x["in"][:, 5:].sum() == 0
    assert padded.x["in"].sum() == x.sum()
    assert padded.notes == ()


def test_hashes_are_of_content(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    folder.mkdir()
    (folder / "a.bin").write_bytes(bytes(5))
    before = data_hash(str(folder))
    assert data_hash(str(folder)) == before
    (folder / "a.bin").write_bytes(bytes(10))
    after = data_hash(str(folder))
    assert after != before
    (folder / "b.bin").write_bytes(bytes(5))
    assert data_hash(str(folder)) != after
    assert data_hash("digits") != data_hash("digits:test")


def graph(coding: dict[str, Any] | None) -> Any:
    """A network that tells the classes by the time of their events: it fires when enough have come."""
    document = {"version": 1, "semantics": {"dt": 1e-3, "if_gain": "r", "reset": "subtract", "compare": "ge"}}
    return nir.NIRGraph(
        nodes={
            "input": nir.Input(input_type={"input": np.array([30])}),
            "fc": nir.Affine(weight=np.stack([np.full(30, 0.5), np.zeros(30)]), bias=np.zeros(2)),
            "out": nir.IF(r=np.ones(2), v_threshold=np.ones(2), v_reset=np.zeros(2)),
            "output": nir.Output(output_type={"output": np.array([2])}),
        },
        edges=[("input", "fc"), ("fc", "out"), ("out", "output")],
        metadata={"spikewright": json.dumps(document | ({} if coding is None else {"coding": coding}))},
    )


def test_a_build_is_fed_as_its_network(recordings: str, tmp_path: Path) -> None:
    sensor = dict(np.load(recordings)) | {"sensor": [3, 5]}
    np.savez(recordings, **sensor)
    trained = {"name": "events", "steps": 4, "bin_ms": 1.0}
    build = spikewright.compile(
        graph(trained), evaluate=recordings, calibrate=recordings, output=tmp_path / "a"
    )
    assert build.summary["accuracy_integer"] == 0.5
    told = [note for note in build.summary["notes"] if "left out" in note]
    assert len(told) == 2, "of calibration and evaluation the same, once"
    assert build.stimulus().x["input"].shape == (2, 4, 30), "what it was evaluated on, as it was"
    assert build.stimulus(recordings, steps=2, bin_ms=3.0).x["input"].shape == (2, 2, 30)
    asked = spikewright.compile(
        graph(None), evaluate=recordings, bin_ms=0.5, steps=6, polarity="separate", output=tmp_path / "b"
    )
    assert asked.stimulus().x["input"].shape == (2, 6, 30)
    with pytest.raises(ConfigError, match=r"give --bin-ms$"):
        spikewright.compile(graph(None), evaluate=recordings, output=tmp_path / "c")
