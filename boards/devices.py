"""FPGAs that estimates are made for, and what each of them has."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from spikewright.errors import ConfigError

__all__ = ["DEVICES", "Device", "Family", "device_for"]

Family = Literal["ecp5", "ice40"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Device:
    """One FPGA; capacities are those that nextpnr states for it (a test compares them).

    Parameters
    ----------
    technology
        What estimates call it.
    part, package
        Name of the part; package that is placed for.
    flag
        Option of nextpnr that chooses it.
    logic_cells
        Four-input look-up tables with their flip-flop: TRELLIS_COMB or ICESTORM_LC.
    brams, bram_bits
        Block RAMs, and bits of each: DP16KD or SB_RAM40_4K.
    dsps
        18 x 18 or 16 x 16 multipliers: MULT18X18D or SB_MAC16.
    """

    technology: str
    family: Family
    part: str
    package: str
    flag: str
    logic_cells: int
    brams: int
    bram_bits: int
    dsps: int

    def shortage(self, used: Mapping[str, int]) -> str | None:
        """What a design has too much of, with both numbers; None where it fits.

        Parameters
        ----------
        used
            Numbers of ``logic_cells``, ``brams``, ``dsps``; what is left out is not looked at.
        """
        for kind, label in (("logic_cells", "logic cells"), ("brams", "block RAMs"), ("dsps", "multipliers")):
            available = getattr(self, kind)
            if used.get(kind, 0) > available:
                return f"{self.part} has {available} {label}, the design needs {used[kind]}"
        return None


def ecp5(technology: str, size: int, logic_cells: int, brams: int, dsps: int) -> Device:
    """An ECP5 in the package that all sizes come in."""
    return Device(technology=technology, family="ecp5", part=f"LFE5U-{size}F", package="CABGA381",
                  flag=f"--{size}k", logic_cells=logic_cells, brams=brams, bram_bits=18432, dsps=dsps)


DEVICES: dict[str, Device] = {device.technology: device for device in (
    ecp5("ecp5", 85, 83640, 208, 156),
    ecp5("ecp5-45k", 45, 43848, 108, 72),
    ecp5("ecp5-25k", 25, 24288, 56, 28),
    Device(technology="ice40", family="ice40", part="iCE40UP5K", package="sg48", flag="--up5k",
           logic_cells=5280, brams=30, bram_bits=4096, dsps=8),
    Device(technology="ice40-hx8k", family="ice40", part="iCE40HX8K", package="ct256", flag="--hx8k",
           logic_cells=7680, brams=32, bram_bits=4096, dsps=0),
)}
"""By technology; the plain name of a family is its largest ECP5, and the iCE40 with multipliers."""


def device_for(technology: str) -> Device:
    """The device of that name."""
    if technology not in DEVICES:
        raise ConfigError(f"technology must be one of {', '.join(DEVICES)}, not {technology!r}")
    return DEVICES[technology]
