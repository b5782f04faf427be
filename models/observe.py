"""Models whose neurons are watched as they go: for what a trace does not keep."""

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from spikewright.ir import RealNetwork
from spikewright.models.forward import Neurons
from spikewright.models.inputs import Feed
from spikewright.models.integer import IntegerModel
from spikewright.models.real import RealModel
from spikewright.models.trace import Trace
from spikewright.network import IntegerNetwork

__all__ = ["Extremes", "See", "watch", "watch_extremes"]

See = Callable[[int, Neurons], None]
"""Called with the number of a population and its neurons after every step."""

Extremes = dict[str, tuple[npt.NDArray[Any], npt.NDArray[Any]]]
"""Lowest and highest value of every neuron, ``(size,)``, by name of the population; 0 counts as one."""


class _WatchedInteger(IntegerModel):
    see: See

    def _after_step(self, index: int, neurons: Neurons) -> None:
        self.see(index, neurons)


class _WatchedReal(RealModel):
    see: See

    def _after_step(self, index: int, neurons: Neurons) -> None:
        self.see(index, neurons)


def watch(network: IntegerNetwork | RealNetwork, feed: Feed, see: See, *, whole: bool = False) -> Trace:
    """Run a network and show every population's neurons after every step; ``whole``: all samples at once."""
    memory_bytes = 1 << (62 if whole else 28)
    model: _WatchedInteger | _WatchedReal
    if isinstance(network, IntegerNetwork):
        model = _WatchedInteger(network, memory_bytes=memory_bytes)
    else:
        model = _WatchedReal(network, memory_bytes=memory_bytes)
    model.see = see
    return model.run(feed)


def watch_extremes(network: RealNetwork, feed: Feed) -> tuple[Trace, Extremes, Extremes]:
    """Run a network; the trace, and how far the potentials and the currents of every neuron went."""
    names = [population.name for population in network.populations]
    with_current = {p.name for p in network.populations if p.current is not None}
    potentials: dict[str, torch.Tensor] = {}
    currents: dict[str, torch.Tensor] = {}

    def keep(kept: dict[str, torch.Tensor], name: str, values: torch.Tensor) -> None:
        low, high = torch.aminmax(values, dim=0)
        ends = torch.stack([low.clamp(max=0), high.clamp(min=0)])
        if name in kept:
            ends = torch.stack([torch.minimum(ends[0], kept[name][0]), torch.maximum(ends[1], kept[name][1])])
        kept[name] = ends

    def see(index: int, neurons: Neurons) -> None:
        name = names[index]
        keep(potentials, name, neurons.integrated)
        if name in with_current:
            keep(currents, name, neurons.current)

    trace = watch(network, feed, see)
    return trace, _arrays(potentials), _arrays(currents)


def _arrays(kept: dict[str, torch.Tensor]) -> Extremes:
    return {name: (np.asarray(ends[0].cpu()), np.asarray(ends[1].cpu())) for name, ends in kept.items()}
