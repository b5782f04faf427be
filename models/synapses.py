"""What sources send, times weights, of matrices and of convolutions: exact wherever the dtype can be."""

import torch
from torch.nn.functional import pad

from spikewright.convolution import Convolution

__all__ = ["kernel_matrices", "product", "sum_pool"]

WINDOW_BYTES = 1 << 24
"""Memory for the windows that a convolution sees at once: as many rows as fit are worked on together."""


def product(sent: torch.Tensor, weights: torch.Tensor, convolution: Convolution | None) -> torch.Tensor:
    """Sum over the sources, ``(..., sources)`` to ``(..., targets)``, in the dtype of the weights.

    A matrix product in either case, never one of torch's convolutions: those may transform the integers
    (Winograd, in oneDNN, NNPACK and cuDNN) and then round.

    Parameters
    ----------
    sent
        What each source sends, of any dtype.
    weights
        ``(sources, targets)``, or the :func:`kernel_matrices` of the convolution.
    """
    if convolution is None:
        return sent.to(weights.dtype) @ weights
    rows = sent.reshape(-1, sent.shape[-1])
    targets = convolution.target[0] * convolution.target[1] * convolution.target[2]
    result = weights.new_empty(len(rows), targets)
    per_row = weights.shape[0] * weights.shape[2] * targets // convolution.target[0] * weights.element_size()
    block = max(1, WINDOW_BYTES // max(1, per_row))
    for start in range(0, len(rows), block):
        convolve(rows[start : start + block].to(weights.dtype), weights, convolution,
                 result[start : start + block])  # fmt: skip
    return result.view(*sent.shape[:-1], targets)


def kernel_matrices(kernel: torch.Tensor, convolution: Convolution) -> torch.Tensor:
    """The kernel as one matrix a group, ``(groups, channels a group, taps of a target)``."""
    return kernel.reshape(convolution.groups, convolution.channels_a_group, -1).contiguous()


def sum_pool(planes: torch.Tensor, down: int, across: int) -> torch.Tensor:
    """Sums over windows of ``down`` by ``across`` places, ``(..., height, width)``; what is over is left out.

    Strided views are added, exactly in any dtype, many times faster than a reduction over short axes.
    """
    high, wide = planes.shape[-2] // down, planes.shape[-1] // across
    lines = planes[..., : high * down : down, :]
    for y in range(1, down):
        lines = lines + planes[..., y : high * down : down, :]
    pooled = lines[..., : wide * across : across]
    for x in range(1, across):
        pooled = pooled + lines[..., x : wide * across : across]
    return pooled


def convolve(rows: torch.Tensor, kernels: torch.Tensor, convolution: Convolution, out: torch.Tensor) -> None:
    """Windows of every target side by side, then one matrix product a group."""
    planes = rows.view(len(rows), *convolution.source)
    down, across = convolution.pool
    if (down, across) != (1, 1):
        planes = sum_pool(planes, down, across)
    padding = []
    for axis in (1, 0):  # the last axis first
        before, length = convolution.padding[axis], planes.shape[axis + 2]
        reach = (convolution.target[axis + 1] - 1) * convolution.stride[axis]
        reach += (convolution.size[axis] - 1) * convolution.dilation[axis] + 1
        padding += [before, max(0, reach - before - length)]
    if any(padding):
        planes = pad(planes, padding)
    planes = planes.contiguous()
    row, channel, line, _ = planes.stride()
    within = convolution.source[0] // convolution.groups
    (stride_y, stride_x), (dilation_y, dilation_x) = convolution.stride, convolution.dilation
    windows = planes.as_strided(
        (len(rows), convolution.groups, within, *convolution.size, *convolution.target[1:]),
        (row, within * channel, channel, dilation_y * line, dilation_x, stride_y * line, stride_x),
    )
    places = convolution.target[1] * convolution.target[2]
    windows = windows.reshape(len(rows), convolution.groups, -1, places)
    results = out.view(len(rows), convolution.groups, convolution.channels_a_group, places)
    for group, kernel in enumerate(kernels):
        results[:, group] = kernel.expand(len(rows), -1, -1) @ windows[:, group]
