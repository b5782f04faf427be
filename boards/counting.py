"""Counts activity from the spikes of a run, event by event: :mod:`spikewright.boards.activity` says what."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt

from spikewright.boards.activity import SIMULATED, Activity, CoreActivity
from spikewright.boards.encoder_counting import count_encoder
from spikewright.config import ChipConfig, CompressedRows, CoreConfig, KernelRows, PortConfig
from spikewright.errors import ConfigError
from spikewright.models.encoders import Sound
from spikewright.network import Edge, IntegerNetwork
from spikewright.neuron import Levels
from spikewright.rings import port_ring

__all__ = ["count_operations"]

Integers = npt.NDArray[np.int64]
Raster = npt.NDArray[Any]
Events = npt.NDArray[np.uint8]
"""How many events every address brings, ``(samples, steps, addresses)``."""


def count_operations(chip: ChipConfig, network: IntegerNetwork, events: Mapping[str, Raster], *,
                     cycles: int | None = None, cycles_source: str = SIMULATED,
                     event_cycles: Mapping[str, int] | None = None,
                     update_cycles: Mapping[str, int] | None = None,
                     sound: Mapping[str, Sound] | None = None) -> Activity:
    """Count what a chip does on a run.

    Parameters
    ----------
    network
        The network that the chip was made for: its weights.
    events
        By name of every input and of every population that fires: spikes, how many of them, or values,
        ``(samples, steps, *shape)``; a value that is not zero is an event.
    cycles, cycles_source, event_cycles, update_cycles
        Taken over as they are; the latter two by name of the core.
    sound
        What was fed to the inputs that an encoder stands behind.

    Raises
    ------
    ConfigError
        If a raster is missing, or its shape does not fit.
    """
    encoders = {port.name: count_encoder(port, given_sound(sound, port.name))
                for port in chip.inputs if port.encoder is not None}
    rasters = {port.name: flattened(events, port.name, port.size, valued=port.value_bits > 0)
               for port in chip.inputs}
    firing = [core for core in chip.cores if core.neuron.fires]
    rasters |= {core.name: flattened(events, core.name, core.neurons) for core in firing}
    shapes = {name: raster.shape[:2] for name, raster in rasters.items()}
    (first, shape), *rest = shapes.items()
    for name, other in rest:
        if other != shape:
            raise ConfigError(f"events of {name!r}: must be of {shape[0]} samples and {shape[1]} steps like"
                              f" those of {first!r}, not {other[0]} and {other[1]}")
    on_events, on_updates = event_cycles or {}, update_cycles or {}
    cores = {
        core.name: replace(
            count_core(chip, core, network, rasters, samples=shape[0], steps=shape[1]),
            event_cycles=on_events.get(core.name), update_cycles=on_updates.get(core.name))
        for core in chip.cores
    }
    return Activity(samples=shape[0], steps=shape[1], cores=cores, cycles=cycles, cycles_source=cycles_source,
                    encoders=encoders)


def given_sound(sound: Mapping[str, Sound] | None, name: str) -> Sound:
    """The sound of an input."""
    if not sound or name not in sound:
        raise ConfigError(f"sound of {name!r}: is missing")
    return sound[name]


def flattened(events: Mapping[str, Raster], name: str, size: int, *, valued: bool = False) -> Events:
    """Number of events: ``(samples, steps, size)``."""
    if name not in events:
        raise ConfigError(f"events of {name!r}: are missing")
    raster = np.asarray(events[name])
    if raster.ndim < 2 or int(np.prod(raster.shape[2:])) != size:
        raise ConfigError(f"events of {name!r}: must have shape (samples, steps, {size}), not {raster.shape}")
    fired = raster.reshape(*raster.shape[:2], size)
    return (fired != 0 if valued else fired).astype(np.uint8)


def count_core(chip: ChipConfig, core: CoreConfig, network: IntegerNetwork, rasters: Mapping[str, Events], *,
               samples: int, steps: int) -> CoreActivity:
    """What one core does."""
    compressed = isinstance(core.rows, CompressedRows)
    places = core.slots * core.lanes
    events = with_row = synapses = words = passes = 0
    for port in core.ports:
        if port.kind == "pace":
            continue
        fired: Integers = arriving(rasters[port.source], port.delay).sum(axis=(0, 1), dtype=np.int64)
        nonzero = int(fired @ edge_of(network, core, port).fan_out)
        walked = nonzero if compressed else int(fired @ row_words(core, port))
        events += int(fired.sum())
        with_row += int(fired @ has_row(port))
        synapses += nonzero
        words += walked
        passes += walked * max(1, port.value_bits) if core.value_bits else 0
    sweeps = samples * (steps + 1)
    updates = sweeps * places
    lanes = 1 if compressed else core.lanes  # that a word of weights is for
    held = (wipes(core, rasters) + samples) * places if core.holds else 0
    rings = ring_accesses(chip, core, rasters)
    return CoreActivity(
        events=events,
        row_words=with_row * core.lanes if compressed else 0,
        weight_words=words,
        additions=words * lanes,
        multiply_passes=passes * lanes,
        synaptic_operations=synapses,
        neuron_updates=updates,
        parameter_words=sweeps * core.slots if core.parameters else 0,
        state_reads=words * lanes + updates * (1 + core.holds),
        state_writes=words * lanes + updates + held,
        spikes=int(rasters[core.name].sum(dtype=np.int64)) if core.neuron.fires else 0,
        ring_reads=tuple(reads for reads, _ in rings),
        ring_writes=tuple(writes for _, writes in rings),
    )


def arriving(raster: Events, delay: Levels) -> Events:
    """What comes out of a port with a delay; what would come after the last step never does."""
    if not any(delay):
        return raster
    late, steps = np.zeros_like(raster), raster.shape[1]
    delays = np.broadcast_to(delay, raster.shape[2])
    for steps_late in set(delay):
        sources = np.flatnonzero(delays == steps_late)
        late[:, steps_late:, sources] = raster[:, : max(0, steps - steps_late), sources]
    return late


def has_row(port: PortConfig) -> npt.NDArray[np.int64]:
    """1 for every source that has a row; the rests of pooled planes have none, ``(sources,)``."""
    if port.plane is None or port.convolution is not None:
        return np.ones(port.addresses, np.int64)
    _, height, width = shape = port.plane.shape
    _, y, x = np.indices(shape)
    down, across = port.pool
    within = (y < height // down * down) & (x < width // across * across)
    return np.asarray(within.ravel(), np.int64)


def row_words(core: CoreConfig, port: PortConfig) -> npt.NDArray[np.int64]:
    """Words of weights that an event of each source takes, of dense rows and of kernels, ``(sources,)``."""
    if not isinstance(core.rows, KernelRows):
        return has_row(port) * core.slots
    assert port.convolution is not None
    channels, height, width = port.convolution.source
    words = [len(port.convolution.words(channel, core.lanes)) for channel in range(channels)]
    return np.asarray(port.convolution.passes() * np.repeat(words, height * width))


def edge_of(network: IntegerNetwork, core: CoreConfig, port: PortConfig) -> Edge:
    """The edge behind a port."""
    for edge in network.edges_to(core.name):
        if (edge.source, edge.delay) == (port.source, port.delay):
            return edge
    raise ConfigError(f"core {core.name!r}: the network has no edge from {port.source!r}")


def wipes(core: CoreConfig, rasters: Mapping[str, Events]) -> int:
    """How often held drive is replaced: in steps with a held event, but not the first, which finds none."""
    held = [arriving(rasters[port.source], port.delay) for port in core.ports if port.kind == "hold"]
    arrivals = np.any([late.any(axis=2) for late in held], axis=0)
    return int(np.maximum(arrivals.sum(axis=1) - 1, 0).sum())


def ring_accesses(chip: ChipConfig, core: CoreConfig, rasters: Mapping[str, Events]
                  ) -> list[tuple[int, int]]:
    """Reads and writes of the rings of a core's delayed ports, in their order."""
    accesses = []
    for index, port in enumerate(core.ports):
        ring = port_ring(chip, core, index)
        if ring is None:
            continue
        samples, steps, _ = rasters[port.source].shape
        reads = int(rasters[port.source].sum(dtype=np.int64)) + samples * steps * ring.words
        accesses.append((reads, reads + samples * ring.memory.depth))
    return accesses
