"""Which lane and slot every neuron lives in."""

import numpy as np
import numpy.typing as npt

from spikewright.errors import ConfigError

__all__ = ["balanced", "check_lanes", "default_lanes", "lane_sizes", "natural"]

Integers = npt.NDArray[np.int64]

SILENT = 10
"""One source in so many fires in a step, as far as placement knows; what it finds hardly depends on it."""
PASSES = 8
"""Rounds of swaps, each over all neurons; random rows settle in about as many."""
SWAPPED_NEURONS = 2048
"""Larger populations are balanced by their totals alone: swaps take time with their square."""


def default_lanes(neurons: int) -> int:
    """Lanes of a core where none are asked for: at least four neurons a lane, at most eight lanes."""
    return 1 << max(0, min(8, neurons // 4).bit_length() - 1)


def check_lanes(lanes: int) -> None:
    """Refuse a number of lanes that no core has."""
    if lanes < 1 or lanes > 32 or lanes & (lanes - 1):
        raise ConfigError(f"lanes must be a power of two in 1..32, not {lanes}")


def lane_sizes(neurons: int, lanes: int) -> list[int]:
    """Neurons of every lane: all slots are full but those of the last lanes in the last slot."""
    slots = -(-neurons // lanes)
    return [slots if lane < neurons - (slots - 1) * lanes else slots - 1 for lane in range(lanes)]


def natural(neurons: int, lanes: int) -> tuple[int, ...]:
    """Neurons in their own order; places without a neuron (-1) come last."""
    check_lanes(lanes)
    slots = -(-neurons // lanes)
    return (*range(neurons), *[-1] * (slots * lanes - neurons))


def balanced(synapses: npt.NDArray[np.bool_], lanes: int) -> tuple[int, ...]:
    """Neurons spread so that the lanes end every step together; places without a neuron last.

    ``synapses`` is ``(neurons, sources)``. Where a source fires with probability p, a lane's work in a
    step, squared, is on average ``p * (all its synapses)**2 + (1 - p) * (sum over sources of its
    synapses squared)``. The sum of that over lanes becomes small where totals are even and every
    source's synapses lie in as many lanes as they can. Heaviest neuron first into the lightest lane
    evens the totals; then neurons change places with one another for as long as it helps.
    Within a lane they keep their own order.
    """
    neurons = len(synapses)
    natural(neurons, lanes)  # checks the number of lanes
    lane_of = by_load(np.count_nonzero(synapses, axis=1), lanes)
    if lanes > 1 and neurons <= SWAPPED_NEURONS:
        swap(lane_of, lanes, together(synapses))
    slots = -(-neurons // lanes)
    places = np.full((slots, lanes), -1, np.int64)
    for lane in range(lanes):
        members = np.flatnonzero(lane_of == lane)
        places[: len(members), lane] = members
    return tuple(places.ravel().tolist())


def by_load(loads: Integers, lanes: int) -> Integers:
    """The lane of every neuron: heaviest first into the lane with the least load that has a place left."""
    room = lane_sizes(len(loads), lanes)
    total = [0] * lanes
    lane_of = np.zeros(len(loads), np.int64)
    for neuron in np.argsort(-loads, kind="stable").tolist():
        lane = min((lane for lane in range(lanes) if room[lane]), key=lambda lane: (total[lane], lane))
        lane_of[neuron] = lane
        total[lane] += int(loads[neuron])
        room[lane] -= 1
    return lane_of


def together(synapses: npt.NDArray[np.bool_]) -> Integers:
    """What two neurons add to the squared work of a lane that has both, ``(neurons, neurons)``; integers."""
    matrix = synapses.astype(np.float32)  # counts below 2**24, exact
    shared = (matrix @ matrix.T).astype(np.int64)
    loads = shared.diagonal()
    return (SILENT - 1) * shared + np.outer(loads, loads)


def swap(lane_of: Integers, lanes: int, cost: Integers) -> None:
    """Let neurons of two lanes change places while that lowers the sum of ``cost`` within lanes."""
    neurons = np.arange(len(cost))
    own = cost.diagonal()
    within = np.stack([cost[:, lane_of == lane].sum(axis=1) for lane in range(lanes)], axis=1)
    for _ in range(PASSES):
        settled = True
        for neuron in range(len(cost)):
            lane = lane_of[neuron]
            change = (
                within[neuron, lane_of] - within[neuron, lane] + own[neuron]
                + within[:, lane] - within[neurons, lane_of] + own
                - 2 * cost[neuron]
            )  # fmt: skip
            change[lane_of == lane] = 0
            other = int(change.argmin())
            if change[other] < 0:
                moved = cost[neuron] - cost[other]
                within[:, lane] -= moved
                within[:, lane_of[other]] += moved
                lane_of[neuron], lane_of[other] = lane_of[other], lane
                settled = False
        if settled:
            return
