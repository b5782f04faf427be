"""Sound as a data set: names, tables and folders, and recordings brought to a number of steps."""

from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
import soundfile  # type: ignore[import-untyped]

from spikewright.errors import ConfigError
from spikewright.models.binning import Binning
from spikewright.models.data import load
from spikewright.models.encoders import encode_sound
from spikewright.models.sounds import (
    digits_by_name,
    encode_sounds,
    longest,
    sounds_of_folder,
    sounds_of_table,
)
from tests.sound_networks import BANK, PURSUIT

Reals = npt.NDArray[np.float64]


def write(path: Path, samples: int = 100, rate_hz: int = 8000, hz: float = 700.0) -> Path:
    """A tone with a constant offset."""
    path.parent.mkdir(parents=True, exist_ok=True)
    time = np.arange(samples) / rate_hz
    soundfile.write(str(path), 0.05 + 0.3 * np.sin(2 * np.pi * hz * time), rate_hz)
    return path


def test_digits_by_name(tmp_path: Path) -> None:
    """A take below 5 is for testing, as the data set has it."""
    for name in ("7_theo_4", "0_jackson_5", "7_nicolas_12"):
        write(tmp_path / f"{name}.wav")
    found = digits_by_name(tmp_path)
    assert [file.stem for file in found.files] == ["0_jackson_5", "7_nicolas_12", "7_theo_4"]
    assert found.labels is not None
    assert found.is_test is not None
    assert (found.labels.tolist(), found.is_test.tolist()) == ([0, 7, 7], [False, False, True])


@pytest.mark.parametrize("name", ["7_theo", "a_theo_1", "7_theo_x", "7_theo_1_2"])
def test_digits_with_other_names_are_refused(name: str, tmp_path: Path) -> None:
    write(tmp_path / f"{name}.wav")
    message = rf"^data fsdd: files must be named digit_speaker_take\.wav, not '{name}\.wav'$"
    with pytest.raises(ConfigError, match=message):
        digits_by_name(tmp_path)


def test_a_folder_without_digits_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"^data fsdd: '.*' holds no WAV files$"):
        digits_by_name(tmp_path)


def test_sounds_of_a_table(tmp_path: Path) -> None:
    table = tmp_path / "metadata.csv"
    table.write_text("split,label,file\ntest,yes,yes/a.wav\ntrain,no,no/b.wav\nvalidation,yes,yes/c.wav\n")
    found = sounds_of_table(table)
    assert [file.relative_to(tmp_path).as_posix() for file in found.files] == ["yes/a.wav", "no/b.wav",
                                                                              "yes/c.wav"]
    assert found.labels is not None
    assert found.is_test is not None
    assert (found.labels.tolist(), found.is_test.tolist()) == ([1, 0, 1], [True, False, False])


@pytest.mark.parametrize("text", ["file,label\na.wav,yes\n", None])
def test_a_table_that_lacks_something_is_refused(text: str | None, tmp_path: Path) -> None:
    table = tmp_path / "metadata.csv"
    if text is not None:
        table.write_text(text)
    with pytest.raises(ConfigError, match=r"metadata\.csv': must list file, label and split: "):
        sounds_of_table(table)


def test_folders_are_classes(tmp_path: Path) -> None:
    for name in ("low/b.wav", "low/a.flac", "high/c.ogg"):
        write(tmp_path / name, samples=4000)
    (tmp_path / "high" / "notes.txt").write_text("no sound")
    found = sounds_of_folder(tmp_path)
    assert [file.name for file in found.files] == ["c.ogg", "a.flac", "b.wav"]
    assert found.labels is not None
    assert found.labels.tolist() == [0, 1, 1]
    assert found.is_test is None


def test_a_folder_of_files_has_no_classes(tmp_path: Path) -> None:
    write(tmp_path / "a.wav")
    write(tmp_path / "low" / "b.wav")
    assert sounds_of_folder(tmp_path).labels is None


def test_a_folder_without_sound_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"^data '.*': holds no sound \(\.wav, \.flac, \.ogg\)$"):
        sounds_of_folder(tmp_path)


def test_recordings_are_padded_to_the_longest_of_all_parts(tmp_path: Path) -> None:
    """Whatever part is asked for; at whatever rate the files are."""
    write(tmp_path / "a" / "short.wav", 40)
    write(tmp_path / "b" / "long.wav", 1001, rate_hz=16000)  # 501 at 8 kHz: 16 steps of 32
    sounds = sounds_of_folder(tmp_path)
    assert longest(sounds, PURSUIT) == 16
    counts, sound, notes = encode_sounds(sounds, np.array([0]), PURSUIT, None, "name")
    assert (counts.shape, sound.steps, notes) == ((1, 16, PURSUIT.lines), 16, ())
    assert [len(samples) for samples in sound.samples] == [40]
    counts, sound, _ = encode_sounds(sounds, np.array([1, 0]), PURSUIT, None, "name")
    assert [len(samples) for samples in sound.samples] == [501, 40]
    np.testing.assert_array_equal(counts, encode_sound(PURSUIT, sound))
    assert counts.any()
    assert not counts[1, 2:].any(), "silence is added"


def test_recordings_are_cut(tmp_path: Path) -> None:
    sounds = sounds_of_folder(write(tmp_path / "a" / "long.wav", 501).parent)
    counts, sound, notes = encode_sounds(sounds, np.array([0]), BANK, 3, "name")
    assert counts.shape == (1, 3, BANK.lines)
    assert [len(samples) for samples in sound.samples] == [96]
    assert notes == ("name: 1 of 1 recordings are longer than 3 steps: cut off",)


def test_sound_is_normalised_as_encode_does(tmp_path: Path) -> None:
    sounds = sounds_of_folder(write(tmp_path / "a" / "tone.wav", 801).parent)
    _, sound, _ = encode_sounds(sounds, np.array([0]), PURSUIT, None, "name")
    (samples,) = sound.samples
    assert max(samples.max(), -samples.min()) in (32767, 32768)
    assert abs(samples.mean()) < 1


def test_what_would_not_fit_in_memory_is_refused(tmp_path: Path) -> None:
    sounds = sounds_of_folder(write(tmp_path / "a" / "tone.wav").parent)
    message = r"^data 'name': 1 recordings of 1000000000 steps of 48 lines take 48\.0 GB: take fewer "
    with pytest.raises(ConfigError, match=message):
        encode_sounds(sounds, np.array([0]), PURSUIT, 1_000_000_000, "name")


def test_a_file_that_is_no_sound_is_named(tmp_path: Path) -> None:
    write(tmp_path / "a" / "tone.wav")
    (tmp_path / "a" / "bad.wav").write_text("no sound")
    sounds = sounds_of_folder(tmp_path)
    with pytest.raises(ConfigError, match=r"bad\.wav: must be sound in WAV, FLAC, Ogg or the like: "):
        encode_sounds(sounds, np.array([1]), PURSUIT, None, "name")


def test_a_data_set_of_sound_needs_an_encoder(tmp_path: Path) -> None:
    for label in ("a", "b"):
        for index in range(5):
            write(tmp_path / label / f"{index}.wav", 300 + index)
    message = r"': are sound, and the network does not say how it is encoded; give --encoder$"
    with pytest.raises(ConfigError, match=message):
        load(str(tmp_path))
    found = load(f"{tmp_path}:train", Binning(encoder=PURSUIT))
    assert (found.x.shape[1:], found.classes, found.static) == ((10, PURSUIT.lines), 2, False)
    assert found.sound is not None
    assert len(found.sound) == len(found.x)
    test = load(f"{tmp_path}:test", Binning(encoder=PURSUIT))
    assert len(found) + len(test) == 10
    assert test.x.shape[1] == 10


@pytest.mark.parametrize(("name", "folder"), [("fsdd", "fsdd"), ("speech_commands", "speech_commands_core")])
def test_named_sound_is_looked_for_in_the_data_folder(
    name: str, folder: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SPIKEWRIGHT_DATA", str(tmp_path))
    if name == "fsdd":
        write(tmp_path / folder / "recordings" / "3_theo_0.wav")
        write(tmp_path / folder / "recordings" / "3_theo_7.wav")
    else:
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "metadata.csv").write_text("file,label,split\nx.wav,up,test\ny.wav,up,train\n")
        write(tmp_path / folder / "x.wav")
        write(tmp_path / folder / "y.wav")
    for part in ("train", "test"):
        assert len(load(f"{name}:{part}", Binning(encoder=BANK))) == 1
    monkeypatch.delenv("SPIKEWRIGHT_DATA")
    with pytest.raises(ConfigError, match=rf"^data {name}: set SPIKEWRIGHT_DATA to the folder that holds "):
        load(name, Binning(encoder=BANK))


def test_a_folder_is_found_by_its_bare_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for index in range(5):
        write(tmp_path / "sounds" / "a" / f"{index}.wav")
    monkeypatch.chdir(tmp_path)
    assert len(load("sounds:test", Binning(encoder=PURSUIT, steps=2))) == 1
    assert len(load("sounds:train", Binning(encoder=PURSUIT, steps=2))) == 4
    with pytest.raises(ConfigError, match=r"^data: must be one of .* or the path of data, not 'noises'$"):
        load("noises")
    with pytest.raises(ConfigError, match=r"^data '\./noises': there is no such file or folder$"):
        load("./noises")


def test_too_few_sounds_to_test_with(tmp_path: Path) -> None:
    write(tmp_path / "a" / "one.wav")
    with pytest.raises(ConfigError, match=r":test': has no sample, as all 1 are in the other part; "):
        load(f"{tmp_path}:test", Binning(encoder=PURSUIT, steps=2))
