"""One training on data in time: the network, its optimizer and the samples, epoch by epoch."""

import itertools
import math

import torch

from spikewright.errors import ConfigError
from spikewright.models.augment import drop_events, shift_planes, shift_steps
from spikewright.models.data import Dataset
from spikewright.models.neurons import NeuronRule, Neurons
from spikewright.models.sparse import layer_densities, sparsify
from spikewright.models.spiking_network import SpikingLayer, SpikingNetwork
from spikewright.models.spiking_options import SpikingOptions
from spikewright.models.surrogate import Surrogate
from spikewright.models.train import Progress
from spikewright.models.trained_synapses import (
    ConvolvedSynapses,
    DenseSynapses,
    Synapses,
    plane_after,
    whole_plane,
)
from spikewright.network import InputPort
from spikewright.neuron import Decay

__all__ = ["SpikingCourse", "train_network"]

CALIBRATION = 200
"""Samples that the read-out's scale is chosen with."""


def train_network(
    options: SpikingOptions, data: Dataset, progress: Progress | None
) -> tuple[SpikingNetwork, float]:
    """The trained network, on its integer grid, and the mean loss of its last epoch."""
    course = SpikingCourse(options, data)
    loss = 0.0
    for epoch in range(options.epochs):
        if epoch == int(options.epochs * options.real_share):
            course.quantize()
        loss = course.epoch()
        if not math.isfinite(loss):
            raise ConfigError(f"training: the loss is {loss} in epoch {epoch + 1}: lower learning_rate")
        if progress is not None:
            progress(epoch + 1, options.epochs, loss)
    return course.network.eval(), loss


class SpikingCourse:
    """One training: the network, its optimizer and the samples."""

    def __init__(self, options: SpikingOptions, data: Dataset) -> None:
        self.options = options
        self.generator = torch.Generator().manual_seed(options.seed)
        port = _input_port(options, data)
        self.network = SpikingNetwork(
            port, _layers(options, port, data.classes, self.generator), decode=options.decode
        )
        self.samples = torch.from_numpy(data.x)
        self.labels = torch.from_numpy(data.y)
        self.optimizer = torch.optim.Adam(self.network.parameters(), lr=options.learning_rate)
        updates = options.epochs * math.ceil(len(self.samples) / options.batch)
        self.schedule = torch.optim.lr_scheduler.CosineAnnealingLR(self.optimizer, updates)

    def epoch(self) -> float:
        """Go once through all samples; the mean loss."""
        total = 0.0
        order = torch.randperm(len(self.samples), generator=self.generator)
        for chosen in torch.split(order, self.options.batch):
            samples = self.samples[chosen]
            if self.options.shift:
                samples = shift_planes(samples, self.options.shift, self.generator)
            if self.options.shift_steps:
                samples = shift_steps(samples, self.options.shift_steps, self.generator)
            if self.options.drop:
                samples = drop_events(samples, self.options.drop, self.generator)
            outputs, spikes = self.network(samples.float().flatten(2))
            loss = self._loss(self.network.in_units(outputs), spikes, self.labels[chosen])
            self.optimizer.zero_grad()
            torch.autograd.backward(loss)
            torch.nn.utils.clip_grad_norm_(self.network.parameters(), 1.0)
            self.optimizer.step()
            self.schedule.step()
            total += float(loss.detach()) * len(chosen)
        return total / len(self.samples)

    def quantize(self) -> None:
        """Go over to integers, with scales that fit the network as it is now."""
        chosen = torch.randperm(len(self.samples), generator=self.generator)[:CALIBRATION]
        samples = self.samples[chosen].float().flatten(2)
        self.network.quantize(self.options.weight_bits, self.options.state_bits, samples)

    def _loss(self, outputs: torch.Tensor, spikes: list[torch.Tensor], labels: torch.Tensor) -> torch.Tensor:
        scores = outputs[:, -1] if self.options.decode == "potential_last" else outputs.mean(dim=1)
        loss = torch.nn.functional.cross_entropy(scores, labels)
        if spikes and self.options.rate_penalty:
            loss = loss + self.options.rate_penalty * sum(layer.mean() for layer in spikes) / len(spikes)
        return loss


def _input_port(options: SpikingOptions, data: Dataset) -> InputPort:
    """A port for the data's events, several of an address in a step where they have them."""
    what = f"data {data.name!r}"
    if data.static:
        raise ConfigError(f"{what}: {options.method} trains on data in time, not on images")
    highest = int(data.x.max())
    if data.x.min() < 0 or (data.x.dtype.kind == "f" and (data.x % 1 != 0).any()) or highest > 255:
        raise ConfigError(f"{what}: x must be whole numbers of 0..255, events a step")
    if options.channels and len(data.shape) != 3:
        raise ConfigError(
            f"{what}: convolutions need samples of shape (channels, height, width), not {data.shape}"
        )
    most = max(1, highest) if options.max_events is None else options.max_events
    if options.encoder is not None and options.max_events is None:
        most = options.encoder.most_events
    return InputPort(name="input", shape=data.shape, max_events=most)


def _layers(
    options: SpikingOptions, port: InputPort, classes: int, generator: torch.Generator
) -> list[SpikingLayer]:
    """Convolutions, dense layers and the read-out."""
    hidden = NeuronRule(
        decay=Decay(kind="shift", shift=options.decay_shift),
        compare=options.compare,
        reset=options.reset,
        reset_when=options.reset_when,
    )
    readout = NeuronRule(fires=False, decay=Decay(kind="shift", shift=options.readout_shift))
    surrogate = Surrogate(options.surrogate, options.sharpness)
    numbers = itertools.count(1)
    layers: list[SpikingLayer] = []
    plane, size = port.shape, port.size
    for index, channels in enumerate(options.channels):
        channels_in, height, width = plane
        kernel, stride, pool = (3, 1, 2) if index else (5, 2, 1)
        geometry = plane_after((channels_in, height, width), channels, size=kernel, stride=stride, pool=pool)
        convolved = ConvolvedSynapses(geometry, generator=generator)
        layers.append(
            SpikingLayer(convolved, Neurons(hidden, surrogate=surrogate), name=f"conv{next(numbers)}")
        )
        plane, size = geometry.target, convolved.size
    pooled = bool(options.channels)
    numbers = itertools.count(1)
    for width_out in (*options.hidden, classes):
        last = len(layers) == len(options.channels) + len(options.hidden)
        synapses: Synapses
        if pooled:
            synapses = ConvolvedSynapses(
                whole_plane((plane[0], plane[1], plane[2]), width_out, pool=2), generator=generator
            )
        else:
            synapses = DenseSynapses(size, width_out, generator=generator)
        layers.append(
            SpikingLayer(
                synapses,
                Neurons(readout if last else hidden, surrogate=surrogate),
                name="readout" if last else f"hidden{next(numbers)}",
                generator=generator if options.recurrent and not last else None,
            )
        )
        pooled, size = False, width_out
    if options.density < 1:
        make_sparse(layers, options.density, generator)
    return layers


def make_sparse(layers: list[SpikingLayer], density: float, generator: torch.Generator) -> None:
    """Leave so much of all synapses, more of small layers' than of large ones'."""
    places: list[tuple[torch.nn.Module, str, torch.Tensor]] = []
    for layer in layers:
        places.append((layer.synapses, "weight", layer.synapses.weight))
        if layer.recurrent is not None:
            places.append((layer, "recurrent", layer.recurrent))
    ends = [(weight.shape[1], weight.shape[0]) for _, _, weight in places]
    for (module, name, _), share in zip(places, layer_densities(ends, density), strict=True):
        sparsify(module, name, share, generator)
