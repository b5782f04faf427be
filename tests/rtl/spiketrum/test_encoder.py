"""The whole encoder against the twin, spike for spike, in Amaranth's simulator."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from spikewright.cosim.timing_spiketrum import SpiketrumTiming
from spikewright.events import Kind
from spikewright.fixed import signed_range
from spikewright.models.spiketrum_fixed import FixedEncoder
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
from tests.rtl.streams import Bench, Run, run_streams

RECORDINGS = [noise(40), tone(1), np.zeros(20, np.int64), tone(33, 60000), noise(16, 300, seed=2)]
"""Noise, one sample, silence, a clipped tone, and a whole window of little."""


def encode(case: Case, recordings: list[Samples], *, tokens: Sequence[int] = (), **bench: Any) -> Run:
    """Run the recordings one after the other, with so many tokens of steps behind each."""
    encoder = SpiketrumEncoder(case.layout, images=spiketrum_images(case.layout, case.tables))
    return run_streams(
        encoder, send={"source": encoded_samples(case.layout, recordings, tokens)},
        receive={"sink": len(expected_words(case, recordings, tokens))}, platform=StrictPlatform(),
        patience=20000,
        watch={"active": encoder.active, "resting": encoder.resting}, **bench)


@pytest.mark.parametrize(("p_valid", "p_ready"), [(1.0, 1.0), (0.02, 1.0), (1.0, 0.02), (0.05, 0.2)])
@pytest.mark.parametrize("lanes", [pytest.param(1, marks=pytest.mark.slow), 2,
                                   pytest.param(4, marks=pytest.mark.slow)])
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


def active_cycles(got: Run) -> list[int]:
    """Clocks of each window."""
    lengths, length = [], 0
    for active in got.watched["active"]:
        if length and not active:
            lengths.append(length)
        length = length + 1 if active else 0
    return lengths


SHORT = [noise(50), tone(1), np.zeros(18, np.int64), tone(23, 9000)]
CHANGES: dict[str, dict[str, Any]] = {
    "default": {},
    "rectified": {"signed": False},
    "gains": {"gains": (0, 255, 64, 30, 90)},
    "one level": {"levels": 1},
    "levels that no power of two": {"levels": 5, "range_db": 60.0},
    "one channel": {"channels": 1},
    "lanes without a channel": {"channels": 6},
    "a gate": {"gate": 2500},
    "more spikes than there is to code": {"rate_hz": 6000, "burst": 13, "levels": 8, "range_db": 70.0},
    "narrow": {"kernel_bits": 4, "gram_bits": 5, "correlation_bits": 12, "pcm_bits": 10},
    "wide": {"kernel_bits": 12, "gram_bits": 18, "correlation_bits": 24, "pcm_bits": 24},
    "fine correlations": {"correlation_bits": 24, "pcm_bits": 8},
    "coarse correlations": {"correlation_bits": 12, "pcm_bits": 18, "kernel_bits": 4, "top_db": 3.0},
    "all correlations of kernels": {"gram_floor": 0.0},
    "few correlations of kernels": {"gram_floor": 0.4, "low_hz": 500.0, "truncate": 0.5},
    "an odd window": {"window": 21, "step": 7},
    "one step": {"window": 12, "step": 12},
    "steps of a sample": {"window": 4, "step": 1, "burst": 3},
    "kernels shorter than the window": {"window": 64, "step": 16, "burst": 20},
}


@pytest.mark.parametrize("changes", CHANGES)
def test_configurations(changes: str) -> None:
    """All that can be configured; and clocks are the formula's, to the last one."""
    made = case(small(**CHANGES[changes]), [1, 2, 4, 8][list(CHANGES).index(changes) % 4])
    scale = 2 ** (made.config.pcm_bits - 16)
    recordings = [(samples * scale).astype(np.int64) for samples in SHORT]
    expected = expected_words(made, recordings)
    assert sum(word & 3 == Kind.EVENT for word in expected) > 8, "there are spikes"
    got = encode(made, recordings, seed=3)
    assert meanings(got["sink"]) == expected
    timing = SpiketrumTiming(made.layout)
    assert active_cycles(got) == [timing.window_cycles(*window) for samples in recordings
                                  for window in windows(made, samples)]


def test_saturates_as_the_twin_does() -> None:
    """Where a spike adds what it should take away, and as much as there is room for."""
    made = case(small(levels=1, burst=20, rate_hz=6000))
    high = (1 << made.config.correlation_bits - 1) - 1
    blocks = tuple(replace(block, values=-np.abs(block.values)) for block in made.tables.gram)
    made = replace(made, tables=replace(made.tables, levels=np.array([high]), gram=blocks))
    recordings = [noise(60, 32767), np.where(np.arange(40) % 4 > 1, 32767, -32768)]
    correlations, residual = saturations(made, recordings)
    assert correlations > 20
    assert residual > 5
    got = encode(made, recordings)
    assert meanings(got["sink"]) == expected_words(made, recordings)


def saturations(made: Case, recordings: list[Samples]) -> tuple[int, int]:
    """How many correlations and samples of the residual are at a limit after a window, by the twin."""
    found = [0, 0]

    class Watched(FixedEncoder):
        def _pursue(self, residual: Any, correlations: Any) -> Any:
            spikes = super()._pursue(residual, correlations)
            for index, (values, bits) in enumerate(((correlations, self.config.correlation_bits),
                                                    (residual, self.config.pcm_bits + 1))):
                found[index] += int(np.isin(values, signed_range(bits)).sum())
            return spikes

    for samples in recordings:
        encoder = Watched(made.config, made.tables)
        encoder.push(samples)
        encoder.finish()
    return found[0], found[1]


@pytest.mark.parametrize(("p_valid", "p_ready"), [(1.0, 1.0), (0.05, 0.05)])
def test_recordings_are_padded_with_steps(p_valid: float, p_ready: float) -> None:
    """The first token only ends a recording, of no sample too; each further one is a step more."""
    made = case(small())
    recordings = [np.zeros(0, np.int64), tone(20), noise(16), np.zeros(0, np.int64), tone(9), noise(33)]
    tokens = [0, 1, 3, 3, 0, 2]
    expected = expected_words(made, recordings, tokens)
    assert expected[0] == expected[-1] == Kind.END_OF_SAMPLE
    got = encode(made, recordings, tokens=tokens, p_valid=p_valid, p_ready=p_ready)
    assert meanings(got["sink"]) == expected


def test_a_recording_is_coded_and_rests_before_its_sample_ends() -> None:
    """So that states can be read then; a sample that comes too late is dropped."""
    made = case(small())
    encoder = SpiketrumEncoder(made.layout, images=spiketrum_images(made.layout, made.tables))
    runner = Bench(encoder, platform=StrictPlatform(), patience=20000, watch={"resting": encoder.resting})
    recordings = [noise(20), tone(30)]
    words = [encoded_samples(made.layout, [samples], [1]) for samples in recordings]
    expected = [expected_words(made, [samples]) for samples in recordings]

    async def process(ctx: Any) -> None:
        for sent, wanted in zip(words, expected, strict=True):
            await runner.exchange(ctx, {"source": sent[:-1]}, {"sink": len(wanted) - 1})
            rested.append(runner.seen.watched["resting"][-20:])
            await runner.exchange(ctx, {"source": [5 << 3, sent[-1]]}, {"sink": 1})

    rested: list[list[int]] = []
    got = runner.run(process)
    assert meanings(got["sink"]) == expected[0] + expected[1]
    assert rested == [[1] * 20] * 2


def test_a_window_is_taken_ahead() -> None:
    """While a window is at work the next one's samples come in; then the ring is full."""
    made = case(small(rate_hz=500))
    got = encode(made, [noise(150)])
    first = got.watched["active"].index(1)
    taken = sum(cycle <= first for cycle in got.cycles["source"])
    assert taken == pytest.approx(made.config.window + made.layout.longest - 1, abs=2)
    before_second = sum(cycle < first + active_cycles(got)[0] for cycle in got.cycles["source"])
    assert before_second == made.layout.ring >= 2 * made.config.window + made.layout.longest


def test_a_burst_is_all_that_a_window_gets() -> None:
    """After silence there is credit for more; a burst of it is kept."""
    made = case(small(burst=2, rate_hz=900), 4)
    samples = np.concatenate([np.zeros(90, np.int64), noise(30)])
    spikes = [len(channels) for _, channels, _ in windows(made, samples)]
    assert spikes.count(2) > 1
    assert made.config.spikes(len(samples)) > sum(spikes), "credit was lost"
    got = encode(made, [samples])
    assert meanings(got["sink"]) == expected_words(made, [samples])


def test_windows_end_in_both_ways() -> None:
    """The formula's two cases both occur in the test of configurations, before and after spikes."""
    made = case(small(**CHANGES["a gate"]))
    found = [(ended, bool(channels)) for samples in SHORT for _, channels, ended in windows(made, samples)]
    assert {("credit", True), ("silence", True), ("silence", False)} <= set(found)


def test_chosen_configurations_do_what_their_names_say() -> None:
    layout = {name: case(small(**changes), 4).layout for name, changes in CHANGES.items()}
    assert layout["fine correlations"].residual_fraction_bits > 0
    assert layout["coarse correlations"].residual_fraction_bits <= 0
    assert any(count == 0 for _, count in layout["few correlations of kernels"].spans)
    assert all(count > 0 for _, count in layout["all correlations of kernels"].spans)
    assert layout["lanes without a channel"].config.channels % 4
    assert layout["default"].groups > 1
    assert layout["default"].longest > layout["default"].config.window
    assert layout["kernels shorter than the window"].longest < 64
