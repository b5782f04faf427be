"""Which lane and slot neurons live in."""

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spikewright.compiler.placement import (
    SWAPPED_NEURONS,
    balanced,
    by_load,
    default_lanes,
    lane_sizes,
    natural,
)
from spikewright.errors import ConfigError

Booleans = npt.NDArray[np.bool_]


def random_synapses(neurons: int, sources: int, density: float, seed: int) -> Booleans:
    return np.random.default_rng(seed).random((neurons, sources)) < density


def by_lane(synapses: Booleans, placement: tuple[int, ...], lanes: int) -> npt.NDArray[np.int64]:
    """Synapses of every source in every lane, ``(lanes, sources)``."""
    places = np.array(placement).reshape(-1, lanes)
    return np.stack([synapses[column[column >= 0]].sum(axis=0) for column in places.T])


@pytest.mark.parametrize(
    ("neurons", "lanes"), [(1, 1), (7, 1), (8, 2), (10, 2), (15, 2), (16, 4), (31, 4), (32, 8), (1000, 8)]
)
def test_default_lanes(neurons: int, lanes: int) -> None:
    assert default_lanes(neurons) == lanes


@given(st.integers(1, 200), st.sampled_from([1, 2, 4, 8, 16, 32]), st.integers(0, 2**32))
def test_every_neuron_has_one_place_and_empty_places_come_last(neurons: int, lanes: int, seed: int) -> None:
    synapses = random_synapses(neurons, 20, 0.2, seed)
    for placement in (natural(neurons, lanes), balanced(synapses, lanes)):
        assert len(placement) == -(-neurons // lanes) * lanes
        assert sorted(placement[:neurons]) == list(range(neurons))
        assert set(placement[neurons:]) <= {-1}
    assert lane_sizes(neurons, lanes) == [
        sum(n >= 0 for n in natural(neurons, lanes)[lane::lanes]) for lane in range(lanes)
    ]


@given(st.integers(8, 50), st.sampled_from([2, 4, 8]), st.integers(0, 2**32))
@settings(max_examples=30, deadline=None)
def test_totals_of_full_lanes_are_even(slots: int, lanes: int, seed: int) -> None:
    synapses = random_synapses(slots * lanes, 100, 0.3, seed)
    totals = by_lane(synapses, balanced(synapses, lanes), lanes).sum(axis=1)
    assert totals.max() - totals.min() <= synapses.sum(axis=1).max()


def test_neurons_of_the_same_sources_are_kept_apart() -> None:
    """Eight groups of neurons, each with sources of its own: every source must reach every lane once."""
    synapses = np.kron(np.eye(8, dtype=bool), np.ones((8, 4), dtype=bool))
    assert (by_lane(synapses, balanced(synapses, 8), 8) == 1).all()
    loads_alone = np.arange(64).reshape(8, 8).T.ravel()  # every lane has a group: as even in its totals
    assert by_lane(synapses, tuple(loads_alone.tolist()), 8).max() == 8


def test_lanes_of_random_rows_wait_less_for_each_other_than_with_even_totals_alone() -> None:
    synapses = random_synapses(128, 784, 0.1, seed=1)
    events = np.random.default_rng(2).random((1000, 784)) < 0.1

    def busy(placement: tuple[int, ...]) -> float:
        work = by_lane(synapses, placement, 8)
        cycles = events @ np.maximum(1, work).T  # a row without a synapse takes a cycle, too
        return float((events @ work.T).sum() / (8 * cycles.max(axis=1).sum()))

    lanes = by_load(synapses.sum(axis=1), 8)
    even_totals = tuple(np.argsort(lanes, kind="stable").reshape(8, 16).T.ravel().tolist())
    assert busy(balanced(synapses, 8)) > busy(even_totals) + 0.02


def test_balance_beats_the_natural_order_where_neurons_differ() -> None:
    synapses = np.zeros((32, 100), dtype=bool)
    synapses[:, :1] = True
    synapses[::4] = True  # in order, all heavy neurons share a lane
    totals = by_lane(synapses, balanced(synapses, 4), 4).sum(axis=1)
    assert totals.max() == totals.min()


def test_large_populations_are_balanced_by_their_totals() -> None:
    synapses = random_synapses(SWAPPED_NEURONS + 1, 10, 0.5, seed=3)
    totals = by_lane(synapses, balanced(synapses, 8), 8).sum(axis=1)
    assert totals.max() - totals.min() <= 10


@pytest.mark.parametrize("lanes", [0, 3, 64])
def test_lanes_must_be_a_power_of_two(lanes: int) -> None:
    with pytest.raises(ConfigError, match=rf"^lanes must be a power of two in 1\.\.32, not {lanes}$"):
        natural(8, lanes)
