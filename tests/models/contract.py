"""docs/numerics.md once more, slowly: one neuron, one step, one number at a time.

The walk through a network is the same for integers and for fractions; the step of a neuron is given to it.
"""

from collections.abc import Callable, Mapping
from fractions import Fraction
from typing import Any

import numpy as np
import numpy.typing as npt

from spikewright.ir import RealNetwork, RealPopulation
from spikewright.models.trace import Trace
from spikewright.network import IntegerNetwork, Population
from spikewright.neuron import Decay, NeuronConfig

__all__ = ["decayed", "integer_contract", "integer_step", "real_contract", "real_step"]

Feed = Mapping[str, npt.NDArray[Any]]
State = dict[str, Any]
"""``v``, ``j``, ``s`` (spikes of the step before), ``h`` of a neuron."""


def integer_contract(network: IntegerNetwork, feed: Feed) -> Trace:
    """What docs/numerics.md says of an integer network, in Python's integers."""
    return walk(network, feed, int, integer_step, integer_end)


def real_contract(network: RealNetwork, feed: Feed) -> Trace:
    """The same of a real network, in fractions."""
    return walk(network, feed, lambda x: Fraction(float(x)), real_step, real_end)


def walk(network: Any, feed: Feed, exact: Callable[[Any], Any], step: Any, end: Any) -> Trace:
    """Sample by sample, step by step, population by population in the network's order."""
    names = [population.name for population in network.populations]
    ports = {port.name: port for port in network.inputs}
    samples, steps = next(iter(feed.values())).shape[:2]
    rows = [[[exact(w) for w in row] for row in dense(edge)] for edge in network.edges]
    outputs: dict[str, list[Any]] = {name: [] for name in names}
    ends: dict[str, list[list[State]]] = {name: [] for name in names}
    for sample in range(samples):
        sent = {name: [[exact(v) for v in x.ravel()] for x in feed[name][sample]] for name in ports}
        sent |= {name: [] for name in names}
        states = {p.name: [State(v=exact(0), j=exact(0), s=0, h=exact(0)) for _ in range(p.size)]
                  for p in network.populations}  # fmt: skip
        for t in range(steps):
            for population in network.populations:
                edges = [
                    (row, late(sent[edge.source], edge.delay, t, len(row[0])), edge.source)
                    for row, edge in zip(rows, network.edges, strict=True)
                    if edge.target == population.name
                ]
                drives = [edge for edge in edges if not is_hold(ports, edge[2])]
                holds = [edge for edge in edges if is_hold(ports, edge[2])]
                arrives = any(any(values) for _, values, _ in holds)
                fired = []
                for n, state in enumerate(states[population.name]):
                    i = sum((total(row[n], values) for row, values, _ in drives), exact(0))
                    if arrives:
                        state["h"] = sum((total(row[n], values) for row, values, _ in holds), exact(0))
                    fired.append(step(population, n, state, i))
                sent[population.name].append(fired)
        for population in network.populations:
            outputs[population.name].append(sent[population.name])
            held = any(is_hold(ports, e.source) for e in network.edges if e.target == population.name)
            kept = [
                end(population, n, state) | ({"held": state["h"]} if held else {})
                for n, state in enumerate(states[population.name])
            ]
            ends[population.name].append(kept)
    fires = {p.name: p.neuron.fires if isinstance(p, Population) else p.fires for p in network.populations}
    return Trace(
        spikes={name: as_array(outputs[name]) for name in names if fires[name]},
        readouts={name: as_array(outputs[name]) for name in names if not fires[name]},
        states={
            name: {key: as_array([[state[key] for state in row] for row in ends[name]])
                   for key in ends[name][0][0]}
            for name in names
        },
    )  # fmt: skip


def dense(edge: Any) -> npt.NDArray[Any]:
    """Weights ``(targets, sources)``."""
    if edge.convolution is None:
        return np.asarray(edge.weights)
    return np.asarray(edge.convolution.matrix(edge.weights).todense())


def late(sent: list[list[Any]], delay: tuple[int, ...], t: int, size: int) -> list[Any]:
    """What arrives in step ``t``: of each source what it sent so many steps ago."""
    delays = delay * size if len(delay) == 1 else delay
    return [sent[t - d][k] if t >= d else 0 for k, d in enumerate(delays)]


def is_hold(ports: Mapping[str, Any], source: str) -> bool:
    return source in ports and ports[source].kind == "hold"


def total(row: list[Any], values: list[Any]) -> Any:
    return sum(w * x for w, x in zip(row, values, strict=True) if x)


def as_array(values: Any) -> npt.NDArray[Any]:
    array = np.array(values)
    return array.astype(np.float64) if array.dtype == object else array


def at(levels: Any, n: int) -> int:
    return int(levels[n] if len(levels) > 1 else levels[0])


def decayed(decay: Decay, n: int, x: int) -> int:
    if decay.kind == "shift":
        return x - (x >> decay.shift)
    if decay.kind == "multiply":
        return (1 if x > 0 else -1) * ((abs(x) * at(decay.factor, n)) >> decay.fraction_bits)
    return x


def clamp(x: int, low: int, high: int) -> int:
    return min(max(x, low), high)


def integer_step(population: Population, n: int, state: State, i: int) -> int:
    """A step of neuron ``n`` with drive ``i``: its spikes, or its potential if it does not fire."""
    neuron = population.neuron
    rule = neuron.reset, neuron.reset_when
    r, c, v_reset = at(neuron.reset_amount, n), at(neuron.compare, n), at(neuron.reset_value, n)
    feeding = i + state["h"]
    if neuron.current is not None:
        before, high = state["j"], (1 << (neuron.current.bits - 1)) - 1
        raw = decayed(neuron.current.decay, n, before) + feeding + at(neuron.current.bias, n)
        state["j"] = clamp(raw, -high - 1, high)
        feeding = {"new": state["j"], "old": before}[neuron.current.feeds]
    u = decayed(neuron.decay, n, state["v"]) + feeding + at(neuron.bias, n)
    if neuron.fires and rule == ("subtract", "next"):
        u -= state["s"] * r
    u = clamp(u, *neuron.potential_range)
    if not neuron.fires:
        state["v"] = u
        return u
    if rule == ("set", "next") and state["s"]:
        u = v_reset
    count = int(u >= c)
    if rule == ("subtract", "now"):
        count = 0
        while u >= c and count < neuron.max_spikes:
            u, count = u - r, count + 1
    elif rule == ("set", "now") and count:
        u = v_reset
    state["v"], state["s"] = u, count
    return count


def integer_end(population: Population, n: int, state: State) -> State:
    """What hardware stores, from the section of that name."""
    neuron: NeuronConfig = population.neuron
    stored = decayed(neuron.decay, n, state["v"]) + at(neuron.bias, n)
    if neuron.fires and (neuron.reset, neuron.reset_when) == ("subtract", "next"):
        stored -= state["s"] * at(neuron.reset_amount, n)
    kept: State = {"potential": state["v"]}
    if neuron.current is not None:
        kept["current"] = decayed(neuron.current.decay, n, state["j"]) + at(neuron.current.bias, n)
        stored += state["j"] if neuron.current.feeds == "old" else 0
    if neuron.fires and (neuron.reset, neuron.reset_when) == ("set", "next"):
        kept["fired"] = state["s"]
    return {**kept, "stored": stored}


def real_step(population: RealPopulation, n: int, state: State, i: Fraction) -> Any:
    """The same in fractions."""
    p = population
    decay, bias, theta, r, v_reset = (
        Fraction(float(levels[n])) for levels in (p.decay, p.bias, p.threshold, p.reset_amount, p.reset_value)
    )
    feeding = i + state["h"]
    if p.current is not None:
        before = state["j"]
        factor, leak = Fraction(float(p.current.decay[n])), Fraction(float(p.current.bias[n]))
        state["j"] = factor * before + feeding + leak
        feeding = {"new": state["j"], "old": before}[p.current.feeds]
    u = decay * state["v"] + feeding + bias
    if p.fires and (p.reset, p.reset_when) == ("subtract", "next"):
        u -= state["s"] * r
    u = u if p.v_min is None else max(u, Fraction(p.v_min))
    if p.fires and state["s"] and (p.reset, p.reset_when) == ("set", "next"):
        u = v_reset
    count = 0
    while p.fires and count < p.max_spikes and (u > theta if p.compare == "gt" else u >= theta):
        count += 1
        if p.reset_when == "next":
            break
        u = u - r if p.reset == "subtract" else v_reset
    state["v"], state["s"] = u, count
    return count if p.fires else u


def real_end(population: RealPopulation, _: int, state: State) -> State:
    """Potential and current themselves."""
    current = {} if population.current is None else {"current": state["j"]}
    return {"potential": state["v"], **current}
