"""Augmentation: samples moved in space and time, events left out; training sees more than there is."""

import torch

__all__ = ["drop_events", "shift_images", "shift_planes", "shift_steps"]


def shift_images(images: torch.Tensor, most: int, generator: torch.Generator) -> torch.Tensor:
    """Each image ``(batch, height, width)`` moved by up to ``most`` pixels both ways, zeros coming in."""
    if not most:
        return images
    batch, height, width = images.shape
    padded = torch.nn.functional.pad(images, (most, most, most, most))
    windows = padded.unfold(1, height, 1).unfold(2, width, 1)
    rows, columns = torch.randint(0, 2 * most + 1, (2, batch), generator=generator)
    return windows[torch.arange(batch), rows, columns]


def shift_planes(samples: torch.Tensor, most: int, generator: torch.Generator) -> torch.Tensor:
    """Each sample ``(batch, ..., height, width)`` moved as a whole, as :func:`shift_images` moves images."""
    shifts = torch.randint(-most, most + 1, (len(samples), 2), generator=generator).tolist()
    moved = torch.zeros_like(samples)
    height, width = samples.shape[-2:]
    for sample, target, (down, right) in zip(samples, moved, shifts, strict=True):
        rows, columns = max(0, height - abs(down)), max(0, width - abs(right))
        to_y, to_x = max(down, 0), max(right, 0)
        from_y, from_x = max(-down, 0), max(-right, 0)
        target[..., to_y : to_y + rows, to_x : to_x + columns] = sample[
            ..., from_y : from_y + rows, from_x : from_x + columns
        ]
    return moved


def shift_steps(samples: torch.Tensor, most: int, generator: torch.Generator) -> torch.Tensor:
    """Each sample ``(batch, steps, ...)`` moved in time by up to ``most`` steps, silence coming in."""
    steps = samples.shape[1]
    late = torch.randint(-most, most + 1, (len(samples), 1), generator=generator)
    origin = torch.arange(steps) - late
    within = (origin >= 0) & (origin < steps)
    moved = samples[torch.arange(len(samples))[:, None], origin.clamp(0, steps - 1)]
    return moved * within.view(*within.shape, *(1,) * (samples.ndim - 2))


def drop_events(samples: torch.Tensor, most: float, generator: torch.Generator) -> torch.Tensor:
    """Counts ``(batch, steps, ...)``; an event is left out with its sample's own probability, to ``most``."""
    share = torch.rand(len(samples), generator=generator) * most
    kept = (1 - share).view(-1, *(1,) * (samples.ndim - 1)).expand(samples.shape)
    return torch.binomial(samples.float(), kept, generator=generator)
