"""Cores and memory images: layouts to the bit, and random networks out of their images again."""

import re
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spikewright.compiler.mapping import Contents, RowsChoice, map_network
from spikewright.compiler.rows import compress, compressed_images, compressed_layout, expand_compressed
from spikewright.compiler.unpack import unpack_edges, unpack_levels
from spikewright.config import CompressedRows, CoreConfig, DenseRows, Parameter, slot_bits
from spikewright.errors import ConfigError
from spikewright.memories import chip_memories, core_memories
from spikewright.network import Edge, InputPort, IntegerNetwork, Population
from spikewright.neuron import Decay, NeuronConfig

MakeNetwork = Callable[[int], IntegerNetwork]


def memory_bits(core: CoreConfig) -> int:
    return sum(
        m.depth * m.width for m in core_memories(core) if not m.state and not m.name.endswith(".parameters")
    )


def two_layers(first: np.ndarray, second: np.ndarray, **neuron: object) -> IntegerNetwork:
    sizes = first.shape[1], first.shape[0], second.shape[0]
    config = NeuronConfig(**{"compare": (5,), "reset_amount": (5,), **neuron})  # type: ignore[arg-type]
    return IntegerNetwork(
        name="two",
        inputs=(InputPort(name="in", shape=(sizes[0],)),),
        populations=(
            Population(name="a", size=sizes[1], neuron=config),
            Population(name="b", size=sizes[2], neuron=NeuronConfig(compare=(5,))),
        ),
        edges=(Edge(source="in", target="a", weights=first), Edge(source="a", target="b", weights=second)),
        outputs=("b",),
        weight_bits=4,
    )


@settings(deadline=None, max_examples=60)
@given(
    seed=st.integers(0, 2**32),
    lanes=st.sampled_from([None, 1, 2, 4, 8, 32]),
    contents=st.sampled_from(["baked", "bus"]),
    rows=st.sampled_from(["auto", "dense", "compressed"]),
)
def test_images_hold_exactly_the_network(
    make_network: MakeNetwork, seed: int, lanes: int | None, contents: Contents, rows: RowsChoice
) -> None:
    network = make_network(seed)
    mapped = map_network(network, lanes=lanes, contents=contents, rows=rows)
    assert set(mapped.images) == {m.name for m in chip_memories(mapped.chip) if not m.state}
    for memory in chip_memories(mapped.chip):
        if not memory.state:
            assert len(mapped.images[memory.name]) == memory.depth
            assert all(0 <= int(word) < 1 << memory.width for word in mapped.images[memory.name])
    for edge, unpacked in zip(network.edges, unpack_edges(mapped.chip, mapped.images), strict=True):
        assert (edge.source, edge.target) == (unpacked.source, unpacked.target)
        assert (edge.weights == unpacked.weights).all()
    for name, levels in unpack_levels(mapped.chip, mapped.images).items():
        population = network.population(name)
        for what, found in levels.items():
            neuron = population.neuron
            expected = neuron.decay.factor if what == "decay" else getattr(neuron, what)
            shared = what in {level.name for level in mapped.chip.core(name).levels}
            assert len(found) == (1 if shared else population.size)
            assert np.broadcast_to(found, population.size).tolist() == np.broadcast_to(
                expected, population.size).tolist()


@settings(deadline=None, max_examples=30)
@given(seed=st.integers(0, 2**32))
def test_auto_takes_the_smaller_rows_of_every_core(make_network: MakeNetwork, seed: int) -> None:
    network = make_network(seed)
    # The first core: rows of later ones stand in an order that depends on the choice for earlier ones.
    dense, compressed, auto = (
        map_network(network, rows=rows).chip for rows in ("dense", "compressed", "auto")
    )
    cores = dense.cores[0], compressed.cores[0], auto.cores[0]
    bits = [memory_bits(core) for core in cores]
    assert bits[2] == min(bits[:2])
    assert isinstance(cores[2].rows, DenseRows) == (bits[0] <= bits[1])


def test_dense_words_row_by_row_lanes_from_the_lowest_bits() -> None:
    first = np.array([[1, 2], [3, 4], [-1, -8]])  # 3 neurons, 2 inputs
    mapped = map_network(two_layers(first, np.array([[5, 6, 7]])), lanes=2, rows="dense")
    core = mapped.chip.core("a")
    assert core.placement == (0, 1, 2, -1)
    assert mapped.images["a.weights"].tolist() == [0x31, 0x0F, 0x42, 0x08]
    assert mapped.images["b.weights"].tolist() == [0x05, 0x06, 0x07]


def test_compressed_words_by_the_contract() -> None:
    # 4 neurons in 2 lanes. Loads 3, 1, 0, 2: neuron 0 to lane 0; 3 and 1 to lane 1; 2 to lane 0.
    first = np.array([[1, 2, 3], [0, 4, 0], [0, 0, 0], [-1, 0, -2]])
    mapped = map_network(two_layers(first, np.array([[5, 0, 6, 7]])), lanes=2, rows="compressed")
    core = mapped.chip.core("a")
    assert core.placement == (0, 1, 2, 3)
    assert isinstance(core.rows, CompressedRows)
    assert core.rows == CompressedRows(entries=3, group=1, start_bits=2, offset_bits=1)
    # An entry: the weight in 4 bits, above it the slot. Lane 0 has neurons 0 and 2, lane 1 has 1 and 3.
    assert mapped.images["a.entries.0"].tolist() == [0x01, 0x02, 0x03]
    assert mapped.images["a.entries.1"].tolist() == [0x1F, 0x04, 0x1E]
    # A word of a row: its start in 2 bits, above it the end relative to that.
    assert mapped.images["a.rows.0"].tolist() == [0b1_00, 0b1_01, 0b1_10]
    assert mapped.images["a.rows.1"].tolist() == [0b1_00, 0b1_01, 0b1_10]
    # The rows of core b stand in the physical order of core a; its one neuron has weights 5, 0, 6, 7.
    assert mapped.images["b.entries.0"].tolist() == [5, 6, 7]


def test_rows_that_share_a_word() -> None:
    placed = np.zeros((6, 2, 1), int)
    placed[0, :, 0], placed[2, 1, 0], placed[5, 0, 0] = [1, 2], 3, -4
    entries = compress(placed)
    rows = compressed_layout(entries, 4)
    assert rows == CompressedRows(entries=4, group=4, start_bits=2, offset_bits=2)
    chip = map_network(two_layers(np.ones((2, 6), int), np.ones((1, 2), int)), lanes=1).chip
    core = replace(chip.core("a"), rows=rows)
    # Rows 0..3 start at 0 and end at 2, 2, 3, 3; rows 4, 5 and two that fill up start at 3: 0, 1, 1, 1.
    assert compressed_images(core, rows, entries)["a.rows.0"].tolist() == [
        0 | 2 << 2 | 2 << 4 | 3 << 6 | 3 << 8,
        3 | 0 << 2 | 1 << 4 | 1 << 6 | 1 << 8,
    ]
    assert (expand_compressed(core, rows, compressed_images(core, rows, entries)) == placed).all()


def test_rows_of_an_edge_between_cores_stand_in_physical_order() -> None:
    first = np.array([[0, 0], [1, 0], [1, 1]])
    mapped = map_network(two_layers(first, np.array([[5, 6, 7]])), lanes=1, rows="compressed")
    assert mapped.chip.core("a").placement == (0, 1, 2)  # within a lane in their own order
    mapped = map_network(two_layers(first, np.array([[5, 6, 7]])), lanes=4, rows="compressed")
    assert mapped.chip.core("a").placement == (2, 1, 0, -1)  # heaviest first
    assert mapped.chip.core("b").ports[0].addresses == 3
    assert [int(word) & 15 for word in mapped.images["b.entries.0"]] == [7, 6, 5]


def test_entries_of_a_row_stand_by_slot_and_rows_follow_each_other() -> None:
    weights = np.random.default_rng(0).integers(-8, 8, (13, 9)) * (
        np.random.default_rng(1).random((13, 9)) < 0.4
    )
    mapped = map_network(two_layers(weights, np.ones((2, 13), int)), lanes=2, rows="compressed")
    core = mapped.chip.core("a")
    assert isinstance(core.rows, CompressedRows)
    rows = core.rows
    for lane in range(2):
        position = 0
        for word in mapped.images[f"a.rows.{lane}"].tolist():
            start = word & (1 << rows.start_bits) - 1
            assert start == position or all(e == 0 for e in [word >> rows.start_bits])
            ends = [
                word >> rows.start_bits + j * rows.offset_bits & (1 << rows.offset_bits) - 1
                for j in range(rows.group)
            ]
            assert ends == sorted(ends)
            for begin, end in zip([0, *ends], ends, strict=False):
                slots = [
                    int(entry) >> 4
                    for entry in mapped.images[f"a.entries.{lane}"][start + begin : start + end]
                ]
                assert slots == sorted(slots)
                assert len(set(slots)) == len(slots)
            position = start + ends[-1]


def test_a_lane_without_entries_still_has_memories() -> None:
    mapped = map_network(two_layers(np.zeros((4, 3), int), np.zeros((1, 4), int)), lanes=2, rows="compressed")
    assert {m.name: m.depth for m in core_memories(mapped.chip.core("a")) if ".entries." in m.name} == {
        "a.entries.0": 1,
        "a.entries.1": 1,
    }
    assert mapped.images["a.entries.0"].tolist() == [0]


@pytest.mark.parametrize(("reset", "amount"), [("subtract", "reset_amount"), ("set", "reset_value")])
def test_over_the_bus_every_level_that_is_used_has_a_field(reset: str, amount: str) -> None:
    """In a word that all neurons share; those that differ, for each neuron."""
    decay = Decay(kind="multiply", factor=(200,), fraction_bits=8)
    network = two_layers(np.ones((3, 2), int), np.ones((1, 3), int), reset=reset, decay=decay, state_bits=12)
    neuron = replace(network.populations[0].neuron, reset_amount=(7,), bias=(1, 2, 3))
    network = replace(network, populations=(replace(network.populations[0], neuron=neuron),
                                            network.populations[1]))
    mapped = map_network(network, lanes=2, contents="bus")
    core = mapped.chip.core("a")
    assert core.levels == (
        Parameter(name="compare", bits=12, signed=True),
        Parameter(name=amount, bits=12, signed=True),  # type: ignore[arg-type]
        Parameter(name="decay", bits=9, signed=False),
    )
    assert core.parameters == (Parameter(name="bias", bits=12, signed=True),)
    level = 7 if reset == "subtract" else 0
    assert mapped.images["a.levels"].tolist() == [neuron.compare[0] | level << 12 | 200 << 24]


def test_a_level_that_is_both_threshold_and_reset_is_loaded_once() -> None:
    network = two_layers(np.ones((3, 2), int), np.ones((1, 3), int))
    assert network.populations[0].neuron.resets_by_compare
    core = map_network(network, contents="bus").chip.core("a")
    assert [level.name for level in core.levels] == ["compare"]
    assert core.parameters == (), "and without any bias there is no field for one"


def test_a_population_that_does_not_fire_has_no_thresholds() -> None:
    network = two_layers(np.ones((3, 2), int), np.ones((1, 3), int))
    silent = replace(network.populations[1], neuron=NeuronConfig(fires=False))
    network = replace(network, populations=(network.populations[0], silent))
    assert [p.name for p in map_network(network, contents="bus").chip.core("b").levels] == []
    assert map_network(network).chip.core("b").parameters == ()


def test_baked_levels_have_a_field_only_where_neurons_differ() -> None:
    network = two_layers(np.ones((3, 2), int), np.ones((1, 3), int), compare=(5, 6, 7), bias=(-2, 1, 0))
    mapped = map_network(network, lanes=2)
    assert mapped.chip.core("a").parameters == (
        Parameter(name="compare", bits=4, signed=True),
        Parameter(name="bias", bits=2, signed=True),
    )
    # Word 1: neuron 2, and a place without a neuron: the highest compare level and no bias.
    assert mapped.images["a.parameters"].tolist() == [
        5 | 2 << 4 | 6 << 6 | 1 << 10,
        7 | 0 << 4 | 7 << 6 | 0 << 10,
    ]


def test_a_place_without_a_neuron_cannot_fire_even_if_levels_are_low() -> None:
    network = two_layers(np.ones((3, 2), int), np.ones((1, 3), int), compare=(-1, 0, -1))
    mapped = map_network(network, lanes=4)
    (compare,) = mapped.chip.core("a").parameters
    assert (int(mapped.images["a.parameters"][0]) >> 3 * compare.bits) == 1  # above a potential of 0


def test_widths_follow_the_contents() -> None:
    mapped = map_network(two_layers(np.eye(40, dtype=int) * 7, np.eye(40, dtype=int)), lanes=8)
    core = mapped.chip.core("a")
    assert isinstance(core.rows, CompressedRows)
    assert core.slots == 5
    assert slot_bits(core) == 3
    assert core.rows.entries == 5


def refused(network: IntegerNetwork, message: str, **options: object) -> None:
    with pytest.raises(ConfigError, match=f"^{re.escape(message)}$"):
        map_network(network, **options)  # type: ignore[arg-type]


def test_refusals() -> None:
    network = two_layers(np.ones((3, 2), int), np.ones((1, 3), int))
    refused(replace(network, edges=network.edges[:1]), "b: must have an edge into it, and has none")
    refused(
        replace(network, edges=(*network.edges, network.edges[0])),
        "edge 'in' to 'a': there must be one such edge of each delay, not 2",
    )
    heavy = replace(network, edges=(replace(network.edges[0], weights=np.full((3, 2), 8)), network.edges[1]))
    refused(heavy, "edge 'in' to 'a': weights of 4 bits must be in -8..7, not 8..8")
    refused(network, "lanes must be a power of two in 1..32, not 3", lanes=3)
    refused(network, "rows must be auto, dense or compressed, not 'sparse'", rows="sparse")
    levels = NeuronConfig(compare=(5, 6), reset_amount=(5,))
    refused(
        replace(
            network, populations=(replace(network.populations[0], neuron=levels), network.populations[1])
        ),
        "a: compare must have 1 or 3 levels, not 2",
    )
    biased = NeuronConfig(compare=(5,), reset_amount=(5,), state_bits=8, bias=(200,))
    refused(
        replace(
            network, populations=(replace(network.populations[0], neuron=biased), network.populations[1])
        ),
        "a: bias must be in -128..127 to be loaded, not 200..200",
        contents="bus",
    )


def test_weights_are_as_wide_as_their_population_says() -> None:
    edges = tuple(
        Edge(source=source, target=target, weights=np.array([[7, -8], [3, 0]]))
        for source, target in (("in", "a"), ("a", "b"))
    )
    neuron = NeuronConfig(compare=(5,))
    network = IntegerNetwork(
        name="n",
        inputs=(InputPort(name="in", shape=(2,)),),
        populations=(
            Population(name="a", size=2, neuron=neuron, weight_bits=4),
            Population(name="b", size=2, neuron=neuron),
        ),
        edges=edges,
        outputs=("b",),
        weight_bits=6,
    )
    assert [core.weight_bits for core in map_network(network, lanes=1).chip.cores] == [4, 6]
    narrow = replace(
        network, populations=(replace(network.populations[0], weight_bits=3), network.populations[1])
    )
    message = "edge 'in' to 'a': weights of 3 bits must be in -4..3, not -8..7"
    with pytest.raises(ConfigError, match=f"^{re.escape(message)}$"):
        map_network(narrow)
