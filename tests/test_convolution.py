"""The geometry of convolutions against torch, over all its parameters."""

from typing import Any

import numpy as np
import pytest
import torch

from spikewright.convolution import Convolution
from spikewright.errors import ConfigError


def draw(seed: int) -> tuple[Convolution, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    groups = int(rng.integers(1, 4))
    pool = (int(rng.integers(1, 4)), int(rng.integers(1, 4)))
    source = (groups * int(rng.integers(1, 4)), int(rng.integers(9, 20)), int(rng.integers(9, 20)))
    size = (int(rng.integers(1, 4)), int(rng.integers(1, 4)))
    stride = (int(rng.integers(1, 5)), int(rng.integers(1, 5)))
    padding = (int(rng.integers(0, 4)), int(rng.integers(0, 4)))
    dilation = (int(rng.integers(1, 4)), int(rng.integers(1, 4)))
    planes = [
        max(1, (source[axis + 1] // pool[axis] + 2 * padding[axis] - dilation[axis] * (size[axis] - 1) - 1)
            // stride[axis] + 1)
        for axis in (0, 1)
    ]  # fmt: skip
    target = (groups * int(rng.integers(1, 4)), planes[0], planes[1])
    convolution = Convolution(
        source=source, target=target, size=size, stride=stride, padding=padding, dilation=dilation,
        groups=groups, pool=pool,
    )  # fmt: skip
    kernel = rng.integers(-9, 9, convolution.kernel_shape)
    return convolution, kernel, rng.integers(0, 5, source)


@pytest.mark.parametrize("seed", range(40))
def test_matrix_is_torchs_convolution(seed: int) -> None:
    convolution, kernel, x = draw(seed)
    pooled = x[:, : x.shape[1] // convolution.pool[0] * convolution.pool[0],
               : x.shape[2] // convolution.pool[1] * convolution.pool[1]]  # fmt: skip
    planes = pooled.reshape(
        len(x), pooled.shape[1] // convolution.pool[0], convolution.pool[0], -1, convolution.pool[1]
    ).sum(axis=(2, 4))
    span = [d * (k - 1) + 1 for d, k in zip(convolution.dilation, convolution.size, strict=True)]
    if any(n + 2 * p < s for n, p, s in zip(planes.shape[1:], convolution.padding, span, strict=True)):
        pytest.skip("the kernel is larger than the plane")
    expected = torch.nn.functional.conv2d(
        torch.from_numpy(planes).double()[None], torch.from_numpy(kernel).double(), None,
        convolution.stride, convolution.padding, convolution.dilation, convolution.groups,
    )[0]  # fmt: skip
    assert expected.shape == convolution.target
    got = convolution.matrix(kernel) @ x.ravel()
    assert np.array_equal(got, expected.numpy().ravel())
    reached = convolution.matrix(np.ones_like(kernel))
    assert np.array_equal(reached.sum(axis=0), convolution.passes() * convolution.channels_a_group)


def test_refusals() -> None:
    one: Any = {"source": (1, 4, 4), "target": (1, 4, 4), "size": (1, 1)}
    with pytest.raises(ConfigError, match=r"^convolution: groups must divide 3 and 4 channels, not 2$"):
        Convolution(source=(3, 4, 4), target=(4, 4, 4), size=(1, 1), groups=2)
    with pytest.raises(ConfigError, match=r"^convolution: stride must be 1 or more throughout, not \(0"):
        Convolution(**one, stride=(0, 1))
    with pytest.raises(ConfigError, match=r"^convolution: padding must be 0 or more, not \(-1, 0\)$"):
        Convolution(**one, padding=(-1, 0))
    with pytest.raises(ConfigError, match=r"^convolution: kernel must have shape \(1, 1, 1, 1\), not "):
        Convolution(**one).matrix(np.ones((2, 2)))
