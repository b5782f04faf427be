"""Quantization-aware fine-tuning: a few epochs on the integer grid, where rounding alone loses too much."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from spikewright.errors import ConfigError
from spikewright.models.grid import GridNetwork
from spikewright.models.learning.results import one_thread
from spikewright.models.learning.trainer import Progress
from spikewright.network import Decode, IntegerNetwork

__all__ = ["FinetuneOptions", "Finetuned", "finetune"]

MARGIN = 2.0
"""Logits by which the first class is ahead at the start, in the median: a clear sample hardly teaches."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FinetuneOptions:
    """How to fine-tune.

    Parameters
    ----------
    epochs
        Passes over the data.
    learning_rate
        Of Adam, in units of the largest code; falls to 0 as a cosine.
    held_out
        Share of the samples that choose among the epochs, the start included, and are not trained on.
    """

    epochs: int = 10
    batch: int = 32
    learning_rate: float = 3e-3
    held_out: float = 0.1
    seed: int = 0

    def __post_init__(self) -> None:
        if self.epochs < 1:
            raise ConfigError(f"finetune: epochs must be 1 or more, not {self.epochs}")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Finetuned:
    """Integer weights of every edge, and the accuracy on the held-out samples after every epoch.

    ``accuracies[0]`` is that of the start; ``epoch`` is the one that was chosen.
    """

    weights: tuple[npt.NDArray[np.int64], ...]
    accuracies: tuple[float, ...]
    epoch: int


def finetune(
    network: IntegerNetwork,
    unrounded: Sequence[npt.NDArray[Any]],
    events: Mapping[str, npt.NDArray[Any]],
    labels: npt.NDArray[Any],
    options: FinetuneOptions,
    progress: Progress = lambda *_: None,
) -> Finetuned:
    """Train the weights of an integer network; scales, levels and widths stay as they are.

    Parameters
    ----------
    unrounded
        Of every edge the weights in codes before rounding.
    events
        What comes in, ``(samples, steps, *shape)`` by name of the input, in integers.
    labels
        Class of every sample, by which neuron of the first output should win.
    """
    count = len(labels)
    kept = max(1, round(count * options.held_out))
    if count < 2 or any(len(array) != count for array in events.values()):
        raise ConfigError(f"finetune: must have two or more samples with labels, not {count}")
    generator = torch.Generator().manual_seed(options.seed)
    order = torch.randperm(count, generator=generator)
    chosen, judged = order[kept:], order[:kept]
    given = {name: torch.from_numpy(np.ascontiguousarray(array)) for name, array in events.items()}
    wanted = torch.from_numpy(np.asarray(labels, np.int64))
    output = network.outputs[0]

    def scores_of(model: GridNetwork, places: torch.Tensor) -> torch.Tensor:
        return scores(model({name: array[places] for name, array in given.items()})[output], network.decode)

    def judge(model: GridNetwork) -> tuple[float, float]:
        """Accuracy and margin on the samples held out."""
        with torch.no_grad():
            found = torch.cat([scores_of(model, places) for places in torch.split(judged, options.batch)])
        return float((found.argmax(dim=1) == wanted[judged]).double().mean()), margin(found)

    with one_thread():
        model = GridNetwork(network, unrounded)
        optimizer = torch.optim.Adam(model.parameters(), lr=options.learning_rate)
        batches = -(-len(chosen) // options.batch)
        schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, options.epochs * batches)
        start, ahead = judge(model)
        best, accuracies, epoch = snapshot(model), [start], 0
        for done in range(1, options.epochs + 1):
            total = 0.0
            shuffled = chosen[torch.randperm(len(chosen), generator=generator)]
            for places in torch.split(shuffled, options.batch):
                logits = scores_of(model, places) * (MARGIN / ahead)
                loss = torch.nn.functional.cross_entropy(logits, wanted[places])
                optimizer.zero_grad()
                loss.backward()  # type: ignore[no-untyped-call]
                optimizer.step()
                schedule.step()
                total += float(loss.detach()) / batches
            accuracies.append(judge(model)[0])
            if accuracies[-1] >= max(accuracies):  # of equals the later: it has learnt longer
                best, epoch = snapshot(model), done
            progress(done, options.epochs, total)
    return Finetuned(weights=best, accuracies=tuple(accuracies), epoch=epoch)


def snapshot(model: GridNetwork) -> tuple[npt.NDArray[np.int64], ...]:
    """Integer weights of every edge."""
    with torch.no_grad():
        return tuple(
            model.codes(number).numpy().astype(np.int64) for number in range(len(model.network.edges))
        )


def scores(outputs: torch.Tensor, mode: Decode) -> torch.Tensor:
    """How much speaks for every class, ``(samples, classes)``, in spikes or codes."""
    if mode == "potential_last":
        return outputs[:, -1]
    if mode == "first_spike":  # early spikes weigh more: nothing smooth says which is first
        return (outputs * torch.arange(outputs.shape[1], 0, -1)[:, None]).sum(dim=1)
    return outputs.sum(dim=1)


def margin(found: torch.Tensor) -> float:
    """By how much the first class is ahead of the second: the median of the samples, 1 or more."""
    first = found.topk(min(2, found.shape[1]), dim=1).values
    return max(1.0, float((first[:, 0] - first[:, -1]).median()))
