"""The methods ``conv``, ``recurrent`` and ``sound``: data in time, surrogate gradients, then integers."""

import time
from dataclasses import asdict
from pathlib import Path
from typing import Any

from spikewright.errors import ConfigError
from spikewright.models.coding import CodingName
from spikewright.models.export import to_nir
from spikewright.models.spiking_course import train_network
from spikewright.models.spiking_options import SpikingOptions
from spikewright.models.train import (
    Progress,
    Results,
    integer_accuracy,
    load_parts,
    one_thread,
    real_accuracy,
)

__all__ = ["SpikingOptions", "train_spiking"]


@one_thread()
def train_spiking(
    options: SpikingOptions, data: str, output: Path | None, progress: Progress | None = None
) -> Results:
    """Train on ``DATA:train``, measure on ``DATA:test``, write network, checkpoint and metrics.

    Parameters
    ----------
    options
        What to train, and how. The same options and data give the same network.
    data
        Specification of data in time, without a part (:mod:`spikewright.models.data`).
    output
        Folder for ``network.nir``, ``checkpoint.pt`` and ``metrics.json``; None writes nothing.
    progress
        Called after every epoch.

    Raises
    ------
    ConfigError
        If options or data are wrong; nothing is written then.
    """
    if output is not None and output.exists() and not output.is_dir():
        raise ConfigError(f"output {str(output)!r}: must be a folder, not a file")
    started = time.perf_counter()
    trained, held_out = load_parts(data, options.binning)
    network, loss = train_network(options, trained, progress)
    encoder = options.encoder
    dt = 1e-3 if options.bin_ms is None else options.bin_ms / 1000
    if encoder is not None:
        dt = encoder.step / encoder.sample_rate_hz
    integer, real = network.integer_network(options.method), network.real_network(options.method, dt=dt)
    coding: CodingName = "events"
    fed: dict[str, Any] = {"steps": trained.x.shape[1], "seed": options.seed}
    most = network.port.max_events
    held_out.x.clip(0, most, out=held_out.x)  # of data in steps the test part may have higher counts
    synapses = sum(edge.weights.size for edge in integer.edges)
    nonzero = sum(int((edge.weights != 0).sum()) for edge in integer.edges)
    metrics: dict[str, Any] = {
        "accuracy": real_accuracy(real, held_out, coding=coding, **fed),
        "accuracy_integer": integer_accuracy(integer, held_out, coding=coding, **fed),
        "density": nonzero / synapses,
        "parameters": nonzero + sum(layer.bias.numel() for layer in network.stack),
        "epochs": options.epochs,
        "seed": options.seed,
        "method": options.method,
        "data": data,
        "n_train": len(trained),
        "n_test": len(held_out),
        "loss": loss,
        "seconds": round(time.perf_counter() - started, 3),
        "options": asdict(options),
        "notes": [*trained.notes, *held_out.notes],
    }
    for key in ("bin_ms", "polarity"):
        if getattr(options, key) is not None:
            fed[key] = getattr(options, key)
    if encoder is not None:
        fed["encoder"] = asdict(encoder)
    graph = to_nir(real, integer, coding={"name": coding, **fed})
    results = Results(graph=graph, checkpoint=network.state_dict(), metrics=metrics)
    if output is not None:
        results.write(output)
    return results
