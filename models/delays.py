"""What arrives in a step over edges with a delay: in all steps at once, or as the steps go by."""

import torch

from spikewright.neuron import Levels

__all__ = ["Delay", "History", "arriving", "delay_of"]

Delay = torch.Tensor | int
"""Steps by which spikes come later, of all sources or of each, ``(sources,)``."""


def delay_of(levels: Levels, device: torch.device) -> Delay:
    """Delay of an edge."""
    return levels[0] if len(set(levels)) == 1 else torch.tensor(levels, device=device)


def arriving(sent: torch.Tensor, delay: Delay) -> torch.Tensor:
    """What ``sent``, ``(samples, steps, sources)``, brings in each step: 0 before its delay is over."""
    samples, steps, sources = sent.shape
    if isinstance(delay, int):
        if not delay:
            return sent
        late = torch.zeros_like(sent)
        late[:, delay:] = sent[:, : max(0, steps - delay)]
        return late
    origin = torch.arange(steps, device=sent.device)[:, None] - delay
    late = sent.gather(1, origin.clamp(min=0).expand(samples, steps, sources))
    return late * (origin >= 0).to(sent.dtype)


class History:
    """What a population sends, kept as its steps go by.

    Parameters
    ----------
    like
        A tensor of the dtype and the device, of what it sends.
    early
        Steps before the first that are read: the longest delay.
    """

    def __init__(self, samples: int, early: int, steps: int, size: int, *, like: torch.Tensor) -> None:
        self._early = early
        self._all = like.new_zeros(samples, early + steps, size)
        self._rows = self._all.unbind(1)  # quicker than an index in every step
        self._columns = torch.arange(size, device=like.device)

    @property
    def sent(self) -> torch.Tensor:
        """All steps, ``(samples, steps, size)``."""
        return self._all[:, self._early :]

    def put(self, step: int, outputs: torch.Tensor) -> None:
        """Keep what was sent in a step, ``(samples, size)``."""
        self._rows[self._early + step].copy_(outputs)

    def arriving(self, step: int, delay: Delay) -> torch.Tensor:
        """What comes out in a step with that delay, ``(samples, size)``."""
        origin = self._early + step - delay
        return self._rows[origin] if isinstance(origin, int) else self._all[:, origin, self._columns]
