"""Static timing of a mapped netlist: the longest path between registers, and the transition of every net.

Delays come from the library's tables over the transition at the input and the load at the output, rising and
falling apart, the latest of all arcs. Not in it: the clock tree (every register is clocked at once, with an
edge of :data:`CLOCK_SLEW_NS`), coupling, resistance of wires, and paths from and to the chip's ports.
"""

from dataclasses import dataclass, field
from graphlib import CycleError, TopologicalSorter

from spikewright.boards.cells import Delay, Library, WireLoad
from spikewright.boards.netlist import Instance, Macro, Netlist
from spikewright.boards.tables import Table
from spikewright.errors import ToolError

__all__ = ["CLOCK_SLEW_NS", "Timing", "net_loads", "static_timing", "through"]

CLOCK_SLEW_NS = 0.1
"""Transition of the clock at every register, and of what comes from ports and macros."""

EDGES = ("rise", "fall")


@dataclass(slots=True)
class Timing:
    """What timing gave; net by net, in the library's time unit scaled to ns.

    Parameters
    ----------
    arrival, slew
        By net and edge (``rise``, ``fall``).
    longest_ns
        The longest path between registers or macros, setup included; None where there is none.
    """

    arrival: dict[int, dict[str, float]] = field(default_factory=dict)
    slew: dict[int, dict[str, float]] = field(default_factory=dict)
    longest_ns: float | None = None

    def slew_of(self, net: int | str) -> float:
        """Mean transition of a net."""
        edges = self.slew.get(net) if isinstance(net, int) else None
        return sum(edges.values()) / len(edges) if edges else CLOCK_SLEW_NS


def net_loads(netlist: Netlist, library: Library, wires: WireLoad | None) -> dict[int, float]:
    """Capacitance of every net, pF: of the pins that read it, and of its wire."""
    loads = {}
    for number, net in netlist.nets.items():
        pins = sum(library.cell(i.type).pins[p].capacitance_pf for i, p in net.readers)
        fanout = len(net.readers) + net.extra
        loads[number] = pins + (wires.capacitance_pf(fanout) if wires is not None else 0.0)
    return loads


def static_timing(netlist: Netlist, library: Library, loads: dict[int, float],
                  access_ns: dict[str, float], setup_ns: float) -> Timing:
    """Time a netlist.

    Parameters
    ----------
    access_ns
        By macro, clock to data.
    setup_ns
        Of every macro's inputs.

    Raises
    ------
    ToolError
        If gates form a loop.
    """
    timing = Timing()
    scale = library.scales
    launch(netlist.macros, access_ns, timing)
    for instance in ordered(netlist, library):
        cell = library.cell(instance.type)
        for pin_name, net in outputs(instance, library):
            arcs = [arc for arc in cell.pins[pin_name].delays if arc.related in instance.pins]
            load = loads[net] / scale.pf
            clocked = [arc for arc in arcs if arc.kind.endswith("_edge")]
            for arc in clocked or [arc for arc in arcs if arc.kind.startswith("combinational")]:
                source = instance.pins[arc.related]
                if arc.kind.endswith("_edge"):
                    edge = {"rise": 0.0}, {"rise": CLOCK_SLEW_NS}
                elif isinstance(source, int) and source in timing.arrival:
                    edge = timing.arrival[source], timing.slew[source]
                else:
                    continue  # a constant, or a port
                through(arc, edge, load, scale.ns, timing.arrival.setdefault(net, {}),
                        timing.slew.setdefault(net, {}))
    ends = [*register_ends(netlist, library, timing), *macro_ends(netlist.macros, timing, setup_ns)]
    timing.longest_ns = max(ends, default=None)
    return timing


def launch(macros: tuple[Macro, ...], access_ns: dict[str, float], timing: Timing) -> None:
    """Data of macros."""
    for macro in macros:
        for bit in macro.outputs:
            if isinstance(bit, int):
                timing.arrival[bit] = dict.fromkeys(EDGES, access_ns[macro.name])
                timing.slew[bit] = dict.fromkeys(EDGES, CLOCK_SLEW_NS)


def outputs(instance: Instance, library: Library) -> list[tuple[str, int]]:
    """Connected output pins, with their nets."""
    pins = library.cell(instance.type).pins
    return [(name, bit) for name, bit in instance.pins.items()
            if isinstance(bit, int) and name in pins and pins[name].direction == "output"]


def ordered(netlist: Netlist, library: Library) -> list[Instance]:
    """Cells so that each follows those that drive it; registers come first."""
    graph: TopologicalSorter[int] = TopologicalSorter()
    numbers = {id(instance): number for number, instance in enumerate(netlist.instances)}
    for number, instance in enumerate(netlist.instances):
        sources = [] if library.cell(instance.type).clock else [
            numbers[id(driver[0])] for bit in instance.pins.values()
            if isinstance(bit, int) and (driver := netlist.nets[bit].driver) and driver[0] is not instance]
        graph.add(number, *sources)
    try:
        return [netlist.instances[number] for number in graph.static_order()]
    except CycleError as error:
        names = ", ".join(netlist.instances[number].name for number in error.args[1][:4])
        raise ToolError(f"timing: gates form a loop: {names}, ...") from error


def through(arc: Delay, edge: tuple[dict[str, float], dict[str, float]], load: float, ns: float,
            arrival: dict[str, float], slew: dict[str, float]) -> None:
    """Bring arrivals and transitions through an arc to its output, where they are later."""
    arrivals, slews = edge
    for out in EDGES:
        delay: Table | None = arc.tables.get(f"cell_{out}")
        transition = arc.tables.get(f"{out}_transition")
        if delay is None or transition is None:
            continue
        for start in causes(arc, out, arrivals):
            at = arrivals[start] + ns * delay.at(slew=slews[start] / ns, load=load)
            arrival[out] = max(arrival.get(out, at), at)
            after = ns * max(0.0, transition.at(slew=slews[start] / ns, load=load))
            slew[out] = max(slew.get(out, after), after)


def causes(arc: Delay, out: str, arrivals: dict[str, float]) -> list[str]:
    """Edges of the input that cause an edge of the output."""
    other = "fall" if out == "rise" else "rise"
    if arc.kind.endswith("_edge"):
        return ["rise"]
    wanted = {"positive_unate": [out], "negative_unate": [other]}.get(arc.sense, list(EDGES))
    return [edge for edge in wanted if edge in arrivals]


def register_ends(netlist: Netlist, library: Library, timing: Timing) -> list[float]:
    """When data must be launched before the clock, for every input of every register."""
    scale, found = library.scales.ns, []
    for instance in netlist.instances:
        cell = library.cell(instance.type)
        for name, bit in instance.pins.items() if cell.clock else ():
            if not isinstance(bit, int) or bit not in timing.arrival or name not in cell.pins:
                continue
            for edge, at in timing.arrival[bit].items():
                table = cell.pins[name].setup.get(f"{edge}_constraint")
                setup = 0.0 if table is None else scale * table.at(
                    slew=CLOCK_SLEW_NS / scale, data=timing.slew[bit][edge] / scale)
                found.append(at + setup)
    return found


def macro_ends(macros: tuple[Macro, ...], timing: Timing, setup_ns: float) -> list[float]:
    """The same for the inputs of macros."""
    bits = [bit for macro in macros for bit in (macro.read_enable, macro.write_enable, *macro.inputs)]
    return [at + setup_ns for bit in bits if isinstance(bit, int)
            for at in timing.arrival.get(bit, {}).values()]


