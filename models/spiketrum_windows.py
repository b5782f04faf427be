"""What the integer spiketrum encoder does window by window: for counts and clocks of the hardware."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from spikewright.models.spiketrum_fixed import encode_fixed
from spikewright.spiketrum import SpiketrumConfig
from spikewright.spiketrum_tables import make_tables

__all__ = ["Window", "spiketrum_windows"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """What the encoder does with a window.

    Parameters
    ----------
    positions
        Samples at which spikes may start.
    spikes
        Channel and position of each, in their order.
    lines
        On which each is sent.
    silent
        Whether it ends since there is nothing left to code; else since there is no credit, or no room.
    """

    positions: int
    spikes: tuple[tuple[int, int], ...]
    lines: tuple[int, ...]
    silent: bool

    @property
    def channels(self) -> list[int]:
        """Of the spikes."""
        return [channel for channel, _ in self.spikes]


def spiketrum_windows(config: SpiketrumConfig, samples: npt.NDArray[np.int64]) -> Iterator[Window]:
    """The windows of a recording, by the integer encoder's spikes."""
    found = encode_fixed(samples, config, make_tables(config))
    lines = found.lines(config)
    price, credit = config.sample_rate_hz, config.sample_rate_hz // 2
    for start in range(0, len(samples), config.window):
        inside = found.position // config.window == start // config.window
        positions = min(config.window, len(samples) - start)
        places = (found.position[inside] - start).tolist()
        spikes = tuple(zip(found.channel[inside].tolist(), places, strict=True))
        credit += config.rate_hz * positions - price * len(spikes)
        yield Window(positions=positions, spikes=spikes, lines=tuple(lines[inside].tolist()),
                     silent=credit >= price and len(spikes) < config.burst)
        credit = min(credit, config.burst * price + price - 1)
