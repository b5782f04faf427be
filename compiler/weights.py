"""Integer weights of an edge, and what they lose."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from spikewright.compiler.scales import by_row
from spikewright.errors import ConfigError
from spikewright.fixed import signed_range
from spikewright.ir import RealEdge

__all__ = ["Loss", "edge_loss", "weight_codes"]

Integers = npt.NDArray[np.int64]
Reals = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Loss:
    """What quantization cost the weights of one edge.

    Parameters
    ----------
    scale
        Codes per 1.0; the largest, where neurons have their own.
    max_abs_error
        Largest error of a weight, in units of the real network.
    relative
        The same over the largest weight.
    rms_relative
        Root of the mean squared error over that of the weights.
    zeroed, clipped
        Weights that were not 0 and became 0; weights that were beyond the largest code.
    """

    source: str
    target: str
    node: str
    scale: float
    max_abs_error: float
    relative: float
    rms_relative: float
    zeroed: int
    clipped: int


def weight_codes(edge: RealEdge, scales: Reals, source_scale: float, weight_bits: int) -> Integers:
    """Integer weights; an edge that would lose all of them is refused."""
    low, high = signed_range(weight_bits)
    factor = by_row(edge, scales) / source_scale
    codes = np.clip(np.rint(edge.weights * factor), low, high).astype(np.int64)
    largest = float(np.abs(edge.weights).max(initial=0.0))
    if largest and not codes.any():
        raise ConfigError(
            f"{edge.node or edge.source}: all weights become 0 at scale {float(factor.max()):.4g}, where the"
            f" largest is {largest:.4g}: rescale the layers into {edge.target!r}, or take more weight bits"
        )
    return codes


def edge_loss(edge: RealEdge, codes: Integers, scales: Reals, source_scale: float, weight_bits: int) -> Loss:
    """Error of an edge's weights."""
    factor = by_row(edge, scales) / source_scale
    error = codes / factor - edge.weights
    largest = float(np.abs(edge.weights).max(initial=0.0))
    most, power = float(np.abs(error).max(initial=0.0)), float(np.square(edge.weights).sum())
    low, high = signed_range(weight_bits)
    wanted = np.rint(edge.weights * factor)
    return Loss(
        source=edge.source,
        target=edge.target,
        node=edge.node,
        scale=float(scales.max()),
        max_abs_error=most,
        relative=most / largest if largest else 0.0,
        rms_relative=float(np.sqrt(np.square(error).sum() / power)) if power else 0.0,
        zeroed=int(np.count_nonzero((codes == 0) & (edge.weights != 0))),
        clipped=int(np.count_nonzero((wanted < low) | (wanted > high))),
    )
