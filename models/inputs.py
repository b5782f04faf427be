"""Checks what is fed to a network, and gives it as one flat tensor an input port."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch

from spikewright.errors import ConfigError
from spikewright.network import InputPort

__all__ = ["Feed", "check_integers", "check_reals"]

Feed = Any
"""An array or tensor ``(samples, steps, *shape of the port)``, or a mapping of such by name of the port."""


def check_integers(ports: tuple[InputPort, ...], feed: Feed) -> dict[str, torch.Tensor]:
    """Every port's events, ``(samples, steps, size)``, of an integer dtype, each within 0..max_value.

    Raises
    ------
    ConfigError
        If a port has no array, a shape does not fit, or a value is no integer that the port can carry.
    """
    arrays = _by_port(ports, feed)
    for port in ports:
        array = arrays[port.name]
        if array.is_floating_point():
            _refuse_where(port, array, array != array.round(), "must be integers")
            array = array.to(torch.int64)
        array = array.to(torch.uint8) if array.dtype == torch.bool else array
        low, high = (int(bound) for bound in torch.aminmax(array))
        if low < 0 or high > port.max_value:
            kind = "" if port.value_bits else "spikes, "
            bounds = "0 or 1" if kind and port.max_value == 1 else f"0..{port.max_value}"
            _refuse_where(port, array, (array < 0) | (array > port.max_value), f"must be {kind}{bounds}")
        arrays[port.name] = array.reshape(*array.shape[:2], port.size)
    return arrays


def check_reals(ports: tuple[InputPort, ...], feed: Feed) -> dict[str, torch.Tensor]:
    """Every port's values, ``(samples, steps, size)``, of any dtype; raises like ``check_integers``."""
    arrays = _by_port(ports, feed)
    for port in ports:
        array = arrays[port.name]
        if not bool(array.isfinite().all()):
            _refuse_where(port, array, ~array.isfinite(), "must be finite")
        arrays[port.name] = array.reshape(*array.shape[:2], port.size)
    return arrays


def _by_port(ports: tuple[InputPort, ...], feed: Feed) -> dict[str, torch.Tensor]:
    names = [port.name for port in ports]
    if not isinstance(feed, Mapping):
        if len(ports) != 1:
            raise ConfigError(f"inputs: must be an array for each of {names}, not one array")
        feed = {names[0]: feed}
    if set(feed) != set(names):
        raise ConfigError(f"inputs: must be {names}, not {sorted(map(str, feed))}")
    arrays = {port.name: _as_tensor(port, feed[port.name]) for port in ports}
    first = ports[0].name if ports else ""
    for port in ports:
        shape = tuple(arrays[port.name].shape)
        if len(shape) != 2 + len(port.shape) or shape[2:] != port.shape or 0 in shape[:2]:
            wanted = ", ".join(["samples", "steps", *map(str, port.shape)])
            raise ConfigError(f"input {port.name!r}: must have shape ({wanted}), not {shape}")
        if shape[:2] != tuple(arrays[first].shape[:2]):
            raise ConfigError(
                f"input {port.name!r}: must have as many samples and steps as {first!r},"
                f" {tuple(arrays[first].shape[:2])}, not {shape[:2]}"
            )
    return arrays


def _as_tensor(port: InputPort, value: object) -> torch.Tensor:
    if not isinstance(value, torch.Tensor):
        array = np.asarray(value)
        if array.dtype.kind not in "biuf":
            raise ConfigError(f"input {port.name!r}: must be an array of numbers, not of {array.dtype}")
        if array.dtype.kind == "u" and array.dtype.itemsize > 1:  # torch knows few operations on these
            most = np.array(min(np.iinfo(array.dtype).max, np.iinfo(np.int64).max), array.dtype)
            array = np.minimum(array, most).astype(np.int64)
        native = array.astype(array.dtype.newbyteorder("="), copy=False)
        value = torch.from_numpy(
            native if native.flags.writeable and native.flags.c_contiguous else native.copy()
        )
    if value.is_complex():
        raise ConfigError(f"input {port.name!r}: must be an array of numbers, not of {value.dtype}")
    return value.detach()


def _refuse_where(port: InputPort, array: torch.Tensor, wrong: torch.Tensor, held: str) -> None:
    """Refuse the first wrong value, if there is one, by its index."""
    found = wrong.nonzero()
    if len(found):
        index = tuple(int(i) for i in found[0])
        raise ConfigError(f"input {port.name!r}: values {held}, not {array[index].item()} at {index}")
