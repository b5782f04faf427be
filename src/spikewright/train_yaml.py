"""``spikewright train --config X.yaml``: options of a training as a person writes them, checked on load."""

import json
from dataclasses import make_dataclass
from pathlib import Path
from typing import Any, get_type_hints

from pydantic import ConfigDict, TypeAdapter, ValidationError, with_config

from spikewright.compiler.validation import float_from_text, refuse
from spikewright.compiler.yaml_text import load_yaml, read_text
from spikewright.errors import ConfigError
from spikewright.models.learning.options import TrainOptions
from spikewright.models.learning.parts_options import EvolutionOptions, PruningOptions, TeacherOptions

__all__ = ["read_options"]

MAX_BYTES = 1 << 20

_STRICT = ConfigDict(extra="forbid", allow_inf_nan=False)


def _loose(section: type[Any], changed: dict[str, Any], keys: tuple[str, ...] = ()) -> Any:
    """A mapping with keys (all, if none are given) and types of a dataclass, none of which must be there."""
    hints = {**get_type_hints(section), **changed}
    entries = [(key, hints[key], _ABSENT) for key in keys or section.__dataclass_fields__]
    return with_config(_STRICT)(make_dataclass(section.__name__, entries))


_ABSENT: Any = None  # what is not given is left out by name, so the value does not matter
_SECTIONS: dict[str, Any] = {
    "evolution": EvolutionOptions,
    "pruning": PruningOptions,
    "teacher": TeacherOptions,
}
_KEYS = tuple(key for key in TrainOptions.__dataclass_fields__ if key != "method")  # that is the command's
_ADAPTER = TypeAdapter(
    _loose(
        TrainOptions,
        {
            "encoder": str | None,
            **{key: _loose(section, {}) | None for key, section in _SECTIONS.items()},
        },
        _KEYS,
    )
)


def read_options(path: Path) -> dict[str, Any]:
    """Options that a file gives, by name; those that it does not name are left out.

    Raises
    ------
    ConfigError
        If it is not YAML, or a key or a type is wrong; what ranges must hold is checked with the other
        options.
    """
    given: dict[str, Any] = _plain(load_yaml(read_text(path, MAX_BYTES), str(path)), str(path))
    for section in (given, given.get("teacher")):
        if isinstance(section, dict) and type(section.get("layers")) is int:
            section["layers"] = str(section["layers"])  # a single layer of 128 needs no quotes
    try:
        # By way of JSON, since only there strict (text is no number) still lets whole numbers be floats.
        _ADAPTER.validate_json(json.dumps(given), strict=True)
    except ValidationError as error:
        within = {key: tuple(section.__dataclass_fields__) for key, section in _SECTIONS.items()}
        refuse(error, str(path), keys=_KEYS, within=within)
    return given


def _plain(value: Any, place: str, *keys: str) -> Any:
    """The value with all numbers as such, and refused if it holds what no option is."""
    if isinstance(value, dict):
        return {key: _plain(inner, place, *keys, key) for key, inner in value.items()}
    if isinstance(value, list):
        return [_plain(inner, place, *keys) for inner in value]
    if isinstance(value, int) and abs(value) >= 1 << 64:
        raise ConfigError(f"{place}: {'.'.join(keys)}: must be a number of at most 64 bits")
    if not isinstance(value, str | bool | int | float | None):  # YAML has tags for bytes and sets
        kind = type(value).__name__
        raise ConfigError(f"{place}: {'.'.join(keys)}: must be text, a number or a mapping, not {kind}")
    return float_from_text(value)
