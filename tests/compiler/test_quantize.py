"""Quantization: the integer of every weight and level, what is refused, and what is told."""

import re
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spikewright.compiler.decays import choose_decay
from spikewright.compiler.plan import Plan
from spikewright.compiler.quantize import quantize
from spikewright.compiler.semantics import DecaySpec
from spikewright.errors import ConfigError
from spikewright.ir import RealEdge, RealNetwork, RealPopulation
from spikewright.models.integer import IntegerModel
from spikewright.models.real import RealModel
from spikewright.network import InputPort
from spikewright.neuron import Decay


def population(size: int = 2, name: str = "p", *, fires: bool = True, **changes: Any) -> RealPopulation:
    values: dict[str, Any] = {
        "decay": 0.9,
        "bias": 0.0,
        "threshold": 1.0,
        "reset_amount": 1.0,
        "reset_value": 0.0,
    }
    arrays: dict[str, Any] = {
        key: np.broadcast_to(np.asarray(changes.pop(key, value), float), (size,)).copy()
        for key, value in values.items()
    }
    return RealPopulation(name=name, size=size, fires=fires, node=name, **arrays, **changes)


def network(weights: Any, target: RealPopulation | None = None, **port: Any) -> RealNetwork:
    matrix = np.asarray(weights, float)
    target = population(len(matrix)) if target is None else target
    return RealNetwork(
        name="n",
        inputs=(InputPort(name="in", shape=(matrix.shape[1],), **port),),
        populations=(target,),
        edges=(RealEdge(source="in", target=target.name, weights=matrix, node="fc"),),
        outputs=(target.name,),
    )


def test_the_largest_weight_is_the_largest_code() -> None:
    result = quantize(
        network([[0.5, -0.25], [0.1, 0.0]], population(threshold=[1.0, 0.6], reset_amount=[1.0, 0.6])), Plan()
    )
    (edge,) = result.network.edges
    (p,) = result.network.populations
    assert p.scale == 254.0
    assert edge.weights.tolist() == [[127, -64], [25, 0]]
    assert p.neuron.compare == (254, 153)  # ge: the level itself, or the next above it
    assert p.neuron.reset_amount == (254, 152)
    (loss,) = result.losses
    assert (loss.source, loss.target, loss.node, loss.scale, loss.zeroed) == ("in", "p", "fc", 254.0, 0)
    assert loss.max_abs_error == pytest.approx(64 / 254 - 0.25)
    assert loss.relative == pytest.approx((64 / 254 - 0.25) / 0.5)


def test_one_threshold_for_all_falls_on_a_level() -> None:
    (p,) = quantize(network([[0.3, 0.1]], population(1, threshold=0.7)), Plan()).network.populations
    assert p.scale == 296 / 0.7  # 127 / 0.3 = 423.3 makes the threshold 296.3
    assert p.neuron.compare == (296,)


@pytest.mark.parametrize(("compare", "level"), [("ge", 256), ("gt", 257)])
def test_gt_and_ge_become_one_comparison(compare: str, level: int) -> None:
    real = network([[1.0]], population(1, threshold=1.0, compare=compare))
    (p,) = quantize(real, Plan(scales={"p": 256.0})).network.populations
    assert (p.neuron.compare, p.neuron.reset_amount) == ((level,), (256,))


def test_values_are_scaled_by_what_their_source_multiplies() -> None:
    real = network([[0.5, -0.25]], population(1), value_bits=8, value_scale=100.0)
    result = quantize(real, Plan(scales={"p": 10000.0}))
    assert result.network.edges[0].weights.tolist() == [[50, -25]]
    # A port of spikes has no values, whatever its scale says.
    spikes = network([[0.5, -0.25]], population(1), value_scale=100.0)
    assert quantize(spikes, Plan(scales={"p": 100.0})).network.edges[0].weights.tolist() == [[50, -25]]


def test_halves_go_to_the_even_code_and_codes_are_clipped() -> None:
    real = network([[0.5, 1.5, 2.5, 100.0, -100.0]], population(1))
    assert quantize(real, Plan(weight_bits=4, scales={"p": 1.0})).network.edges[0].weights.tolist() == [
        [0, 2, 2, 7, -8]
    ]


def test_all_edges_into_a_population_share_its_scale() -> None:
    one = network([[0.5]], population(1))
    real = replace(
        one,
        inputs=(*one.inputs, InputPort(name="in2", shape=(1,))),
        edges=(*one.edges, RealEdge(source="in2", target="p", weights=np.array([[0.02]]), node="fc2")),
    )
    assert [edge.weights.tolist() for edge in quantize(real, Plan()).network.edges] == [[[127]], [[5]]]


def test_levels_floor_and_bias() -> None:
    real = network(
        [[1.0]], population(1, bias=-0.2, reset="set", reset_value=0.13, v_min=-1.5, threshold=0.5)
    )
    (p,) = quantize(real, Plan(scales={"p": 100.0})).network.populations
    assert (p.neuron.bias, p.neuron.reset_value, p.neuron.floor, p.neuron.reset) == (
        (-20,),
        (13,),
        -150,
        "set",
    )


@pytest.mark.parametrize(
    ("factor", "decay"),
    [
        (1.0, Decay()),
        (0.0, Decay(kind="shift", shift=0)),
        (0.9375, Decay(kind="shift", shift=4)),
        (1 - 1e-4 / float(np.float32(0.0016)), Decay(kind="shift", shift=4)),
        (0.9374, Decay(kind="multiply", factor=(15,), fraction_bits=4)),
        (0.93, Decay(kind="multiply", factor=(3809,), fraction_bits=12)),
        (0.9, Decay(kind="multiply", factor=(1843,), fraction_bits=11)),
        (0.25, Decay(kind="multiply", factor=(1,), fraction_bits=2)),
    ],
)
def test_decay(factor: float, decay: Decay) -> None:
    assert choose_decay(population(decay=factor))[0] == decay


def test_decays_that_differ_are_stored_by_neuron() -> None:
    decay, note = choose_decay(population(3, decay=[0.5, 0.75, 0.875]))
    assert decay == Decay(kind="multiply", factor=(4, 6, 7), fraction_bits=3)
    assert note == "p: decay (v * 4..7 by neuron) >> 3, about 0.708333"


@given(st.floats(0, 0.995))
def test_a_multiplied_decay_misses_little_of_the_leak(factor: float) -> None:
    decay, _ = choose_decay(population(decay=factor))
    if decay.kind == "multiply":
        assert abs(decay.factor[0] / 2**decay.fraction_bits - factor) <= (1 - factor) / 512


def test_decays_that_are_asked_for_or_trained() -> None:
    shift = DecaySpec(kind="shift", shift=3)
    decay, note = choose_decay(population(decay=0.9), shift)
    assert decay == Decay(kind="shift", shift=3)
    assert note == "p: decay v - (v >> 3), exactly 0.875, as asked; the network's own is off by up to 0.025"
    assert choose_decay(population(decay=0.875), shift, trained=True)[1] == (
        "p: decay v - (v >> 3), exactly 0.875, as trained"
    )
    message = (
        "p: trained with decay 0.875, and these semantics make it 0.9: take the semantics of the training"
    )
    with pytest.raises(ConfigError, match=f"^{re.escape(message)}$"):
        choose_decay(population(decay=0.9), shift, trained=True)


def test_a_decay_too_near_to_1_is_told() -> None:
    assert choose_decay(population(decay=0.9999999))[1] == (
        "WARNING: p: decay (v * 65536) >> 16, about 1: 0.9999999 is nearer to 1 than 16 bits can tell"
    )


def refused(real: RealNetwork, message: str, **plan: Any) -> None:
    with pytest.raises(ConfigError, match=f"^{re.escape(message)}$"):
        quantize(real, Plan(**plan))


def test_levels_that_do_not_fit_are_refused_with_both_numbers() -> None:
    real = network([[0.01]], population(1, threshold=1.0))
    refused(
        real,
        "p: threshold 1 is level 12700 at scale 12700, and levels of 12-bit states must be in -2047..2047",
        state_bits=12,
    )
    refused(
        network([[1.0]], population(1, bias=3.0)),
        "p: bias 3 is level 300 at scale 100, and levels of 8-bit states must be in -128..127",
        state_bits=8,
        scales={"p": 100.0},
    )
    refused(
        network([[1.0]], population(1, reset="set", reset_value=-3.0)),
        "p: v_reset -3 is level -300 at scale 100, and levels of 8-bit states must be in -128..127",
        state_bits=8,
        scales={"p": 100.0},
    )
    refused(
        network([[1.0]], population(1, threshold=-0.5, reset_amount=-0.5)),
        "p: a threshold that is subtracted must be 0 or above, not -0.5",
    )
    refused(network([[1.0]], population(1, v_min=0.5)), "p: v_min must be 0 or below, not 0.5")
    refused(network([[1.0]]), "weight_bits must be 2..16, not 1", weight_bits=1)
    refused(network([[1.0]]), "state_bits must be 8..24, not 25", state_bits=25)
    refused(network([[1.0]]), "state_bits must be 8..24, not 7", state_bits={"p": 7})


def test_weights_that_all_vanish_are_refused() -> None:
    one = network([[0.5]], population(1))
    real = replace(
        one,
        inputs=(*one.inputs, InputPort(name="in2", shape=(1,))),
        edges=(*one.edges, RealEdge(source="in2", target="p", weights=np.array([[1e-4]]), node="fc2")),
    )
    refused(
        real,
        "fc2: all weights become 0 at scale 254, where the largest is 0.0001: rescale the layers into"
        " 'p', or take more weight bits",
    )


def test_a_scale_that_no_state_holds_is_lowered() -> None:
    real = network([[1e-4]], population(1, threshold=10.0))
    result = quantize(real, Plan(weight_bits=16))
    (p,) = result.network.populations
    assert max(p.neuron.compare) < 1 << 22
    assert result.notes[1] == (
        "p: scale lowered from 3.2767e+08 to 209715, so that level 10 fits 24-bit states: its weights use"
        " fewer codes than they could"
    )
    assert result.network.edges[0].weights.tolist() == [[21]]


def test_weights_of_zero_are_told() -> None:
    assert quantize(network([[0.0, 0.0]]), Plan()).notes[-1] == (
        "p: WARNING: all of its weights are 0, so no input can change it"
    )


def test_state_bits() -> None:
    def bits(real: RealNetwork, **plan: Any) -> tuple[int, str]:
        result = quantize(real, Plan(**plan))
        return result.network.populations[0].neuron.state_bits, result.notes[-1]

    small = network([[0.5, -0.5]], population(1, decay=0.5))
    assert bits(small) == (9, "p: 9-bit states, proven never to saturate")
    # No leak: inhibition may go on for ever.
    assert bits(network([[0.5, -0.5]], population(1, decay=1.0))) == (
        16,
        "p: 16-bit states: potentials saturate at -129 and 129",
    )
    assert bits(network([[0.5, -0.5]], population(1, decay=1.0)), weight_bits=14)[0] == 19
    # What is never reset needs room for all that it can hold.
    assert bits(network(np.ones((1, 200)), population(1, fires=False, decay=0.99)))[0] == 23
    assert bits(small, state_bits=20)[0] == 20
    assert bits(small, state_bits={"p": 21})[0] == 21
    assert bits(network([[0.5]], population(1, v_min=-1000.0)), weight_bits=8)[0] == 19


@settings(deadline=None, max_examples=40)
@given(seed=st.integers(0, 2**32))
def test_more_bits_bring_it_nearer_to_the_real_network(seed: int) -> None:
    rng = np.random.default_rng(seed)
    real = network(
        rng.normal(0.05, 0.4, (10, 20)),
        population(
            10,
            decay=rng.choice([0.5, 0.9, 1.0]),
            bias=rng.normal(0, 0.05, 10),
            reset_when=rng.choice(["now", "next"]),
            reset=rng.choice(["subtract", "set"]),
            compare=rng.choice(["gt", "ge"]),
        ),
    )
    feed = {"in": rng.random((4, 40, 20)) < 0.2}
    expected = RealModel(real).run(feed).spikes["p"]
    wrong = {
        bits: float(
            np.mean(
                IntegerModel(quantize(real, Plan(weight_bits=bits)).network).run(feed).spikes["p"] != expected
            )
        )
        for bits in (3, 16)
    }
    # An error of a spike carries on, so a few are possible even at 16 bits; the model must not be another.
    assert wrong[16] <= 0.02
    assert wrong[16] <= wrong[3] + 0.005
