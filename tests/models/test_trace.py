"""Decoding: every mode, ties and silence, of models and of hardware alike."""

from typing import Any

import numpy as np
import pytest

from spikewright.errors import ConfigError
from spikewright.models.trace import Trace, accuracy, decode

SPIKES = np.array(
    [
        [[0, 1, 0], [0, 1, 1], [1, 0, 1]],  # counts 1 2 2: a tie
        [[0, 0, 0], [0, 0, 1], [0, 1, 1]],  # 2 fires first
        [[0, 0, 0], [0, 0, 0], [0, 0, 0]],  # silence
        [[0, 0, 0], [0, 2, 1], [3, 0, 0]],  # several spikes in a step
    ],
    np.uint8,
)
POTENTIALS = np.array([[[-5, -3, -9], [4, -3, 6]], [[7, 7, 1], [7, 7, 20]]], np.int32)


@pytest.mark.parametrize(
    ("mode", "outputs", "classes"),
    [
        ("count", SPIKES, [1, 2, 0, 0]),
        ("first_spike", SPIKES, [1, 2, 0, 1]),
        ("potential_sum", POTENTIALS, [0, 2]),
        ("potential_last", POTENTIALS, [2, 2]),
        ("potential_last", POTENTIALS[:, :1], [1, 0]),
    ],
)
def test_decodes(mode: Any, outputs: np.ndarray, classes: list[int]) -> None:
    decoded = decode(outputs, mode)
    assert decoded.tolist() == classes
    assert decoded.dtype == np.int64


def test_sums_do_not_overflow() -> None:
    assert decode(np.full((1, 600, 2), [100, 128], np.uint8), "count").tolist() == [1]
    assert decode(np.full((1, 256, 2), [1 << 23, 5], np.int32), "potential_sum").tolist() == [0]


@pytest.mark.parametrize(
    ("outputs", "mode", "message"),
    [
        (
            SPIKES,
            "rate",
            "decode must be one of count, potential_sum, potential_last, first_spike, not 'rate'",
        ),
        (
            SPIKES[0],
            "count",
            r"decode count: outputs must have shape \(samples, steps, classes\), not \(3, 3\)",
        ),
        (
            SPIKES[:, :0],
            "first_spike",
            r"decode first_spike: outputs must have shape \(samples, steps, classes\), not \(4, 0, 3\)",
        ),
    ],
)
def test_refuses(outputs: np.ndarray, mode: Any, message: str) -> None:
    with pytest.raises(ConfigError, match=f"^{message}$"):
        decode(outputs, mode)


def test_a_trace_predicts_from_what_fits_the_mode() -> None:
    trace = Trace(spikes={"out": SPIKES}, readouts={"read": POTENTIALS}, states={})
    assert trace.predict("count", "out").tolist() == [1, 2, 0, 0]
    assert trace.predict("potential_sum", "read").tolist() == [0, 2]
    with pytest.raises(ConfigError, match=r"^decode count: needs an output that fires, not 'read'$"):
        trace.predict("count", "read")
    with pytest.raises(
        ConfigError, match=r"^decode potential_last: needs an output that does not fire, not 'out'$"
    ):
        trace.predict("potential_last", "out")


def test_accuracy_is_the_share_that_is_right() -> None:
    assert accuracy(np.array([1, 2, 3, 4]), np.array([1, 2, 0, 4])) == 0.75
    with pytest.raises(
        ConfigError, match=r"^accuracy: predictions and labels must match in shape, not \(2,\) and \(3,\)$"
    ):
        accuracy(np.array([1, 2]), np.array([1, 2, 3]))
