"""The commands that take a network: check and compile."""

from enum import StrEnum
from typing import Annotated

import typer

from spikewright.cli.building_tables import show_check, show_compile
from spikewright.cli.exits import FAILED, OK
from spikewright.cli.options import (
    BinMs,
    Data,
    EncoderPath,
    Force,
    Json,
    NetworkPath,
    Output,
    PolarityOption,
    Semantics,
    Source,
    Steps,
)
from spikewright.cli.printing import show, tell

__all__ = ["check_command", "compile_command"]


class Rows(StrEnum):
    """How synapses are stored."""

    AUTO = "auto"
    DENSE = "dense"
    COMPRESSED = "compressed"


class Contents(StrEnum):
    """How contents get into the hardware."""

    BAKED = "baked"
    BUS = "bus"


class Scales(StrEnum):
    """Who shares a scale."""

    LAYER = "layer"
    CHANNEL = "channel"


class Widths(StrEnum):
    """How wide states are."""

    PROVEN = "proven"
    CALIBRATED = "calibrated"


class Microphone(StrEnum):
    """What a chip that takes sound hears with."""

    I2S = "i2s"
    PDM = "pdm"


def check_command(
    network: NetworkPath,
    semantics: Semantics = None,
    source: Source = None,
    weight_bits: Annotated[int | None, typer.Option(min=2, max=16, help="Width of the weights.")] = None,
    as_json: Json = False,
) -> int:
    """Say of every node whether it is supported and how it is realised, or why not."""
    from spikewright.api import check

    result = check(network, semantics=semantics, source=source, weight_bits=weight_bits)
    show(result, show_check, as_json)
    return OK if result["supported"] else FAILED


def compile_command(
    network: NetworkPath,
    output: Output,
    semantics: Semantics = None,
    source: Source = None,
    weight_bits: Annotated[int | None, typer.Option(min=2, max=16, help="Width of the weights.")] = None,
    state_bits: Annotated[int | None, typer.Option(min=8, max=24, help="Width of the potentials.")] = None,
    lanes: Annotated[
        int | None, typer.Option(min=1, help="Neurons a core works on at once; a power of 2.")
    ] = None,
    rows: Annotated[Rows, typer.Option(help="How synapses are stored.")] = Rows.AUTO,
    contents: Annotated[
        Contents, typer.Option(help="Contents in the hardware, or loaded over a bus.")
    ] = Contents.BAKED,
    calibrate: Data = None,
    evaluate: Data = None,
    scales: Annotated[
        Scales, typer.Option(help="A scale for each layer, or for each channel.")
    ] = Scales.LAYER,
    widths: Annotated[
        Widths, typer.Option(help="States that provably never saturate, or as calibration's data ask for.")
    ] = Widths.PROVEN,
    search_bits: Annotated[
        float | None,
        typer.Option(min=0, metavar="POINTS", help="Narrowest widths that lose no more points of accuracy."),
    ] = None,
    finetune: Annotated[
        int | None, typer.Option(min=1, metavar="EPOCHS", help="Train on the integer grid, on --calibrate.")
    ] = None,
    steps: Steps = None,
    bin_ms: BinMs = None,
    polarity: PolarityOption = None,
    encoder: EncoderPath = None,
    encoder_lanes: Annotated[
        int | None, typer.Option(help="Channels a spiketrum encoder works on at once: 1, 2, 4 or 8.")
    ] = None,
    microphone: Annotated[
        Microphone | None, typer.Option(help="Write a module with its pins around the chip.")
    ] = None,
    clock_mhz: Annotated[
        float | None, typer.Option(metavar="MHZ", help="The chip's clock, for that of a PDM microphone.")
    ] = None,
    force: Force = False,
    as_json: Json = False,
) -> int:
    """Compile a network to configuration, memory contents and Verilog."""
    from spikewright import api

    build = api.compile(
        network,
        semantics=semantics,
        source=source,
        weight_bits=weight_bits,
        state_bits=state_bits,
        lanes=lanes,
        rows=rows.value,
        contents=contents.value,
        calibrate=calibrate,
        evaluate=evaluate,
        steps=steps,
        bin_ms=bin_ms,
        polarity=None if polarity is None else polarity.value,
        scales=scales.value,
        widths=widths.value,
        search_bits=search_bits,
        finetune=finetune,
        encoder=encoder,
        encoder_lanes=encoder_lanes,
        microphone=None if microphone is None else microphone.value,
        clock_mhz=clock_mhz,
        output=output,
        force=force,
    )
    show(build.summary, show_compile, as_json)
    tell(f"{build.path}: written" if build.fresh else f"{build.path}: up to date", as_json)
    return OK
