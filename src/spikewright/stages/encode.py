"""Sound files to spikes and back; of a long sound only its spikes take memory."""

from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from spikewright.atomic import written
from spikewright.errors import ConfigError
from spikewright.gammatone import Reals
from spikewright.models.sound import SoundFile, scaling, to_pcm, write_sound
from spikewright.models.spike_file import SpikeFile, read_spikes, write_spikes
from spikewright.models.spiketrum import RealEncoder
from spikewright.models.spiketrum_decode import StreamDecoder, StreamSnr
from spikewright.models.spiketrum_fixed import FixedEncoder
from spikewright.models.spiketrum_spikes import Spikes, join
from spikewright.progress import progress
from spikewright.spiketrum import SpiketrumConfig

if TYPE_CHECKING:
    from spikewright.sound_plot import Picture

__all__ = ["EncodeOptions", "decode_file", "encode_file", "with_rate"]

SECTION = 1 << 17
"""Samples that the float encoder codes at a time: longer recordings in sections, for bounded memory."""

SHOWN_S = 10.0
"""Seconds of sound in a picture."""

DC = 0.01
"""Part of the peak from which an offset is worth a word."""

FORMATS = {".wav": "WAV", ".flac": "FLAC", ".ogg": "OGG"}


@dataclass(frozen=True, slots=True, kw_only=True)
class EncodeOptions:
    """How to encode a file.

    Parameters
    ----------
    fixed
        By the integer encoder, as the hardware does.
    quantised
        Whether amplitudes are levels; the integer encoder knows nothing else.
    window
        Of the float encoder: samples that are coded at a time, each with its own share of the spikes.
    as_it_is
        Neither take out a constant offset nor bring the peak to full scale.
    """

    fixed: bool = False
    quantised: bool = True
    window: int | None = None
    as_it_is: bool = False

    def __post_init__(self) -> None:
        if self.fixed and not self.quantised:
            raise ConfigError("levels must be 1 or more with the integer encoder")
        if self.fixed and self.window is not None:
            raise ConfigError("window belongs to the configuration with the integer encoder")


@dataclass(frozen=True, slots=True, kw_only=True)
class Scaling:
    """What is subtracted from a recording, and what it is then multiplied by."""

    offset: float = 0.0
    gain: float = 1.0


def with_rate(config: SpiketrumConfig, rate_hz: int) -> SpiketrumConfig:
    """The same at another rate; ``burst`` grows where it could not hold it, to twice what a window brings."""
    least = -(-rate_hz * config.window // config.sample_rate_hz)
    return replace(config, rate_hz=rate_hz, burst=config.burst if config.burst >= least else 2 * least)


def encode_file(
    audio: Path,
    output: Path,
    config: SpiketrumConfig,
    options: EncodeOptions | None = None,
    plot: Path | None = None,
) -> dict[str, Any]:
    """Encode a sound file; the object that ``spikewright encode --json`` prints."""
    how = options or EncodeOptions()
    sound = SoundFile(audio, config.sample_rate_hz)
    notes = list(sound.notes)
    scale = Scaling() if how.as_it_is else measure(sound, notes)
    encoder = RealEncoder(config, window=how.window or SECTION, quantised=how.quantised)
    integer = FixedEncoder(config) if how.fixed else None
    bank = encoder.bank if integer is None else integer.tables.real_kernels
    if integer is None and how.window is not None:
        burst = -(-config.burst * how.window // config.window)
        encoder = RealEncoder(config, window=how.window, burst=burst, quantised=how.quantised, bank=bank)
    decoder, snr = StreamDecoder(bank), StreamSnr()
    picture = None if plot is None else start_picture(config, bank, plot)
    samples = clipped = 0
    spikes: list[Spikes] = []

    def took(found: Spikes, until: int) -> None:
        spikes.append(found)
        decoder.add(found)
        decoded = decoder.take(until)
        snr.compare(decoded)
        if picture is not None:
            picture.decoded(decoded)

    with progress("encoding", sound.frames / sound.file_rate_hz) as advance:
        for piece in sound.pieces():
            scaled = (piece - scale.offset) * scale.gain
            pcm, beyond = to_pcm(scaled, config.pcm_bits)
            samples, clipped = samples + len(scaled), clipped + beyond
            snr.push(scaled)
            if picture is not None:
                picture.sound(scaled)
            if integer is None:
                took(encoder.push(scaled), encoder.coded)
            else:
                took(integer.push(pcm), integer.coded)
            advance(len(scaled) / config.sample_rate_hz)
        took(encoder.finish() if integer is None else integer.finish(), samples)
    found = join(spikes)
    asked = config.spikes(samples)
    if clipped and how.fixed:
        notes.append(f"samples beyond full scale, clipped: {clipped}")
    if len(found) < asked:
        notes.append(f"{asked - len(found)} spikes less than the rate allows: silence had no use for them")
    file = SpikeFile(spikes=found, config=config, fixed=how.fixed, samples=samples, gain=scale.gain)
    write_spikes(output, file)
    if picture is not None and plot is not None:
        with written(plot) as temporary:
            picture.write(temporary, found, snr.db)
    duration = samples / config.sample_rate_hz
    return {
        "spikes": len(found), "spikes_per_second": len(found) / duration, "snr_db": snr.db,
        "duration_s": duration, "asked": asked, "samples": samples,
        "encoder": "fixed" if how.fixed else "float", "quantised": how.quantised, "gain": scale.gain,
        "clipped": clipped, "config": asdict(config), "notes": notes,
    }  # fmt: skip


def measure(sound: SoundFile, notes: list[str]) -> Scaling:
    """Offset and gain that bring a recording's peak to full scale."""
    total, count, low, high = 0.0, 0, np.inf, -np.inf
    for piece in sound.pieces():
        if len(piece):
            total, count = total + float(piece.sum()), count + len(piece)
            low, high = min(low, float(piece.min())), max(high, float(piece.max()))
    offset, gain = scaling(total / count, low, high)
    if abs(offset) > DC * max(high, -low):
        notes.append(f"constant offset of {offset:.3g} of full scale taken out")
    return Scaling(offset=offset, gain=gain)


def start_picture(config: SpiketrumConfig, bank: Reals, plot: Path) -> "Picture":
    """A picture to be drawn while the sound runs by."""
    from spikewright.sound_plot import Picture

    return Picture(config, bank, SHOWN_S, plot.suffix.lower())


def decode_file(source: Path, output: Path) -> dict[str, Any]:
    """Decode a file of spikes to a sound file; what was done."""
    suffix = output.suffix.lower()
    if suffix not in FORMATS:
        raise ConfigError(f"{output}: must end with {', '.join(FORMATS)}, not {output.suffix or 'nothing'!r}")
    file = read_spikes(source)
    if not file.samples:
        raise ConfigError(f"{source}: must have samples to decode, and has none")
    peak = 0.0

    def pieces() -> Iterator[Reals]:
        nonlocal peak
        decoder, spikes = StreamDecoder(file.bank), file.spikes.in_time()
        for first in range(0, file.samples, SECTION):
            end = min(first + SECTION, file.samples)
            decoder.add(spikes[slice(*np.searchsorted(spikes.position, [first, end]))])
            piece = decoder.take(end) / file.gain
            peak = max(peak, float(np.abs(piece).max()))
            yield piece

    with written(output) as temporary:
        clipped = write_sound(temporary, pieces(), file.config.sample_rate_hz, FORMATS[suffix])
    duration = file.samples / file.config.sample_rate_hz
    return {
        "spikes": len(file.spikes), "duration_s": duration, "samples": file.samples,
        "sample_rate_hz": file.config.sample_rate_hz, "peak": peak, "clipped": clipped,
        "notes": [f"samples beyond full scale, clipped: {clipped}"] if clipped else [],
    }  # fmt: skip
