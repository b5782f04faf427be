"""Old NIR files lack what later versions ask for: filled in where it can mean one thing only."""

from dataclasses import MISSING, fields
from typing import Any

import nir  # type: ignore[import-untyped]
import numpy as np

__all__ = ["REPAIRS_KEY", "repair"]

REPAIRS_KEY = "spikewright repairs"
"""Of the metadata of a graph that was read: what was repaired, in lines."""

ABSENT: dict[str, dict[str, Any]] = {
    "Conv1d": {"stride": 1, "padding": 0, "dilation": 1, "groups": 1, "input_shape": None},
    "Conv2d": {"stride": 1, "padding": 0, "dilation": 1, "groups": 1, "input_shape": None},
    "SumPool2d": {"padding": np.zeros(2, np.int64)},
    "AvgPool2d": {"padding": np.zeros(2, np.int64)},
    "Input": {"shape": None},
    "Output": {"shape": None},
}
"""What is taken for a key that is not there; a convolution's ``input_shape`` follows from what comes in."""

POTENTIALS = {"v_leak": 0.0, "v_reset": 0.0, "w_in": 1.0}
"""The same of neurons, with the shape of their other parameters."""

SILENT = ("input_shape", "input_type", "shape")
"""Keys whose absence is told where the shape is found."""


def repair(content: dict[str, Any], prefix: str = "") -> list[str]:
    """Complete the nodes of a graph as a file gives them, in place; a line for each repair."""
    notes: list[str] = []
    if np.asarray(content.get("edges", ())).dtype.kind in "iu":  # some converters number nodes
        content["edges"] = [[str(end) for end in edge] for edge in np.asarray(content["edges"]).tolist()]
    for name, node in sorted(content.get("nodes", {}).items()):
        full, kind = f"{prefix}{name}", node.get("type")
        if kind == "NIRGraph":
            notes += repair(node, f"{full}.")
            continue
        node_type = getattr(nir, str(kind), None)
        if node_type is None:
            continue
        for key, value in list(node.items()):
            if type(value).__name__ == "Empty":  # h5py's None
                del node[key]
        absent = dict(ABSENT.get(str(kind), {}))
        if kind in ("Conv1d", "Conv2d") and "weight" in node:
            absent["bias"] = np.zeros(len(node["weight"]))
        if kind in ("SumPool2d", "AvgPool2d") and "kernel_size" in node:
            absent["stride"] = node["kernel_size"]
        if kind in ("IF", "LIF", "LI", "CubaLIF", "CubaLI"):
            notes += repair_neurons(full, node, node_type)
        for key, value in absent.items():
            if key not in node:
                node[key] = value
                if key not in SILENT:
                    shown = ", ".join(f"{number:g}" for number in dict.fromkeys(np.ravel(value).tolist()))
                    notes.append(f"{full}: has no {key}: taken as {shown}")
        notes += drop_unknown(full, node, node_type)
    return notes


def repair_neurons(name: str, node: dict[str, Any], node_type: Any) -> list[str]:
    """Neurons: parameters that all have one shape."""
    notes = []
    names = [
        field.name
        for field in fields(node_type)
        if field.name not in ("input_type", "output_type", "metadata")
    ]
    there = {what: np.asarray(node[what]) for what in names if what in node}
    largest = max(
        (values.shape for values in there.values()), key=lambda shape: int(np.prod(shape)), default=()
    )
    for what in names:
        if what not in there and what in POTENTIALS:
            node[what] = np.full(largest, POTENTIALS[what])
            notes.append(f"{name}: has no {what}: taken as {POTENTIALS[what]:g}")
        elif what in there and there[what].shape != largest and there[what].size == 1:
            node[what] = np.full(largest, there[what].ravel()[0])
            notes.append(f"{name}: one {what} for neurons of shape {' x '.join(map(str, largest))}")
    return notes


def drop_unknown(name: str, node: dict[str, Any], node_type: Any) -> list[str]:
    """Keys that NIR does not know any more; types of input and output follow from the rest."""
    known = {field.name for field in fields(node_type) if field.init or field.default is not MISSING}
    known |= {"type", "metadata", "shape"} | ({"input_type"} if node_type is nir.Flatten else set())
    if isinstance(node.get("input_type"), dict):
        node["input_type"] = node["input_type"].get("input")
    unknown = sorted(set(node) - known)
    for key in unknown:
        del node[key]
    told = [key for key in unknown if key not in ("input_type", "output_type")]
    return [f"{name}: {key} is not known, left out" for key in told]
