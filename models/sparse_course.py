"""One training of the method ``sparse``: the network, its optimizer and the samples, epoch by epoch."""

import math

import torch

from spikewright.errors import ConfigError
from spikewright.models.augment import shift_images
from spikewright.models.coding import latency_steps, value_codes
from spikewright.models.data import Dataset
from spikewright.models.neurons import NeuronRule
from spikewright.models.sparse_network import SparseNetwork
from spikewright.models.sparse_options import TrainSparseOptions
from spikewright.models.surrogate import Surrogate
from spikewright.models.train import Progress
from spikewright.network import InputPort
from spikewright.neuron import Decay

__all__ = ["Course", "train_network"]


def train_network(
    options: TrainSparseOptions, data: Dataset, progress: Progress | None
) -> tuple[SparseNetwork, float]:
    """The trained network, on its integer grid, and the mean loss of its last epoch."""
    course = Course(options, data)
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


class Course:
    """One training: the network, its optimizer and the samples.

    Parameters
    ----------
    options
        What to train, and how.
    data
        Samples with labels.
    """

    def __init__(self, options: TrainSparseOptions, data: Dataset) -> None:
        self.options = options
        self.generator = torch.Generator().manual_seed(options.seed)
        self.port = _input_port(options, data)
        rule = NeuronRule(
            decay=Decay(kind="shift", shift=options.decay_shift),
            compare=options.compare,
            reset=options.reset,
            reset_when=options.reset_when,
        )
        spiking = options.decode == "count"
        self.network = SparseNetwork(
            self.port,
            (*options.hidden, data.classes),
            density=options.density,
            hidden=rule,
            readout=rule if spiking else NeuronRule(fires=False, decay=rule.decay),
            decode=options.decode,
            generator=self.generator,
            surrogate=Surrogate(options.surrogate, options.sharpness),
        )
        self.samples = torch.from_numpy(value_codes(data.x, self.port) if self._held else data.x)
        self.labels = torch.from_numpy(data.y)
        self.static = data.static
        small = not data.static or len(data.shape) != 2 or min(data.shape) < 16
        self.shift = (0 if small else 1) if options.shift is None else options.shift
        steps = options.steps if options.training_steps is None else options.training_steps
        self.steps = min(steps, 10) if self._held and options.training_steps is None else steps
        self.optimizer = torch.optim.Adam(self.network.parameters(), lr=options.learning_rate)
        updates = options.epochs * math.ceil(len(self.samples) / options.batch)
        self.schedule = torch.optim.lr_scheduler.CosineAnnealingLR(self.optimizer, updates)

    @property
    def _held(self) -> bool:
        return self.port.kind == "hold"

    def epoch(self) -> float:
        """Go once through all samples; the mean loss."""
        total = 0.0
        order = torch.randperm(len(self.samples), generator=self.generator)
        for chosen in torch.split(order, self.options.batch):
            outputs, spikes = self.network(*self.shown(chosen))
            loss = self._loss(self.network.in_units(outputs), spikes, self.labels[chosen])
            self.optimizer.zero_grad()
            torch.autograd.backward(loss)
            self.optimizer.step()
            self.schedule.step()
            total += float(loss.detach()) * len(chosen)
        return total / len(self.samples)

    def quantize(self) -> None:
        """Go over to integers, with scales that fit the network as it is now."""
        chosen = torch.randperm(len(self.samples), generator=self.generator)[:1000]
        x, steps = self.shown(chosen)
        steps = None if steps is None else self.options.steps  # potentials reach higher than in fewer steps
        self.network.quantize(self.options.weight_bits, self.options.state_bits, x, steps)

    def shown(self, chosen: torch.Tensor) -> tuple[torch.Tensor, int | None]:
        """Input codes of some samples, as the network takes them."""
        samples = self.samples[chosen]
        if not self.static:
            return samples.float().flatten(2), None
        images = shift_images(samples, self.shift, self.generator) if self.shift else samples
        images = images.flatten(1).float()
        if self._held:
            return images, self.steps
        if self.options.coding == "latency":
            first = torch.from_numpy(latency_steps(images.numpy(), self.steps))
            return (first[:, None] == torch.arange(self.steps)[:, None]).float(), None
        chance = torch.rand(len(images), self.steps, images.shape[1], generator=self.generator)
        return (chance < images[:, None]).float(), None

    def _loss(self, outputs: torch.Tensor, spikes: list[torch.Tensor], labels: torch.Tensor) -> torch.Tensor:
        if self.options.decode == "count":
            scores = 10 * outputs.mean(dim=1)  # a rate is at most 1, too little for a softmax
        else:
            scores = outputs[:, -1] if self.options.decode == "potential_last" else outputs.mean(dim=1)
        loss = torch.nn.functional.cross_entropy(scores, labels)
        if spikes and self.options.rate_penalty:
            loss = loss + self.options.rate_penalty * sum(layer.mean() for layer in spikes) / len(spikes)
        return loss


def _input_port(options: TrainSparseOptions, data: Dataset) -> InputPort:
    """A port for images in the coding of the options, or for events of the data's own."""
    size = math.prod(data.shape)
    if data.static and options.coding == "direct":
        scale = float((1 << options.input_bits) - 1)
        return InputPort(
            name="input", shape=(size,), kind="hold", value_bits=options.input_bits, value_scale=scale
        )
    if data.static:
        return InputPort(name="input", shape=(size,))
    highest = data.x.max()
    if data.x.min() < 0 or (data.x % 1 != 0).any() or highest >= 1 << 16:
        raise ConfigError(f"data {data.name!r}: x must be whole numbers of 0..65535, events a step")
    bits = 0 if highest <= 1 else int(highest).bit_length()
    return InputPort(name="input", shape=(size,), value_bits=bits, value_scale=float(max(1, (1 << bits) - 1)))
