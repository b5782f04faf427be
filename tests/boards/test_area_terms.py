"""What the area model counts: adders, tables by their contents, terms of known cores."""

import itertools
from collections.abc import Sequence

import numpy as np
import pytest

from spikewright.boards.area.adders import pairs, product_columns
from spikewright.boards.area.model import chip_terms
from spikewright.boards.area.tables import filled, table_luts
from spikewright.compiler.mapping import Mapped, map_network
from spikewright.convolution import Convolution
from spikewright.network import Edge, InputPort, IntegerNetwork, Population
from spikewright.neuron import Current, Decay, NeuronConfig
from spikewright.rtl.arithmetic import signed_digits
from tests.boards.layers import layer


def test_adders_of_a_few_bits_are_look_up_tables() -> None:
    assert [pairs(bits) for bits in (1, 4, 5, 6, 7)] == [0, 0, 3, 3, 4]


@pytest.mark.parametrize(("words", "luts"), [
    ([3, 3, 3], 0),  # always the same
    ([0, 1, 2, 3], 0),  # the address itself
    ([0, 1, 1, 0], 1),
    ([0, 3, 3, 0], 1),  # both bits are one function
    ([2, 1, 1, 2], 1),  # and one its inverse
    ([int(n % 3 == 0) for n in range(16)], 1),
    ([int(n % 3 == 0) for n in range(32)], 2),  # two and a multiplexer of the slice
    ([int(n % 16 == 5) for n in range(128)], 1),  # upper address bits do not count
])
def test_tables_by_contents(words: Sequence[int], luts: int) -> None:
    assert table_luts(words) == luts


def test_beyond_its_end_a_table_goes_on_as_in_its_other_half() -> None:
    assert filled([1, 2, 3], 2) == [1, 2, 3, 3]
    assert filled([1, 2, 3, 4, 5], 3) == [1, 2, 3, 4, 5, 5, 5, 5]
    assert filled([1, 2, 3, 4, 5, 6], 3) == [1, 2, 3, 4, 5, 6, 5, 6]
    alternating = [0, 1, 0, 1, 0, 1]
    assert (table_luts(alternating), table_luts([*alternating[:5]], last=True)) == (0, 1)


@pytest.mark.parametrize("constant", [1, 3, 11, 25, 173, 1843, 3789, 65535])
def test_signed_digits_make_up_the_constant(constant: int) -> None:
    found = signed_digits(constant)
    assert sum(sign << power for power, sign in found) == constant
    assert all(later - earlier > 1 for (earlier, _), (later, _) in itertools.pairwise(found))


def test_columns_of_products() -> None:
    assert product_columns(12, 16, 20) == (0, 0, 0)  # 16 - 4: one adder
    assert product_columns(13, 16, 20) == (0, 0, 0)  # 1 - 4 is a carry chain of its own, 16 another
    assert product_columns(21, 8, 13) == (4, 0, 0)  # bits 4 to 7 are in all of 1, 4, 16
    assert product_columns(0, 8, 8) == (0, 0, 0)


def amounts(case: Mapped) -> list[dict[str, float]]:
    """Terms that there are, of look-up tables and of carry cells."""
    terms = chip_terms(case.chip, case.images)
    return [{term: amount for term, amount in terms[figure].items() if amount}
            for figure in ("luts", "carries")]


def test_amounts_of_a_known_core() -> None:
    luts, carries = amounts(layer(inputs=20, size=40, lanes=2))
    assert luts == {
        "store": 2 * 16, "fires": 2, "reset subtract": 2 * (16 - 2 - 3),  # 5000 ends with three zeros
        "dense": 1, "dense slot": 5, "dense address": 9,  # 20 slots, 400 words; equal weights are no memory
        "state address": 2 * 5, "choice of two": 2 * 16, "ram rows": 2 * 2, "control": 1, "control slot": 5,
        "emit": 1, "emit lanes": 1, "emit encode": 2, "emit queue": 5,
        "queue choice of two": 2 + 5 + 2, "queue ram rows": 2}
    assert carries == {"accumulate": 2 * 8, "compare": 2 * 9, "shift": 2 * 8, "dense": 5 + 3, "row": 5,
                       "control": 3, "emit": 2 * 3 + 2 * 3}


def test_amounts_of_a_known_core_in_the_plane() -> None:
    """Three of four lanes; delayed events, a current, and up to three spikes."""
    neuron = NeuronConfig(
        state_bits=12, decay=Decay(kind="multiply", factor=(230,), fraction_bits=8), compare=(500,),
        reset_amount=(500,), max_spikes=3, current=Current(bits=10, decay=Decay(), feeds="new"))
    shape = Convolution(source=(2, 8, 8), target=(3, 6, 6), size=(3, 3))
    edge = Edge(source="in", target="out", weights=np.full(shape.kernel_shape, 3), convolution=shape,
                delay=(2,))
    case = map_network(IntegerNetwork(
        name="known", inputs=(InputPort(name="in", shape=(2, 8, 8)),),
        populations=(Population(name="out", size=108, shape=(3, 6, 6), neuron=neuron),), edges=(edge,),
        outputs=("out",), weight_bits=4), lanes=4)
    core = case.chip.cores[0]
    assert (core.accumulator_bits, core.stored_bits, core.slots, core.weight_words) == (11, 12, 36, 18)
    luts, carries = amounts(case)
    known = {
        "store": 3 * 23, "forward": 3 * 23, "clamp": 3 * (13 + 11), "reset subtract": 3 * (12 - 2 - 2),
        "repeat": 3 * (12 + 2), "kernel place": 6 + 5, "kernel columns": 6 + 5, "kernel rows": 6 + 5,
        "kernel left": 2 + 2, "place": 3 + 3, "places": 2, "emit counts": 3 * 2,
        "ring word": 16, "ring fields": 16 * 4, "ring address": 5, "ring words": 3, "ring ahead": 5}
    assert known.items() <= luts.items()
    assert carries["accumulate"] == 3 * 6
    assert (carries["ring events"], carries["ring ahead"]) == (8, 2 * 3)
