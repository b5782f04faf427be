"""Technologies: what one operation costs in energy, each figure with its source.

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

How energies between, below and above the rows come about:

- *Adder* of ``n`` bits: linear in ``n`` through the two rows next to it; with one row, and below the
  first, in proportion to ``n``.
- *Multiplier* of ``a`` by ``b`` bits: a power law in the geometric mean ``sqrt(a*b)`` through the two rows
  next to it; through one row, with exponent 2 (in proportion to the number of partial product bits).
- *Memory access*: in proportion to the bits of its word; for each bit, a power law in the capacity through
  the two rows next to it. With one row, and below the first, energy goes with the square root of the
  capacity (word and bit lines lengthen with the side of the array).

Otherwise a quantity outside its rows follows the law of the nearest two.
"""

import itertools
import math
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

import pydantic
import yaml

from spikewright.errors import ConfigError

__all__ = [
    "Adder",
    "Clock",
    "Memory",
    "Multiplier",
    "Supply",
    "Technology",
    "load_technology",
    "shipped_technologies",
]

Positive = Annotated[float, pydantic.Field(gt=0, allow_inf_nan=False)]
Bits = Annotated[int, pydantic.Field(ge=1)]
Source = Annotated[str, pydantic.Field(pattern=r"\S")]


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


class Technology(pydantic.BaseModel):
    """Energies of the operations that activity counts."""

    model_config = pydantic.ConfigDict(extra="forbid", frozen=True, strict=True)
    version: Literal[1]
    name: Source
    supply: Supply
    clock: Clock | None = None
    adders: Annotated[list[Adder], pydantic.Field(min_length=1)]
    multipliers: list[Multiplier] = []
    memories: Annotated[list[Memory], pydantic.Field(min_length=1)]

    @pydantic.model_validator(mode="after")
    def _rows_rise(self) -> "Technology":
        for kind, key in (("adders", "bits"), ("multipliers", "bits"), ("memories", "bytes"),
                          ("adders", "energy_pj"), ("multipliers", "energy_pj")):
            values = [getattr(row, key) for row in getattr(self, kind)]
            for before, after in itertools.pairwise(values):
                if after <= before:
                    raise ValueError(f"{kind}: {key} must rise from row to row, not {before} then {after}")
        return self

    def add_pj(self, bits: int) -> float:
        """Energy of an addition of ``bits`` bits."""
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
        size = depth * width / 8
        low = self.memories[0]
        law = 0.5
        if len(self.memories) > 1 and size > low.bytes:
            low, high = neighbours(self.memories, [row.bytes for row in self.memories], size)
            law = exponent(low.bytes, low.energy_per_bit_pj, high.bytes, high.energy_per_bit_pj)
        return width * power_law(size, low.bytes, low.energy_per_bit_pj, law)


AnyRow = TypeVar("AnyRow")


def neighbours(rows: Sequence[AnyRow], sizes: Sequence[float], size: float) -> tuple[AnyRow, AnyRow]:
    """The two rows that ``size`` lies between, or the nearest two."""
    index = max(1, min(len(rows) - 1, sum(known < size for known in sizes)))
    return rows[index - 1], rows[index]


def exponent(low: float, low_pj: float, high: float, high_pj: float) -> float:
    """Exponent of the power law through two points."""
    return math.log(high_pj / low_pj) / math.log(high / low)


def power_law(size: float, known: float, known_pj: float, law: float) -> float:
    """Energy at ``size``, from that at a known size."""
    return known_pj * math.pow(size / known, law)


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
