"""An encoder put in front of a compiled network: how wide it must be, and what is to be told of it."""

from dataclasses import replace
from pathlib import Path

from spikewright.compiler.encoders import input_for, put_encoder
from spikewright.compiler.mapping import Mapped
from spikewright.compiler.passes import Lowered
from spikewright.compiler.summary import summarise
from spikewright.config import ChipConfig, Encoder, InputConfig
from spikewright.cosim.names import encoded_inputs
from spikewright.cosim.timing_spiketrum import SpiketrumTiming
from spikewright.filterbank import FilterBankConfig
from spikewright.memories import encoder_layout
from spikewright.rtl.microphone import Microphone, microphone_config
from spikewright.rtl.pdm import PdmConfig
from spikewright.rtl.verilog import write_microphone
from spikewright.spiketrum import SpiketrumConfig

__all__ = ["needed_hz", "with_encoder", "with_microphone"]

CLOCK_HZ = 50e6
"""Clock at which an encoder keeps up with the sound by itself, if so many lanes are enough."""
LANES = (1, 2, 4, 8)


def with_encoder(lowered: Lowered, encoder: Encoder, lanes: int | None) -> tuple[Lowered, tuple[str, ...]]:
    """The same with an encoder before its input, and lines for people.

    Parameters
    ----------
    lanes
        Of a spiketrum encoder; None: the fewest that keep up with its own rate at 50 MHz, or the most there
        are.
    """
    if lanes is None and isinstance(encoder, SpiketrumConfig):
        given = input_for(lowered.chip, encoder)
        ports = (replace(given, encoder=encoder, encoder_lanes=number) for number in LANES)
        lanes = next((port.encoder_lanes for port in ports if needed_hz(port) <= CLOCK_HZ), LANES[-1])
    mapped = put_encoder(Mapped(chip=lowered.chip, images=lowered.images), encoder, lanes)
    (port,) = encoded_inputs(mapped.chip)
    width = f" of {lanes} lanes" if isinstance(encoder, SpiketrumConfig) else ""
    clock = f"keeps up with the sound from {needed_hz(port) / 1e6:.1f} MHz on"
    note = f"{port.name}: {encoder.kind}{width}, {clock}"
    summary = summarise(lowered.network, mapped.chip)
    return replace(lowered, chip=mapped.chip, images=mapped.images, summary=summary), (note,)


def with_microphone(
    chip: ChipConfig, kind: Microphone, clock_mhz: float | None, folder: Path
) -> tuple[str, ...]:
    """Write the module around a chip that has a microphone's pins; lines for people."""
    (port,) = encoded_inputs(chip)
    config = microphone_config(kind, port, clock_mhz)
    file = write_microphone(chip, port, config, folder)
    rate = f"{port.encoder.sample_rate_hz:,} samples a second" if port.encoder is not None else ""
    pins = f"pins of a {kind} microphone, {rate}"
    if isinstance(config, PdmConfig):
        pins += f" of {config.decimation} bits each"
    return (f"{port.name}: {pins}: top module {file.stem} in {folder.name}/{file.name}",)


def needed_hz(port: InputConfig) -> float:
    """Clock from which on the encoder of an input keeps up with the sound."""
    if isinstance(port.encoder, FilterBankConfig):
        return port.encoder.clock_hz
    assert isinstance(port.encoder, SpiketrumConfig)
    return SpiketrumTiming(encoder_layout(port)).real_time_hz(port.encoder.rate_hz)
