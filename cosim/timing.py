"""The event-level timing model: clocks of a chip from its configuration and spikes, without any RTL.

Busy cycles are closed formulas. Latency follows step by step from when each core may take its tokens:
when its sources have swept, its own rows are walked, and its own last token is gone.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from spikewright.config import ChipConfig, CompressedRows, CoreConfig, PortConfig
from spikewright.network import IntegerNetwork
from spikewright.rtl.latency import CoreLatency

__all__ = ["Timing", "predict_cycles"]

Cycles = npt.NDArray[np.int64]

EMIT = 3
"""Cycles from a spike, or a token, in the lanes' output registers to its word on the stream."""
LOOK_UP = 4
"""Cycles that the first event of a step spends in the queue and row memory of a compressed core."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Timing:
    """What the model predicts.

    Parameters
    ----------
    cycles
        Clocks of each sample, first word in to last token out, ``(samples,)``.
    step_cycles
        Mean clocks between step tokens of the first output.
    work
        Clocks that each core needs for the events of each step, ``(samples, steps)``.
    """

    cycles: Cycles
    step_cycles: float
    work: dict[str, Cycles]


def predict_cycles(
    chip: ChipConfig, network: IntegerNetwork, events: Mapping[str, npt.NDArray[Any]]
) -> Timing:
    """Predict the clocks of a run.

    Parameters
    ----------
    events
        Events of every input and spikes of every firing population, ``(samples, steps, ...)``.
    """
    flat = {name: array.reshape(*array.shape[:2], -1) for name, array in events.items()}
    samples, steps = flat[chip.inputs[0].name].shape[:2]
    work = {core.name: _work(core, network, flat, samples, steps) for core in chip.cores}
    takers = {
        name: [core.name for core in chip.cores if any(port.source == name for port in core.ports)]
        for name in flat
    }
    offered = {port.name: np.zeros(samples, dtype=np.int64) for port in chip.inputs}
    free = {core.name: np.zeros(samples, dtype=np.int64) for core in chip.cores}  # next word may be taken
    sent = {core.name: np.zeros(samples, dtype=np.int64) for core in chip.cores}  # last token is gone
    out = np.zeros((samples, steps), dtype=np.int64)
    for step in range(steps):
        first = dict(offered)  # of each stream: when its first word of this step may be taken
        token = {
            port.name: offered[port.name] + np.count_nonzero(flat[port.name][:, step], axis=1)
            for port in chip.inputs
        }
        taken: dict[str, Cycles] = {}
        for core in chip.cores:
            done = _walked(
                core,
                free[core.name],
                [first[port.source] for port in core.ports],
                [lanes[:, step] for lanes in work[core.name]],
            )
            take = np.maximum(done, np.max([token[port.source] for port in core.ports], axis=0))
            take = np.maximum(take, sent[core.name])
            taken[core.name] = take
            fired = np.count_nonzero(flat[core.name][:, step], axis=1) if core.neuron.fires else 0
            swept, gone = _sweep(core, take, fired)
            free[core.name] = swept
            first[core.name], token[core.name] = _first_word(core, take), gone
        for core in chip.cores:
            heads = [taken[name] for name in takers.get(core.name, [])]
            sent[core.name] = np.max([token[core.name], *heads], axis=0) + 1
        for port in chip.inputs:
            heads = [taken[name] for name in takers[port.name]]
            offered[port.name] = np.max([token[port.name], *heads], axis=0) + 1
        out[:, step] = np.max([sent[name] - 1 for name in chip.outputs], axis=0)
    # The sample's end runs through core by core.
    depth: dict[str, int] = {port.name: 0 for port in chip.inputs}
    for core in chip.cores:
        depth[core.name] = max(depth[port.source] for port in core.ports) + EMIT
    end = max(depth[name] for name in chip.outputs)
    per_step = float(np.diff(out, axis=1).mean()) if steps > 1 else float(out.mean())
    busy = {name: np.sum(ports, axis=0).max(axis=2) for name, ports in work.items()}
    return Timing(cycles=out[:, -1] + 1 + end, step_cycles=per_step, work=busy)


def _walked(core: CoreConfig, free: Cycles, firsts: list[Cycles], lanes: list[Cycles]) -> Cycles:
    """When the rows of a step are walked: ports are served as they come, each lane at its own pace.

    ``firsts`` are ``(samples,)``, ``lanes`` ``(samples, lanes)``, one of each a port.
    """
    comes, needs = np.maximum(np.stack(firsts), free), np.stack(lanes)
    has_work = needs.any(axis=2)
    comes = np.where(has_work, comes, 0)
    order = np.argsort(comes, axis=0)
    comes = np.take_along_axis(comes, order, axis=0)
    needs = np.take_along_axis(needs, order[:, :, None], axis=0)
    rest = np.cumsum(needs[::-1], axis=0)[::-1]  # of this port and all that come later
    ends = (comes[:, :, None] + rest).max(axis=(0, 2))
    look_up = LOOK_UP if isinstance(core.rows, CompressedRows) else 0
    return np.where(has_work.any(axis=0), ends + look_up + 1, free)


def _work(
    core: CoreConfig, network: IntegerNetwork, flat: Mapping[str, npt.NDArray[Any]], samples: int, steps: int
) -> list[Cycles]:
    """Clocks of each step's events in each lane, ``(samples, steps, lanes)``, one of them a port."""
    work, held = [], np.zeros(samples, dtype=bool)
    for port in core.ports:
        active = (flat[port.source] != 0).astype(np.float32)
        lanes = (active @ _row_cycles(core, network, port)).astype(np.int64)
        if port.kind == "hold":
            arrives = active.any(axis=2)
            for step in range(steps):  # what is held already is emptied first
                lanes[:, step] += np.where(arrives[:, step] & held, core.slots + 2, 0)[:, None]
                held |= arrives[:, step]
        work.append(lanes)
    return work


def _row_cycles(core: CoreConfig, network: IntegerNetwork, port: PortConfig) -> npt.NDArray[np.float32]:
    """Clocks that an event of each source takes in each lane, ``(sources, lanes)``."""
    passes = max(1, port.value_bits)
    weights = next(
        edge.weights for edge in network.edges if (edge.source, edge.target) == (port.source, core.name)
    )
    if not isinstance(core.rows, CompressedRows):
        return np.full((weights.shape[1], core.lanes), core.slots * passes, dtype=np.float32)
    placement = np.array(core.placement).reshape(core.slots, core.lanes)
    entries = [
        np.count_nonzero(weights[placement[:, lane][placement[:, lane] >= 0]], axis=0)
        for lane in range(core.lanes)
    ]
    cycles: npt.NDArray[np.float32] = np.maximum(1, np.stack(entries, axis=1) * passes).astype(np.float32)
    return cycles


def _first_word(core: CoreConfig, take: Cycles) -> Cycles:
    """When the first word of a step can be seen on a core's stream, whose sweep begins after ``take``."""
    latency = CoreLatency(core)
    return take + latency.phases + latency.shown + (EMIT if core.neuron.fires else 1)


def _sweep(core: CoreConfig, take: Cycles, fired: Cycles | int) -> tuple[Cycles, Cycles]:
    """When a core may take words again, and when its token shows, with nothing in the stream's way."""
    latency = CoreLatency(core)
    if core.neuron.fires:
        last_read = take + core.slots * latency.phases
        token = np.maximum(last_read + latency.shown + 1 + EMIT, _first_word(core, take) + fired)
        return last_read + latency.drain + 1, token
    # A slot waits until the potentials of the one before are out.
    pace = latency.phases + latency.shown + core.lanes
    rest = (core.neurons - 1) % core.lanes + 1
    last_read = take + (core.slots - 1) * pace + latency.phases
    return last_read + latency.drain + 1, last_read + latency.shown + 1 + rest
