"""SAIF, what a simulator writes of switching: how long every net was high, how often it switched."""

import re
from dataclasses import dataclass
from pathlib import Path

from spikewright.errors import ToolError

__all__ = ["Switching", "read_saif"]

INSTANCE = re.compile(r"\(INSTANCE\s+(\S+)")
NET = re.compile(r"\((\S+)\s+\(T0\s+(\d+)\)\s+\(T1\s+(\d+)\).*?\(TC\s+(\d+)\)\s*\)")
DURATION = re.compile(r"\(DURATION\s+(\d+)\)")


@dataclass(frozen=True, slots=True)
class Switching:
    """One net over a run: the share of time that it was high, and how often it switched."""

    high: float
    toggles: int


def read_saif(path: Path, instance: str) -> dict[str, Switching]:
    """Nets of the first instance of that name, without those of the instances inside it.

    Raises
    ------
    ToolError
        If the file has no such instance with nets.
    """
    found: dict[str, Switching] = {}
    inside = False
    duration = 0
    with path.open(encoding="utf-8") as lines:
        for line in lines:
            if match := DURATION.search(line):
                duration = int(match[1])
            elif match := INSTANCE.search(line):
                if inside:
                    break
                inside = match[1] == instance
            elif inside and (match := NET.search(line)):
                name = match[1].replace("\\", "")
                found[name] = Switching(int(match[3]) / duration, int(match[4]))
    if not found or not duration:
        raise ToolError(f"{path.name}: holds no switching of {instance!r}")
    return found
