"""The integer model's states after every step, for samples that the hardware is stepped through."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from spikewright.ir import RealPopulation
from spikewright.models.integer import IntegerModel
from spikewright.models.trace import Numbers, Trace
from spikewright.network import InputPort, IntegerNetwork, Population

__all__ = ["SteppedTrace", "run_stepped"]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class SteppedTrace:
    """A run and what hardware stores at the end of each of its steps.

    Parameters
    ----------
    trace
        The run.
    states
        ``stored``, ``held``, ``fired`` (docs/numerics.md) by population, ``(samples, steps, neurons)``.
    """

    trace: Trace
    states: dict[str, dict[str, Numbers]]


class _SteppedModel(IntegerModel):
    """Keeps the stored state of every step; samples must fit one chunk."""

    def __init__(self, network: IntegerNetwork) -> None:
        super().__init__(network, memory_bytes=1 << 62)
        self.kept: dict[str, dict[str, list[torch.Tensor]]] = {p.name: {} for p in network.populations}
        self._population = ""

    def _after_step(self, index: int, stored: torch.Tensor, fired: torch.Tensor) -> None:
        population = self.network.populations[index]
        kept = self.kept[population.name]
        kept.setdefault("stored", []).append(stored.clone())
        if population.neuron.stores_spike:
            kept.setdefault("fired", []).append(fired.clone())

    def _drive(
        self, population: Population | RealPopulation, sources: dict[str, torch.Tensor]
    ) -> tuple[torch.Tensor, torch.Tensor | None]:
        self._population = population.name
        return super()._drive(population, sources)

    def _held(  # type: ignore[override]  # the base class needs no instance for it
        self, hold_edges: Iterable[tuple[InputPort, torch.Tensor]], sources: dict[str, torch.Tensor]
    ) -> torch.Tensor:
        held = IntegerModel._held(hold_edges, sources)
        self.kept[self._population]["held"] = list(held.clone().unbind(dim=1))
        return held


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
