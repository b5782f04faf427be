"""The narrowest weights and states that keep the accuracy: what is tried, and what came out."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from spikewright.compiler.calibrate import Reference, Widths, calibrate
from spikewright.compiler.isolate import Feed, integer_feed
from spikewright.compiler.levels import least_bits, least_current_bits
from spikewright.compiler.plan import DEFAULT_WEIGHT_BITS, Plan
from spikewright.compiler.quantize import quantize
from spikewright.errors import ConfigError
from spikewright.ir import RealNetwork
from spikewright.network import IntegerNetwork

__all__ = ["Judge", "Search", "Trial", "search_bits"]

NARROWEST, WIDEST = 2, 16


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Judge:
    """Data with labels, and how often the real network is right on them."""

    events: Feed
    labels: npt.NDArray[np.int64]
    accuracy_float: float

    @classmethod
    def of(cls, real: RealNetwork, feed: Feed, labels: Any) -> "Judge":
        """Run the real network."""
        from spikewright.models.real import RealModel  # torch only where data is there to run

        predicted = RealModel(real).run(feed).predict(real.decode, real.outputs[0])
        events = integer_feed(real.inputs, feed)
        given = np.asarray(labels, np.int64)
        return cls(events=events, labels=given, accuracy_float=float(np.mean(predicted == given)))

    def accuracy(self, network: IntegerNetwork) -> float:
        """How often an integer network is right."""
        from spikewright.models.integer import IntegerModel

        predicted = IntegerModel(network).run(self.events).predict(network.decode, network.outputs[0])
        return float(np.mean(predicted == self.labels))


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """One network that was tried.

    Parameters
    ----------
    changed
        ``weights``, or the population whose weights, states or currents are narrower than before.
    weight_bits, state_bits, current_bits
        Widths by population; 0 where there is no current.
    points_lost
        Percentage points below the real network.
    """

    changed: str
    weight_bits: tuple[int, ...]
    state_bits: tuple[int, ...]
    current_bits: tuple[int, ...]
    accuracy: float
    points_lost: float
    kept: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Search:
    """All trials in order, of the populations named; the last one kept is the result."""

    populations: tuple[str, ...]
    accuracy_float: float
    most_points_lost: float
    trials: tuple[Trial, ...]


class _Searcher:
    """Tries plans and keeps the last that is good enough."""

    def __init__(
        self,
        real: RealNetwork,
        judge: Judge,
        most_lost: float,
        *,
        reference: Reference | None,
        widths: Widths,
        advance: Callable[[str], None],
    ) -> None:
        self.real, self.judge, self.most_lost = real, judge, most_lost
        self.reference, self.widths, self.advance = reference, widths, advance
        self.trials: list[Trial] = []

    def try_plan(
        self, plan: Plan, changed: str, *, calibrated: bool = True
    ) -> tuple[Plan, IntegerNetwork] | None:
        """The plan, calibrated, and its network, if it is good enough; None if not."""
        try:
            if calibrated and self.reference is not None:
                plan, _ = calibrate(self.reference, plan, self.widths)
            network = quantize(self.real, plan).network
        except ConfigError:
            return None  # a level or a layer's weights do not fit these widths
        accuracy = self.judge.accuracy(network)
        lost = 100 * (self.judge.accuracy_float - accuracy)
        kept = lost <= self.most_lost + 1e-9
        neurons = [population.neuron for population in network.populations]
        self.trials.append(
            Trial(
                changed=changed,
                weight_bits=tuple(network.weight_bits_into(p.name) for p in network.populations),
                state_bits=tuple(neuron.state_bits for neuron in neurons),
                current_bits=tuple(neuron.current.bits if neuron.current else 0 for neuron in neurons),
                accuracy=accuracy,
                points_lost=lost,
                kept=kept,
            )
        )
        self.advance(f"{changed}: {accuracy:.2%}")
        return (plan, network) if kept else None


def search_bits(
    real: RealNetwork,
    plan_of: Callable[[int], Plan],
    judge: Judge,
    most_lost: float,
    *,
    reference: Reference | None = None,
    widths: Widths = "proven",
    advance: Callable[[str], None] = lambda _: None,
) -> tuple[Plan, Search]:
    """The plan with the narrowest widths that lose at most so many percentage points.

    First one width of all weights, from 8 down (or up); then narrower weights into one population after the
    other, the one with most of them first; then narrower currents and states, population by population.
    Every step keeps what the ones before gave, so this is not the best of all combinations.

    Parameters
    ----------
    plan_of
        The plan for a width of weights.
    reference
        Calibration data to choose scales on in every trial.
    widths
        Of the states to begin with.
    advance
        Told about every trial.

    Raises
    ------
    ConfigError
        If not even 16-bit weights are good enough.
    """
    searcher = _Searcher(real, judge, most_lost, reference=reference, widths=widths, advance=advance)
    found = common_width(searcher, plan_of)
    if found is None:
        best = max((trial.accuracy for trial in searcher.trials), default=0.0)
        raise ConfigError(
            f"search of widths: no weights of up to {WIDEST} bits stay within {most_lost:g} points of the"
            f" real network's {judge.accuracy_float:.2%}: {best:.2%} at best"
        )
    plan, network = narrower_weights(searcher, *found)
    plan = narrower_states(searcher, plan, network)
    return plan, Search(
        populations=tuple(population.name for population in real.populations),
        accuracy_float=judge.accuracy_float,
        most_points_lost=most_lost,
        trials=tuple(searcher.trials),
    )


def common_width(searcher: _Searcher, plan_of: Callable[[int], Plan]) -> tuple[Plan, IntegerNetwork] | None:
    """The narrowest weights that do, all of one width."""
    found = None
    for bits in range(DEFAULT_WEIGHT_BITS, NARROWEST - 1, -1):
        tried = searcher.try_plan(plan_of(bits), "weights")
        if tried is None:
            break
        found = tried
    for bits in range(DEFAULT_WEIGHT_BITS + 1, WIDEST + 1) if found is None else ():
        found = searcher.try_plan(plan_of(bits), "weights")
        if found is not None:
            break
    return found


def narrower_weights(searcher: _Searcher, plan: Plan, network: IntegerNetwork) -> tuple[Plan, IntegerNetwork]:
    """Narrower weights into one population after the other, the one with most weights first."""
    count = {
        population.name: sum(edge.weights.size for edge in network.edges_to(population.name))
        for population in network.populations
    }
    for name in sorted(count, key=lambda name: -count[name]):
        for bits in range(network.weight_bits_into(name) - 1, NARROWEST - 1, -1):
            again = without(plan, name)  # its scale and widths are to be chosen anew
            tried = searcher.try_plan(
                replace(again, narrower={**plan.narrower, name: bits}), f"{name} weights"
            )
            if tried is None:
                break
            plan, network = tried
    return plan, network


def narrower_states(searcher: _Searcher, plan: Plan, network: IntegerNetwork) -> Plan:
    """Narrower currents and states of one population after the other; scales stay as they are."""
    if isinstance(plan.state_bits, int):
        return plan
    for population in network.populations:
        neuron, name = population.neuron, population.name
        if neuron.current is not None:
            for bits in range(neuron.current.bits - 1, least_current_bits(neuron.current) - 1, -1):
                tried = replace(plan, current_bits={**plan.current_bits, name: bits})
                if searcher.try_plan(tried, f"{name} currents", calibrated=False) is None:
                    break
                plan = tried
        for bits in range(neuron.state_bits - 1, least_bits(neuron) - 1, -1):
            tried = replace(plan, state_bits={**asked_states(plan), name: bits})
            if searcher.try_plan(tried, f"{name} states", calibrated=False) is None:
                break
            plan = tried
    return plan


def without(plan: Plan, name: str) -> Plan:
    """The plan with nothing fixed of a population but what was asked for."""

    def others(kept: Any) -> dict[str, Any]:
        return {key: value for key, value in kept.items() if key != name}

    states = plan.state_bits if isinstance(plan.state_bits, int) else others(asked_states(plan)) or None
    return replace(
        plan,
        scales=others(plan.scales),
        clips=others(plan.clips),
        state_bits=states,
        current_bits=others(plan.current_bits),
    )


def asked_states(plan: Plan) -> dict[str, int]:
    """State widths by population."""
    return {} if isinstance(plan.state_bits, int) or plan.state_bits is None else dict(plan.state_bits)
