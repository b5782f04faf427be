"""Which lane and slot every neuron lives in."""

import numpy as np
import numpy.typing as npt

from spikewright.errors import ConfigError

__all__ = ["balanced", "default_lanes", "lane_sizes", "natural"]


def default_lanes(neurons: int) -> int:
    """Lanes of a core where none are asked for: at least four neurons a lane, at most eight lanes."""
    return 1 << max(0, min(8, neurons // 4).bit_length() - 1)


def lane_sizes(neurons: int, lanes: int) -> list[int]:
    """Neurons of every lane: all slots are full but those of the last lanes in the last slot."""
    slots = -(-neurons // lanes)
    return [slots if lane < neurons - (slots - 1) * lanes else slots - 1 for lane in range(lanes)]


def natural(neurons: int, lanes: int) -> tuple[int, ...]:
    """Neurons in their own order; places without a neuron (-1) come last."""
    if lanes < 1 or lanes > 32 or lanes & (lanes - 1):
        raise ConfigError(f"lanes must be a power of two in 1..32, not {lanes}")
    slots = -(-neurons // lanes)
    return (*range(neurons), *[-1] * (slots * lanes - neurons))


def balanced(loads: npt.NDArray[np.int64], lanes: int) -> tuple[int, ...]:
    """Neurons spread so that the lanes' loads (synapses) come out even; places without a neuron last.

    Heaviest neuron first into the lane with the least load that has a place left; within a lane in
    their own order.
    """
    neurons = len(loads)
    natural(neurons, lanes)  # checks the number of lanes
    room = lane_sizes(neurons, lanes)
    members: list[list[int]] = [[] for _ in range(lanes)]
    total = [0] * lanes
    for neuron in np.argsort(-loads, kind="stable").tolist():
        lane = min((lane for lane in range(lanes) if room[lane]), key=lambda lane: (total[lane], lane))
        members[lane].append(neuron)
        total[lane] += int(loads[neuron])
        room[lane] -= 1
    slots = -(-neurons // lanes)
    places = np.full((slots, lanes), -1, np.int64)
    for lane, neurons_of_lane in enumerate(members):
        places[: len(neurons_of_lane), lane] = sorted(neurons_of_lane)
    return tuple(places.ravel().tolist())
