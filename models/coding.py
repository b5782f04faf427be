"""Turns data into what an input port takes: spikes or unsigned event values, step by step."""

from dataclasses import replace
from typing import Any, Literal, get_args

import numpy as np
import numpy.typing as npt

from spikewright.errors import ConfigError
from spikewright.models.data import Dataset
from spikewright.network import InputPort

__all__ = [
    "CodingName",
    "default_coding",
    "encode",
    "fit_steps",
    "latency_steps",
    "rate_spikes",
    "real_input",
    "value_codes",
    "within",
]

CodingName = Literal["direct", "constant", "rate", "latency", "events"]
"""How an image becomes events.

``direct``: its values as events of the first step, and none after (for a hold port). ``constant``: its values
in every step. ``rate``: a spike in each step with probability ``x``. ``latency``: one spike, the earlier the
brighter, none for 0. ``events``: what is already in time, as it is.
"""

Codes = npt.NDArray[Any]


def default_coding(port: InputPort, static: bool) -> CodingName:
    """The coding that fits a port if nothing else is known."""
    if not static:
        return "events"
    if port.kind == "hold":
        return "direct"
    return "constant" if port.value_bits else "rate"


def encode(
    data: Dataset,
    port: InputPort,
    *,
    steps: int | None = None,
    coding: CodingName | None = None,
    seed: int = 0,
) -> Codes:
    """What the port takes, of every sample.

    Parameters
    ----------
    data
        Images or events whose samples have as many values as the port has addresses.
    steps
        Steps to run, for images. Events have their own.
    coding
        See :data:`CodingName`; :func:`default_coding` if None.
    seed
        Of random codings; a sample's spikes depend on it and on the sample's place in its split only.

    Returns
    -------
    numpy.ndarray
        ``(samples, steps, *shape of the port)``, ``uint8`` or wider: 0 is no event.

    Raises
    ------
    ConfigError
        If sizes differ, or the coding needs steps, another port or other data.
    """
    name = default_coding(port, data.static) if coding is None else coding
    where = f"data {data.name!r}"
    if name not in get_args(CodingName):
        raise ConfigError(f"coding must be one of {', '.join(get_args(CodingName))}, not {name!r}")
    if int(np.prod(data.shape)) != port.size:
        raise ConfigError(
            f"{where}: must have {port.size} values for input {port.name!r}, not shape {data.shape}"
        )
    if (name == "events") == data.static:
        raise ConfigError(f"{where}: coding {name} needs {'events in time' if data.static else 'images'}")
    if name == "events":
        if steps not in (None, data.x.shape[1]):
            raise ConfigError(f"{where}: has {data.x.shape[1]} steps of its own, not {steps}")
        return data.x.reshape(*data.x.shape[:2], *port.shape)
    if steps is None or steps < 1:
        raise ConfigError(f"{where}: coding {name} needs 1 or more steps, not {steps}")
    if (name in ("direct", "constant")) != (port.value_bits > 0):
        wanted = "values" if port.value_bits == 0 else "spikes"
        raise ConfigError(f"{where}: coding {name} needs an input of {wanted}, which {port.name!r} is not")
    images = data.x.reshape(len(data), port.size)
    if name == "rate":
        spikes = np.empty((len(images), steps, port.size), np.uint8)
        for place, image in enumerate(images):
            rng = np.random.default_rng((seed, data.first + place))
            spikes[place] = rate_spikes(image, steps, rng)
    elif name == "latency":
        spikes = latency_steps(images, steps)[:, None] == np.arange(steps)[:, None]
    else:
        values = value_codes(images, port)
        spikes = np.zeros((len(images), steps, port.size), values.dtype)
        spikes[:, : 1 if name == "direct" else steps] = values[:, None]
    return spikes.astype(np.uint8 if spikes.dtype == np.bool_ else spikes.dtype).reshape(
        -1, steps, *port.shape
    )


def fit_steps(data: Dataset, steps: int) -> tuple[Dataset, tuple[str, ...]]:
    """Data in steps cut to so many, or with silence added, and the data's notes with what was cut."""
    own = data.x.shape[1]
    if own >= steps:
        cut = int(np.count_nonzero(data.x[:, steps:]))
        note = f"{data.name}: {cut:,} events come after the last of {steps} steps: left out"
        return replace(data, x=data.x[:, :steps]), (*data.notes, *([note] if cut else []))
    silence = np.zeros((len(data), steps - own, *data.shape), data.x.dtype)
    return replace(data, x=np.concatenate([data.x, silence], axis=1)), data.notes


def value_codes(x: npt.NDArray[Any], port: InputPort) -> Codes:
    """``round(x * value_scale)``, clipped to what the port carries: ``uint8``, ``uint16`` or ``int64``."""
    wide = np.uint8 if port.value_bits <= 8 else np.uint16 if port.value_bits <= 16 else np.int64
    return np.rint(np.asarray(x, np.float64) * port.value_scale).clip(0, port.max_value).astype(wide)


def within(x: Codes, port: InputPort) -> Codes:
    """Counts of events as the port carries them: what an address has above that is left out."""
    return x.clip(max=port.max_value) if x.max() > port.max_value else x


def real_input(codes: Codes, port: InputPort) -> Codes:
    """What the float network sees for these codes: ``codes / value_scale``, or spikes as they are."""
    return (codes / port.value_scale).astype(np.float32) if port.value_bits else codes


def rate_spikes(x: npt.NDArray[Any], steps: int, rng: np.random.Generator) -> npt.NDArray[np.bool_]:
    """Bernoulli spikes ``(steps, *shape of x)`` of probability ``x`` a step."""
    return rng.random((steps, *x.shape), dtype=np.float32) < x


def latency_steps(x: npt.NDArray[Any], steps: int) -> npt.NDArray[np.int64]:
    """The step in which each value spikes: 0 for 1.0 to ``steps - 1`` for the faintest; -1, never, for 0."""
    late = np.rint((1 - np.asarray(x, np.float64)) * (steps - 1)).clip(0, steps - 1).astype(np.int64)
    return np.where(x > 0, late, -1)
