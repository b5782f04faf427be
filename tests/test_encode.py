"""``spikewright encode`` and ``decode``: what they write, what they say, what they refuse."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import soundfile  # type: ignore[import-untyped]

from spikewright import api
from spikewright.cli import main
from spikewright.errors import ConfigError
from spikewright.models import sound as sound_module
from spikewright.models.spike_file import read_spikes
from spikewright.models.spiketrum_decode import StreamSnr
from spikewright.models.spiketrum_fixed import encode_fixed
from spikewright.models.spiketrum_spikes import decode, snr_db
from spikewright.stages import encode as encode_stage
from tests.models.spiketrum_reference import sound

Wave = npt.NDArray[np.float64]


def write(path: Path, wave: Wave, rate_hz: int = 8000) -> Path:
    soundfile.write(path, wave, rate_hz, subtype="FLOAT")
    return path


def run(capsys: pytest.CaptureFixture[str], *arguments: object) -> dict[str, Any]:
    assert main([*map(str, arguments), "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert isinstance(found, dict)
    return found


def refused(capsys: pytest.CaptureFixture[str], *arguments: object) -> str:
    assert main([str(argument) for argument in arguments]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.count("\n") == 1
    return err.strip()


@pytest.fixture
def audio(tmp_path: Path) -> Path:
    return write(tmp_path / "a.wav", 0.3 * sound(8000) / 32768)


@pytest.mark.parametrize("fixed", [False, True])
def test_encodes_at_the_rate_and_decodes_to_the_sound(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], audio: Path, fixed: bool
) -> None:
    output = tmp_path / "new" / "s.npz"
    result = run(capsys, "encode", audio, "-o", output, "--rate", 1200, *(["--fixed"] if fixed else []))
    assert (result["spikes"], result["asked"], result["spikes_per_second"]) == (1200, 1200, 1200)
    assert result["duration_s"] == 1.0
    assert result["snr_db"] > 8
    back = run(capsys, "decode", output, "-o", tmp_path / "b.wav")
    assert back["spikes"] == 1200
    original, decoded = soundfile.read(audio)[0], soundfile.read(tmp_path / "b.wav")[0]
    offset = original.mean()
    assert snr_db(original - offset, decoded) == pytest.approx(result["snr_db"], abs=0.1)


def test_the_integer_encoder_is_the_one_that_hardware_equals(tmp_path: Path, audio: Path) -> None:
    result = api.encode(audio, tmp_path / "s.npz", fixed=True)
    file = read_spikes(tmp_path / "s.npz")
    assert file.fixed
    wave = soundfile.read(audio)[0]
    pcm, _ = sound_module.to_pcm((wave - wave.mean()) * file.gain, 16)
    expected = encode_fixed(pcm, file.config)
    np.testing.assert_array_equal(file.spikes.position, expected.position)
    np.testing.assert_array_equal(file.spikes.lines(file.config), expected.lines(file.config))
    assert np.abs(pcm).max() == 32767, "the peak is brought to full scale"
    quality = snr_db(pcm / 32768, decode(expected, file.bank, len(pcm)))
    assert result["snr_db"] == pytest.approx(quality, abs=0.01)


def test_options_take_the_place_of_the_file(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], audio: Path
) -> None:
    (tmp_path / "spiketrum.yaml").write_text("channels: 16\nrate_hz: 100\nlevels: 4\nlow_hz: 1e2\n")
    result = run(capsys, "encode", audio, "-o", tmp_path / "s.npz", "--config", tmp_path / "spiketrum.yaml",
                 "--rate", 200, "--levels", 6)  # fmt: skip
    chosen = {key: result["config"][key] for key in ("channels", "rate_hz", "levels", "low_hz", "window")}
    assert chosen == {"channels": 16, "rate_hz": 200, "levels": 6, "low_hz": 100.0, "window": 256}
    assert result["spikes"] == 200
    assert read_spikes(tmp_path / "s.npz").spikes.level.max() == 5
    free = run(capsys, "encode", audio, "-o", tmp_path / "s.npz", "--levels", 0)
    assert not free["quantised"]
    assert set(read_spikes(tmp_path / "s.npz").spikes.level.tolist()) == {-1}
    assert free["snr_db"] > result["snr_db"]


def test_a_picture_is_drawn(tmp_path: Path, audio: Path) -> None:
    for name in ("p.png", "p.svg"):
        api.encode(audio, tmp_path / "s.npz", plot=tmp_path / name)
        assert (tmp_path / name).stat().st_size > 20_000
    with pytest.raises(ConfigError, match=r"^a picture must end with \.png, \.svg, \.pdf, not '\.txt'$"):
        api.encode(audio, tmp_path / "t.npz", plot=tmp_path / "p.txt")
    assert not (tmp_path / "t.npz").exists()


@pytest.mark.parametrize("fixed", [False, True])
@pytest.mark.parametrize("case", ["silence", "one sample", "DC", "clipped", "quiet", "click"])
def test_unusual_sound_has_sensible_spikes(tmp_path: Path, fixed: bool, case: str) -> None:
    wave = {
        "silence": np.zeros(4000), "one sample": np.array([0.5]), "DC": np.full(4000, 0.7),
        "clipped": np.clip(sound(4000) / 8000, -1, 1), "quiet": 1e-4 * sound(4000) / 32768,
        "click": np.eye(1, 4000, 2000)[0],
    }[case]  # fmt: skip
    result = api.encode(write(tmp_path / "a.wav", wave), tmp_path / "s.npz", fixed=fixed)
    if case in ("silence", "one sample", "DC"):
        assert (result["spikes"], result["snr_db"]) == (0, None)
    else:
        assert result["spikes"] == 200
        assert result["snr_db"] > (1 if case == "click" else 4)
    if case == "DC":
        assert "constant offset of 0.7 of full scale taken out" in result["notes"]
    if case == "silence":
        assert result["notes"] == ["200 spikes less than the rate allows: silence had no use for them"]
    assert api.decode(tmp_path / "s.npz", tmp_path / "b.wav")["samples"] == len(wave)


def test_sound_as_it_is_may_be_clipped(tmp_path: Path) -> None:
    file = write(tmp_path / "a.wav", 0.2 + 3 * sound(4000) / 32768)
    result = api.encode(file, tmp_path / "s.npz", fixed=True, as_it_is=True)
    assert result["gain"] == 1
    assert result["clipped"] > 10
    assert result["notes"] == [f"samples beyond full scale, clipped: {result['clipped']}"]


@pytest.mark.parametrize("fixed", [False, True])
def test_long_sound_is_coded_in_bounded_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fixed: bool
) -> None:
    held: list[int] = []
    compare = StreamSnr.compare

    def watched(self: StreamSnr, decoded: Wave) -> None:
        held.append(len(self._waiting))
        compare(self, decoded)

    monkeypatch.setattr(encode_stage, "SECTION", 4000)
    monkeypatch.setattr(sound_module, "PIECE", 1000)
    monkeypatch.setattr(StreamSnr, "compare", watched)
    file = write(tmp_path / "a.wav", sound(60_000) / 32768)
    result = api.encode(file, tmp_path / "s.npz", rate=100, fixed=fixed)
    assert result["spikes"] == 750
    assert len(held) == 62, "pieces, a last empty one, and the end"
    assert max(held) < 4000 + 610 + 1000
    decoded = tmp_path / "whole.wav", tmp_path / "pieces.wav"
    monkeypatch.setattr(encode_stage, "SECTION", 1 << 17)
    api.decode(tmp_path / "s.npz", decoded[0])
    monkeypatch.setattr(encode_stage, "SECTION", 1000)
    api.decode(tmp_path / "s.npz", decoded[1])
    np.testing.assert_array_equal(soundfile.read(decoded[0])[0], soundfile.read(decoded[1])[0])
    if not fixed:
        per_section = np.bincount(read_spikes(tmp_path / "s.npz").spikes.position // 4000)
        assert per_section.tolist() == [50] * 15


def test_refusals_are_one_line_and_leave_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], audio: Path
) -> None:
    output = tmp_path / "s.npz"
    (tmp_path / "bad.yaml").write_text("chanels: 40\n")
    (tmp_path / "wrong.yaml").write_text("kernel_bits: 40\n")
    (tmp_path / "text.yaml").write_text("rate_hz: fast\n")
    nan = write(tmp_path / "nan.wav", np.array([0.0, np.nan]))
    cases = [
        (("--config", tmp_path / "bad.yaml"), "bad.yaml: chanels: is not a key; keys are kind, "),
        (("--config", tmp_path / "wrong.yaml"), "wrong.yaml: kernel_bits must be in 3..12, not 40"),
        (("--config", tmp_path / "text.yaml"), "text.yaml: rate_hz: must be an integer, not 'fast'"),
        (("--config", tmp_path / "none.yaml"), "none.yaml: there is no such file"),
        (("--channels", 2000), "channels must be in 1..1024, not 2000"),
        (("--fixed", "--levels", 0), "levels must be 1 or more with the integer encoder"),
        (("--fixed", "--window", 512), "window belongs to the configuration with the integer encoder"),
    ]
    for options, message in cases:
        assert message in refused(capsys, "encode", audio, "-o", output, *options)
    assert "sample 1 (0.000 s) must be finite, not nan" in refused(capsys, "encode", nan, "-o", output)
    assert "must be sound in WAV" in refused(capsys, "encode", tmp_path / "bad.yaml", "-o", output)
    assert "must end with .wav, .flac, .ogg, not '.mp9'" in refused(
        capsys, "decode", output, "-o", tmp_path / "b.mp9"
    )
    assert "must be spikes that `spikewright encode` wrote, and is no npz" in refused(
        capsys, "decode", audio, "-o", tmp_path / "b.wav"
    )
    assert {file.name for file in tmp_path.iterdir()} == {
        "a.wav", "bad.yaml", "wrong.yaml", "text.yaml", "nan.wav",
    }  # fmt: skip


def spoil(arrays: dict[str, Any], key: str, value: Any) -> dict[str, Any]:
    return arrays | {key: value} if value is not None else {k: v for k, v in arrays.items() if k != key}


@pytest.mark.parametrize(("key", "value", "message"), [
    ("position", None, r"must hold position as well as "),
    ("position", np.array([0.5]), r"position must be integers of shape \(1,\), not float64 of shape \(1,\)$"),
    ("channel", np.array([1, 2]), r"channel must be integers of shape \(\d+,\), not int64 of shape \(2,\)$"),
    ("samples", np.int64(10), r"position must be in 0\.\.9, not "),
    ("samples", np.int64(-1), r"samples must be in 0\.\.2147483648, not -1$"),
    ("gain", np.float64(0), r"gain must be above 0, not 0\.0$"),
    ("fixed", np.array([True]), r"fixed must be one number, not bool of shape \(1,\)$"),
    ("config", np.array('{"chanels": 3}'), r"config: chanels is not a key$"),
    ("config", np.array('{"channels": "many"}'), r"config: channels must be of type int, not 'many'$"),
    ("config", np.array("[]"), r"config: must be a mapping, not list$"),
    ("config", np.array("nothing"), r"config: Expecting value"),
])  # fmt: skip
def test_files_of_spikes_are_checked(tmp_path: Path, audio: Path, key: str, value: Any, message: str) -> None:
    api.encode(audio, tmp_path / "s.npz", rate=50)
    with np.load(tmp_path / "s.npz") as archive:
        arrays = dict(archive)
    np.savez(tmp_path / "t.npz", **spoil(arrays, key, value))
    with pytest.raises(ConfigError, match=rf"t\.npz: {message}"):
        read_spikes(tmp_path / "t.npz")


def test_a_configuration_comes_back_from_its_text() -> None:
    from spikewright.compiler.encoder_yaml import encoder_text, parse_encoder
    from spikewright.spiketrum import SpiketrumConfig

    config = SpiketrumConfig(channels=3, gains=(1, 2, 3), gram_floor=1e-3)
    assert parse_encoder(encoder_text(config), "here") == config
    assert parse_encoder("{}", "here") == SpiketrumConfig()
    with pytest.raises(ConfigError, match=r"^here: gains: must be a list, not 5$"):
        parse_encoder("gains: 5", "here")
