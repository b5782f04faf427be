"""Encoders for tests, small enough for Amaranth's simulator; recordings, and the words that they become."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from spikewright.events import Kind
from spikewright.models.spiketrum_fixed import encode_fixed
from spikewright.spiketrum import SpiketrumConfig
from spikewright.spiketrum_memories import SpiketrumLayout, spiketrum_layout
from spikewright.spiketrum_tables import SpiketrumTables, make_tables

__all__ = ["SMALL", "Case", "case", "encoded_samples", "expected_words", "meanings", "noise", "small",
           "tone", "windows"]

Samples = npt.NDArray[np.int64]

SMALL: dict[str, Any] = {
    "channels": 5, "low_hz": 1500.0, "high_hz": 3500.0, "truncate": 0.3, "window": 16, "step": 8,
    "rate_hz": 2000, "levels": 4, "burst": 6, "top_db": 0.0, "range_db": 40.0, "gram_floor": 0.005,
}
"""Kernels of 21 to 44 samples, a window of 16."""


@dataclass(frozen=True)
class Case:
    """A configuration with its tables, laid out."""

    config: SpiketrumConfig
    tables: SpiketrumTables
    layout: SpiketrumLayout


def small(**changes: Any) -> SpiketrumConfig:
    """The small configuration, with changes."""
    return SpiketrumConfig(**{**SMALL, **changes})


def case(config: SpiketrumConfig, lanes: int = 2) -> Case:
    """Its tables, laid out for so many lanes."""
    tables = make_tables(config)
    return Case(config, tables, spiketrum_layout(tables, lanes))


def noise(length: int, amplitude: int = 20000, seed: int = 1) -> Samples:
    """White noise."""
    return np.random.default_rng(seed).integers(-amplitude, amplitude, length, np.int64, endpoint=True)


def tone(length: int, amplitude: float = 15000, period: float = 3.3) -> Samples:
    """A sine that fades in and out; clipped where its amplitude is too much."""
    time = np.arange(length)
    envelope = np.sin(np.pi * (time + 0.5) / max(1, length))
    wave = amplitude * envelope * np.sin(2 * np.pi * time / period)
    clipped: Samples = np.clip(np.rint(wave), -32768, 32767).astype(np.int64)
    return clipped


def encoded_samples(layout: SpiketrumLayout, recordings: Sequence[Samples], tokens: Sequence[int] = ()
                    ) -> list[int]:
    """Words in: kind, an address that means nothing, the sample; tokens of steps behind each recording."""
    mask = (1 << layout.config.pcm_bits) - 1
    words = []
    for index, samples in enumerate(recordings):
        words += [(int(sample) & mask) << 3 | (index & 1) << 2 for sample in samples]
        words += [int(Kind.END_OF_STEP)] * (tokens[index] if tokens else 0)
        words.append(int(Kind.END_OF_SAMPLE))
    return words


def expected_words(case: Case, recordings: Sequence[Samples], tokens: Sequence[int] = ()) -> list[int]:
    """Words out, by the twin: spikes in the order in which they were chosen, step by step."""
    config, words = case.config, []
    for index, samples in enumerate(recordings):
        spikes = encode_fixed(samples, config, case.tables)
        lines, steps = spikes.lines(config), spikes.steps(config)
        for step in range(config.steps(len(samples))):
            words += [int(line) << 2 for line in lines[steps == step]]
            words.append(int(Kind.END_OF_STEP))
        words += [int(Kind.END_OF_STEP)] * (max(0, tokens[index] - 1) if tokens else 0)
        words.append(int(Kind.END_OF_SAMPLE))
    return words


def meanings(words: Sequence[int]) -> list[int]:
    """Words out without the address of tokens."""
    return [word & 3 or word for word in words]


def windows(case: Case, samples: Samples) -> list[tuple[int, list[int], str]]:
    """Of each window its positions, the channels of its spikes, and why it ended; by the twin's spikes."""
    config = case.config
    spikes = encode_fixed(samples, config, case.tables)
    price, credit = config.sample_rate_hz, config.sample_rate_hz // 2
    found = []
    for start in range(0, len(samples), config.window):
        positions = min(config.window, len(samples) - start)
        channels = spikes.channel[spikes.position // config.window == start // config.window].tolist()
        credit += config.rate_hz * positions - price * len(channels)
        goes_on = credit >= price and len(channels) < config.burst
        found.append((positions, channels, "silence" if goes_on else "credit"))
        credit = min(credit, config.burst * price + price - 1)
    return found
