"""Quantization of convolutions, synaptic currents, and scales by channel."""

import re
from dataclasses import replace

import numpy as np
import pytest

from spikewright.compiler.plan import Plan
from spikewright.compiler.quantize import quantize
from spikewright.errors import ConfigError
from spikewright.ir import RealCurrent, RealEdge
from spikewright.neuron import Decay
from tests.compiler.real_networks import (
    CONVOLUTION,
    dense,
    pooled_convolution,
    population,
    recurrent_currents,
)

KERNEL = np.random.default_rng(1).normal(0, 0.5, CONVOLUTION.kernel_shape)


def test_a_kernel_becomes_the_codes_of_its_matrix() -> None:
    real = pooled_convolution(KERNEL, max_events=3)
    network = quantize(real, Plan()).network
    edge, conv = network.edges[0], network.population("conv")
    assert edge.weights.shape == CONVOLUTION.kernel_shape
    assert (edge.convolution, conv.shape) == (CONVOLUTION, (3, 3, 3))
    matrix = CONVOLUTION.matrix(KERNEL).toarray()
    expanded = replace(
        real, edges=(RealEdge(source="in", target="conv", weights=matrix, node="k"), real.edges[1])
    )
    other = quantize(expanded, Plan()).network
    assert np.array_equal(other.edges[0].weights, edge.matrix().toarray())
    assert other.population("conv") == conv


def test_channels_have_their_own_scales() -> None:
    kernel = KERNEL * np.array([1.0, 0.1, 0.01])[:, None, None, None]
    network = quantize(pooled_convolution(kernel), Plan(granularity="channel")).network
    conv = network.population("conv")
    scales = np.array(conv.scales).reshape(3, 9)
    assert (scales == scales[:, :1]).all()
    peaks = np.abs(kernel).max(axis=(1, 2, 3))
    assert np.abs(network.edges[0].weights).max(axis=(1, 2, 3)).tolist() == [126, 127, 127]
    # The threshold of 1.0 is a whole level of every channel, lowered by less than a level.
    levels = np.array(conv.neuron.compare).reshape(3, 9)[:, 0]
    assert levels.tolist() == np.floor(127 / peaks).tolist() == scales[:, 0].tolist()
    assert conv.scale == scales.max()
    # What is never compared with a level but only with one another shares a scale.
    assert network.population("out").scales == ()


def test_neurons_of_dense_edges_have_their_own_scales() -> None:
    real = dense([[0.5, -0.25], [0.0, 0.05], [0.0, 0.0]], population(3, threshold=[1.0, 2.0, 1.0]))
    network = quantize(real, Plan(granularity="channel")).network
    (p,) = network.populations
    assert p.scales == (254.0, 2540.0, 254.0)  # without weights: as the largest weight of all
    assert network.edges[0].weights.tolist() == [[127, -64], [0, 127], [0, 0]]
    assert p.neuron.compare == (254, 5080, 254)
    floored = dense([[0.5], [0.05]], population(2, v_min=-1.0))
    assert quantize(floored, Plan(granularity="channel")).network.populations[0].scales == ()
    message = "scales must be layer or channel, not 'neuron'"
    with pytest.raises(ConfigError, match=f"^{re.escape(message)}$"):
        Plan(granularity="neuron")  # type: ignore[arg-type]


def test_a_coarse_threshold_is_put_on_the_level_that_costs_the_weights_least() -> None:
    # At 7 / 1.0 the threshold is level 6.3; at level 6 all weights but the first are whole codes.
    real = dense([[1.0, 0.9, 0.45, 0.3, 0.15]], population(1, threshold=0.9, reset_amount=0.9))
    (p,) = quantize(real, Plan(weight_bits=4)).network.populations
    assert p.neuron.compare == p.neuron.reset_amount == (6,)
    assert p.scale == pytest.approx(6 / 0.9)
    # At 3 / 0.5 it is level 0.9; at level 1 the first weight is clipped, and a dozen others are exact.
    raised = dense([[0.5] + 12 * [0.15]], population(1, threshold=0.15, reset_amount=0.15))
    (p,) = quantize(raised, Plan(weight_bits=3)).network.populations
    assert p.neuron.compare == (1,)
    assert p.scale == pytest.approx(1 / 0.15)
    kept = dense([[0.5] + 3 * [0.15]], population(1, threshold=0.15, reset_amount=0.15))
    assert quantize(kept, Plan(weight_bits=3)).network.populations[0].scale == 6.0


def test_weight_bits_by_population() -> None:
    network = quantize(pooled_convolution(KERNEL), Plan(narrower={"conv": 4, "out": 12})).network
    assert [network.weight_bits_into(name) for name in ("conv", "out")] == [4, 8]
    assert [p.weight_bits for p in network.populations] == [4, None]
    assert [int(np.abs(edge.weights).max()) for edge in network.edges] == [8, 127]


def test_currents_are_on_the_scale_of_the_potential() -> None:
    real = recurrent_currents()
    network = quantize(real, Plan()).network
    hidden, out = network.populations
    assert hidden.neuron.current is not None
    assert out.neuron.current is not None
    assert hidden.neuron.current.decay == Decay(kind="multiply", factor=(717,), fraction_bits=10)
    assert out.neuron.current.decay == Decay(kind="shift", shift=1)
    assert (hidden.neuron.current.feeds, out.neuron.current.feeds) == ("new", "old")
    biases = real.populations[0].current.bias * hidden.scale  # type: ignore[union-attr]
    assert hidden.neuron.current.bias == tuple(np.rint(biases).astype(int).tolist())
    assert len(hidden.neuron.decay.factor) == 6
    assert network.edges[1].delay == (1,)
    scale = 127 / max(float(np.abs(edge.weights).max()) for edge in real.edges[:2])
    assert scale - 1 < hidden.scale <= scale


def test_width_of_a_current() -> None:
    def bits(decay: float, *, fires: bool = True, **plan: int) -> tuple[int, str]:
        current = RealCurrent(decay=np.array([decay]), bias=np.zeros(1))
        real = dense([[0.5, -0.5]], population(1, decay=0.5, fires=fires, current=current))
        result = quantize(real, Plan(current_bits=plan))
        neuron = result.network.populations[0].neuron
        assert neuron.current is not None
        return neuron.current.bits, next(note for note in result.notes if "bit currents" in note)

    # 127 a step, half of it kept: 254 at most.
    assert bits(0.5) == (9, "p: 9-bit currents, proven never to saturate")
    assert bits(0.0) == (8, "p: 8-bit currents, proven never to saturate")
    assert bits(0.5, p=8) == (8, "p: 8-bit currents: they saturate at -0.5039 and 0.5")
    assert bits(1.0) == (16, "p: 16-bit currents: they saturate at -129 and 129")
    assert bits(1.0, fires=False)[0] == 24
