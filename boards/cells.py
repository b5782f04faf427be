"""Cells of a Liberty library: area, leakage, pins, delays and energies; in ns, pF and pJ."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from itertools import groupby
from pathlib import Path

from spikewright.boards.liberty import Group, parse_liberty
from spikewright.boards.tables import Table, read_table
from spikewright.errors import ConfigError

__all__ = ["Cell", "Delay", "Library", "Pin", "Power", "WireLoad"]

NOT_LOGIC = re.compile(r"lpflow|probe|macro_sparecell")
"""Cells that no mapper may choose though libraries do not say ``dont_use``: sky130's isolation cells, which
look like gates and need a second supply, and its probe points."""


@dataclass(frozen=True, slots=True)
class Power:
    """Energy inside a cell as a pin switches, over the transition of the input and the load; each way.

    ``related`` is the pin that causes it, for outputs.
    """

    related: str | None
    rise: Table | None
    fall: Table | None

    def toggle_pj(self, *, slew: float, load: float = 0.0) -> float:
        """Mean of both directions."""
        return sum(t.at(slew=slew, load=load) for t in (self.rise, self.fall) if t is not None) / 2


@dataclass(frozen=True, slots=True)
class Delay:
    """One timing arc to an output pin; ``tables`` by name: ``cell_rise``, ``fall_transition``, ..."""

    related: str
    kind: str
    sense: str
    tables: dict[str, Table]


@dataclass(frozen=True, slots=True, kw_only=True)
class Pin:
    """A pin; ``setup`` are the tables ``rise_constraint`` and ``fall_constraint`` before the clock's edge."""

    name: str
    direction: str
    capacitance_pf: float
    function: str | None
    powers: tuple[Power, ...]
    delays: tuple[Delay, ...]
    setup: dict[str, Table]


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """A cell; ``clock`` is the pin that a flip-flop is clocked by."""

    name: str
    area_um2: float
    leakage_nw: float
    clock: str | None
    pins: dict[str, Pin]


@dataclass(frozen=True, slots=True, kw_only=True)
class WireLoad:
    """Capacitance of a net's wire by its fan-out: lengths on a line between the rows, then by ``slope``."""

    name: str
    pf_per_length: float
    lengths: tuple[tuple[int, float], ...]
    slope: float

    def capacitance_pf(self, fanout: int) -> float:
        """Of the wire of a net with so many sinks."""
        if fanout <= 0 or not self.lengths:
            return 0.0
        last, length = self.lengths[-1]
        if fanout > last:
            return self.pf_per_length * (length + self.slope * (fanout - last))
        before, start = max(((n, x) for n, x in self.lengths if n <= fanout), default=(0, 0.0))
        after, end = next((n, x) for n, x in self.lengths if n >= fanout)
        share = (fanout - before) / (after - before) if after > before else 0.0
        return self.pf_per_length * (start + (end - start) * share)


@dataclass(slots=True, eq=False)
class Scales:
    """Factors from the library's units to ours."""

    ns: float
    pf: float
    nw: float
    volts: float
    pj: float = field(init=False)

    def __post_init__(self) -> None:
        self.pj = self.pf * self.volts**2  # internal energy is in units of capacitance times voltage squared


class Library:
    """A library, cell by cell as they are asked for.

    Raises
    ------
    ConfigError
        If the file is not Liberty, or lacks what area, delay and energy need: with the place.
    """

    def __init__(self, path: Path) -> None:
        self.path, self.root = path, parse_liberty(path)
        self.cell_groups = {group.name: group for group in self.root.all("cell")}
        kinds = ("power_lut_template", "lu_table_template")
        self.templates = {group.name: group for group in self.root.groups if group.kind in kinds}
        self.cells: dict[str, Cell] = {}
        self.scales = Scales(
            ns=self.unit("time_unit", {"ps": 1e-3, "ns": 1.0}), pf=self.load_unit(),
            nw=self.unit("leakage_power_unit", {"pW": 1e-3, "nW": 1.0, "uW": 1e3, "mW": 1e6}),
            volts=self.unit("voltage_unit", {"mV": 1e-3, "V": 1.0}))

    @cached_property
    def volts(self) -> float:
        """Supply that it is characterised at."""
        volts = self.root.number("nom_voltage")
        if volts is None or volts <= 0:
            raise self.complaint(f"nom_voltage must be above 0, not {volts}")
        return volts * self.scales.volts

    def complaint(self, message: str) -> ConfigError:
        """An error of this file."""
        return ConfigError(f"{self.path.name}: {message}")

    def unit(self, name: str, units: dict[str, float]) -> float:
        """Factor of a unit such as ``1ns``."""
        text = self.root.text(name) or ""
        found = re.fullmatch(r"\s*([\d.]+)\s*([a-zA-Z]+)\s*", text)
        if found is None or found[2] not in units:
            raise self.complaint(f"{name} must be a number and one of {', '.join(units)}, not {text!r}")
        return float(found[1]) * units[found[2]]

    def load_unit(self) -> float:
        """Picofarads of a unit of capacitance."""
        value = self.root.attributes.get("capacitive_load_unit")
        units = {"ff": 1e-3, "pf": 1.0}
        if not isinstance(value, tuple) or len(value) != 2 or value[1].lower() not in units:
            raise self.complaint(f"capacitive_load_unit must be a number and ff or pf, not {value!r}")
        return float(value[0]) * units[value[1].lower()]

    def usable(self) -> Iterator[str]:
        """Names of the cells that a mapper may choose."""
        for name, group in self.cell_groups.items():
            if not NOT_LOGIC.search(name) and (group.text("dont_use") or "").strip().lower() != "true":
                yield name

    @property
    def excluded(self) -> list[str]:
        """Names of the others."""
        return sorted(set(self.cell_groups) - set(self.usable()))

    def buffer(self) -> str | None:
        """The smallest cell that gives its one input on."""
        found = []
        for name in self.usable():
            outputs = [pin for pin in self.cell_groups[name].all("pin") if pin.text("direction") == "output"]
            inputs = {p.name for p in self.cell_groups[name].all("pin") if p.text("direction") == "input"}
            function = re.sub(r"[()\s]", "", outputs[0].text("function") or "") if outputs else ""
            if len(outputs) == 1 and inputs == {function}:
                found.append((self.cell(name).area_um2, name))
        return min(found)[1] if found else None

    def cell(self, name: str) -> Cell:
        """A cell by name."""
        if name not in self.cells:
            if name not in self.cell_groups:
                raise self.complaint(f"cell {name!r} is missing")
            try:
                self.cells[name] = self.read(self.cell_groups[name])
            except ConfigError as error:
                raise self.complaint(str(error).removeprefix(f"{self.path.name}: ")) from None
        return self.cells[name]

    def read(self, group: Group) -> Cell:
        """Read one cell."""
        area = group.number("area")
        if area is None:
            raise ConfigError(f"cell {group.name}: area is missing")
        leakage = group.number("cell_leakage_power")
        if leakage is None:
            stated = [part.number("value") or 0.0 for part in group.all("leakage_power")]
            leakage = sum(stated) / len(stated) if stated else 0.0
        flops = [*group.all("ff"), *group.all("latch")]
        clock = None
        if flops:
            clock = re.sub(r"\W", "", flops[0].text("clocked_on") or flops[0].text("enable") or "")
        pins = {pin.name: self.pin(pin, f"cell {group.name}: pin {pin.name}") for pin in group.all("pin")}
        return Cell(name=group.name, area_um2=area, leakage_nw=leakage * self.scales.nw, clock=clock,
                    pins=pins)

    def pin(self, group: Group, place: str) -> Pin:
        """Read one pin."""
        delays: list[Delay] = []
        setup: dict[str, Table] = {}
        for part in group.all("timing"):
            tables: dict[str, Table] = {}
            kind = part.text("timing_type") or "combinational"
            if kind.startswith(("setup", "combinational", "rising", "falling")):
                tables = {inner.kind: read_table(inner, self.templates, place) for inner in part.groups
                          if inner.kind.endswith(("_rise", "_fall", "_transition", "_constraint"))}
            if kind.startswith("setup"):
                setup |= tables
            elif tables:
                related, sense = part.text("related_pin") or "", part.text("timing_sense") or ""
                delays.append(Delay(related, kind, sense, tables))
        return Pin(name=group.name, direction=group.text("direction") or "", function=group.text("function"),
                   capacitance_pf=(group.number("capacitance") or 0.0) * self.scales.pf,
                   powers=tuple(self.powers(group, place)), delays=tuple(delays), setup=setup)

    def powers(self, group: Group, place: str) -> Iterator[Power]:
        """Energies of a pin; where an arc without a condition stands, those with one are left out."""
        parts = sorted(group.all("internal_power"), key=lambda part: part.text("related_pin") or "")
        for related, of_pin in groupby(parts, key=lambda part: part.text("related_pin") or ""):
            arcs = list(of_pin)
            for part in [arc for arc in arcs if arc.text("when") is None] or arcs:
                tables = {inner.kind: read_table(inner, self.templates, place) for inner in part.groups
                          if inner.kind in ("rise_power", "fall_power", "power")}
                both = tables.get("power")
                yield Power(related or None, tables.get("rise_power", both), tables.get("fall_power", both))

    def wire_load(self, area_um2: float) -> WireLoad | None:
        """The library's own wire load for a design of this area: by its selection, else its default."""
        groups = {group.name: group for group in self.root.all("wire_load")}
        name = self.root.text("default_wire_load")
        for selection in self.root.all("wire_load_selection"):
            for kind, row in selection.repeated:
                if kind == "wire_load_from_area" and float(row[0]) <= area_um2 <= float(row[1]):
                    name = row[2]
        if name is None or name not in groups:
            return None
        group = groups[name]
        lengths = tuple(sorted((int(row[0]), float(row[1])) for kind, row in group.repeated
                               if kind == "fanout_length"))
        return WireLoad(name=name, pf_per_length=(group.number("capacitance") or 0.0) * self.scales.pf,
                        lengths=lengths, slope=group.number("slope") or 0.0)
