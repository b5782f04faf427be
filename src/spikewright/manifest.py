"""The manifest of a build: which stages ran, with what options, on what, and what they wrote."""

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from functools import cache
from pathlib import Path
from typing import Any, Literal, get_args

from spikewright import __version__
from spikewright.errors import ConfigError

__all__ = [
    "MANIFEST",
    "OUTPUTS",
    "STAGES",
    "Stage",
    "StageRecord",
    "canonical",
    "code_hash",
    "hash_bytes",
    "hash_file",
    "owned_files",
    "read_manifest",
    "write_manifest",
]

Stage = Literal["compile", "cosim", "estimate", "report"]
STAGES: tuple[Stage, ...] = get_args(Stage)

MANIFEST = "manifest.json"
FORMAT = 1

OUTPUTS: dict[Stage, tuple[str, ...]] = {
    "compile": (
        "network.nir",
        "semantics.json",
        "config.yaml",
        "network.npz",
        "memory",
        "rtl",
        "compile.json",
    ),
    "cosim": ("cosim",),
    "estimate": ("estimate",),
    "report": ("report.html",),
}
"""What a stage writes: files, and folders that belong to it alone."""

SHARED = ("config", "errors", "events", "fixed", "ir", "memories", "network", "neuron", "stages/common")
CODE: dict[str, tuple[str, ...]] = {
    "train": (*SHARED, "models"),
    "compile": (*SHARED, "models", "compiler", "rtl", "boards/area", "stages/compile", "stages/stimulus"),
    "cosim": (
        *SHARED,
        "models",
        "cosim",
        "compiler",
        "boards/activity",
        "stages/cosim",
        "stages/cosim_results",
        "stages/injection",
        "stages/stimulus",
    ),
    "estimate": (*SHARED, "models", "boards", "cosim", "stages/estimate"),
    "report": ("figures", "manifest", "report", "report_tables", "templates", "wording"),
}
"""Modules and parts whose code a stage's result depends on."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StageRecord:
    """What the manifest says of one stage.

    Parameters
    ----------
    options
        What was asked for, readable: the report prints it.
    inputs
        Content hashes, and versions of tools, of all that the outputs depend on.
    outputs
        Content hash of every file, by its path in the build.
    """

    options: dict[str, Any]
    inputs: dict[str, str]
    outputs: dict[str, str] = field(default_factory=dict)


def owned_files(root: Path, stage: Stage) -> Iterator[Path]:
    """Files of a stage's outputs, in order of their names."""
    for name in OUTPUTS[stage]:
        entry = root / name
        if entry.is_dir():
            yield from sorted(file for file in entry.rglob("*") if file.is_file())
        elif entry.is_file():
            yield entry


def read_manifest(file: Path) -> dict[str, StageRecord]:
    """Stages of a manifest."""
    try:
        content = json.loads(file.read_bytes())
        version = content["format"]
        if version != FORMAT:
            raise ConfigError(f"{file}: format must be {FORMAT}, not {version!r}; compile again with --force")
        stages = {name: StageRecord(**record) for name, record in content["stages"].items()}
        for record in stages.values():
            if not all(isinstance(part, dict) for part in (record.options, record.inputs, record.outputs)):
                raise TypeError
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        if isinstance(error, ConfigError):
            raise
        raise ConfigError(f"{file}: is not a manifest; compile again with --force") from error
    return stages


def write_manifest(file: Path, stages: Mapping[str, StageRecord]) -> None:
    """Write all stages, readable and always in the same order."""
    content = {
        "format": FORMAT,
        "spikewright": __version__,
        "stages": {name: asdict(stages[name]) for name in OUTPUTS if name in stages},
    }
    file.write_text(json.dumps(content, indent=1, sort_keys=False) + "\n", encoding="utf-8")


def canonical(options: Mapping[str, Any]) -> dict[str, Any]:
    """Options as they come back from JSON, so that those of a manifest compare equal."""
    result: dict[str, Any] = json.loads(json.dumps(options))
    return result


def hash_bytes(content: bytes) -> str:
    """Content hash of bytes."""
    return hashlib.sha256(content).hexdigest()


def hash_file(file: Path) -> str:
    """Content hash of a file."""
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


@cache
def code_hash(stage: str) -> str:
    """Content hash of the code that a stage's result depends on."""
    root = Path(__file__).parent
    digest = hashlib.sha256()
    for name in CODE[stage]:
        part = root / name
        files = sorted(part.rglob("*")) if part.is_dir() else [part.with_suffix(".py")]
        for file in files:
            if file.is_file() and file.suffix != ".pyc":
                digest.update(f"{file.relative_to(root).as_posix()}\0{hash_file(file)}\0".encode())
    return digest.hexdigest()
