"""From an integer network to what the hardware is built for: one core a population, and its memory images."""

from dataclasses import dataclass
from typing import Literal

import numpy as np

from spikewright.compiler.bounds import population_bounds
from spikewright.compiler.parameters import core_parameters, levels_image, parameter_image
from spikewright.compiler.placement import balanced, default_lanes, natural
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
    PortConfig,
)
from spikewright.errors import ConfigError
from spikewright.fixed import signed_range, unsigned_bits
from spikewright.network import Edge, IntegerNetwork, Population

__all__ = ["Contents", "Mapped", "RowsChoice", "map_network"]

Contents = Literal["baked", "bus"]
RowsChoice = Literal["auto", "dense", "compressed"]

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

    Parameters
    ----------
    network
        What to map; every population needs an edge and fires at most one spike a step.
    lanes
        Neurons that every core works on at once, a power of two up to 32; by default what
        :func:`~spikewright.compiler.placement.default_lanes` says of each.
    contents
        ``baked``: memories are initialised when the hardware is configured; ``bus``: they are loaded
        over the configuration bus, and all levels stand in memories so that they can be loaded too.
    rows
        ``auto`` takes for each core dense or compressed rows, whichever needs fewer bits.
    """
    placements: Placements = {}
    cores: list[CoreConfig] = []
    images: dict[str, Image] = {}
    for population in network.populations:
        edges = checked_edges(network, population)
        parameters, levels = core_parameters(population, contents)
        width = default_lanes(population.size) if lanes is None else lanes
        plan = plan_rows(network, population, edges, placements, lanes=width, choice=rows)
        core = CoreConfig(
            name=population.name,
            neuron=population.neuron,
            neurons=population.size,
            lanes=width,
            weight_bits=network.weight_bits,
            accumulator_bits=max(
                population_bounds(network, population).accumulator_bits, population.neuron.state_bits
            ),
            ports=core_ports(network, edges),
            rows=plan.rows,
            placement=plan.placement,
            parameters=parameters,
            levels=levels,
        )
        cores.append(core)
        placements[core.name] = core.placement
        if isinstance(core.rows, CompressedRows):
            images |= compressed_images(core, core.rows, plan.entries)
        else:
            images |= dense_images(core, plan.placed)
        if core.parameters:
            images[f"{core.name}.parameters"] = parameter_image(core)
        if core.levels:
            images[f"{core.name}.levels"] = levels_image(core)
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
    if population.neuron.max_spikes > 1:
        raise ConfigError(
            f"{population.name}: a core fires at most 1 spike a step, not {population.neuron.max_spikes}:"
            " give max_spikes_per_step 1, if the network was trained so"
        )
    sources = [edge.source for edge in edges]
    low, high = signed_range(network.weight_bits)
    for edge in edges:
        if sources.count(edge.source) > 1:
            raise ConfigError(
                f"edge {edge.source!r} to {edge.target!r}: there must be one such edge, not"
                f" {sources.count(edge.source)}"
            )
        if edge.weights.size and not low <= int(edge.weights.min()) <= int(edge.weights.max()) <= high:
            raise ConfigError(
                f"edge {edge.source!r} to {edge.target!r}: weights of {network.weight_bits} bits must be in"
                f" {low}..{high}, not {int(edge.weights.min())}..{int(edge.weights.max())}"
            )
    return edges


def core_ports(network: IntegerNetwork, edges: tuple[Edge, ...]) -> tuple[PortConfig, ...]:
    """Ports of a core, one an edge, their rows one after the other."""
    ports: list[PortConfig] = []
    row = 0
    for edge in edges:
        source = network.input(edge.source)
        addresses = edge.weights.shape[1]
        ports.append(
            PortConfig(
                source=edge.source,
                kind=source.kind if source else "drive",
                addresses=addresses,
                value_bits=source.value_bits if source else 0,
                first_row=row,
            )
        )
        row += addresses
    return tuple(ports)


def plan_rows(
    network: IntegerNetwork,
    population: Population,
    edges: tuple[Edge, ...],
    placements: Placements,
    *,
    lanes: int,
    choice: RowsChoice,
) -> RowPlan:
    """The layout that takes fewer bits, or the one asked for."""
    plans: list[RowPlan] = []
    if choice in ("auto", "dense"):
        placement = natural(population.size, lanes)
        placed = place_weights(edges, placement, lanes, placements)
        bits = placed.size * network.weight_bits
        plans.append(RowPlan(placement=placement, rows=DenseRows(), placed=placed, entries=(), bits=bits))
    if choice == "compressed" or (choice == "auto" and may_be_smaller(edges, plans[0], network.weight_bits)):
        placement = balanced(np.concatenate([edge.weights != 0 for edge in edges], axis=1), lanes)
        placed = place_weights(edges, placement, lanes, placements)
        entries = compress(placed)
        for group in GROUPS:
            rows = compressed_layout(entries, group)
            bits = layout_bits(
                rows,
                total_rows=len(placed),
                slots=placed.shape[1],
                lanes=lanes,
                weight_bits=network.weight_bits,
            )
            plans.append(RowPlan(placement=placement, rows=rows, placed=placed, entries=entries, bits=bits))
    if not plans:
        raise ConfigError(f"rows must be auto, dense or compressed, not {choice!r}")
    return min(plans, key=lambda plan: plan.bits)  # the first of equals: dense, then the smallest group


def may_be_smaller(edges: tuple[Edge, ...], dense: RowPlan, weight_bits: int) -> bool:
    """Whether compressed rows can be smaller than dense ones: by their entries alone, without pointers."""
    _, slots, _ = dense.placed.shape
    entries = sum(int(np.count_nonzero(edge.weights)) for edge in edges)
    return entries * (unsigned_bits(slots - 1) + weight_bits) < dense.bits
