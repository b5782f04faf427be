"""Proofs: the walker of dense rows reads every accepted event's row once, in order, and nothing else."""

from collections.abc import Mapping, Sequence

import pytest
from amaranth.hdl import Const

from spikewright import memory
from spikewright.config import slot_bits
from spikewright.memories import weight_memories
from spikewright.rtl import banks as rtl_banks
from spikewright.rtl.banks import WeightBanks
from spikewright.rtl.memory import ConfiguredMemory
from spikewright.rtl.rows import DenseWalker
from tests.formal.formal import Formal
from tests.formal.memories import FreeMemories
from tests.formal.prover import Model
from tests.formal.rows import Followed, feed_events
from tests.rtl.cores import Port, plain_core

PORTS: dict[str, list[Port]] = {
    "spikes": [("drive", 3, 0)],
    "held": [("hold", 2, 0), ("drive", 2, 0)],
    "values": [("drive", 2, 2), ("hold", 2, 3), ("drive", 1, 0)],
}
SHAPES = [(1, 1), (2, 1), (4, 4), (3, 2)]
"""Neurons and lanes: one, one lane, one slot, places without a neuron."""
SOME = [("spikes", 1, 1), ("spikes", 2, 1), ("spikes", 4, 4), ("held", 3, 2),
        ("values", 1, 1), ("values", 2, 1)]
REST = [(ports, *shape) for ports in PORTS for shape in [*SHAPES, (3, 1), (7, 2)]
        if (ports, *shape) not in SOME]


def walker(ports: Sequence[Port], neurons: int, lanes: int, faults: Mapping[str, str] | None = None
           ) -> Formal:
    """Any events at any time, any weights: of one word, anywhere, the contents are known."""
    core = plain_core(neurons, lanes, ports=ports, weight_bits=2)
    free = FreeMemories()
    formal = Formal(faults, platform=free)
    banks = [ConfiguredMemory(config) for config in weight_memories(core)]
    formal.m.submodules += banks
    address, contents = free.follow(formal, [bank.memory for bank in banks])
    formal.m.submodules.walker = part = DenseWalker(core, WeightBanks(banks))
    event = feed_events(formal, core, part.event)
    settled = formal.observe("settled", part.settled)
    row = Followed(formal, core, event, list(part.synapses), words=Const(core.slots), most=core.slots,
                   capacity=3, within=4)
    ours, valid, owed = row.ours, row.seen["valid"], row.owed
    known = row.row * core.slots + row.word == address
    slot = row.seen["address"][:slot_bits(core)]
    formal.check("slot after slot", ~ours | (slot == row.word))
    formal.check("the weights of its row", ~ours | ~known | (row.weights == contents))
    # What a sequencer builds on that lets no token overtake an event.
    formal.check("at rest when it says so", ~settled | (owed == valid))
    formal.check("at rest when there is nothing to do", settled | (owed != 0))
    formal.cover("its weights are those that are known", ours & known)
    return formal


@pytest.mark.parametrize(("ports", "neurons", "lanes"), [
    *SOME, *(pytest.param(*values, marks=pytest.mark.slow) for values in REST)])
def test_dense_walker(ports: str, neurons: int, lanes: int) -> None:
    model = Model(walker(PORTS[ports], neurons, lanes))
    model.prove(seconds=300)
    model.reach(20 + 6 * neurons)


@pytest.mark.parametrize("words", [2, pytest.param(4, marks=pytest.mark.slow)])
def test_weights_in_banks(words: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of so few words, so that there are several; the last is not full."""
    monkeypatch.setattr(memory, "BANK_WORDS", words)
    monkeypatch.setattr(rtl_banks, "BANK_WORDS", words)
    assert len(weight_memories(plain_core(3, 1, ports=PORTS["spikes"]))) > 2
    model = Model(walker(PORTS["spikes"], 3, 1))
    model.prove()
    model.reach(20)


FOUND = [
    ("event", "drops", "all comes out in the end"),
    ("event", "stalls", "a waiting event is taken"),
    ("event", "doubles", "nothing comes of nothing"),
    ("event", "doubles", "at rest when it says so"),
    ("event", "alters", "the weights of its row"),
    ("event", "alters", "held as the event says"),
    ("event", "alters", "bits of the value, the highest first"),
    ("event", "alters", "pass after pass"),
    ("event", "overtakes", "the weights of its row"),
    ("valid", "alters", "nothing comes of nothing"),
    ("valid", "alters", "all comes out in the end"),
    ("valid", "alters", "slot after slot"),
    ("valid", "alters", "no more than finds room"),
    ("first", "alters", "pass after pass"),
    ("last", "alters", "pass after pass"),
    ("bit", "alters", "bits of the value, the highest first"),
    ("address", "alters", "slot after slot"),
    ("address", "alters", "held as the event says"),
    ("weights", "alters", "the weights of its row"),
    ("settled", "alters", "at rest when it says so"),
    ("settled", "alters", "at rest when there is nothing to do"),
]


@pytest.mark.parametrize(("output", "fault", "check"), FOUND)
def test_dense_walker_proof_fails_on_a_walker_that(output: str, fault: str, check: str) -> None:
    Model(walker(PORTS["values"], 2, 1, {output: fault})).refute(check, 25)


def test_every_check_is_among_those_that_fail() -> None:
    assert set(Model(walker(PORTS["values"], 2, 1)).formal.checks) == {check for _, _, check in FOUND}
