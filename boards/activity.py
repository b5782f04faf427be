"""Activity: how often a chip does what costs energy, counted from the spikes of a run.

Hardware and model fire the same spikes, so the counts follow from the model's; they are those of the
hardware as it is built (rtl/), event by event:

========================  ======================================================================
events                    events taken, of all ports; tokens are not counted
row_words                 compressed: one word of every lane's row memory an event; reads of it
                          while no event waits are not counted
weight_words              dense: ``slots`` words of ``lanes`` weights an event; compressed: one word
                          an entry of the row
additions                 weights added to a stored potential: dense ``slots * lanes`` an event,
                          zeros too; compressed: one an entry
multiply_passes           in a core some of whose events carry values: shift-and-add passes of its
                          weights, as many for each addition as the value has bits, one for a spike
synaptic_operations       events times the non-zero weights of their rows, however they are stored
neuron_updates            ``slots * lanes`` a step, and at the end of every sample
parameter_words           where there is a parameter memory: ``slots`` a step and end of sample
state_reads               one an addition, one an update; two an update with held drive
state_writes              one an addition, one an update; with held drive, one for every place when
                          it is replaced, and at the end of a sample
========================  ======================================================================
"""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from spikewright.config import ChipConfig, CompressedRows, CoreConfig, PortConfig
from spikewright.errors import ConfigError
from spikewright.network import IntegerNetwork

__all__ = ["SIMULATED", "Activity", "CoreActivity", "count_operations", "read_activity", "write_activity"]

SIMULATED = "counted in simulation"
"""How cycles come about, unless it is said otherwise."""

Integers = npt.NDArray[np.int64]
Raster = npt.NDArray[Any]
Events = npt.NDArray[np.bool_]
VERSION = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class CoreActivity:
    """What one core did, summed over all samples; the module's docstring defines the counts.

    Parameters
    ----------
    event_cycles, update_cycles
        Clocks spent on events and on updates, where they are known.
    """

    events: int
    row_words: int
    weight_words: int
    additions: int
    multiply_passes: int
    synaptic_operations: int
    neuron_updates: int
    parameter_words: int
    state_reads: int
    state_writes: int
    spikes: int
    event_cycles: int | None = None
    update_cycles: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Activity:
    """What a chip did in a run.

    Parameters
    ----------
    samples, steps
        Samples, and steps of each.
    cores
        By name.
    cycles
        Clocks, summed over samples; None where they are not known.
    cycles_source
        How ``cycles`` came about.
    """

    samples: int
    steps: int
    cores: Mapping[str, CoreActivity]
    cycles: int | None = None
    cycles_source: str = SIMULATED

    @property
    def synaptic_operations(self) -> int:
        """Of all cores."""
        return sum(core.synaptic_operations for core in self.cores.values())


def count_operations(chip: ChipConfig, network: IntegerNetwork, events: Mapping[str, Raster], *,
                     cycles: int | None = None, cycles_source: str = SIMULATED,
                     event_cycles: Mapping[str, int] | None = None,
                     update_cycles: Mapping[str, int] | None = None) -> Activity:
    """Count what a chip does on a run.

    Parameters
    ----------
    network
        The network that the chip was made for: its weights.
    events
        By name of every input and of every population that fires: spikes or values, ``(samples, steps,
        *shape)``; what is not zero is an event.
    cycles, cycles_source, event_cycles, update_cycles
        Taken over as they are; the latter two by name of the core.

    Raises
    ------
    ConfigError
        If a raster is missing, or its shape does not fit.
    """
    rasters = {port.name: flattened(events, port.name, port.size) for port in chip.inputs}
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
            count_core(core, network, rasters, samples=shape[0], steps=shape[1]),
            event_cycles=on_events.get(core.name), update_cycles=on_updates.get(core.name))
        for core in chip.cores
    }
    return Activity(samples=shape[0], steps=shape[1], cores=cores, cycles=cycles, cycles_source=cycles_source)


def flattened(events: Mapping[str, Raster], name: str, size: int) -> Events:
    """Where there are events: ``(samples, steps, size)``."""
    if name not in events:
        raise ConfigError(f"events of {name!r}: are missing")
    raster = np.asarray(events[name])
    if raster.ndim < 2 or int(np.prod(raster.shape[2:])) != size:
        raise ConfigError(f"events of {name!r}: must have shape (samples, steps, {size}), not {raster.shape}")
    fired: Events = raster.reshape(*raster.shape[:2], size) != 0
    return fired


def count_core(core: CoreConfig, network: IntegerNetwork, rasters: Mapping[str, Events], *, samples: int,
               steps: int) -> CoreActivity:
    """What one core does."""
    compressed = isinstance(core.rows, CompressedRows)
    places = core.slots * core.lanes
    events = synapses = additions = passes = 0
    for port in core.ports:
        fired: Integers = rasters[port.source].sum(axis=(0, 1), dtype=np.int64)
        of_port = int(fired.sum())
        nonzero = int(fired @ np.count_nonzero(weights_of(network, core, port), axis=0))
        added = nonzero if compressed else of_port * places
        events += of_port
        synapses += nonzero
        additions += added
        passes += added * max(1, port.value_bits) if core.value_bits else 0
    sweeps = samples * (steps + 1)
    updates = sweeps * places
    held = (wipes(core, rasters) + samples) * places if core.holds else 0
    return CoreActivity(
        events=events,
        row_words=events * core.lanes if compressed else 0,
        weight_words=additions if compressed else events * core.slots,
        additions=additions,
        multiply_passes=passes,
        synaptic_operations=synapses,
        neuron_updates=updates,
        parameter_words=sweeps * core.slots if core.parameters else 0,
        state_reads=additions + updates * (1 + core.holds),
        state_writes=additions + updates + held,
        spikes=int(rasters[core.name].sum(dtype=np.int64)) if core.neuron.fires else 0,
    )


def weights_of(network: IntegerNetwork, core: CoreConfig, port: PortConfig) -> Integers:
    """Weights behind a port, ``(neurons, addresses of the source)``."""
    for edge in network.edges_to(core.name):
        if edge.source == port.source:
            return edge.weights
    raise ConfigError(f"core {core.name!r}: the network has no edge from {port.source!r}")


def wipes(core: CoreConfig, rasters: Mapping[str, Events]) -> int:
    """How often held drive is replaced: in steps with a held event, but not the first, which finds none."""
    held = [port.source for port in core.ports if port.kind == "hold"]
    arrivals = np.any([rasters[source].any(axis=2) for source in held], axis=0)
    return int(np.maximum(arrivals.sum(axis=1) - 1, 0).sum())


def write_activity(activity: Activity, path: Path) -> None:
    """Write activity as JSON."""
    path.write_text(json.dumps({"version": VERSION, **asdict(activity)}, indent=2) + "\n", encoding="utf-8")


def read_activity(path: Path) -> Activity:
    """Activity that :func:`write_activity` wrote.

    Raises
    ------
    ConfigError
        If there is none, or the file is not such a one.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        if content.pop("version") != VERSION:
            raise ConfigError(f"{path}: version must be {VERSION}; co-simulate again")
        cores = {name: CoreActivity(**counts) for name, counts in content.pop("cores").items()}
        activity = Activity(**content, cores=cores)
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read: {error.strerror}") from error
    except ConfigError:
        raise
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise ConfigError(f"{path}: is no activity of this version; co-simulate again") from error
    for name, core in activity.cores.items():
        for field in fields(core):
            check_count(path, f"cores.{name}.{field.name}", getattr(core, field.name),
                        optional=field.name.endswith("_cycles"))
    check_count(path, "cycles", activity.cycles, optional=True)
    check_count(path, "samples", activity.samples, least=1)
    check_count(path, "steps", activity.steps, least=1)
    return activity


def check_count(path: Path, key: str, value: object, *, least: int = 0, optional: bool = False) -> None:
    """Refuse what is not a whole number."""
    if not ((optional and value is None) or (isinstance(value, int) and value >= least)):
        raise ConfigError(f"{path}: {key} must be a whole number, {least} or more, not {value!r}")
