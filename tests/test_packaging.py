"""The package: what a wheel holds, and that pyproject.toml, constraints and versions agree."""

import re
import shutil
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest

from spikewright import __version__

ROOT = Path(__file__).parents[1]
PARTS = ("boards", "compiler", "cosim", "models", "rtl")


def project() -> dict[str, object]:
    content: dict[str, object] = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    return content


def test_versions_agree() -> None:
    assert project()["version"] == __version__


@pytest.mark.parametrize("part", PARTS)
def test_every_part_is_a_link_that_stays_within(part: str) -> None:
    link = ROOT / "src" / "spikewright" / part
    assert link.is_symlink()
    assert link.readlink() == Path(f"../../{part}")
    assert (ROOT / part / "__init__.py").is_file()


def test_every_dependency_is_pinned() -> None:
    lines = (ROOT / "constraints.txt").read_text().splitlines()
    assert lines
    pinned = {}
    for line in lines:
        match = re.fullmatch(r"([A-Za-z0-9._-]+)==([A-Za-z0-9.]+)", line)
        assert match, f"constraints.txt: {line!r} must be NAME==VERSION"
        pinned[normal(match[1])] = match[2]
    content = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    for entry in (*content["dependencies"], *content["optional-dependencies"]["dev"]):
        name = re.match(r"[A-Za-z0-9._-]+", entry)
        assert name, entry
        assert normal(name[0]) in pinned, f"{entry} has no version in constraints.txt"


def normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def test_no_path_of_a_machine_is_kept() -> None:
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=False)
    if listed.returncode:
        pytest.skip("not a git checkout")
    for name in listed.stdout.splitlines():
        file = ROOT / name
        if file.is_file() and not file.is_symlink() and file.suffix not in (".png", ".nir", ".npz"):
            found = re.search(r"(?<![\w.])/(work|home|root|Users)/\w", file.read_text(encoding="utf-8"))
            assert not found, f"{name}: {found and found[0]}"


@pytest.mark.slow
def test_a_wheel_holds_every_module_and_data_file(tmp_path: Path) -> None:
    source = tmp_path / "source"
    source.mkdir()
    for name in (*PARTS, "src", "pyproject.toml", "README.md", "LICENSE"):
        entry = ROOT / name
        if entry.is_dir():
            ignored = shutil.ignore_patterns("__pycache__", "*.egg-info")
            shutil.copytree(entry, source / name, symlinks=True, ignore=ignored)
        else:
            shutil.copy(entry, source / name)
    command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "-w", str(tmp_path), str(source)]
    subprocess.run(command, check=True, capture_output=True)
    wheel = next(tmp_path.glob("spikewright-*.whl"))
    held = {name for name in zipfile.ZipFile(wheel).namelist() if ".dist-info/" not in name}
    files = [file for file in (ROOT / "src" / "spikewright").iterdir() if file.is_file()]
    folders = (*PARTS, "cli", "stages", "templates")
    files += [file for name in folders for file in (ROOT / "src" / "spikewright" / name).rglob("*")]
    wanted = {
        file.relative_to(ROOT / "src").as_posix()
        for file in files
        if file.is_file() and "__pycache__" not in file.parts and file.suffix != ".md"
    }
    assert held == wanted
    assert {name.split("/")[0] for name in held} == {"spikewright"}, "nothing else comes to the top level"
