"""What a longer window brings the spiketrum encoder in hardware, and what it takes; for docs/results.md.

    python benchmarks/spiketrum_windows.py [--recordings N]

The integer encoder on the official test part of FSDD (as ``spiketrum_snr.py``), defaults but for rate and
window; block RAM of an ECP5 as Yosys lays it out, and the clock from which on four lanes keep up with the
sound.
"""

import argparse
from dataclasses import replace

import numpy as np
from spiketrum_snr import fixed, recordings

from spikewright.compiler.blockram import ECP5, differing, realise
from spikewright.config import InputConfig
from spikewright.memories import encoder_images, encoder_memories
from spikewright.models.spiketrum_spikes import decode, snr_db
from spikewright.spiketrum import SpiketrumConfig
from spikewright.stages.encoder import needed_hz

WINDOWS = (128, 256, 512, 1024, 2048, 4096)
RATES = (400, 800)
LANES = 4


def configured(window: int, rate_hz: int) -> SpiketrumConfig:
    """The defaults with another window, and room for as many spikes in proportion."""
    config = SpiketrumConfig()
    return replace(config, window=window, rate_hz=rate_hz, burst=-(-config.burst * window // config.window))


def block_rams(port: InputConfig) -> int:
    """Block RAM of an encoder alone."""
    images = encoder_images(port)
    found = [
        realise(ECP5, memory.depth, memory.width if memory.state else differing(images[memory.name]),
                written=memory.state, block=memory.block)
        for memory in encoder_memories(port)
    ]
    return sum(memory.cells for memory in found if memory.kind == "block")


def main() -> None:
    """Measure all windows."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--recordings", type=int, help="take every n-th, so that about so many are left")
    waves = recordings(parser.parse_args().recordings)
    print("| window | " + " | ".join(f"SNR at {rate}/s (dB)" for rate in RATES) + " | DP16KD | clock (MHz) |")
    print("|---|" + "---|" * (len(RATES) + 2))
    for window in WINDOWS:
        cells = []
        for rate in RATES:
            encode, bank = fixed(configured(window, rate))
            found = [snr_db(wave, decode(encode(wave), bank, len(wave))) for wave in waves]
            cells.append(f"{np.mean([value for value in found if value is not None]):.2f}")
        config = configured(window, max(RATES))
        port = InputConfig(name="in", shape=(config.lines,), max_events=config.most_events, encoder=config,
                           encoder_lanes=LANES)
        cells += [str(block_rams(port)), f"{needed_hz(port) / 1e6:.1f}"]
        print(f"| {window} | {' | '.join(cells)} |", flush=True)


if __name__ == "__main__":
    main()
