"""A trained ``torch.nn.Sequential`` as an analog network of ours, and a spiking one of the same layers."""

import math
from collections.abc import Iterator
from typing import Any

import torch

from spikewright.convolution import Convolution, Plane
from spikewright.errors import ConfigError
from spikewright.models.learning.layer import Rectifiers, SpikingLayer
from spikewright.models.learning.network import SpikingNetwork
from spikewright.models.learning.synapses import ConvolvedSynapses, DenseSynapses, Synapses
from spikewright.models.neurons import NeuronRule, Neurons
from spikewright.models.surrogate import Surrogate
from spikewright.network import Decode, InputPort

__all__ = ["analog_network", "spiking_like"]

LEFT_OUT = (torch.nn.Dropout, torch.nn.Dropout2d, torch.nn.Identity)
"""What does nothing in a trained network."""


class _Reader:
    """Takes modules in their order: weights, a normalisation and a rectifier become a layer."""

    def __init__(self, port: InputPort) -> None:
        self.port = port
        self.shape = port.shape
        self.pool = (1, 1)
        self.flat = len(port.shape) == 1
        self.layers: list[SpikingLayer] = []
        self.open: tuple[str, Synapses, torch.Tensor, torch.Tensor] | None = None
        """Name, synapses, weights and biases of the layer that no rectifier has ended yet."""

    def take(self, name: str, module: torch.nn.Module) -> None:
        where = f"analog: module {name!r}, {type(module).__name__}"
        if isinstance(module, torch.nn.ReLU):
            self.close(where, Rectifiers(NeuronRule()))
        elif isinstance(module, torch.nn.BatchNorm1d | torch.nn.BatchNorm2d):
            self.normalise(where, module)
        elif isinstance(module, torch.nn.Conv2d | torch.nn.Linear | torch.nn.AvgPool2d | torch.nn.Flatten):
            if self.open is not None:
                raise ConfigError(f"{where}: must not follow {self.open[0]!r} without a ReLU between")
            if isinstance(module, torch.nn.AvgPool2d):
                self.take_pool(where, module)
            elif isinstance(module, torch.nn.Flatten):
                if (module.start_dim, module.end_dim) != (1, -1):
                    raise ConfigError(f"{where}: must flatten all axes but the first")
                self.flat = True
            else:
                convolved = isinstance(module, torch.nn.Conv2d)
                synapses = self.convolved(where, module) if convolved else self.dense(where, module)
                # The sum over a window, times this, is its mean.
                weight = module.weight.detach().reshape(synapses.weight.shape) / math.prod(self.pool)
                zeros = torch.zeros(len(weight), device=weight.device)
                bias = zeros if module.bias is None else module.bias.detach()
                self.open, self.pool = (name, synapses, weight, bias), (1, 1)
        elif not isinstance(module, LEFT_OUT):
            must = "Conv2d, BatchNorm1d, BatchNorm2d, ReLU, AvgPool2d, Flatten, Linear or Dropout"
            raise ConfigError(f"{where}: must be {must}")

    def convolved(self, where: str, module: Any) -> Synapses:
        source = self.plane(where)
        if module.padding_mode != "zeros" or isinstance(module.padding, str):
            raise ConfigError(f"{where}: must be padded with zeros, by numbers")
        if module.in_channels != source[0]:
            raise ConfigError(f"{where}: must take {source[0]} channels, not {module.in_channels}")
        sizes = self.pooled(source)
        height, width = (
            (sizes[i] + 2 * module.padding[i] - module.dilation[i] * (module.kernel_size[i] - 1) - 1)
            // module.stride[i] + 1
            for i in (0, 1)
        )  # fmt: skip
        if min(height, width) < 1:
            raise ConfigError(f"{where}: must fit into a plane of {sizes[0]} by {sizes[1]}")
        self.shape = (module.out_channels, height, width)
        return ConvolvedSynapses(
            Convolution(
                source=source,
                target=(module.out_channels, height, width),
                size=module.kernel_size,
                stride=module.stride,
                padding=module.padding,
                dilation=module.dilation,
                groups=module.groups,
                pool=self.pool,
            ),
            generator=torch.Generator(),
        )

    def dense(self, where: str, module: Any) -> Synapses:
        if not self.flat:
            raise ConfigError(f"{where}: must follow a Flatten, its input has the shape {self.shape}")
        source = self.shape
        size = self.pooled(source) if len(source) == 3 else (1, 1)
        values = source[0] * math.prod(size)
        if values != module.in_features:
            raise ConfigError(f"{where}: must take {values} values, not {module.in_features}")
        self.shape = (module.out_features,)
        if self.pool == (1, 1):
            return DenseSynapses(module.in_features, module.out_features, generator=torch.Generator())
        geometry = Convolution(
            source=(source[0], source[1], source[2]),
            target=(module.out_features, 1, 1),
            size=size,
            pool=self.pool,
        )
        return ConvolvedSynapses(geometry, generator=torch.Generator())

    def take_pool(self, where: str, module: torch.nn.AvgPool2d) -> None:
        source = self.plane(where)
        window, stride = _pair(module.kernel_size), _pair(module.stride)
        plain = _pair(module.padding) == (0, 0) and not module.ceil_mode and module.divisor_override is None
        if stride != window or not plain:
            raise ConfigError(f"{where}: must average windows side by side, without padding")
        if self.pool != (1, 1):
            raise ConfigError(f"{where}: must not follow another pooling")
        if not self.layers:
            raise ConfigError(f"{where}: must follow a ReLU: average the images themselves beforehand")
        self.pool = window
        if min(self.pooled(source)) < 1:
            raise ConfigError(f"{where}: must fit into a plane of {source[1]} by {source[2]}")

    def normalise(self, where: str, module: Any) -> None:
        if self.open is None:
            raise ConfigError(f"{where}: must stand between weights and their ReLU")
        if module.running_mean is None or module.running_var is None:
            raise ConfigError(f"{where}: must track running statistics")
        name, synapses, weight, bias = self.open
        if module.num_features != len(weight):
            raise ConfigError(f"{where}: must have {len(weight)} channels, not {module.num_features}")
        gain = 1 / (module.running_var + module.eps).sqrt()
        if module.affine:
            gain = gain * module.weight.detach()
        weight, bias = weight * gain.view(-1, *(1,) * (weight.ndim - 1)), (bias - module.running_mean) * gain
        if module.affine:
            bias = bias + module.bias.detach()
        self.open = (name, synapses, weight, bias)

    @torch.no_grad()
    def close(self, where: str, neurons: Neurons) -> None:
        if self.open is None:
            raise ConfigError(f"{where}: must follow weights, or their normalisation")
        name, synapses, weight, bias = self.open
        held = self.port.value_scale if not self.layers else 1.0
        made = SpikingLayer(synapses, neurons, name=_identifier(name, neurons), value_scale=held)
        made.synapses.weight.copy_(weight)
        made.bias.copy_(bias)
        self.layers.append(made)
        self.open = None

    def plane(self, where: str) -> Plane:
        if self.flat or len(self.shape) != 3:
            raise ConfigError(f"{where}: must have a plane, (channels, height, width), before it")
        return self.shape[0], self.shape[1], self.shape[2]

    def pooled(self, source: tuple[int, ...]) -> tuple[int, int]:
        return source[1] // self.pool[0], source[2] // self.pool[1]


def analog_network(
    network: torch.nn.Sequential, shape: tuple[int, ...], *, input_bits: int = 8
) -> SpikingNetwork:
    """A trained network of rectifiers as one of ours, with the same outputs on inputs of ``input_bits``.

    Average pooling becomes sums over windows, whose size divides the weights behind it; normalisations are
    folded into the weights before them; dropout is left out. From here on: :func:`spiking_like`, then
    :func:`.conversion.convert_weights`, then ``quantize`` and ``integer_network``.

    Parameters
    ----------
    network
        Of Conv2d and Linear, each but the last with a ReLU after it, perhaps a BatchNorm between; AvgPool2d
        after a ReLU; Flatten; Dropout. Sequences may stand within. The last module is a Linear.
    shape
        Of a sample: ``(channels, height, width)``, or ``(size,)``.
    input_bits
        Inputs of 0..1 are rounded to so many bits.

    Raises
    ------
    ConfigError
        If a module has no counterpart, or stands where it has none; one line that names it.
    """
    if len(shape) not in (1, 3):
        raise ConfigError(f"analog: shape must be (size,) or (channels, height, width), not {shape}")
    if not 1 <= input_bits <= 16:
        raise ConfigError(f"analog: input_bits must be 1..16, not {input_bits}")
    scale = float((1 << input_bits) - 1)
    port = InputPort(name="input", shape=shape, kind="hold", value_bits=input_bits, value_scale=scale)
    reader = _Reader(port)
    for name, module in _flattened(network, ""):
        reader.take(name, module)
    if reader.open is None or reader.open[1].size != reader.open[1].weight.shape[0]:
        raise ConfigError("analog: the last module must be a Linear, whose outputs are the classes")
    reader.close("analog", Neurons(NeuronRule(fires=False)))
    return SpikingNetwork(port, reader.layers, decode="potential_sum").eval()


def spiking_like(
    analog: SpikingNetwork,
    rule: NeuronRule | None = None,
    *,
    decode: Decode = "potential_last",
    surrogate: Surrogate | None = None,
) -> SpikingNetwork:
    """A spiking network of the same layers, its weights still to be filled in or trained.

    Parameters
    ----------
    rule
        Of hidden neurons; None: what conversion asks for, neurons that lose nothing and reset by subtraction.
    decode
        ``potential_last`` or ``potential_sum``: the read-out adds up what it gets.
    """
    layers: list[SpikingLayer] = []
    for layer in analog.stack:
        geometry, generator = layer.synapses.convolution, torch.Generator()
        outputs, inputs = layer.synapses.weight.shape[:2]
        synapses: Synapses = (
            DenseSynapses(inputs, outputs, generator=generator)
            if geometry is None
            else ConvolvedSynapses(geometry, generator=generator)
        )
        last = len(layers) == len(analog.stack) - 1
        neurons = NeuronRule(fires=False) if last else rule or NeuronRule()
        layers.append(
            SpikingLayer(
                synapses,
                Neurons(neurons, surrogate=surrogate),
                name=layer.name,
                value_scale=layer.value_scale,
            )
        )
    return SpikingNetwork(analog.port, layers, decode=decode)


def _flattened(network: torch.nn.Sequential, path: str) -> Iterator[tuple[str, torch.nn.Module]]:
    if type(network).forward is not torch.nn.Sequential.forward:
        kind = type(network).__name__
        where = f"module {path[:-1]!r}" if path else "the network"
        must = "must be a torch.nn.Sequential, which runs its modules in order"
        raise ConfigError(f"analog: {where} {must}, not {kind}")
    for name, module in network._modules.items():  # `named_children` leaves out a module that stands again
        if module is None:
            continue
        if isinstance(module, torch.nn.Sequential):
            yield from _flattened(module, f"{path}{name}.")
        else:
            yield f"{path}{name}", module


def _identifier(name: str, neurons: Neurons) -> str:
    """A name for the population: that of the module, behind what it is."""
    return f"{'hidden' if neurons.rule.fires else 'readout'}_{name.replace('.', '_')}"


def _pair(value: int | tuple[int, ...]) -> tuple[int, int]:
    return (value, value) if isinstance(value, int) else (value[0], value[1])
