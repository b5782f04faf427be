"""Codings: what each draws, that a sample's spikes are its own, and what is refused."""

from typing import Any

import numpy as np
import pytest

from spikewright.errors import ConfigError
from spikewright.models.coding import default_coding, encode, latency_steps, real_input, value_codes
from spikewright.models.data import Dataset
from spikewright.network import InputPort

HOLD = InputPort(name="in", shape=(4,), kind="hold", value_bits=4, value_scale=15.0)
SPIKES = InputPort(name="in", shape=(2, 2))
VALUES = InputPort(name="in", shape=(4,), value_bits=12, value_scale=4000.0)
IMAGES = np.array([[[0.0, 1.0], [0.5, 0.03]], [[0.25, 0.0], [1.0, 1.0]]], np.float32)


def images(first: int = 0, x: np.ndarray = IMAGES) -> Dataset:
    return Dataset(name="test", x=x, y=None, static=True, classes=0, first=first)


def events(x: np.ndarray) -> Dataset:
    return Dataset(name="test", x=x, y=None, static=False, classes=0)


def test_direct_comes_once() -> None:
    codes = encode(images(), HOLD, steps=3)
    assert codes.dtype == np.uint8
    assert codes.tolist() == [[[0, 15, 8, 0], [0] * 4, [0] * 4], [[4, 0, 15, 15], [0] * 4, [0] * 4]]
    np.testing.assert_array_equal(real_input(codes, HOLD), (codes / 15).astype(np.float32))


def test_constant_comes_in_every_step() -> None:
    codes = encode(images(), VALUES, steps=3)
    assert codes.dtype == np.uint16
    assert codes[:, 0].tolist() == [[0, 4000, 2000, 120], [1000, 0, 4000, 4000]]
    assert (codes == codes[:, :1]).all()


def test_values_are_clipped_to_what_the_port_carries() -> None:
    port = InputPort(name="in", shape=(3,), value_bits=4, value_scale=20.0)
    assert value_codes(np.array([-1.0, 0.5, 1.0]), port).tolist() == [0, 10, 15]


def test_rate_has_the_probability_of_the_value() -> None:
    codes = encode(images(), SPIKES, steps=4000, seed=1)
    assert codes.shape == (2, 4000, 2, 2)
    assert codes.dtype == np.uint8
    assert set(np.unique(codes)) == {0, 1}
    np.testing.assert_allclose(codes.mean(axis=1), IMAGES, atol=0.03)
    assert codes[:, :, 0, 0].sum(axis=1)[0] == 0
    assert codes[0, :, 0, 1].all()
    neighbours = np.corrcoef(codes[0, :-1, 1, 0], codes[0, 1:, 1, 0])[0, 1]
    assert abs(neighbours) < 0.06, "steps must be drawn independently"


def test_rate_draws_belong_to_the_sample_and_the_seed() -> None:
    x = np.full((5, 2, 2), 0.5, np.float32)
    together = encode(images(x=x), SPIKES, steps=20, seed=3)
    np.testing.assert_array_equal(encode(images(first=3, x=x[3:]), SPIKES, steps=20, seed=3), together[3:])
    assert (encode(images(x=x), SPIKES, steps=20, seed=4) != together).any()
    assert (together[0] != together[1]).any()


def test_latency_spikes_once_and_sooner_the_brighter() -> None:
    x = np.linspace(0, 1, 11)
    assert latency_steps(x, 11).tolist() == [-1, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0]
    assert latency_steps(np.array([1e-6]), 11).tolist() == [10]
    codes = encode(images(), SPIKES, steps=5, coding="latency").reshape(2, 5, 4)
    assert codes.sum(axis=1).tolist() == [[0, 1, 1, 1], [1, 0, 1, 1]]
    assert codes[0].argmax(axis=0).tolist() == [0, 0, 2, 4]


def test_events_come_as_they_are() -> None:
    x = np.random.default_rng(0).integers(0, 2, (2, 6, 4))
    np.testing.assert_array_equal(encode(events(x), SPIKES), x.reshape(2, 6, 2, 2))
    np.testing.assert_array_equal(encode(events(x), SPIKES, steps=6), x.reshape(2, 6, 2, 2))


@pytest.mark.parametrize(
    ("port", "static", "coding"),
    [(HOLD, True, "direct"), (VALUES, True, "constant"), (SPIKES, True, "rate"), (HOLD, False, "events")],
)
def test_defaults_follow_the_port(port: InputPort, static: bool, coding: str) -> None:
    assert default_coding(port, static) == coding


@pytest.mark.parametrize(
    ("data", "port", "options", "message"),
    [
        (
            images(),
            InputPort(name="in", shape=(5,)),
            {"steps": 3},
            r"data 'test': must have 5 values for input 'in', not shape \(2, 2\)",
        ),
        (images(), SPIKES, {}, "data 'test': coding rate needs 1 or more steps, not None"),
        (images(), SPIKES, {"steps": 0}, "data 'test': coding rate needs 1 or more steps, not 0"),
        (
            images(),
            SPIKES,
            {"steps": 2, "coding": "direct"},
            "data 'test': coding direct needs an input of values, which 'in' is not",
        ),
        (
            images(),
            HOLD,
            {"steps": 2, "coding": "latency"},
            "data 'test': coding latency needs an input of spikes, which 'in' is not",
        ),
        (
            images(),
            SPIKES,
            {"steps": 2, "coding": "events"},
            "data 'test': coding events needs events in time",
        ),
        (events(np.zeros((1, 3, 4))), SPIKES, {"coding": "rate"}, "data 'test': coding rate needs images"),
        (events(np.zeros((1, 3, 4))), SPIKES, {"steps": 4}, "data 'test': has 3 steps of its own, not 4"),
        (
            images(),
            SPIKES,
            {"steps": 2, "coding": "burst"},
            "coding must be one of direct, constant, rate, latency, events, not 'burst'",
        ),
    ],
)
def test_refuses(data: Dataset, port: InputPort, options: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=f"^{message}$"):
        encode(data, port, **options)
