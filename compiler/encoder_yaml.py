"""``spiketrum.yaml``: the configuration of an encoder as a person writes it, checked on load."""

import json
from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any

import yaml
from pydantic import ConfigDict, TypeAdapter, ValidationError, with_config

from spikewright.compiler.config_yaml import plain
from spikewright.compiler.validation import float_from_text, refuse, shown
from spikewright.compiler.yaml_text import Dumper, load_yaml, read_text
from spikewright.config import Encoder
from spikewright.errors import ConfigError
from spikewright.filterbank import FilterBankConfig
from spikewright.spiketrum import SpiketrumConfig

__all__ = ["encoder_of", "encoder_text", "parse_encoder", "read_encoder", "read_spiketrum"]

MAX_BYTES = 1 << 20

# As in config_yaml.py: set here, so that the configurations need no Pydantic.
CLASSES = {"spiketrum": SpiketrumConfig, "filterbank": FilterBankConfig}
for _class in CLASSES.values():
    with_config(ConfigDict(extra="forbid", allow_inf_nan=False))(_class)
ADAPTERS: dict[str, TypeAdapter[Any]] = {kind: TypeAdapter(_class) for kind, _class in CLASSES.items()}


def read_encoder(path: Path) -> Encoder:
    """Read a ``spiketrum.yaml``, or one of ``kind: filterbank``.

    Every key is optional; a bad one is refused in one line that names it.
    """
    return parse_encoder(read_text(path, MAX_BYTES), str(path))


def read_spiketrum(path: Path) -> SpiketrumConfig:
    """Read one that must be of a spiketrum encoder."""
    encoder = read_encoder(path)
    if not isinstance(encoder, SpiketrumConfig):
        raise ConfigError(f"{path}: kind: must be spiketrum, not {encoder.kind}")
    return encoder


def parse_encoder(text: str, place: str) -> Encoder:
    """The configuration that a text describes."""
    return checked({key: float_from_text(value) for key, value in load_yaml(text, place).items()}, place)


def encoder_of(data: Mapping[str, Any] | None) -> Encoder | None:
    """The encoder that a network's metadata name."""
    return None if data is None else checked(dict(data), "metadata: encoder")


def checked(data: dict[str, Any], place: str) -> Encoder:
    """Keys and values as a configuration."""
    kind = data.get("kind", "spiketrum")
    if kind not in ADAPTERS:
        raise ConfigError(f"{place}: kind: must be {' or '.join(ADAPTERS)}, not {shown(kind)}")
    try:
        # By way of JSON, since only there strict (text is no number) still lets lists be tuples.
        encoder: Encoder = ADAPTERS[kind].validate_json(json.dumps(data, default=str), strict=True)
    except ValidationError as error:
        refuse(error, place, tuple(field.name for field in fields(CLASSES[kind])))
    return encoder


def encoder_text(config: Encoder) -> str:
    """The text of a ``spiketrum.yaml`` with every key: same configuration, same bytes."""
    return yaml.dump(plain(config), Dumper=Dumper, sort_keys=False, default_flow_style=None, width=110)
