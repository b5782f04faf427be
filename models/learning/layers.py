"""Layers by name: ``16c5s2-p2-32c3-p2-64`` as a network to train."""

import re
from dataclasses import dataclass

from spikewright.errors import ConfigError

__all__ = ["LayerSpec", "parse_layers"]

_LAYER = re.compile(r"(?P<size>\d+)(?:c(?P<kernel>\d+)(?:s(?P<stride>\d+))?|(?P<recurrent>r))?")
_POOL = re.compile(r"p(?P<pool>\d+)")


@dataclass(frozen=True, slots=True, kw_only=True)
class LayerSpec:
    """One hidden layer.

    Parameters
    ----------
    size
        Neurons, or channels where there is a kernel.
    kernel, stride
        Of a convolution, square and padded by its half; 0: dense.
    pool
        Sums over so many by so many sources come before it.
    recurrent
        Whether its neurons reach each other, a step later.
    """

    size: int
    kernel: int = 0
    stride: int = 1
    pool: int = 1
    recurrent: bool = False


def parse_layers(text: str) -> tuple[tuple[LayerSpec, ...], int]:
    """Hidden layers, and the pooling before the read-out, of a text.

    Layers stand with hyphens between: ``128`` neurons that all sources reach, ``128r`` that reach each other
    too; ``16c3`` channels of a convolution with kernels of 3 by 3, padded by their half, ``16c5s2`` with a
    stride of 2; ``p2`` sums over 2 by 2 before what follows. No text, no hidden layers.

    Raises
    ------
    ConfigError
        If it is none such; one line that names the layer.
    """
    if not isinstance(text, str):
        raise ConfigError(f"layers: must be text, as '128' or '16c3-p2-32', not {text!r}")
    layers: list[LayerSpec] = []
    pool, plane = 1, True
    for word in text.lower().split("-") if text else ():
        pooled, found = _POOL.fullmatch(word), _LAYER.fullmatch(word)
        if pooled is not None and plane and pool == 1 and int(pooled["pool"]) > 1:
            pool = int(pooled["pool"])
            continue
        if pooled is not None:
            why = "of a plane" if not plane else "of 2 or more, once before a layer"
            raise ConfigError(f"layers: {word} must be sums {why}")
        if found is None:
            must = "must be N, Nr, NcK, NcKsS or pP (128, 38r, 16c3, 16c5s2, p2)"
            raise ConfigError(f"layers: {must}, not {word!r}")
        size, kernel, stride = (int(found[key] or 0) for key in ("size", "kernel", "stride"))
        if not size or (found["kernel"] and not kernel) or (found["stride"] and not stride):
            raise ConfigError(f"layers: {word} must have sizes of 1 or more")
        if kernel and not plane:
            raise ConfigError(f"layers: {word} must not follow a dense layer, which has no plane")
        if kernel and kernel % 2 == 0:
            raise ConfigError(f"layers: {word} must have a kernel of odd size, which is padded by its half")
        layers.append(
            LayerSpec(
                size=size, kernel=kernel, stride=stride or 1, pool=pool, recurrent=bool(found["recurrent"])
            )
        )
        pool, plane = 1, bool(kernel)
    return tuple(layers), pool
