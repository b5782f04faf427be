"""The figures of every epoch as TensorBoard reads them, where that is installed and asked for."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from spikewright.errors import ConfigError

__all__ = ["Record", "recorded"]

Record = Callable[[int, Mapping[str, float]], None]
"""Takes the number of an epoch, from 1, and its figures by name."""


@contextmanager
def recorded(folder: Path | None) -> Iterator[Record]:
    """Where figures go: event files in a folder, or nowhere if there is none.

    Raises
    ------
    ConfigError
        If the package ``tensorboard`` is not installed, or the folder cannot be written.
    """
    if folder is None:
        yield lambda _epoch, _figures: None
        return
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError:
        must = "needs the package tensorboard: pip install 'spikewright[tensorboard]'"
        raise ConfigError(f"tensorboard: {must}") from None
    try:
        writer = SummaryWriter(str(folder))
    except OSError as error:
        raise ConfigError(f"tensorboard {str(folder)!r}: cannot be written: {error.strerror}") from error

    def record(epoch: int, figures: Mapping[str, float]) -> None:
        for name, value in figures.items():
            writer.add_scalar(name, value, epoch)

    try:
        yield record
    finally:
        writer.close()
