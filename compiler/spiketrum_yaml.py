"""``spiketrum.yaml``: the configuration of an encoder as a person writes it, checked on load."""

import json
from pathlib import Path

import yaml
from pydantic import ConfigDict, TypeAdapter, ValidationError, with_config

from spikewright.compiler.config_yaml import plain
from spikewright.compiler.validation import float_from_text, refuse
from spikewright.compiler.yaml_text import Dumper, load_yaml, read_text
from spikewright.spiketrum import SpiketrumConfig

__all__ = ["parse_spiketrum", "read_spiketrum", "spiketrum_text"]

MAX_BYTES = 1 << 20

# As in config_yaml.py: set here, so that `spiketrum` needs no Pydantic.
with_config(ConfigDict(extra="forbid", allow_inf_nan=False))(SpiketrumConfig)
ADAPTER = TypeAdapter(SpiketrumConfig)


def read_spiketrum(path: Path) -> SpiketrumConfig:
    """Read a ``spiketrum.yaml``; every key is optional, a bad one is refused in one line that names it."""
    return parse_spiketrum(read_text(path, MAX_BYTES), str(path))


def parse_spiketrum(text: str, place: str) -> SpiketrumConfig:
    """The configuration that a text describes."""
    data = load_yaml(text, place)
    numbers = {key: float_from_text(value) for key, value in data.items()}
    try:
        # By way of JSON, since only there strict (text is no number) still lets lists be tuples.
        return ADAPTER.validate_json(json.dumps(numbers, default=str), strict=True)
    except ValidationError as error:
        refuse(error, place)


def spiketrum_text(config: SpiketrumConfig) -> str:
    """The text of a ``spiketrum.yaml`` with every key: same configuration, same bytes."""
    return yaml.dump(plain(config), Dumper=Dumper, sort_keys=False, default_flow_style=None, width=110)
