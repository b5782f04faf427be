"""Rows of a technology file: figures, each with its source."""

from collections.abc import Sequence
from typing import Annotated, Literal, TypeVar, get_args

import pydantic

__all__ = [
    "TERMS",
    "Adder",
    "Clock",
    "Error",
    "Fabric",
    "Figure",
    "Logic",
    "Memory",
    "Multiplier",
    "Positive",
    "Source",
    "Sram",
    "Supply",
    "Term",
    "neighbours",
]

Positive = Annotated[float, pydantic.Field(gt=0, allow_inf_nan=False)]
Bits = Annotated[int, pydantic.Field(ge=1)]
Source = Annotated[str, pydantic.Field(pattern=r"\S")]

TermName = Literal["lane_cycles", "row_cycles", "walker_cycles", "flop_cycles", "port_cycles",
                   "neuron_cycles", "multiplier_cycles", "additions", "passes", "updates", "multiplications",
                   "events"]
TERMS: tuple[TermName, ...] = get_args(TermName)
"""What logic energy is made of; :mod:`spikewright.boards.terms` counts them."""


class Row(pydantic.BaseModel):
    """A figure and where it comes from."""

    model_config = pydantic.ConfigDict(extra="forbid", frozen=True, strict=True)
    source: Source


class Supply(Row):
    """Voltage that the energies hold at."""

    volts: Positive


class Clock(Row):
    """Clock rate that latencies and powers are given for."""

    mhz: Positive


class Adder(Row):
    """One addition of two integers of ``bits`` bits."""

    bits: Bits
    energy_pj: Positive


class Multiplier(Row):
    """One multiplication of two integers of ``bits`` bits."""

    bits: Bits
    energy_pj: Positive


class Memory(Row):
    """One access of ``word_bits`` bits to a memory of ``bytes`` bytes."""

    bytes: Bits
    word_bits: Bits
    energy_pj: Positive

    @property
    def energy_per_bit_pj(self) -> float:
        """Its energy over the bits of its word."""
        return self.energy_pj / self.word_bits


class Sram(Row):
    """One SRAM macro, as it is published; ``access_ns`` is from clock to data, ``setup_ns`` of its inputs."""

    words: Bits
    word_bits: Bits
    ports: Annotated[int, pydantic.Field(ge=1, le=2)]
    area_um2: Positive
    read_pj: Positive
    write_pj: Positive
    leakage_nw: Positive
    access_ns: Positive
    setup_ns: Positive


class Term(Row):
    """One calibrated term of logic energy: so much for each that is counted."""

    term: TermName
    energy_pj: Positive


class Error(Row):
    """How far measured energy may lie from modelled: between ``low`` and ``high`` times it."""

    low: Positive
    high: Positive
    designs: Bits


class Logic(pydantic.BaseModel):
    """Energy of logic by terms that were calibrated on gate-level runs, with the error of that."""

    model_config = pydantic.ConfigDict(extra="forbid", frozen=True, strict=True)
    terms: Annotated[list[Term], pydantic.Field(min_length=1)]
    error: Error

    @pydantic.model_validator(mode="after")
    def _once(self) -> "Logic":
        names = [term.term for term in self.terms]
        for name in names:
            if names.count(name) > 1:
                raise ValueError(f"logic.terms: {name} must stand once, not {names.count(name)} times")
        if not self.error.low <= 1 <= self.error.high:
            raise ValueError(
                f"logic.error: low and high must lie around 1, not {self.error.low} and {self.error.high}")
        return self


class Figure(Row):
    """One figure in picojoules or milliwatts, as its key says."""

    value: Positive


class Fabric(pydantic.BaseModel):
    """An FPGA as measured as a whole: energy of a cycle, of a used logic cell in a cycle, and static power.

    Parameters
    ----------
    cycle_pj
        Clock distribution.
    quiet_cell_pj, busy_cell_pj
        One logic cell in a cycle, in logic that hardly switches and in logic that switches much.
    static_mw
        With the clock halted.
    """

    model_config = pydantic.ConfigDict(extra="forbid", frozen=True, strict=True)
    cycle_pj: Figure
    quiet_cell_pj: Figure
    busy_cell_pj: Figure
    static_mw: Figure

    @pydantic.model_validator(mode="after")
    def _order(self) -> "Fabric":
        quiet, busy = self.quiet_cell_pj.value, self.busy_cell_pj.value
        if busy <= quiet:
            raise ValueError(f"fabric: busy_cell_pj must be above quiet_cell_pj, not {busy} and {quiet}")
        return self


AnyRow = TypeVar("AnyRow")


def neighbours(rows: Sequence[AnyRow], sizes: Sequence[float], size: float) -> tuple[AnyRow, AnyRow]:
    """The two rows that ``size`` lies between, or the nearest two."""
    index = max(1, min(len(rows) - 1, sum(known < size for known in sizes)))
    return rows[index - 1], rows[index]
