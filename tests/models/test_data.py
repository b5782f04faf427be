"""Data specifications: what they select, that splits stay as they are, and what is refused in one line."""

import gzip
import io
import os
import pickle
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from spikewright.errors import ConfigError
from spikewright.models import named_data
from spikewright.models.binning import Binning
from spikewright.models.data import NAMES, DataSpec, load, parse


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        ("digits", DataSpec(name="digits")),
        ("digits:test", DataSpec(name="digits", part="test")),
        ("mnist5k:train[10:20]", DataSpec(name="mnist5k", part="train", first=10, last=20)),
        ("a/b.npz[:7]", DataSpec(name="a/b.npz", last=7)),
        ("c:/x.npz:train[3:]", DataSpec(name="c:/x.npz", part="train", first=3)),
        ("digits:fold2/5:test[1:]", DataSpec(name="digits", part="test", first=1, fold=(2, 5))),
        ("a/fold1/2:fold10/12", DataSpec(name="a/fold1/2", fold=(10, 12))),
    ],
)
def test_parses(spec: str, expected: DataSpec) -> None:
    assert parse(spec) == expected


@pytest.mark.parametrize(
    "spec", ["", "digits[", "digits[3]", "digits[1:2:3]", "digits[-1:]", "digits[0:5]:test", "digits:"]
)
def test_refuses_what_is_no_specification(spec: str) -> None:
    expected = r"^data: must be NAME\[:foldK/N\]\[:train\|:test\]\[a:b\], not '.*'$"
    with pytest.raises(ConfigError, match=expected) as error:
        parse(spec)
    assert str(error.value).endswith(repr(spec))


@pytest.mark.parametrize(
    ("name", "shape", "sizes"), [("digits", (8, 8), (1438, 359)), ("mnist5k", (28, 28), (4000, 1000))]
)
def test_named_sets(name: str, shape: tuple[int, ...], sizes: tuple[int, int]) -> None:
    train, test, everything = (load(f"{name}{part}") for part in (":train", ":test", ""))
    assert (len(train), len(test), len(everything)) == (*sizes, sum(sizes))
    for data in (train, test, everything):
        assert data.static
        assert data.shape == shape
        assert data.classes == 10
        assert data.x.dtype == np.float32
        assert data.x.min() == 0
        assert data.x.max() == 1
        assert data.y is not None
        counts = np.bincount(data.y)
        assert counts.min() > 0.85 * counts.max(), "stratified"
    images = {image.tobytes() for image in train.x}
    assert not images & {image.tobytes() for image in test.x}
    np.testing.assert_array_equal(np.concatenate([train.x, test.x]), everything.x)


def test_splits_never_change() -> None:
    """What these digits are must hold in every version: published accuracies rest on the split."""
    digits, mnist5k = load("digits:test[:12]"), load("mnist5k:test[:12]")
    assert digits.y is not None
    assert mnist5k.y is not None
    assert digits.y.tolist() == DIGITS
    assert mnist5k.y.tolist() == MNIST5K
    assert float(mnist5k.x.sum()) == pytest.approx(MNIST5K_SUM, rel=1e-5)


def test_folds_test_on_every_sample_once() -> None:
    everything = {image.tobytes() for image in load("digits").x}
    seen: list[bytes] = []
    for number in (1, 2, 3):
        train, test = (load(f"digits:fold{number}/3:{part}") for part in ("train", "test"))
        assert test.y is not None
        counts = np.bincount(test.y)
        assert counts.min() > 0.9 * counts.max(), "stratified"
        trained = {image.tobytes() for image in train.x}
        seen += [image.tobytes() for image in test.x]
        assert len(train) + len(test) == 1797
        assert not trained & {image.tobytes() for image in test.x}
    assert sorted(seen) == sorted(everything)
    np.testing.assert_array_equal(load("digits:fold1/5:test").x, load("digits:test").x)
    assert len(load("digits:fold2/5:test[10:30]")) == 20


@pytest.mark.parametrize("fold", ["0/5", "6/5", "1/1"])
def test_refuses_a_fold_that_there_is_not(fold: str) -> None:
    with pytest.raises(ConfigError, match=rf"^data 'digits:fold{fold}': must have a fold 1/N to N/N, N 2"):
        load(f"digits:fold{fold}")


def test_refuses_folds_of_what_has_no_labels(tmp_path: Path) -> None:
    np.savez(tmp_path / "x.npz", x=np.ones((10, 4, 3), np.uint8))
    with pytest.raises(ConfigError, match="must have labels and both parts to be tested by folds"):
        load(f"{tmp_path / 'x.npz'}:fold1/5")


def test_folds_take_the_place_of_the_datas_own_split(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    labels = np.arange(40) % 4
    offset = np.arange(41) * 3
    own: dict[str, Any] = {"offset": offset, "label": labels, "is_test": np.arange(40) < 4}
    own |= {axis: rng.integers(0, 4, 120) for axis in "xy"} | {"p": rng.integers(0, 2, 120)}
    np.savez(tmp_path / "r.npz", t_us=np.tile([0, 10, 20], 40), **own)
    binning = Binning(bin_ms=1.0, steps=1)
    sizes = [len(load(f"{tmp_path / 'r.npz'}{fold}:test", binning)) for fold in ("", ":fold1/5", ":fold5/5")]
    assert sizes == [4, 8, 8]


def test_slices_are_parts_of_the_part() -> None:
    whole, some = load("digits:test"), load("digits:test[100:110]")
    assert some.first == 100
    assert len(some) == 10
    assert load("digits:test[:1]").classes == 10, "of the whole set"
    np.testing.assert_array_equal(some.x, whole.x[100:110])
    assert load("digits:test[350:1000]").x.shape[0] == 9


def test_npz_with_and_without_labels(tmp_path: Path) -> None:
    x = np.arange(40 * 3 * 2).reshape(40, 3, 2)
    np.savez(tmp_path / "both.npz", x=x, y=np.repeat([0, 1, 2, 3], 10))
    np.savez(tmp_path / "only.npz", x=x)
    both = load(f"{tmp_path}/both.npz")
    assert (both.static, both.classes, both.shape, len(both)) == (False, 4, (2,), 40)
    test = load(f"{tmp_path}/both.npz:test")
    assert test.y is not None
    assert np.bincount(test.y).tolist() == [2, 2, 2, 2]
    for row, label in zip(test.x, test.y, strict=True):
        assert row[0, 0] // 60 == label, "labels must stay with their samples"
    only = load(f"{tmp_path}/only.npz:train")
    assert only.y is None
    assert (only.classes, len(only)) == (0, 32)


def npz(**arrays: Any) -> bytes:
    file = io.BytesIO()
    np.savez(file, **arrays)
    return file.getvalue()


def single() -> bytes:
    file = io.BytesIO()
    np.save(file, np.zeros(3))
    return file.getvalue()


X = np.zeros((4, 3, 2))
WHOLE = npz(x=np.random.default_rng(0).random((40, 30, 2)))
BROKEN: dict[str, tuple[bytes | None, str]] = {
    "missing": (None, "there is no such file"),
    "empty": (b"", r"must be a readable npz without objects: No data left in file"),
    "text": (b"hello", r"must be a readable npz without objects: .+"),
    "pickle": (pickle.dumps([1]), r"must be a readable npz without objects: .*pickle.*"),
    "cut": (WHOLE[: len(WHOLE) // 2], r"must be a readable npz without objects: .+"),
    "flipped": (
        WHOLE[:3000] + bytes(99) + WHOLE[3099:],
        r"must be a readable npz without objects: Bad CRC-32.+",
    ),
    "single": (single(), "must be an npz archive, not a single array"),
    "objects": (npz(x=np.array([[[{}]]])), r"must be a readable npz without objects: Object arrays.+"),
    "keys": (npz(a=X, b=X), r"must hold an array x, not only \['a', 'b'\]"),
    "flat": (
        npz(x=X[0]),
        r"x must be numbers of shape \(samples, steps, \*input shape\), not float64 of shape \(3, 2\)",
    ),
    "strings": (
        npz(x=np.full((1, 1, 1), "a")),
        r"x must be numbers of shape \(samples, steps, \*input shape\), not <U1 of shape \(1, 1, 1\)",
    ),
    "none": (
        npz(x=X[:0]),
        r"x must be numbers of shape \(samples, steps, \*input shape\), not float64 of shape \(0, 3, 2\)",
    ),
    "infinite": (npz(x=X + np.inf), "x must be finite"),
    "labels": (
        npz(x=X, y=np.zeros(3, int)),
        r"y must be integers from 0 up of shape \(4,\), not int64 of shape \(3,\)",
    ),
    "negative": (
        npz(x=X, y=-np.ones(4, int)),
        r"y must be integers from 0 up of shape \(4,\), not int64 of shape \(4,\)",
    ),
    "real": (
        npz(x=X, y=np.zeros(4)),
        r"y must be integers from 0 up of shape \(4,\), not float64 of shape \(4,\)",
    ),
}


@pytest.mark.parametrize("what", BROKEN)
def test_refuses_broken_files(what: str, tmp_path: Path) -> None:
    content, message = BROKEN[what]
    path = tmp_path / "data.npz"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(ConfigError, match=f"^data '{path}': {message}$"):
        load(str(path))


def test_random_damage_gives_data_or_one_line(tmp_path: Path) -> None:
    whole = npz(x=np.ones((2, 3, 2), np.uint8), y=np.zeros(2, np.uint8))
    path = tmp_path / "data.npz"
    rng = np.random.default_rng(0)
    outcomes: set[Any] = set()
    for _ in range(600):
        damaged = bytearray(whole)
        for place in rng.integers(0, len(whole), rng.integers(1, 4)):
            damaged[place] = rng.integers(256)
        path.write_bytes(damaged)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                outcomes.add(load(str(path)).x.shape)
            except ConfigError as error:
                outcomes.add("several lines" if "\n" in str(error) else "refused")
    assert {(2, 3, 2), "refused"} <= outcomes
    assert "several lines" not in outcomes


def test_refuses_names_and_slices() -> None:
    with pytest.raises(
        ConfigError, match=rf"^data: must be one of {', '.join(NAMES)} or the path of data, not 'cifar'$"
    ):
        load("cifar")
    with pytest.raises(ConfigError, match=r"^data 'digits:test\[400:\]': selects none of 359 samples$"):
        load("digits:test[400:]")
    with pytest.raises(ConfigError, match=r"^data 'digits\[5:5\]': selects none of 1797 samples$"):
        load("digits[5:5]")


def packed(content: bytes) -> bytes:
    """Gzipped, without the time: names of tests come from it, and all workers must collect the same."""
    return gzip.compress(content, mtime=0)


def idx(shape: tuple[int, ...], data: bytes) -> bytes:
    return bytes((0, 0, 8, len(shape))) + b"".join(n.to_bytes(4, "big") for n in shape) + data


@pytest.fixture
def mnist(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("SPIKEWRIGHT_DATA", str(tmp_path))
    folder = tmp_path / "mnist_t10k"
    folder.mkdir()
    pixels = b"".join(bytes([51 * number] * 784) for number in (1, 2, 3))
    (folder / "t10k-images-idx3-ubyte.gz").write_bytes(packed(idx((3, 28, 28), pixels)))
    (folder / "t10k-labels-idx1-ubyte.gz").write_bytes(packed(idx((3,), bytes([2, 0, 1]))))
    return folder


@pytest.mark.usefixtures("mnist")
def test_mnist_is_tested_on_images_of_its_own() -> None:
    data = load("mnist:test")
    assert data.y is not None
    brightness = {2: 0.2, 0: 0.4, 1: 0.6}
    found = {int(label): round(float(image.mean()), 3) for label, image in zip(data.y, data.x, strict=True)}
    assert found == brightness
    assert (data.static, str(data.x.dtype), data.shape) == (True, "float32", (28, 28))
    trained, whole = load("mnist:train"), load("mnist5k")
    assert len(load("mnist")) == 5003
    assert sorted(trained.x.sum(axis=(1, 2))) == sorted(whole.x.sum(axis=(1, 2)))
    path = Path(os.environ["SPIKEWRIGHT_DATA"]) / "mnist_t10k" / "t10k-images-idx3-ubyte.gz"
    path.write_bytes(packed(idx((3, 2, 2), bytes(12))))
    with pytest.raises(ConfigError, match=r"^data mnist: must have images of 28 by 28 pixels, not \(2, 2\)$"):
        load("mnist")


def test_fashion_is_debians() -> None:
    if not named_data.FASHION.is_dir():
        with pytest.raises(ConfigError, match=r"^data fashion: install Debian's dataset-fashion-mnist"):
            load("fashion")
        pytest.skip("needs Debian's dataset-fashion-mnist")
    trained, held_out = load("fashion:train[0:100]"), load("fashion:test")
    assert (len(trained), len(held_out), held_out.classes) == (100, 10_000, 10)
    assert held_out.y is not None
    assert set(np.bincount(held_out.y)) == {1000}


def test_mnist_needs_to_be_told_where_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    for value in (None, ""):
        monkeypatch.delenv("SPIKEWRIGHT_DATA", raising=False)
        if value is not None:
            monkeypatch.setenv("SPIKEWRIGHT_DATA", value)
        with pytest.raises(
            ConfigError, match=r"^data mnist: set SPIKEWRIGHT_DATA to the folder that holds mnist_t10k$"
        ):
            load("mnist:test")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "must be a gzipped IDX file: No such file or directory"),
        (b"hello", "must be a gzipped IDX file: Not a gzipped file .+"),
        (packed(idx((3, 2, 2), bytes(12)))[:-12], "must be a gzipped IDX file: .+"),
        (packed(b"\0\0\x08"), "must be an IDX file of bytes with 3 axes"),
        (packed(idx((12,), bytes(12))), "must be an IDX file of bytes with 3 axes"),
        (
            packed(idx((3, 2, 2), bytes(11))),
            r"must hold 12 bytes for shape \(3, 2, 2\), not 11",
        ),
        (
            packed(idx((2**31, 2**31, 2**31), bytes(11))),
            r"must hold 9903520314283042199192993792 bytes for shape \(\d+, \d+, \d+\), not 11",
        ),
    ],
)
def test_refuses_broken_idx_files(mnist: Path, content: bytes | None, message: str) -> None:
    path = mnist / "t10k-images-idx3-ubyte.gz"
    path.unlink()
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(ConfigError, match=f"^data '{path}': {message}$"):
        load("mnist")


def test_mnist_needs_a_label_for_every_image(mnist: Path) -> None:
    (mnist / "t10k-labels-idx1-ubyte.gz").write_bytes(packed(idx((2,), bytes(2))))
    with pytest.raises(ConfigError, match=r"^data mnist: must have as many labels as images, 3, not 2$"):
        load("mnist")


DIGITS = [7, 5, 9, 5, 0, 4, 0, 3, 4, 5, 6, 1]
MNIST5K = [1, 8, 4, 4, 7, 1, 7, 4, 6, 4, 7, 4]
MNIST5K_SUM = 1248.6746
