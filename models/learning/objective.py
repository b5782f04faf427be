"""What a training minimises: how wrong the read-out is, and what spikes cost; teachers may add to it."""

from typing import Protocol

import torch

from spikewright.models.learning.network import SpikingNetwork
from spikewright.models.learning.options import TrainOptions
from spikewright.models.learning.samples import Batch

__all__ = ["Labels", "Objective", "scores"]


class Objective(Protocol):
    """The loss of a batch."""

    def __call__(self, network: SpikingNetwork, batch: Batch) -> torch.Tensor:
        """A scalar to take the gradient of."""


def scores(network: SpikingNetwork, outputs: torch.Tensor) -> torch.Tensor:
    """How much speaks for every class, ``(batch, classes)``, of read-outs in units of the float network."""
    if network.decode == "count":
        return 10 * outputs.mean(dim=1)  # a rate is at most 1, too little for a softmax
    return outputs[:, -1] if network.decode == "potential_last" else outputs.mean(dim=1)


class Labels:
    """Cross entropy with the labels, and a price of spikes."""

    def __init__(self, options: TrainOptions) -> None:
        self.options = options

    def __call__(self, network: SpikingNetwork, batch: Batch) -> torch.Tensor:
        """The loss of a batch."""
        outputs, spikes = network(batch.x, batch.steps)
        return self.of(network, network.in_units(outputs), spikes, batch.labels)

    def of(
        self,
        network: SpikingNetwork,
        outputs: torch.Tensor,
        spikes: list[torch.Tensor],
        labels: torch.Tensor,
    ) -> torch.Tensor:
        """The same, of read-outs ``(batch, steps, classes)`` and spikes that are known already."""
        if self.options.loss == "tet":
            steps = outputs.shape[1]
            each = outputs.flatten(0, 1) * (10 if network.decode == "count" else 1)
            loss = torch.nn.functional.cross_entropy(each, labels.repeat_interleave(steps))
        else:
            loss = torch.nn.functional.cross_entropy(scores(network, outputs), labels)
        return loss + self.price(spikes)

    def price(self, spikes: list[torch.Tensor]) -> torch.Tensor | float:
        """What the spikes of the hidden layers cost."""
        if not spikes or not self.options.rate_penalty:
            return 0.0
        return self.options.rate_penalty * sum(layer.mean() for layer in spikes) / len(spikes)
