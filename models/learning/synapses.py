"""Synapses to train: from all sources to all neurons, or a convolution after sum pooling."""

import math
from abc import abstractmethod

import torch

from spikewright.convolution import Convolution, Plane
from spikewright.models.synapses import sum_pool

__all__ = ["ConvolvedSynapses", "DenseSynapses", "Synapses", "plane_after", "whole_plane"]


class Synapses(torch.nn.Module):
    """Weights with what they do to spikes."""

    weight: torch.nn.Parameter
    convolution: Convolution | None = None

    @property
    @abstractmethod
    def size(self) -> int:
        """Neurons that are reached."""

    def kernel(self, weights: torch.Tensor) -> torch.Tensor:
        """Weights of :attr:`weight`'s shape as the edge has them."""
        return weights

    @abstractmethod
    def drive(self, x: torch.Tensor, weights: torch.Tensor, bias: torch.Tensor | None) -> torch.Tensor:
        """Drive ``(samples, size)`` of inputs ``(samples, ...)``; bias is of each neuron or channel."""


class DenseSynapses(Synapses):
    """A weight from every source to every neuron.

    Weights start normal with variance ``gain**2 / inputs``.
    """

    def __init__(self, inputs: int, outputs: int, *, generator: torch.Generator, gain: float = 1.0) -> None:
        super().__init__()
        self.weight = torch.nn.Parameter(_normal((outputs, inputs), inputs, gain, generator))

    @property
    def size(self) -> int:
        """Neurons that are reached."""
        return self.weight.shape[0]

    def drive(self, x: torch.Tensor, weights: torch.Tensor, bias: torch.Tensor | None) -> torch.Tensor:
        """Drive ``(samples, size)``; bias is of each neuron."""
        return torch.nn.functional.linear(x.flatten(1), weights, bias)


class ConvolvedSynapses(Synapses):
    """A convolution; one whose kernel covers the whole (pooled) source is dense with pooled sources.

    Weights are ``(channels, sources, height, width)``, of a whole source ``(neurons, sources * places)``.
    They start normal with variance ``gain**2 / weights that a neuron has``.
    """

    convolution: Convolution

    def __init__(self, convolution: Convolution, *, generator: torch.Generator, gain: float = 1.0) -> None:
        super().__init__()
        shape = convolution.kernel_shape
        self.convolution = convolution
        fan_in = math.prod(shape[1:])
        whole = convolution.target[1:] == (1, 1)
        drawn = _normal((shape[0], fan_in) if whole else shape, fan_in, gain, generator)
        self.weight = torch.nn.Parameter(drawn)

    @property
    def size(self) -> int:
        """Neurons that are reached."""
        return math.prod(self.convolution.target)

    def kernel(self, weights: torch.Tensor) -> torch.Tensor:
        """Weights as ``(channels, sources, height, width)``."""
        return weights.reshape(self.convolution.kernel_shape)

    def drive(self, x: torch.Tensor, weights: torch.Tensor, bias: torch.Tensor | None) -> torch.Tensor:
        """Drive ``(samples, size)``; bias is of each channel."""
        convolution = self.convolution
        weights = self.kernel(weights)
        planes = x.reshape(-1, *convolution.source)
        if convolution.pool != (1, 1):
            planes = sum_pool(planes, *convolution.pool)
        driven = torch.nn.functional.conv2d(
            planes,
            weights,
            bias,
            stride=convolution.stride,
            padding=convolution.padding,
            dilation=convolution.dilation,
            groups=convolution.groups,
        )
        channels, height, width = convolution.target
        return driven[:, :channels, :height, :width].flatten(1)


def plane_after(source: Plane, channels: int, *, size: int, stride: int, pool: int) -> Convolution:
    """A convolution with a square kernel, padded by its half, after pooling."""
    padding = size // 2
    height, width = ((source[axis] // pool + 2 * padding - size) // stride + 1 for axis in (1, 2))
    return Convolution(
        source=source,
        target=(channels, height, width),
        size=(size, size),
        stride=(stride, stride),
        padding=(padding, padding),
        pool=(pool, pool),
    )


def whole_plane(source: Plane, outputs: int, *, pool: int) -> Convolution:
    """From all windows of ``pool`` by ``pool`` sources to every neuron."""
    size = source[1] // pool, source[2] // pool
    return Convolution(source=source, target=(outputs, 1, 1), size=size, pool=(pool, pool))


def _normal(shape: tuple[int, ...], fan_in: int, gain: float, generator: torch.Generator) -> torch.Tensor:
    return torch.randn(shape, generator=generator) * (gain / math.sqrt(fan_in))
