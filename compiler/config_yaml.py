"""``config.yaml`` of a build: the chip configuration as a person can read it, checked on load."""

import json
from collections.abc import Callable
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any

import yaml
from pydantic import ConfigDict, TypeAdapter, ValidationError, with_config

from spikewright.compiler.validation import refuse, shown
from spikewright.compiler.yaml_text import Dumper, load_yaml, read_text
from spikewright.config import (
    VERSION,
    ChipConfig,
    CompressedRows,
    CoreConfig,
    DenseRows,
    InputConfig,
    KernelRows,
    Parameter,
    PortConfig,
)
from spikewright.convolution import Convolution
from spikewright.errors import ConfigError
from spikewright.events import PlaneFormat
from spikewright.filterbank import FilterBankConfig
from spikewright.neuron import Current, Decay, NeuronConfig
from spikewright.spiketrum import SpiketrumConfig

__all__ = ["config_text", "parse_config", "read_config", "write_config"]

MAX_BYTES = 64 << 20

KINDS = {
    ("cores", "rows"): {"dense": "DenseRows", "compressed": "CompressedRows", "kernel": "KernelRows"},
    ("inputs", "encoder"): {"spiketrum": "SpiketrumConfig", "filterbank": "FilterBankConfig"},
}
"""Where one of several classes may stand: their kinds."""

CLASSES = (
    ChipConfig,
    CompressedRows,
    Convolution,
    CoreConfig,
    Current,
    Decay,
    DenseRows,
    FilterBankConfig,
    InputConfig,
    KernelRows,
    NeuronConfig,
    Parameter,
    PlaneFormat,
    PortConfig,
    SpiketrumConfig,
)
# Pydantic takes a dataclass's options from the class itself; set here, so that `config` needs no Pydantic.
for _class in CLASSES:
    with_config(ConfigDict(extra="forbid", allow_inf_nan=False))(_class)

ADAPTER = TypeAdapter(ChipConfig)


def config_text(chip: ChipConfig) -> str:
    """The text of ``config.yaml``: same chip, same bytes."""
    return yaml.dump(plain(chip), Dumper=Dumper, sort_keys=False, default_flow_style=None, width=110)


def plain(value: Any) -> Any:
    """Dataclasses and tuples as mappings and lists, without what is None and would be read as None again.

    A plane says its placement.
    """
    if is_dataclass(value) and not isinstance(value, type):
        given = {field: getattr(value, field.name) for field in fields(value)}
        found = {field.name: item for field, item in given.items()
                 if item is not None or field.default is not None}  # fmt: skip
    elif isinstance(value, dict):
        found = {key: item for key, item in value.items() if item is not None}
    else:
        return [plain(item) for item in value] if isinstance(value, tuple | list) else value
    if found.get("plane") is not None:
        found.pop("placement", None)
    return {key: plain(item) for key, item in found.items()}


def write_config(chip: ChipConfig, path: Path) -> None:
    """Write ``config.yaml``."""
    path.write_bytes(config_text(chip).encode("utf-8"))


def read_config(path: Path) -> ChipConfig:
    """Read a ``config.yaml``; a bad one is refused in one line that names the key."""
    return parse_config(read_text(path, MAX_BYTES), str(path))


def parse_config(text: str, place: str) -> ChipConfig:
    """The chip that a text describes."""
    data = load_yaml(text, place)
    if data.get("version") != VERSION:
        raise ConfigError(f"{place}: version: must be {VERSION}, not {data.get('version')!r}")
    try:
        # By way of JSON, since only there strict (text is no number) still lets lists be tuples.
        return ADAPTER.validate_json(json.dumps(data, default=str), strict=True)
    except ValidationError as error:
        refuse(error, place, skip=other_kinds(data, place))


def other_kinds(data: dict[str, Any], place: str) -> Callable[[tuple[int | str, ...]], bool]:
    """Which findings are about a kind of rows, or of encoder, that does not stand there."""

    def skip(location: tuple[int | str, ...]) -> bool:
        if len(location) < 5:
            return False
        kinds = KINDS.get((str(location[0]), str(location[2])))
        if kinds is None:
            return False
        kind = data[str(location[0])][location[1]][location[2]].get("kind")
        if kind not in kinds:
            key = f"{location[0]}.{location[1]}.{location[2]}.kind"
            raise ConfigError(f"{place}: {key}: must be {' or '.join(kinds)}, not {shown(kind)}")
        return bool(location[3] != kinds[kind])

    return skip
