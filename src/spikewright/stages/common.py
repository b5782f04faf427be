"""What stages share: versions of tools, summaries as JSON, and running only what has changed."""

import json
import math
import platform
from collections.abc import Callable, Mapping
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from spikewright.build import BuildFolder
from spikewright.errors import ConfigError
from spikewright.manifest import Stage, StageRecord, code_hash, hash_bytes

__all__ = [
    "Arrays",
    "array_hash",
    "json_bytes",
    "plain",
    "read_summary",
    "run_stage",
    "versions",
    "write_summary",
]

Arrays = dict[str, npt.NDArray[Any]]


def versions(stage: str, *packages: str) -> dict[str, str]:
    """Inputs of a stage beside its files: Spikewright's own code, Python, and packages that it uses."""
    found = {"code": code_hash(stage), "python": platform.python_version()}
    for name in packages:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            found[name] = "none"
    return found


def run_stage(
    folder: BuildFolder, stage: Stage, record: StageRecord, action: Callable[[Path], None], *, force: bool
) -> bool:
    """Run a stage unless it was run on the same inputs with the same options; whether it ran."""
    if not force and folder.is_current(stage, record):
        return False
    with folder.write(stage, record) as staging:
        action(staging)
    return True


def write_summary(file: Path, summary: Mapping[str, Any]) -> None:
    """Write a result as JSON."""
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(json_bytes(summary))


def read_summary(file: Path) -> dict[str, Any]:
    """Read a result that :func:`write_summary` wrote."""
    try:
        summary = json.loads(file.read_bytes())
    except FileNotFoundError:
        raise ConfigError(f"{file}: is missing") from None
    except ValueError as error:
        raise ConfigError(f"{file}: is not JSON: {error}") from error
    if not isinstance(summary, dict):
        raise ConfigError(f"{file}: must hold a JSON object, not {type(summary).__name__}")
    return summary


def json_bytes(value: Any) -> bytes:
    """JSON that every reader takes: NumPy's numbers as plain ones, no NaN."""
    return (json.dumps(plain(value), indent=1, allow_nan=False) + "\n").encode()


def plain(value: Any) -> Any:
    """Nested values as JSON knows them; figures that are not finite become null."""
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if hasattr(value, "model_dump"):
        return value.model_dump(mode="json")
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    if isinstance(value, np.generic | np.ndarray):
        return plain(value.tolist())
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if isinstance(value, Path):
        return str(value)
    return value


def array_hash(arrays: Mapping[str, npt.NDArray[Any]]) -> str:
    """Content hash of arrays by name."""
    parts = []
    for name in sorted(arrays):
        array = np.ascontiguousarray(arrays[name])
        parts.append(f"{name} {array.dtype.str} {array.shape} {hash_bytes(array.tobytes())}")
    return hash_bytes("\n".join(parts).encode())
