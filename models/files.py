"""Reads arrays from files of strangers: npz without pickles, gzipped IDX; what is wrong in one line."""

import gzip
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from spikewright.errors import ConfigError

__all__ = ["read_arrays", "read_idx", "read_npz", "reason"]


def read_arrays(path: Path, wanted: tuple[str, ...]) -> tuple[dict[str, npt.NDArray[Any]], list[str]]:
    """Those of the wanted arrays that an npz has, and the names of all that it has.

    Raises
    ------
    ConfigError
        If there is no such file, it is no npz, is cut short or holds objects.
    """
    place = f"data {str(path)!r}"
    try:
        with path.open("rb") as file:
            archive = np.load(file, allow_pickle=False)
            keys = sorted(archive) if isinstance(archive, np.lib.npyio.NpzFile) else None
            arrays = {key: archive[key] for key in wanted if keys is not None and key in keys}
    except FileNotFoundError:
        raise ConfigError(f"{place}: there is no such file") from None
    except (
        Exception
    ) as error:  # a hostile file may raise anything: zip, zlib, header and memory errors among it
        raise ConfigError(f"{place}: must be a readable npz without objects: {reason(error)}") from error
    if keys is None:
        raise ConfigError(f"{place}: must be an npz archive, not a single array")
    return {key: array for key, array in arrays.items() if isinstance(array, np.ndarray)}, keys


def read_npz(path: Path) -> tuple[npt.NDArray[Any], npt.NDArray[np.int64] | None]:
    """``x`` (samples, steps, *shape), and ``y`` (samples,) if the file has it.

    Raises
    ------
    ConfigError
        As of :func:`read_arrays`, or if an array does not fit.
    """
    place = f"data {str(path)!r}"
    arrays, keys = read_arrays(path, ("x", "y"))
    if "x" not in arrays:
        raise ConfigError(f"{place}: must hold an array x, not only {keys}")
    x, y = arrays["x"], arrays.get("y")
    if x.ndim < 3 or x.dtype.kind not in "buif" or 0 in x.shape:
        raise ConfigError(
            f"{place}: x must be numbers of shape (samples, steps, *input shape),"
            f" not {x.dtype} of shape {x.shape}"
        )
    if x.dtype.kind == "f" and not np.isfinite(x).all():
        raise ConfigError(f"{place}: x must be finite")
    if y is None:
        return x, None
    if y.shape != x.shape[:1] or y.dtype.kind not in "ui" or int(y.min()) < 0:
        raise ConfigError(
            f"{place}: y must be integers from 0 up of shape {x.shape[:1]}, not {y.dtype} of shape {y.shape}"
        )
    return x, y.astype(np.int64)


def read_idx(path: Path, *, axes: int) -> npt.NDArray[np.uint8]:
    """A gzipped IDX file of bytes with that many axes.

    Raises
    ------
    ConfigError
        If there is no such file, or it is not a whole IDX file of that kind.
    """
    try:
        data = gzip.decompress(path.read_bytes())
    except (OSError, EOFError, zlib.error) as error:
        raise ConfigError(f"data {str(path)!r}: must be a gzipped IDX file: {reason(error)}") from error
    head = 4 + 4 * axes
    if data[:4] != bytes((0, 0, 8, axes)) or len(data) < head:
        raise ConfigError(f"data {str(path)!r}: must be an IDX file of bytes with {axes} axes")
    shape = tuple(int.from_bytes(data[i : i + 4], "big") for i in range(4, head, 4))
    size = int(np.prod(shape, dtype=object))
    if len(data) - head != size:
        raise ConfigError(
            f"data {str(path)!r}: must hold {size} bytes for shape {shape}, not {len(data) - head}"
        )
    return np.frombuffer(data, np.uint8, offset=head).reshape(shape)


def reason(error: Exception) -> str:
    """Why a file could not be read, in a few words of one line."""
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return (str(error) or type(error).__name__).splitlines()[0]
