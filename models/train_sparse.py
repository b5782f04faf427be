"""The method ``sparse``: few synapses, drawn once, trained by surrogate gradients, the last epochs on integers."""

import math
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

import torch

from spikewright.errors import ConfigError
from spikewright.models.coding import CodingName, latency_steps, value_codes
from spikewright.models.data import Dataset
from spikewright.models.export import to_nir
from spikewright.models.neurons import NeuronRule
from spikewright.models.sparse_network import SparseNetwork
from spikewright.models.surrogate import Surrogate, SurrogateName
from spikewright.models.train import (
    Progress,
    Results,
    integer_accuracy,
    load_parts,
    real_accuracy,
    shift_images,
)
from spikewright.network import InputPort
from spikewright.neuron import Decay

__all__ = ["TrainSparseOptions", "train_sparse"]


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainSparseOptions:
    """What to train, and how.

    Parameters
    ----------
    hidden
        Neurons of each hidden layer; may be empty.
    density
        Fraction of synapses that exist, of all layers together, above 0, at most 1.
    steps
        Time steps that an image is shown for; data in time have their own.
    training_steps
        Steps in training. None: of direct coding at most 10, which is enough to learn from and costs less.
    weight_bits, state_bits
        Integers of the last ``1 - real_share`` of the epochs: 2..16 and 8..24 bits.
    coding
        ``direct``: the image as values of ``input_bits``, held; ``rate``: Bernoulli spikes; ``latency``: time
        to first spike. Data in time come as they are.
    decay_shift
        Potentials lose ``2**-decay_shift`` of themselves in a step.
    reset, reset_when, compare
        How hidden neurons (and a spiking read-out) fire.
    decode
        ``potential_sum``, ``potential_last``: a leaky integrator reads out; ``count``: spiking neurons do.
    shift
        Training images are moved by up to so many pixels. None: 1, of images under 16 pixels none.
    rate_penalty
        Weight of the mean firing rate in the loss: spikes cost energy and time.
    """

    hidden: tuple[int, ...] = (128,)
    density: float = 0.1
    steps: int = 25
    training_steps: int | None = None
    epochs: int = 100
    seed: int = 0
    weight_bits: int = 8
    state_bits: int = 16
    coding: Literal["direct", "rate", "latency"] = "direct"
    input_bits: int = 4
    decay_shift: int = 3
    reset: Literal["subtract", "set"] = "subtract"
    reset_when: Literal["now", "next"] = "now"
    compare: Literal["gt", "ge"] = "ge"
    decode: Literal["potential_sum", "potential_last", "count"] = "potential_sum"
    batch: int = 100
    learning_rate: float = 2e-3
    real_share: float = 0.6
    shift: int | None = None
    rate_penalty: float = 0.3
    surrogate: SurrogateName = "atan"
    sharpness: float = 2.0
    dt: float = 1e-3

    def __post_init__(self) -> None:
        for key in ("steps", "epochs", "batch", "input_bits"):
            if getattr(self, key) < 1:
                raise ConfigError(f"{key} must be 1 or more, not {getattr(self, key)}")
        if self.training_steps is not None and self.training_steps < 1:
            raise ConfigError(f"training_steps must be 1 or more, not {self.training_steps}")
        for size in self.hidden:
            if size < 1:
                raise ConfigError(f"hidden must be layers of 1 or more neurons, not {size}")
        for key, low, high in (("weight_bits", 2, 16), ("state_bits", 8, 24), ("input_bits", 1, 16)):
            if not low <= getattr(self, key) <= high:
                raise ConfigError(f"{key} must be {low}..{high}, not {getattr(self, key)}")
        if not 0 < self.density <= 1:
            raise ConfigError(f"density must be above 0 and at most 1, not {self.density}")
        if not 0 <= self.real_share < 1:
            raise ConfigError(f"real_share must be 0 or more and below 1, not {self.real_share}")
        if not 0 < self.learning_rate < math.inf:
            raise ConfigError(f"learning_rate must be above 0 and finite, not {self.learning_rate}")


def train_sparse(
    options: TrainSparseOptions, data: str, output: Path | None, progress: Progress | None = None
) -> Results:
    """Train on ``DATA:train``, measure on ``DATA:test``, write ``network.nir``, ``checkpoint.pt``, ``metrics.json``.

    Parameters
    ----------
    options
        What to train, and how. The same options, data and number of threads give the same network.
    data
        Specification of the data, without a part (:mod:`spikewright.models.data`).
    output
        Folder for the three files, made if it is not there; None writes nothing.
    progress
        Called after every epoch.

    Raises
    ------
    ConfigError
        If options or data are wrong; nothing is written then.
    """
    if output is not None and output.exists() and not output.is_dir():
        raise ConfigError(f"output {str(output)!r}: must be a folder, not a file")
    started = time.perf_counter()
    trained, held_out = load_parts(data)
    course = _Course(options, trained)
    loss = 0.0
    for epoch in range(options.epochs):
        if epoch == int(options.epochs * options.real_share):
            course.quantize()
        loss = course.epoch()
        if progress is not None:
            progress(epoch + 1, options.epochs, loss)
    network = course.network.eval()
    name = "sparse"
    integer, real = network.integer_network(name), network.real_network(name, dt=options.dt)
    shown = {"steps": options.steps if trained.static else trained.x.shape[1], "seed": options.seed}
    coding: CodingName = options.coding if trained.static else "events"
    synapses = sum(edge.weights.size for edge in integer.edges)
    nonzero = sum(int((edge.weights != 0).sum()) for edge in integer.edges)
    metrics: dict[str, Any] = {
        "accuracy": real_accuracy(real, held_out, coding=coding, **shown),
        "accuracy_integer": integer_accuracy(integer, held_out, coding=coding, **shown),
        "density": nonzero / synapses,
        "parameters": nonzero + sum(population.size for population in integer.populations),
        "epochs": options.epochs,
        "seed": options.seed,
        "method": "sparse",
        "data": data,
        "n_train": len(trained),
        "n_test": len(held_out),
        "loss": loss,
        "seconds": round(time.perf_counter() - started, 3),
        "options": asdict(options),
    }
    graph = to_nir(real, integer, coding={"name": coding, **shown})
    results = Results(graph=graph, checkpoint=network.state_dict(), metrics=metrics)
    if output is not None:
        results.write(output)
    return results


class _Course:
    """One training: the network, its optimizer and the samples."""

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
        for chosen in order.split(self.options.batch):
            outputs, spikes = self.network(*self._shown(chosen))
            loss = self._loss(self.network.in_units(outputs), spikes, self.labels[chosen])
            self.optimizer.zero_grad()
            loss.backward()
            self.optimizer.step()
            self.schedule.step()
            total += float(loss.detach()) * len(chosen)
        return total / len(self.samples)

    def quantize(self) -> None:
        """Go over to integers, with scales that fit the network as it is now."""
        chosen = torch.randperm(len(self.samples), generator=self.generator)[:1000]
        self.network.quantize(self.options.weight_bits, self.options.state_bits, *self._shown(chosen))

    def _shown(self, chosen: torch.Tensor) -> tuple[torch.Tensor, int | None]:
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
    return InputPort(name="input", shape=(size,), value_bits=0 if highest <= 1 else int(highest).bit_length())
