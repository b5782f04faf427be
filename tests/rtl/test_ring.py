"""The ring: every event comes so many steps later, once, in its step, whatever the gaps."""

import random
from collections import Counter
from dataclasses import dataclass
from typing import Any

import pytest

from spikewright.errors import ConfigError
from spikewright.events import Kind, WordFormat
from spikewright.fixed import unsigned_bits
from spikewright.rings import RingConfig
from spikewright.rtl.ring import DelayRing
from tests.rtl.cores import meanings, word
from tests.rtl.platforms import StrictPlatform
from tests.rtl.streams import Run, run_streams

CHANCES = [(1.0, 1.0), (0.5, 1.0), (1.0, 0.5), (0.3, 0.3)]
LENGTHS = [5, 1, 0, 7, 12, 3]
"""Steps of the samples of a run."""


@dataclass(frozen=True)
class Shape:
    """A ring, short; ``delays`` None: one drawn for each address, up to 3."""

    addresses: int
    delays: tuple[int, ...] | None
    most: int = 1
    value_bits: int = 0
    leads: bool = False

    def ring(self) -> RingConfig:
        chosen = random.Random(7)
        least = int(self.leads)
        delays = self.delays or tuple(chosen.randint(least, 3) for _ in range(self.addresses))
        word = WordFormat(address_bits=unsigned_bits(self.addresses - 1), value_bits=self.value_bits)
        return RingConfig(name="ring", word=word, addresses=self.addresses, delays=delays, most=self.most,
                          leads=self.leads)


SHAPES = {
    "one address": Shape(1, (1,)),
    "one word": Shape(11, (1,)),
    "words": Shape(38, (2,)),
    "full words": Shape(32, (3,)),
    "each": Shape(37, None),
    "counts": Shape(9, (2,), most=5),
    "counts of each": Shape(10, None, most=1 << 4),
    "large counts": Shape(3, (1,), most=255),
    "values": Shape(9, (2,), value_bits=3),
    "wide values": Shape(5, None, value_bits=17),
    "recurrent": Shape(38, (1,), leads=True),
    "recurrent, one address": Shape(1, (1,), leads=True),
    "recurrent, later": Shape(21, (3,), leads=True),
    "recurrent, each": Shape(21, None, leads=True),
    "recurrent, counts": Shape(6, (1,), most=3, leads=True),
}


def stimulus(ring: RingConfig, seed: int) -> list[list[list[tuple[int, int]]]]:
    """Events (address, value) by sample and step, in any order; steps without any among them."""
    chosen = random.Random(seed)
    samples = []
    for length in LENGTHS:
        steps = []
        for _ in range(length):
            events = []
            for address in range(ring.addresses):
                if chosen.random() < 0.3:
                    times = chosen.choice([1, ring.most, chosen.randint(1, ring.most)])
                    value = chosen.randint(1, (1 << ring.word.value_bits) - 1) if ring.word.value_bits else 0
                    events += [(address, value)] * times
            chosen.shuffle(events)
            steps.append(events if chosen.random() < 0.8 else [])
        samples.append(steps)
    return samples


def sent(ring: RingConfig, samples: list[list[list[tuple[int, int]]]]) -> list[int]:
    words = []
    for steps in samples:
        for events in steps:
            words += [word(ring.word, Kind.EVENT, *event) for event in events]
            words.append(word(ring.word, Kind.END_OF_STEP))
        words.append(word(ring.word, Kind.END_OF_SAMPLE))
    return words


def expected(ring: RingConfig, samples: list[list[list[tuple[int, int]]]]) -> list[int]:
    """By the definition: in step t what its source fired in step t - d; in rings that lead a step ahead."""
    words = []
    for steps in samples:
        late: list[list[tuple[int, int]]] = [[] for _ in range(len(steps) + max(ring.delays) + 1)]
        for step, events in enumerate(steps):
            for address, value in events:
                delay = ring.delays[address if len(ring.delays) > 1 else 0]
                late[step + delay].append((address, value))
        for events in late[:len(steps) + ring.leads]:
            words += [word(ring.word, Kind.EVENT, *event) for event in sorted(events)]
            words.append(Kind.END_OF_STEP)
        words.append(Kind.END_OF_SAMPLE)
    return words + [Kind.END_OF_STEP] * ring.leads


def run(ring: RingConfig, words: list[int], receive: int, **bench: Any) -> Run:
    return run_streams(DelayRing(ring), send={"source": words}, receive={"sink": receive},
                       platform=StrictPlatform(), **bench)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize(("p_valid", "p_ready"), CHANCES)
def test_every_event_comes_in_its_step(shape: str, p_valid: float, p_ready: float) -> None:
    ring = SHAPES[shape].ring()
    samples = stimulus(ring, seed=3)
    wanted = expected(ring, samples)
    events = Counter(bits for bits in wanted if bits & 3 == Kind.EVENT)
    assert events, "something must arrive"
    assert max(events.values()) >= ring.most > 1 or ring.most == 1
    assert len(set(ring.delays)) > 1 or SHAPES[shape].delays is not None
    got = run(ring, sent(ring, samples), len(wanted), p_valid=p_valid, p_ready=p_ready)
    assert meanings(got["sink"]) == wanted


@pytest.mark.parametrize("shape", ["words", "recurrent", "counts", "one address", "each", "recurrent, each"])
def test_an_event_takes_2_cycles_a_step_its_words(shape: str) -> None:
    """The docstring's figures: cycles from token to token, and between events of the source."""
    ring = SHAPES[shape].ring()
    samples = stimulus(ring, seed=3)
    got = run(ring, sent(ring, samples), len(expected(ring, samples)))
    kinds = [bits & 3 for bits in got["source"]]
    for before, kind, first, second in zip(kinds, kinds[1:], got.cycles["source"], got.cycles["source"][1:],
                                           strict=False):
        if before == Kind.EVENT:
            assert second == first + 2 + (len(ring.delays) > 1), "of a word after an event"
        assert kind in (Kind.EVENT, Kind.END_OF_STEP, Kind.END_OF_SAMPLE)
    steps: list[list[int]] = [[]]
    for bits in meanings(got["sink"])[ring.leads:]:
        if bits & 3 == Kind.EVENT:
            steps[-1].append(bits >> 2 & (1 << ring.word.address_bits) - 1)
        else:
            steps.append([])
    ended = [c for c, bits in zip(got.cycles["sink"], got["sink"], strict=True) if bits & 3][ring.leads:]
    taken = [c for c, bits in zip(got.cycles["source"], got["source"], strict=True) if bits & 3]
    tokens = [bits & 3 for bits in got["source"] if bits & 3]
    if ring.leads:  # those of empty first steps answer nothing
        answers = [index for index, kind in enumerate(got_tokens(got)) if kind == Kind.END_OF_SAMPLE]
        ended = [c for index, c in enumerate(ended) if index - 1 not in answers]
        steps = [events for index, events in enumerate(steps[:-1]) if index - 1 not in answers]
    for kind, start, end, addresses in zip(tokens, taken, ended, steps, strict=False):
        if kind == Kind.END_OF_SAMPLE:
            assert end == start + 1
            continue
        in_word = Counter(address // ring.fields for address in addresses)
        counts = [in_word[index] for index in range(ring.words)]
        assert end == start + 3 + sum(max(1, count) for count in counts[:-1]) + counts[-1]


def got_tokens(got: Run) -> list[int]:
    """Kinds of the tokens that came out, without the first."""
    return [bits & 3 for bits in got["sink"] if bits & 3][1:]


def test_a_samples_end_takes_a_cycle_for_every_word() -> None:
    ring = SHAPES["words"].ring()
    assert (ring.slots, ring.words) == (3, 3)
    end = word(ring.word, Kind.END_OF_SAMPLE)
    got = run(ring, [end, end], 2)
    assert got.cycles["sink"][0] == got.cycles["source"][0] + 1
    assert got.cycles["source"][1] == got.cycles["sink"][0] + 1 + ring.slots * ring.words


def test_the_first_step_of_a_ring_that_leads_waits_for_nothing() -> None:
    ring = SHAPES["recurrent, later"].ring()
    got = run(ring, [], 1)
    assert meanings(got["sink"]) == [Kind.END_OF_STEP]
    assert got.cycles["sink"] == [ring.slots * ring.words]


def test_slots_and_words() -> None:
    """Of D steps D + 1 slots, or D of a ring that leads; words of 16 bits at most, but for wide values."""
    shapes = {name: shape.ring() for name, shape in SHAPES.items()}
    sizes = {name: (ring.slots, ring.words, ring.fields, ring.field_bits) for name, ring in shapes.items()}
    assert sizes["words"] == (3, 3, 16, 1)
    assert sizes["one word"] == (2, 1, 16, 1)
    assert sizes["one address"] == (2, 1, 1, 1)
    assert sizes["counts"] == (3, 3, 4, 3)
    assert sizes["large counts"] == (2, 2, 2, 8)
    assert sizes["wide values"] == (4, 5, 1, 17)
    assert sizes["recurrent"] == (1, 3, 16, 1)
    assert sizes["recurrent, later"] == (3, 2, 16, 1)
    memory = shapes["words"].memory
    assert (memory.depth, memory.width, memory.state) == (9, 16, True)


@pytest.mark.parametrize(("delays", "leads", "seen"), [
    ((1, 2), False, "2 from 1 on"), ((0,), True, "1 from 0 on")])
def test_delays_that_fit_no_ring_are_refused(delays: tuple[int, ...], leads: bool, seen: str) -> None:
    word = WordFormat(address_bits=3)
    with pytest.raises(ConfigError, match=rf"^ring: delays must be 1 or 5 numbers from {int(leads)} on, not"
                                          rf" {seen}$"):
        RingConfig(name="ring", word=word, addresses=5, delays=delays, leads=leads)
