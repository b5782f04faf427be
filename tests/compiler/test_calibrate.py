"""Scales and widths chosen on data, and what populations lose, measured."""

import re
from dataclasses import replace

import numpy as np
import pytest

from spikewright.compiler import calibrate as calibration
from spikewright.compiler.calibrate import Reference, calibrate
from spikewright.compiler.fidelity import measure
from spikewright.compiler.isolate import alone, evenly, integer_feed, source_feed
from spikewright.compiler.plan import Plan
from spikewright.compiler.quantize import quantize
from spikewright.errors import ConfigError
from spikewright.models.integer import IntegerModel
from spikewright.models.real import RealModel
from tests.compiler.real_networks import (
    CONVOLUTION,
    dense,
    pooled_convolution,
    population,
    recurrent_currents,
)

KERNEL = np.random.default_rng(1).normal(0.1, 0.3, CONVOLUTION.kernel_shape)


def events(*shape: int, probability: float = 0.3, seed: int = 0) -> np.ndarray:
    return (np.random.default_rng(seed).random((6, 25, *shape)) < probability).astype(np.uint8)


def test_a_population_on_its_own_does_what_it_does_in_the_network() -> None:
    real = recurrent_currents()
    feed = {"in": events(5)}
    trace = RealModel(real).run(feed)
    hidden, out = alone(real, "hidden"), alone(real, "out")
    assert [edge.source for edge in hidden.edges] == ["in", "hidden"]
    assert [(port.name, port.shape) for port in out.inputs] == [("hidden", (6,))]
    assert np.array_equal(RealModel(hidden).run(feed).spikes["hidden"], trace.spikes["hidden"])
    fed = source_feed(out, feed, trace.spikes)
    assert np.array_equal(RealModel(out).run(fed).readouts["out"], trace.readouts["out"])
    network = quantize(real, Plan()).network
    ran = IntegerModel(network).run(feed)
    again = IntegerModel(alone(network, "out")).run(source_feed(out, feed, ran.spikes))
    assert np.array_equal(again.readouts["out"], ran.readouts["out"])


def test_counts_and_shapes_of_sources_survive() -> None:
    real = pooled_convolution(KERNEL, max_spikes=3)
    (port,) = alone(real, "out").inputs
    assert (port.name, port.shape, port.max_events) == ("conv", (3, 3, 3), 3)


def test_outliers_are_clipped_channel_by_channel() -> None:
    kernel = np.abs(KERNEL)
    kernel[1, 0, 0, 0] = 8.0  # sees the border alone: hardly ever used
    kernel[1, 1, 0, 0] = 0.0
    real = pooled_convolution(kernel)
    reference = Reference.of(real, {"in": events(*CONVOLUTION.source, probability=0.1)})
    plan, notes = calibrate(reference, Plan(weight_bits=5, granularity="channel"))
    clips = plan.clips["conv"]
    assert isinstance(clips, tuple)
    assert len(clips) == 3
    assert clips[1] < min(clips[0], clips[2])
    assert re.match(r"conv: calibrated: largest code at \d+% to \d+% of the largest weight, ", notes[0])
    # What a plan fixes already stays.
    assert calibrate(reference, plan)[0].clips == plan.clips


def test_calibrated_widths_hold_what_was_seen_and_no_more() -> None:
    # Inhibition without leak may go on for ever; on these data it goes to about -40.
    real = dense([[1.0, -1.0]], population(1, decay=1.0, reset="set"))
    feed = {"in": np.zeros((1, 100, 2), np.uint8)}
    feed["in"][0, :40, 1] = 1
    reference = Reference.of(real, feed)
    proven = quantize(real, calibrate(reference, Plan())[0]).network.populations[0].neuron
    plan, notes = calibrate(reference, Plan(), "calibrated")
    neuron = quantize(real, plan).network.populations[0].neuron
    assert (proven.state_bits, neuron.state_bits) == (16, 15)  # 40 * 127 * 2 codes need 15 bits
    assert notes[-1] == "p: calibrated: 2 times the largest potential seen fits 15 bits (else 16)"
    # What is asked for stays.
    asked, _ = calibrate(reference, Plan(state_bits=20), "calibrated")
    assert asked.state_bits == 20
    with pytest.raises(ConfigError, match=r"^widths must be proven or calibrated, not 'some'$"):
        calibrate(reference, Plan(), "some")  # type: ignore[arg-type]


def test_calibrated_widths_of_currents() -> None:
    real = recurrent_currents()
    reference = Reference.of(real, {"in": events(5)})
    plan, _ = calibrate(reference, Plan(), "calibrated")
    seen = reference.currents["hidden"]
    network = quantize(real, plan).network
    current, scale = network.populations[0].neuron.current, network.populations[0].scale
    assert current is not None
    needed = 2 * scale * max(-float(seen[0].min()), float(seen[1].max()))
    assert 1 << (current.bits - 2) <= needed < 1 << (current.bits - 1)


def test_samples_are_taken_evenly(monkeypatch: pytest.MonkeyPatch) -> None:
    feed = {"a": np.arange(10), "b": 2 * np.arange(10)}
    assert evenly(feed, 4)["b"].tolist() == [0, 6, 12, 18]
    assert evenly(feed, 10) is feed
    monkeypatch.setattr(calibration, "WORK", 1)
    real = recurrent_currents()
    reference = Reference.of(real, {"in": np.tile(events(5), (2, 1, 1))})
    assert len(reference.wanted["hidden"]) == 8
    assert reference.notes == ("calibrated on 8 of 12 samples",)


def test_what_populations_lose() -> None:
    real = pooled_convolution(KERNEL)
    feed = {"in": events(*CONVOLUTION.source)}
    fine, coarse = (quantize(real, Plan(weight_bits=bits)) for bits in (16, 3))
    exact = measure(real, fine.network, fine.losses, feed)
    conv, out = measure(real, coarse.network, coarse.losses, feed)
    assert [fidelity.name for fidelity in exact] == ["conv", "out"]
    spikes = RealModel(real).run(feed).spikes["conv"]
    got = IntegerModel(coarse.network).run(feed).spikes["conv"]
    assert (conv.spikes_real, conv.spikes_integer) == (spikes.sum(), got.sum())
    assert conv.differing == conv.own_differing == np.mean(spikes != got) > 0
    assert conv.rate_change == got.sum() / spikes.sum() - 1
    assert (out.spikes_real, out.differing, out.own_differing, out.rate_change) == (None,) * 4
    assert exact[0].potential_error < 0.01 < conv.potential_error
    assert exact[1].potential_error < 0.01 < out.potential_error
    assert exact[0].weight_error < 1e-3 < conv.weight_error < 0.5
    assert (conv.samples, conv.saturated, conv.current_saturated) == (6, 0.0, None)


def test_saturation_is_seen() -> None:
    real = recurrent_currents()
    quantized = quantize(real, Plan(weight_bits=10, current_bits={"hidden": 8}))
    hidden, out = measure(real, quantized.network, quantized.losses, {"in": events(5)})
    assert hidden.current_saturated is not None
    assert hidden.current_saturated > 0.1
    assert out.current_saturated == 0.0
    first, second = quantized.network.populations
    narrow = replace(second, neuron=replace(second.neuron, state_bits=8))
    network = replace(quantized.network, populations=(first, narrow))
    assert measure(real, network, quantized.losses, {"in": events(5)})[1].saturated > 0.1


def test_integer_feed() -> None:
    real = dense([[1.0]], population(1), value_bits=4, value_scale=10.0)
    assert integer_feed(real.inputs, {"in": np.array([0.0, 0.14, 0.16, 9.0])})["in"].tolist() == [0, 1, 2, 15]
    with pytest.raises(ConfigError, match=r"^calibration data: must have an array for input 'in'$"):
        integer_feed(real.inputs, {})
