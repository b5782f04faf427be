"""An integer network as one file: its arrays and a JSON text, byte-identical for the same network."""

import io
import json
import zipfile
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from pydantic import TypeAdapter, ValidationError

from spikewright.compiler.validation import refuse
from spikewright.compiler.yaml_text import one_line
from spikewright.convolution import Convolution
from spikewright.errors import ConfigError
from spikewright.network import Edge, InputPort, IntegerNetwork, Population
from spikewright.neuron import Levels

__all__ = ["network_bytes", "parse_network", "read_network_file", "write_network"]

VERSION = 2
HEADER = "network.json"
EPOCH = (1980, 1, 1, 0, 0, 0)
"""The earliest time that a zip file can carry, so that the same network is the same file on any day."""

INPUTS = TypeAdapter(tuple[InputPort, ...])
POPULATIONS = TypeAdapter(tuple[Population, ...])


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredEdge:
    """An edge but for its weights."""

    source: str
    target: str
    convolution: Convolution | None
    delay: Levels


EDGES = TypeAdapter(tuple[StoredEdge, ...])


def network_bytes(network: IntegerNetwork) -> bytes:
    """The file: a zip of ``.npy`` weights or kernels, one an edge in logical order, and :data:`HEADER`.

    ``numpy.load`` reads the weights (as ``weights_0``, ...); weights are stored as narrow as they fit.
    """
    edges = [
        StoredEdge(source=edge.source, target=edge.target, convolution=edge.convolution, delay=edge.delay)
        for edge in network.edges
    ]
    header = {
        "version": VERSION,
        "name": network.name,
        "inputs": [asdict(port) for port in network.inputs],
        "populations": [asdict(population) for population in network.populations],
        "edges": [asdict(edge) for edge in edges],
        "outputs": list(network.outputs),
        "decode": network.decode,
        "weight_bits": network.weight_bits,
    }
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        add(archive, HEADER, json.dumps(header, sort_keys=True, indent=1).encode("utf-8"))
        for index, edge in enumerate(network.edges):
            array = io.BytesIO()
            dtype = np.int8 if network.weight_bits_into(edge.target) <= 8 else np.int16
            np.save(array, np.ascontiguousarray(edge.weights.astype(dtype)), allow_pickle=False)
            add(archive, f"weights_{index}.npy", array.getvalue())
    return out.getvalue()


def add(archive: zipfile.ZipFile, name: str, content: bytes) -> None:
    """Add one file with nothing of the day or the machine in it."""
    entry = zipfile.ZipInfo(name, date_time=EPOCH)
    entry.compress_type = zipfile.ZIP_DEFLATED
    entry.external_attr = 0o644 << 16
    entry.create_system = 3
    archive.writestr(entry, content, compresslevel=6)


def write_network(network: IntegerNetwork, path: Path) -> None:
    """Write the file."""
    path.write_bytes(network_bytes(network))


def read_network_file(path: Path) -> IntegerNetwork:
    """Read a file of :func:`write_network`."""
    try:
        content = path.read_bytes()
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read: {error.strerror}") from None
    return parse_network(content, str(path))


def parse_network(content: bytes, place: str) -> IntegerNetwork:
    """The network that the bytes of a file hold."""
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            header: dict[str, Any] = json.loads(archive.read(HEADER))
            if header.get("version") != VERSION:
                raise ConfigError(f"{place}: version: must be {VERSION}, not {header.get('version')!r}")
            stored = EDGES.validate_json(json.dumps(header["edges"]), strict=True)
            weights = [
                np.load(io.BytesIO(archive.read(f"weights_{index}.npy")), allow_pickle=False).astype(np.int64)
                for index in range(len(stored))
            ]
            return IntegerNetwork(
                name=header["name"],
                inputs=INPUTS.validate_json(json.dumps(header["inputs"]), strict=True),
                populations=POPULATIONS.validate_json(json.dumps(header["populations"]), strict=True),
                edges=tuple(
                    Edge(
                        source=edge.source,
                        target=edge.target,
                        weights=array,
                        convolution=edge.convolution,
                        delay=edge.delay,
                    )
                    for edge, array in zip(stored, weights, strict=True)
                ),
                outputs=tuple(header["outputs"]),
                decode=header["decode"],
                weight_bits=header["weight_bits"],
            )
    except ConfigError as error:
        raise error if str(error).startswith(place) else ConfigError(f"{place}: {error}") from None
    except ValidationError as error:
        refuse(error, place)
    except (zipfile.BadZipFile, KeyError, ValueError, TypeError, AttributeError, OSError, EOFError) as error:
        raise ConfigError(f"{place}: is not a network file: {one_line(error)}") from None
