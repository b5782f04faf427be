"""The filter bank as docs/filterbank.md has it: Python's integers, one section of one channel at a time."""

from collections.abc import Sequence

from spikewright.filterbank import ORDER, FilterBankConfig
from spikewright.filterbank_tables import filterbank_tables

__all__ = ["reference_outputs", "reference_spikes"]


def reference_outputs(config: FilterBankConfig, samples: Sequence[int]) -> list[list[int]]:
    """Outputs before rectification, channel by channel."""
    tables, f = filterbank_tables(config), config.fraction_bits
    outputs = []
    for channel in range(config.channels):
        p, q = int(tables.real[channel]), int(tables.imaginary[channel])
        wave = [(int(sample) << (config.state_bits - config.pcm_bits), 0) for sample in samples]
        for section in range(ORDER):
            weight = 1 << (f - int(tables.shifts[channel, section]))
            half = 1 << (f - 1)
            real, imaginary = 0, 0
            passed = []
            for into, beside in wave:
                real, imaginary = ((p * real - q * imaginary + into * weight + half) >> f,
                                   (q * real + p * imaginary + beside * weight + half) >> f)
                assert max(abs(real), abs(imaginary)) < 1 << (config.state_bits - 1), "a state overflows"
                passed.append((real, imaginary))
            wave = passed
        outputs.append([real for real, _ in wave])
    return outputs


def reference_spikes(config: FilterBankConfig, samples: Sequence[int]) -> list[tuple[int, int]]:
    """Sample and channel of every spike, in the order of the hardware."""
    tables = filterbank_tables(config)
    spikes = []
    for channel, wave in enumerate(reference_outputs(config, samples)):
        level, gathered = int(tables.thresholds[channel]), 0
        for time, output in enumerate(wave):
            if config.leak_shift is not None:
                gathered -= gathered >> config.leak_shift
            gathered = min(gathered + max(output, 0), (1 << tables.sum_bits) - 1)
            if gathered >= level:
                gathered -= level
                spikes.append((time, channel))
    return sorted(spikes)
