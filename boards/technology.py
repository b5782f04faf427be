"""Technologies: what operations, memories and logic cost in energy, each figure with its source.

The format of a technology file (``technologies/*.yaml``), where every row must carry a ``source``::

    version: 1
    name: 45nm
    supply: {volts: 0.9, source: ...}
    clock: {mhz: 200, source: ...}      # optional: without it there is no latency, and no power
    adders:                             # one or more, widths rising
      - {bits: 8, energy_pj: 0.03, source: ...}
    multipliers:                        # optional; two factors of `bits` each
      - {bits: 8, energy_pj: 0.2, source: ...}
    memories:                           # one or more, capacities rising
      - {bytes: 8192, word_bits: 64, energy_pj: 10.0, source: ...}

In place of ``memories`` there can be macros, in place of ``adders`` and ``multipliers`` terms that were
calibrated on gate-level runs (``benchmarks/energy.py`` prints them), and for an FPGA in place of all of
them what was measured of it as a whole::

    srams:                              # four or more
      - {words: 64, word_bits: 32, ports: 2, area_um2: 52621, read_pj: 20.4, write_pj: 26.5,
         leakage_nw: 39.9, access_ns: 3.3, setup_ns: 0.3, source: ...}
    logic:
      terms:                            # of those in technology_rows.TERMS, each once
        - {term: additions, energy_pj: 0.01, source: ...}
      error: {low: 0.8, high: 1.3, designs: 24, source: ...}
    fabric:
      cycle_pj: {value: 52.5, source: ...}
      quiet_cell_pj: {value: 0.0144, source: ...}
      busy_cell_pj: {value: 0.198, source: ...}
      static_mw: {value: 0.112, source: ...}

How energies between, below and above the rows come about:

- *Adder* of ``n`` bits: linear in ``n`` through the two rows next to it; with one row, and below the
  first, in proportion to ``n``.
- *Multiplier* of ``a`` by ``b`` bits: a power law in the geometric mean ``sqrt(a*b)`` through the two rows
  next to it; through one row, with exponent 2 (in proportion to the number of partial product bits).
- *Memory access*: in proportion to the bits of its word; for each bit, a power law in the capacity through
  the two rows next to it. With one row, and below the first, energy goes with the square root of the
  capacity (word and bit lines lengthen with the side of the array).
- *SRAM macro*: :mod:`spikewright.boards.sram`.
- *Term*: so much for each, :mod:`spikewright.boards.terms`.

Otherwise a quantity outside its rows follows the law of the nearest two.
"""

import itertools
import math
from typing import Annotated, Literal

import pydantic

from spikewright.boards.technology_rows import (
    Adder,
    Clock,
    Fabric,
    Logic,
    Memory,
    Multiplier,
    Source,
    Sram,
    Supply,
    neighbours,
)
from spikewright.errors import ConfigError

__all__ = ["Technology"]

MACROS = 4
"""Rows of macros that the laws between them need."""


class Technology(pydantic.BaseModel):
    """Energies of the operations that activity counts."""

    model_config = pydantic.ConfigDict(extra="forbid", frozen=True, strict=True)
    version: Literal[1]
    name: Source
    supply: Supply
    clock: Clock | None = None
    adders: Annotated[list[Adder], pydantic.Field(min_length=1)] | None = None
    multipliers: list[Multiplier] = []
    memories: Annotated[list[Memory], pydantic.Field(min_length=1)] | None = None
    srams: list[Sram] | None = None
    logic: Logic | None = None
    fabric: Fabric | None = None

    @pydantic.model_validator(mode="after")
    def _whole(self) -> "Technology":
        pairs = (("adders", self.adders, "logic", self.logic),
                 ("memories", self.memories, "srams", self.srams))
        for first, one, second, other in pairs:
            if self.fabric is not None and (one is not None or other is not None):
                raise ValueError(f"{first if one is not None else second} must not stand beside fabric")
            if self.fabric is None and (one is None) == (other is None):
                raise ValueError(f"{first} or {second} must be there, and not both")
        if self.srams is not None and len(self.srams) < MACROS:
            raise ValueError(f"srams: must have {MACROS} rows or more, not {len(self.srams)}")
        return self

    @pydantic.model_validator(mode="after")
    def _rows_rise(self) -> "Technology":
        for kind, key in (("adders", "bits"), ("multipliers", "bits"), ("memories", "bytes"),
                          ("adders", "energy_pj"), ("multipliers", "energy_pj")):
            values = [getattr(row, key) for row in getattr(self, kind) or ()]
            for before, after in itertools.pairwise(values):
                if after <= before:
                    raise ValueError(f"{kind}: {key} must rise from row to row, not {before} then {after}")
        return self

    def add_pj(self, bits: int) -> float:
        """Energy of an addition of ``bits`` bits."""
        assert self.adders is not None, "asked of technologies with adders only"
        first = self.adders[0]
        if len(self.adders) == 1 or bits < first.bits:
            return first.energy_pj * bits / first.bits
        low, high = neighbours(self.adders, [row.bits for row in self.adders], bits)
        slope = (high.energy_pj - low.energy_pj) / (high.bits - low.bits)
        return low.energy_pj + slope * (bits - low.bits)

    def multiply_pj(self, bits: int, by_bits: int) -> float:
        """Energy of a multiplication of ``bits`` by ``by_bits`` bits."""
        if not self.multipliers:
            raise ConfigError(f"technology {self.name}: multipliers must have a row, the chip multiplies")
        side = math.sqrt(bits * by_bits)
        first = self.multipliers[0]
        if len(self.multipliers) == 1:
            return power_law(side, first.bits, first.energy_pj, 2.0)
        low, high = neighbours(self.multipliers, [row.bits for row in self.multipliers], side)
        return power_law(side, low.bits, low.energy_pj,
                         exponent(low.bits, low.energy_pj, high.bits, high.energy_pj))

    def memory_pj(self, *, depth: int, width: int) -> float:
        """Energy of an access to one word of a memory of ``depth`` words of ``width`` bits."""
        assert self.memories is not None, "asked of technologies with memories only"
        size = depth * width / 8
        low = self.memories[0]
        law = 0.5
        if len(self.memories) > 1 and size > low.bytes:
            low, high = neighbours(self.memories, [row.bytes for row in self.memories], size)
            law = exponent(low.bytes, low.energy_per_bit_pj, high.bytes, high.energy_per_bit_pj)
        return width * power_law(size, low.bytes, low.energy_per_bit_pj, law)


def exponent(low: float, low_pj: float, high: float, high_pj: float) -> float:
    """Exponent of the power law through two points."""
    return math.log(high_pj / low_pj) / math.log(high / low)


def power_law(size: float, known: float, known_pj: float, law: float) -> float:
    """Energy at ``size``, from that at a known size."""
    return known_pj * math.pow(size / known, law)
