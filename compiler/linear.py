"""Linear NIR nodes as operators: their numbers read and checked against the shape that comes in."""

from dataclasses import dataclass, field
from math import prod
from typing import Any

import nir  # type: ignore[import-untyped]
import numpy as np

from spikewright.compiler.nodes import Reals, array, counts, each, shape_text
from spikewright.compiler.operators import Diagonal, Kernel, Matrix, Operator
from spikewright.convolution import Convolution, Plane
from spikewright.errors import ConfigError

__all__ = ["Layer", "Shape", "layer"]

Shape = tuple[int, ...]
Pair = tuple[int, int]

DELAY_SLACK = 1e-3
"""What a delay may be off a whole number of steps, in steps: float32 and decimal fractions of a second."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Layer:
    """One linear node: ``operator`` from shape ``takes`` to ``gives``, then ``bias``, then ``delay``.

    ``operator`` is None where nothing but the shape changes; ``bias`` and ``delay`` (in steps) are of all
    values, ``(size,)``, or None.
    """

    takes: Shape
    gives: Shape
    operator: Operator | None = None
    bias: Reals | None = None
    delay: tuple[int, ...] | None = None
    notes: tuple[str, ...] = field(default=())


def layer(name: str, node: Any, shape: Shape, dt: float, source: str) -> Layer:
    """What a node does with values of this shape, which come from ``source``."""
    if isinstance(node, nir.Linear | nir.Affine):
        return matrix_layer(name, node, shape, source)
    if isinstance(node, nir.Conv1d | nir.Conv2d):
        return convolution_layer(name, node, shape, source)
    if isinstance(node, nir.SumPool2d | nir.AvgPool2d):
        return pool_layer(name, node, shape, source)
    if isinstance(node, nir.Flatten):
        return flatten_layer(name, node, shape)
    if isinstance(node, nir.Scale):
        values = each(name, "scale", node.scale, shape)
        return Layer(takes=shape, gives=shape, operator=Diagonal(values))
    if isinstance(node, nir.Delay):
        return delay_layer(name, node, shape, dt)
    return Layer(takes=shape, gives=shape)


def matrix_layer(name: str, node: Any, shape: Shape, source: str) -> Layer:
    """Linear and Affine: all values in C order, or the last dimension's for every index of those before."""
    from scipy import sparse  # type: ignore[import-untyped]  # slow to import

    weights = array(name, "weight", node.weight)
    weights = weights.reshape(trimmed(weights.shape, 2))  # of a batch
    if weights.ndim != 2:
        raise ConfigError(f"{name}: weight must have 2 dimensions (targets, sources), not {weights.ndim}")
    gives, operator = weights.shape[:1], sparse.csr_array(weights)
    notes: tuple[str, ...] = ()
    if weights.shape[1] != prod(shape):
        if weights.shape[1] != shape[-1]:
            raise ConfigError(
                f"{name}: weight takes {weights.shape[1]} values and {source!r} gives {prod(shape)}"
            )
        gives = (*shape[:-1], *gives)
        operator = sparse.kron(sparse.eye_array(prod(shape[:-1])), operator, format="csr")
        notes = (f"{name}: the same weights for each of {shape_text(shape[:-1])}",)
    bias = None
    if isinstance(node, nir.Affine):
        bias = np.broadcast_to(each(name, "bias", node.bias, weights.shape[:1]), gives).ravel()
    return Layer(takes=shape, gives=gives, operator=Matrix(operator), bias=bias, notes=notes)


def convolution_layer(name: str, node: Any, shape: Shape, source: str) -> Layer:
    """Conv1d and Conv2d; the first is a plane of height 1."""
    flat = isinstance(node, nir.Conv1d)
    weights = array(name, "weight", node.weight)
    dims = 3 if flat else 4
    if weights.ndim != dims:
        raise ConfigError(f"{name}: weight must have {dims} dimensions, not {weights.ndim}")
    (groups,) = counts(name, "groups", node.groups, 1, 1)
    channels = weights.shape[1] * groups
    plane, notes = source_plane(name, node, shape, channels, source)
    if weights.shape[0] % groups:
        raise ConfigError(f"{name}: groups must divide {weights.shape[0]} channels, not {groups}")
    if flat:
        weights = weights[:, :, None, :]
    size: Pair = (weights.shape[2], weights.shape[3])
    stride = pair(name, "stride", node.stride, flat)
    dilation = pair(name, "dilation", node.dilation, flat)
    reach = [dilation[axis] * (size[axis] - 1) for axis in (0, 1)]
    padding = node.padding.decode() if isinstance(node.padding, bytes) else node.padding
    if isinstance(padding, str):
        if padding not in ("same", "valid"):
            raise ConfigError(f"{name}: padding must be 'same', 'valid' or numbers, not {padding!r}")
        if padding == "same" and stride != (1, 1):
            raise ConfigError(f"{name}: padding 'same' needs a stride of 1, not {stride}")
        both = reach if padding == "same" else [0, 0]
        before: Pair = (both[0] // 2, both[1] // 2)  # the odd one comes after, as torch has it
    else:
        before = pair(name, "padding", padding, flat, least=0)
        both = [2 * before[0], 2 * before[1]]
    target = outputs(name, plane, both, reach, stride)
    geometry = Convolution(
        source=plane, target=(weights.shape[0], *target), size=size, stride=stride, padding=before,
        dilation=dilation, groups=groups,
    )  # fmt: skip
    bias = None
    if node.bias is not None:
        by_channel = each(name, "bias", node.bias, (weights.shape[0],))
        bias = np.repeat(by_channel, prod(target))
    gives = (weights.shape[0], target[1]) if flat else geometry.target
    return Layer(takes=shape, gives=gives, operator=Kernel(geometry, weights), bias=bias, notes=notes)


def source_plane(
    name: str, node: Any, shape: Shape, channels: int, source: str
) -> tuple[Plane, tuple[str, ...]]:
    """The shape that a convolution takes its values in."""
    flat = isinstance(node, nir.Conv1d)
    declared = node.input_shape
    if declared is not None and np.size(declared):
        lengths = counts(name, "input_shape", declared, np.size(declared), 1)
        lengths = (
            lengths * 2 if len(lengths) == 1 and not flat else lengths[-2:] if not flat else lengths[-1:]
        )
        wanted = (channels, *lengths)
        if prod(wanted) != prod(shape):
            raise ConfigError(f"{name}: takes {shape_text(wanted)} and {source!r} gives {shape_text(shape)}")
    else:
        wanted = trimmed(shape, 2 if flat else 3)
        if len(wanted) == (1 if flat else 2) and channels == 1:
            wanted = (1, *wanted)
        if len(wanted) != (2 if flat else 3) or wanted[0] != channels:
            lengths_text = "length" if flat else "height, width"
            raise ConfigError(
                f"{name}: takes {channels} channels, {lengths_text} and {source!r} gives {shape_text(shape)}"
            )
    notes = () if wanted == shape else (f"{name}: {shape_text(shape)} taken as {shape_text(wanted)}",)
    return ((wanted[0], 1, wanted[1]) if flat else (wanted[0], wanted[1], wanted[2])), notes


def trimmed(shape: Shape, dims: int) -> Shape:
    """A shape without the lengths of 1 (of a batch) that stand before as many dimensions as there must be."""
    while len(shape) > dims and shape[0] == 1:
        shape = shape[1:]
    return shape


def outputs(name: str, plane: Plane, padding: list[int], reach: list[int], stride: Pair) -> Pair:
    """Height and width that come out."""
    lengths = [(plane[axis + 1] + padding[axis] - reach[axis] - 1) // stride[axis] + 1 for axis in (0, 1)]
    if min(lengths) < 1:
        size = reach[0] + 1, reach[1] + 1
        raise ConfigError(f"{name}: a window of {shape_text(size)} does not fit into {shape_text(plane)}")
    return lengths[0], lengths[1]


def pool_layer(name: str, node: Any, shape: Shape, source: str) -> Layer:
    """SumPool2d and AvgPool2d, whose windows count the padding as torch's do."""
    wanted = trimmed(shape, 3)
    wanted = (1, *wanted) if len(wanted) == 2 else wanted
    if len(wanted) != 3:
        raise ConfigError(f"{name}: takes channels, height, width and {source!r} gives {shape_text(shape)}")
    plane: Plane = (wanted[0], wanted[1], wanted[2])
    size = pair(name, "kernel_size", node.kernel_size)
    stride = size if node.stride is None else pair(name, "stride", node.stride)
    padding = pair(name, "padding", node.padding, least=0)
    if any(2 * before > length for before, length in zip(padding, size, strict=True)):
        raise ConfigError(f"{name}: padding must be at most half of the window {size}, not {padding}")
    lengths = outputs(name, plane, [2 * padding[0], 2 * padding[1]], [size[0] - 1, size[1] - 1], stride)
    side_by_side = stride == size and padding == (0, 0)
    geometry = Convolution(
        source=plane, target=(plane[0], *lengths), groups=plane[0], pool=size if side_by_side else (1, 1),
        size=(1, 1) if side_by_side else size, stride=(1, 1) if side_by_side else stride, padding=padding,
    )  # fmt: skip
    share = 1.0 if isinstance(node, nir.SumPool2d) else 1.0 / prod(size)
    notes = () if wanted == shape else (f"{name}: {shape_text(shape)} taken as {shape_text(wanted)}",)
    operator = Kernel(geometry, np.full(geometry.kernel_shape, share))
    return Layer(takes=shape, gives=geometry.target, operator=operator, notes=notes)


def flatten_layer(name: str, node: Any, shape: Shape) -> Layer:
    """Flatten: dimensions count without the batch."""
    (first,) = counts(name, "start_dim", node.start_dim, 1, -len(shape))
    (last,) = counts(name, "end_dim", node.end_dim, 1, -len(shape))
    first, last = (dim + len(shape) if dim < 0 else dim for dim in (first, last))
    if last >= len(shape) or first > last:
        if prod(shape) in shape:  # one dimension already, whatever is said
            return Layer(takes=shape, gives=(prod(shape),))
        raise ConfigError(
            f"{name}: start_dim and end_dim must be within {shape_text(shape)}, not {first} and {last}"
        )
    return Layer(takes=shape, gives=(*shape[:first], prod(shape[first : last + 1]), *shape[last + 1 :]))


def delay_layer(name: str, node: Any, shape: Shape, dt: float) -> Layer:
    """Delay: whole steps."""
    seconds = each(name, "delay", node.delay, shape)
    steps = np.rint(seconds / dt)
    off = np.abs(seconds / dt - steps)
    if off.max() > DELAY_SLACK:
        worst = int(off.argmax())
        raise ConfigError(
            f"{name}: delay must be of whole steps, not {seconds[worst]:.6g} s, which is"
            f" {seconds[worst] / dt:.6g} steps of dt {dt:g} s"
        )
    if steps.min() < 0:
        raise ConfigError(f"{name}: delay must be 0 or above, not {seconds.min():.6g} s")
    return Layer(takes=shape, gives=shape, delay=tuple(int(step) for step in steps))


def pair(name: str, what: str, value: Any, flat: bool = False, least: int = 1) -> Pair:
    """Height and width of a parameter that has one number for both, or two; in one dimension height is 1."""
    numbers = counts(name, what, value, 1 if flat else 2, least)
    if flat:
        return (0 if what == "padding" else 1), numbers[0]
    return numbers[0], numbers[-1]
