"""A lane against the definition: sums of two positions at once, rounding, clamps, the best of a row."""

import random
from collections import defaultdict
from typing import Any

import pytest

from spikewright.fixed import signed_range
from spikewright.models.spiketrum_fixed import round_shift
from spikewright.rtl.spiketrum.lane import CorrelationLane
from spikewright.spiketrum_memories import SpiketrumLayout
from tests.rtl.spiketrum.encoders import case, small
from tests.rtl.streams import Bench

OPERAND, PRODUCT, SUM, VALUE, SCORE = 1, 2, 3, 4, 5
"""Cycles from the word."""

CONFIGS: dict[str, dict[str, Any]] = {
    "default": {"low_hz": 300.0},
    "rectified": {"signed": False},
    "narrow": {"kernel_bits": 4, "correlation_bits": 12, "gram_bits": 4, "pcm_bits": 10},
    "wide": {"kernel_bits": 12, "correlation_bits": 24, "gram_bits": 18},
}


class Script:
    """Inputs of a lane by cycle, and the values that must come out."""

    def __init__(self, layout: SpiketrumLayout) -> None:
        self.layout, self.config = layout, layout.config
        self.inputs: dict[int, dict[str, int]] = defaultdict(dict)
        self.values: dict[int, int] = {}
        self.cycle = 0
        self.row: list[int] = []
        self.bests: list[tuple[int, int, int]] = []

    def at(self, later: int, **signals: int) -> None:
        self.inputs[self.cycle + later].update(signals)

    def value(self, later: int, value: int) -> None:
        """A value of the row, so much later than now."""
        self.values[self.cycle + later] = value
        self.at(later + SCORE - VALUE, scored=1, position=len(self.row))
        self.row.append(value)

    def clamped(self, value: int) -> int:
        low, high = signed_range(self.config.correlation_bits)
        return min(max(value, low), high)

    def correlate(self, kernel: list[int], exponent: int, samples: list[int], positions: int) -> None:
        """A row of correlations, two positions at a time."""
        shift = exponent + self.layout.correlation_shift
        for start in range(0, positions, 2):
            for index in range(len(kernel) + 1):
                self.at(0, kernel=kernel[index] if index < len(kernel) else 1,
                        shift=self.layout.highest_exponent - exponent, factor=samples[start + index])
                if index == 0:
                    self.at(PRODUCT, first=1)
                    self.at(PRODUCT + 1, second_first=1)
                for position, ends in ((start, len(kernel) - 1), (start + 1, len(kernel))):
                    if index == ends and position < positions:
                        total = sum(q * r for q, r in zip(kernel, samples[position:], strict=False))
                        self.at(SUM, **{"last" if position == start else "second_last": 1})
                        self.value(VALUE, self.clamped(round_shift(total, shift)))
                self.cycle += 1
        self.end_row()

    def subtract(self, correlations: list[int], gram: list[int], amplitude: int) -> None:
        """A row from which correlations of kernels are subtracted, a position a cycle."""
        for correlation, one in zip(correlations, gram, strict=True):
            self.at(0, gram=one, factor=-amplitude, subtract=1)
            self.at(PRODUCT, first=1, correlation=correlation)
            self.at(SUM, last=1)
            removed = round_shift(amplitude * one, self.config.gram_bits - 1)
            self.value(VALUE, self.clamped(correlation - removed))
            self.cycle += 1
        for later in range(SCORE):  # what is at work stays subtracting
            self.at(later, subtract=1)
        self.end_row()

    def end_row(self) -> None:
        """Wait until the best is known."""
        scores = [abs(value) if self.config.signed else max(value, 0) for value in self.row]
        position = scores.index(max(scores))
        best = (self.row[position], position) if scores[position] else (0, 0)
        self.cycle += SCORE + 2
        self.bests.append((self.cycle, *best))
        self.at(1, begin=1)
        self.cycle += 2
        self.row = []


@pytest.mark.parametrize("changes", CONFIGS)
def test_computes_rows(changes: str) -> None:
    """Random rows, and those of the largest numbers, which are clamped."""
    made = case(small(**CONFIGS[changes]))
    config, layout, tables = made.config, made.layout, made.tables
    script, chosen = Script(layout), random.Random(7)
    low, high = signed_range(config.pcm_bits + 1)
    least, most = signed_range(config.correlation_bits)
    theta, gram_top = most, (1 << config.gram_bits - 1) - 1
    assert len({int(exponent) for exponent in tables.exponents}) > 1 or changes != "default"
    for channel in range(config.channels):
        kernel = tables.kernels[channel, :tables.lengths[channel]].tolist()
        exponent, positions = int(tables.exponents[channel]), chosen.choice([1, 4, 7])
        loudest = [high if q >= 0 else low for q in kernel] + [chosen.choice([low, high])] * (positions + 1)
        for samples in ([chosen.randint(low, high) for _ in loudest], loudest):
            script.correlate(kernel, exponent, samples, positions)
        for amplitude in (chosen.randint(-theta, theta), theta, -theta, 1):
            gram = [chosen.choice([0, gram_top, -gram_top, chosen.randint(-gram_top, gram_top)])
                    for _ in range(9)]
            correlations = [chosen.choice([least, most, 0, chosen.randint(least, most)]) for _ in gram]
            script.subtract(correlations, gram, amplitude)
    assert {least, most} <= set(script.values.values()), "some are clamped at each end"
    play(script)


def play(script: Script) -> None:
    lane = CorrelationLane(script.layout, weighs=False)
    names = [*lane.control.signature.members, "kernel", "shift", "gram", "correlation"]
    seen: list[tuple[int, int]] = []

    async def process(ctx: Any) -> None:
        for cycle in range(script.cycle + 1):
            inputs = script.inputs[cycle]
            for name in names:
                port = getattr(lane.control, name) if hasattr(lane.control, name) else getattr(lane, name)
                if len(port):
                    ctx.set(port, inputs.get(name, 0))
            _, _, value, best = await ctx.tick().sample(lane.value, lane.best)
            seen.append((int(value), int(best)))

    Bench(lane).run(process)
    assert {cycle: seen[cycle][0] for cycle in script.values} == script.values
    bits, mask = script.config.correlation_bits, (1 << script.config.correlation_bits) - 1
    assert [(seen[cycle][1] & mask, seen[cycle][1] >> bits) for cycle, _, _ in script.bests] == [
        (value & mask, position) for _, value, position in script.bests]


def test_weighs() -> None:
    """A correlation times its gain, both as they are, two cycles later."""
    layout = case(small()).layout
    lane, found = CorrelationLane(layout, weighs=True), []
    pairs = [(value, gain) for value in (*signed_range(18), -1, 0, 1, 777) for gain in (0, 1, 64, 255)]

    async def process(ctx: Any) -> None:
        ctx.set(lane.control.weigh, 1)
        for value, gain in [*pairs, (0, 0), (0, 0)]:
            ctx.set(lane.control.factor, value)
            ctx.set(lane.gain, gain)
            _, _, product = await ctx.tick().sample(lane.product)
            found.append(int(product))

    Bench(lane).run(process)
    assert found[PRODUCT:] == [value * gain for value, gain in pairs]
