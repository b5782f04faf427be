"""Results of tools by the content of what went in, so that unchanged designs are not run again."""

import hashlib
import json
import re
from dataclasses import asdict
from pathlib import Path
from typing import Any

from spikewright.boards.devices import Device
from spikewright.boards.place import TARGET_MHZ, nextpnr_version
from spikewright.boards.synth import synthesis_commands, verilog_files
from spikewright.boards.yosys import yosys_version

__all__ = ["design_key", "read_results", "write_results"]

FLOW = 2
"""Raised when the same inputs are treated differently."""

RESULTS = "results.json"


def design_key(rtl: Path, device: Device, seeds: tuple[int, ...], top: str, run_in: Path) -> str:
    """Hash of everything that area and clock rate depend on."""
    files = verilog_files(rtl)
    contents = [(path.name, digest(path)) for path in files]
    for name in sorted({name for path in files for name in quoted(path)}):
        if (run_in / name).is_file():
            contents.append((name, digest(run_in / name)))
    inputs = [FLOW, contents, asdict(device), synthesis_commands(device, top), list(seeds), TARGET_MHZ,
              yosys_version(), nextpnr_version(device.family)]
    return hashlib.sha256(json.dumps(inputs).encode()).hexdigest()


def quoted(path: Path) -> set[str]:
    """What stands in quotes in a Verilog file: names of memory contents among it."""
    return set(re.findall(r'"([^"\n]{1,255})"', path.read_text(encoding="utf-8", errors="replace")))


def digest(path: Path) -> str:
    """Hash of a file."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def write_results(folder: Path, key: str, results: dict[str, Any]) -> None:
    """Keep results; a reader sees all of them or none."""
    part = folder / f"{RESULTS}.part"
    text = json.dumps({"key": key, "results": results}, indent=2) + "\n"
    head = json.dumps({"sha256": hashlib.sha256(text.encode()).hexdigest()})
    part.write_text(f"{head}\n{text}", encoding="utf-8")
    part.replace(folder / RESULTS)


def read_results(folder: Path, key: str) -> dict[str, Any] | None:
    """Results of the same key; None where there are none, or what is there is damaged."""
    try:
        head, _, text = (folder / RESULTS).read_text(encoding="utf-8").partition("\n")
        content = json.loads(text)
        if json.loads(head)["sha256"] != hashlib.sha256(text.encode()).hexdigest() or content["key"] != key:
            return None
        return dict(content["results"], seed_fmax_mhz=tuple(content["results"]["seed_fmax_mhz"]))
    except (OSError, ValueError, KeyError, TypeError):
        return None
