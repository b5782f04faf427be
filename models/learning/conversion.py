"""Analog networks as spiking ones: weights are kept, and thresholds balanced by what the layers reach."""

import torch

from spikewright.errors import ConfigError
from spikewright.models.learning.layer import SpikingLayer
from spikewright.models.learning.network import SpikingNetwork

__all__ = ["activation_peaks", "convert_weights"]


@torch.no_grad()
def activation_peaks(analog: SpikingNetwork, x: torch.Tensor, percentile: float = 99.9) -> list[float]:
    """What the units of every hidden layer reach, all but the highest of them.

    Parameters
    ----------
    analog
        A network of rectifiers.
    x
        Input codes ``(batch, size)``.
    percentile
        Of the activations above 0: the very highest would leave all others too few spikes (Rueckauer et al.
        2017, section 2.2).
    """
    if not 0 < percentile <= 100:
        raise ConfigError(f"percentile must be above 0 and at most 100, not {percentile}")
    _, activations = analog.eval()(x, 1)
    peaks = []
    for layer, reached in zip(analog.stack, activations, strict=False):
        positive = reached[reached > 0].double().cpu()
        if not len(positive):
            raise ConfigError(f"layer {layer.name!r}: must be active to be converted, and is silent")
        # Not torch.quantile, which takes no more than 16 million values.
        place = min(len(positive) - 1, round(percentile / 100 * (len(positive) - 1)))
        peaks.append(float(positive.sort().values[place]))
    return peaks


@torch.no_grad()
def convert_weights(
    analog: SpikingNetwork, spiking: SpikingNetwork, x: torch.Tensor, percentile: float = 99.9
) -> None:
    """Give a spiking network the weights of an analog one, in units of its thresholds.

    A layer whose rectifiers reach ``peak`` becomes neurons of threshold 1 that fire in every step for it:
    weights are multiplied by the peak of the layer before and divided by the layer's own (Diehl et al. 2015,
    with the percentile of Rueckauer et al. 2017). Rates then approximate activations over the peak, the
    better the more steps there are; neurons should lose nothing, and reset by subtraction.

    Parameters
    ----------
    spiking
        Of the same layers, without normalisation; what the analog one has of that is folded in.
    x
        Input codes ``(batch, size)`` to balance with: of the training.

    Raises
    ------
    ConfigError
        If layers differ, one stays silent, or codes are not the network's.
    """
    ours, theirs = spiking.stack, analog.stack
    if [_shape(layer) for layer in ours] != [_shape(layer) for layer in theirs]:
        raise ConfigError("convert: student and teacher must have the same layers")
    if any(layer.norm is not None for layer in ours):
        raise ConfigError("convert: the student must have no norm, it is folded into the weights")
    if any(layer.recurrent is not None for layer in theirs):
        raise ConfigError("convert: layers must not be recurrent, an analog network sees one step")
    if x.ndim != 2 or not len(x) or x.shape[1] != analog.port.size:
        raise ConfigError(
            f"convert: x must be input codes (batch, {analog.port.size}), not of shape {tuple(x.shape)}"
        )
    before = 1.0
    peaks = [*activation_peaks(analog, x, percentile), 1.0]
    for source, target, peak in zip(theirs, ours, peaks, strict=True):
        weights = source.weights() * source.value_scale * (before / peak)
        parametrized = getattr(target.synapses, "parametrizations", None)
        parameter = target.synapses.weight if parametrized is None else parametrized.weight.original
        parameter.copy_(weights.to(parameter.device))
        target.bias.copy_((source.biases() / peak).to(target.bias.device))
        before = peak


def _shape(layer: SpikingLayer) -> tuple[object, ...]:
    return (layer.synapses.weight.shape, layer.synapses.convolution, layer.recurrent is None)
