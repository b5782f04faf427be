"""The whole encoder against the twin, spike for spike, in Amaranth's simulator."""

from typing import Any

import numpy as np
import pytest

from spikewright.cosim.timing_spiketrum import SpiketrumTiming
from spikewright.events import Kind
from spikewright.rtl.spiketrum.encoder import SpiketrumEncoder
from spikewright.spiketrum_memories import spiketrum_images
from tests.rtl.platforms import StrictPlatform
from tests.rtl.spiketrum.encoders import (
    Case,
    Samples,
    case,
    encoded_samples,
    expected_words,
    meanings,
    noise,
    small,
    tone,
    windows,
)
from tests.rtl.streams import Run, run_streams

RECORDINGS = [noise(40), tone(1), np.zeros(20, np.int64), tone(33, 60000), noise(16, 300, seed=2)]
"""Noise, one sample, silence, a clipped tone, a whole window of little; none is a whole number of windows twice."""


def encode(case: Case, recordings: list[Samples], **bench: Any) -> Run:
    """Run the recordings one after the other."""
    encoder = SpiketrumEncoder(case.layout, images=spiketrum_images(case.layout, case.tables))
    return run_streams(
        encoder, send={"source": encoded_samples(case.layout, recordings)},
        receive={"sink": len(expected_words(case, recordings))}, platform=StrictPlatform(), patience=20000,
        watch={"active": encoder.active, "resting": encoder.resting}, **bench)


@pytest.mark.parametrize(("p_valid", "p_ready"), [(1.0, 1.0), (0.02, 1.0), (1.0, 0.02), (0.05, 0.2)])
@pytest.mark.parametrize("lanes", [1, 2, 4])
def test_equals_the_twin(lanes: int, p_valid: float, p_ready: float) -> None:
    """Spike for spike, whatever the lanes and the gaps, recordings one after the other."""
    made = case(small(), lanes)
    expected = expected_words(made, RECORDINGS)
    assert sum(word & 3 == Kind.EVENT for word in expected) > 15, "there are spikes"
    assert len({word >> 3 for word in expected}) > 6, "of several channels and levels"
    assert len({word & 4 for word in expected}) == 2, "of both signs"
    got = encode(made, RECORDINGS, p_valid=p_valid, p_ready=p_ready)
    assert meanings(got["sink"]) == expected
    assert got.watched["resting"][-1], "and then it rests"
