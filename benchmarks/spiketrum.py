"""How fast spiketrum encodes, as a multiple of real time on one core; for docs/benchmarks.md.

    python benchmarks/spiketrum.py [--json speed.json]

Spoken digits from the folder that SPIKEWRIGHT_DATA names; where it is missing, synthetic sound, as it says.
"""

# One thread, before NumPy starts its pools: what is measured is a core.
import os

for _name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[_name] = "1"

import argparse  # noqa: E402
import json  # noqa: E402
import time  # noqa: E402
from collections.abc import Callable  # noqa: E402
from functools import partial  # noqa: E402
from pathlib import Path  # noqa: E402
from typing import Any  # noqa: E402

import numpy as np  # noqa: E402
import numpy.typing as npt  # noqa: E402

from spikewright.models.sound import normalise, read_sound, to_pcm  # noqa: E402
from spikewright.models.spiketrum import RealEncoder  # noqa: E402
from spikewright.models.spiketrum_fixed import FixedEncoder  # noqa: E402
from spikewright.models.spiketrum_peaks import encode_peaks  # noqa: E402
from spikewright.spiketrum import SpiketrumConfig  # noqa: E402

SECONDS = 30
RUNS = 3


def sound() -> tuple[npt.NDArray[np.float64], str]:
    """Half a minute of speech, recordings one after the other, each with its peak at full scale."""
    folder = Path(os.environ.get("SPIKEWRIGHT_DATA", "/nowhere")) / "fsdd" / "recordings"
    wanted, parts = SECONDS * 8000, []
    for file in sorted(folder.glob("*_[01].wav")) if folder.is_dir() else []:
        parts.append(normalise(read_sound(file, 8000)))
    if sum(map(len, parts)) >= wanted:
        return np.concatenate(parts)[:wanted], "FSDD"
    rng = np.random.default_rng(0)
    envelope = np.repeat(rng.exponential(size=wanted // 800), 800)
    return normalise(np.cumsum(rng.normal(size=wanted) * envelope) % 1 - 0.5), "synthetic"


def seconds(action: Callable[[], int]) -> tuple[float, int]:
    """Processor time of the fastest of several runs, and how many spikes it made."""
    times = []
    for _ in range(RUNS):
        start = time.process_time()
        count = action()
        times.append(time.process_time() - start)
    return min(times), count


def encoded(encoder: RealEncoder | FixedEncoder, samples: npt.NDArray[Any]) -> int:
    """Encode; how many spikes."""
    return len(encoder.push(samples)) + len(encoder.finish())


def picked(config: SpiketrumConfig, samples: npt.NDArray[Any]) -> int:
    """Pick peaks; how many."""
    return len(encode_peaks(samples, config))


def main() -> None:
    """Print a row for every encoder and rate."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    wave, source = sound()
    pcm, _ = to_pcm(wave, 16)
    print(f"{SECONDS} s of sound ({source}), 8 kHz, 40 channels, one thread, best of {RUNS}\n")
    print("| encoder | spikes/s | spikes | times real time |\n|---|---|---|---|")
    rows = []
    for rate_hz in (400, 800):
        config = SpiketrumConfig(rate_hz=rate_hz)
        sections = RealEncoder(config, window=1 << 17)
        free = RealEncoder(config, window=1 << 17, quantised=False)
        windows = RealEncoder(config, burst=config.burst)
        actions: dict[str, Callable[[], int]] = {
            "float, sections of 16 s, 8 levels": partial(encoded, sections, wave),
            "float, sections of 16 s, no levels": partial(encoded, free, wave),
            "float, windows of 256, 8 levels": partial(encoded, windows, wave),
            "integers, windows of 256, 8 levels": partial(encoded, FixedEncoder(config), pcm),
            "one-shot peaks": partial(picked, config, wave),
        }
        for name, action in actions.items():
            took, count = seconds(action)
            rows.append({"encoder": name, "rate_hz": rate_hz, "spikes": count, "real_time": SECONDS / took})
            print(f"| {name} | {rate_hz} | {count:,} | {SECONDS / took:.0f} |", flush=True)
    if options.json:
        options.json.write_text(json.dumps(rows, indent=1) + "\n")


if __name__ == "__main__":
    main()
