"""An integer network to train: integers carried in floats forward, surrogate gradients backward."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch.nn.functional import conv2d, pad

from spikewright.convolution import Convolution
from spikewright.fixed import signed_range
from spikewright.models.delays import arriving, delay_of
from spikewright.models.quantize import decay_codes, round_through
from spikewright.models.schedule import components
from spikewright.models.surrogate import Surrogate, spike
from spikewright.models.synapses import sum_pool
from spikewright.network import Edge, IntegerNetwork, Population
from spikewright.neuron import Levels

__all__ = ["GridNetwork"]

Sent = dict[str, torch.Tensor]
"""What inputs and populations send in all steps, ``(samples, steps, size)``."""


class GridNetwork(torch.nn.Module):
    """Any integer network, with weights to train.

    Forward it computes what :class:`~spikewright.models.integer.IntegerModel` does, as long as float32
    carries the sums; backward, rounded weights pass gradients through, spikes have the surrogate's slope,
    and resets none.

    Parameters
    ----------
    network
        What to train.
    unrounded
        Of every edge the weights in codes before rounding, ``edge.weights`` in shape. Where one is 0 there is
        no synapse, and none will be.
    """

    def __init__(
        self,
        network: IntegerNetwork,
        unrounded: Sequence[npt.NDArray[Any]],
        surrogate: Surrogate | None = None,
    ) -> None:
        super().__init__()
        self.network = network
        self.surrogate = surrogate or Surrogate()
        self.tops = [signed_range(network.weight_bits_into(edge.target))[1] for edge in network.edges]
        shares = [
            torch.from_numpy(np.asarray(codes / top, np.float32))
            for codes, top in zip(unrounded, self.tops, strict=True)
        ]
        self.exists = [share != 0 for share in shares]
        self.weights = torch.nn.ParameterList(shares)
        names = [population.name for population in network.populations]
        self._components = components(names, [(edge.source, edge.target) for edge in network.edges])

    def codes(self, number: int) -> torch.Tensor:
        """Integer weights of an edge; those that are clipped get no gradient."""
        top = self.tops[number]
        return round_through(self.weights[number] * self.exists[number] * top).clamp(-top - 1, top)

    def forward(self, events: Mapping[str, torch.Tensor]) -> Sent:
        """What every population sends, spikes or potentials, for events ``(samples, steps, *shape)``."""
        sent = {name: array.flatten(2).float() for name, array in events.items()}
        codes = [self.codes(number) for number in range(len(self.tops))]
        for component in self._components:
            self._run([self.network.populations[index] for index in component], sent, codes)
        return sent

    def _run(self, populations: list[Population], sent: Sent, codes: list[torch.Tensor]) -> None:
        """Step populations that lie on a cycle, or a single one; adds what they send."""
        names = {population.name for population in populations}
        outside = {p.name: self._outside(p, names, sent, codes) for p in populations}
        samples, steps = next(iter(sent.values())).shape[:2]
        cells = {p.name: _Cells(p, samples, self.surrogate) for p in populations}
        loops = [
            (number, edge)
            for number, edge in enumerate(self.network.edges)
            if edge.source in names and edge.target in names
        ]
        fired: dict[str, list[torch.Tensor]] = {name: [] for name in names}
        for step in range(steps):
            for name, own in cells.items():
                outer = outside[name]
                drive = torch.zeros(samples, own.size) if outer is None else outer[:, step]
                for number, edge in loops:
                    if edge.target == name:
                        drive = drive + looped(edge, codes[number], fired[edge.source], step)
                fired[name].append(own.step(drive))
        sent.update({name: torch.stack(outputs, dim=1) for name, outputs in fired.items()})

    def _outside(
        self, population: Population, within: set[str], sent: Sent, codes: list[torch.Tensor]
    ) -> torch.Tensor | None:
        """Drive and held drive of all steps from elsewhere; None without any."""
        total: torch.Tensor | None = None
        held: torch.Tensor | None = None
        arrives: torch.Tensor | None = None
        for number, edge in enumerate(self.network.edges):
            if edge.target != population.name or edge.source in within:
                continue
            late = arriving(sent[edge.source], delay_of(edge.delay, sent[edge.source].device))
            added = times(late, codes[number], edge.convolution)
            port = self.network.input(edge.source)
            if port is not None and port.kind == "hold":
                events = (late != 0).any(dim=2)
                held = added if held is None else held + added
                arrives = events if arrives is None else arrives | events
            else:
                total = added if total is None else total + added
        if held is not None and arrives is not None:
            stays = hold(held, arrives)
            total = stays if total is None else total + stays
        return total


class _Cells:
    """Neurons of a population, stepped: the table of docs/numerics.md, with gradients."""

    def __init__(self, population: Population, samples: int, surrogate: Surrogate) -> None:
        self.size, self.neuron, self.surrogate = population.size, population.neuron, surrogate
        neuron, current = population.neuron, population.neuron.current
        self.compare, self.amount = level(neuron.compare), level(neuron.reset_amount)
        self.value, self.bias = level(neuron.reset_value), level(neuron.bias)
        self.current_bias = level(current.bias) if current is not None else torch.zeros(1)
        self.unit = self.compare.abs().clamp(min=1)
        self.potential = self.current = self.fired = torch.zeros(samples, population.size)

    def step(self, drive: torch.Tensor) -> torch.Tensor:
        """Spikes of a step, or potentials."""
        neuron, feeding = self.neuron, drive
        if neuron.current is not None:
            before = self.current
            self.current = decay_codes(before, neuron.current.decay) + drive + self.current_bias
            self.current = self.current.clamp(*signed_range(neuron.current.bits))
            feeding = self.current if neuron.current.feeds == "new" else before
        integrated = decay_codes(self.potential, neuron.decay) + feeding + self.bias
        waits = neuron.fires and neuron.reset_when == "next"
        if waits and neuron.reset == "subtract":
            integrated = integrated - self.fired * self.amount
        integrated = integrated.clamp(*neuron.potential_range)
        if waits and neuron.reset == "set":
            integrated = torch.where(self.fired > 0, self.value, integrated)
        self.potential = integrated
        return self._fire(integrated) if neuron.fires else integrated

    def _fire(self, integrated: torch.Tensor) -> torch.Tensor:
        neuron = self.neuron
        if neuron.max_spikes == 1:
            spikes = spike((integrated - self.compare) / self.unit, self.surrogate)
        else:  # as many as r goes into what is above c, rising evenly from one reset below it
            often = (integrated - self.compare) / self.amount.clamp(min=1) + 1
            soft = often.clamp(0, neuron.max_spikes)
            spikes = soft + (often.floor().clamp(0, neuron.max_spikes) - soft).detach()
        self.fired = spikes.detach()
        if neuron.reset_when == "now" and neuron.reset == "subtract":
            self.potential = integrated - self.fired * self.amount
        elif neuron.reset_when == "now":
            self.potential = torch.where(self.fired > 0, self.value, integrated)
        return spikes


def level(levels: Levels) -> torch.Tensor:
    """Levels as a tensor."""
    return torch.tensor(levels, dtype=torch.float32)


def hold(drive: torch.Tensor, arrives: torch.Tensor) -> torch.Tensor:
    """Held drive of every step: that of the last step in which anything arrived."""
    held, steps = torch.zeros_like(drive[:, 0]), []
    for step in range(drive.shape[1]):
        held = torch.where(arrives[:, step, None], drive[:, step], held)
        steps.append(held)
    return torch.stack(steps, dim=1)


def looped(edge: Edge, codes: torch.Tensor, sent: list[torch.Tensor], step: int) -> torch.Tensor:
    """What an edge within a cycle brings in a step, from what its source sent in the steps so far."""
    total = torch.zeros(1)
    for delay in sorted(set(edge.delay)):
        if step < delay:
            continue
        late = sent[step - delay]
        if len(edge.delay) > 1:
            late = late * (torch.tensor(edge.delay) == delay)
        total = total + times(late, codes, edge.convolution)
    return total


def times(sent: torch.Tensor, codes: torch.Tensor, convolution: Convolution | None) -> torch.Tensor:
    """Weights times what sources send, ``(..., sources)`` to ``(..., targets)``."""
    if convolution is None:
        return sent @ codes.t()
    planes = sent.reshape(-1, *convolution.source)
    if convolution.pool != (1, 1):
        planes = sum_pool(planes, *convolution.pool)
    margins = []
    for axis in (1, 0):  # the last axis first; what the target does not reach is cut off
        before, reached = (
            convolution.padding[axis],
            (convolution.target[axis + 1] - 1) * convolution.stride[axis],
        )
        reached += (convolution.size[axis] - 1) * convolution.dilation[axis] + 1
        margins += [before, reached - before - planes.shape[axis + 2]]
    result = conv2d(
        pad(planes, margins),
        codes,
        stride=convolution.stride,
        dilation=convolution.dilation,
        groups=convolution.groups,
    )
    return result.reshape(*sent.shape[:-1], -1)
