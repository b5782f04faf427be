"""The one trainer: epochs of surrogate gradients, then of integers; parts may change the network."""

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch

from spikewright.errors import ConfigError
from spikewright.models.learning.channels import ChannelPruner
from spikewright.models.learning.network import SpikingNetwork
from spikewright.models.learning.objective import Labels, Objective, scores
from spikewright.models.learning.options import TrainOptions
from spikewright.models.learning.part import Part
from spikewright.models.learning.reduced import reduced
from spikewright.models.learning.resume import read_state, write_state
from spikewright.models.learning.samples import Samples

__all__ = ["Progress", "Trainer", "make_optimizer", "pick_device"]

Progress = Callable[[int, int, float], None]
"""Called after every epoch with the epochs done, the epochs in all, and the mean loss."""

CALIBRATION = 1000
"""Samples that the read-out's scale is chosen with."""

SAVE_SECONDS = 30.0
"""A training that is interrupted loses at most so much, and one epoch."""


class Trainer:
    """Trains a network: in real numbers first, then on its integer grid.

    Parameters
    ----------
    network
        Trained in place.
    samples
        What it is shown.
    objective
        What is minimised; None: the labels' cross entropy.
    parts
        What takes part beside the optimizer: masks, channels. They may need the optimizer, so they are made
        by a function of it.
    state
        File that an interrupted training leaves, to go on from; None: none is written.
    """

    def __init__(
        self,
        network: SpikingNetwork,
        samples: Samples,
        options: TrainOptions,
        *,
        objective: Objective | None = None,
        parts: Callable[["Trainer"], Sequence[Part]] = lambda _: (),
        state: Path | None = None,
    ) -> None:
        self.network = network
        self.samples = samples
        self.options = options
        self.objective: Objective = objective or Labels(options)
        self.updates_an_epoch = math.ceil(len(samples) / options.batch)
        self.optimizer: torch.optim.Optimizer = make_optimizer(options, network, self.objective)
        total = max(1, options.epochs * self.updates_an_epoch)
        self.schedule = torch.optim.lr_scheduler.CosineAnnealingLR(self.optimizer, total)
        self.history: list[dict[str, float]] = []
        self.update = 0
        self.integers_from = int(options.epochs * options.real_share)
        moving = [part.until for part in (options.evolution, options.pruning) if part is not None]
        self.settled = math.ceil(max(moving, default=0.0) * options.epochs)
        """Epochs in which masks or channels may still move, which no patience cuts short."""
        self.parts: Sequence[Part] = parts(self)
        self.best: dict[str, Any] | None = None
        self.state = state

    def run(self, progress: Progress | None = None, *, resume: bool = False) -> None:
        """Train to the end; with ``resume`` from where an interrupted run of the same options stopped.

        Raises
        ------
        ConfigError
            If the loss is no number, or the file to go on from is of other options.
        """
        if resume and self.state is not None and self.state.exists():
            self._restore(read_state(self.state, self._fingerprint()))
        saved = time.monotonic()
        while len(self.history) < self.options.epochs and not self._finished():
            epoch = len(self.history)
            if epoch >= self.integers_from and not self.network.quantized:
                self.quantize()
            figures = self.epoch()
            if not math.isfinite(figures["loss"]):
                raise ConfigError(
                    f"training: the loss is {figures['loss']} in epoch {epoch + 1}: lower learning_rate"
                )
            self.history.append(figures)
            self._judge()
            if progress is not None:
                progress(epoch + 1, self.options.epochs, figures["loss"])
            if self.state is not None and time.monotonic() - saved > SAVE_SECONDS:
                self.save()
                saved = time.monotonic()
        if self.best is not None:
            self.network.load_state_dict(self.best)
        self.network.eval()

    def epoch(self) -> dict[str, float]:
        """Go once through all samples; mean loss, and what the parts tell."""
        self.network.train()
        total = 0.0
        for batch in self.samples.batches():
            for part in self.parts:
                part.before_batch(self.update)
            loss = self.objective(self.network, batch)
            self.optimizer.zero_grad()
            torch.autograd.backward(loss)
            if self.options.clip is not None:
                torch.nn.utils.clip_grad_norm_(self.network.parameters(), self.options.clip)
            self.optimizer.step()
            self.schedule.step()
            for part in self.parts:
                part.after_update(self.update)
            self.update += 1
            total += float(loss.detach()) * len(batch.labels)
        figures = {"loss": total / len(self.samples)}
        for part in self.parts:
            figures |= part.after_epoch(len(self.history))
        return figures

    def quantize(self) -> None:
        """Go over to integers, with scales that fit the network as it is now, but not its dead channels.

        Their weights are kept until masks stay, and would widen the grid of all others.
        """
        batch = self.samples.some(CALIBRATION if self.samples.static else CALIBRATION // 5)
        # Potentials reach higher in all the steps of the use than in fewer of the training.
        steps = batch.steps if batch.steps is None else self.samples.whole_steps
        fitted = self.network
        for part in self.parts:
            if isinstance(part, ChannelPruner) and part.settled:
                fitted = reduced(fitted, part.masks())  # has the same neurons, whose scales are set
        fitted.quantize(self.options.weight_bits, self.options.state_bits, batch.x, steps)
        for layer in self.network.stack:
            layer.weight_bits = self.options.weight_bits

    @torch.no_grad()
    def accuracy(self) -> float:
        """Share of the held-out samples that are classified right."""
        self.network.eval()
        right, count = 0, 0
        for batch in self.samples.judged():
            outputs, _ = self.network(batch.x, batch.steps)
            found = scores(self.network, self.network.in_units(outputs)).argmax(dim=1)
            right += int((found == batch.labels).sum())
            count += len(batch.labels)
        return right / count

    def save(self) -> None:
        """Write all that a later run needs to go on as this one would have."""
        assert self.state is not None
        write_state(
            self.state,
            {
                "made_with": self._fingerprint(),
                "network": self.network.state_dict(),
                "objective": _state_of(self.objective),
                "optimizer": self.optimizer.state_dict(),
                "schedule": self.schedule.state_dict(),
                "parts": [part.state_dict() for part in self.parts],
                "generator": self.samples.generator.get_state(),
                "history": self.history,
                "update": self.update,
                "integers_from": self.integers_from,
                "best": self.best,
            },
        )

    def _restore(self, state: dict[str, Any]) -> None:
        self.network.load_state_dict(state["network"])
        if isinstance(self.objective, torch.nn.Module):
            self.objective.load_state_dict(state["objective"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.schedule.load_state_dict(state["schedule"])
        for part, given in zip(self.parts, state["parts"], strict=True):
            part.load_state_dict(given)
        self.samples.generator.set_state(state["generator"])
        self.history, self.update = state["history"], state["update"]
        self.integers_from, self.best = state["integers_from"], state["best"]

    def _fingerprint(self) -> str:
        samples = self.samples
        return repr((asdict(self.options), len(samples), tuple(samples.x.shape), samples.checksum))

    def _judge(self) -> None:
        """Measure on the samples held out; keep the best network on integers, or end what gains no more."""
        if not self.options.validation:
            return
        figures, patience = self.history[-1], self.options.patience
        figures["accuracy"] = self.accuracy()
        whole = [h["accuracy"] for h in self.history[self.settled : self.integers_from]]
        if len(self.history) > self.integers_from:
            phase = [h["accuracy"] for h in self.history[self.integers_from :]]
            if phase[-1] >= max(phase):  # of equals the later: it has learnt longer
                self.best = {
                    key: value.clone() if isinstance(value, torch.Tensor) else value
                    for key, value in self.network.state_dict().items()
                }
        elif patience is not None and _stale(whole) >= patience:
            self.integers_from = len(self.history)

    def _finished(self) -> bool:
        phase = [h["accuracy"] for h in self.history[self.integers_from :] if "accuracy" in h]
        patience = self.options.patience
        return patience is not None and _stale(phase) >= patience


def _stale(accuracies: Sequence[float]) -> int:
    """Epochs since the best of them."""
    return len(accuracies) - 1 - accuracies.index(max(accuracies)) if accuracies else 0


def _state_of(objective: Objective) -> dict[str, Any]:
    return objective.state_dict() if isinstance(objective, torch.nn.Module) else {}


def make_optimizer(
    options: TrainOptions, network: torch.nn.Module, objective: object = None
) -> torch.optim.Optimizer:
    """The optimizer that the options name, of a network and of what its objective learns beside it."""
    parameters = list(network.parameters())
    if isinstance(objective, torch.nn.Module):
        parameters += objective.parameters()
    rate, decay = options.learning_rate, options.weight_decay
    if options.optimizer == "sgd":
        return torch.optim.SGD(parameters, lr=rate, momentum=options.momentum, weight_decay=decay)
    kind = torch.optim.Adam if options.optimizer == "adam" else torch.optim.AdamW
    return kind(parameters, lr=rate, weight_decay=decay)


def pick_device(name: str) -> torch.device:
    """The device of that name; ``auto``: a GPU where there is one.

    Raises
    ------
    ConfigError
        If torch does not know it, or has none here.
    """
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(name)
        torch.zeros((), device=device).item()  # not only named: it computes, too
    except (RuntimeError, AssertionError) as error:
        raise ConfigError(f"device must be auto or one that torch has here, not {name!r}") from error
    return device
