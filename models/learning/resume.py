"""The file that an interrupted training leaves: written whole, read without running anything."""

import os
from pathlib import Path
from typing import Any

import torch

from spikewright.errors import ConfigError

__all__ = ["read_state", "write_state"]


def write_state(path: Path, state: dict[str, Any]) -> None:
    """Write tensors and plain values; the file is there whole or as it was."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        torch.save(state, temporary)
        temporary.replace(path)
    except (OSError, RuntimeError) as error:  # torch says with a RuntimeError that a disk is full
        raise ConfigError(f"output {str(path)!r}: cannot be written: {error}") from error
    finally:
        temporary.unlink(missing_ok=True)


def read_state(path: Path, made_with: str) -> dict[str, Any]:
    """Read what :func:`write_state` wrote.

    Raises
    ------
    ConfigError
        If it is no such file, or was made with something else.
    """
    try:
        state = torch.load(path, weights_only=True, map_location="cpu")
    except Exception as error:  # whatever a damaged file makes of unpickling
        raise ConfigError(f"resume: {str(path)!r} must be what an interrupted training left") from error
    if not isinstance(state, dict) or state.get("made_with") != made_with:
        raise ConfigError(
            f"resume: {str(path)!r} must be of the same options and data; delete it to begin anew"
        )
    return state
