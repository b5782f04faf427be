"""What a graph can become, before anything is built: every node, the memory, and which board holds it."""

from dataclasses import asdict, dataclass
from typing import Any, Literal

import nir  # type: ignore[import-untyped]

from spikewright.compiler.blockram import DEVICES, blocks
from spikewright.compiler.decays import decay_text
from spikewright.compiler.nodes import NEURONS, WEIGHTS, type_name, unsupported
from spikewright.compiler.passes import Lowered, SemanticsLike, decide_semantics, lower
from spikewright.compiler.reader import Reading, examine, read_nir
from spikewright.config import CoreConfig
from spikewright.errors import ConfigError

__all__ = ["CheckReport", "Fit", "NodeRow", "check"]


PLAIN = {
    "Input": "stream into the chip",
    "Output": "stream out of the chip",
    "Flatten": "no hardware: addresses stay the same",
    "Linear": "rows of weights",
    "Affine": "rows of weights, and a bias",
} | dict.fromkeys(("LIF", "IF", "LI", "I"), "LIF core")
"""What a node becomes, as far as that is known without the rest of the network."""


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
    nodes = tuple(node_row(name, graph, lowered, problems) for name in ordered(graph, reading))
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
    """Names of the nodes, sources first where the graph is in order, else by name."""
    return list(reading.order) or sorted(graph.nodes)


def node_row(name: str, graph: Any, lowered: Lowered | None, problems: tuple[str, ...]) -> NodeRow:
    """One row."""
    node = graph.nodes[name]
    kind = type_name(node)
    reason = unsupported(name, node)
    own = reason or next((problem for problem in problems if problem.startswith(f"{name}: ")), None)
    if own is not None:
        return NodeRow(name=name, type=kind, supported=False, reason=own.removeprefix(f"{name}: "))
    become = realised(name, node, lowered) if lowered is not None else PLAIN[kind]
    return NodeRow(name=name, type=kind, supported=True, realised_as=become)


def realised(name: str, node: Any, lowered: Lowered) -> str:
    """What a node became."""
    chip = lowered.chip
    if isinstance(node, NEURONS):
        return core_text(chip.core(name))
    if isinstance(node, WEIGHTS):
        into = [edge for edge in lowered.real.edges if name in edge.node.split("+")]
        rows = ", ".join(f"{edge.source} to {edge.target}" for edge in into)
        kinds = sorted({chip.core(edge.target).rows.kind for edge in into})
        return f"{' and '.join(kinds)} rows of {chip.core(into[0].target).weight_bits}-bit weights, {rows}"
    if isinstance(node, nir.Input):
        port = next(port for port in chip.inputs if port.name == name)
        carried = f"{port.value_bits}-bit values" if port.value_bits else "spikes"
        return f"{port.kind} input of {port.size} addresses, {carried}"
    return PLAIN[type_name(node)]


def core_text(core: CoreConfig) -> str:
    """A core in a line."""
    neuron = core.neuron
    fires = f"reset {neuron.reset}, {neuron.reset_when}" if neuron.fires else "gives its potential"
    return (
        f"LIF core, {core.neurons} neurons in {core.lanes} lanes, {neuron.state_bits}-bit states,"
        f" {core.accumulator_bits}-bit accumulators, decay {decay_text(neuron.decay)}, {fires}"
    )
