"""The network that options describe, ready to be trained."""

import itertools
import math

import numpy as np
import torch

from spikewright.errors import ConfigError
from spikewright.models.data import Dataset
from spikewright.models.learning.layer import Rectifiers, SpikingLayer
from spikewright.models.learning.layers import LayerSpec, parse_layers
from spikewright.models.learning.network import SpikingNetwork
from spikewright.models.learning.options import TrainOptions
from spikewright.models.learning.synapses import (
    ConvolvedSynapses,
    DenseSynapses,
    Synapses,
    plane_after,
    whole_plane,
)
from spikewright.models.neurons import NeuronRule, Neurons
from spikewright.models.sparse import layer_densities, sparsify
from spikewright.models.surrogate import Surrogate
from spikewright.network import Decode, InputPort
from spikewright.neuron import Decay

__all__ = ["build_network", "cramped", "input_port", "stack_layers"]


def input_port(options: TrainOptions, data: Dataset) -> InputPort:
    """A port for images in the coding of the options, or for events of the data's own.

    Raises
    ------
    ConfigError
        If the data are no events, or have no plane that the layers need.
    """
    layers, pool = parse_layers(options.layers)
    shape = data.shape
    _fits(options, data)
    if any(layer.kernel for layer in layers) or pool > 1 or any(layer.pool > 1 for layer in layers):
        shape = (1, *shape) if len(shape) == 2 else shape
        if len(shape) != 3:
            raise ConfigError(
                f"data {data.name!r}: convolutions need samples of shape (channels, height, width),"
                f" not {shape}"
            )
    elif data.static:
        shape = (math.prod(shape),)
    if data.static and options.coding == "direct":
        scale = float((1 << options.input_bits) - 1)
        return InputPort(
            name="input", shape=shape, kind="hold", value_bits=options.input_bits, value_scale=scale
        )
    if data.static:
        return InputPort(name="input", shape=shape)
    highest = int(np.ceil(data.x.max()))
    most = (1 << 16) - 1 if options.graded else 255
    if data.x.min() < 0 or (data.x.dtype.kind == "f" and (data.x % 1 != 0).any()) or highest > most:
        raise ConfigError(f"data {data.name!r}: x must be whole numbers of 0..{most}, events a step")
    if options.graded and highest > 1:
        bits = highest.bit_length()
        return InputPort(name="input", shape=shape, value_bits=bits, value_scale=float((1 << bits) - 1))
    events = max(1, highest) if options.max_events is None else options.max_events
    if options.encoder is not None and options.max_events is None:
        events = options.encoder.most_events
    return InputPort(name="input", shape=shape, max_events=events)


def _fits(options: TrainOptions, data: Dataset) -> None:
    """Refuse options that the data leave nothing to."""
    if data.static:
        for key in ("bin_ms", "polarity", "encoder", "max_events", "drop", "shift_steps"):
            if getattr(options, key):
                raise ConfigError(f"{key}: data {data.name!r} are images, which have no time of their own")
    elif options.shift and len(data.shape) < 2:
        raise ConfigError(f"shift: data {data.name!r} have no plane to move in, their shape is {data.shape}")
    elif options.coding != "direct" or options.training_steps is not None:
        key = "training_steps" if options.coding == "direct" else "coding"
        raise ConfigError(f"{key}: data {data.name!r} are in time, and come as they are")


def build_network(
    options: TrainOptions, port: InputPort, classes: int, generator: torch.Generator, *, analog: bool = False
) -> SpikingNetwork:
    """The network of the options.

    Parameters
    ----------
    analog
        Whether hidden units are rectifiers, and the read-out keeps nothing: an analog network, to teach or to
        be converted.
    """
    hidden = NeuronRule(
        decay=_decay(options.decay_shift),
        compare=options.compare,
        reset=options.reset,
        reset_when=options.reset_when,
    )
    spiking = options.decode == "count" and not analog
    kept = Decay() if analog else _decay(options.readout_shift)
    return stack_layers(
        port,
        options.layers,
        classes,
        hidden=hidden,
        readout=hidden if spiking else NeuronRule(fires=False, decay=kept),
        decode="potential_sum" if analog else options.decode,
        generator=generator,
        density=1.0 if options.evolution is not None else options.density,
        norm=options.norm,
        surrogate=Surrogate(options.surrogate, options.sharpness),
        detach_reset=options.detach_reset,
        kind=Rectifiers if analog else Neurons,
    )


def stack_layers(
    port: InputPort,
    layers: str,
    classes: int,
    *,
    hidden: NeuronRule,
    readout: NeuronRule,
    decode: Decode,
    generator: torch.Generator,
    density: float = 1.0,
    norm: bool = False,
    surrogate: Surrogate | None = None,
    detach_reset: bool = True,
    kind: type[Neurons] = Neurons,
) -> SpikingNetwork:
    """Convolutions, dense layers and the read-out, drawn anew.

    Parameters
    ----------
    layers
        As :func:`.layers.parse_layers` reads them.
    hidden, readout
        The neurons' rules.
    density
        Fraction of synapses that exist, of all layers together.
    norm
        Whether the drives of hidden layers are normalised.
    kind
        Of hidden units.
    """
    specs, last_pool = parse_layers(layers)
    conv, dense = itertools.count(1), itertools.count(1)
    stack: list[SpikingLayer] = []
    source = port.shape
    for spec in specs:
        synapses = _synapses(spec, source, generator)
        stack.append(
            SpikingLayer(
                synapses,
                kind(hidden, surrogate=surrogate, detach_reset=detach_reset),
                name=f"conv{next(conv)}" if spec.kernel else f"hidden{next(dense)}",
                value_scale=port.value_scale if port.value_bits and not stack else 1.0,
                norm=norm,
                generator=generator if spec.recurrent else None,
            )
        )
        plane = synapses.convolution.target if synapses.convolution is not None else None
        source = plane if plane is not None and spec.kernel else (synapses.size,)
    synapses = _synapses(LayerSpec(size=classes, pool=last_pool), source, generator)
    scale = port.value_scale if port.value_bits and not stack else 1.0
    last = Neurons(readout, surrogate=surrogate, detach_reset=detach_reset)
    stack.append(SpikingLayer(synapses, last, name="readout", value_scale=scale))
    if density < 1:
        make_sparse(stack, density, generator)
    return SpikingNetwork(port, stack, decode=decode)


def cramped(layers: list[SpikingLayer]) -> list[str]:
    """A note on every convolution whose plane is smaller than its kernels, which mostly see its margins."""
    notes = []
    for layer in layers:
        convolution = layer.synapses.convolution
        if convolution is None or not max(convolution.padding):  # of a whole plane, or of single places
            continue
        seen = [convolution.source[axis] // convolution.pool[axis - 1] for axis in (1, 2)]
        if min(seen) < min(convolution.size):
            notes.append(
                f"{layer.name}: kernels of {convolution.size[0]} by {convolution.size[1]} see a plane of"
                f" {seen[0]} by {seen[1]}; small images want fewer strides and sums, as --layers"
                " 16c3-p2-32c3-p2-64"
            )
    return notes


def make_sparse(layers: list[SpikingLayer], density: float, generator: torch.Generator) -> None:
    """Leave so much of all synapses, more of small layers' than of large ones'."""
    places: list[tuple[torch.nn.Module, str, torch.Tensor]] = []
    for layer in layers:
        places.append((layer.synapses, "weight", layer.synapses.weight))
        if layer.recurrent is not None:
            places.append((layer, "recurrent", layer.recurrent))
    ends = [(math.prod(weight.shape[1:]), weight.shape[0]) for _, _, weight in places]
    for (module, name, _), share in zip(places, layer_densities(ends, density), strict=True):
        sparsify(module, name, share, generator)


def _synapses(spec: LayerSpec, source: tuple[int, ...], generator: torch.Generator) -> Synapses:
    if spec.kernel or spec.pool > 1:
        plane = (source[0], source[1], source[2])
        where = f"layers: {spec.size}{f'c{spec.kernel}' if spec.kernel else ''} after sums over {spec.pool}"
        if spec.pool > min(plane[1:]):
            raise ConfigError(f"{where}: the plane has {plane[1]} by {plane[2]} places only")
        if spec.kernel:
            geometry = plane_after(plane, spec.size, size=spec.kernel, stride=spec.stride, pool=spec.pool)
        else:
            geometry = whole_plane(plane, spec.size, pool=spec.pool)
        return ConvolvedSynapses(geometry, generator=generator)
    return DenseSynapses(math.prod(source), spec.size, generator=generator)


def _decay(shift: int | None) -> Decay:
    return Decay() if shift is None else Decay(kind="shift", shift=shift)
