"""Links and forks: every word arrives once on every way, and no way waits for another."""

import random

import pytest

from spikewright.events import WordFormat
from spikewright.rtl.link import Fork, Link
from spikewright.rtl.words import word_layout
from tests.rtl.platforms import GapPlatform
from tests.rtl.streams import run_streams

LAYOUT = word_layout(WordFormat(address_bits=5, value_bits=4))
CHANCES = [(1.0, 1.0), (0.5, 1.0), (1.0, 0.5), (0.3, 0.3)]


def words(count: int) -> list[int]:
    source = random.Random(3)
    return [source.getrandbits(LAYOUT.size) for _ in range(count)]


@pytest.mark.parametrize(("p_valid", "p_ready"), CHANCES)
def test_link_hands_on_every_word_in_the_cycle_it_comes(p_valid: float, p_ready: float) -> None:
    sent = words(100)
    run = run_streams(Link(LAYOUT), send={"source": sent}, receive={"sink": 100}, p_valid=p_valid,
                      p_ready=p_ready)
    assert run["sink"] == sent
    assert run.cycles["sink"] == run.cycles["source"]


def test_link_is_replaced_by_that_of_a_platform() -> None:
    sent = words(100)
    run = run_streams(Link(LAYOUT), send={"source": sent}, receive={"sink": 100}, platform=GapPlatform())
    assert run["sink"] == sent
    assert run.cycles["sink"] != run.cycles["source"]


@pytest.mark.parametrize("ways", [1, 2, 3])
@pytest.mark.parametrize(("p_valid", "p_ready"), CHANCES)
def test_fork_gives_every_word_to_every_way_once(ways: int, p_valid: float, p_ready: float) -> None:
    sent = words(100)
    paces = {f"sinks.{index}": max(0.1, p_ready - 0.1 * index) for index in range(ways)}
    run = run_streams(Fork(LAYOUT, ways), send={"source": sent}, receive=dict.fromkeys(paces, 100),
                      p_valid=p_valid, p_ready=paces)
    for way in paces:
        assert run[way] == sent
    taken = [max(cycles) for cycles in zip(*(run.cycles[way] for way in paces), strict=True)]
    assert run.cycles["source"] == taken, "the source is ready when the last way takes the word, not later"


def test_fork_without_back_pressure_takes_a_word_a_cycle() -> None:
    run = run_streams(Fork(LAYOUT, 3), send={"source": words(50)},
                      receive={f"sinks.{index}": 50 for index in range(3)})
    assert run.cycles["source"] == list(range(50))


def test_ways_do_not_wait_for_each_other() -> None:
    """A way whose sink never takes anything keeps the source, not the word that others may have."""
    run = run_streams(Fork(LAYOUT, 2), send={"source": [7]}, receive={"sinks.0": 1, "sinks.1": 1},
                      p_ready={"sinks.0": 1.0, "sinks.1": 0.02}, seed=4)
    assert run.cycles["sinks.0"] == [0]
    assert run.cycles["source"] == run.cycles["sinks.1"] > [10]
    assert run["sinks.0"] == run["sinks.1"] == [7]
