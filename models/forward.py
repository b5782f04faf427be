"""Runs a network population by population: what the integer and the real model share."""

from abc import abstractmethod
from typing import Protocol

import numpy as np
import torch

from spikewright.errors import ConfigError
from spikewright.ir import RealEdge, RealNetwork, RealPopulation
from spikewright.models.delays import Delay, History, arriving, delay_of
from spikewright.models.inputs import Feed
from spikewright.models.schedule import components
from spikewright.models.synapses import kernel_matrices, product
from spikewright.models.trace import Numbers, Trace
from spikewright.network import Edge, IntegerNetwork, Population

__all__ = ["ForwardModel", "Neurons"]

Sent = dict[str, torch.Tensor]
"""Tensors by name: what inputs and populations send in all steps, ``(samples, steps, size)``; states."""


class Neurons(Protocol):
    """The neurons of a population, of some samples, from rest on."""

    dtype: torch.dtype
    """Of the drive."""
    outputs: torch.Tensor
    """Any tensor of the dtype and the device of what they send."""
    integrated: torch.Tensor
    """Potential ``u`` of the last step, ``(samples, size)``, before a reset that is due in the same step."""
    current: torch.Tensor
    """Synaptic current ``j`` of the last step, where there is one."""

    def step(self, drive: torch.Tensor) -> torch.Tensor:
        """One step with ``i + h``, ``(samples, size)``: their spikes, or potentials if they do not fire."""

    def stored(self) -> dict[str, torch.Tensor]:
        """What is kept from one step to the next, ``(samples, size)``, by name."""

    def states(self) -> dict[str, torch.Tensor]:
        """The same, and what else is worth knowing."""


class ForwardModel(torch.nn.Module):
    """A network, all steps of a population before the next population; populations on a cycle together.

    The drive from outside of a cycle is one matrix product for all steps; only the neurons' own update and
    the edges within a cycle go step by step. Samples are independent and run in chunks that keep within
    ``memory_bytes``.
    """

    _sum_dtypes: dict[str, torch.dtype]
    """In what dtype the drive of each population is summed."""

    def __init__(self, network: IntegerNetwork | RealNetwork, *, memory_bytes: int) -> None:
        super().__init__()
        self._inputs = {port.name: port for port in network.inputs}
        self._populations: list[Population | RealPopulation] = [*network.populations]
        self._edges: list[Edge | RealEdge] = [*network.edges]
        self._memory_bytes = memory_bytes
        names = [population.name for population in self._populations]
        self._components = components(names, [(edge.source, edge.target) for edge in self._edges])
        silent = {population.name for population in self._populations if not self._fires(population)}
        for index, edge in enumerate(self._edges):
            if edge.source in silent:
                raise ConfigError(f"edge {edge.source!r} to {edge.target!r}: the source must fire spikes")
            weights = torch.from_numpy(edge.weights).to(self._sum_dtypes[edge.target])
            matrix = weights.t().contiguous() if edge.convolution is None else (
                kernel_matrices(weights, edge.convolution))  # fmt: skip
            self.register_buffer(f"weights_{index}", matrix, persistent=False)

    def run(self, feed: Feed) -> Trace:
        """Run samples from rest: every spike, read-out and final state; see :class:`Trace`."""
        return self.forward(feed)

    @torch.no_grad()
    def forward(self, feed: Feed) -> Trace:
        """Run samples from rest.

        Parameters
        ----------
        feed
            Array or tensor ``(samples, steps, *shape of the input)``, or a mapping of such by name.

        Raises
        ------
        ConfigError
            If a shape or a value does not fit the inputs; nothing is run then.
        """
        arrays = self._check(feed)
        samples, steps = next(iter(arrays.values())).shape[:2]
        sizes = [p.size for p in (*self._inputs.values(), *self._populations)]
        chunk = max(1, self._memory_bytes // max(1, 16 * steps * sum(sizes)))
        parts = []
        with torch.autocast(self._device().type, enabled=False):
            for start in range(0, samples, chunk):
                parts.append(self._run_chunk({name: a[start : start + chunk] for name, a in arrays.items()}))
        return _join(parts)

    @abstractmethod
    def _check(self, feed: Feed) -> dict[str, torch.Tensor]:
        """Refuse what does not fit; flat arrays by name of the input."""

    @abstractmethod
    def _neurons(self, index: int, samples: int, device: torch.device) -> Neurons:
        """Neurons of population ``index``, at rest."""

    def _after_step(self, index: int, neurons: Neurons) -> None:
        """Called with the neurons of population ``index`` after every step."""

    def _after_held(self, index: int, held: torch.Tensor) -> None:
        """Called with the held drive of population ``index`` in all steps, ``(samples, steps, size)``."""

    @staticmethod
    def _fires(population: Population | RealPopulation) -> bool:
        return population.neuron.fires if isinstance(population, Population) else population.fires

    def _device(self) -> torch.device:
        return next(iter(self.buffers()), torch.empty(0)).device

    def _run_chunk(self, arrays: Sent) -> Trace:
        sent = {name: array.to(self._device()) for name, array in arrays.items()}
        ends: dict[str, Sent] = {}
        for component in self._components:
            self._run_component(component, sent, ends)
        outputs = {population.name: sent[population.name].cpu().numpy() for population in self._populations}
        fires = {population.name: self._fires(population) for population in self._populations}
        return Trace(
            spikes={name: numbers for name, numbers in outputs.items() if fires[name]},
            readouts={name: numbers for name, numbers in outputs.items() if not fires[name]},
            states={name: {key: _state(end) for key, end in ends[name].items()} for name in outputs},
        )

    def _run_component(self, component: list[int], sent: Sent, ends: dict[str, Sent]) -> None:
        """Step populations through all steps, one after the other in every step; adds what they send."""
        names = [self._populations[index].name for index in component]
        within = [edge for edge in self._edges if edge.source in names and edge.target in names]
        early = max((max(edge.delay) for edge in within), default=0)
        samples, steps = next(iter(sent.values())).shape[:2]
        neurons, drives, held, histories = {}, {}, {}, {}
        for index, name in zip(component, names, strict=True):
            neurons[index] = self._neurons(index, samples, self._device())
            drive, held[name] = self._drive(index, sent, within=names)
            drives[index] = drive.to(neurons[index].dtype).unbind(1)
            size = self._populations[index].size
            histories[name] = History(samples, early, steps, size, like=neurons[index].outputs)
        loops = {index: self._loops(index, histories) for index in component}
        for step in range(steps):
            for index, own in neurons.items():
                drive = drives[index][step]
                for number, history, delay in loops[index]:
                    added = self._product(number, history.arriving(step, delay))
                    drive = drive + added.to(own.dtype)
                histories[self._populations[index].name].put(step, own.step(drive))
                self._after_step(index, own)
        for index, name in zip(component, names, strict=True):
            sent[name] = histories[name].sent
            ends[name] = neurons[index].states()
            at_end = held[name]
            if at_end is not None:
                ends[name]["held"] = at_end.to(ends[name]["potential"].dtype)

    def _loops(self, index: int, histories: dict[str, History]) -> list[tuple[int, History, Delay]]:
        """Edges into a population from those that run with it."""
        return [
            (number, histories[edge.source], delay_of(edge.delay, self._device()))
            for number, edge in enumerate(self._edges)
            if edge.target == self._populations[index].name and edge.source in histories
        ]

    def _drive(self, index: int, sent: Sent, within: list[str]) -> tuple[torch.Tensor, torch.Tensor | None]:
        """Drive and held drive of all steps, summed, but from ``within``, and the held drive at the end."""
        population = self._populations[index]
        drive = held = None
        hold_edges = []
        for number, edge in enumerate(self._edges):
            if edge.target != population.name or edge.source in within:
                continue
            late = arriving(sent[edge.source], delay_of(edge.delay, self._device()))
            port = self._inputs.get(edge.source)
            if port is not None and port.kind == "hold":
                hold_edges.append((number, late))
                continue
            drive = self._busy_product(number, late, drive)
        if hold_edges:
            held = self._held(hold_edges)
            self._after_held(index, held)
            drive = held if drive is None else drive.add_(held)
        if drive is None:
            samples, steps = next(iter(sent.values())).shape[:2]
            nothing = torch.zeros(1, dtype=self._sum_dtypes[population.name], device=self._device())
            drive = nothing.expand(samples, steps, population.size)
        return drive, None if held is None else held[:, -1]

    def _product(self, number: int, late: torch.Tensor) -> torch.Tensor:
        """What edge ``number`` adds for what arrives, ``(..., sources)``."""
        return product(late, self._matrix(number), self._edges[number].convolution)

    def _busy_product(self, number: int, late: torch.Tensor, drive: torch.Tensor | None) -> torch.Tensor:
        """The same of all steps, added to the drive so far; steps in which nothing arrives cost nothing."""
        busy = (late != 0).any(dim=2)
        if bool(busy.all()):
            added = self._product(number, late)
            return added if drive is None else drive.add_(added)
        added = self._product(number, late[busy])
        if drive is None:
            drive = added.new_zeros(*busy.shape, added.shape[1])
        drive[busy] += added
        return drive

    def _matrix(self, number: int) -> torch.Tensor:
        """Weights of edge ``number`` as :func:`product` takes them."""
        matrix: torch.Tensor = getattr(self, f"weights_{number}")
        return matrix

    def _held(self, hold_edges: list[tuple[int, torch.Tensor]]) -> torch.Tensor:
        """Held drive of every step: what the last step with an event on any of the hold ports brought."""
        arrives = torch.stack([(late != 0).any(dim=2) for _, late in hold_edges]).any(dim=0)
        table: torch.Tensor = sum(  # type: ignore[assignment]  # a row for every step that brings events
            self._product(number, late[arrives]) for number, late in hold_edges
        )
        table = torch.cat([table.new_zeros(1, table.shape[1]), table])  # row 0: nothing has come yet
        row = arrives.flatten().cumsum(0).reshape(arrives.shape) * arrives
        return table[row.cummax(dim=1).values]


def _state(end: torch.Tensor) -> Numbers:
    return (end if end.is_floating_point() else end.to(torch.int64)).cpu().numpy()


def _join(parts: list[Trace]) -> Trace:
    if len(parts) == 1:
        return parts[0]
    first = parts[0]
    return Trace(
        spikes={name: np.concatenate([part.spikes[name] for part in parts]) for name in first.spikes},
        readouts={name: np.concatenate([part.readouts[name] for part in parts]) for name in first.readouts},
        states={
            name: {key: np.concatenate([part.states[name][key] for part in parts]) for key in kept}
            for name, kept in first.states.items()
        },
    )
