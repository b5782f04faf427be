"""Clock rate: nextpnr places and routes a netlist, once a seed, and reports what it reached.

Everything is placed out of context, without pins: a chip's streams are wider than packages are, and
end in logic rather than in pins. nextpnr-ecp5 has an option for that. nextpnr-ice40 has not, so its
netlist loses its ports first (:func:`without_pins`); clock and reset keep a pin. In both, paths from
and to ports are not timed, and no logic is added or removed.
"""

import importlib.metadata
import importlib.util
import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from spikewright.boards.devices import Device, Family
from spikewright.boards.yosys import first_error
from spikewright.errors import ToolError

__all__ = [
    "TARGET_MHZ",
    "DoesNotFitError",
    "Placement",
    "lowest_fmax",
    "nextpnr_version",
    "place",
    "place_seeds",
    "warm_up",
    "without_pins",
]

TARGET_MHZ = 100.0
"""Clock that the placer works towards; it does not stop there."""

LOGIC_CELL: dict[Family, str] = {"ecp5": "TRELLIS_COMB", "ice40": "ICESTORM_LC"}
CELL_NAMES = {
    "TRELLIS_COMB": "logic cells",
    "ICESTORM_LC": "logic cells",
    "TRELLIS_FF": "flip-flops",
    "DP16KD": "block RAMs",
    "ICESTORM_RAM": "block RAMs",
    "MULT18X18D": "multipliers",
    "ICESTORM_DSP": "multipliers",
}
CLOCK_AND_RESET_PINS = frozenset({"C", "R", "S", "RCLK", "WCLK", "CLK"})
"""Pins of iCE40 cells that a clock or a reset reaches: flip-flops, block RAM, multipliers."""

PINS_OF_PORTS = "--pcf-allow-unconstrained"


class DoesNotFitError(ToolError):
    """The design needs more of something than the device has."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Placement:
    """What nextpnr reports of one seed.

    Parameters
    ----------
    fmax_mhz
        Highest clock at which every path between registers holds, of the slowest clock domain; None
        where there is no such path.
    used, available
        Number of every kind of cell.
    """

    device: Device
    seed: int
    fmax_mhz: float | None
    used: Mapping[str, int]
    available: Mapping[str, int]

    @property
    def logic_cells(self) -> int:
        """Logic cells used, by carries and distributed RAM too."""
        return self.used[LOGIC_CELL[self.device.family]]


def nextpnr_version(family: Family) -> str:
    """Version of the installed placer."""
    package = f"yowasp-nextpnr-{family}"
    if importlib.util.find_spec(package.replace("-", "_")) is None:
        raise ToolError(f"nextpnr-{family} is missing: pip install {package}")
    return importlib.metadata.version(package)


def run_nextpnr(family: Family, arguments: Sequence[str], folder: Path) -> tuple[int, str]:
    """Run the placer in ``folder``: its exit code, and what it printed.

    File names must be relative: /tmp is another folder inside its sandbox.
    """
    nextpnr_version(family)
    program = f"import sys, yowasp_nextpnr_{family} as it; sys.exit(it.run_nextpnr_{family}(sys.argv[1:]))"
    environment = {name: value for name, value in os.environ.items() if name != "YOWASP_MOUNT"}
    done = subprocess.run([sys.executable, "-P", "-c", program, *arguments], cwd=folder, env=environment,
                          text=True, errors="replace", stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, check=False)
    return done.returncode, done.stdout


_warm: set[Family] = set()
_warming = threading.Lock()


def warm_up(family: Family) -> None:
    """Have the placer compiled to machine code, which its first run ever does, for seconds.

    Two first runs at once would write the same cache file.
    """
    with _warming:
        if family not in _warm:
            code, output = run_nextpnr(family, ["--version"], Path.cwd())
            if code:
                raise ToolError(f"nextpnr-{family}: {first_error(output) or last_line(output)}")
            _warm.add(family)


def place(netlist: Path, device: Device, *, seed: int, top: str = "chip") -> Placement:
    """Place and route one netlist with one seed.

    Beside the netlist it leaves ``seed<seed>.json``, nextpnr's report, and ``seed<seed>.log``.

    Raises
    ------
    DoesNotFitError
        If the device is too small: with both numbers.
    ToolError
        If nextpnr stops for another reason: with its first error line.
    """
    folder, tool = netlist.parent, f"nextpnr-{device.family}"
    warm_up(device.family)
    report = folder / f"seed{seed}.json"
    report.unlink(missing_ok=True)
    source = netlist.name
    if device.family == "ice40":
        source = f"seed{seed}-netlist.json"
        without = without_pins(json.loads(netlist.read_text(encoding="utf-8")), top)
        (folder / source).write_text(json.dumps(without), encoding="utf-8")
    code, output = run_nextpnr(device.family, [
        device.flag, "--package", device.package, "--json", source, "--top", top, "--seed", str(seed),
        "--freq", f"{TARGET_MHZ:g}", "--timing-allow-fail", "--report", report.name,
        "--out-of-context" if device.family == "ecp5" else PINS_OF_PORTS,
    ], folder)
    (folder / f"seed{seed}.log").write_text(output, encoding="utf-8")
    if code or not report.exists():
        excess = over_capacity(output)
        if excess:
            kind, used, available = excess
            label = CELL_NAMES.get(kind, kind)
            raise DoesNotFitError(f"{device.part} has {available} {label}, the design needs {used}")
        raise ToolError(f"{tool}: {first_error(output) or last_line(output)}")
    return read_report(report, device, seed)


def place_seeds(netlist: Path, device: Device, *, seeds: Sequence[int] = (1, 2, 3), top: str = "chip",
                jobs: int | None = None) -> list[Placement]:
    """Place with every seed, several at once (``jobs``; by default as many as there are processors)."""
    with ThreadPoolExecutor(jobs or os.cpu_count() or 1) as pool:
        return list(pool.map(lambda seed: place(netlist, device, seed=seed, top=top), seeds))


def lowest_fmax(placements: Iterable[Placement]) -> float | None:
    """The lowest clock rate of several seeds; None where there is none."""
    return min((placed.fmax_mhz for placed in placements if placed.fmax_mhz is not None), default=None)


def read_report(path: Path, device: Device, seed: int) -> Placement:
    """The report that nextpnr wrote."""
    try:
        report = json.loads(path.read_text(encoding="utf-8"))
        # nextpnr-ice40 takes a clock pin that is tied to a constant for a clock domain of its own.
        reached = [domain["achieved"] for net, domain in report["fmax"].items() if "$PACKER_" not in net]
        cells = {kind: (row["used"], row["available"]) for kind, row in report["utilization"].items()}
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise ToolError(f"nextpnr-{device.family}: {path.name} cannot be read: {error!r}") from error
    return Placement(
        device=device, seed=seed, fmax_mhz=min(reached, default=None),
        used={kind: used for kind, (used, _) in cells.items()},
        available={kind: available for kind, (_, available) in cells.items()},
    )


def over_capacity(output: str) -> tuple[str, int, int] | None:
    """Kind, used and available of the first line of the utilisation table that has too many."""
    for line in output.splitlines():
        kind, colon, numbers = line.removeprefix("Info:").strip().partition(":")
        used, slash, available = numbers.partition("/")
        available = available.strip().partition(" ")[0]
        if (colon and slash and kind.isupper() and used.strip().isdigit() and available.isdigit()
                and int(used) > int(available)):
            return kind, int(used), int(available)
    return None


def last_line(output: str) -> str:
    """The last line that is not empty."""
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    return lines[-1] if lines else "stopped without a word"


def without_pins(netlist: dict[str, Any], top: str) -> dict[str, Any]:
    """The netlist without the top module's ports, but for its clock and reset.

    nextpnr-ice40 makes a pin of every port and has no option not to. Without them, what drove an
    output keeps its place, and what an input drove has nothing before it: the same cells, no pins.
    """
    module = netlist["modules"][top]
    reached = {
        bit for cell in module["cells"].values() for pin, bits in cell["connections"].items()
        if pin in CLOCK_AND_RESET_PINS for bit in bits
    }
    ports = {
        name: port for name, port in module["ports"].items()
        if port["direction"] == "input" and len(port["bits"]) == 1 and port["bits"][0] in reached
    }
    return {**netlist, "modules": {**netlist["modules"], top: {**module, "ports": ports}}}
