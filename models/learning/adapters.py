"""What brings feature maps of two networks together: planes of one size, as many channels."""

import math

import torch
from torch.nn.functional import batch_norm

from spikewright.errors import ConfigError

__all__ = ["ChannelAdapter", "same_plane"]


def same_plane(
    student: torch.Tensor, teacher: torch.Tensor, pair: tuple[str, str]
) -> tuple[torch.Tensor, torch.Tensor]:
    """Both maps ``(batch, channels, *plane)``, the larger averaged down onto the smaller one's plane.

    Raises
    ------
    ConfigError
        If the planes are not multiples of each other along every axis.
    """
    planes = student.shape[2:], teacher.shape[2:]
    fits = len(planes[0]) == len(planes[1]) and len(student) == len(teacher)
    smaller = tuple(min(sizes) for sizes in zip(*planes, strict=False))
    if not fits or any(size % less for plane in planes for size, less in zip(plane, smaller, strict=True)):
        raise ConfigError(
            f"features {pair[0]!r} and {pair[1]!r} must have planes that divide one another, "
            f"not shapes {tuple(student.shape)} and {tuple(teacher.shape)}"
        )
    return _averaged(student, smaller), _averaged(teacher, smaller)


def _averaged(values: torch.Tensor, plane: tuple[int, ...]) -> torch.Tensor:
    for axis, size in enumerate(plane, start=2):
        if values.shape[axis] != size:
            parts = torch.unflatten(values, axis, (size, -1))
            values = parts.mean(dim=axis + 1)
    return values


class ChannelAdapter(torch.nn.Module):
    """A linear map of the channels, the same in every place: a 1x1 convolution of planes of any rank.

    Parameters
    ----------
    inputs, outputs
        Channels of both ends.
    generator
        Draws the weights, normal with variance ``1 / inputs``.
    normalize
        Whether a batch normalisation follows, as in Heo et al. 2019.
    """

    def __init__(self, inputs: int, outputs: int, *, generator: torch.Generator, normalize: bool) -> None:
        super().__init__()
        drawn = torch.randn(outputs, inputs, generator=generator) / math.sqrt(inputs)
        self.weight = torch.nn.Parameter(drawn)
        self.norm = torch.nn.BatchNorm1d(outputs) if normalize else torch.nn.Identity()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """``(batch, inputs, *plane)`` to ``(batch, outputs, *plane)``."""
        mapped: torch.Tensor = self.weight @ x.reshape(*x.shape[:2], -1)
        norm = self.norm
        if isinstance(norm, torch.nn.BatchNorm1d) and mapped.shape[0] * mapped.shape[2] == 1:
            # A single value a channel has no variance: the statistics so far stand in.
            mapped = batch_norm(
                mapped, norm.running_mean, norm.running_var, norm.weight, norm.bias, eps=norm.eps
            )
        else:
            mapped = norm(mapped)
        return mapped.reshape(len(x), -1, *x.shape[2:])
