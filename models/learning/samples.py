"""What a training shows: samples in batches, moved and thinned, in the coding of the network's input."""

import zlib
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch

from spikewright.errors import ConfigError
from spikewright.models.augment import drop_events, shift_images, shift_planes, shift_steps
from spikewright.models.coding import latency_steps, value_codes, within
from spikewright.models.data import Dataset
from spikewright.models.learning.options import TrainOptions
from spikewright.network import InputPort

__all__ = ["Batch", "Samples"]

DEFAULT_STEPS = 25
"""Time steps that an image is shown for, if nothing else is asked for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """Some samples as a network takes them.

    Parameters
    ----------
    x
        Codes ``(batch, steps, *shape)``, flat; of a hold port ``(batch, *shape)``, flat, for ``steps`` steps.
    steps
        Steps that held codes stay for; None where ``x`` has its own.
    labels
        ``(batch,)``.
    """

    x: torch.Tensor
    steps: int | None
    labels: torch.Tensor

    def mean(self) -> torch.Tensor:
        """What comes in a step on average, ``(batch, size)``: what an analog network sees."""
        return self.x if self.steps is not None else self.x.mean(dim=1)


class Samples:
    """The samples of a training.

    Parameters
    ----------
    data
        Samples with labels.
    generator
        Draws order, augmentation and random codings.
    """

    def __init__(
        self,
        options: TrainOptions,
        data: Dataset,
        port: InputPort,
        generator: torch.Generator,
        device: torch.device,
    ) -> None:
        assert data.y is not None
        self.options = options
        self.port = port
        self.generator = generator
        self.device = device
        self.static = data.static
        held = port.kind == "hold"
        x = data.x if data.static else within(data.x, port)
        self.x = torch.from_numpy(value_codes(x, port) if held else np.ascontiguousarray(x))
        self.labels = torch.from_numpy(data.y)
        small = not data.static or len(data.shape) != 2 or min(data.shape) < 16
        self.shift = (0 if small else 1) if options.shift is None else options.shift
        shown = options.steps or DEFAULT_STEPS
        fewer = min(shown, 10) if held else shown
        self.steps = fewer if options.training_steps is None else options.training_steps
        self.whole_steps = shown if held else None
        """Steps that the network runs for in use, if they are not the data's own."""
        count = round(len(self.labels) * options.validation)
        if options.validation and not 0 < count < len(self.labels):
            left = f"{count} of {len(self.labels)}"
            raise ConfigError(f"validation must leave samples to train on and to judge by, not {left}")
        self.training, self.held_out = np.arange(len(self.labels) - count), np.arange(len(self.labels))
        self.held_out = self.held_out[len(self.labels) - count :]
        self.checksum = zlib.crc32(data.y.tobytes(), zlib.crc32(data.x.tobytes()))
        """Of samples and labels: whether a training that goes on does so with the same ones."""
        if options.label_noise:
            self._spoil_labels(data.classes)

    def __len__(self) -> int:
        return len(self.training)

    def batches(self) -> Iterator[Batch]:
        """All training samples once, in a new order."""
        order = torch.from_numpy(self.training)[torch.randperm(len(self), generator=self.generator)]
        for chosen in torch.split(order, self.options.batch):
            yield self.shown(chosen, augmented=True)

    def some(self, count: int) -> Batch:
        """So many training samples, drawn anew."""
        order = torch.from_numpy(self.training)[torch.randperm(len(self), generator=self.generator)]
        return self.shown(order[:count], augmented=True)

    def judged(self) -> Iterator[Batch]:
        """The samples held out, as they are."""
        for chosen in torch.split(torch.from_numpy(self.held_out), 250):
            yield self.shown(chosen, augmented=False)

    def shown(self, chosen: torch.Tensor, *, augmented: bool) -> Batch:
        """Some samples, by place."""
        x, labels = self.x[chosen], self.labels[chosen].to(self.device)
        options, draw = self.options, self.generator
        if not self.static:
            if augmented and self.shift:
                x = shift_planes(x, self.shift, draw)
            if augmented and options.shift_steps:
                x = shift_steps(x, options.shift_steps, draw)
            if augmented and options.drop:
                x = drop_events(x, options.drop, draw)
            return Batch(x=x.to(self.device).float().flatten(2), steps=None, labels=labels)
        if augmented and self.shift:
            x = shift_images(x, self.shift, draw) if x.ndim == 3 else shift_planes(x, self.shift, draw)
        images = x.flatten(1).float()
        if self.port.kind == "hold":
            return Batch(x=images.to(self.device), steps=self.steps, labels=labels)
        if options.coding == "latency":
            first = torch.from_numpy(latency_steps(images.numpy(), self.steps))
            spikes = first[:, None] == torch.arange(self.steps)[:, None]
        else:
            spikes = torch.rand(len(images), self.steps, images.shape[1], generator=draw) < images[:, None]
        return Batch(x=spikes.float().to(self.device), steps=None, labels=labels)

    def _spoil_labels(self, classes: int) -> None:
        """Give a share of the training samples another class, drawn among the wrong ones."""
        rng = np.random.default_rng((self.options.seed, 1))
        spoilt = rng.permutation(self.training)[: round(len(self) * self.options.label_noise)]
        moved = rng.integers(1, classes, len(spoilt))
        self.labels = self.labels.clone()
        self.labels[spoilt] = (self.labels[spoilt] + torch.from_numpy(moved)) % classes
