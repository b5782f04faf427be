"""The integer encoder once more, sample by sample in Python's own integers, as docs/numerics.md has it."""

from itertools import product

import numpy as np
import numpy.typing as npt

from spikewright.spiketrum import SpiketrumConfig
from spikewright.spiketrum_tables import SpiketrumTables

__all__ = ["reference_spikes", "sound"]


def saturate(value: int, bits: int) -> int:
    return max(-(1 << (bits - 1)), min((1 << (bits - 1)) - 1, value))


def rsh(value: int, shift: int) -> int:
    return (value + (1 << (shift - 1))) >> shift if shift > 0 else value << -shift


def reference_spikes(
    config: SpiketrumConfig, tables: SpiketrumTables, pcm: list[int]
) -> list[tuple[int, int, int, bool]]:
    """Position, channel, level, negative of every spike, in order."""
    channels, bits, fs = range(config.channels), config.correlation_bits, config.sample_rate_hz
    pairs = zip(tables.kernels.tolist(), tables.lengths.tolist(), strict=True)
    kernels = [row[:length] for row, length in pairs]
    exponent, cf = [int(e) for e in tables.exponents], tables.correlation_shift
    theta, gains = [int(level) for level in tables.levels], config.channel_gains
    residual = [int(sample) for sample in pcm] + [0] * tables.longest
    credit, spikes = fs // 2, []
    for start in range(0, len(pcm), config.window):
        places = range(start, min(start + config.window, len(pcm)))
        credit += config.rate_hz * len(places)
        c = {}
        for m, t in product(channels, places):
            exact = sum(q * residual[t + k] for k, q in enumerate(kernels[m]))
            c[m, t] = saturate(rsh(exact, exponent[m] + cf), bits)
        for _ in range(config.burst):
            if credit < fs:
                break
            score = {key: abs(value) if config.signed else max(value, 0) for key, value in c.items()}
            best = [max(places, key=lambda t, m=m: (score[m, t], -t)) for m in channels]  # type: ignore[misc]
            m = max(channels, key=lambda m: (score[m, best[m]] * gains[m], -m))
            t = best[m]
            if score[m, t] < config.gate or score[m, t] * gains[m] == 0:
                break
            level = max((i for i, least in enumerate(theta) if score[m, t] >= least), default=0)
            a = -theta[level] if c[m, t] < 0 else theta[level]
            spikes.append((t, m, level, a < 0))
            credit -= fs
            block = tables.gram[m]
            for b in channels:
                for lag, g in enumerate(block.of(b), start=int(block.low[b])):
                    if t + lag in places:
                        change = rsh(a * int(g), config.gram_bits - 1)
                        c[b, t + lag] = saturate(c[b, t + lag] - change, bits)
            for k, q in enumerate(kernels[m]):
                change = rsh(a * q, exponent[m] - cf)
                residual[t + k] = saturate(residual[t + k] - change, config.pcm_bits + 1)
        credit = min(credit, config.burst * fs + fs - 1)
    return spikes


def sound(samples: int, seed: int = 1, full_scale: int = 32768) -> npt.NDArray[np.int64]:
    """A synthetic sound: decaying tones that begin at random, a little noise."""
    rng = np.random.default_rng(seed)
    time, wave = np.arange(samples), rng.normal(0, 0.003, samples)
    for _ in range(max(2, samples // 400)):
        begin, frequency = rng.integers(0, samples), rng.uniform(100, 3500) / 8000
        after = np.maximum(time - begin, 0)
        tone = np.exp(-after / 300) * np.sin(2 * np.pi * frequency * after)
        wave += rng.uniform(0.05, 0.5) * tone * (time >= begin)
    return np.clip(np.rint(wave * full_scale), -full_scale, full_scale - 1).astype(np.int64)
