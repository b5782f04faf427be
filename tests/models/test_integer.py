"""The integer model against Python's integers, formula by formula of docs/numerics.md."""

import time
from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import torch

from spikewright.errors import ConfigError
from spikewright.models import sums
from spikewright.models.integer import IntegerModel
from spikewright.models.trace import Trace
from spikewright.network import Edge, InputPort, IntegerNetwork, Population
from spikewright.neuron import Decay, NeuronConfig

Feed = Mapping[str, npt.NDArray[Any]]


def reference(network: IntegerNetwork, feed: Feed) -> Trace:
    """One neuron, one step, one Python integer at a time, from the table of the contract."""
    ports = {port.name: port for port in network.inputs}
    samples, steps = next(iter(feed.values())).shape[:2]
    sent = {name: x.reshape(samples, steps, -1).tolist() for name, x in feed.items()}
    spikes: dict[str, Any] = {}
    readouts: dict[str, Any] = {}
    states: dict[str, dict[str, Any]] = {}
    for population in network.populations:
        edges = network.edges_to(population.name)
        holds = [edge for edge in edges if edge.source in ports and ports[edge.source].kind == "hold"]
        drives = [edge for edge in edges if edge not in holds]
        outputs = np.zeros((samples, steps, population.size), np.int64)
        ends: dict[str, list[list[int]]] = {"stored": [], "potential": [], "fired": [], "held": []}
        for sample in range(samples):
            row: dict[str, list[int]] = {key: [] for key in ends}
            for n in range(population.size):
                v = s = h = 0
                for t in range(steps):
                    i = sum(
                        sum(map(int.__mul__, e.weights[n].tolist(), sent[e.source][sample][t]))
                        for e in drives
                    )
                    if any(any(sent[e.source][sample][t]) for e in holds):
                        h = sum(
                            sum(map(int.__mul__, e.weights[n].tolist(), sent[e.source][sample][t]))
                            for e in holds
                        )
                    v, s, out = step(population.neuron, n, v, s, i, h)
                    outputs[sample, t, n] = out
                row["potential"].append(v)
                row["stored"].append(stored(population.neuron, n, v, s))
                row["fired"].append(int(s > 0))
                row["held"].append(h)
            for key, values in row.items():
                ends[key].append(values)
        kept = {"stored", "potential"} | ({"held"} if holds else set())
        kept |= {"fired"} if population.neuron.stores_spike else set()
        states[population.name] = {key: np.array(ends[key]) for key in kept}
        (spikes if population.neuron.fires else readouts)[population.name] = outputs
        sent[population.name] = outputs.tolist()
    return Trace(spikes=spikes, readouts=readouts, states=states)


def at(levels: tuple[int, ...], n: int) -> int:
    return levels[n] if len(levels) > 1 else levels[0]


def decayed(neuron: NeuronConfig, n: int, x: int) -> int:
    decay = neuron.decay
    if decay.kind == "shift":
        return x - (x >> decay.shift)
    if decay.kind == "multiply":
        return (1 if x > 0 else -1) * ((abs(x) * at(decay.factor, n)) >> decay.fraction_bits)
    return x


def stored(neuron: NeuronConfig, n: int, v: int, s: int) -> int:
    p = decayed(neuron, n, v) + at(neuron.bias, n)
    return p - s * at(neuron.reset_amount, n) if neuron.fires and rule(neuron) == ("subtract", "next") else p


def rule(neuron: NeuronConfig) -> tuple[str, str]:
    return neuron.reset, neuron.reset_when


def step(neuron: NeuronConfig, n: int, v: int, s: int, i: int, h: int) -> tuple[int, int, int]:
    low, high = neuron.potential_range
    r, c, v_reset = at(neuron.reset_amount, n), at(neuron.compare, n), at(neuron.reset_value, n)
    total = decayed(neuron, n, v) + i + h + at(neuron.bias, n)
    if not neuron.fires:
        u = min(max(total, low), high)
        return u, 0, u
    if rule(neuron) == ("subtract", "next"):
        total -= s * r
    u = min(max(total, low), high)
    if rule(neuron) == ("set", "next") and s:
        u = v_reset
    fired = int(u >= c)
    if rule(neuron) == ("subtract", "now"):
        count = 0
        while u >= c and count < neuron.max_spikes:
            u, count = u - r, count + 1
        return u, int(count > 0), count
    if rule(neuron) == ("set", "now"):
        return (v_reset if fired else u), fired, fired
    return u, fired, fired


def random_neuron(rng: np.random.Generator, size: int, fires: bool) -> NeuronConfig:
    bits = int(rng.integers(8, 25))
    high = (1 << (bits - 1)) - 1
    many = size if rng.random() < 0.5 else 1

    def levels(low: int, top: int) -> tuple[int, ...]:
        return tuple(int(value) for value in rng.integers(low, top, many, endpoint=True))

    kind = rng.choice(["none", "shift", "multiply"])
    fraction = int(rng.integers(0, 17))
    reset, when = ("subtract", "set")[rng.integers(2)], ("now", "next")[rng.integers(2)]
    several = fires and (reset, when) == ("subtract", "now") and rng.random() < 0.5
    floor = int(rng.integers(-high, 1)) if rng.random() < 0.4 else None
    return NeuronConfig(
        fires=fires,
        state_bits=bits,
        decay=Decay(
            kind=kind,
            shift=int(rng.integers(0, bits)),
            factor=levels(0, 1 << fraction),
            fraction_bits=fraction,
        ),
        compare=levels(1, high // 3),
        reset=reset,  # type: ignore[arg-type]
        reset_when=when,  # type: ignore[arg-type]
        reset_amount=levels(0, high // 3),
        reset_value=levels(0 if floor is not None else -high // 4, high // 4),
        bias=levels(-high // 8, high // 8),
        floor=floor,
        max_spikes=int(rng.integers(2, 5)) if several else 1,
    )


def random_network(seed: int) -> IntegerNetwork:
    """Inputs of every kind, up to three populations, edges that skip."""
    rng = np.random.default_rng(seed)
    inputs = [
        InputPort(name="spikes", shape=(2, 3)),
        InputPort(name="values", shape=(4,), value_bits=int(rng.integers(1, 9))),
        InputPort(name="held", shape=(5,), kind="hold", value_bits=int(rng.integers(0, 9))),
        InputPort(name="context", shape=(2,), kind="hold"),
    ]
    inputs = [port for port in inputs if rng.random() < 0.7] or inputs[:1]
    populations: list[Population] = []
    edges: list[Edge] = []
    for index in range(int(rng.integers(1, 4))):
        size = int(rng.integers(1, 6))
        fires = index == 0 or bool(rng.random() < 0.6)
        target = Population(name=f"p{index}", size=size, neuron=random_neuron(rng, size, fires))
        sources = [(port.name, port.size) for port in inputs] + [
            (p.name, p.size) for p in populations if p.neuron.fires
        ]
        for name, source_size in sources:
            if rng.random() < 0.7:
                reach = max(1, (1 << (target.neuron.state_bits - 1)) >> int(rng.integers(1, 9)))
                weights = rng.integers(-reach // 4, reach, (size, source_size), endpoint=True)
                edges.append(Edge(source=name, target=target.name, weights=weights))
        populations.append(target)
    return IntegerNetwork(
        name="random",
        inputs=tuple(inputs),
        populations=tuple(populations),
        edges=tuple(edges),
        outputs=("p0",),
    )


def random_feed(
    network: IntegerNetwork, seed: int, samples: int = 3, steps: int = 12
) -> dict[str, npt.NDArray[Any]]:
    rng = np.random.default_rng(seed)
    feed = {}
    for port in network.inputs:
        values = rng.integers(1, port.max_value, (samples, steps, *port.shape), endpoint=True)
        present = rng.random(values.shape) < 0.3
        if port.kind == "hold":
            present &= (rng.random((samples, steps)) < 0.3).reshape(samples, steps, *[1] * len(port.shape))
        feed[port.name] = values * present
    return feed


def assert_same(got: Trace, expected: Trace) -> None:
    for what in ("spikes", "readouts"):
        ours, theirs = getattr(got, what), getattr(expected, what)
        assert set(ours) == set(theirs)
        for name in ours:
            np.testing.assert_array_equal(ours[name], theirs[name], err_msg=name)
    assert {name: set(kept) for name, kept in got.states.items()} == {
        n: set(k) for n, k in expected.states.items()
    }
    for name, kept in got.states.items():
        for key in kept:
            assert kept[key].dtype == np.int64
            np.testing.assert_array_equal(kept[key], expected.states[name][key], err_msg=f"{name} {key}")


SEEDS = range(120)


@pytest.mark.parametrize("seed", SEEDS)
def test_equals_the_contract(seed: int) -> None:
    network = random_network(seed)
    feed = random_feed(network, seed + 1)
    assert_same(IntegerModel(network).run(feed), reference(network, feed))


def test_random_networks_cover_the_contract() -> None:
    seen: set[Any] = set()
    for seed in SEEDS:
        network = random_network(seed)
        trace = IntegerModel(network).run(random_feed(network, seed + 1))
        for population in network.populations:
            neuron = population.neuron
            seen.add(neuron.decay.kind)
            if population.name in trace.readouts:
                seen.add("readout")
                continue
            spikes = trace.spikes[population.name]
            seen |= {(*rule(neuron), bool(value)) for value in np.unique(spikes)}
            seen |= {"several"} if spikes.max() > 1 else set()
            potential = trace.states[population.name]["potential"]
            seen |= {"floor"} if neuron.floor is not None and (potential == neuron.floor).any() else set()
            seen |= {"saturates"} if (potential == neuron.potential_range[1]).any() else set()
            seen |= {"held"} if "held" in trace.states[population.name] else set()
    rules = {(r, w, fired) for r in ("subtract", "set") for w in ("now", "next") for fired in (False, True)}
    assert seen >= rules | {"none", "shift", "multiply", "readout", "several", "floor", "saturates", "held"}


def reader(*weights: int, bits: int = 24, max_value: int = 0) -> IntegerNetwork:
    """One integrator that reads some inputs."""
    return IntegerNetwork(
        name="reader",
        inputs=(InputPort(name="in", shape=(len(weights),), value_bits=max_value),),
        populations=(Population(name="out", size=1, neuron=NeuronConfig(fires=False, state_bits=bits)),),
        edges=(Edge(source="in", target="out", weights=np.array([weights], np.int64)),),
        outputs=("out",),
    )


@pytest.mark.parametrize(
    ("peak", "dtype"),
    [
        (2**23 - 1, torch.float32),
        (2**24, torch.float64),
        (2**52 - 2, torch.float64),
        (2**53, torch.int64),
        (2**61, torch.int64),
    ],
)
def test_sums_are_exact_at_every_size(peak: int, dtype: torch.dtype) -> None:
    network = reader(peak, 1, -peak, 1)
    assert sums.drive_bound(network, "out") == 2 * peak + 2
    expected_dtype = torch.float64 if peak == 2**23 - 1 else dtype  # its bound is 2**24 exactly
    model = IntegerModel(network)
    assert model.weights_0.dtype == expected_dtype
    for x in np.array(np.meshgrid(*[[0, 1]] * 4)).reshape(4, -1).T:
        feed = x.reshape(1, 1, 4)
        assert_same(model.run(feed), reference(network, {"in": feed}))


def test_float32_below_its_bound() -> None:
    network = reader(2**23 - 1, 1, -(2**23 - 2), 1)
    assert sums.drive_bound(network, "out") == sums.FLOAT32_INTEGERS - 1
    model = IntegerModel(network)
    assert model.weights_0.dtype == torch.float32
    assert model.run(np.ones((1, 1, 4), np.uint8)).readouts["out"].item() == 3


def test_bounds_that_do_not_fit_are_refused() -> None:
    with pytest.raises(
        ConfigError, match=r"^population 'out': sums must stay below 2\*\*63, not reach 9223372036863164416$"
    ):
        IntegerModel(reader(2**62, 2**62))


def test_bound_of_the_lowest_integer() -> None:
    assert sums.drive_bound(reader(-(2**63), 1, bits=8), "out") == 2**63 + 1


@pytest.mark.parametrize("seed", [2, 5, 11])
def test_samples_are_independent(seed: int) -> None:
    network = random_network(seed)
    feed = random_feed(network, seed, samples=7)
    together = IntegerModel(network).run(feed)
    for sample in range(7):
        alone = IntegerModel(network).run({name: x[sample : sample + 1] for name, x in feed.items()})
        for name, outputs in (alone.spikes | alone.readouts).items():
            np.testing.assert_array_equal(outputs[0], (together.spikes | together.readouts)[name][sample])
    assert_same(IntegerModel(network, memory_bytes=1).run(feed), together)


def test_reduced_precision_of_torch_does_not_reach_it() -> None:
    network = random_network(3)
    feed = random_feed(network, 3)
    expected = reference(network, feed)
    model = IntegerModel(network)
    with torch.autocast("cpu", torch.bfloat16):
        assert_same(model.run(feed), expected)
    torch.set_float32_matmul_precision("medium")
    try:
        assert model._matrix(0).dtype == torch.float64
        assert_same(model.run(feed), expected)
    finally:
        torch.set_float32_matmul_precision("highest")
    assert model._matrix(0).dtype == torch.float32


def test_accepts_whatever_holds_integers() -> None:
    network = reader(3, -1)
    x = np.array([[[1, 0], [1, 1]]])
    for feed in (
        x,
        x.astype(bool),
        x.astype(np.float32),
        x.astype(np.uint16),
        x.astype(">i4"),
        x[:, ::-1][:, ::-1],
    ):
        assert IntegerModel(network).run(feed).readouts["out"].ravel().tolist() == [3, 5]
        assert IntegerModel(network)({"in": torch.from_numpy(x)}).readouts["out"].ravel().tolist() == [3, 5]


@pytest.mark.parametrize(
    ("feed", "message"),
    [
        (np.zeros((1, 4)), r"input 'in': must have shape \(samples, steps, 2\), not \(1, 4\)"),
        (np.zeros((1, 4, 3)), r"input 'in': must have shape \(samples, steps, 2\), not \(1, 4, 3\)"),
        (np.zeros((1, 0, 2)), r"input 'in': must have shape \(samples, steps, 2\), not \(1, 0, 2\)"),
        (np.full((1, 1, 2), -1), r"input 'in': values must be 0\.\.7, not -1 at \(0, 0, 0\)"),
        (np.array([[[7, 8]]]), r"input 'in': values must be 0\.\.7, not 8 at \(0, 0, 1\)"),
        (
            np.array([[[0, 2**64 - 1]]], np.uint64),
            r"input 'in': values must be 0\.\.7, not \d+ at \(0, 0, 1\)",
        ),
        (np.array([[[1, 0.5]]]), r"input 'in': values must be integers, not 0\.5 at \(0, 0, 1\)"),
        (np.array([[[1, np.nan]]]), r"input 'in': values must be integers, not nan at \(0, 0, 1\)"),
        (np.array([[["a", "b"]]]), r"input 'in': must be an array of numbers, not of <U1"),
        (np.ones((1, 1, 2), complex), r"input 'in': must be an array of numbers, not of complex128"),
        (
            torch.ones(1, 1, 2, dtype=torch.complex64),
            r"input 'in': must be an array of numbers, not of torch.complex64",
        ),
        ({"other": np.zeros((1, 1, 2))}, r"inputs: must be \['in'\], not \['other'\]"),
    ],
)
def test_refuses_what_does_not_fit(feed: Any, message: str) -> None:
    with pytest.raises(ConfigError, match=f"^{message}$"):
        IntegerModel(reader(1, 1, max_value=3)).run(feed)


def test_refuses_inputs_that_do_not_go_together() -> None:
    network = IntegerNetwork(
        name="two",
        inputs=(InputPort(name="a", shape=(1,)), InputPort(name="b", shape=(1,))),
        populations=(Population(name="out", size=1, neuron=NeuronConfig()),),
        edges=(),
        outputs=("out",),
    )
    x = np.zeros((2, 3, 1))
    with pytest.raises(
        ConfigError, match=r"^inputs: must be an array for each of \['a', 'b'\], not one array$"
    ):
        IntegerModel(network).run(x)
    with pytest.raises(
        ConfigError, match=r"^input 'b': must have as many samples and steps as 'a', \(2, 3\), not \(2, 2\)$"
    ):
        IntegerModel(network).run({"a": x, "b": x[:, :2]})
    with pytest.raises(
        ConfigError, match=r"^input 'a': values must be spikes, 0 or 1, not 2 at \(0, 0, 0\)$"
    ):
        IntegerModel(network).run({"a": x + 2, "b": x})


def test_refuses_more_spikes_than_an_input_brings() -> None:
    port = InputPort(name="in", shape=(2,), max_events=3)
    network = IntegerNetwork(name="counts", inputs=(port,), populations=(), edges=(), outputs=())
    IntegerModel(network).run(np.full((1, 1, 2), 3))
    message = r"^input 'in': values must be spikes, 0\.\.3, not 4 at \(0, 0, 1\)$"
    with pytest.raises(ConfigError, match=message):
        IntegerModel(network).run(np.array([[[3, 4]]]))


def test_refuses_networks_that_it_cannot_run() -> None:
    neuron = NeuronConfig(fires=False)
    chain = IntegerNetwork(
        name="chain",
        inputs=(InputPort(name="in", shape=(1,)),),
        populations=(
            Population(name="a", size=1, neuron=neuron),
            Population(name="b", size=1, neuron=neuron),
        ),
        edges=(Edge(source="a", target="b", weights=np.ones((1, 1), np.int64)),),
        outputs=("b",),
    )
    with pytest.raises(ConfigError, match=r"^edge 'a' to 'b': the source must fire spikes$"):
        IntegerModel(chain)
    wrong = IntegerNetwork(
        name="wrong",
        inputs=chain.inputs,
        populations=(Population(name="a", size=3, neuron=NeuronConfig(bias=(1, 2))),),
        edges=(),
        outputs=("a",),
    )
    with pytest.raises(ConfigError, match=r"^population 'a': bias must have 1 or 3 values, not 2$"):
        IntegerModel(wrong)


def test_is_fast_enough() -> None:
    rng = np.random.default_rng(0)
    neuron = NeuronConfig(decay=Decay(kind="shift", shift=3), compare=(300,), reset_amount=(300,))
    readout = NeuronConfig(fires=False, decay=Decay(kind="shift", shift=3))
    network = IntegerNetwork(
        name="speed",
        inputs=(InputPort(name="in", shape=(40,)),),
        populations=(
            Population(name="h", size=128, neuron=neuron),
            Population(name="o", size=10, neuron=readout),
        ),
        edges=(
            Edge(source="in", target="h", weights=rng.integers(-127, 128, (128, 40))),
            Edge(source="h", target="o", weights=rng.integers(-127, 128, (10, 128))),
        ),
        outputs=("o",),
    )
    model = IntegerModel(network)
    x = (rng.random((256, 50, 40)) < 0.2).astype(np.uint8)
    model.run(x[:2])
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        started = time.process_time()
        model.run(x)
        seconds = time.process_time() - started
    finally:
        torch.set_num_threads(threads)
    assert 256 * 50 / seconds > 50_000
