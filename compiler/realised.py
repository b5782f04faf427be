"""What every node of a graph becomes, in words."""

from typing import Any

import nir  # type: ignore[import-untyped]

from spikewright.compiler.decays import decay_text
from spikewright.compiler.nodes import NEURONS, WEIGHTS, shape_text, type_name
from spikewright.compiler.passes import Lowered
from spikewright.config import CoreConfig
from spikewright.ir import RealEdge, RealNetwork

__all__ = ["realised"]

PLAIN: dict[str, str] = {
    "Input": "stream into the chip",
    "Output": "stream out of the chip",
    "NIRGraph": "its nodes, one by one",
    "Flatten": "no hardware: addresses stay the same",
    "Linear": "rows of weights",
    "Affine": "rows of weights, and a bias",
    "Conv1d": "kernels of weights, and a bias",
    "Conv2d": "kernels of weights, and a bias",
    "SumPool2d": "sums over windows, by address or in the weights",
    "AvgPool2d": "sums over windows, by address or in the weights, which are divided",
    "Scale": "factors of the weights",
    "Delay": "rings of step slots",
} | {neuron.__name__: "LIF core" for neuron in NEURONS}
"""What a node becomes, as far as that is known without the rest of the network."""


def realised(name: str, node: Any, lowered: Lowered | None, *, passes: bool) -> str:
    """What a node became, or would become; ``passes``: an Input or Output within a graph."""
    kind: str = type_name(node)
    if passes:
        return "no hardware: passes on what comes in"
    if lowered is None:
        return PLAIN[kind]
    chip = lowered.chip
    cores = {core.name: core for core in chip.cores}
    if name in cores:
        text = core_text(cores[name])
        return text if isinstance(node, NEURONS) else f"sum of what it takes, out of the chip: {text}"
    if isinstance(node, WEIGHTS):
        return weights_text(name, lowered)
    if isinstance(node, nir.Input):
        port = next(port for port in chip.inputs if port.name == name)
        carried = f"{port.value_bits}-bit values" if port.value_bits else "spikes"
        carried += f", up to {port.max_events} an address and step" if port.max_events > 1 else ""
        return f"{port.kind} input of {port.size} addresses, {carried}"
    return PLAIN[kind]


def weights_text(name: str, lowered: Lowered) -> str:
    """The synapses that a linear node became, with those before and after it."""
    into = [edge for edge in lowered.real.edges if name in edge.node.split("+")]
    if not into:
        return "nothing: all that goes through it is 0"
    cores = {core.name: core for core in lowered.chip.cores}
    kinds = sorted({cores[edge.target].rows.kind for edge in into})
    edges = ", ".join(edge_text(edge, lowered.real) for edge in into)
    return f"{' and '.join(kinds)} rows of {cores[into[0].target].weight_bits}-bit weights, {edges}"


def edge_text(edge: RealEdge, network: RealNetwork) -> str:
    """One edge: its ends, its geometry, and when it delivers."""
    text = f"{edge.source} to {edge.target}"
    geometry = edge.convolution
    if geometry is not None:
        text += f" ({shape_text(geometry.size)} kernels"
        for what, plain in (("stride", (1, 1)), ("padding", (0, 0)), ("dilation", (1, 1))):
            numbers = getattr(geometry, what)
            text += "" if numbers == plain else f", {what} {shape_text(numbers)}"
        text += f", {geometry.groups} groups" if geometry.groups > 1 else ""
        text += f", of sums over {shape_text(geometry.pool)}" if geometry.pool != (1, 1) else ""
        text += ")"
    if any(edge.delay):
        low, high = min(edge.delay), max(edge.delay)
        steps = f"{low}" if low == high else f"{low} to {high}"
        text += f" {steps} step{'' if high == 1 else 's'} later"
        order = [population.name for population in network.populations]
        if edge.source in order and order.index(edge.source) >= order.index(edge.target):
            text += ", closing a cycle"
    return text


def core_text(core: CoreConfig) -> str:
    """A core in a line."""
    neuron, current = core.neuron, core.neuron.current
    fires = f"reset {neuron.reset}, {neuron.reset_when}" if neuron.fires else "gives its potential"
    fires += f", up to {neuron.max_spikes} spikes a step" if neuron.max_spikes > 1 else ""
    driven = ""
    if current is not None:
        driven = (
            f", {current.bits}-bit currents of decay {decay_text(current.decay)}, the {current.feeds} one"
        )
        driven += " feeds"
    return (
        f"LIF core, {core.neurons} neurons in {core.lanes} lanes, {neuron.state_bits}-bit states,"
        f" {core.accumulator_bits}-bit accumulators, decay {decay_text(neuron.decay)}{driven}, {fires}"
    )
