"""What learning methods share: measuring, and results written whole or not at all."""

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import nir  # type: ignore[import-untyped]
import numpy as np
import torch

from spikewright.errors import ConfigError
from spikewright.ir import RealNetwork
from spikewright.models.binning import Binning
from spikewright.models.coding import CodingName, encode, real_input, within
from spikewright.models.data import Dataset, load, parse
from spikewright.models.export import write_nir
from spikewright.models.integer import IntegerModel
from spikewright.models.real import RealModel
from spikewright.models.trace import accuracy
from spikewright.network import InputPort, IntegerNetwork

__all__ = [
    "Results",
    "integer_accuracy",
    "integer_figures",
    "load_parts",
    "need_images",
    "one_thread",
    "real_accuracy",
]


AT_A_TIME = 500
"""Samples that are measured together."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Results:
    """What a learning method gives.

    Parameters
    ----------
    graph
        The network, for ``network.nir``.
    checkpoint
        The module's ``state_dict``, for ``checkpoint.pt``; loads with ``weights_only=True``.
    metrics
        For ``metrics.json``: at least ``accuracy`` (held-out) ``density parameters epochs seed``.
    """

    graph: nir.NIRGraph
    checkpoint: dict[str, torch.Tensor]
    metrics: dict[str, Any]

    def write(self, folder: Path) -> None:
        """Write the three files; each is there whole or as it was, and none before all are complete."""
        written: list[tuple[Path, Path]] = []
        try:
            folder.mkdir(parents=True, exist_ok=True)
            for name in ("network.nir", "checkpoint.pt", "metrics.json"):
                temporary = folder / f".{name}.{os.getpid()}"
                written.append((temporary, folder / name))
                if name == "network.nir":
                    write_nir(self.graph, temporary)
                elif name == "checkpoint.pt":
                    torch.save(self.checkpoint, temporary)
                else:
                    temporary.write_text(json.dumps(self.metrics, indent=2) + "\n", encoding="utf-8")
            for temporary, final in written:
                temporary.replace(final)
        except OSError as error:
            raise ConfigError(
                f"output {str(folder)!r}: cannot be written: {error.strerror or error}"
            ) from error
        finally:
            for temporary, _ in written:
                temporary.unlink(missing_ok=True)


def load_parts(spec: str, binning: Binning | None = None) -> tuple[Dataset, Dataset]:
    """The training part (of which a slice may be given) and the held-out part of a data set, with labels.

    Raises
    ------
    ConfigError
        If the specification names a part, or the data have no labels.
    """
    if parse(spec).part is not None:
        raise ConfigError(
            f"data {spec!r}: must name no part: training takes :train and measures on all of :test"
        )
    name, bracket, some = spec.partition("[")
    held_out = load(f"{name}:test", binning)
    trained = load(f"{name}:train{bracket}{some}", binning)
    if trained.y is None or held_out.y is None:
        raise ConfigError(f"data {spec!r}: must have labels y to train on")
    return trained, held_out


def need_images(data: Dataset) -> None:
    """Refuse data in time, before anything is trained, where only images will do."""
    if not data.static:
        raise ConfigError(f"data {data.name!r}: must be images, which are shown for steps, not data in time")


@contextmanager
def one_thread() -> Iterator[None]:
    """Let torch work on one core: small layers gain little from more, and lose much where others compute.

    Sums are then added in one order, so that the same seed gives the same network on any machine of a kind.
    """
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)


def integer_accuracy(
    network: IntegerNetwork, data: Dataset, *, steps: int | None, coding: CodingName, seed: int
) -> float:
    """Share of samples that the integer network classifies right; see :func:`encode` for the input."""
    return integer_figures(network, data, steps=steps, coding=coding, seed=seed)[0]


def integer_figures(
    network: IntegerNetwork, data: Dataset, *, steps: int | None, coding: CodingName, seed: int
) -> tuple[float, float]:
    """The same, and the synaptic operations of a sample, in the mean of all.

    An operation is an event that reaches a synapse whose weight is not 0: what event-driven hardware spends
    its cycles and most of its energy on. A held value is one event.
    """
    port = network.inputs[0]
    model = IntegerModel(network)
    operations, predicted = 0, []
    for codes in coded(data, port, steps=steps, coding=coding, seed=seed):
        trace = model.run(codes)
        events = {name: spikes.sum(axis=(0, 1), dtype=np.int64) for name, spikes in trace.spikes.items()}
        counted = (codes != 0) if port.value_bits else codes
        events[port.name] = counted.reshape(*codes.shape[:2], -1).sum(axis=(0, 1), dtype=np.int64)
        operations += sum(int(events[edge.source] @ edge.fan_out) for edge in network.edges)
        predicted.append(trace.predict(network.decode, network.outputs[0]))
    return accuracy(np.concatenate(predicted), labels(data)), operations / len(data)


def real_accuracy(
    network: RealNetwork, data: Dataset, *, steps: int | None, coding: CodingName, seed: int
) -> float:
    """Share of samples that the network in real numbers classifies right, from the same input codes."""
    model, port = RealModel(network), network.inputs[0]
    predicted = [
        model.run(real_input(codes, port)).predict(network.decode, network.outputs[0])
        for codes in coded(data, port, steps=steps, coding=coding, seed=seed)
    ]
    return accuracy(np.concatenate(predicted), labels(data))


def coded(data: Dataset, port: InputPort, **how: Any) -> Iterator[Any]:
    """Input codes of some samples at a time: what a network of planes does for all would not fit memory.

    Of data in time the test part may have higher counts than the training: what is above is left out.
    """
    for first in range(0, len(data), AT_A_TIME):
        some = slice(first, first + AT_A_TIME)
        y = None if data.y is None else data.y[some]
        x = data.x[some] if data.static else within(data.x[some], port)
        yield encode(replace(data, x=x, y=y, first=data.first + first), port, **how)


def labels(data: Dataset) -> Any:
    """The classes of all samples."""
    if data.y is None:
        raise ConfigError(f"data {data.name!r}: must have labels y to measure an accuracy")
    return data.y
