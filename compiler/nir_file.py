"""Reads a NIR file, or says in one line why it cannot be read; and writes one of any graph in memory."""

import io
import warnings
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import h5py  # type: ignore[import-untyped]
import nir  # type: ignore[import-untyped]
import numpy as np

from spikewright.compiler.node_names import named
from spikewright.compiler.repairs import REPAIRS_KEY, repair
from spikewright.compiler.yaml_text import one_line
from spikewright.errors import ConfigError

__all__ = ["graph_bytes", "read_nir", "repairs"]

MAX_VALUES = 1 << 27
"""Largest array that is read: a thousand times the weights that the largest FPGA here holds."""


def read_nir(source: Any) -> Any:
    """The NIR graph of a file, or the graph itself where one is given.

    Types are not checked here: frameworks write neurons with scalar parameters, which NIR's own check
    refuses and which broadcast.
    """
    if isinstance(source, nir.NIRGraph):
        return source
    if not isinstance(source, str | Path):
        raise ConfigError(f"network: must be a NIR file or a nir.NIRGraph, not {type(source).__name__}")
    path = Path(source)
    if not path.is_file():
        raise ConfigError(f"{path}: {'is not a file' if path.exists() else 'there is no such file'}")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of nir about old files, of h5py about its own interfaces
            refuse_giants(path)
            with h5py.File(path, "r") as file:
                content = nir.serialization.hdf2dict(file["node"])
            repaired = repair(content)
            graph = nir.dict2NIRNode(content | {"type_check": False})
    except ConfigError:
        raise
    except Exception as error:  # nir and h5py raise whatever a broken file leads them into
        raise ConfigError(f"{path}: {reason(path, error)}") from None
    if repaired:
        graph.metadata[REPAIRS_KEY] = "\n".join(repaired)
    return graph


def graph_bytes(graph: Any) -> bytes:
    """A graph as the file that it would be, also where NIR's own writer stumbles."""
    buffer = io.BytesIO()
    try:
        nir.write(buffer, SimpleNamespace(to_dict=lambda: writable(graph.to_dict())))
    except (TypeError, ValueError, AttributeError, KeyError, RuntimeError) as error:
        raise ConfigError(f"network: NIR cannot write this graph: {one_line(error)}") from error
    return buffer.getvalue()


def writable(content: dict[str, Any]) -> dict[str, Any]:
    """A graph's content without None, tensors, arrays without dimensions, and names with a slash."""
    content = {key: value for key, value in content.items() if value is not None}
    if any("/" in str(name) for name in content.get("nodes", {})):
        suits = named(SimpleNamespace(**content))
        content |= {"nodes": suits.nodes, "edges": suits.edges}
    for key, value in content.items():
        if isinstance(value, dict):
            content[key] = writable(value)
        elif hasattr(value, "detach"):
            content[key] = value.detach().cpu().numpy()
        elif isinstance(value, np.ndarray) and not value.ndim:
            content[key] = value[()]
    return content


def repairs(graph: Any) -> list[str]:
    """What was repaired when the graph was read from its file."""
    text = graph.metadata.get(REPAIRS_KEY, "") if isinstance(graph.metadata, dict) else ""
    return text.splitlines() if isinstance(text, str) else []


def refuse_giants(path: Path) -> None:
    """Refuse arrays that no network here has: a small file can unpack to more than there is memory."""
    found: list[str] = []

    def visit(name: str, item: Any) -> None:
        if isinstance(item, h5py.Dataset) and item.size and item.size > MAX_VALUES:
            found.append(
                f"{name.removeprefix('node/')}: must have at most {MAX_VALUES} values, not {item.size}"
            )

    with h5py.File(path, "r") as file:
        file.visititems(visit)
    if found:
        raise ConfigError(f"{path}: {found[0]}")


def reason(path: Path, error: Exception) -> str:
    """Why a file could not be read."""
    try:
        with h5py.File(path, "r") as file:
            if "node" not in file:
                return "is an HDF5 file, but not NIR: it has no group 'node'"
            root = type_of(file["node"])
            if root != "NIRGraph":
                return f"must hold a NIRGraph, not a single {root} node"
            for name, node in file["node"]["nodes"].items():
                if not hasattr(nir, type_of(node)):
                    return f"{name}: {type_of(node)} is not a node type of NIR {nir.__version__}"
    except PermissionError:
        return "may not be read"
    except Exception:  # even looking at it fails: cut off, or never an HDF5 file
        return "is not a whole HDF5 file, as NIR files are"
    return f"is not a NIR graph: {type(error).__name__}: {one_line(error)}".rstrip(": ")


def type_of(node: Any) -> str:
    """Type of a node as the file says."""
    kind = node["type"][()]
    return kind.decode("utf-8", errors="replace") if isinstance(kind, bytes) else str(kind)
