"""Encoders of sound in front of a chip's inputs."""

from dataclasses import replace

import numpy as np

from spikewright.compiler.mapping import Mapped
from spikewright.compiler.words import Image
from spikewright.errors import ConfigError
from spikewright.filterbank import FilterBankConfig
from spikewright.memories import encoder_images, encoder_memories
from spikewright.spiketrum import SpiketrumConfig

__all__ = ["put_encoder"]


def put_encoder(
    mapped: Mapped, encoder: SpiketrumConfig | FilterBankConfig, lanes: int | None = None
) -> Mapped:
    """The same chip, that takes sound: an encoder stands in front of its only input.

    Parameters
    ----------
    lanes
        Channels that a spiketrum encoder works on at a time, 1 if not given.

    Raises
    ------
    ConfigError
        If there are several inputs, the input does not take the encoder's lines, or it is not made for as
        many spikes of a line in a step as the encoder may send.
    """
    chip = mapped.chip
    if len(chip.inputs) != 1:
        names = ", ".join(port.name for port in chip.inputs)
        raise ConfigError(f"encoder: goes before one input, the network has {names}")
    given = chip.inputs[0]
    if given.max_events < encoder.most_events:
        raise ConfigError(
            f"input {given.name!r}: max_events must be {encoder.most_events}, as many as the encoder may send"
            f" of a line in a step, not {given.max_events}"
        )
    if isinstance(encoder, SpiketrumConfig):
        lanes = lanes or 1
    port = replace(given, encoder=encoder, encoder_lanes=lanes)
    widths = {memory.name: memory.width for memory in encoder_memories(port)}
    images: dict[str, Image] = {
        name: np.array(words, np.uint64 if widths[name] <= 64 else object)
        for name, words in encoder_images(port).items()
    }
    return Mapped(chip=replace(chip, inputs=(port,)), images={**images, **mapped.images})
