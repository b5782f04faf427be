"""Reading technology files, with complaints in one line."""

import re
from pathlib import Path
from typing import Any

import pydantic
import yaml

from spikewright.boards.technology import Technology
from spikewright.errors import ConfigError

__all__ = ["load_technology", "shipped_technologies"]


class Loader(yaml.SafeLoader):
    """YAML in which ``1e-4`` is a number and a key stands once."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        """A mapping, refused if a key comes twice."""
        keys = [key.value for key, _ in node.value]
        for key in keys:
            if keys.count(key) > 1:
                problem = f"key {key!r} must stand once, not {keys.count(key)} times"
                raise yaml.MarkedYAMLError(problem=problem, problem_mark=node.start_mark)
        return super().construct_mapping(node, deep)


Loader.add_implicit_resolver(
    "tag:yaml.org,2002:float", re.compile(r"^[-+]?(\d+\.?\d*|\.\d+)[eE][-+]?\d+$"), list("-+.0123456789"))

FOLDER = Path(__file__).parent / "technologies"


def shipped_technologies() -> list[str]:
    """Names of the technologies that come along."""
    return sorted(path.stem for path in FOLDER.glob("*.yaml"))


def load_technology(name: str | Path) -> Technology:
    """A technology that comes along, by its name, or one of the user's, by the path of its YAML file.

    Raises
    ------
    ConfigError
        If there is none, or the file is wrong: with the place, what stands there and what must hold.
    """
    path = FOLDER / f"{name}.yaml" if name in shipped_technologies() else Path(name)
    if path.suffix not in (".yaml", ".yml"):
        known = ", ".join(shipped_technologies())
        raise ConfigError(f"technology must be one of {known} or a YAML file, not {str(name)!r}")
    try:
        content = yaml.load(path.read_text(encoding="utf-8"), Loader)
        return Technology.model_validate(content)
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path}: must be UTF-8 text") from error
    except pydantic.ValidationError as error:
        raise ConfigError(f"{path.name}: {first_complaint(error)}") from error
    except yaml.MarkedYAMLError as error:
        line = f"line {error.problem_mark.line + 1}: " if error.problem_mark else ""
        raise ConfigError(f"{path.name}: {line}{error.problem}") from error
    except yaml.YAMLError as error:
        raise ConfigError(f"{path.name}: {str(error).splitlines()[0]}") from error


MUST = {
    "int_type": "be an integer",
    "model_type": "be a mapping of keys",
    "list_type": "be a list of rows",
    "too_short": "have at least one row",
}
"""What must hold, by the kind of pydantic's complaint; the others say it well enough."""


def first_complaint(error: pydantic.ValidationError) -> str:
    """The first thing that is wrong, in one line: the key, what must hold, what stands there."""
    first = error.errors()[0]
    key = ".".join(str(part) for part in first["loc"])
    if first["type"] == "missing":
        return f"{key} is missing"
    if first["type"] == "extra_forbidden":
        return f"{key}: there is no such key"
    if first["type"] == "value_error":
        return str(first["ctx"]["error"])
    if key.endswith("source"):
        return f"{key}: must name where the figure comes from, not {first['input']!r}"
    must = MUST.get(first["type"]) or first["msg"].removeprefix("Input should ").replace("a valid", "a")
    return f"{key or 'the file'}: must {must}, not {first['input']!r}"
