"""What a network is fed: a data set in the coding that it was trained with, or random spikes."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from spikewright.compiler.encoder_yaml import encoder_of
from spikewright.config import ChipConfig
from spikewright.errors import ConfigError
from spikewright.manifest import hash_bytes, hash_file
from spikewright.models.binning import Binning, Polarity
from spikewright.models.coding import encode, fit_steps
from spikewright.models.data import Dataset, load, parse
from spikewright.models.encoders import Encoder, Sound
from spikewright.network import InputPort
from spikewright.stages.common import Arrays, array_hash

__all__ = ["Coding", "Stimulus", "data_hash", "for_chip", "from_data", "random_spikes"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Coding:
    """How data become events; None: what fits the input.

    Parameters
    ----------
    name
        Of images; see :data:`spikewright.models.coding.CodingName`.
    steps
        For how many an image is shown, or a recording lasts.
    seed
        Of random codings.
    bin_ms, polarity
        How recordings become steps; see :class:`spikewright.models.binning.Binning`.
    encoder
        Of sound.
    asked_steps
        What was asked for beside what the network says: data in steps are cut or padded to it.
    """

    name: str | None = None
    steps: int | None = None
    seed: int = 0
    bin_ms: float | None = None
    polarity: Polarity | None = None
    encoder: Encoder | None = None
    asked_steps: int | None = None

    @classmethod
    def of_metadata(
        cls,
        coding: Mapping[str, Any] | None,
        steps: int | None = None,
        bin_ms: float | None = None,
        polarity: Polarity | None = None,
        encoder: Encoder | None = None,
    ) -> "Coding":
        """The coding that a network's metadata name; what is asked for replaces theirs."""
        coding = coding or {}
        return cls(
            name=coding.get("name"),
            steps=steps or coding.get("steps"),
            seed=coding.get("seed", 0),
            bin_ms=bin_ms or coding.get("bin_ms"),
            polarity=polarity or coding.get("polarity"),
            encoder=encoder or encoder_of(coding.get("encoder")),
            asked_steps=steps or coding.get("asked_steps"),
        )

    def binning(self, port: InputPort) -> Binning:
        """How recordings become what the port takes."""
        return Binning(
            bin_ms=self.bin_ms,
            steps=self.steps,
            shape=port.shape,
            polarity=self.polarity,
            most=port.max_value,
            encoder=self.encoder,
        )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Stimulus:
    """Events by name of the input, ``(samples, steps, *shape)``, and labels where there are any.

    ``options`` are those of the command line that give the same, ``notes`` what is to be told. ``sound`` is
    what events were encoded from, by input.
    """

    x: Arrays
    y: Any = None
    name: str = "arrays"
    options: dict[str, Any] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    sound: Mapping[str, Sound] = field(default_factory=dict)


def from_data(
    ports: tuple[InputPort, ...], data: str | Dataset, coding: Coding, samples: int | None = None
) -> Stimulus:
    """A data set as events; ``samples`` takes so many from its beginning."""
    if len(ports) != 1:
        names = ", ".join(port.name for port in ports)
        raise ConfigError(f"data {data!r}: goes into one input, the network has {names}")
    if samples is not None and samples < 1:
        raise ConfigError(f"samples must be 1 or more, not {samples}")
    port = ports[0]
    dataset = load(data, coding.binning(port), samples=samples) if isinstance(data, str) else data
    if dataset.static and coding.steps is None:
        raise ConfigError(
            f"data {dataset.name!r}: has no time of its own, and the network does not say for how many steps"
            " an image is shown; give --steps"
        )
    chosen = slice(samples)
    part = replace(dataset, x=dataset.x[chosen], y=None if dataset.y is None else dataset.y[chosen])
    notes = part.notes
    if not part.static and coding.asked_steps is not None:
        part, notes = fit_steps(part, coding.asked_steps)
    steps = coding.steps if part.static else None
    name: Any = coding.name if part.static else None
    x = encode(part, port, steps=steps, coding=name, seed=coding.seed)
    options = {"data": dataset.name, "samples": len(part), "steps": x.shape[1]}
    if coding.bin_ms is not None and not part.static:
        options["bin_ms"] = coding.bin_ms
    sound = {} if part.sound is None else {port.name: part.sound[chosen]}
    return Stimulus(x={port.name: x}, y=part.y, name=dataset.name, options=options, notes=notes, sound=sound)


def for_chip(chip: ChipConfig, stimulus: Stimulus) -> Stimulus:
    """With the sound of inputs that an encoder stands behind, and of no others: those take the spikes.

    Raises
    ------
    ConfigError
        If an input takes sound, and there is none.
    """
    encoded = [port.name for port in chip.inputs if port.encoder is not None]
    for name in encoded:
        if name not in stimulus.sound:
            raise ConfigError(f"input {name!r}: takes sound, which {stimulus.name} has none of; give --data")
    return replace(stimulus, sound={name: stimulus.sound[name] for name in encoded})


def random_spikes(
    ports: tuple[InputPort, ...], probability: float, *, samples: int, steps: int, seed: int
) -> Stimulus:
    """Bernoulli spikes on every input; where events carry values, any value with the same probability."""
    if not 0 <= probability <= 1:
        raise ConfigError(f"bernoulli must be a probability of 0..1, not {probability}")
    for name, value in (("samples", samples), ("steps", steps)):
        if value < 1:
            raise ConfigError(f"{name} must be 1 or more, not {value}")
    rng = np.random.default_rng(seed)
    x: Arrays = {}
    for port in ports:
        shape = (samples, steps, *port.shape)
        spikes = rng.random(shape, dtype=np.float32) < probability
        values = rng.integers(1, port.max_value, shape, endpoint=True) if port.value_bits else 1
        x[port.name] = (spikes * values).astype(np.uint8 if port.value_bits <= 8 else np.int64)
    options = {"bernoulli": probability, "samples": samples, "steps": steps, "seed": seed}
    return Stimulus(x=x, name=f"bernoulli {probability:g}, {steps} steps, seed {seed}", options=options)


def data_hash(data: str | Dataset) -> str:
    """What a manifest keeps of a data set: of a named one its name, of a file or arrays their content."""
    if not isinstance(data, str):
        return array_hash({"x": data.x} | ({} if data.y is None else {"y": data.y}))
    path = Path(parse(data).name)
    files = [path] if path.is_file() else sorted(file for file in path.rglob("*") if file.is_file())
    contents = " ".join(hash_file(file) for file in files)
    return hash_bytes(f"{data} {contents}".encode())
