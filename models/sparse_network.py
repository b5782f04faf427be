"""A feed-forward network of sparse layers and spiking neurons, to train and to take out as integers."""

import itertools
import math

import numpy as np
import torch

from spikewright.errors import ConfigError
from spikewright.fixed import signed_range
from spikewright.ir import RealEdge, RealNetwork, RealPopulation, Reals
from spikewright.models.neurons import NeuronRule, Neurons
from spikewright.models.quantize import best_scale, decay_factor, round_through, weight_codes
from spikewright.models.sparse import SparseLinear, layer_densities
from spikewright.models.surrogate import Surrogate
from spikewright.network import Decode, Edge, InputPort, IntegerNetwork, Integers, Population

__all__ = ["SparseLayer", "SparseNetwork"]

HEADROOM = 4
"""States hold at least so many thresholds, or so many times the highest read-out that calibration saw."""


class SparseLayer(torch.nn.Module):
    """Synapses, a bias and neurons; ``value_scale`` codes stand for an input value of 1.0."""

    def __init__(
        self, linear: SparseLinear, neurons: Neurons, *, name: str, value_scale: float = 1.0
    ) -> None:
        super().__init__()
        self.linear = linear
        self.bias = torch.nn.Parameter(torch.zeros(linear.weight.shape[0]))
        self.neurons = neurons
        self.name = name
        self.value_scale = value_scale
        self.weight_bits: int | None = None

    def quantize(self, weight_bits: int, state_bits: int, peak_potential: float) -> None:
        """Go over to the integer grid that fits the weights best and leaves states headroom."""
        room = math.floor(signed_range(state_bits)[1] / (HEADROOM * peak_potential))
        if room < 1:
            raise ConfigError(f"state_bits: {state_bits} are too few for potentials of {peak_potential:.3g}")
        scale = best_scale(self.linear.masked(), weight_bits, self.value_scale)
        self.neurons.quantize(min(scale, room), state_bits)
        self.weight_bits = weight_bits

    def weights(self) -> torch.Tensor:
        """What an input code of 1 adds to the potential: integers if quantized, ``(outputs, inputs)``."""
        weight = self.linear.masked()
        if self.weight_bits is None:
            return weight / self.value_scale
        return weight_codes(weight, self.neurons.scale, self.weight_bits, self.value_scale)

    def biases(self) -> torch.Tensor:
        """What every step adds to the potential: integers if quantized, ``(outputs,)``."""
        return self.bias if self.weight_bits is None else round_through(self.bias * self.neurons.scale)

    def forward(self, x: torch.Tensor, steps: int | None = None) -> torch.Tensor:
        """Outputs of every step for input codes ``(batch, steps, inputs)``, or held ``(batch, inputs)``."""
        outputs: torch.Tensor = self.neurons(
            torch.nn.functional.linear(x, self.weights(), self.biases()), steps
        )
        return outputs


class SparseNetwork(torch.nn.Module):
    """Layers from one input port to a read-out.

    Parameters
    ----------
    port
        Where events come in. If it is a hold port, forward takes what it holds.
    sizes
        Neurons of each layer, the read-out last.
    density
        Fraction of synapses that exist, of all layers together; see :func:`layer_densities`.
    hidden, readout
        The neurons' rules.
    decode
        How a class is read.
    generator
        Draws masks and weights.
    """

    def __init__(
        self,
        port: InputPort,
        sizes: tuple[int, ...],
        *,
        density: float,
        hidden: NeuronRule,
        readout: NeuronRule,
        decode: Decode,
        generator: torch.Generator,
        surrogate: Surrogate | None = None,
    ) -> None:
        super().__init__()
        ends = list(itertools.pairwise((port.size, *sizes)))
        names = [*(f"hidden{index}" for index in range(1, len(sizes))), "readout"]
        self.port = port
        self.decode: Decode = decode
        self.layers = torch.nn.ModuleList()
        for index, layer_density in enumerate(layer_densities(ends, density)):
            linear = SparseLinear(*ends[index], density=layer_density, generator=generator)
            neurons = Neurons(hidden if index < len(sizes) - 1 else readout, surrogate=surrogate)
            scale = port.value_scale if index == 0 and port.value_bits else 1.0
            self.layers.append(SparseLayer(linear, neurons, name=names[index], value_scale=scale))

    @property
    def stack(self) -> list[SparseLayer]:
        """The layers, from the input on."""
        return [layer for layer in self.layers if isinstance(layer, SparseLayer)]

    def forward(self, x: torch.Tensor, steps: int | None = None) -> tuple[torch.Tensor, list[torch.Tensor]]:
        """Outputs of the read-out, and the spikes of every hidden layer, each ``(batch, steps, size)``.

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

    @torch.no_grad()
    def quantize(self, weight_bits: int, state_bits: int, x: torch.Tensor, steps: int | None = None) -> None:
        """Go over to integers; scales fit each layer's weights and the potentials seen for ``x``."""
        outputs, _ = self(x, steps)
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
            weights = layer.weights().double().numpy()
            bias = tuple(int(code) for code in layer.biases())
            neuron = layer.neurons.rule.integers(
                scale=layer.neurons.scale, state_bits=grid.state_bits, bias=bias
            )
            populations.append(
                Population(name=layer.name, size=len(bias), neuron=neuron, scale=layer.neurons.scale)
            )
            edges.append(Edge(source=source, target=layer.name, weights=_integers(weights)))
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
            weights = layer.weights().double().numpy() * layer.value_scale / scale
            bias = layer.biases().double().numpy() / scale
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
                )
            )
            edges.append(RealEdge(source=source, target=layer.name, weights=weights))
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


def _integers(codes: Reals) -> Integers:
    return np.rint(codes).astype(np.int64)
