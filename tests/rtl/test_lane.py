"""A lane, cycle by cycle as a core's sequencer drives it, against docs/numerics.md in Python integers."""

import random
from dataclasses import dataclass, field, replace
from typing import Any, Literal

import numpy as np
import pytest

from spikewright.compiler.parameters import parameter_levels
from spikewright.config import CompressedRows, Parameter, ParameterName, slot_bits
from spikewright.memories import core_memories
from spikewright.network import Edge, InputPort, IntegerNetwork, Population
from spikewright.neuron import Decay, NeuronConfig
from spikewright.rtl.lane import Lane
from spikewright.rtl.latency import CoreLatency
from spikewright.rtl.update import parameter_layout
from tests.rtl.cores import CoreCase, Kinds, core_case, encode, kept, plain_core, random_core
from tests.rtl.platforms import StrictPlatform
from tests.rtl.reference import Neuron, level
from tests.rtl.streams import Bench

STEPS = 6


@dataclass
class Script:
    """Inputs of the lane by cycle, and what it must show by cycle.

    ``now`` is the first cycle in which the sequencer may take a word; all follows as soon as it may.
    """

    case: CoreCase
    neurons: list[Neuron]
    seed: int
    now: int = 0
    inputs: dict[int, dict[str, int]] = field(default_factory=dict)
    potentials: dict[int, int] = field(default_factory=dict)
    spikes: dict[int, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.random = random.Random(self.seed)
        self.core = self.case.core
        self.latency = CoreLatency(self.core)

    def put(self, cycle: int, **inputs: int) -> None:
        """Inputs of a cycle."""
        row = self.inputs.setdefault(cycle, {})
        assert not row.keys() & inputs.keys(), f"cycle {cycle} has {row}, and {inputs} on top"
        row.update(inputs)

    def synapse(self, slot: int, weight: int, *, hold: bool, value: int, value_bits: int) -> None:
        """One synapse, a pass for each bit of the value, highest first."""
        count = max(1, value_bits)
        for index in range(count):
            self.put(self.now, synapse__valid=1, synapse__first=index == 0, synapse__last=index == count - 1,
                     synapse__bit=value >> count - 1 - index & 1, synapse__weight=weight,
                     synapse__address=slot | hold << slot_bits(self.core))
            self.now += 1
        neuron = self.neurons[slot]
        if hold:
            neuron.held += weight * value
        else:
            neuron.drive += weight * value

    def wipe(self) -> None:
        """Empty the held drive of all slots, a slot a cycle, from the cycle after the word is seen."""
        self.now += 1
        for slot, neuron in enumerate(self.neurons):
            self.put(self.now, sweep__wipe=1, sweep__slot=slot)
            self.now += 1
            neuron.held = 0

    def sweep(self, *, clear: bool = False) -> None:
        """Update all slots, one every ``phases`` cycles, each stage in the cycle that CoreLatency names.

        While a neuron fires again, or that of another lane does, all waits that comes before its potential.
        """
        latency, layout, phases = self.latency, parameter_layout(self.core.parameters), self.latency.phases
        if not (clear and self.core.holds):  # there the emptying of held drive comes between
            self.now += 1
        first, waits = self.now + phases - 1, self.case.neuron.max_spikes - 1

        def when(cycle: int) -> int:
            """The cycle, with all the waiting before it."""
            return cycle + sum(stalls[:max(0, (cycle - first - latency.potential) // phases + 1)])

        found = [(0, 0) if clear else neuron.step() for neuron in self.neurons]
        stalls = [0 if clear else self.random.choice([min(count, waits), waits]) for _, count in found]
        for slot, neuron in enumerate(self.neurons):
            read = first + slot * phases
            if self.core.holds:
                self.put(when(read - 1), sweep__read_hold=1, sweep__slot=slot)
            self.put(when(read), sweep__read=1, sweep__slot=slot)
            levels = {parameter.name: level(self.levels(parameter.name), neuron.index)
                      for parameter in self.core.parameters}
            self.put(when(read + 1), parameters=encode(layout, **levels))
            leaves = when(read + latency.potential)
            self.put(leaves, sweep__clear=clear)
            self.put(leaves - latency.potential + latency.store, sweep__store=1, sweep__store_slot=slot)
            if waits:
                for turn in range(stalls[slot] + 1):
                    self.put(leaves - stalls[slot] + turn, sweep__stall=turn < stalls[slot],
                             sweep__turn=turn + 1)
            if clear:
                neuron.clear()
            else:
                self.potentials[leaves - stalls[slot]], self.spikes[leaves + 1] = found[slot]
        self.now += len(self.neurons) * phases + sum(stalls) + latency.drain

    def levels(self, name: ParameterName) -> tuple[int, ...]:
        """Levels by the name of their parameter."""
        return parameter_levels(self.case.neuron)[name]

    def play(self, lane: Lane, platform: StrictPlatform) -> tuple[dict[int, int], dict[int, int], list[int]]:
        """Apply the script, with nonsense on all that is not given; what is shown, and the state memory."""
        bench = Bench(lane, platform=platform)
        ports = {f"synapse__{name}": getattr(lane.synapse, name)
                 for name in ("valid", "first", "last", "bit", "address", "weight")}
        ports |= {f"sweep__{name}": getattr(lane.sweep, name)
                  for name in lane.sweep.signature.members}
        ports["parameters"] = lane.parameters.as_value()
        enables = {"synapse__valid", "sweep__read", "sweep__read_hold", "sweep__store", "sweep__wipe",
                   "sweep__stall"}
        potentials: dict[int, int] = {}
        spikes: dict[int, int] = {}
        words: list[int] = []

        async def process(ctx: Any) -> None:
            for cycle in range(self.now + self.latency.store + 4):
                row = self.inputs.get(cycle, {})
                for name, port in ports.items():
                    idle = 0 if name in enables else self.random.getrandbits(max(1, len(port)))
                    ctx.set(port, int(row.get(name, idle)))
                _, _, potential, spike = await ctx.tick().sample(lane.potential, lane.spike)
                if cycle in self.potentials:
                    potentials[cycle] = int(potential)
                if cycle in self.spikes and self.case.neuron.fires:
                    spikes[cycle] = int(spike)
            words.extend(int(ctx.get(word)) for word in platform.words[lane.memory.config.name])

        bench.run(process)
        return potentials, spikes, words


def drive_step(script: Script, step: int) -> None:
    """Events of one step: each source at most once, its synapses back to back, in a lane's order of slots."""
    case, core, chosen = script.case, script.core, script.random
    compressed, fresh, walked = isinstance(core.rows, CompressedRows), False, False
    for port, edge in zip(core.ports, case.network.edges, strict=True):
        x = case.x[port.source][step // STEPS, step % STEPS]
        for address in (a for a in range(port.addresses) if x[a]):
            if port.kind == "hold" and not fresh:
                script.wipe()
                fresh, walked = True, False
            if not walked:
                script.now += 2  # a word's first synapse, at the earliest
                walked = True
            for slot in range(core.slots):
                weight = int(edge.weights[core.placement[slot], address])
                if weight or not compressed:
                    script.synapse(slot, weight, hold=port.kind == "hold", value=int(x[address]),
                                   value_bits=port.value_bits)
            script.now += chosen.random() < 0.1
    if walked and script.latency.settles_at_once:
        script.now -= 1  # the token is taken in the cycle of the last synapse


def check(case: CoreCase, seed: int) -> None:
    """Clear, run two samples with the state cleared between; every potential, spike and word at the end."""
    core = case.core
    assert core.lanes == 1
    config = next(memory for memory in core_memories(core) if memory.state)
    lane, platform = Lane(core, config), StrictPlatform(seed)
    script = Script(case, [Neuron(case.neuron, index) for index in core.placement], seed)
    for step in range(2 * STEPS):
        if step % STEPS == 0:
            if core.holds:
                script.wipe()
            script.sweep(clear=True)
        drive_step(script, step)
        script.sweep()
    potentials, spikes, words = script.play(lane, platform)
    assert potentials == script.potentials
    assert spikes == (script.spikes if case.neuron.fires else {})
    found = kept(core, {config.name: words})
    for name, values in found.items():
        expected = [getattr(neuron, name) for neuron in script.neurons]
        assert values == [expected[core.placement.index(index)] for index in range(core.neurons)], name


PORTS: dict[str, tuple[tuple[Literal["drive", "hold"], int], ...]] = {
    "spikes": (("drive", 0),),
    "values": (("drive", 3), ("drive", 0)),
    "held": (("hold", 2), ("drive", 0)),
}


@pytest.mark.parametrize("decay", ["none", "shift", "multiply"])
@pytest.mark.parametrize("reset", ["subtract", "set"])
@pytest.mark.parametrize("reset_when", ["now", "next"])
@pytest.mark.parametrize("ports", PORTS)
@pytest.mark.parametrize("rows", ["dense", "compressed"])
def test_a_lane_that_fires(decay: Any, reset: Any, reset_when: Any, ports: str, rows: Any) -> None:
    """Every kind of arithmetic, as tight in time as CoreLatency allows; constants, and levels for each."""
    for seed, each in enumerate([False, True]):
        kinds = Kinds(decay=decay, reset=reset, reset_when=reset_when, ports=PORTS[ports], rows=rows,
                      each=each)
        case = random_core(kinds, seed)
        assert bool(case.core.parameters) == each
        check(case, seed)


@pytest.mark.parametrize("decay", ["none", "shift", "multiply"])
@pytest.mark.parametrize("ports", PORTS)
def test_a_lane_that_does_not_fire(decay: Any, ports: str) -> None:
    for seed, floor in enumerate([False, True]):
        check(random_core(Kinds(decay=decay, fires=False, ports=PORTS[ports], floor=floor), seed), seed)


@pytest.mark.parametrize("feeds", ["new", "old"])
@pytest.mark.parametrize("current_decay", ["none", "shift", "multiply"])
@pytest.mark.parametrize("decay", ["none", "shift", "multiply"])
@pytest.mark.parametrize("ports", PORTS)
def test_a_current(feeds: Any, current_decay: Any, decay: Any, ports: str) -> None:
    """Both decays of every kind, so that one waits for the other; every reset, and none."""
    resets: list[dict[str, Any]] = [
        {"reset": reset, "reset_when": when} for reset in ("subtract", "set") for when in ("now", "next")]
    for seed, more in enumerate([*resets, {"fires": False}]):
        kinds = Kinds(current=feeds, current_decay=current_decay, decay=decay, ports=PORTS[ports],
                      each=seed % 2 == 0, size=[1, 2, 5][seed % 3], floor=seed == 3, **more)
        check(random_core(kinds, seed), seed)


@pytest.mark.parametrize("max_spikes", [2, 3, 7, 255])
@pytest.mark.parametrize("ports", PORTS)
@pytest.mark.parametrize("current", ["none", "new", "old"])
def test_several_spikes_a_step(max_spikes: int, ports: str, current: Any) -> None:
    """A neuron that fires again holds back those behind it, and waits for one of another lane."""
    for seed, decay in enumerate(["none", "shift", "multiply"]):
        kinds = Kinds(current=current, max_spikes=max_spikes, decay=decay,  # type: ignore[arg-type]
                      ports=PORTS[ports], each=seed != 1, size=[5, 1, 2][seed])
        check(random_core(kinds, seed), seed)


@pytest.mark.parametrize("sign", [1, -1])
def test_the_highest_potential_and_the_highest_held_drive_together(sign: int) -> None:
    """Each just fits the accumulator, their sum takes a bit more."""
    neuron = NeuronConfig(fires=False, state_bits=8)
    inputs = (InputPort(name="held", shape=(2,), kind="hold"), InputPort(name="in", shape=(1,)))
    edges = tuple(Edge(source=port.name, target="core", weights=np.full((2, port.size), sign * 120))
                  for port in inputs)
    network = IntegerNetwork(name="one", inputs=inputs, edges=edges, outputs=("core",),
                             populations=(Population(name="core", size=2, neuron=neuron),))
    x = {port.name: np.ones((2, STEPS, port.size), np.int64) for port in inputs}
    case = core_case(network, Kinds(fires=False, lanes=1, rows="dense"), x)
    assert case.core.accumulator_bits == 9
    check(case, seed=1)


@pytest.mark.parametrize("size", [1, 2, 3])
@pytest.mark.parametrize("rows", ["dense", "compressed"])
@pytest.mark.parametrize("ports", PORTS)
def test_few_slots(size: int, rows: Any, ports: str) -> None:
    """One slot: all synapses have the same address; few: a sweep is shorter than its pipeline."""
    for seed, decay in enumerate(["shift", "multiply"]):
        kinds = Kinds(size=size, rows=rows, ports=PORTS[ports], decay=decay, each=True)  # type: ignore[arg-type]
        check(random_core(kinds, seed), seed)


@pytest.mark.parametrize(("holds", "decay", "stored", "potential", "store"), [
    (False, Decay(), False, 2, 4), (False, Decay(kind="shift", shift=3), False, 2, 4),
    (True, Decay(), False, 3, 5), (False, Decay(kind="multiply", factor=(7,), fraction_bits=3), False, 2, 5),
    (False, Decay(kind="multiply", factor=(230,), fraction_bits=8), False, 2, 6),
    (True, Decay(kind="multiply", factor=(14746,), fraction_bits=14), False, 3, 8),
    (True, Decay(kind="multiply", factor=(7,), fraction_bits=3), True, 3, 7),
], ids=["plain", "shift", "held", "one-adder", "three-adders", "held-six-adders", "held-stored"])
def test_core_latency(holds: bool, decay: Decay, stored: bool, potential: int, store: int) -> None:
    core = plain_core(ports=[("hold" if holds else "drive", 5, 0)], decay=decay)
    if stored:
        core = replace(core, levels=(Parameter(name="decay", bits=decay.fraction_bits + 1, signed=False),))
    latency = CoreLatency(core)
    assert (latency.potential, latency.store, latency.phases) == (potential, store, 1 + holds)
    assert latency.shown == potential + 1, "a spike is registered after the potential that it is found from"
