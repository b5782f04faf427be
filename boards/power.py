"""Switching energy of a mapped netlist from the toggles of its nets, and its leakage.

For every net that toggles, half of the load times the square of the supply: pins by the library, wires by its
wire load. For every pin of every cell the library's internal energy: of an input by its own toggles, of an
output by its toggles, shared between the inputs that can cause them by how often these toggle. Rising and
falling edges come in equal numbers. Glitches are not in it, as the simulation has no delays.
"""

from dataclasses import dataclass

from spikewright.boards.cells import Cell, Library, Pin
from spikewright.boards.netlist import Bit, Instance, Netlist
from spikewright.boards.saif import Switching
from spikewright.boards.sta import Timing
from spikewright.errors import ToolError

__all__ = ["LogicEnergy", "leakage_nw", "logic_energy"]


@dataclass(frozen=True, slots=True, kw_only=True)
class LogicEnergy:
    """Energy of a whole run, pJ.

    Parameters
    ----------
    clock_pj
        Of the clock's net and of the clock pins of registers.
    internal_pj, nets_pj
        Inside all cells, and of all nets; ``clock_pj`` is a part of both.
    """

    clock_pj: float
    internal_pj: float
    nets_pj: float

    @property
    def total_pj(self) -> float:
        """Of all logic."""
        return self.internal_pj + self.nets_pj


def logic_energy(netlist: Netlist, library: Library, loads: dict[int, float], timing: Timing,
                 switching: dict[str, Switching]) -> LogicEnergy:
    """Energy of a run.

    Parameters
    ----------
    switching
        Of every net, by its name.

    Raises
    ------
    ToolError
        If a net is missing there.
    """
    toggles: dict[Bit, int] = {"0": 0, "1": 0, "x": 0}
    for number, net in netlist.nets.items():
        if net.name not in switching:
            raise ToolError(f"switching: net {net.name!r} of the netlist is missing")
        toggles[number] = switching[net.name].toggles
    half = 0.5 * library.volts**2
    nets = {number: half * loads[number] * toggles[number] for number in netlist.nets}
    clocks = {instance.pins[cell.clock] for instance in netlist.instances
              if (cell := library.cell(instance.type)).clock and cell.clock in instance.pins}
    internal = clock = 0.0
    for instance in netlist.instances:
        cell = library.cell(instance.type)
        for name, pin in cell.pins.items():
            energy = pin_energy(instance, cell, pin, toggles, loads, timing, library)
            internal += energy
            clock += energy if name == cell.clock else 0.0
    clock += sum(nets[bit] for bit in clocks if isinstance(bit, int))
    return LogicEnergy(clock_pj=clock, internal_pj=internal, nets_pj=sum(nets.values()))


def pin_energy(instance: Instance, cell: Cell, pin: Pin, toggles: dict[Bit, int], loads: dict[int, float],
               timing: Timing, library: Library) -> float:
    """Internal energy of one pin over the run, pJ."""
    if not pin.powers:
        return 0.0
    scale = library.scales
    bit = instance.pins.get(pin.name)
    if pin.direction != "output":
        if bit is None or not toggles[bit]:
            return 0.0
        slew = timing.slew_of(bit) / scale.ns
        mean = sum(power.toggle_pj(slew=slew) for power in pin.powers) / len(pin.powers)
        return scale.pj * mean * toggles[bit]
    # The second output of a flip-flop switches with the first, connected or not.
    count = toggles[bit] if bit is not None else max(
        (toggles[instance.pins[name]] for name, other in cell.pins.items()
         if cell.clock and other.direction == "output" and name in instance.pins), default=0)
    if not count:
        return 0.0
    load = loads[bit] / scale.pf if isinstance(bit, int) else 0.0
    weights, energies = [], []
    for power in pin.powers:
        source = instance.pins.get(power.related or "")
        energies.append(power.toggle_pj(slew=timing.slew_of(source or "0") / scale.ns, load=load))
        weights.append(float(toggles[source]) if source is not None else 0.0)
    total = sum(weights)
    mean = (sum(w * e for w, e in zip(weights, energies, strict=True)) / total if total
            else sum(energies) / len(energies))
    return scale.pj * mean * count


def leakage_nw(netlist: Netlist, library: Library) -> float:
    """Leakage of all cells: of each the library's own figure for all of its states."""
    return sum(library.cell(name).leakage_nw * number for name, number in netlist.cell_types().items())
