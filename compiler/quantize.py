"""From the real network to integers: weights on the codes of their width, everything else on their scale."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import numpy as np
import numpy.typing as npt

from spikewright.compiler.bounds import Drive, drive_range
from spikewright.compiler.decays import choose_decay
from spikewright.compiler.levels import WIDEST, LevelsOverflowError, choose_state_bits, population_neuron
from spikewright.compiler.semantics import DecaySpec
from spikewright.errors import ConfigError
from spikewright.fixed import signed_range
from spikewright.ir import RealEdge, RealNetwork, RealPopulation
from spikewright.network import Edge, InputPort, IntegerNetwork, Population
from spikewright.neuron import Decay, NeuronConfig

__all__ = ["DEFAULT_WEIGHT_BITS", "Loss", "Plan", "Quantized", "quantize", "quantize_population"]

Integers = npt.NDArray[np.int64]

DEFAULT_WEIGHT_BITS = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Loss:
    """What quantization cost the weights of one edge.

    Parameters
    ----------
    max_abs_error
        Largest error of a weight, in units of the real network.
    relative
        The same over the largest weight.
    zeroed
        Weights that were not 0 and became 0.
    """

    source: str
    target: str
    node: str
    scale: float
    max_abs_error: float
    relative: float
    zeroed: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What is fixed before quantization; all by name of the population.

    Parameters
    ----------
    scales
        Codes per 1.0, from training. Others are chosen: the largest weight becomes the largest code.
    clips
        Share of the largest weight that becomes the largest code, where that is not all of it.
    decays
        Decays that are asked for.
    trained
        Populations whose decay is that of the training, which must be the network's own.
    state_bits
        State widths; one for all, or by population. Others are chosen.
    """

    weight_bits: int = DEFAULT_WEIGHT_BITS
    scales: Mapping[str, float] = field(default_factory=dict)
    clips: Mapping[str, float] = field(default_factory=dict)
    decays: Mapping[str, DecaySpec] = field(default_factory=dict)
    trained: frozenset[str] = frozenset()
    state_bits: int | Mapping[str, int] | None = None

    def __post_init__(self) -> None:
        if not 2 <= self.weight_bits <= 16:
            raise ConfigError(f"weight_bits must be 2..16, not {self.weight_bits}")
        asked = (self.state_bits,) if isinstance(self.state_bits, int) else (self.state_bits or {}).values()
        for bits in asked:
            if not 8 <= bits <= 24:
                raise ConfigError(f"state_bits must be 8..24, not {bits}")

    def asked_state_bits(self, name: str) -> int | None:
        """State width of a population, if one is asked for."""
        if isinstance(self.state_bits, int) or self.state_bits is None:
            return self.state_bits
        return self.state_bits.get(name)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Quantized:
    """An integer network and how it came about."""

    network: IntegerNetwork
    losses: tuple[Loss, ...]
    notes: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class QuantizedPopulation:
    """One population and the edges into it."""

    population: Population
    edges: tuple[Edge, ...]
    losses: tuple[Loss, ...]
    notes: tuple[str, ...]


def quantize(real: RealNetwork, plan: Plan) -> Quantized:
    """Quantize every population; see :class:`Plan` for what can be asked for."""
    parts = [quantize_population(real, population, plan) for population in real.populations]
    network = IntegerNetwork(
        name=real.name,
        inputs=real.inputs,
        populations=tuple(part.population for part in parts),
        edges=tuple(edge for part in parts for edge in part.edges),
        outputs=real.outputs,
        decode=real.decode,
        weight_bits=plan.weight_bits,
    )
    return Quantized(
        network=network,
        losses=tuple(loss for part in parts for loss in part.losses),
        notes=tuple(note for part in parts for note in part.notes),
    )


def quantize_population(real: RealNetwork, population: RealPopulation, plan: Plan) -> QuantizedPopulation:
    """One population with its weights; all edges into it share its scale."""
    edges = [edge for edge in real.edges if edge.target == population.name]
    ports = {port.name: port for port in real.inputs}
    decay, told = choose_decay(
        population, plan.decays.get(population.name), trained=population.name in plan.trained
    )
    notes = [told]
    scale = choose_scale(population, edges, ports, plan)
    asked = plan.asked_state_bits(population.name)
    try:
        neuron = population_neuron(population, scale, decay, asked or WIDEST)
    except LevelsOverflowError:
        if asked or population.name in plan.scales:
            raise
        scale, neuron, note = lowered(population, scale, decay)
        notes.append(note)
    integers = [weight_codes(edge, scale, value_scale(ports, edge), plan.weight_bits) for edge in edges]
    if asked is None:
        drives = [
            Drive(
                weights=codes,
                convolution=edge.convolution,
                largest=most_in_a_step(real, edge.source),
            )
            for codes, edge in zip(integers, edges, strict=True)
        ]
        drive = drive_range(population.size, drives)
        choice = choose_state_bits(neuron, drive, population.name, scale)
        neuron = replace(neuron, state_bits=choice.bits, floor=narrowed(neuron.floor, choice.bits))
        notes.append(choice.note)
    if not any(np.any(codes) for codes in integers):
        notes.append(f"{population.name}: WARNING: all of its weights are 0, so no input can change it")
    return QuantizedPopulation(
        population=Population(name=population.name, size=population.size, neuron=neuron, scale=scale),
        edges=tuple(
            Edge(source=edge.source, target=edge.target, weights=codes)
            for edge, codes in zip(edges, integers, strict=True)
        ),
        losses=tuple(
            edge_loss(edge, codes, scale, value_scale(ports, edge))
            for edge, codes in zip(edges, integers, strict=True)
        ),
        notes=tuple(notes),
    )


def most_in_a_step(real: RealNetwork, name: str) -> int:
    """Most spikes, or highest value, of an address of an input or population in a step."""
    most = {port.name: port.max_value for port in real.inputs}
    return (most | {population.name: population.max_spikes for population in real.populations})[name]


def value_scale(ports: Mapping[str, InputPort], edge: RealEdge) -> float:
    """What the values of an edge's source are multiplied by when they come in; 1 for spikes."""
    port = ports.get(edge.source)
    return port.value_scale if port is not None and port.value_bits else 1.0


def choose_scale(
    population: RealPopulation, edges: list[RealEdge], ports: Mapping[str, InputPort], plan: Plan
) -> float:
    """Codes per 1.0: those of the training, or the largest weight at the largest code.

    Where the threshold is one for all, the scale is lowered by the little that makes it a whole level, so
    that the comparison itself loses nothing.
    """
    if population.name in plan.scales:
        return plan.scales[population.name]
    top = signed_range(plan.weight_bits)[1]
    peak = max((float(np.abs(edge.weights).max()) / value_scale(ports, edge) for edge in edges), default=0.0)
    if not peak:
        levels = np.concatenate([np.abs(population.threshold), np.abs(population.bias)])
        peak = float(levels.max()) or 1.0
    scale = min(top / peak / plan.clips.get(population.name, 1.0), 2.0**60)
    thresholds = np.unique(population.threshold)
    if population.fires and len(thresholds) == 1 and thresholds[0] > 0:
        level = np.floor(thresholds[0] * scale + 1e-9)
        if level >= 64:
            scale = float(level / thresholds[0])
    return scale


def lowered(population: RealPopulation, scale: float, decay: Decay) -> tuple[float, NeuronConfig, str]:
    """A scale at which the levels fit the widest state with room above, and the arithmetic at it."""
    high = signed_range(WIDEST)[1] / 4
    largest = max(
        float(np.abs(levels).max())
        for levels in (population.threshold, population.reset_value, population.bias)
    )
    fitting = high / largest
    note = (
        f"{population.name}: scale lowered from {scale:.6g} to {fitting:.6g}, so that level {largest:g} fits"
        f" {WIDEST}-bit states: its weights use fewer codes than they could"
    )
    return fitting, population_neuron(population, fitting, decay, WIDEST), note


def narrowed(floor: int | None, state_bits: int) -> int | None:
    """A floor of the potential within a narrower state."""
    return None if floor is None else max(floor, signed_range(state_bits)[0])


def weight_codes(edge: RealEdge, scale: float, source_scale: float, weight_bits: int) -> Integers:
    """Integer weights; an edge that would lose all of them is refused."""
    low, high = signed_range(weight_bits)
    codes = np.clip(np.rint(edge.weights * scale / source_scale), low, high).astype(np.int64)
    largest = float(np.abs(edge.weights).max())
    if largest and not codes.any():
        raise ConfigError(
            f"{edge.node or edge.source}: all weights become 0 at scale {scale / source_scale:.4g}, where the"
            f" largest is {largest:.4g}: rescale the layers into {edge.target!r}, or take more weight bits"
        )
    return codes


def edge_loss(edge: RealEdge, codes: Integers, scale: float, source_scale: float) -> Loss:
    """Error of an edge's weights."""
    largest = float(np.abs(edge.weights).max())
    error = float(np.abs(codes * (source_scale / scale) - edge.weights).max())
    return Loss(
        source=edge.source,
        target=edge.target,
        node=edge.node,
        scale=scale,
        max_abs_error=error,
        relative=error / largest if largest else 0.0,
        zeroed=int(np.count_nonzero((codes == 0) & (edge.weights != 0))),
    )
