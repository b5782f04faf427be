"""Which lane and slot neurons live in."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from spikewright.compiler.placement import balanced, default_lanes, lane_sizes, natural
from spikewright.errors import ConfigError


@pytest.mark.parametrize(
    ("neurons", "lanes"), [(1, 1), (7, 1), (8, 2), (10, 2), (15, 2), (16, 4), (31, 4), (32, 8), (1000, 8)]
)
def test_default_lanes(neurons: int, lanes: int) -> None:
    assert default_lanes(neurons) == lanes


@given(st.integers(1, 200), st.sampled_from([1, 2, 4, 8, 16, 32]), st.integers(0, 2**32))
def test_every_neuron_has_one_place_and_empty_places_come_last(neurons: int, lanes: int, seed: int) -> None:
    loads = np.random.default_rng(seed).integers(0, 50, neurons)
    for placement in (natural(neurons, lanes), balanced(loads, lanes)):
        assert len(placement) == -(-neurons // lanes) * lanes
        assert sorted(placement[:neurons]) == list(range(neurons))
        assert set(placement[neurons:]) <= {-1}
    assert lane_sizes(neurons, lanes) == [
        sum(n >= 0 for n in natural(neurons, lanes)[lane::lanes]) for lane in range(lanes)
    ]


@given(st.integers(8, 200), st.sampled_from([2, 4, 8]), st.integers(0, 2**32))
def test_full_lanes_are_loaded_evenly(slots: int, lanes: int, seed: int) -> None:
    loads = np.random.default_rng(seed).integers(0, 50, slots * lanes)
    placed = np.array(balanced(loads, lanes)).reshape(-1, lanes)
    totals = loads[placed].sum(axis=0)
    # Heaviest first into the lightest lane: lanes end within one heaviest neuron of each other.
    assert totals.max() - totals.min() <= loads.max()


def test_balance_beats_the_natural_order_where_neurons_differ() -> None:
    loads = np.array([100, 1, 1, 1] * 8)  # in order, all heavy neurons share a lane
    totals = loads[np.array(balanced(loads, 4)).reshape(-1, 4)].sum(axis=0)
    assert totals.max() - totals.min() <= 1


@pytest.mark.parametrize("lanes", [0, 3, 64])
def test_lanes_must_be_a_power_of_two(lanes: int) -> None:
    with pytest.raises(ConfigError, match=rf"^lanes must be a power of two in 1\.\.32, not {lanes}$"):
        natural(8, lanes)
