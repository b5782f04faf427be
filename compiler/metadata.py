"""What a NIR file written by our own training says beside the graph: one JSON string in its metadata.

The schema is documented in :mod:`spikewright.models.export`, which writes it.
"""

import json
from typing import Any

from spikewright.compiler.semantics import SemanticsFile, parse_semantics
from spikewright.compiler.yaml_text import one_line
from spikewright.errors import ConfigError

__all__ = ["METADATA_KEY", "METADATA_VERSION", "graph_metadata"]

METADATA_KEY = "spikewright"
METADATA_VERSION = 1
MERGED = ("inputs", "weight_bits", "scales", "state_bits", "decays")
"""Keys that stand beside ``semantics`` in the metadata and within it in a semantics file."""


def graph_metadata(metadata: object) -> tuple[str | None, SemanticsFile | None]:
    """Name and semantics that a graph's metadata carry; None for what is not there."""
    if not isinstance(metadata, dict) or METADATA_KEY not in metadata:
        return None, None
    place = f"metadata {METADATA_KEY!r}"
    data = parse_json(metadata[METADATA_KEY], place)
    version = data.get("version")
    if version != METADATA_VERSION:
        raise ConfigError(f"{place}: version must be {METADATA_VERSION}, not {version!r}")
    semantics = data.get("semantics", {})
    if not isinstance(semantics, dict):
        raise ConfigError(f"{place}: semantics: must be a mapping of keys to values, not {semantics!r}")
    merged = semantics | {key: data[key] for key in MERGED if key in data}
    name = data.get("name")
    return (name if isinstance(name, str) else None), parse_semantics(merged, place)


def parse_json(value: object, place: str) -> dict[str, Any]:
    """The JSON object that a metadata string holds, as h5py or a program may give it."""
    if hasattr(value, "item") and getattr(value, "size", 0) == 1:
        value = value.item()
    if isinstance(value, bytes):
        value = value.decode("utf-8", errors="replace")
    if not isinstance(value, str):
        raise ConfigError(f"{place}: must be a string of JSON, not {type(value).__name__}")
    try:
        data = json.loads(value)
    except (ValueError, RecursionError) as error:
        raise ConfigError(f"{place}: must be JSON: {one_line(error)}") from None
    if not isinstance(data, dict):
        raise ConfigError(f"{place}: must be a JSON object, not {type(data).__name__}")
    return data
