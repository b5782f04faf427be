"""What a graph can become, before anything is built: every node, the memory, and which board holds it."""

from dataclasses import asdict, dataclass
from typing import Any, Literal

from spikewright.compiler.blockram import DEVICES, blocks
from spikewright.compiler.nodes import type_name, unsupported
from spikewright.compiler.passes import Lowered, SemanticsLike, decide_semantics, lower
from spikewright.compiler.reader import Reading, examine, read_nir
from spikewright.compiler.realised import realised
from spikewright.errors import ConfigError

__all__ = ["CheckReport", "Fit", "NodeRow", "check"]


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeRow:
    """One node of the graph: what it becomes, or why it cannot."""

    name: str
    type: str
    supported: bool
    realised_as: str | None = None
    reason: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Fit:
    """Whether a device's block RAM holds all memories."""

    fits: bool
    block_rams: int
    available: int


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckReport:
    """Everything that ``spikewright check`` says.

    Parameters
    ----------
    supported
        Whether the whole network can be compiled.
    problems
        What is wrong with it, a line each.
    memory_bits
        Weights, indices and row pointers at the asked weight bits; None where it cannot be compiled.
    fits
        By name of the device; empty where it cannot be compiled.
    notes
        What was decided, every decay among it.
    """

    supported: bool
    nodes: tuple[NodeRow, ...]
    problems: tuple[str, ...] = ()
    memory_bits: int | None = None
    parameter_bits: int | None = None
    state_bits: int | None = None
    fits: dict[str, Fit]
    notes: tuple[str, ...] = ()

    def as_dict(self) -> dict[str, Any]:
        """The report as ``--json`` prints it."""
        return asdict(self)


def check(
    network: Any,
    *,
    semantics: SemanticsLike = None,
    source: str | None = None,
    weight_bits: int | None = None,
    state_bits: int | None = None,
    lanes: int | None = None,
    rows: Literal["auto", "dense", "compressed"] = "auto",
    contents: Literal["baked", "bus"] = "baked",
) -> CheckReport:
    """Examine a NIR file or graph; options are those of :func:`spikewright.compiler.passes.lower`.

    What is wrong with the network is in the report. Only a file that cannot be read at all, or semantics that
    are wrong in themselves, raise :class:`~spikewright.errors.ConfigError`.
    """
    graph = read_nir(network)
    _, decided = decide_semantics(graph, semantics, source)
    reading = examine(graph, decided)
    lowered: Lowered | None = None
    problems = reading.problems
    if reading.network is not None:
        try:
            lowered = lower(
                graph,
                semantics=decided,
                weight_bits=weight_bits,
                state_bits=state_bits,
                lanes=lanes,
                rows=rows,
                contents=contents,
            )
        except ConfigError as error:
            problems = (str(error),)
    nodes = tuple(node_row(name, graph, reading, lowered, problems) for name in ordered(graph, reading))
    if lowered is None:
        return CheckReport(supported=False, nodes=nodes, problems=problems, fits={})
    fits = {}
    for name, device in DEVICES.items():
        needed = blocks(device.family, lowered.chip, lowered.images)
        fits[name] = Fit(fits=needed <= device.rams, block_rams=needed, available=device.rams)
    return CheckReport(
        supported=True,
        nodes=nodes,
        memory_bits=lowered.summary.memory_bits,
        parameter_bits=lowered.summary.parameter_bits,
        state_bits=lowered.summary.state_bits,
        fits=fits,
        notes=lowered.notes,
    )


def ordered(graph: Any, reading: Reading) -> list[str]:
    """Names of the nodes, sources first where the graph is in order, else by name; then graphs within."""
    if reading.graph is None:
        return sorted(graph.nodes, key=str)
    return [*(reading.order or reading.graph.nodes), *reading.graph.graphs]


def node_row(
    name: str, graph: Any, reading: Reading, lowered: Lowered | None, problems: tuple[str, ...]
) -> NodeRow:
    """One row."""
    flat = reading.graph
    node = graph.nodes[name] if flat is None else flat.graphs.get(name) or flat.nodes[name]
    kind = type_name(node)
    own = unsupported(name, node)
    own = own or next((problem for problem in problems if problem.startswith(f"{name}: ")), None)
    if own is not None:
        return NodeRow(name=name, type=kind, supported=False, reason=own.removeprefix(f"{name}: "))
    passes = flat is not None and name in flat.passes
    become = realised(name, node, lowered, passes=passes)
    return NodeRow(name=name, type=kind, supported=True, realised_as=become)
