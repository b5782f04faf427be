"""A network without its pruned channels: the same outputs, from smaller layers."""

import math
from collections.abc import Mapping
from dataclasses import replace

import torch

from spikewright.errors import ConfigError
from spikewright.models.learning.layer import SpikingLayer
from spikewright.models.learning.network import SpikingNetwork
from spikewright.models.learning.removal import slice_inputs, slice_outputs
from spikewright.models.learning.synapses import ConvolvedSynapses, DenseSynapses, Synapses

__all__ = ["reduced"]


@torch.no_grad()
def reduced(network: SpikingNetwork, masks: Mapping[str, torch.Tensor]) -> SpikingNetwork:
    """The network without the channels that masks say are pruned, in real numbers or on the same integers.

    A pruned channel has a drive of 0 in the masked network, so it never fires (thresholds are above 0), and
    what it would reach gets nothing from it: outputs are equal, not only close.

    Parameters
    ----------
    masks
        Which channels are left, by layer: booleans ``(channels,)``. Layers that are not named stay whole.

    Raises
    ------
    ConfigError
        If a weight is masked: what evolves has no channels of its own to lose.
    """
    layers: list[SpikingLayer] = []
    before: torch.Tensor | None = None
    for layer in network.stack:
        if hasattr(layer.synapses, "parametrizations"):
            raise ConfigError(f"layer {layer.name!r}: must not have a sparse mask to lose channels")
        channels = len(layer.synapses.weight)
        live = masks.get(layer.name, torch.ones(channels, dtype=torch.bool)).bool().cpu()
        layers.append(_reduced_layer(layer, live, before))
        before = live
    return SpikingNetwork(network.port, layers, decode=network.decode).train(network.training)


def _reduced_layer(layer: SpikingLayer, live: torch.Tensor, before: torch.Tensor | None) -> SpikingLayer:
    weight: torch.Tensor = layer.synapses.weight
    if before is not None:
        convolved = layer.synapses.convolution is not None and weight.ndim == 4
        inputs = weight.shape[1]
        places = 1 if convolved else inputs // len(before)
        weight = slice_inputs(weight, before, places)
    made = SpikingLayer(
        _reduced_synapses(layer.synapses, live, before),
        layer.neurons,
        name=layer.name,
        value_scale=layer.value_scale,
        norm=layer.norm is not None,
    )
    made.weight_bits = layer.weight_bits
    made.synapses.weight.copy_(slice_outputs(weight, live))
    made.bias.copy_(slice_outputs(layer.bias, live))
    if layer.norm is not None and made.norm is not None:
        for name in ("weight", "running_mean", "running_var"):
            getattr(made.norm, name).copy_(slice_outputs(getattr(layer.norm, name), live))
    if layer.recurrent is not None:
        kept = slice_inputs(slice_outputs(layer.recurrent, live), live)
        made.recurrent = torch.nn.Parameter(kept.clone())
    return made.to(weight.device)


def _reduced_synapses(synapses: Synapses, live: torch.Tensor, before: torch.Tensor | None) -> Synapses:
    """Synapses of the smaller shape, whose weights are still to be filled in."""
    generator, outputs = torch.Generator(), int(live.sum())
    geometry = synapses.convolution
    if geometry is None:
        inputs = synapses.weight.shape[1]
        if before is not None:
            inputs = int(before.sum()) * (inputs // len(before))
        return DenseSynapses(inputs, outputs, generator=generator)
    source = geometry.source if before is None else (int(before.sum()), *geometry.source[1:])
    smaller = replace(geometry, source=source, target=(outputs, *geometry.target[1:]))
    made = ConvolvedSynapses(smaller, generator=generator)
    assert made.weight.numel() == outputs * math.prod(smaller.kernel_shape[1:])
    return made
