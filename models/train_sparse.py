"""The method ``sparse``: few synapses, drawn once, trained by surrogate gradients, in the end on integers."""

import time
from dataclasses import asdict
from pathlib import Path
from typing import Any

from spikewright.errors import ConfigError
from spikewright.models.coding import CodingName
from spikewright.models.export import to_nir
from spikewright.models.sparse_course import train_network
from spikewright.models.sparse_options import TrainSparseOptions
from spikewright.models.train import (
    Progress,
    Results,
    integer_accuracy,
    load_parts,
    one_thread,
    real_accuracy,
)

__all__ = ["TrainSparseOptions", "train_sparse"]


@one_thread()
def train_sparse(
    options: TrainSparseOptions, data: str, output: Path | None, progress: Progress | None = None
) -> Results:
    """Train on ``DATA:train``, measure on ``DATA:test``, write network, checkpoint and metrics.

    Parameters
    ----------
    options
        What to train, and how. The same options and data give the same network.
    data
        Specification of the data, without a part (:mod:`spikewright.models.data`).
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
    trained, held_out = load_parts(data)
    network, loss = train_network(options, trained, progress)
    name = "sparse"
    integer, real = network.integer_network(name), network.real_network(name, dt=options.dt)
    shown = {"steps": options.steps if trained.static else trained.x.shape[1], "seed": options.seed}
    coding: CodingName = options.coding if trained.static else "events"
    synapses = sum(edge.connections for edge in integer.edges)
    nonzero = sum(int(edge.fan_out.sum()) for edge in integer.edges)
    metrics: dict[str, Any] = {
        "accuracy": real_accuracy(real, held_out, coding=coding, **shown),
        "accuracy_integer": integer_accuracy(integer, held_out, coding=coding, **shown),
        "density": nonzero / synapses,
        "parameters": nonzero + sum(population.size for population in integer.populations),
        "epochs": options.epochs,
        "seed": options.seed,
        "method": "sparse",
        "data": data,
        "n_train": len(trained),
        "n_test": len(held_out),
        "loss": loss,
        "seconds": round(time.perf_counter() - started, 3),
        "options": asdict(options),
    }
    graph = to_nir(real, integer, coding={"name": coding, **shown})
    results = Results(graph=graph, checkpoint=network.state_dict(), metrics=metrics)
    if output is not None:
        results.write(output)
    return results
