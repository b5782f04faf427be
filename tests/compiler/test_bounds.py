"""Proven ranges: never exceeded by brute force, and reached where they claim to be."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import product
from typing import Any

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from spikewright.compiler.bounds import (
    Drive,
    drive_range,
    levels_array,
    population_bounds,
    reachable_potential,
    stored_range,
)
from spikewright.fixed import signed_bits
from spikewright.network import Edge, InputPort, IntegerNetwork, Population
from spikewright.neuron import Decay, NeuronConfig

MakeNetwork = Callable[[int], IntegerNetwork]
Integers = np.ndarray


def steps(neuron: NeuronConfig, size: int, drives: Integers) -> Iterator[tuple[Integers, Integers]]:
    """The contract in plain words: ``(p, u)`` of every step, ``drives`` being ``(steps, size)``."""
    low, high = neuron.potential_range
    potential: Any = np.zeros(size, np.int64)
    fired: Any = np.zeros(size, bool)
    compare, amount, value, bias, factor = (
        levels_array(levels, size)
        for levels in (
            neuron.compare,
            neuron.reset_amount,
            neuron.reset_value,
            neuron.bias,
            neuron.decay.factor,
        )
    )
    for drive in drives:
        stored = neuron.decay.apply(potential, factor) + bias
        if neuron.fires and (neuron.reset, neuron.reset_when) == ("subtract", "next"):
            stored = stored - fired * amount
        potential = np.clip(stored + drive, low, high)
        if neuron.stores_spike:
            potential = np.where(fired, value, potential)
        yield stored, potential
        if neuron.fires:
            fired = potential >= compare
            if neuron.reset_when == "now":
                potential = np.where(
                    fired, potential - amount if neuron.reset == "subtract" else value, potential
                )


@settings(deadline=None, max_examples=150)
@given(seed=st.integers(0, 2**32))
def test_nothing_leaves_its_range(make_network: MakeNetwork, seed: int) -> None:
    network = make_network(seed)
    rng = np.random.default_rng(seed)
    for population in network.populations:
        neuron = population.neuron
        bounds = population_bounds(network, population)
        drive_low, drive_high = bounds.drive
        held_low, held_high = bounds.held
        choices = [
            np.where(rng.random(population.size) < 0.5, drive_low + held_low, drive_high + held_high)
            for _ in range(20)
        ]
        # Pushed to either end for long, and to and fro.
        drives = [drive_low + held_low] * 10 + [drive_high + held_high] * 10 + choices
        for stored, _ in steps(neuron, population.size, np.array(drives)):
            assert (bounds.stored[0] <= stored).all()
            assert (stored <= bounds.stored[1]).all()
            for partial in (drive_low, drive_high):
                low, high = bounds.accumulated
                assert (low <= stored + partial).all()
                assert (stored + partial <= high).all()
        widest = bounds.accumulator_bits
        for low, high in (bounds.accumulated, bounds.held):
            assert signed_bits(int(low.min()), int(high.max())) <= widest


def test_drive_is_exactly_what_all_events_can_bring() -> None:
    rng = np.random.default_rng(3)
    spikes, values, held = (rng.integers(-8, 8, (5, 4)) for _ in range(3))
    ports = (
        InputPort(name="s", shape=(4,)),
        InputPort(name="v", shape=(4,), value_bits=2),
        InputPort(name="h", shape=(4,), kind="hold", value_bits=1),
    )
    network = IntegerNetwork(
        name="n",
        inputs=ports,
        populations=(Population(name="p", size=5, neuron=NeuronConfig()),),
        edges=tuple(
            Edge(source=port.name, target="p", weights=weights)
            for port, weights in zip(ports, (spikes, values, held), strict=True)
        ),
        outputs=("p",),
        weight_bits=4,
    )
    bounds = population_bounds(network, network.populations[0])
    sums = np.array(
        [spikes @ s + values @ v for s in product((0, 1), repeat=4) for v in product((0, 3), repeat=4)]
    )
    assert (bounds.drive[0] == sums.min(axis=0)).all()
    assert (bounds.drive[1] == sums.max(axis=0)).all()
    sums = np.array([held @ h for h in product((0, 1), repeat=4)])
    assert (bounds.held[0] == sums.min(axis=0)).all()
    assert (bounds.held[1] == sums.max(axis=0)).all()


def test_stored_range_is_reached() -> None:
    """No wider than need be: a potential below the compare level, and what a reset leaves."""
    neuron = NeuronConfig(state_bits=8, compare=(10,), reset_amount=(3,), bias=(2,))

    def ends(neuron: NeuronConfig) -> tuple[int, int]:
        low, high = stored_range(neuron, np.array([-128]), np.array([127]))
        return int(low[0]), int(high[0])

    assert ends(neuron) == (-126, 126)
    neuron = replace(neuron, reset="set", reset_value=(0,))
    assert ends(neuron) == (-126, 11)
    neuron = replace(neuron, reset="subtract", reset_when="next")
    assert ends(neuron) == (-126, 126)
    neuron = replace(neuron, decay=Decay(kind="shift", shift=1))
    assert ends(neuron) == (-62, 63)


@settings(deadline=None, max_examples=150)
@given(seed=st.integers(0, 2**32))
def test_a_reachable_range_holds_without_saturation(make_network: MakeNetwork, seed: int) -> None:
    rng = np.random.default_rng(seed)
    for population in make_network(seed).populations:
        size = population.size
        neuron = replace(population.neuron, state_bits=24)
        low, high = -rng.integers(0, 300, size), rng.integers(0, 300, size)
        reached = reachable_potential(neuron, (low, high), 1 << 23)
        if reached is None:
            continue
        drives = np.array(
            [low] * 150 + [high] * 150 + [rng.integers(low, high, endpoint=True) for _ in range(100)]
        )
        for _, potential in steps(neuron, size, drives):
            assert (reached[0] <= potential).all()
            assert (potential <= reached[1]).all()


def test_reachable_ranges_are_tight_and_say_when_there_is_none() -> None:
    def reach(decay: Decay, **neuron: object) -> tuple[int, int] | None:
        config = NeuronConfig(state_bits=24, decay=decay, **neuron)  # type: ignore[arg-type]
        found = reachable_potential(config, (np.array([-10]), np.array([100])), 1 << 23)
        return found if found is None else (int(found[0][0]), int(found[1][0]))

    leak = Decay(kind="multiply", factor=(230,), fraction_bits=8)
    low, high = reach(leak, fires=False) or (0, 0)
    assert -10 / (1 - 230 / 256) - 12 < low < -80  # rounding towards zero stops a little short
    assert 950 < high < 100 / (1 - 230 / 256) + 12
    assert reach(Decay(), fires=False) is None
    # Without leak a firing neuron falls for ever, but cannot rise: what stays after a reset is below c.
    assert reach(Decay(), compare=(50,), reset="set") is None
    assert drive_range(1, [Drive(weights=np.array([[-1]]))]) == (np.array([-1]), np.array([0]))
    assert reach(Decay(kind="shift", shift=0), fires=False) == (-10, 100)
