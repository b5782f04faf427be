"""Files of spikes: an npz that says by itself how to decode it."""

import json
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any
from zipfile import is_zipfile

import numpy as np

from spikewright.atomic import written
from spikewright.errors import ConfigError
from spikewright.gammatone import Reals
from spikewright.models.files import read_arrays
from spikewright.models.spiketrum import kernel_bank
from spikewright.models.spiketrum_spikes import Spikes
from spikewright.spiketrum import SpiketrumConfig
from spikewright.spiketrum_tables import make_tables

__all__ = ["SpikeFile", "read_spikes", "write_spikes"]

MOST_SAMPLES = 1 << 31


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class SpikeFile:
    """Spikes of a recording, and what they are spikes of.

    Parameters
    ----------
    spikes
        In the order in which they were chosen.
    config
        Of the encoder.
    fixed
        Whether the integer encoder made them: its kernels are integers.
    samples
        Length of the recording at the encoder's rate.
    gain
        What the recording was multiplied by before it was encoded.
    """

    spikes: Spikes
    config: SpiketrumConfig
    fixed: bool
    samples: int
    gain: float = 1.0

    @property
    def bank(self) -> Reals:
        """The kernels that the spikes stand for."""
        return make_tables(self.config).real_kernels if self.fixed else kernel_bank(self.config)


def write_spikes(path: Path, file: SpikeFile) -> None:
    """Write the file; it is there whole or not at all."""
    spikes = file.spikes
    settings = json.dumps(asdict(file.config))
    with written(path) as temporary, temporary.open("wb") as stream:
        np.savez_compressed(
            stream, position=spikes.position, channel=spikes.channel.astype(np.int16),
            level=spikes.level.astype(np.int8), amplitude=spikes.amplitude, samples=np.int64(file.samples),
            gain=np.float64(file.gain), fixed=np.bool_(file.fixed), config=np.array(settings),
        )  # fmt: skip


def read_spikes(path: Path) -> SpikeFile:
    """Read a file that ``spikewright encode`` wrote.

    Raises
    ------
    ConfigError
        If there is none, or something in it is not as it must be.
    """
    if path.is_file() and not is_zipfile(path):
        raise ConfigError(f"{path}: must be spikes that `spikewright encode` wrote, and is no npz")
    wanted = ("position", "channel", "level", "amplitude", "samples", "gain", "fixed", "config")
    arrays, keys = read_arrays(path, wanted)
    missing = [key for key in wanted if key not in arrays]
    if missing:
        raise ConfigError(f"{path}: must hold {', '.join(missing)} as well as {', '.join(keys) or 'nothing'}")
    config = config_of(arrays["config"], path)
    samples, gain = scalar(arrays, "samples", "iu", path), scalar(arrays, "gain", "f", path)
    if not 0 <= samples <= MOST_SAMPLES:
        raise ConfigError(f"{path}: samples must be in 0..{MOST_SAMPLES}, not {samples}")
    if not (np.isfinite(gain) and gain > 0):
        raise ConfigError(f"{path}: gain must be above 0, not {gain}")
    count = arrays["position"].shape
    for key, kinds in (("position", "iu"), ("channel", "iu"), ("level", "iu"), ("amplitude", "f")):
        array = arrays[key]
        if array.ndim != 1 or array.shape != count or array.dtype.kind not in kinds:
            kind = "integers" if kinds == "iu" else "real numbers"
            raise ConfigError(
                f"{path}: {key} must be {kind} of shape {count}, not {array.dtype} of shape {array.shape}"
            )
    limits = (
        ("position", 0, samples - 1),
        ("channel", 0, config.channels - 1),
        ("level", -1, config.levels - 1),
    )
    for key, low, high in limits:
        beyond = arrays[key][(arrays[key] < low) | (arrays[key] > high)]
        if len(beyond):
            raise ConfigError(f"{path}: {key} must be in {low}..{high}, not {beyond[0]}")
    if not np.isfinite(arrays["amplitude"]).all():
        raise ConfigError(f"{path}: amplitude must be finite")
    spikes = Spikes(
        position=arrays["position"].astype(np.int64),
        channel=arrays["channel"].astype(np.int64),
        level=arrays["level"].astype(np.int64),
        amplitude=arrays["amplitude"].astype(np.float64),
    )
    fixed = bool(scalar(arrays, "fixed", "b", path))
    return SpikeFile(spikes=spikes, config=config, fixed=fixed, samples=int(samples), gain=float(gain))


def scalar(arrays: dict[str, Any], key: str, kinds: str, path: Path) -> Any:
    """The one number of an array."""
    array = arrays[key]
    if array.shape != () or array.dtype.kind not in kinds:
        raise ConfigError(f"{path}: {key} must be one number, not {array.dtype} of shape {array.shape}")
    return array.item()


def config_of(array: Any, path: Path) -> SpiketrumConfig:
    """The configuration, from its text; what it does not say is as by default."""
    try:
        settings = json.loads(str(array))
        known = {field.name: type(field.default) for field in fields(SpiketrumConfig)}
        if not isinstance(settings, dict):
            raise ConfigError(f"must be a mapping, not {type(settings).__name__}")
        settings["gains"] = tuple(settings.get("gains", ()))
        for key, given in settings.items():
            if key not in known:
                raise ConfigError(f"{key} is not a key")
            kind = known[key]
            if not isinstance(given, kind) and not (kind is float and isinstance(given, int)):
                raise ConfigError(f"{key} must be of type {kind.__name__}, not {given!r}")
        return SpiketrumConfig(**settings)
    except (ValueError, TypeError, KeyError) as error:
        raise ConfigError(f"{path}: config: {error}") from None
