"""The build directory: replaced only when complete, skipped when nothing changed, hand edits noticed."""

import json
import os
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from spikewright.build import BuildFolder
from spikewright.errors import ConfigError, ToolError
from spikewright.manifest import CODE, Stage, StageRecord, code_hash, hash_bytes, read_manifest


def record(**options: object) -> StageRecord:
    return StageRecord(options=dict(options), inputs={"network.nir": hash_bytes(b"net")})


def fill(staging: Path, text: str) -> None:
    (staging / "config.yaml").write_text(text)
    (staging / "memory").mkdir()
    (staging / "memory" / "a.weights.hex").write_text("00\n")


def compiled(path: Path, text: str = "version: 1\n") -> BuildFolder:
    build = BuildFolder(path)
    with build.write("compile", record(weight_bits=8)) as staging:
        fill(staging, text)
    return build


def run(build: BuildFolder, stage: Stage, action: Callable[[Path], None]) -> None:
    with build.write(stage, record(weight_bits=4)) as staging:
        action(staging)


def listing(path: Path) -> list[str]:
    return sorted(file.relative_to(path).as_posix() for file in path.rglob("*"))


def test_writes_a_build_with_its_manifest(tmp_path: Path) -> None:
    compiled(tmp_path / "out" / "b")
    build = tmp_path / "out" / "b"
    assert listing(build) == ["config.yaml", "manifest.json", "memory", "memory/a.weights.hex"]
    assert [file.name for file in build.parent.iterdir()] == ["b"], "nothing is left beside it"
    manifest = json.loads((build / "manifest.json").read_text())
    assert manifest["stages"]["compile"] == {
        "options": {"weight_bits": 8},
        "inputs": {"network.nir": hash_bytes(b"net")},
        "outputs": {"config.yaml": hash_bytes(b"version: 1\n"), "memory/a.weights.hex": hash_bytes(b"00\n")},
    }


def test_two_builds_of_the_same_are_the_same(tmp_path: Path) -> None:
    for name in ("a", "b"):
        compiled(tmp_path / name)
    assert (tmp_path / "a" / "manifest.json").read_bytes() == (tmp_path / "b" / "manifest.json").read_bytes()


def test_a_stage_is_current_until_an_input_or_an_option_changes(tmp_path: Path) -> None:
    compiled(tmp_path / "b")
    build = BuildFolder.existing(tmp_path / "b")
    assert build.is_current("compile", record(weight_bits=8))
    assert not build.is_current("compile", record(weight_bits=4))
    assert not build.is_current(
        "compile", StageRecord(options={"weight_bits": 8}, inputs={"network.nir": "0"})
    )
    assert not build.is_current("cosim", record(weight_bits=8))


def test_options_compare_as_json_gives_them_back(tmp_path: Path) -> None:
    build = BuildFolder(tmp_path / "b")
    with build.write("compile", record(technologies=("ecp5", "ice40"))) as staging:
        fill(staging, "x")
    assert BuildFolder.existing(tmp_path / "b").is_current("compile", record(technologies=("ecp5", "ice40")))


def test_a_later_stage_keeps_the_others_and_the_scratch_folder(tmp_path: Path) -> None:
    build = compiled(tmp_path / "b")
    (tmp_path / "b" / "work").mkdir()
    (tmp_path / "b" / "work" / "simulator").write_text("binary")
    (tmp_path / "b" / "notes.txt").write_text("mine")
    for samples in (1, 2):
        with build.write("cosim", record(samples=samples)) as staging:
            (staging / "cosim").mkdir()
            (staging / "cosim" / f"{samples}.json").write_text("{}")
    assert listing(tmp_path / "b") == [
        "config.yaml", "cosim", "cosim/2.json", "manifest.json", "memory", "memory/a.weights.hex",
        "notes.txt", "work", "work/simulator",
    ]  # fmt: skip
    BuildFolder.existing(tmp_path / "b").check()
    assert [file.name for file in tmp_path.iterdir()] == ["b"], "nothing is left beside it"


def test_compiling_again_drops_what_was_measured_on_the_old_hardware(tmp_path: Path) -> None:
    build = compiled(tmp_path / "b")
    with build.write("cosim", record()) as staging:
        (staging / "cosim").mkdir()
        (staging / "cosim" / "r.json").write_text("{}")
    (tmp_path / "b" / "work").mkdir()
    (tmp_path / "b" / "notes.txt").write_text("mine")
    with build.write("compile", record(weight_bits=4)) as staging:
        fill(staging, "new")
    assert listing(tmp_path / "b") == [
        "config.yaml", "manifest.json", "memory", "memory/a.weights.hex", "notes.txt",
    ]  # fmt: skip
    assert list(BuildFolder.existing(tmp_path / "b").stages) == ["compile"]


def interrupt(staging: Path) -> None:
    (staging / "config.yaml").write_text("half")
    raise KeyboardInterrupt


def test_a_failure_leaves_the_old_build(tmp_path: Path) -> None:
    build = compiled(tmp_path / "b", "old")
    before = {name: (tmp_path / "b" / name).read_bytes() for name in ("config.yaml", "manifest.json")}
    with pytest.raises(KeyboardInterrupt):
        run(build, "compile", interrupt)
    assert {name: (tmp_path / "b" / name).read_bytes() for name in before} == before
    assert [file.name for file in tmp_path.iterdir()] == ["b"], "nothing is left beside it"


def test_a_failed_first_build_leaves_nothing(tmp_path: Path) -> None:
    build = BuildFolder(tmp_path / "deep" / "er" / "b")
    with pytest.raises(KeyboardInterrupt):
        run(build, "compile", interrupt)
    assert listing(tmp_path) == []


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full, a disk that is full")
def test_a_full_disk_is_one_line_and_keeps_the_old_build(tmp_path: Path) -> None:
    build = compiled(tmp_path / "b", "old")
    message = rf"^{re.escape(str(tmp_path / 'b'))}: No space left on device; the build is as it was$"

    def overflow(staging: Path) -> None:
        (staging / "network.npz").symlink_to("/dev/full")
        (staging / "network.npz").write_bytes(bytes(100_000))

    with pytest.raises(ToolError, match=message):
        run(build, "compile", overflow)
    assert (tmp_path / "b" / "config.yaml").read_text() == "old"
    BuildFolder.existing(tmp_path / "b").check()


def test_a_rename_that_fails_puts_the_old_build_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    build = compiled(tmp_path / "b", "old")
    rename, staged = Path.rename, list[Path]()

    def refuse(self: Path, target: Path) -> Path:
        if staged and self == staged[0]:
            raise PermissionError(13, "Permission denied", str(target))
        return rename(self, target)

    def action(staging: Path) -> None:
        staged.append(staging)
        fill(staging, "new")

    monkeypatch.setattr(Path, "rename", refuse)
    with pytest.raises(PermissionError):
        run(build, "compile", action)
    assert staged, "the block must have run"
    assert (tmp_path / "b" / "config.yaml").read_text() == "old"
    assert [file.name for file in tmp_path.iterdir()] == ["b"], "nothing is left beside it"


def test_a_build_that_another_program_replaced_is_not_overwritten(tmp_path: Path) -> None:
    build = compiled(tmp_path / "b")

    def compile_beside(_: Path) -> None:
        run(BuildFolder(tmp_path / "b"), "compile", lambda staging: fill(staging, "newer"))

    with pytest.raises(ToolError, match=r"another program replaced the build; run cosim again$"):
        run(build, "cosim", compile_beside)
    assert (tmp_path / "b" / "config.yaml").read_text() == "newer"


def test_a_file_changed_by_hand_is_noticed(tmp_path: Path) -> None:
    compiled(tmp_path / "b")
    file = tmp_path / "b" / "config.yaml"
    BuildFolder.existing(tmp_path / "b").check()
    file.write_text("version: 2\n")
    message = rf"^{re.escape(str(file))}: was changed since compile wrote it \(sha256 \w+, the manifest has"
    with pytest.raises(ConfigError, match=message + r" \w+\); give --force to go on all the same$"):
        BuildFolder.existing(tmp_path / "b").check()


def test_a_missing_and_an_added_file_are_noticed(tmp_path: Path) -> None:
    compiled(tmp_path / "b")
    file = tmp_path / "b" / "memory" / "a.weights.hex"
    moved = file.rename(file.with_name("b.hex"))
    with pytest.raises(
        ConfigError, match=r"hex: is missing, compile wrote it; compile again, or give --force$"
    ):
        BuildFolder.existing(tmp_path / "b").check()
    file.write_text(moved.read_text())
    with pytest.raises(ConfigError, match=r"b\.hex: compile did not write this; take it away, or"):
        BuildFolder.existing(tmp_path / "b").check()


def test_a_folder_that_is_no_build_is_refused(tmp_path: Path) -> None:
    folder = tmp_path / "thesis"
    folder.mkdir()
    BuildFolder(folder)  # empty: nothing can be lost
    (folder / "chapter.tex").write_text("precious")
    message = r"/thesis: the folder is not empty and has no manifest\.json, so it is no build; name another"
    with pytest.raises(ConfigError, match=message + r", or give --force$"):
        BuildFolder(folder)
    with BuildFolder(folder, force=True).write("compile", record()) as staging:
        fill(staging, "x")
    assert (folder / "chapter.tex").read_text() == "precious", "--force takes away only what has our names"


def test_a_file_in_the_place_of_the_build_is_refused(tmp_path: Path) -> None:
    (tmp_path / "b").write_text("x")
    with pytest.raises(ConfigError, match=r"b: a build is a folder, this is a file$"):
        BuildFolder(tmp_path / "b", force=True)


def test_there_must_be_a_build(tmp_path: Path) -> None:
    path = re.escape(str(tmp_path / "no"))
    message = rf"^{path}: there is no build \(no manifest\.json\); make one: spikewright compile NET\.nir -o"
    with pytest.raises(ConfigError, match=message + f" {path}$"):
        BuildFolder.existing(tmp_path / "no")


@pytest.mark.parametrize(
    "text",
    ["", "{", "[]", "{}", '{"format": 1, "stages": {"compile": {}}}', '{"format": 1, "stages": []}',
     '{"format": 1, "stages": {"compile": {"options": 1, "inputs": {}, "outputs": {}}}}'],
)  # fmt: skip
def test_a_broken_manifest_is_one_line(tmp_path: Path, text: str) -> None:
    (tmp_path / "manifest.json").write_text(text)
    with pytest.raises(ConfigError, match=r"manifest\.json: is not a manifest; compile again with --force$"):
        read_manifest(tmp_path / "manifest.json")


def test_a_manifest_of_another_format_is_refused(tmp_path: Path) -> None:
    (tmp_path / "manifest.json").write_text('{"format": 2}')
    with pytest.raises(ConfigError, match=r"manifest\.json: format must be 1, not 2; compile again with"):
        BuildFolder(tmp_path)


def test_new_folders_get_the_usual_permissions(tmp_path: Path) -> None:
    mask = os.umask(0o027)
    try:
        compiled(tmp_path / "b")
    finally:
        os.umask(mask)
    assert (tmp_path / "b").stat().st_mode & 0o777 == 0o750


def test_every_stage_knows_the_code_it_depends_on() -> None:
    root = Path(__file__).parents[1] / "src" / "spikewright"
    for stage, parts in CODE.items():
        for part in parts:
            assert (root / part).is_dir() or (root / f"{part}.py").is_file(), (stage, part)
        assert len(code_hash(stage)) == 64
