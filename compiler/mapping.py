"""From an integer network to what the hardware is built for: one core a population, and its memory images."""

from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np

from spikewright.compiler.bounds import population_bounds
from spikewright.compiler.parameters import core_parameters, levels_image, parameter_image
from spikewright.compiler.placement import balanced, check_lanes, default_lanes, natural
from spikewright.compiler.planes import find_planes, kernel_images, kernel_lanes
from spikewright.compiler.ports import Block, core_ports, expand, pace
from spikewright.compiler.rows import (
    GROUPS,
    LaneEntries,
    compress,
    compressed_images,
    compressed_layout,
    dense_images,
    layout_bits,
    place_weights,
)
from spikewright.compiler.words import Image, Integers
from spikewright.config import (
    ChipConfig,
    CompressedRows,
    CoreConfig,
    DenseRows,
    InputConfig,
    KernelRows,
)
from spikewright.errors import ConfigError
from spikewright.events import PlaneFormat
from spikewright.fixed import signed_range, unsigned_bits
from spikewright.network import Edge, IntegerNetwork, Population
from spikewright.neuron import Current

__all__ = ["Contents", "Mapped", "RowsChoice", "map_network"]

Contents = Literal["baked", "bus"]
RowsChoice = Literal["auto", "dense", "compressed"]

Planes = dict[str, PlaneFormat]
Placements = dict[str, tuple[int, ...]]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Mapped:
    """A chip and the words of its memories, by the memories' names."""

    chip: ChipConfig
    images: dict[str, Image]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class RowPlan:
    """One way to hold the rows of a core: where its neurons live, in which layout, at how many bits."""

    placement: tuple[int, ...]
    rows: DenseRows | CompressedRows
    placed: Integers
    entries: tuple[LaneEntries, ...]
    bits: int


def map_network(
    network: IntegerNetwork,
    *,
    lanes: int | None = None,
    contents: Contents = "baked",
    rows: RowsChoice = "auto",
) -> Mapped:
    """Map every population to a core of its own.

    A population in the plane, into which only convolutions lead, keeps their kernels; every other has a row
    for each address of its sources.

    Parameters
    ----------
    network
        What to map; every population needs an edge.
    lanes
        Neurons that every core works on at once, a power of two up to 32; by default what
        :func:`~spikewright.compiler.placement.default_lanes` says of each, and
        :func:`~spikewright.compiler.planes.kernel_lanes` of those that keep kernels.
    contents
        ``baked``: memories are initialised when the hardware is configured; ``bus``: they are loaded
        over the configuration bus, and all levels stand in memories so that they can be loaded too.
    rows
        ``auto`` takes for each core dense or compressed rows, whichever needs fewer bits.
    """
    if rows not in get_args(RowsChoice):
        raise ConfigError(f"rows must be auto, dense or compressed, not {rows!r}")
    edges = {population.name: checked_edges(network, population) for population in network.populations}
    planes: Planes = {}
    for name, shape in find_planes(network).items():
        width = 1 if name not in edges else kernel_lanes(edges[name]) if lanes is None else lanes
        check_lanes(width)
        planes[name] = PlaneFormat(shape=shape, lanes=width)
    held = {port.name for port in network.inputs if port.kind == "hold"}
    blocks = {
        name: tuple(expand(edge, planes.get(edge.source), holds=edge.source in held) for edge in into)
        for name, into in edges.items()
        if name not in planes
    }
    # Where neurons live hangs on their own synapses alone; with all places known, rows take their order.
    placements: Placements = {
        name: plan_rows(network, name, blocks[name], {}, lanes=lanes, choice=rows).placement
        for name in blocks
        if any(network.closes_cycle(edge) for into in edges.values() for edge in into if edge.source == name)
    }
    cores: list[CoreConfig] = []
    images: dict[str, Image] = {}
    for population in network.populations:
        name = population.name
        parameters, levels = core_parameters(population, contents)
        bounds = population_bounds(network, population)
        receives = population.neuron.current or population.neuron
        floor = receives.bits if isinstance(receives, Current) else receives.state_bits
        plan = None
        if name in blocks:
            plan = plan_rows(network, name, blocks[name], placements, lanes=lanes, choice=rows)
            placements[name] = plan.placement
        width = planes[name].lanes if plan is None else plan.placed.shape[2]
        ports = core_ports(network, edges[name], blocks.get(name), planes, width)
        core = CoreConfig(
            name=name,
            neuron=population.neuron,
            neurons=population.size,
            lanes=width,
            weight_bits=network.weight_bits_into(name),
            accumulator_bits=max(bounds.accumulator_bits, floor),
            potential_bits=max(bounds.potential_bits, population.neuron.state_bits) if bounds.current else 0,
            ports=ports + pace(network, edges[name]),
            rows=KernelRows() if plan is None else plan.rows,
            placement=() if plan is None else plan.placement,
            parameters=parameters,
            levels=levels,
            plane=planes.get(name),
        )
        cores.append(core)
        if plan is None:
            images |= kernel_images(core, edges[name])
        elif isinstance(plan.rows, CompressedRows):
            images |= compressed_images(core, plan.rows, plan.entries)
        else:
            images |= dense_images(core, plan.placed)
        if core.parameters:
            images[f"{name}.parameters"] = parameter_image(core)
        if core.levels:
            images[f"{name}.levels"] = levels_image(core)
    chip = ChipConfig(
        name=network.name,
        contents=contents,
        inputs=tuple(
            InputConfig(
                name=port.name,
                shape=port.shape,
                kind=port.kind,
                value_bits=port.value_bits,
                value_scale=port.value_scale,
                max_events=port.max_events,
                plane=planes.get(port.name),
            )
            for port in network.inputs
        ),
        cores=tuple(cores),
        outputs=network.outputs,
        decode=network.decode,
    )
    return Mapped(chip=chip, images=images)


def checked_edges(network: IntegerNetwork, population: Population) -> tuple[Edge, ...]:
    """Edges into a population, which become its ports in this order."""
    edges = network.edges_to(population.name)
    if not edges:
        raise ConfigError(f"{population.name}: must have an edge into it, and has none")
    ends = [(edge.source, edge.delay) for edge in edges]
    weight_bits = network.weight_bits_into(population.name)
    low, high = signed_range(weight_bits)
    for edge in edges:
        between = f"edge {edge.source!r} to {edge.target!r}"
        if ends.count((edge.source, edge.delay)) > 1:
            count = ends.count((edge.source, edge.delay))
            raise ConfigError(f"{between}: there must be one such edge of each delay, not {count}")
        if edge.weights.size and not low <= int(edge.weights.min()) <= int(edge.weights.max()) <= high:
            raise ConfigError(
                f"{between}: weights of {weight_bits} bits must be in"
                f" {low}..{high}, not {int(edge.weights.min())}..{int(edge.weights.max())}"
            )
    return edges


def plan_rows(
    network: IntegerNetwork,
    name: str,
    blocks: tuple[Block, ...],
    placements: Placements,
    *,
    lanes: int | None,
    choice: RowsChoice,
) -> RowPlan:
    """The layout that takes fewer bits, or the one asked for."""
    size, weight_bits = network.population(name).size, network.weight_bits_into(name)
    width = default_lanes(size) if lanes is None else lanes
    plans: list[RowPlan] = []
    if choice in ("auto", "dense"):
        placement = natural(size, width)
        placed = place_weights(blocks, placement, width, placements | {name: placement})
        bits = placed.size * weight_bits
        plans.append(RowPlan(placement=placement, rows=DenseRows(), placed=placed, entries=(), bits=bits))
    if choice == "compressed" or (choice == "auto" and may_be_smaller(blocks, plans[0], weight_bits)):
        placement = balanced(np.concatenate([block.weights != 0 for block in blocks], axis=1), width)
        placed = place_weights(blocks, placement, width, placements | {name: placement})
        entries = compress(placed)
        for group in GROUPS:
            rows = compressed_layout(entries, group)
            bits = layout_bits(
                rows,
                total_rows=len(placed),
                slots=placed.shape[1],
                lanes=width,
                weight_bits=weight_bits,
            )
            plans.append(RowPlan(placement=placement, rows=rows, placed=placed, entries=entries, bits=bits))
    known = placements.get(name)
    fitting = [plan for plan in plans if known in (None, plan.placement)]
    return min(fitting, key=lambda plan: plan.bits)  # the first of equals: dense, then the smallest group


def may_be_smaller(blocks: tuple[Block, ...], dense: RowPlan, weight_bits: int) -> bool:
    """Whether compressed rows can be smaller than dense ones: by their entries alone, without pointers."""
    _, slots, _ = dense.placed.shape
    entries = sum(int(np.count_nonzero(block.weights)) for block in blocks)
    return entries * (unsigned_bits(slots - 1) + weight_bits) < dense.bits
