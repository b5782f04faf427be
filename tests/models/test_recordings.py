"""Event recordings: formats, bins, what is left out and told, and what is refused in one line."""

import importlib.util
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from spikewright.errors import ConfigError
from spikewright.models import binning as binning_module
from spikewright.models.binning import Binning
from spikewright.models.data import load
from spikewright.models.event_files import read_five_bytes

Events = list[tuple[int, int, int, int]]
"""Time, x, y, polarity."""
EVENTS: Events = [
    (0, 3, 1, 1),
    (999, 3, 1, 1),
    (999, 3, 1, 0),
    (1000, 0, 0, 0),
    (2500, 4, 2, 1),
    (7000, 1, 2, 1),
]
SHAPE = (2, 3, 5)


def five_bytes(events: Events) -> bytes:
    return b"".join(bytes((x, y)) + (p << 23 | t).to_bytes(3, "big") for t, x, y, p in events)


def columns(events: Events) -> dict[str, Any]:
    t, x, y, p = (np.array(column) for column in zip(*events, strict=True))
    return {"t": t, "x": x.astype(np.uint8), "y": y.astype(np.uint8), "p": p.astype(np.uint8)}


def expected(events: Events, steps: int, bin_us: int = 1000) -> Any:
    """The obvious loop."""
    counts = np.zeros((steps, *SHAPE), int)
    for t, x, y, p in events:
        if t // bin_us < steps:
            counts[t // bin_us, p, y, x] += 1
    return counts


@pytest.fixture(name="recording")
def recording_fixture(tmp_path: Path) -> Path:
    path = tmp_path / "one.bin"
    path.write_bytes(five_bytes(EVENTS))
    return path


def test_bins_are_what_came_in_their_time(recording: Path) -> None:
    data = load(str(recording), Binning(bin_ms=1.0, shape=SHAPE))
    assert (data.static, data.y, data.classes, data.shape, data.notes) == (False, None, 0, SHAPE, ())
    assert data.x.dtype == np.uint8
    np.testing.assert_array_equal(data.x, expected(EVENTS, 8)[None])
    assert data.x.max() == 2, "counts, not only spikes"
    half = load(str(recording), Binning(bin_ms=0.5, shape=SHAPE, steps=15))
    np.testing.assert_array_equal(half.x, expected(EVENTS, 15, 500)[None])
    longer = load(str(recording), Binning(bin_ms=1.0, shape=SHAPE, steps=20))
    np.testing.assert_array_equal(longer.x, expected(EVENTS, 20)[None])
    assert longer.notes == ()


def test_what_is_left_out_is_told(recording: Path) -> None:
    data = load(str(recording), Binning(bin_ms=1.0, shape=SHAPE, steps=3, most=1))
    np.testing.assert_array_equal(data.x, expected(EVENTS, 3).clip(max=1)[None])
    assert data.notes == (
        f"{recording}: 1 of 6 events come after the last of 3 steps: left out",
        f"{recording}: 1 of 6 events are above 1 an address and step: left out",
    )


def test_polarities_are_channels_or_merged_or_chosen(recording: Path) -> None:
    both = expected(EVENTS, 8)
    flat = 3 * 5
    for shape, polarity, counts in (
        ((1, 3, 5), None, both.sum(axis=1, keepdims=True)),
        ((3, 5), None, both.sum(axis=1, keepdims=True)),
        ((1, 3, 5), "merge", both.sum(axis=1, keepdims=True)),
        ((1, 3, 5), "off", both[:, :1]),
        ((1, 3, 5), "on", both[:, 1:]),
        (SHAPE, "separate", both),
    ):
        data = load(str(recording), Binning(bin_ms=1.0, shape=shape, polarity=polarity))  # type: ignore[arg-type]
        np.testing.assert_array_equal(data.x[0], counts)
    with pytest.raises(
        ConfigError,
        match=rf"^data '{recording}': recordings of unknown size do not fit an input of shape \(30,\)$",
    ):
        load(str(recording), Binning(bin_ms=1.0, shape=(2 * flat,)))
    for shape, polarity, gives in (((1, 3, 5), "separate", 2), (SHAPE, "merge", 1), ((3, 3, 5), None, 2)):
        name = polarity or "separate"
        with pytest.raises(ConfigError) as error:
            load(str(recording), Binning(bin_ms=1.0, shape=shape, polarity=polarity))  # type: ignore[arg-type]
        assert str(error.value).endswith(
            f": polarity {name} gives {gives} channels, the input has shape {shape}"
        )


def test_a_wide_value_takes_high_counts(tmp_path: Path) -> None:
    (tmp_path / "many.bin").write_bytes(five_bytes([(5, 1, 1, 0)] * 300))
    spec = str(tmp_path / "many.bin")
    assert load(spec, Binning(bin_ms=1, shape=SHAPE)).x.max() == 255
    wide = load(spec, Binning(bin_ms=1, shape=SHAPE, most=65535))
    assert wide.x.dtype == np.uint16
    assert wide.x.max() == 300


def test_the_clock_of_five_bytes_goes_on_after_an_overflow(tmp_path: Path) -> None:
    path = tmp_path / "overflow.bin"
    path.write_bytes(
        five_bytes([(8000, 1, 1, 1), (8191, 0, 240, 0), (5, 2, 2, 0), (0, 0, 240, 0), (7, 3, 2, 1)])
    )
    recording = read_five_bytes(path)
    assert recording.t.tolist() == [8000, 8192 + 5, 2 * 8192 + 7]
    assert recording.x.tolist() == [1, 2, 3]
    assert recording.p.tolist() == [1, 0, 1]


def test_folders_say_parts_and_classes(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    for part, count in (("Train", 3), ("Test", 1)):
        for label in (2, 10):
            folder = tmp_path / part / str(label)
            folder.mkdir(parents=True)
            for index in range(count):
                t = int(rng.integers(1000))
                (folder / f"{index}.bin").write_bytes(five_bytes([(t, label % 5, index, 1)]))
                (folder / "notes.txt").write_text("not a recording")
    binning = Binning(bin_ms=1, shape=SHAPE)
    train, test = load(f"{tmp_path}:train", binning), load(f"{tmp_path}:test", binning)
    assert train.y is not None
    assert test.y is not None
    assert sorted(train.y) == [2, 2, 2, 10, 10, 10]
    assert sorted(test.y) == [2, 10]
    assert train.classes == 11
    for row, label in zip(train.x, train.y, strict=True):
        assert row[0, 1, :, label % 5].sum() == 1, "labels must stay with their recordings"
    named = tmp_path / "named"
    for name in ("wave", "clap"):
        (named / name).mkdir(parents=True)
        (named / name / "a.bs2").write_bytes(five_bytes([(1, 1, 1, 0)]))
    data = load(str(named), binning)
    assert data.y is not None
    assert sorted(data.y) == [0, 1]
    (named / "flat.bin").write_bytes(five_bytes([(1, 1, 1, 0)]))
    assert load(str(named), binning).y is None, "a file in no class"


def test_npz_of_one_recording_or_many(tmp_path: Path) -> None:
    np.savez(tmp_path / "one.npz", **columns(EVENTS))
    data = load(f"{tmp_path}/one.npz", Binning(bin_ms=1, shape=SHAPE))
    np.testing.assert_array_equal(data.x, expected(EVENTS, 8)[None])
    arrays = columns(EVENTS + EVENTS[:2] + EVENTS[3:])
    arrays["t_us"] = arrays.pop("t")
    many: Any = {"offset": [0, 6, 8, 11], "label": [0, 1, 2], "is_test": [0, 1, 0], "sensor": [3, 5]}
    np.savez(tmp_path / "many.npz", **arrays, **many)
    test = load(f"{tmp_path}/many.npz:test", Binning(bin_ms=1))
    assert test.y is not None
    assert test.y.tolist() == [1]
    assert test.shape == SHAPE, "as the file says"
    np.testing.assert_array_equal(test.x[0], expected(EVENTS[:2], 8))
    train = load(f"{tmp_path}/many.npz:train", Binning(bin_ms=1))
    assert train.x.shape == (2, 8, *SHAPE)
    assert train.classes == 3


def test_only_what_is_asked_for_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for index in range(6):
        (tmp_path / f"{index}.bin").write_bytes(five_bytes([(index, 1, 1, 0)]))
    (tmp_path / "3.bin").write_bytes(b"cut")
    binning = Binning(bin_ms=1, shape=SHAPE, steps=2)
    whole, broken = [], []
    for spec in (f"{tmp_path}[{n}:{n + 1}]" for n in range(6)):
        try:
            whole += [spec] * len(load(spec, binning))
        except ConfigError as error:
            broken.append(str(error))
    assert len(whole) == 5
    assert broken == [f"data '{tmp_path}/3.bin': must be whole events of 5 bytes, not 3 bytes"]
    assert len(load(str(tmp_path / "1.bin"), binning, samples=3)) == 1
    monkeypatch.setattr(binning_module, "MAX_BYTES", 59)
    with pytest.raises(
        ConfigError, match=r": 1 samples of 2 steps of shape \(2, 3, 5\) take 0\.0 GB: take fewer"
    ):
        load(whole[0], binning)


T, X, ONES = np.arange(4), np.ones(4, np.uint8), np.ones(4, np.uint8)
GOOD: dict[str, Any] = {"t": T, "x": X, "y": ONES, "p": ONES}
BROKEN_NPZ: dict[str, tuple[dict[str, Any], str]] = {
    "missing": ({"t": T, "x": X, "p": ONES}, r"events must have t, x, y and p, not only \['p', 't', 'x'\]"),
    "shape": ({**GOOD, "x": X[:3]}, r"x must be integers of shape \(4,\), not uint8 of shape \(3,\)"),
    "kind": ({**GOOD, "t": T / 2}, r"t must be integers of shape \(4,\), not float64 of shape \(4,\)"),
    "negative": ({**GOOD, "t": T - 1}, "t must be 0 or more, not -1"),
    "empty": ({key: array[:0] for key, array in GOOD.items()}, "has no events"),
    "offset": ({**GOOD, "offset": [0, 3]}, "offset must rise from 0 to the number of events, 4"),
    "falls": ({**GOOD, "offset": [0, 3, 2, 4]}, "offset must rise from 0 to the number of events, 4"),
    "no offset": ({**GOOD, "offset": [[0, 4]]}, r"offset must be integers of shape \(recordings \+ 1,\)"),
    "label": ({**GOOD, "label": [0, 1]}, r"label must be integers from 0 up of shape \(1,\)"),
    "sensor": ({**GOOD, "sensor": [3]}, "sensor must be height and width, two integers from 1 up"),
}


@pytest.mark.parametrize("what", BROKEN_NPZ)
def test_refuses_broken_npz(what: str, tmp_path: Path) -> None:
    arrays, message = BROKEN_NPZ[what]
    np.savez(tmp_path / "events.npz", **arrays)
    with pytest.raises(ConfigError, match=f"^data '{tmp_path}/events.npz': {message}$"):
        load(f"{tmp_path}/events.npz", Binning(bin_ms=1, shape=SHAPE))


BROKEN_FILES: dict[str, tuple[str, bytes | None, str]] = {
    "cut": ("a.bin", five_bytes(EVENTS)[:-1], "must be whole events of 5 bytes, not 29 bytes"),
    "empty": ("a.bs2", b"", "has no events"),
    "missing": ("a.bin", None, "there is no such file or folder"),
    "format": (
        "a.avi",
        b"RIFF",
        "must be a folder, an npz, or a recording in one of .bin, .bs2, .aedat4, .*",
    ),
    "outside": (
        "a.bin",
        five_bytes([*EVENTS, (1, 5, 1, 0)]),
        "recording 0: event 6 at x 5, y 1 is outside of 5 by 3 pixels",
    ),
}


@pytest.mark.parametrize("what", BROKEN_FILES)
def test_refuses_broken_files(what: str, tmp_path: Path) -> None:
    name, content, message = BROKEN_FILES[what]
    if content is not None:
        (tmp_path / name).write_bytes(content)
    with pytest.raises(ConfigError, match=f"^data '{tmp_path}/{name}': {message}$"):
        load(f"{tmp_path}/{name}", Binning(bin_ms=1, shape=SHAPE))


def test_refuses_what_does_not_fit(tmp_path: Path, recording: Path) -> None:
    np.savez(tmp_path / "wide.npz", **columns(EVENTS), sensor=[4, 5])
    place = f"data '{tmp_path}/wide.npz'"
    for shape, message in (
        (SHAPE, "recordings of shape (2, 4, 5) are wider than the input, (2, 3, 5)"),
        ((30,), "recordings of shape (2, 4, 5) do not fit an input of shape (30,)"),
    ):
        with pytest.raises(ConfigError) as error:
            load(f"{tmp_path}/wide.npz", Binning(bin_ms=1, shape=shape))
        assert str(error.value) == f"{place}: {message}"
    assert load(f"{tmp_path}/wide.npz", Binning(bin_ms=1, shape=(40,))).shape == (2, 4, 5)
    assert load(f"{tmp_path}/wide.npz", Binning(bin_ms=1, shape=(20,))).shape == (1, 4, 5)
    with pytest.raises(ConfigError, match=r"the network does not say how long a step is; give --bin-ms$"):
        load(str(recording))
    (tmp_path / "none").mkdir()
    with pytest.raises(ConfigError, match=r"/none': holds no recordings \(\.bin, \.bs2, "):
        load(f"{tmp_path}/none", Binning(bin_ms=1))
    for wrong, message in (
        ({"bin_ms": 0.0}, "bin_ms must be above 0 and finite, not 0.0"),
        ({"bin_ms": float("inf")}, "bin_ms must be above 0 and finite, not inf"),
        ({"steps": 0}, "steps must be 1 or more, not 0"),
        ({"polarity": "x"}, "polarity must be one of separate, merge, on, off, not 'x'"),
    ):
        with pytest.raises(ConfigError) as refused:
            Binning(**wrong)
        assert str(refused.value) == message


@pytest.mark.skipif(importlib.util.find_spec("faery") is not None, reason="the reader is installed")
def test_camera_formats_say_what_reads_them(tmp_path: Path) -> None:
    path = tmp_path / "a.aedat4"
    path.write_bytes(b"x")
    message = rf"^data '{path}': \.aedat4 files need a reader: pip install 'spikewright\[events\]'$"
    with pytest.raises(ConfigError, match=message):
        load(str(path), Binning(bin_ms=1, shape=SHAPE))


@pytest.mark.parametrize("suffix", [".aedat4", ".raw", ".dat", ".es"])
def test_camera_formats(suffix: str, tmp_path: Path) -> None:
    faery = pytest.importorskip("faery")
    events = np.zeros(len(EVENTS), dtype=faery.EVENTS_DTYPE)
    for key, column in columns(EVENTS).items():
        events["on" if key == "p" else key] = column
    events["t"] += 1_000_000  # the time of day
    path = tmp_path / f"a{suffix}"
    faery.events_stream_from_array(events, (5, 3)).to_file(path)
    data = load(str(path), Binning(bin_ms=1))
    np.testing.assert_array_equal(data.x, expected(EVENTS, 8)[None])
    with pytest.raises(ConfigError, match=r"is wider than the input|are wider than the input"):
        load(str(path), Binning(bin_ms=1, shape=(2, 3, 4)))
    path.write_bytes(path.read_bytes()[:9])
    with pytest.raises(
        ConfigError, match=f"^data '{path}': (must be a whole {suffix} file: .+|has no events)$"
    ):
        load(str(path), Binning(bin_ms=1))
