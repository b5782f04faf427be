"""Runs a feed-forward network population by population: what the integer and the real model share."""

from abc import abstractmethod
from collections.abc import Iterable

import numpy as np
import torch

from spikewright.errors import ConfigError
from spikewright.ir import RealEdge, RealNetwork, RealPopulation
from spikewright.models.inputs import Feed
from spikewright.models.trace import Numbers, Trace
from spikewright.network import Edge, InputPort, IntegerNetwork, Population

__all__ = ["Advanced", "ForwardModel"]

Advanced = tuple[torch.Tensor, dict[str, torch.Tensor]]
"""Outputs of a population in all steps, ``(samples, steps, size)``, and its states, ``(samples, size)``."""


class ForwardModel(torch.nn.Module):
    """A feed-forward network, all steps of a population before the next population.

    In a feed-forward network the drive of all steps is one matrix product; only the neurons' own update
    goes step by step. Samples are independent and run in chunks that keep within ``memory_bytes``.
    """

    _no_drive = torch.float32  # dtype of the drive of a population into which nothing leads

    def __init__(self, network: IntegerNetwork | RealNetwork, *, memory_bytes: int) -> None:
        super().__init__()
        self._inputs = network.inputs
        self._populations: list[Population | RealPopulation] = [*network.populations]
        self._edges: list[Edge | RealEdge] = [*network.edges]
        self._memory_bytes = memory_bytes
        silent = {population.name for population in self._populations if not self._fires(population)}
        for index, edge in enumerate(self._edges):
            if edge.source in silent:
                raise ConfigError(f"edge {edge.source!r} to {edge.target!r}: the source must fire spikes")
            self.register_buffer(f"weights_{index}", self._weights(edge).t().contiguous(), persistent=False)

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
        per_sample = 16 * steps * sum([p.size for p in self._inputs] + [p.size for p in self._populations])
        chunk = max(1, self._memory_bytes // max(1, per_sample))
        parts = []
        with torch.autocast(next(iter(self.buffers()), torch.empty(0)).device.type, enabled=False):
            for start in range(0, samples, chunk):
                parts.append(self._run_chunk({name: a[start : start + chunk] for name, a in arrays.items()}))
        return _join(parts)

    @abstractmethod
    def _check(self, feed: Feed) -> dict[str, torch.Tensor]:
        """Refuse what does not fit; flat arrays by name of the input."""

    @abstractmethod
    def _weights(self, edge: Edge | RealEdge) -> torch.Tensor:
        """Weights of an edge, ``(size of target, size of source)``, in the dtype of the sum."""

    @abstractmethod
    def _advance(self, index: int, drive: torch.Tensor) -> Advanced:
        """Step population ``index`` through all steps; ``drive``: ``i + h``, ``(samples, steps, size)``."""

    @staticmethod
    def _fires(population: Population | RealPopulation) -> bool:
        return population.neuron.fires if isinstance(population, Population) else population.fires

    def _run_chunk(self, arrays: dict[str, torch.Tensor]) -> Trace:
        spikes: dict[str, Numbers] = {}
        readouts: dict[str, Numbers] = {}
        states: dict[str, dict[str, Numbers]] = {}
        device = next(iter(self.buffers()), torch.empty(0)).device
        sources = {name: array.to(device) for name, array in arrays.items()}
        for index, population in enumerate(self._populations):
            drive, held = self._drive(population, sources)
            outputs, ends = self._advance(index, drive)
            if held is not None:
                ends["held"] = held.to(ends["potential"].dtype)
            kept = spikes if self._fires(population) else readouts
            kept[population.name] = outputs.cpu().numpy()
            states[population.name] = {name: _state(end) for name, end in ends.items()}
            sources[population.name] = outputs
        return Trace(spikes=spikes, readouts=readouts, states=states)

    def _drive(
        self, population: Population | RealPopulation, sources: dict[str, torch.Tensor]
    ) -> tuple[torch.Tensor, torch.Tensor | None]:
        """Drive and held drive of all steps, summed, and the held drive at the end, if it has one."""
        drive = held = None
        hold_edges = []
        for index, edge in enumerate(self._edges):
            if edge.target != population.name:
                continue
            port = next((port for port in self._inputs if port.name == edge.source), None)
            weights = self._matrix(index)
            if port is not None and port.kind == "hold":
                hold_edges.append((port, weights))
                continue
            product = sources[edge.source].to(weights.dtype) @ weights
            drive = product if drive is None else drive.add_(product)
        if hold_edges:
            held = self._held(hold_edges, sources)
            drive = held if drive is None else drive.add_(held)
        if drive is None:
            samples, steps = next(iter(sources.values())).shape[:2]
            drive = torch.zeros(samples, steps, population.size, dtype=self._no_drive)
        return drive, None if held is None else held[:, -1]

    def _matrix(self, index: int) -> torch.Tensor:
        """Weights of edge ``index``, ``(size of source, size of target)``."""
        matrix: torch.Tensor = getattr(self, f"weights_{index}")
        return matrix

    @staticmethod
    def _held(
        hold_edges: Iterable[tuple[InputPort, torch.Tensor]], sources: dict[str, torch.Tensor]
    ) -> torch.Tensor:
        """Held drive of every step: what the last step with an event on any of the hold ports brought."""
        hold_edges = list(hold_edges)
        arrives = torch.stack([(sources[port.name] != 0).any(dim=2) for port, _ in hold_edges]).any(dim=0)
        table: torch.Tensor = sum(  # type: ignore[assignment]  # a row for every step that brings events
            sources[port.name][arrives].to(weights.dtype) @ weights for port, weights in hold_edges
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
