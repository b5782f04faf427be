"""The commands for sound, encode and decode, and how their results look."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from spikewright.cli.exits import OK
from spikewright.cli.options import Json
from spikewright.cli.printing import Result, line, pairs, show, tell

if TYPE_CHECKING:
    from rich.console import Console

__all__ = ["decode_command", "encode_command", "show_decode", "show_encode"]


def encode_command(
    audio: Annotated[Path, typer.Argument(metavar="AUDIO", help="Sound: WAV, FLAC, Ogg, at any rate.")],
    output: Annotated[Path, typer.Option("--output", "-o", metavar="SPIKES.npz", help="File to write.")],
    config: Annotated[
        Path | None, typer.Option(metavar="spiketrum.yaml", help="Configuration of the encoder.")
    ] = None,
    rate: Annotated[int | None, typer.Option(min=1, help="Spikes a second over all channels; 400.")] = None,
    channels: Annotated[int | None, typer.Option(min=1, help="Kernels; 40.")] = None,
    levels: Annotated[
        int | None, typer.Option(min=0, help="Amplitudes that are told apart; 8. 0: amplitudes as they are.")
    ] = None,
    fixed: Annotated[bool, typer.Option("--fixed", help="In integers, as the hardware does.")] = False,
    window: Annotated[
        int | None, typer.Option(min=1, metavar="SAMPLES", help="Code so many at a time, not 131,072.")
    ] = None,
    as_it_is: Annotated[
        bool, typer.Option("--as-it-is", help="Neither take out an offset nor bring the peak to full scale.")
    ] = False,
    plot: Annotated[
        Path | None,
        typer.Option(metavar="P.png", help="Draw waveform, cochleagram, spikes, and what is decoded."),
    ] = None,
    as_json: Json = False,
) -> int:
    """Encode sound as spikes by matching pursuit on gammatone kernels (spiketrum)."""
    from spikewright.api import encode

    result = encode(
        audio,
        output,
        config=config,
        rate=rate,
        channels=channels,
        levels=levels,
        fixed=fixed,
        window=window,
        as_it_is=as_it_is,
        plot=plot,
    )
    show(result, show_encode, as_json)
    for path in (output, plot):
        if path is not None:
            tell(f"{path}: written", as_json)
    return OK


def decode_command(
    spikes: Annotated[Path, typer.Argument(metavar="SPIKES.npz", help="What spikewright encode wrote.")],
    output: Annotated[Path, typer.Option("--output", "-o", metavar="OUT.wav", help="Sound to write.")],
    as_json: Json = False,
) -> int:
    """Decode spikes to sound."""
    from spikewright.api import decode

    show(decode(spikes, output), show_decode, as_json)
    tell(f"{output}: written", as_json)
    return OK


def show_encode(console: "Console", result: Result) -> None:
    """How much of the sound is in its spikes."""
    config = result["config"]
    kind = f"{result['encoder']} encoder, {config['channels']} channels"
    snr = "–" if result["snr_db"] is None else f"{result['snr_db']:.2f} dB"
    pairs(
        console,
        [
            ("spikes", f"{result['spikes']:,}", f"{result['asked']:,} asked for"),
            ("a second", f"{result['spikes_per_second']:.1f}", kind),
            ("SNR", snr, "of what they decode to"),
            ("duration", f"{result['duration_s']:.3f} s", f"{config['sample_rate_hz']:,} Hz"),
        ],
    )
    for note in result["notes"]:
        line(console, f"note: {note}")


def show_decode(console: "Console", result: Result) -> None:
    """What was decoded."""
    pairs(
        console,
        [
            ("spikes", f"{result['spikes']:,}"),
            ("duration", f"{result['duration_s']:.3f} s", f"{result['sample_rate_hz']:,} Hz"),
            ("peak", f"{result['peak']:.3f}", "of full scale"),
        ],
    )
    for note in result["notes"]:
        line(console, f"note: {note}")
