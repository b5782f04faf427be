"""Activity as a file of a build."""

import json
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any

from spikewright.boards.activity import Activity, CoreActivity, EncoderActivity
from spikewright.errors import ConfigError

__all__ = ["read_activity", "write_activity"]

VERSION = 3


def write_activity(activity: Activity, path: Path) -> None:
    """Write activity as JSON."""
    path.write_text(json.dumps({"version": VERSION, **asdict(activity)}, indent=2) + "\n", encoding="utf-8")


def read_activity(path: Path) -> Activity:
    """Activity that :func:`write_activity` wrote.

    Raises
    ------
    ConfigError
        If there is none, or the file is not such a one.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        if content.pop("version") != VERSION:
            raise ConfigError(f"{path}: version must be {VERSION}; co-simulate again")
        cores = {name: core_activity(counts) for name, counts in content.pop("cores").items()}
        encoders = {name: EncoderActivity(**counts) for name, counts in content.pop("encoders").items()}
        activity = Activity(**content, cores=cores, encoders=encoders)
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read: {error.strerror}") from error
    except ConfigError:
        raise
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise ConfigError(f"{path}: is no activity of this version; co-simulate again") from error
    for name, core in activity.cores.items():
        for field in fields(core):
            counts = getattr(core, field.name)
            for count in counts if isinstance(counts, tuple) else (counts,):
                check_count(path, f"cores.{name}.{field.name}", count,
                            optional=field.name.endswith("_cycles"))
    for name, encoder in activity.encoders.items():
        for key, counts in asdict(encoder).items():
            place = f"encoders.{name}.{key}"
            named = {f"{place}.{what}": count for what, count in counts.items()} if isinstance(counts, dict) \
                else {place: counts}
            for where, count in named.items():
                check_count(path, where, count)
    check_count(path, "cycles", activity.cycles, optional=True)
    check_count(path, "samples", activity.samples, least=1)
    check_count(path, "steps", activity.steps, least=1)
    return activity


def core_activity(counts: dict[str, Any]) -> CoreActivity:
    """Counts of a core as JSON has them."""
    lists: dict[str, Any] = {name: tuple(count) for name, count in counts.items() if isinstance(count, list)}
    return CoreActivity(**{**counts, **lists})


def check_count(path: Path, key: str, value: object, *, least: int = 0, optional: bool = False) -> None:
    """Refuse what is not a whole number."""
    if not ((optional and value is None) or (isinstance(value, int) and value >= least)):
        raise ConfigError(f"{path}: {key} must be a whole number, {least} or more, not {value!r}")
