"""From the real network to integers: weights on the codes of their width, everything else on their scale."""

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from spikewright.compiler.bounds import Drive, Range, drive_range
from spikewright.compiler.decays import choose_current_decay, choose_decay
from spikewright.compiler.levels import (
    WIDEST,
    LevelsOverflowError,
    choose_current_bits,
    choose_state_bits,
    population_neuron,
    scale_text,
)
from spikewright.compiler.plan import Plan
from spikewright.compiler.scales import choose_scales, value_scale
from spikewright.compiler.weights import Loss, edge_loss, weight_codes
from spikewright.fixed import signed_range
from spikewright.ir import RealEdge, RealNetwork, RealPopulation
from spikewright.network import Edge, IntegerNetwork, Population
from spikewright.neuron import Decay, NeuronConfig

__all__ = ["Quantized", "quantize", "quantize_population"]

Integers = npt.NDArray[np.int64]
Reals = npt.NDArray[np.float64]


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
    name, bits = population.name, plan.bits_of(population.name)
    edges = [edge for edge in real.edges if edge.target == name]
    ports = {port.name: port for port in real.inputs}
    decay, told = choose_decay(population, plan.decays.get(name), trained=name in plan.trained)
    notes = [told]
    current_decay = None
    if population.current is not None:
        current_decay, told = choose_current_decay(population)
        notes.append(told)
    scales = choose_scales(real, population, edges, plan)
    asked = plan.asked_state_bits(name)
    try:
        neuron = population_neuron(population, scales, decay, asked or WIDEST, current_decay)
    except LevelsOverflowError:
        if asked or name in plan.scales:
            raise
        scales, neuron, note = lowered(population, scales, decay, current_decay)
        notes.append(note)
    sources = [value_scale(ports, edge) for edge in edges]
    integers = [weight_codes(edge, scales, source, bits) for edge, source in zip(edges, sources, strict=True)]
    drive = drive_range(population.size, edge_drives(real, edges, integers))
    neuron, width_notes = with_widths(neuron, drive, name, scales, plan)
    notes += width_notes
    if not any(np.any(codes) for codes in integers):
        notes.append(f"{name}: WARNING: all of its weights are 0, so no input can change it")
    differ = bool((scales != scales[0]).any())
    coded = list(zip(edges, integers, sources, strict=True))
    return QuantizedPopulation(
        population=Population(
            name=name,
            size=population.size,
            neuron=neuron,
            scale=float(scales.max()),
            scales=tuple(scales.tolist()) if differ else (),
            shape=population.shape,
            weight_bits=bits if bits != plan.weight_bits else None,
        ),
        edges=tuple(
            Edge(
                source=edge.source,
                target=edge.target,
                weights=codes,
                convolution=edge.convolution,
                delay=edge.delay,
            )
            for edge, codes, _ in coded
        ),
        losses=tuple(edge_loss(edge, codes, scales, source, bits) for edge, codes, source in coded),
        notes=tuple(notes),
    )


def edge_drives(real: RealNetwork, edges: list[RealEdge], integers: list[Integers]) -> list[Drive]:
    """What every edge into a population can bring."""
    largest = {port.name: port.max_value for port in real.inputs} | {
        population.name: population.max_spikes for population in real.populations
    }
    return [
        Drive(weights=codes, convolution=edge.convolution, largest=largest[edge.source])
        for edge, codes in zip(edges, integers, strict=True)
    ]


def with_widths(
    neuron: NeuronConfig, drive: Range, name: str, scales: Reals, plan: Plan
) -> tuple[NeuronConfig, list[str]]:
    """A population's arithmetic with the widths of its current and of its state chosen, as lines say."""
    notes = []
    if neuron.current is not None:
        choice = choose_current_bits(neuron, drive, name, scales, plan.current_bits.get(name))
        neuron = replace(neuron, current=replace(neuron.current, bits=choice.bits))
        drive = choice.reached
        notes.append(choice.note)
    if plan.asked_state_bits(name) is None:
        choice = choose_state_bits(neuron, drive, name, scales)
        floor = neuron.floor
        floor = None if floor is None else max(floor, signed_range(choice.bits)[0])
        neuron = replace(neuron, state_bits=choice.bits, floor=floor)
        notes.append(choice.note)
    return neuron, notes


def lowered(
    population: RealPopulation, scales: Reals, decay: Decay, current_decay: Decay | None
) -> tuple[Reals, NeuronConfig, str]:
    """Scales at which the levels fit the widest state with room above, and the arithmetic at them."""
    high = signed_range(WIDEST)[1] / 4
    levels = [population.threshold, population.reset_value, population.bias]
    if population.current is not None:
        levels.append(population.current.bias)
    largest = float(max(np.abs(level).max() for level in levels))
    fitting = np.minimum(scales, high / largest)
    note = (
        f"{population.name}: scale lowered from {scale_text(scales)} to {scale_text(fitting)}, so that level"
        f" {largest:g} fits {WIDEST}-bit states: its weights use fewer codes than they could"
    )
    return fitting, population_neuron(population, fitting, decay, WIDEST, current_decay), note
