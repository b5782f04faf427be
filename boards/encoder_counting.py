"""Counts what an encoder of sound does, from the sound: :mod:`spikewright.boards.activity` says what."""

from collections import Counter

from spikewright.boards.activity import EncoderActivity
from spikewright.config import InputConfig
from spikewright.filterbank import ORDER, FilterBankConfig
from spikewright.memories import encoder_layout
from spikewright.models.encoders import Sound
from spikewright.models.filterbank import FixedFilterBank
from spikewright.models.spiketrum_windows import Window, spiketrum_windows
from spikewright.spiketrum_memories import SpiketrumLayout

__all__ = ["count_encoder"]


def count_encoder(port: InputConfig, sound: Sound) -> EncoderActivity:
    """What the encoder of an input does with recordings."""
    config = port.encoder
    assert config is not None, "asked of inputs with an encoder only"
    samples = sum(map(len, sound.samples))
    if isinstance(config, FilterBankConfig):
        spikes = sum(int(FixedFilterBank(config).counts(recording).sum()) for recording in sound.samples)
        return bank_activity(config, samples, spikes)
    layout = encoder_layout(port)
    reads, writes, operations = Counter[str](), Counter[str](), Counter[str]()
    spikes = 0
    for recording in sound.samples:
        writes["residual"] += len(recording) + layout.longest - 1
        for window in spiketrum_windows(config, recording):
            spikes += len(window.spikes)
            count_window(layout, window, reads, writes, operations)
    return EncoderActivity(samples=samples, spikes=spikes, reads=dict(reads), writes=dict(writes),
                           operations=dict(operations))


def bank_activity(config: FilterBankConfig, samples: int, spikes: int) -> EncoderActivity:
    """What a filter bank does: the same with every sample."""
    channels = samples * config.channels
    sections = ORDER * channels
    return EncoderActivity(
        samples=samples, spikes=spikes,
        reads={"coefficients": sections, "thresholds": channels, "states": 2 * sections, "sums": channels},
        writes={"states": sections, "sums": channels},
        operations={
            "section multiplication": 4 * sections, "section addition": 4 * sections,
            "neuron addition": channels * (2 + (config.leak_shift is not None)),
        })


def count_window(layout: SpiketrumLayout, window: Window, reads: Counter[str], writes: Counter[str],
                 operations: Counter[str]) -> None:
    """Add what a window takes."""
    config, positions, groups = layout.config, window.positions, layout.groups
    pairs = -(-positions // 2)
    words = sum(layout.lengths)
    reads.update(kernels=pairs * words, residual=pairs * (words + groups), groups=groups, spans=groups)
    writes.update(correlations=positions * groups, best=groups)
    operations.update({"correlation multiplication": layout.lanes * positions * words,
                       "correlation addition": layout.lanes * positions * words,
                       "score comparison": layout.lanes * positions * groups})
    choices = len(window.spikes) + window.silent
    reads.update(best=choices * (config.channels + 1), gains=choices * (config.channels + 1),
                 levels=len(window.spikes) * config.levels,
                 spikes=len(window.spikes) * -(-positions // config.step))
    writes.update(spikes=len(window.spikes))
    operations.update({"weighing multiplication": choices * config.channels,
                       "choice comparison": choices * config.channels,
                       "level comparison": len(window.spikes) * config.levels})
    for index, (channel, position) in enumerate(window.spikes):
        length = layout.lengths[channel // layout.lanes]
        reads.update(kernels=length, residual=length, groups=1, spans=1)
        writes.update(residual=length)
        operations.update({"removal multiplication": layout.lanes * length, "removal addition": length})
        if index == len(window.spikes) - 1 and not window.silent:
            continue  # correlations are computed anew for the next window
        spans = layout.spans[channel * groups:(channel + 1) * groups]
        lags = [overlap(position + first, count, positions) for first, count in spans]
        rows = sum(count > 0 for _, count in spans)
        reads.update(groups=groups, spans=groups, gram=sum(lags), correlations=rows * positions)
        writes.update(correlations=rows * positions, best=rows)
        operations.update({"change multiplication": layout.lanes * sum(lags),
                           "change addition": layout.lanes * rows * positions,
                           "score comparison": layout.lanes * rows * positions})


def overlap(first: int, count: int, positions: int) -> int:
    """How many of ``count`` positions from ``first`` on lie in the window."""
    return max(0, min(positions, first + count) - max(0, first))
