"""A stack of layers from one input port to a read-out, to train and to take out as integers."""

from typing import Any

import numpy as np
import torch

from spikewright.errors import ConfigError
from spikewright.ir import RealEdge, RealNetwork, RealPopulation
from spikewright.models.learning.layer import SpikingLayer
from spikewright.models.quantize import decay_factor
from spikewright.network import Decode, Edge, InputPort, IntegerNetwork, Population

__all__ = ["SpikingNetwork"]


class SpikingNetwork(torch.nn.Module):
    """Layers from one input port to a read-out.

    Parameters
    ----------
    port
        Where events come in. If it is a hold port, forward takes what it holds.
    layers
        From the input on; the last one is the read-out.
    decode
        How a class is read.
    """

    def __init__(self, port: InputPort, layers: list[SpikingLayer], *, decode: Decode) -> None:
        super().__init__()
        self.port = port
        self.layers = torch.nn.ModuleList(layers)
        self.decode: Decode = decode

    @property
    def stack(self) -> list[SpikingLayer]:
        """The layers, from the input on."""
        return [layer for layer in self.layers if isinstance(layer, SpikingLayer)]

    def forward(self, x: torch.Tensor, steps: int | None = None) -> tuple[torch.Tensor, list[torch.Tensor]]:
        """Outputs of the read-out, and spikes of every other layer, each ``(batch, steps, size)``.

        Parameters
        ----------
        x
            Input codes: ``(batch, steps, size)``; of a hold port ``(batch, size)``, held for ``steps`` steps.
        """
        spikes = []
        for layer in self.stack:
            x = layer(x, steps)
            steps = None
            spikes.append(x)
        return x, spikes[:-1]

    def in_units(self, outputs: torch.Tensor) -> torch.Tensor:
        """Outputs of the read-out in units of the float network: potentials lose their scale."""
        neurons = self.stack[-1].neurons
        return outputs if neurons.rule.fires else outputs / neurons.scale

    @property
    def quantized(self) -> bool:
        """Whether the network is on its integer grid."""
        return all(layer.weight_bits is not None for layer in self.stack)

    @torch.no_grad()
    def quantize(self, weight_bits: int, state_bits: int, x: torch.Tensor, steps: int | None = None) -> None:
        """Go over to integers; scales fit each layer's weights and the potentials seen for ``x``."""
        training = self.training
        outputs, _ = self.eval()(x, steps)
        self.train(training)
        for layer in self.stack:
            rule = layer.neurons.rule
            peak = rule.threshold if rule.fires else float(outputs.abs().max().clamp(min=1e-3)) / 2
            layer.quantize(weight_bits, state_bits, peak)

    @torch.no_grad()
    def integer_network(self, name: str) -> IntegerNetwork:
        """The integer network that forward computes.

        Raises
        ------
        ConfigError
            If the network has not been quantized.
        """
        populations, edges = [], []
        source = self.port.name
        for layer in self.stack:
            grid = layer.neurons.integers
            if grid is None or layer.weight_bits is None:
                raise ConfigError(f"network {name!r}: must be quantized before its integers are taken")
            scale, bias = layer.neurons.scale, tuple(int(code) for code in layer.neuron_biases())
            neuron = layer.neurons.rule.integers(scale=scale, state_bits=grid.state_bits, bias=bias)
            populations.append(
                Population(name=layer.name, size=len(bias), neuron=neuron, scale=scale, shape=layer.plane)
            )
            edges += [
                Edge(weights=np.rint(weights).astype(np.int64), **place)
                for weights, place, _ in _edges(layer, source)
            ]
            source = layer.name
        return IntegerNetwork(
            name=name,
            inputs=(self.port,),
            populations=tuple(populations),
            edges=tuple(edges),
            outputs=(source,),
            decode=self.decode,
            weight_bits=max(layer.weight_bits or 0 for layer in self.stack),
        )

    @torch.no_grad()
    def real_network(self, name: str, *, dt: float = 1e-3) -> RealNetwork:
        """The same in real numbers; once quantized, its weights lie on the integer grid."""
        populations, edges = [], []
        source = self.port.name
        for layer in self.stack:
            rule, scale = layer.neurons.rule, layer.neurons.scale
            bias = layer.neuron_biases() / scale
            ones = np.ones(len(bias))
            populations.append(
                RealPopulation(
                    name=layer.name,
                    size=len(bias),
                    fires=rule.fires,
                    decay=ones * decay_factor(rule.decay),
                    bias=bias,
                    threshold=ones * rule.threshold,
                    reset_amount=ones * rule.threshold,
                    reset_value=ones * rule.reset_value,
                    compare=rule.compare,
                    reset=rule.reset,
                    reset_when=rule.reset_when,
                    max_spikes=rule.max_spikes,
                    v_min=rule.v_min,
                    node=layer.name,
                    shape=layer.plane,
                )
            )
            edges += [
                RealEdge(weights=weights * value_scale / scale, **place)
                for weights, place, value_scale in _edges(layer, source)
            ]
            source = layer.name
        return RealNetwork(
            name=name,
            inputs=(self.port,),
            populations=tuple(populations),
            edges=tuple(edges),
            outputs=(source,),
            decode=self.decode,
            dt=dt,
        )


def _edges(layer: SpikingLayer, source: str) -> list[tuple[Any, dict[str, Any], float]]:
    """Weights in codes, ends, space and delay, and the value scale of every edge into a layer."""
    found = []
    for origin, weights, synapses, delay, value_scale in layer.edges(source):
        convolution = None if synapses is None else synapses.convolution
        place = {"source": origin, "target": layer.name, "convolution": convolution, "delay": (delay,)}
        found.append((weights.double().cpu().numpy(), place, value_scale))
    return found
