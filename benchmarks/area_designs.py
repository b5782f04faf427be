"""Random chips over the range that users have, and what Yosys makes of them; for benchmarks/area_model.py."""

import hashlib
import json
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from area_networks import random_network

from spikewright.boards.devices import DEVICES
from spikewright.boards.synth import CELLS, synthesise, verilog_files
from spikewright.boards.yosys import yosys_version
from spikewright.compiler.images import image_texts, write_images
from spikewright.compiler.mapping import Mapped, map_network
from spikewright.rtl.verilog import write_chip

__all__ = ["Synthesised", "few_lanes", "random_chip", "synthesised"]

WEIGHT_BITS = 2_000_000
"""Most bits of dense weights: what the block RAM of the largest ECP5 holds with ease."""
NEURONS = 25_000
"""Most neurons; their states take block RAM too."""
LANES, FEW_LANES = 32, 8
"""Most lanes of all cores together, and of chips that are soon synthesised."""


@dataclass(frozen=True, kw_only=True)
class Synthesised:
    """Cells of a chip, and of every instance in it: cores, rings, the bus."""

    cells: Mapping[str, int]
    instances: Mapping[str, Mapping[str, int]]


def random_chip(seed: int) -> Mapped:
    """The chip of a seed; equal seeds give equal chips. Most are small: they are synthesised in seconds."""
    rng = np.random.default_rng(seed)
    while True:
        network = random_network(rng, f"area{seed}")
        lanes = [None, 1, 2, 4, 8, 16, 32][rng.choice(7, p=[0.3, 0.1, 0.15, 0.15, 0.15, 0.1, 0.05])]
        small = rng.random() < 0.9
        bits = network.weight_bits * sum(edge.weights.size for edge in network.edges)
        neurons = sum(population.size for population in network.populations)
        if bits > WEIGHT_BITS / (5 if small else 1) or neurons > NEURONS / (5 if small else 1):
            continue
        rows: list[Literal["auto", "dense", "compressed"]] = ["auto", "auto", "dense", "compressed"]
        contents: Literal["baked", "bus"] = "bus" if rng.random() < 0.3 else "baked"
        mapped = map_network(network, lanes=lanes, contents=contents, rows=rows[rng.integers(4)])
        if sum(core.lanes for core in mapped.chip.cores) <= LANES / (2 if small else 1):
            return mapped


def few_lanes(seed: int) -> bool:
    """Whether the chip of a seed has at most :data:`FEW_LANES`."""
    return sum(core.lanes for core in random_chip(seed).chip.cores) <= FEW_LANES


def synthesised(mapped: Mapped, technology: str, folder: Path) -> Synthesised:
    """Cells that Yosys makes of a chip.

    They are kept in ``folder`` by what Yosys reads, Verilog and contents, and by its version: what any change
    of the RTL makes of a chip is synthesised again, and nothing else.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as temporary:
        work = Path(temporary)
        write_chip(mapped.chip, work / "rtl")
        texts = [path.read_text() for path in verilog_files(work / "rtl")]
        texts += image_texts(mapped.chip, mapped.images).values()
        kept = folder / f"{content_key(technology, texts)}.json"
        if not kept.is_file():
            write_images(mapped.chip, mapped.images, work / "memory")
            device = DEVICES[technology]
            made = synthesise(work / "rtl", device, work / "synthesis")
            cells: dict[str, Any] = {figure: getattr(made, figure) for figure in CELLS[device.family]}
            part = kept.with_suffix(".part")
            part.write_text(json.dumps({"cells": cells, "instances": made.instances}))
            part.replace(kept)
    return Synthesised(**json.loads(kept.read_text()))


def content_key(technology: str, texts: list[str]) -> str:
    """Name of what a synthesis gives."""
    return hashlib.sha256("\0".join([technology, yosys_version(), *texts]).encode()).hexdigest()
