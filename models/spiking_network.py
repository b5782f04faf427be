"""A stack of layers in time, convolutions and recurrence among them, to train and to take out as integers."""

import math
from collections.abc import Iterator

import numpy as np
import torch

from spikewright.errors import ConfigError
from spikewright.fixed import signed_range
from spikewright.ir import RealEdge, RealNetwork, RealPopulation, Reals
from spikewright.models.neurons import Neurons
from spikewright.models.quantize import best_scale, decay_factor, round_through, weight_codes
from spikewright.models.sparse_network import HEADROOM
from spikewright.models.trained_synapses import Synapses
from spikewright.network import Decode, Edge, InputPort, IntegerNetwork, Population

__all__ = ["SpikingLayer", "SpikingNetwork"]


class SpikingLayer(torch.nn.Module):
    """Synapses, a bias (of each channel, where they are a convolution) and neurons.

    Parameters
    ----------
    generator
        Draws weights from the layer's neurons to themselves, a step later, if given.
    """

    def __init__(
        self, synapses: Synapses, neurons: Neurons, *, name: str, generator: torch.Generator | None = None
    ) -> None:
        super().__init__()
        self.synapses = synapses
        self.bias = torch.nn.Parameter(torch.zeros(synapses.weight.shape[0]))
        self.neurons = neurons
        self.name = name
        self.recurrent: torch.nn.Parameter | None = None
        if generator is not None:
            size = synapses.size
            drawn = torch.randn(size, size, generator=generator) * (0.5 / math.sqrt(size))
            self.recurrent = torch.nn.Parameter(drawn)
        self.weight_bits: int | None = None

    @property
    def plane(self) -> tuple[int, ...]:
        """Shape of the neurons in the plane, if they have one."""
        convolution = self.synapses.convolution
        return () if convolution is None or convolution.target[1:] == (1, 1) else convolution.target

    def quantize(self, weight_bits: int, state_bits: int, peak_potential: float) -> None:
        """Go over to the integer grid that fits the weights best and leaves states headroom."""
        room = math.floor(signed_range(state_bits)[1] / (HEADROOM * peak_potential))
        if room < 1:
            raise ConfigError(f"state_bits: {state_bits} are too few for potentials of {peak_potential:.3g}")
        weights = torch.cat([weight.flatten() for weight in self._trained()])
        self.neurons.quantize(min(best_scale(weights, weight_bits), room), state_bits)
        self.weight_bits = weight_bits

    def codes(self, weight: torch.Tensor) -> torch.Tensor:
        """What a spike adds to the potential by these weights: integers if quantized."""
        if self.weight_bits is None:
            return weight
        return weight_codes(weight, self.neurons.scale, self.weight_bits)

    def biases(self) -> torch.Tensor:
        """What every step adds to the potential: integers if quantized."""
        return self.bias if self.weight_bits is None else round_through(self.bias * self.neurons.scale)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Outputs ``(batch, steps, size)`` for inputs ``(batch, steps, size of the source)``."""
        batch, steps = x.shape[:2]
        drive = self.synapses.drive(x.flatten(0, 1), self.codes(self.synapses.weight), self.biases())
        if self.weight_bits is not None and self.synapses.convolution is not None:
            drive = round_through(
                drive
            )  # torch may transform convolutions, and then miss integers by a little
        drive = drive.reshape(batch, steps, -1)
        if self.recurrent is None:
            outputs: torch.Tensor = self.neurons(drive)
            return outputs
        weights = self.codes(self.recurrent)
        spikes, kept = torch.zeros_like(drive[:, 0]), []
        state = self.neurons.rest(spikes)
        for current in drive.unbind(1):
            spikes, state = self.neurons.step(state, current + torch.nn.functional.linear(spikes, weights))
            kept.append(spikes)
        return torch.stack(kept, dim=1)

    def edges(self, source: str) -> Iterator[tuple[str, torch.Tensor, Synapses | None, int]]:
        """Source, weights, synapses in space and delay of every edge into the layer."""
        yield source, self.codes(self.synapses.weight), self.synapses, 0
        if self.recurrent is not None:
            yield self.name, self.codes(self.recurrent), None, 1

    def neuron_biases(self) -> Reals:
        """Bias of each neuron, ``(size,)``, in codes if quantized."""
        biases: Reals = self.biases().detach().double().numpy()
        return biases.repeat(self.synapses.size // len(biases))

    def _trained(self) -> list[torch.nn.Parameter]:
        return [self.synapses.weight, *([] if self.recurrent is None else [self.recurrent])]


class SpikingNetwork(torch.nn.Module):
    """Layers from one input port of spikes to a read-out.

    Parameters
    ----------
    port
        Where spikes come in.
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

    def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, list[torch.Tensor]]:
        """Outputs of the read-out, and spikes of every other layer, each ``(batch, steps, size)``."""
        spikes = []
        for layer in self.stack:
            x = layer(x)
            spikes.append(x)
        return x, spikes[:-1]

    def in_units(self, outputs: torch.Tensor) -> torch.Tensor:
        """Outputs of the read-out in units of the float network: potentials lose their scale."""
        neurons = self.stack[-1].neurons
        return outputs if neurons.rule.fires else outputs / neurons.scale

    @torch.no_grad()
    def quantize(self, weight_bits: int, state_bits: int, x: torch.Tensor) -> None:
        """Go over to integers; scales fit each layer's weights and the potentials seen for ``x``."""
        outputs, _ = self(x)
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
            for origin, weights, synapses, delay in layer.edges(source):
                edges.append(
                    Edge(
                        source=origin,
                        target=layer.name,
                        weights=np.rint(weights.double().numpy()).astype(np.int64),
                        convolution=None if synapses is None else synapses.convolution,
                        delay=(delay,),
                    )
                )
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
            for origin, weights, synapses, delay in layer.edges(source):
                edges.append(
                    RealEdge(
                        source=origin,
                        target=layer.name,
                        weights=weights.double().numpy() / scale,
                        convolution=None if synapses is None else synapses.convolution,
                        delay=(delay,),
                    )
                )
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
