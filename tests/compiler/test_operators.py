"""Chains of linear nodes, composed, against torch doing one node after the other."""

from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise
from typing import Any

import nir  # type: ignore[import-untyped]
import numpy as np
import pytest
import torch
from torch.nn import functional

from spikewright.compiler.operators import Diagonal, Kernel, Matrix, add, compose, identity, sparse
from spikewright.compiler.reader import read_network
from spikewright.compiler.semantics import parse_semantics, resolve_semantics
from spikewright.convolution import Convolution
from spikewright.ir import RealNetwork
from spikewright.models.real import RealModel

Graph = Callable[..., Any]
Layer = tuple[Any, Callable[[torch.Tensor], torch.Tensor]]
"""A NIR node, and what it does with ``(steps, *shape)``."""

STEPS = 6


def conv(
    rng: np.random.Generator, channels: int, targets: int, size: tuple[int, int], **options: Any
) -> Layer:
    groups = options.get("groups", 1)
    weight = rng.integers(-3, 4, (targets, channels // groups, *size)).astype(float)
    bias = rng.integers(-3, 4, targets).astype(float)
    keys = {"stride": 1, "padding": 0, "dilation": 1} | options
    node = nir.Conv2d(None, weight, keys["stride"], keys["padding"], keys["dilation"], groups, bias)
    node.bias *= options.pop("biased", True)
    weights, biases = torch.tensor(weight), torch.tensor(node.bias)
    return node, lambda x: functional.conv2d(x, weights, biases, **options)


def pool(kind: str, size: Any, stride: Any, padding: Any = 0) -> Layer:
    pairs = [np.broadcast_to(np.array(value), (2,)) for value in (size, stride, padding)]
    scale = float(np.prod(pairs[0])) if kind == "sum" else 1.0
    node = (nir.SumPool2d if kind == "sum" else nir.AvgPool2d)(*pairs)
    return node, lambda x: scale * functional.avg_pool2d(x, size, stride, padding)


def linear(rng: np.random.Generator, targets: int, sources: int) -> Layer:
    weight, bias = (
        rng.integers(-3, 4, (targets, sources)).astype(float),
        rng.integers(-3, 4, targets).astype(float),
    )
    return nir.Affine(weight, bias), lambda x: x @ torch.tensor(weight).T + torch.tensor(bias)


def scale(values: Any) -> Layer:
    return nir.Scale(np.asarray(values, float)), lambda x: x * torch.tensor(np.asarray(values, float))


def flatten(start: int = 0, end: int = -1) -> Layer:
    last = end if end < 0 else end + 1
    return nir.Flatten(None, start, end), lambda x: torch.flatten(x, start + 1, last)


def delay(steps: Any) -> Layer:
    steps = np.asarray(steps)

    def late(x: torch.Tensor) -> torch.Tensor:
        every = torch.tensor(np.broadcast_to(steps, x.shape[1:]).copy())
        out = torch.zeros_like(x)
        for step in range(len(x)):
            for d in range(step + 1):
                out[step] = torch.where(every == d, x[step - d], out[step])
        return out

    return nir.Delay(steps * 1e-3), late


def chain(graph: Graph, shape: tuple[int, ...], layers: list[Layer]) -> Any:
    """A graph whose Output takes the end of a chain."""
    nodes = {"in": nir.Input(np.array(shape))} | {f"n{i}": node for i, (node, _) in enumerate(layers)}
    nodes["out"] = nir.Output(None)
    names = list(nodes)
    return graph(nodes, list(pairwise(names)))


def read(graph: Any, **keys: Any) -> RealNetwork:
    return read_network(graph, resolve_semantics(parse_semantics(keys, "given")))


def check_chain(graph: Graph, shape: tuple[int, ...], layers: list[Layer], seed: int = 0) -> RealNetwork:
    """Sums of small integers are exact: the read-out must be torch's to the last bit (or its rounding)."""
    rng = np.random.default_rng(seed)
    network = read(chain(graph, shape, layers))
    spikes = (rng.random((STEPS, *shape)) < 0.4).astype(float)
    expected = torch.tensor(spikes)
    for _, layer in layers:
        expected = layer(expected)
    assert expected.abs().max() > 0
    got = RealModel(network).run({"in": spikes[None]}).readouts["out"][0]
    np.testing.assert_allclose(got, expected.reshape(STEPS, -1).numpy(), rtol=1e-12, atol=1e-12)
    return network


RNG = np.random.default_rng(3)

PLANES: dict[str, tuple[list[Layer], tuple[int, int, int, int] | None]] = {
    # layers, and height and width of the kernel and of the pooling windows if one convolution does it
    "conv": ([conv(RNG, 4, 6, (3, 2))], (3, 2, 1, 1)),
    "conv with all options": (
        [conv(RNG, 4, 6, (3, 2), stride=(2, 1), padding=(1, 2), dilation=(1, 2), groups=2)],
        (3, 2, 1, 1),
    ),
    "same": ([conv(RNG, 4, 2, (2, 3), padding="same")], (2, 3, 1, 1)),
    "valid": ([conv(RNG, 4, 2, (2, 3), padding="valid")], (2, 3, 1, 1)),
    "pool": ([pool("sum", 2, 2)], (1, 1, 2, 2)),
    "pool and conv": ([pool("avg", (2, 3), (2, 3)), conv(RNG, 4, 3, (3, 3), padding=1)], (3, 3, 2, 3)),
    "pools and conv": ([pool("avg", 2, 2), pool("sum", 2, 2), conv(RNG, 4, 3, (2, 2))], (2, 2, 4, 4)),
    "overlapping pool": ([pool("sum", 3, 1, 1)], (3, 3, 1, 1)),
    "average that counts its padding": ([pool("avg", 3, 2, 1)], (3, 3, 1, 1)),
    "conv and pool": ([conv(RNG, 4, 3, (3, 3), padding=1, stride=2), pool("avg", 2, 2)], (5, 5, 1, 1)),
    "conv and conv": ([conv(RNG, 4, 3, (3, 3), padding=1), conv(RNG, 3, 2, (2, 2), stride=2)], (4, 4, 1, 1)),
    "dilated conv and conv": (
        [conv(RNG, 4, 4, (3, 1), dilation=2), conv(RNG, 4, 2, (2, 2), groups=2, dilation=2)],
        (4, 2, 1, 1),
    ),
    "conv and padded conv": ([conv(RNG, 4, 3, (3, 3)), conv(RNG, 3, 2, (3, 3), padding=1)], None),
    "points and padded conv": (
        [conv(RNG, 4, 3, (1, 1), biased=False), conv(RNG, 3, 2, (3, 3), padding=1)], (3, 3, 1, 1),
    ),
    "pool, conv, pool, conv": (
        [pool("sum", 2, 2), conv(RNG, 4, 3, (3, 3), padding=1), pool("sum", 2, 2), conv(RNG, 3, 2, (1, 1))],
        (4, 4, 2, 2),
    ),
    "scales by channel": (
        [scale(np.arange(1, 5)[:, None, None] * np.ones((4, 12, 10))), conv(RNG, 4, 3, (3, 3)),
         scale(np.arange(1, 4)[:, None, None] * np.ones((3, 10, 8)))],
        (3, 3, 1, 1),
    ),
    "scale of every point": ([scale(RNG.integers(1, 5, (4, 12, 10))), conv(RNG, 4, 3, (3, 3))], None),
    "scale behind": ([conv(RNG, 4, 1, (3, 3)), scale(RNG.integers(1, 5, (1, 10, 8)))], None),
    "flat": (
        [pool("sum", 2, 2), flatten(), linear(RNG, 7, 120), linear(RNG, 5, 7), scale(np.arange(5))], None
    ),
    "half flat": ([flatten(1, 2), flatten(0, 1), linear(RNG, 7, 480)], None),
    "delay": ([delay(2), conv(RNG, 4, 3, (3, 3), biased=False), delay(1)], (3, 3, 1, 1)),
    "delay of each": ([delay(RNG.integers(0, 3, (4, 12, 10))), conv(RNG, 4, 3, (3, 3))], (3, 3, 1, 1)),
    "bias of a conv through a conv": ([conv(RNG, 4, 3, (3, 3)), conv(RNG, 3, 2, (3, 3))], (5, 5, 1, 1)),
}  # fmt: skip


@pytest.mark.filterwarnings("ignore:Using padding='same':UserWarning")
@pytest.mark.parametrize("name", PLANES)
def test_chains_in_the_plane(graph: Graph, name: str) -> None:
    layers, form = PLANES[name]
    (edge,) = check_chain(graph, (4, 12, 10), layers).edges
    if form is None:
        assert edge.convolution is None
    else:
        assert edge.convolution is not None
        assert (*edge.convolution.size, *edge.convolution.pool) == form


def test_delays_behind_weights_are_an_edge_each(graph: Graph) -> None:
    layers = [
        conv(RNG, 4, 3, (3, 3), biased=False),
        delay(np.array([0, 2, 2])[:, None, None] * np.ones((3, 10, 8), int)),
    ]
    network = check_chain(graph, (4, 12, 10), layers)
    assert [edge.delay for edge in network.edges] == [(0,), (2,)]
    assert all(edge.convolution is not None for edge in network.edges), "a delay a channel"


@pytest.mark.parametrize("options", [{}, {"stride": 2, "padding": 3, "dilation": 2}, {"padding": "same"}])
def test_convolutions_of_one_dimension(graph: Graph, options: dict[str, Any]) -> None:
    rng = np.random.default_rng(0)
    weight, bias = rng.integers(-3, 4, (3, 2, 3)).astype(float), rng.integers(-3, 4, 3).astype(float)
    keys = {"stride": 1, "padding": 0, "dilation": 1} | options
    node = nir.Conv1d(None, weight, keys["stride"], keys["padding"], keys["dilation"], 1, bias)
    layer: Layer = (node, lambda x: functional.conv1d(x, torch.tensor(weight), torch.tensor(bias), **options))
    network = check_chain(graph, (2, 15), [layer, scale(np.array([1.0, 2, 3])[:, None] * np.ones((3, 1)))])
    (edge,) = network.edges
    assert edge.convolution is not None
    assert edge.convolution.source == (2, 1, 15)
    assert (network.inputs[0].shape, network.populations[0].shape) == ((2, 15), edge.convolution.target)


def test_branches_of_one_source_add_up(graph: Graph) -> None:
    rng = np.random.default_rng(4)
    three, one = conv(rng, 4, 4, (3, 3), padding=1), conv(rng, 4, 4, (1, 1), groups=2)
    nodes = {"in": nir.Input(np.array([4, 8, 8])), "a": three[0], "b": one[0], "out": nir.Output(None)}
    edges = [("in", "a"), ("in", "b"), ("a", "out"), ("b", "out"), ("in", "out")]
    network = read(graph(nodes, edges))
    (edge,) = network.edges
    assert edge.convolution is not None
    assert (edge.convolution.size, edge.node) == ((3, 3), "a+b")
    x = torch.tensor((rng.random((STEPS, 4, 8, 8)) < 0.4).astype(float))
    expected = (three[1](x) + one[1](x) + x).reshape(STEPS, -1).numpy()
    np.testing.assert_array_equal(RealModel(network).run({"in": x[None]}).readouts["out"][0], expected)


def random_kernel(rng: np.random.Generator, source: tuple[int, int, int], groups: int) -> Kernel:
    pool = tuple(int(n) for n in rng.integers(1, 3, 2))
    size = tuple(int(n) for n in rng.integers(1, 4, 2))
    stride, dilation = (tuple(int(n) for n in rng.integers(1, 3, 2)) for _ in range(2))
    padding = tuple(int(n) * (rng.random() < 0.4) for n in rng.integers(0, 3, 2))
    lengths = [
        (source[a + 1] // pool[a] + 2 * padding[a] - dilation[a] * (size[a] - 1) - 1) // stride[a] + 1
        for a in (0, 1)
    ]
    geometry = Convolution(
        source=source, target=(4, max(1, lengths[0]), max(1, lengths[1])), size=size, stride=stride,  # type: ignore[arg-type]
        padding=padding, dilation=dilation, groups=groups, pool=pool,  # type: ignore[arg-type]
    )  # fmt: skip
    return Kernel(geometry, rng.integers(-3, 4, geometry.kernel_shape).astype(float))


@pytest.mark.parametrize("seed", range(150))
def test_composed_and_added_operators_are_their_matrices(seed: int) -> None:
    rng = np.random.default_rng(seed)
    first = random_kernel(rng, (4, 11, 9), int(rng.choice([1, 2, 4])))
    second = random_kernel(rng, first.geometry.target, int(rng.choice([1, 2, 4])))
    middle = Diagonal(np.repeat(rng.integers(1, 4, 4), first.shape[0] // 4).astype(float))
    scaled = compose(middle, first)
    assert isinstance(scaled, Kernel)
    product = sparse(second) @ (sparse(middle) @ sparse(first))
    assert (sparse(compose(second, scaled)) != product).nnz == 0
    near = replace(first.geometry, padding=(2, 1), size=(3, 2), groups=int(rng.choice([1, 2, 4])))
    other = Kernel(near, rng.integers(-3, 4, near.kernel_shape).astype(float))
    assert (sparse(add(first, other)) != sparse(first) + sparse(other)).nnz == 0
    skip = Matrix(sparse(identity(first.shape[0])))
    assert (sparse(compose(skip, first)) != sparse(first)).nnz == 0


def test_groups_stay_groups(graph: Graph) -> None:
    """A kernel without the zeros between its groups."""
    layers = [pool("sum", 2, 2), conv(RNG, 4, 6, (3, 3), groups=2), pool("avg", 2, 2)]
    (edge,) = check_chain(graph, (4, 12, 10), layers).edges
    assert edge.convolution is not None
    assert (edge.convolution.groups, edge.weights.shape) == (2, (6, 2, 4, 4))
