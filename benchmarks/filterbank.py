"""What the cochlear filter bank costs on an ECP5, how exact it is and how fast its model: docs/benchmarks.md.

python benchmarks/filterbank.py [--only area accuracy speed]
"""

import argparse
import tempfile
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np

from spikewright.boards.devices import DEVICES
from spikewright.boards.place import place_seeds
from spikewright.boards.synth import Synthesis, synthesise
from spikewright.filterbank import FilterBankConfig
from spikewright.models.filterbank import FilterBank, FixedFilterBank
from spikewright.rtl.filterbank.verilog import write_filterbank

BANK = FilterBankConfig()


def banks() -> Iterator[tuple[str, FilterBankConfig]]:
    """Those of the table of areas."""
    yield "64 channels, 16 kHz", BANK
    yield "64 channels, states of 18 bits", replace(BANK, state_bits=18)
    yield "64 channels, threshold 0.5 (sums saturate)", replace(BANK, threshold=0.5)
    yield "32 channels, 8 kHz", replace(BANK, channels=32, sample_rate_hz=8000, high_hz=3700.0)
    yield "128 channels, 48 kHz", replace(BANK, channels=128, sample_rate_hz=48000, high_hz=20000.0)


def area() -> None:
    """Synthesise and place every bank."""
    device = DEVICES["ecp5"]
    columns = ("bank", "LUT4", "carries", "logic cells", "FF", "block RAM", "multipliers", "clock (MHz)",
               "cycles a sample", "needed (MHz)")
    print(f"| {' | '.join(columns)} |\n" + "|---" * len(columns) + "|")
    for what, config in banks():
        with tempfile.TemporaryDirectory() as folder:
            rtl = write_filterbank(config, Path(folder))
            made: Synthesis = synthesise(rtl, device, Path(folder, "out"), top="filterbank")
            placed = place_seeds(made.netlist, device, top="filterbank", jobs=1)
        clocks = ", ".join(f"{seed.fmax_mhz:.1f}" for seed in placed)
        cells = made.luts, made.carries, placed[0].logic_cells, made.ffs, made.brams, made.dsps
        print(f"| {what} | {' | '.join(map(str, cells))} | {clocks} | {config.cycles:,} |"
              f" {config.clock_hz / 1e6:.1f} |", flush=True)


def accuracy() -> None:
    """Signal to error of the integers, in the worst and the median channel, for white noise."""
    noise = np.random.default_rng(1).uniform(-1, 1, (16000, 1))
    levels = (0, -20, -40, -60)
    print("| state bits | coefficient bits |" + "".join(f" {level} dB |" for level in levels))
    print("|---" * (2 + len(levels)) + "|")
    for state_bits, coefficient_bits in (
        (16, 18), (18, 12), (18, 14), (18, 18), (20, 18), (24, 12), (24, 14), (24, 16), (24, 18), (28, 18),
    ):  # fmt: skip
        config = replace(BANK, state_bits=state_bits, coefficient_bits=coefficient_bits)
        cells = []
        for level in levels:
            sound = np.rint(noise * 32767 * 10 ** (level / 20))
            bank = FixedFilterBank(config)
            real = FilterBank(config).filter(sound / 32768)
            error = bank.filter(sound) / bank.tables.scales - real
            ratio = 10 * np.log10((real**2).sum(axis=0) / (error**2).sum(axis=0))
            cells.append(f" {ratio.min():.0f} / {np.median(ratio):.0f} |")
        print(f"| {state_bits} | {coefficient_bits} |" + "".join(cells), flush=True)


def speed() -> None:
    """Seconds of sound a second, of the integer model on one core."""
    for batch in (1, 16):
        sound = np.random.default_rng(1).integers(-9000, 9000, (16000, batch))
        bank = FixedFilterBank(BANK, batch)
        best = min(timed(bank, sound) for _ in range(3))
        print(f"{batch} recordings at a time: {batch / best:.1f} times real time")


def timed(bank: FixedFilterBank, sound: np.ndarray) -> float:
    """Seconds that a second of sound takes."""
    start = time.perf_counter()
    for first in range(0, len(sound), 2000):
        bank.spikes(sound[first : first + 2000])
    return time.perf_counter() - start


def main() -> None:
    """Measure what is asked for."""
    parts = {"area": area, "accuracy": accuracy, "speed": speed}
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", nargs="*", choices=parts, default=list(parts))
    for name in parser.parse_args().only:
        parts[name]()


if __name__ == "__main__":
    main()
