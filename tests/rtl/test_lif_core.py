"""Whole cores against the integer model: all that they emit and all that they keep, whatever the gaps."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Literal

import numpy as np
import pytest

from spikewright.events import Kind
from spikewright.network import Edge, InputPort, IntegerNetwork, Population
from spikewright.neuron import NeuronConfig
from spikewright.rtl.latency import CoreLatency
from spikewright.rtl.lif_core import LifCore
from spikewright.rtl.rows import QUEUE_DEPTH
from tests.rtl.cores import (
    CoreCase,
    Kinds,
    core_case,
    emitted,
    kept,
    meanings,
    port_words,
    random_core,
    step_words,
    word,
)
from tests.rtl.platforms import StrictPlatform
from tests.rtl.reference import level
from tests.rtl.streams import Bench, Run

Ports = tuple[tuple[Literal["drive", "hold"], int], ...]
PORTS: dict[str, Ports] = {
    "spikes": (("drive", 0),),
    "values": (("drive", 4), ("drive", 0)),
    "held": (("hold", 0), ("drive", 2)),
    "only held": (("hold", 3),),
}
PACES = {"at once": (1.0, 1.0), "late events": (0.4, 1.0), "held up": (1.0, 0.3), "both": (0.4, 0.4)}


def run(case: CoreCase, *, pace: str = "at once", seed: int = 1) -> tuple[Run, list[dict[str, list[int]]]]:
    """Run all samples; what was emitted, and the states at the end of each, before it is told so."""
    core, platform = case.core, StrictPlatform(seed)
    images = {name: image.tolist() for name, image in case.images.items()}
    component = LifCore(core, port_words(core), images=images)
    p_valid, p_ready = PACES[pace]
    bench = Bench(component, platform=platform, p_valid=p_valid, p_ready=p_ready, seed=seed,
                  watch={"event_cycle": component.event_cycle, "update_cycle": component.update_cycle,
                         "resting": component.resting})
    samples, steps = case.steps
    ends = []

    async def process(ctx: Any) -> None:
        for sample in range(samples):
            send: dict[str, Sequence[int]] = {
                f"source_{index}": [bits for values in case.x[port.source][sample].tolist()
                                    for bits in step_words(format, values)]
                for index, (port, format) in enumerate(zip(core.ports, port_words(core), strict=True))}
            count = sum(len(emitted(core, case.trace, sample, step)) for step in range(steps))
            await bench.exchange(ctx, send, {"sink": count})
            ends.append(kept(core, platform.read(ctx)))
            send = {f"source_{index}": [word(format, Kind.END_OF_SAMPLE)]
                    for index, format in enumerate(port_words(core))}
            await bench.exchange(ctx, send, {"sink": 1}, drain=1)  # the next sample follows at once
        await bench.wait(ctx, 20 + 4 * core.slots)
        ends.append(kept(core, platform.read(ctx)))

    return bench.run(process), ends


def check(case: CoreCase, **options: Any) -> Run:
    """Every word, and every state at the end of every sample, against the integer model."""
    core, (got, ends) = case.core, run(case, **options)
    samples, steps = case.steps
    expected: list[int] = []
    for sample in range(samples):
        expected += [bits for step in range(steps) for bits in emitted(core, case.trace, sample, step)]
        expected.append(word(core.word, Kind.END_OF_SAMPLE))
    assert meanings(got["sink"]) == expected
    for sample in range(samples):
        for name, values in ends[sample].items():
            assert values == case.trace.states["core"][name][sample].tolist(), (sample, name)
    cleared = dict.fromkeys(ends[-1], [0] * core.neurons)
    cleared["stored"] = [level(case.neuron.bias, index) for index in range(core.neurons)]
    if case.neuron.current is not None:
        cleared["current"] = [level(case.neuron.current.bias, index) for index in range(core.neurons)]
    assert ends[-1] == cleared, "the end of a sample leaves the bias"
    return got


@pytest.mark.parametrize("decay", ["none", "shift", "multiply"])
@pytest.mark.parametrize(("reset", "reset_when"), [
    ("subtract", "now"), ("subtract", "next"), ("set", "now"), ("set", "next")])
@pytest.mark.parametrize("ports", PORTS)
@pytest.mark.parametrize("rows", ["dense", "compressed"])
def test_spikes(decay: Any, reset: Any, reset_when: Any, ports: str, rows: Any) -> None:
    """Every kind of arithmetic with every kind of port; shapes, widths and paces differ from case to case."""
    seed = sum(map(ord, decay + reset + reset_when + ports + rows))
    rng = np.random.default_rng(seed)
    kinds = Kinds(
        decay=decay, reset=reset, reset_when=reset_when, ports=PORTS[ports], rows=rows,
        each=bool(rng.random() < 0.5), floor=bool(rng.random() < 0.2),
        contents="bus" if rng.random() < 0.3 else "baked",
        size=int(rng.integers(1, 12)), lanes=int(2 ** rng.integers(0, 4)))
    check(random_core(kinds, seed), pace=list(PACES)[seed % 4], seed=seed)


@pytest.mark.parametrize("decay", ["none", "shift", "multiply"])
@pytest.mark.parametrize("ports", PORTS)
@pytest.mark.parametrize("pace", PACES)
def test_potentials(decay: Any, ports: str, pace: str) -> None:
    seed = sum(map(ord, decay + ports + pace))
    rng = np.random.default_rng(seed)
    kinds = Kinds(fires=False, decay=decay, ports=PORTS[ports], each=bool(seed % 2), floor=seed % 3 == 0,
                  rows="compressed" if rng.random() < 0.5 else "dense", size=int(rng.integers(1, 9)),
                  lanes=int(2 ** rng.integers(0, 3)))
    check(random_core(kinds, seed, steps=4), pace=pace, seed=seed)


@pytest.mark.parametrize("current", ["new", "old"])
@pytest.mark.parametrize("ports", PORTS)
@pytest.mark.parametrize("pace", PACES)
@pytest.mark.parametrize("fires", [True, False])
def test_currents(current: Any, ports: str, pace: str, fires: bool) -> None:
    """Any decays, any reset, and in some several spikes a step."""
    seed = sum(map(ord, current + ports + pace)) + fires
    rng = np.random.default_rng(seed)
    decay, current_decay = rng.choice(["none", "shift", "multiply"], size=2)
    kinds = Kinds(
        current=current, decay=decay, current_decay=current_decay, fires=fires, ports=PORTS[ports],
        reset=rng.choice(["subtract", "set"]), reset_when=rng.choice(["now", "next"]),
        each=bool(rng.random() < 0.5), rows="compressed" if rng.random() < 0.5 else "dense",
        contents="bus" if rng.random() < 0.3 else "baked",
        size=int(rng.integers(1, 12)), lanes=int(2 ** rng.integers(0, 4)))
    if fires and (kinds.reset, kinds.reset_when) == ("subtract", "now"):
        kinds = replace(kinds, max_spikes=int(rng.integers(1, 5)))
    check(random_core(kinds, seed), pace=pace, seed=seed)


@pytest.mark.parametrize("max_spikes", [2, 3, 255])
@pytest.mark.parametrize("ports", PORTS)
@pytest.mark.parametrize("pace", PACES)
def test_several_spikes_a_step(max_spikes: int, ports: str, pace: str) -> None:
    """Lanes wait for those that fire more often; places without a neuron hold up nothing."""
    seed = sum(map(ord, ports + pace)) + max_spikes
    rng = np.random.default_rng(seed)
    decay = rng.choice(["none", "shift", "multiply"])
    kinds = Kinds(
        max_spikes=max_spikes, decay=decay, ports=PORTS[ports], each=bool(rng.random() < 0.5),
        rows="compressed" if rng.random() < 0.5 else "dense",
        contents="bus" if rng.random() < 0.3 else "baked",
        size=int(rng.integers(1, 12)), lanes=int(2 ** rng.integers(0, 4)))
    case = random_core(kinds, seed)
    got = check(case, pace=pace, seed=seed)
    assert counted(got, "update_cycle") == sweeps(case)


@pytest.mark.parametrize("ports", ["spikes", "held"])
@pytest.mark.parametrize(("size", "lanes"), [(1, 1), (2, 1), (3, 2), (5, 8), (11, 4)])
def test_all_neurons_fire_as_often_as_they_may(ports: str, size: int, lanes: int) -> None:
    """In every step, also where nothing is taken off; then none does."""
    kinds = Kinds(ports=PORTS[ports], max_spikes=5, size=size, lanes=lanes, rows="dense")
    network = random_core(kinds, 2).network
    population = network.populations[0]
    neuron = NeuronConfig(state_bits=16, compare=(3,), reset_amount=(0,), max_spikes=5, bias=(7,))
    eager = replace(network, populations=(replace(population, neuron=neuron),))
    x = {port.name: np.zeros((2, 4, port.size), np.int64) for port in network.inputs}
    case = core_case(eager, kinds, x)
    assert (case.trace.spikes["core"] == 5).all()
    for pace in PACES:
        got = check(case, pace=pace)
        assert counted(got, "update_cycle") == sweeps(case)


@pytest.mark.parametrize("lanes", [1, 2])
def test_words_wait_while_the_last_slot_fires(lanes: int) -> None:
    """Events of the next step are there; they must not be added before the last slot is stored."""
    neuron = NeuronConfig(state_bits=16, compare=(3,), reset_amount=(1,), max_spikes=30, bias=(40,))
    network = IntegerNetwork(
        name="one", inputs=(InputPort(name="in0", shape=(3,)),),
        populations=(Population(name="core", size=8, neuron=neuron),),
        edges=(Edge(source="in0", target="core", weights=np.arange(24).reshape(8, 3)),), outputs=("core",))
    case = core_case(network, Kinds(lanes=lanes, rows="dense"), {"in0": np.ones((2, 6, 3), np.int64)})
    assert (case.trace.spikes["core"] == 30).all()
    check(case)


def test_places_without_a_neuron_hold_up_nothing() -> None:
    """They have the level and the bias of all, but no weights that would keep them from firing."""
    kinds = Kinds(max_spikes=5, size=3, lanes=2, rows="dense")
    neuron = NeuronConfig(state_bits=8, compare=(3,), reset_amount=(0,), max_spikes=5, bias=(7,))
    network = IntegerNetwork(
        name="one", inputs=(InputPort(name="in0", shape=(1,)),),
        populations=(Population(name="core", size=3, neuron=neuron),),
        edges=(Edge(source="in0", target="core", weights=np.array([[0], [-100], [-100]])),),
        outputs=("core",))
    case = core_case(network, kinds, {"in0": np.ones((1, 4, 1), np.int64)})
    assert not case.trace.spikes["core"][:, :, 1:].any()
    assert case.core.placement[-1] == -1
    assert counted(check(case), "update_cycle") == sweeps(case)


@pytest.mark.parametrize("rows", ["dense", "compressed"])
@pytest.mark.parametrize(("size", "lanes"), [(1, 1), (4, 2), (9, 1)])
def test_held_drive_is_replaced_right_after_a_row(rows: Any, size: int, lanes: int) -> None:
    """Events of the first port keep a held one waiting; emptying follows their last synapse at once."""
    kinds = Kinds(ports=(("drive", 0), ("hold", 0)), rows=rows, size=size, lanes=lanes)
    case = random_core(kinds, 3, steps=12)
    both = case.x["in0"].any(axis=2) & case.x["in1"].any(axis=2)
    assert both.sum(axis=1).max() > 1
    check(case)


def test_lanes_with_room_wait_for_those_without() -> None:
    """More events at once than the queues hold, of which lanes have different numbers of entries."""
    case = random_core(Kinds(rows="compressed", size=11, lanes=4), 1, addresses=200, steps=3)
    assert case.x["in0"].sum(axis=2).max() > 2 * QUEUE_DEPTH
    check(case)


def counted(got: Run, name: str) -> int:
    return sum(got.watched[name])


@pytest.mark.parametrize("ports", PORTS)
@pytest.mark.parametrize(("size", "lanes"), [(11, 4), (8, 1), (3, 4)])
def test_dense_rows_take_a_cycle_for_each_slot_and_bit(ports: str, size: int, lanes: int) -> None:
    case = random_core(Kinds(ports=PORTS[ports], rows="dense", size=size, lanes=lanes), 3)
    got, core = check(case), case.core
    events = sum(np.count_nonzero(case.x[port.source]) * max(1, port.value_bits) for port in core.ports)
    assert counted(got, "event_cycle") == events * core.slots


def sweeps(case: CoreCase) -> int:
    """Cycles of all updates: of every step, after reset, at each sample's end; and emptying held drive.

    Where neurons fire several times, a slot takes one more for every spike of its busiest lane but the last
    that there may be.
    """
    core = case.core
    samples, steps = case.steps
    updates = (samples * (steps + 1) + 1) * core.slots * CoreLatency(core).phases
    if case.neuron.fires:
        placement = np.array(core.placement)
        counts = np.where(placement >= 0, case.trace.spikes["core"][:, :, placement], 0)
        busiest = counts.reshape(samples, steps, core.slots, core.lanes).max(axis=3)
        updates += int(np.minimum(busiest, case.neuron.max_spikes - 1).sum())
    if not core.holds:
        return updates
    held = [case.x[port.source].any(axis=2) for port in core.ports if port.kind == "hold"]
    arrives = np.any(held, axis=0).sum(axis=1).tolist()  # steps of each sample in which it does
    replaced = sum(max(0, int(count) - 1) for count in arrives)
    return updates + (samples + 1 + replaced) * core.slots


@pytest.mark.parametrize("ports", PORTS)
@pytest.mark.parametrize("rows", ["dense", "compressed"])
@pytest.mark.parametrize("fires", [True, False])
def test_an_update_takes_a_cycle_for_each_slot(ports: str, rows: Any, fires: bool) -> None:
    """Two with held drive, and one more for each slot where held drive is replaced."""
    case = random_core(Kinds(ports=PORTS[ports], rows=rows, fires=fires, size=11, lanes=4), 3, steps=8)
    got = check(case, pace="both")
    assert counted(got, "update_cycle") == sweeps(case)


@pytest.mark.parametrize("size", [1, 2, 3, 9])
@pytest.mark.parametrize("decay", ["shift", "multiply"])
@pytest.mark.parametrize("ports", ["spikes", "only held"])
def test_steps_without_events(size: int, decay: Any, ports: str) -> None:
    """The next token is taken when the last one is sent: slots, latency and nothing else."""
    kinds = Kinds(ports=PORTS[ports], decay=decay, size=size, rows="dense")
    network = random_core(kinds, 5).network
    population = network.populations[0]
    neuron = replace(population.neuron, bias=(0,), compare=(5,), reset_amount=(0,))
    silent = replace(network, populations=(replace(population, neuron=neuron),))
    x = {port.name: np.zeros((1, 6, port.size), np.int64) for port in network.inputs}
    case = core_case(silent, kinds, x)
    got = check(case)
    latency = CoreLatency(case.core)
    tokens = got.cycles["source_0"][:6]
    sent = got.cycles["sink"][:6]
    # A sweep starts in the cycle after its token; its last spikes find the emitter and go before the token.
    assert [out - taken for taken, out in zip(tokens, sent, strict=True)] == [
        case.core.slots * latency.phases + latency.shown + 4] * 6
    assert all(later - out == 1 for out, later in zip(sent, tokens[1:], strict=False))


def test_resting_means_that_nothing_is_under_way() -> None:
    """While resting no event is walked and no slot updated, and once all is done the core rests."""
    case = random_core(Kinds(ports=PORTS["held"], rows="compressed", size=11, lanes=4), 3)
    got = check(case, pace="both")
    busy = [event or update for event, update in
            zip(got.watched["event_cycle"], got.watched["update_cycle"], strict=True)]
    assert not any(rests and works for rests, works in zip(got.watched["resting"], busy, strict=True))
    assert got.watched["resting"][-1]
