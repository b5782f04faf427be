"""How much of the sound spiketrum's spikes carry, on spoken digits; for docs/results.md.

    python benchmarks/spiketrum_snr.py [--json F.json] [--figure F.svg] [--recordings N]

The official test part of FSDD (recordings 0 to 4 of every speaker and digit) from the folder that
SPIKEWRIGHT_DATA names, each recording with its offset taken out and its peak at full scale. SNR is in dB, the
mean over recordings. Takes some minutes on one core.
"""

import argparse
import json
import os
from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from spikewright.models.sound import normalise, read_sound, to_pcm
from spikewright.models.spiketrum import RealEncoder, kernel_bank
from spikewright.models.spiketrum_fixed import FixedEncoder
from spikewright.models.spiketrum_peaks import encode_peaks
from spikewright.models.spiketrum_spikes import Spikes, decode, join, snr_db
from spikewright.spiketrum import SpiketrumConfig

Wave = npt.NDArray[np.float64]
Encode = Callable[[Wave], Spikes]

RATES = (50, 100, 200, 400, 800, 1600)
WHOLE = 1 << 17
CONFIG = SpiketrumConfig()


def recordings(most: int | None) -> list[Wave]:
    """The test part, or every n-th of it."""
    folder = Path(os.environ.get("SPIKEWRIGHT_DATA", "")) / "fsdd" / "recordings"
    files = sorted(file for file in folder.glob("*.wav") if int(file.stem.rsplit("_", 1)[1]) < 5)
    if not files:
        raise SystemExit(f"{folder}: no recordings; SPIKEWRIGHT_DATA must name the folder with fsdd/")
    step = 1 if most is None else max(1, len(files) // most)
    return [normalise(read_sound(file, CONFIG.sample_rate_hz)) for file in files[::step]]


def real(config: SpiketrumConfig, *, window: int = WHOLE, quantised: bool = True) -> Encode:
    """The float encoder: on whole recordings, which are shorter than 16 s, or on windows."""
    burst = None if window == WHOLE else -(-config.burst * window // config.window)
    encoder = RealEncoder(config, window=window, burst=burst, quantised=quantised)
    return lambda wave: join([encoder.push(wave), encoder.finish()])


def fixed(config: SpiketrumConfig) -> tuple[Encode, Wave]:
    """The integer encoder, and its kernels."""
    encoder = FixedEncoder(config)

    def encode(wave: Wave) -> Spikes:
        return join([encoder.push(to_pcm(wave, config.pcm_bits)[0]), encoder.finish()])

    return encode, encoder.tables.real_kernels


def mean_snr(codes: Iterable[Spikes], waves: list[Wave], bank: Wave) -> float:
    """Mean of the recordings' SNR."""
    found = [snr_db(wave, decode(code, bank, len(wave))) for code, wave in zip(codes, waves, strict=True)]
    return float(np.mean([value for value in found if value is not None]))


def measure(config: SpiketrumConfig, encode: Encode, waves: list[Wave], bank: Wave) -> tuple[float, int]:
    """SNR, and how many spikes there are beyond what was asked for (less than 0: short of it)."""
    codes = [encode(wave) for wave in waves]
    asked = sum(config.spikes(len(wave)) for wave in waves)
    return mean_snr(codes, waves, bank), sum(map(len, codes)) - asked


def by_rate(waves: list[Wave]) -> list[dict[str, Any]]:
    """SNR against the rate; spikes that the integers are short of, where all that is left is too quiet."""
    bank, rows = kernel_bank(CONFIG), []
    for rate_hz in RATES:
        config = replace(CONFIG, rate_hz=rate_hz)
        integer, integer_bank = fixed(config)
        cases = {
            "matching pursuit": (real(config, quantised=False), bank),
            "8 levels": (real(config), bank),
            "windows of 256, 8 levels": (real(config, window=256), bank),
            "integers, windows of 256, 8 levels": (integer, integer_bank),
            "one-shot": (lambda wave, config=config: encode_peaks(wave, config, bank), bank),
        }
        row: dict[str, Any] = {"spikes a second": rate_hz}
        for name, (encode, kernels) in cases.items():
            row[name], wrong = measure(config, encode, waves, kernels)
            if name.startswith("integers"):
                row["short"] = f"{-wrong} of {sum(config.spikes(len(wave)) for wave in waves)}"
            elif wrong:
                raise SystemExit(f"{name}, {rate_hz} spikes/s: {wrong:+d} spikes beyond what was asked for")
        rows.append(row)
    return rows


def by_loss(waves: list[Wave]) -> list[dict[str, Any]]:
    """SNR at 800 spikes a second when spikes are lost or come at another time."""
    bank, rng = kernel_bank(CONFIG), np.random.default_rng(0)
    codes = [real(replace(CONFIG, rate_hz=800), quantised=False)(wave) for wave in waves]
    rows: list[dict[str, Any]] = [{"what": "as they are", "SNR": mean_snr(codes, waves, bank)}]
    for percent in (5, 10, 20, 50):
        kept = [code[rng.random(len(code)) >= percent / 100] for code in codes]
        rows.append({"what": f"{percent} % lost", "SNR": mean_snr(kept, waves, bank)})
    for samples in (1, 2, 4):
        moved = []
        for code, wave in zip(codes, waves, strict=True):
            by = rng.integers(-samples, samples, len(code), endpoint=True)
            moved.append(replace(code, position=np.clip(code.position + by, 0, len(wave) - 1)))
        rows.append({"what": f"up to {samples} samples early or late", "SNR": mean_snr(moved, waves, bank)})
    return rows


def by_levels(waves: list[Wave]) -> list[dict[str, Any]]:
    """SNR at 800 spikes a second with so many levels over the same range; signed, or added only."""
    bank, rows = kernel_bank(CONFIG), []
    for levels in (3, 4, 6, 8, 16, 32, 64):
        config = replace(CONFIG, rate_hz=800, levels=levels)
        signed = measure(config, real(config), waves, bank)[0]
        added = replace(config, signed=False)
        positive = measure(added, real(added), waves, bank)[0]
        rows.append({"levels": levels, "signed": signed, "added only": positive})
    config = replace(CONFIG, rate_hz=800)
    free = measure(config, real(config, quantised=False), waves, bank)[0]
    added = replace(config, signed=False)
    rows.append({"levels": "as they are", "signed": free,
                 "added only": measure(added, real(added, quantised=False), waves, bank)[0]})  # fmt: skip
    return rows


def by_width(waves: list[Wave]) -> list[dict[str, Any]]:
    """SNR of the integer encoder by its widths, and of the float encoder with the same windows and levels."""
    rows: list[dict[str, Any]] = []
    reference = measure(CONFIG, real(CONFIG, window=CONFIG.window), waves, kernel_bank(CONFIG))[0]
    changes: list[tuple[str, list[Any]]] = [
        ("kernel_bits", [3, 4, 5, 6, 7, 8, 10, 12]), ("correlation_bits", [12, 14, 16, 20]),
        ("gram_bits", [4, 5, 6, 7, 8, 12]), ("gram_floor", [0.005, 0.01, 0.05, 0.1]), ("pcm_bits", [8, 12]),
    ]  # fmt: skip
    for key, values in changes:
        for value in values:
            config = replace(CONFIG, **{key: value})
            encode, bank = fixed(config)
            snr = measure(config, encode, waves, bank)[0]
            rows.append({"width": key, "value": str(value), "SNR": snr, "beyond float": snr - reference})
    return rows


def by_window(waves: list[Wave]) -> list[dict[str, Any]]:
    """SNR at 400 and 800 spikes a second by the window, with 8 levels: a budget each 32 ms, or for longer."""
    bank, rows = kernel_bank(CONFIG), []
    for window in (128, 256, 512, 1024, 2048, 4096, WHOLE):
        row: dict[str, Any] = {"window": "whole" if window == WHOLE else window}
        for rate_hz in (400, 800):
            config = replace(CONFIG, rate_hz=rate_hz)
            row[f"{rate_hz}/s"] = measure(config, real(config, window=window), waves, bank)[0]
        rows.append(row)
    return rows


def by_channels(waves: list[Wave]) -> list[dict[str, Any]]:
    """SNR at 400 spikes a second by the number of kernels."""
    rows = []
    for channels in (8, 16, 24, 32, 40, 64):
        config = replace(CONFIG, channels=channels)
        snr = measure(config, real(config, quantised=False), waves, kernel_bank(config))[0]
        rows.append({"channels": channels, "SNR": snr})
    return rows


def table(rows: list[dict[str, Any]]) -> str:
    """Rows in Markdown."""
    lines = ["| " + " | ".join(rows[0]) + " |", "|---" * len(rows[0]) + "|"]
    for row in rows:
        cells = [f"{value:.2f}" if isinstance(value, float) else str(value) for value in row.values()]
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


def draw(rows: list[dict[str, Any]], path: Path) -> None:
    """SNR against the rate."""
    import matplotlib as mpl
    from matplotlib.figure import Figure

    mpl.rcParams["svg.hashsalt"] = "spiketrum"  # the same figure, the same bytes
    figure = Figure(figsize=(6.5, 4), layout="constrained")
    axes = figure.subplots()
    styles = {"matching pursuit": "o-", "8 levels": "s-", "integers, windows of 256, 8 levels": "^-",
              "one-shot": "x--"}  # fmt: skip
    for name, style in styles.items():
        axes.plot([row["spikes a second"] for row in rows], [row[name] for row in rows], style, label=name)
    axes.set_xscale("log")
    axes.set_xticks(RATES, [str(rate) for rate in RATES])
    axes.minorticks_off()
    axes.set_xlabel("spikes a second, all channels")
    axes.set_ylabel("SNR (dB)")
    axes.grid(alpha=0.3)
    axes.legend()
    figure.savefig(path, metadata={"Date": None} if path.suffix == ".svg" else None)


def main() -> None:
    """Measure everything, print it as tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", type=Path, help="write all figures here")
    parser.add_argument("--figure", type=Path, help="draw SNR against the rate")
    parser.add_argument("--recordings", type=int, help="take about so many of the 300")
    options = parser.parse_args()
    waves = recordings(options.recordings)
    print(f"{len(waves)} recordings, {sum(map(len, waves)) / CONFIG.sample_rate_hz:.1f} s")
    results = {}
    for part in (by_rate, by_loss, by_levels, by_width, by_window, by_channels):
        results[part.__name__] = part(waves)
        print(f"\n{part.__doc__}\n\n{table(results[part.__name__])}", flush=True)
    if options.json:
        options.json.write_text(json.dumps(results, indent=1) + "\n")
    if options.figure:
        draw(results["by_rate"], options.figure)


if __name__ == "__main__":
    main()
