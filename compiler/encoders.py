"""Encoders of sound in front of a chip's inputs."""

from dataclasses import replace

import numpy as np

from spikewright.compiler.mapping import Mapped
from spikewright.compiler.words import Image
from spikewright.config import ChipConfig, Encoder, InputConfig
from spikewright.errors import ConfigError
from spikewright.memories import encoder_images, encoder_memories
from spikewright.spiketrum import SpiketrumConfig

__all__ = ["input_for", "put_encoder"]


def put_encoder(mapped: Mapped, encoder: Encoder, lanes: int | None = None) -> Mapped:
    """The same chip, that takes sound: an encoder stands in front of the input that it fits.

    Parameters
    ----------
    lanes
        Channels that a spiketrum encoder works on at a time, 1 if not given.

    Raises
    ------
    ConfigError
        If no input takes the encoder's lines, or several do, or it is not made for as many spikes of a line
        in a step as the encoder may send.
    """
    chip = mapped.chip
    given = input_for(chip, encoder)
    if isinstance(encoder, SpiketrumConfig):
        lanes = lanes or 1
    port = replace(given, encoder=encoder, encoder_lanes=lanes)
    if given.max_events < encoder.most_events:
        raise ConfigError(
            f"input {given.name!r}: max_events must be {encoder.most_events}, as many as the encoder may send"
            f" of a line in a step, not {given.max_events}"
        )
    widths = {memory.name: memory.width for memory in encoder_memories(port)}
    images: dict[str, Image] = {
        name: np.array(words, np.uint64 if widths[name] <= 64 else object)
        for name, words in encoder_images(port).items()
    }
    inputs = tuple(port if other is given else other for other in chip.inputs)
    return Mapped(chip=replace(chip, inputs=inputs), images={**images, **mapped.images})


def input_for(chip: ChipConfig, encoder: Encoder) -> InputConfig:
    """The input that an encoder goes before: the only one, or the only one of its lines.

    Raises
    ------
    ConfigError
        If none of several inputs has the encoder's lines, or more than one.
    """
    fitting = [port for port in chip.inputs if len(chip.inputs) == 1 or port.shape == (encoder.lines,)]
    if len(fitting) != 1:
        shapes = ", ".join(f"{port.name} {port.shape}" for port in chip.inputs)
        raise ConfigError(
            f"encoder: its {encoder.lines} lines must fit one input, not {len(fitting)} of {shapes}"
        )
    return fitting[0]
