"""A chip of standard cells: area, clock rate, leakage and switching energy by a Liberty library.

Logic is mapped by Yosys and ABC, timed by the library's tables, and simulated as gates in lockstep with the
RTL; its energy follows from how often every net switched there. Memories are macros of a technology file.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol

from spikewright.boards.activity import Activity
from spikewright.boards.cells import Library
from spikewright.boards.mapping import GATES, Mapped, map_gates
from spikewright.boards.netlist import Macro
from spikewright.boards.power import LogicEnergy, leakage_nw, logic_energy
from spikewright.boards.saif import read_saif
from spikewright.boards.sram import MacroModel, macro_model
from spikewright.boards.sta import Timing, net_loads, static_timing
from spikewright.boards.technology import Technology
from spikewright.boards.technology_file import load_technology
from spikewright.boards.terms import FLOP_BITS
from spikewright.boards.yosys import yosys_version
from spikewright.errors import ConfigError

__all__ = ["Asic", "AsicTarget", "GateSimulation", "SwitchingRun", "asic_sources", "asic_target",
           "measure_asic"]

DEFAULT_MEMORIES = "130nm"
"""Technology whose macros stand beside a library's gates, unless ``LIBRARY@TECHNOLOGY`` names another."""


class SwitchingRun(Protocol):
    """What a gate-level run gave; :class:`spikewright.cosim.gates.GateRun` is one."""

    @property
    def saif(self) -> Path:
        """Switching of the cycles from the first word in to the last token out."""

    @property
    def instance(self) -> str:
        """Name of the netlist in it."""

    @property
    def cycles(self) -> int:
        """Clocks of it."""

    @property
    def words(self) -> int:
        """Words that RTL and gates both gave."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GateSimulation:
    """How gates are simulated, and what the chip does in that time.

    Parameters
    ----------
    run
        Takes the module of the netlist, the files of it, its cells and its macros, and a folder to work in.
    activity
        Of the samples that ``run`` feeds.
    stimulus
        What these are, for people.
    """

    run: Callable[[str, list[Path], Path], SwitchingRun]
    activity: Activity
    stimulus: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AsicTarget:
    """A library, and the technology of its memories."""

    library: Library
    memories: Technology

    @property
    def scaled(self) -> bool:
        """Whether the macros' energies are scaled to the library's supply."""
        return abs(self.library.volts - self.memories.supply.volts) > 1e-9


@dataclass(frozen=True, slots=True, kw_only=True)
class Asic:
    """What was measured and modelled; energies of the whole run, None without one.

    Parameters
    ----------
    gates, ffs
        Cells, and how many of them are registers.
    logic_area_um2, memory_area_um2, logic_leakage_uw, memory_leakage_uw
        Of the cells, and of the macros.
    macros
        Memories that are SRAM macros.
    accesses
        Reads and writes of all macros in the run.
    wires
        The wire load that was used, for people.
    """

    gates: int
    ffs: int
    logic_area_um2: float
    memory_area_um2: float
    logic_leakage_uw: float
    memory_leakage_uw: float
    macros: int
    fmax_mhz: float | None
    wires: str
    cycles: int | None = None
    words: int | None = None
    logic: LogicEnergy | None = None
    memory_pj: float | None = None
    accesses: float | None = None


def asic_target(name: str) -> AsicTarget:
    """The library of ``PATH`` or ``PATH@TECHNOLOGY``.

    Raises
    ------
    ConfigError
        If the library or the technology is wrong, or has no macros.
    """
    path, _, memories = name.partition("@")
    technology = load_technology(memories or DEFAULT_MEMORIES)
    if technology.srams is None:
        raise ConfigError(f"technology {technology.name}: must have srams to stand beside a Liberty library")
    return AsicTarget(library=Library(Path(path)), memories=technology)


def measure_asic(target: AsicTarget, rtl: Path, folder: Path, *, top: str, run_in: Path,
                 simulation: GateSimulation | None) -> Asic:
    """Map, time and, where there is a stimulus, simulate.

    Raises
    ------
    ConfigError
        If the library lacks figures of a cell.
    ToolError
        If a tool stops, or gates and RTL differ.
    """
    library = target.library
    mapped = map_gates(rtl, library, folder, top=top, run_in=run_in)
    netlist = mapped.netlist
    types = netlist.cell_types()
    netlist.connect({name: {pin.name: pin.direction for pin in library.cell(name).pins.values()}
                     for name in types})
    area = sum(library.cell(name).area_um2 * count for name, count in types.items())
    wires = library.wire_load(area)
    loads = net_loads(netlist, library, wires)
    model = macro_model(target.memories)
    access_ns = {macro.name: figure(model, "access_ns", macro) for macro in netlist.macros}
    timing = static_timing(netlist, library, loads, access_ns, model.setup_ns)
    asic = Asic(
        gates=sum(types.values()), ffs=sum(n for name, n in types.items() if library.cell(name).clock),
        logic_area_um2=area, memory_area_um2=sum(figure(model, "area_um2", m) for m in netlist.macros),
        logic_leakage_uw=leakage_nw(netlist, library) / 1e3,
        memory_leakage_uw=sum(figure(model, "leakage_nw", macro) for macro in netlist.macros) / 1e3,
        macros=len(netlist.macros), fmax_mhz=1e3 / timing.longest_ns if timing.longest_ns else None,
        wires="none, the library has none" if wires is None else f"the library's {wires.name!r}")
    if simulation is None:
        return asic
    return simulated(asic, target, mapped, loads, timing, model, folder, simulation)


def simulated(asic: Asic, target: AsicTarget, mapped: Mapped, loads: dict[int, float], timing: Timing,
              model: MacroModel, folder: Path, simulation: GateSimulation) -> Asic:
    """The same with the energies of a run."""
    run = simulation.run(GATES, list(mapped.sources), folder / "simulation")
    switching = read_saif(run.saif, run.instance)
    logic = logic_energy(mapped.netlist, target.library, loads, timing, switching)
    nets = mapped.netlist.nets
    memory_pj = accesses = 0.0
    for macro in mapped.netlist.macros:
        for name, bit in (("read_pj", macro.read_enable), ("write_pj", macro.write_enable)):
            share = float(bit == "1") if isinstance(bit, str) else switching[nets[bit].name].high
            accesses += share * run.cycles
            memory_pj += share * run.cycles * figure(model, name, macro, target.library.volts)
    return replace(asic, cycles=run.cycles, words=run.words, logic=logic, memory_pj=memory_pj,
                   accesses=accesses)


def figure(model: MacroModel, name: str, macro: Macro, volts: float | None = None) -> float:
    """One figure of a macro; contents that are fixed in use need one port, states two."""
    ports = 1 if macro.contents else 2
    return model.figure(name, depth=macro.depth, width=macro.width, ports=ports, volts=volts)


def asic_sources(asic: Asic, target: AsicTarget, simulation: GateSimulation | None) -> list[str]:
    """How its figures came about."""
    library, memories = target.library.path.name, target.memories
    rows = dict.fromkeys(row.source for row in memories.srams or ())
    law = (f", energies times ({target.library.volts:g} V / {memories.supply.volts:g} V)²" if target.scaled
           else "")
    sources = [
        f"gates, ffs: measured, Yosys {yosys_version()} with ABC, cells of {library}",
        f"area_um2, logic_area_um2, memory_area_um2: cells by {library}; {asic.macros} SRAM macros modelled;"
        " without routing and utilisation",
        f"fmax_mhz: modelled, static timing by the tables of {library}, wire load {asic.wires}; without clock"
        " tree, ports and layout",
        f"leakage_uw: cells by {library}, macros modelled",
        f"memories: up to {FLOP_BITS} bits flip-flops; macros by power laws in words and bits through"
        f" {len(memories.srams or ())} published ones{law}; {'; '.join(rows)}",
    ]
    if simulation is None:
        return [*sources, "cycles, energy: none without a stimulus"]
    return [
        *sources,
        f"cycles_per_inference: counted in gate-level simulation of {simulation.stimulus}",
        f"energy, compute_nj: toggles of every net in gate-level simulation of {simulation.stimulus}"
        f" (Verilator, SAIF; {asic.words} words the same as the RTL's), tables and pin capacitances of"
        f" {library}, wire load {asic.wires}; without clock tree and glitches",
        f"memory_nj: modelled, {asic.accesses or 0:.0f} accesses counted in that simulation",
        "leakage_nj: leakage_uw over latency_us",
    ]
