"""Options and arguments that several commands share."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

__all__ = [
    "NAMES",
    "Bernoulli",
    "BinMs",
    "BuildPath",
    "Data",
    "EncoderPath",
    "Force",
    "Json",
    "NetworkPath",
    "Output",
    "Polarity",
    "PolarityOption",
    "Samples",
    "Seed",
    "Semantics",
    "Source",
    "Steps",
]


class Polarity(StrEnum):
    """What becomes of the polarities of event recordings."""

    SEPARATE = "separate"
    MERGE = "merge"
    ON = "on"
    OFF = "off"


Json = Annotated[
    bool, typer.Option("--json", help="Print one JSON object; what is for people goes to stderr.")
]
Force = Annotated[
    bool, typer.Option("--force", help="Run although nothing changed; accept files changed by hand.")
]
BuildPath = Annotated[Path, typer.Argument(metavar="BUILD", help="Build directory of spikewright compile.")]
Output = Annotated[Path, typer.Option("--output", "-o", metavar="DIR", help="Folder to write.")]
NetworkPath = Annotated[Path, typer.Argument(metavar="NET.nir", help="Network in NIR.")]
NAMES = "digits, mnist5k, mnist, fashion, nmnist, braille7, dvs_gesture, fsdd, speech_commands"
DATA = f"NAME[:foldK/N][:train|:test][a:b] ({NAMES}), or a path."
Data = Annotated[str | None, typer.Option(metavar="DATA", help=DATA)]
Semantics = Annotated[Path | None, typer.Option(metavar="S.yaml", help="What NIR does not carry.")]
Source = Annotated[
    str | None, typer.Option(metavar="FRAMEWORK", help="Framework that the network comes from.")
]
Bernoulli = Annotated[float | None, typer.Option(metavar="P", help="Random spikes of this probability.")]
Steps = Annotated[int | None, typer.Option(min=1, help="Time steps of a sample.")]
EncoderPath = Annotated[
    Path | None,
    typer.Option("--encoder", metavar="spiketrum.yaml", help="Encoder that makes spikes of sound."),
]
BinMs = Annotated[float | None, typer.Option(metavar="MS", help="Time of a step of event recordings.")]
PolarityOption = Annotated[
    Polarity | None,
    typer.Option("--polarity", help="Of event recordings: a channel each, both as one, or one of them."),
]
Samples = Annotated[int | None, typer.Option(min=1, help="Run so many samples.")]
Seed = Annotated[int, typer.Option(min=0, help="Of everything random.")]
