"""The integer model's states after every step, for samples that the hardware is stepped through."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from spikewright.models.forward import Neurons
from spikewright.models.integer import IntegerModel
from spikewright.models.trace import Numbers, Trace
from spikewright.network import IntegerNetwork

__all__ = ["SteppedTrace", "run_stepped"]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class SteppedTrace:
    """A run and what hardware stores at the end of each of its steps.

    Parameters
    ----------
    trace
        The run.
    states
        ``stored``, ``current``, ``held``, ``fired`` (docs/numerics.md) by population, each
        ``(samples, steps, neurons)``.
    """

    trace: Trace
    states: dict[str, dict[str, Numbers]]


class _SteppedModel(IntegerModel):
    """Keeps the stored state of every step; samples must fit one chunk."""

    def __init__(self, network: IntegerNetwork) -> None:
        super().__init__(network, memory_bytes=1 << 62)
        self.kept: dict[str, dict[str, list[torch.Tensor]]] = {p.name: {} for p in network.populations}

    def _after_step(self, index: int, neurons: Neurons) -> None:
        kept = self.kept[self.network.populations[index].name]
        for name, values in neurons.stored().items():
            kept.setdefault(name, []).append(values.clone())

    def _after_held(self, index: int, held: torch.Tensor) -> None:
        self.kept[self.network.populations[index].name]["held"] = list(held.clone().unbind(dim=1))


def run_stepped(network: IntegerNetwork, x: Any) -> SteppedTrace:
    """Run events ``(samples, steps, *shape)``, or a mapping by name, and keep the states of all steps."""
    model = _SteppedModel(network)
    trace = model.run(x)
    states = {
        name: {
            field: torch.stack(steps, dim=1).to(torch.int64).numpy().astype(np.int64)
            for field, steps in kept.items()
        }
        for name, kept in model.kept.items()
    }
    return SteppedTrace(trace=trace, states=states)
