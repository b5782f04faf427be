"""What the spiketrum encoder costs on an ECP5: cells, clock, and the clock that real time takes.

The encoder of 40 channels at 8 kHz, alone, as docs/benchmarks.md shows it.

    python benchmarks/spiketrum_area.py [--lanes 1 2 4] [--seeds 1 2 3]
"""

import argparse
import tempfile
from pathlib import Path

from spikewright.boards.devices import DEVICES
from spikewright.boards.place import lowest_fmax, place_seeds
from spikewright.boards.synth import synthesise
from spikewright.cosim.spiketrum import write_encoder
from spikewright.cosim.timing_spiketrum import SpiketrumTiming
from spikewright.spiketrum import SpiketrumConfig
from spikewright.spiketrum_memories import spiketrum_layout
from spikewright.spiketrum_tables import make_tables

RATES_HZ = (400, 800, 1600)


def main() -> None:
    """Synthesise and place, and print the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--lanes", type=int, nargs="+", default=[1, 2, 4])
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3])
    parser.add_argument("--jobs", type=int, help="placements at once")
    parser.add_argument("--keep", type=Path, help="folder for what the tools write")
    arguments = parser.parse_args()
    device, tables = DEVICES["ecp5"], make_tables(SpiketrumConfig())
    rates = " | ".join(f"{rate}/s (MHz)" for rate in RATES_HZ)
    print(f"| lanes | LUT4 | carries | logic cells | FF | block RAM | multipliers | clock (MHz) | {rates} |")
    for lanes in arguments.lanes:
        layout = spiketrum_layout(tables, lanes)
        needed = [SpiketrumTiming(layout).real_time_hz(rate) / 1e6 for rate in RATES_HZ]
        with tempfile.TemporaryDirectory() as temporary:
            folder = (arguments.keep or Path(temporary)) / f"lanes{lanes}"
            write_encoder(layout, tables, folder)
            made = synthesise(folder / "rtl", device, folder / "synth", top="spiketrum")
            placed = place_seeds(made.netlist, device, seeds=arguments.seeds, top="spiketrum",
                                 jobs=arguments.jobs)
        cells = max(placement.logic_cells for placement in placed)
        print(f"| {lanes} | {made.luts:,} | {made.carries} | {cells:,} | {made.ffs:,} | {made.brams} |"
              f" {made.dsps} | {lowest_fmax(placed):.1f} | {' | '.join(f'{mhz:.1f}' for mhz in needed)} |",
              flush=True)


if __name__ == "__main__":
    main()
