"""Analog networks as spiking ones: rates are activations, and the answers stay."""

from typing import Any

import numpy as np
import pytest
import torch

from spikewright.errors import ConfigError
from spikewright.models.data import Dataset, load
from spikewright.models.learning.build import build_network, input_port
from spikewright.models.learning.conversion import activation_peaks, convert_weights
from spikewright.models.learning.network import SpikingNetwork
from spikewright.models.learning.objective import scores
from spikewright.models.learning.options import TrainOptions
from spikewright.models.learning.teacher import train_teacher
from spikewright.models.learning.training import course, options_of

STEPS = 256


def options(layers: str, **teacher: Any) -> TrainOptions:
    """Integrate-and-fire neurons that an analog network fits into."""
    return options_of(
        "lasnn", layers=layers, reset="subtract", teacher={"epochs": 20, "convert": False, **teacher}
    )


def shown(data: Dataset, network: SpikingNetwork) -> torch.Tensor:
    """Codes of all samples, ``(samples, size)``."""
    return torch.from_numpy(np.rint(data.x * network.port.max_value)).float().flatten(1)


def built(chosen: TrainOptions, *, analog: bool = False) -> SpikingNetwork:
    data = load("digits:test[:20]")
    return build_network(
        chosen, input_port(chosen, data), 10, torch.Generator().manual_seed(1), analog=analog
    )


@pytest.mark.parametrize(("layers", "norm"), [("24-16", False), ("24-16", True), ("6c3-p2-16", True)])
def test_rates_are_activations_over_the_peak(layers: str, norm: bool) -> None:
    chosen = options(layers, norm=norm)
    trained, held_out = load("digits:train"), load("digits:test")
    analog = train_teacher(chosen, trained).network
    spiking = built(chosen).eval()
    x = shown(trained, analog)[:500]
    convert_weights(analog, spiking, x, 100.0)
    tested = shown(held_out, analog)
    with torch.no_grad():
        answers, activations = analog(tested, 1)
        outputs, spikes = spiking(tested, STEPS)
    peaks = activation_peaks(analog, x, 100.0)
    for reached, fired, peak in zip(activations, spikes, peaks, strict=True):
        expected, rates = (reached[:, 0] / peak).clamp(max=1), fired.mean(dim=1)
        assert expected.max() > 0.8
        assert (rates - expected).abs().mean() < 0.01
        assert (rates - expected).abs().max() < 0.15
    got, wanted = outputs[:, -1] / STEPS, answers[:, 0]
    assert (got - wanted).abs().mean() < 0.03 * wanted.abs().max()
    y = torch.from_numpy(held_out.y)
    right = [int((found.argmax(dim=1) == y).sum()) for found in (scores(spiking, outputs), wanted)]
    assert right[1] > 0.85 * len(y)
    assert abs(right[0] - right[1]) <= 5
    fewer = scores(spiking, spiking(tested, 2)[0]).argmax(dim=1)
    assert int((fewer == y).sum()) < right[0], "few steps cost accuracy"


def test_peaks_leave_out_the_very_highest() -> None:
    analog = built(options("4"), analog=True)
    with torch.no_grad():
        analog.stack[0].synapses.weight.zero_()
        analog.stack[0].synapses.weight[0, 0] = 15.0  # a code is a fifteenth of 1
        analog.stack[0].synapses.weight[1, 0] = -15.0
    x = torch.zeros(101, 64)
    x[:, 0] = torch.arange(101)
    assert activation_peaks(analog, x, 100.0) == [100.0]
    assert activation_peaks(analog, x, 90.0) == [90.0]  # of the 100 above 0
    assert activation_peaks(analog, x, 1e-6) == [1.0]
    for percentile in (0.0, 100.1, float("nan")):
        with pytest.raises(
            ConfigError, match=rf"^percentile must be above 0 and at most 100, not {percentile}$"
        ):
            activation_peaks(analog, x, percentile)


def test_a_sparse_student_takes_the_weights_where_it_has_any() -> None:
    chosen = options("12")
    analog, sparse = built(chosen, analog=True), built(options_of("lasnn", layers="12", density=0.5))
    mask = sparse.stack[0].synapses.weight != 0
    x = shown(load("digits:train[:100]"), analog)
    convert_weights(analog, sparse, x)
    peak = activation_peaks(analog, x)[0]
    expected = analog.stack[0].synapses.weight / peak * mask
    torch.testing.assert_close(sparse.stack[0].synapses.weight, expected)
    assert sparse.stack[0].synapses.weight[mask].abs().min() > 0


def test_refusals() -> None:
    x = shown(load("digits:train[:20]"), built(options("12")))
    same = r"^convert: student and teacher must have the same layers$"
    for theirs, ours in (("12", "13"), ("12-8", "12"), ("4c3-12", "4c5-12"), ("4c3-p2-12", "4c3s2-12")):
        with pytest.raises(ConfigError, match=same):
            convert_weights(built(options(theirs), analog=True), built(options(ours)), x)
    with pytest.raises(ConfigError, match=same):
        convert_weights(built(options("12"), analog=True), built(options("12r")), x)
    with pytest.raises(ConfigError, match=r"^convert: layers must not be recurrent, an analog network sees"):
        convert_weights(built(options("12r"), analog=True), built(options("12r")), x)
    normed = options_of("lasnn", layers="12", norm=True, teacher=None)
    with pytest.raises(ConfigError, match=r"^convert: the student must have no norm, it is folded into"):
        convert_weights(built(options("12"), analog=True), built(normed), x)
    codes = r"^convert: x must be input codes \(batch, 64\), not of shape "
    for wrong in (torch.rand(20, 8, 8), torch.rand(20, 63), x[:0]):
        with pytest.raises(ConfigError, match=codes):
            convert_weights(built(options("12"), analog=True), built(options("12")), wrong)
    silent = built(options("12-8"), analog=True)
    with torch.no_grad():
        silent.stack[1].bias.fill_(-1000)
    with pytest.raises(ConfigError, match=r"^layer 'hidden2': must be active to be converted, and is sil"):
        convert_weights(silent, built(options("12-8")), x)
    for key, value in (("norm", True), ("layers", "12r")):
        with pytest.raises(ConfigError, match=r"^teacher: convert needs layers without norm and recurrence$"):
            options_of("lasnn", **{"layers": "12", key: value})
    with pytest.raises(ConfigError, match=r"^teacher: convert needs kind ann, not snn$"):
        options_of("lasnn", teacher={"kind": "snn"})


def test_the_percentile_of_the_options_balances() -> None:
    data = load("digits:train")
    first = {}
    for percentile in (99.9, 50.0):
        chosen = options("24-16", percentile=percentile, convert=True)
        teacher = train_teacher(chosen, data)
        trainer = course(chosen, data, teacher=teacher)
        peaks = activation_peaks(teacher.network, trainer.samples.some(1000).mean(), percentile)
        source = teacher.network.stack[0]
        expected = source.weights() * source.value_scale / peaks[0]
        drawn = 0.03  # of other samples
        torch.testing.assert_close(trainer.network.stack[0].synapses.weight, expected, rtol=drawn, atol=1e-4)
        first[percentile] = peaks[0]
    assert first[50.0] < 0.7 * first[99.9]
