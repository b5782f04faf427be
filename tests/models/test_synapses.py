"""Convolutions against their matrix in 64-bit integers, at every size of sum; bounds; order; speed."""

import itertools
import time
from typing import Any

import numpy as np
import pytest
import torch

from spikewright.convolution import Convolution
from spikewright.models import synapses
from spikewright.models.integer import IntegerModel
from spikewright.models.schedule import components
from spikewright.models.sums import FLOAT32_INTEGERS, FLOAT64_INTEGERS, drive_bound, state_dtype
from spikewright.models.synapses import kernel_matrices, product, sum_pool
from spikewright.network import Edge, InputPort, IntegerNetwork, Population
from spikewright.neuron import Current, Decay, NeuronConfig
from tests.models.any_network import random_convolution


def drawn(seed: int) -> tuple[Convolution, np.random.Generator]:
    rng = np.random.default_rng(seed)
    source = tuple(int(n) for n in rng.integers(1, 9, 3))
    target = tuple(int(n) for n in rng.integers(1, 9, 3))
    return random_convolution(rng, source, target, pool=True), rng


@pytest.mark.parametrize("seed", range(60))
@pytest.mark.parametrize(
    ("dtype", "most"),
    [(torch.float32, FLOAT32_INTEGERS), (torch.float64, FLOAT64_INTEGERS), (torch.int64, 1 << 62)],
)
def test_a_convolution_is_its_matrix_exactly(seed: int, dtype: torch.dtype, most: int) -> None:
    convolution, rng = drawn(seed)
    x = rng.integers(0, 4, (5, int(np.prod(convolution.source))))
    fan_in = int(np.prod(convolution.kernel_shape[1:])) * int(np.prod(convolution.pool)) * 3
    reach = (most - 1) // fan_in
    kernel = rng.integers(-reach, reach, convolution.kernel_shape, endpoint=True)
    matrices = kernel_matrices(torch.from_numpy(kernel).to(dtype), convolution)
    got = product(torch.from_numpy(x), matrices, convolution)
    assert got.dtype == dtype
    expected = np.asarray(convolution.matrix(kernel).todense()) @ x.T
    np.testing.assert_array_equal(got.to(torch.int64).numpy(), expected.T)


def test_exact_where_torchs_own_convolutions_round() -> None:
    """At this size NNPACK (and with float inputs oneDNN) transforms, and gives other numbers."""
    rng = np.random.default_rng(0)
    convolution = Convolution(source=(16, 18, 18), target=(16, 16, 16), size=(3, 3))
    kernel, x = rng.integers(-99, 99, convolution.kernel_shape), rng.integers(0, 2, (64, 16 * 18 * 18))
    exact = (convolution.matrix(kernel) @ x.T).T
    weights, rows = torch.from_numpy(kernel).float(), torch.from_numpy(x)
    ours = product(rows, kernel_matrices(weights, convolution), convolution)
    np.testing.assert_array_equal(ours.numpy(), exact)


@pytest.mark.parametrize("rows", [0, 1, 7])
def test_blocks_of_rows_are_joined(rows: int, monkeypatch: pytest.MonkeyPatch) -> None:
    convolution, rng = drawn(3)
    kernel = torch.from_numpy(rng.integers(-9, 9, convolution.kernel_shape))
    x = torch.from_numpy(rng.integers(0, 2, (rows, 2, int(np.prod(convolution.source)))))
    whole = product(x, kernel_matrices(kernel, convolution), convolution)
    monkeypatch.setattr(synapses, "WINDOW_BYTES", 1)
    assert torch.equal(product(x, kernel_matrices(kernel, convolution), convolution), whole)
    assert whole.shape == (rows, 2, int(np.prod(convolution.target)))


def plane_network(convolution: Convolution, kernel: Any, **port: Any) -> IntegerNetwork:
    size = int(np.prod(convolution.target))
    neuron = NeuronConfig(fires=False, state_bits=24)
    return IntegerNetwork(
        name="one",
        inputs=(InputPort(name="in", shape=convolution.source, **port),),
        populations=(Population(name="out", size=size, shape=convolution.target, neuron=neuron),),
        edges=(Edge(source="in", target="out", weights=kernel, convolution=convolution),),
        outputs=("out",),
    )


@pytest.mark.parametrize("seed", range(40))
def test_bounds_of_kernels_hold_and_are_tight(seed: int) -> None:
    convolution, rng = drawn(seed)
    kernel = rng.integers(-99, 99, convolution.kernel_shape)
    matrix = np.asarray(convolution.matrix(kernel).todense())
    for port, most in (({"value_bits": 3}, 7), ({"max_events": 5}, 5), ({}, 1)):
        bound = drive_bound(plane_network(convolution, kernel, **port), "out")
        assert bound >= most * np.abs(matrix).sum(axis=1).max()
    inner = Convolution(source=(2, 9, 9), target=(3, 2, 2), size=(2, 2), pool=(2, 2), dilation=(2, 2))
    kernel = rng.integers(-99, 99, inner.kernel_shape)
    exact = int(np.abs(np.asarray(inner.matrix(kernel).todense())).sum(axis=1).max())
    assert drive_bound(plane_network(inner, kernel), "out") == exact


def test_bound_of_spikes_counts_all_of_a_step() -> None:
    fires = NeuronConfig(max_spikes=9, reset_amount=(1,))
    network = IntegerNetwork(
        name="counts",
        inputs=(InputPort(name="in", shape=(1,)),),
        populations=(Population(name="a", size=2, neuron=fires),),
        edges=(Edge(source="a", target="a", weights=np.array([[3, -4], [1, 1]]), delay=(1,)),),
        outputs=("a",),
    )
    assert drive_bound(network, "a") == 9 * 7


def test_states_are_as_wide_as_what_passes_through_them() -> None:
    def dtype(drive: int, **options: Any) -> torch.dtype:
        return state_dtype(Population(name="a", size=1, neuron=NeuronConfig(state_bits=24, **options)), drive)

    half = Decay(kind="multiply", factor=(64,), fraction_bits=7)
    fine = Decay(kind="multiply", factor=(300,), fraction_bits=9)
    assert dtype(1 << 30) == torch.int32
    assert dtype(1 << 31) == torch.int64
    assert dtype(0, decay=half) == torch.int32
    assert dtype(0, decay=fine) == torch.int64
    assert dtype(0, current=Current(bits=24, decay=half)) == torch.int32
    assert dtype(0, current=Current(bits=24, decay=fine)) == torch.int64
    assert dtype((1 << 31) - (1 << 24), current=Current(bits=24)) == torch.int64
    narrow = NeuronConfig(state_bits=8, current=Current(bits=24, bias=(1 << 20,)))
    for drive, expected in (((1 << 31) - (9 << 20), torch.int64), ((1 << 31) - (10 << 20), torch.int32)):
        assert state_dtype(Population(name="a", size=1, neuron=narrow), drive) == expected


@pytest.mark.parametrize("seed", range(50))
def test_components_are_the_cycles_in_an_order_that_works(seed: int) -> None:
    rng = np.random.default_rng(seed)
    names = [f"p{n}" for n in range(int(rng.integers(1, 9)))]
    edges = [(s, t) for s, t in itertools.product(names, names) if rng.random() < 0.15] + [("in", names[0])]
    found = components(names, edges)
    assert sorted(index for members in found for index in members) == list(range(len(names)))
    reach = np.eye(len(names), dtype=bool)
    for source, target in edges:
        if source != "in":
            reach[names.index(source), names.index(target)] = True
    for _ in names:
        reach = reach @ reach
    place = {index: number for number, members in enumerate(found) for index in members}
    for a, b in itertools.product(range(len(names)), repeat=2):
        assert (place[a] == place[b]) == (reach[a, b] and reach[b, a])
        assert not (reach[a, b] and place[a] > place[b])
    assert all(members == sorted(members) for members in found)


def seconds_per_sample(network: IntegerNetwork, x: Any) -> float:
    model = IntegerModel(network)
    model.run(x[:1, :2])
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        started = time.process_time()
        model.run(x)
        return (time.process_time() - started) / len(x)
    finally:
        torch.set_num_threads(threads)


def test_a_convolutional_network_is_fast_enough() -> None:
    """34 by 34 pixels, 300 steps, 1 % of events: a tenth of a second on one core, and far from two."""
    rng = np.random.default_rng(0)
    fires = NeuronConfig(compare=(300,), reset_amount=(300,), max_spikes=255)
    shapes = {"in": (2, 34, 34), "c1": (16, 16, 16), "c2": (16, 16, 16), "c3": (8, 8, 8)}
    geometry: dict[tuple[str, str], dict[str, Any]] = {
        ("in", "c1"): {"size": (5, 5), "stride": (2, 2), "padding": (1, 1)},
        ("c1", "c2"): {"size": (3, 3), "padding": (1, 1)},
        ("c2", "c3"): {"size": (3, 3), "padding": (1, 1), "pool": (2, 2)},
    }
    edges, populations = [], []
    for (source, target), options in geometry.items():
        convolution = Convolution(source=shapes[source], target=shapes[target], **options)
        kernel = rng.integers(-100, 127, convolution.kernel_shape)
        edges.append(Edge(source=source, target=target, weights=kernel, convolution=convolution))
        size = int(np.prod(shapes[target]))
        populations.append(Population(name=target, size=size, shape=shapes[target], neuron=fires))
    for source, target, size, fan_in in (("c3", "f1", 256, 512), ("f1", "f2", 10, 256)):
        edges.append(Edge(source=source, target=target, weights=rng.integers(-100, 127, (size, fan_in))))
        populations.append(Population(name=target, size=size, neuron=fires))
    network = IntegerNetwork(
        name="fast", inputs=(InputPort(name="in", shape=(2, 34, 34)),), populations=tuple(populations),
        edges=tuple(edges), outputs=("f2",),
    )  # fmt: skip
    assert seconds_per_sample(network, (rng.random((2, 300, 2, 34, 34)) < 0.01).astype(np.uint8)) < 1.5


def test_a_recurrent_network_is_fast_enough() -> None:
    rng = np.random.default_rng(0)
    current = Current(decay=Decay(kind="shift", shift=3))
    fires = NeuronConfig(compare=(900,), reset_amount=(900,), current=current)
    network = IntegerNetwork(
        name="loop",
        inputs=(InputPort(name="in", shape=(12,)),),
        populations=(Population(name="h", size=40, neuron=fires), Population(name="o", size=7, neuron=fires)),
        edges=(
            Edge(source="in", target="h", weights=rng.integers(-127, 128, (40, 12))),
            Edge(source="h", target="h", weights=rng.integers(-127, 128, (40, 40)), delay=(1,)),
            Edge(source="h", target="o", weights=rng.integers(-127, 128, (7, 40))),
        ),
        outputs=("o",),
    )
    x = (rng.random((140, 256, 12)) < 0.3).astype(np.uint8)
    assert seconds_per_sample(network, x) < 0.02


@pytest.mark.parametrize(("down", "across"), [(1, 1), (1, 3), (2, 2), (3, 2), (4, 5), (9, 11)])
@pytest.mark.parametrize("dtype", [torch.int64, torch.float32])
def test_windows_of_any_size_are_summed(down: int, across: int, dtype: torch.dtype) -> None:
    planes = torch.arange(2 * 3 * 9 * 11).reshape(2, 3, 9, 11).to(dtype)
    found = sum_pool(planes, down, across)
    assert found.dtype == dtype
    assert found.shape == (2, 3, 9 // down, 11 // across)
    for y in range(9 // down):
        for x in range(11 // across):
            window = planes[:, :, y * down : (y + 1) * down, x * across : (x + 1) * across]
            assert torch.equal(found[:, :, y, x], window.sum(dim=(2, 3)))
