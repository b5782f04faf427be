"""YAML files from people: read safely, and whatever is wrong with one said in one line."""

from pathlib import Path
from typing import Any, Protocol

import yaml

from spikewright.errors import ConfigError

__all__ = ["Dumper", "Loader", "load_yaml", "one_line", "read_text"]

Loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
Dumper: Any = getattr(yaml, "CSafeDumper", yaml.SafeDumper)

TEXT = "tag:yaml.org,2002:str"
DATE = "tag:yaml.org,2002:timestamp"
MAX_DEPTH = 20
"""Deepest nesting that any file of ours has, with room: deeper ones would exhaust the stack."""


class Marked(Protocol):
    """What a YAML event or node says of where it stands."""

    start_mark: Any


def read_text(path: Path, max_bytes: int) -> str:
    """Text of a UTF-8 file of limited size."""
    try:
        if not path.is_file():
            raise ConfigError(f"{path}: {'is not a file' if path.exists() else 'there is no such file'}")
        size = path.stat().st_size
        if size > max_bytes:
            raise ConfigError(f"{path}: must have at most {max_bytes} bytes, not {size}")
        return path.read_bytes().decode("utf-8")
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path}: must be UTF-8 text, and is not at byte {error.start}") from None
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read: {error.strerror}") from None


def load_yaml(text: str, place: str) -> dict[str, Any]:
    """The mapping that a text holds.

    Aliases and nesting beyond :data:`MAX_DEPTH` are refused before anything is built (a file of a few
    hundred bytes can otherwise stand for gigabytes), tags that are not plain YAML and keys that
    stand twice are refused too. Keys are the text that stands there.
    """
    try:
        depth = 0
        for event in yaml.parse(text, Loader=Loader):
            if isinstance(event, yaml.AliasEvent):
                raise ConfigError(f"{place}: {where(event)}: aliases (*{event.anchor}) are not allowed")
            depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
            if depth > MAX_DEPTH:
                raise ConfigError(f"{place}: {where(event)}: nested deeper than {MAX_DEPTH} levels")
        document = yaml.compose(text, Loader=Loader)
        check_keys(document, place)
        data = None if document is None else Loader("").construct_document(document)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = f"line {mark.line + 1}: " if mark else ""
        raise ConfigError(f"{place}: {line}{one_line(error.problem or error)}") from None
    except (yaml.YAMLError, ValueError, OverflowError) as error:
        if isinstance(error, ConfigError):
            raise
        raise ConfigError(f"{place}: {one_line(error)}") from None
    if not isinstance(data, dict):
        kind = "nothing" if data is None else type(data).__name__
        raise ConfigError(f"{place}: must be a mapping of keys to values, not {kind}")
    return data


def check_keys(node: Any, place: str) -> None:
    """Refuse keys that stand twice in a mapping: YAML takes the last.

    All keys become text, ``1`` too, and so do dates.
    """
    if isinstance(node, yaml.MappingNode):
        seen = set()
        for key, value in node.value:
            if not isinstance(key, yaml.ScalarNode):
                raise ConfigError(f"{place}: {where(key)}: keys must be text")
            if key.value in seen:
                raise ConfigError(f"{place}: {where(key)}: {key.value!r} stands twice")
            seen.add(key.value)
            key.tag = TEXT  # frameworks number their layers
            check_keys(value, place)
    elif isinstance(node, yaml.ScalarNode) and node.tag == DATE:
        node.tag = TEXT  # layers of 1024-64-32 neurons are no day
    elif isinstance(node, yaml.SequenceNode):
        for item in node.value:
            check_keys(item, place)


def where(marked: Marked) -> str:
    """The line of an event or a node."""
    return f"line {marked.start_mark.line + 1}"


def one_line(error: object, limit: int = 200) -> str:
    """The text of an error without line breaks, cut where it is long."""
    text = " ".join(str(error).split())
    return text if len(text) <= limit else text[: limit - 3] + "..."
