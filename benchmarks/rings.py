"""What the ring of a delayed port costs on an ECP5, alone: cells and clock; the table of docs/benchmarks.md.

python benchmarks/rings.py
"""

import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from spikewright.boards.devices import DEVICES
from spikewright.boards.place import lowest_fmax, place_seeds
from spikewright.boards.synth import synthesise
from spikewright.compiler.blockram import ECP5, realise
from spikewright.events import WordFormat
from spikewright.fixed import unsigned_bits
from spikewright.rings import RingConfig
from spikewright.rtl import verilog
from spikewright.rtl.ring import DelayRing
from spikewright.rtl.verilog import CELLS, VerilogPlatform, to_verilog


def rings() -> Iterator[tuple[str, RingConfig]]:
    """Those of the table: neurons, delay, and what else is special."""
    rng = np.random.default_rng(0)
    for what, neurons, delays, most, leads in (
        ("recurrent", 38, (1,), 1, True),
        ("in line", 38, (1,), 1, False),
        ("recurrent, up to 7 spikes", 38, (1,), 7, True),
        ("in line", 1024, (8,), 1, False),
        ("in line, each its own", 1024, tuple(map(int, rng.integers(0, 8, 1024, endpoint=True))), 1, False),
    ):
        yield f"{neurons} neurons, delay {max(delays)}, {what}", RingConfig(
            name="ring", word=WordFormat(address_bits=unsigned_bits(neurons - 1)), addresses=neurons,
            delays=delays, most=most, leads=leads)  # fmt: skip


def main() -> None:
    """Synthesise and place every ring."""
    device = DEVICES["ecp5-25k"]
    print("| ring | slots x words x bits | LUT4 | carries | flip-flops | block RAM | LUT RAM | clock (MHz) |")
    for what, ring in rings():
        with tempfile.TemporaryDirectory() as folder:
            rtl = Path(folder, "rtl")
            rtl.mkdir()
            (rtl / "chip.v").write_text(to_verilog(DelayRing(ring), platform=VerilogPlatform(contents=True)))
            for name in CELLS:
                source = Path(verilog.__file__).parent / "verilog" / name
                (rtl / name).write_text(source.read_text())
            made = synthesise(rtl, device, Path(folder, "out"))
            fmax = lowest_fmax(place_seeds(made.netlist, device))
        memory = ring.memory
        realised = [realise(ECP5, memory.depth, memory.width, written=True, block=memory.block)]
        expected = sum(found.cells for found in realised if found.kind == "block")
        table = ring.table_memory is not None
        assert made.brams == expected or table, (made.brams, expected)
        print(f"| {what} | {ring.slots} x {ring.words} x {memory.width} | {made.luts} | {made.carries} |"
              f" {made.ffs} | {made.brams} | {made.lutram_cells} | {fmax:.0f} |", flush=True)


if __name__ == "__main__":
    main()
