"""The integer network as a file: ``network.npz`` of a build."""

import json
import zipfile
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from spikewright.errors import ConfigError
from spikewright.network import Edge, InputPort, IntegerNetwork, Population
from spikewright.neuron import Decay, NeuronConfig

__all__ = ["load_network", "save_network"]

HEADER = "network.json"


def save_network(network: IntegerNetwork, file: Path) -> None:
    """Write a network; the same network gives the same bytes.

    Parameters
    ----------
    file
        An npz with one array of weights an edge, ``weights.0`` and so on, and the rest as JSON in
        ``network.json``.
    """
    header = {
        "name": network.name,
        "inputs": [asdict(port) for port in network.inputs],
        "populations": [asdict(population) for population in network.populations],
        "edges": [{"source": edge.source, "target": edge.target} for edge in network.edges],
        "outputs": network.outputs,
        "decode": network.decode,
        "weight_bits": network.weight_bits,
    }
    text = np.frombuffer(json.dumps(header).encode(), np.uint8)
    arrays: dict[str, Any] = {HEADER: text}
    arrays |= {f"weights.{index}": edge.weights.astype(np.int32) for index, edge in enumerate(network.edges)}
    with file.open("wb") as stream:
        np.savez_compressed(stream, **arrays)


def load_network(file: Path) -> IntegerNetwork:
    """Read what :func:`save_network` wrote."""
    try:
        with file.open("rb") as stream, np.load(stream, allow_pickle=False) as arrays:
            header = json.loads(arrays[HEADER].tobytes())
            edges = tuple(
                Edge(**ends, weights=arrays[f"weights.{index}"].astype(np.int64))
                for index, ends in enumerate(header["edges"])
            )
        return IntegerNetwork(
            name=header["name"],
            inputs=tuple(InputPort(**tuples(port)) for port in header["inputs"]),
            populations=tuple(population(entry) for entry in header["populations"]),
            edges=edges,
            outputs=tuple(header["outputs"]),
            decode=header["decode"],
            weight_bits=header["weight_bits"],
        )
    except ConfigError:
        raise
    except (ValueError, TypeError, KeyError, EOFError, zipfile.BadZipFile) as error:
        raise ConfigError(f"{file}: is not a network of this version; compile again") from error


def population(entry: dict[str, Any]) -> Population:
    """A population from its header entry."""
    neuron = tuples(entry["neuron"])
    decay = Decay(**tuples(neuron.pop("decay")))
    return Population(**entry | {"neuron": NeuronConfig(**neuron, decay=decay)})


def tuples(entry: dict[str, Any]) -> dict[str, Any]:
    """JSON's lists as the tuples that they were."""
    return {key: tuple(value) if isinstance(value, list) else value for key, value in entry.items()}
