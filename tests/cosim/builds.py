"""A network made into the files that co-simulation runs on."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from spikewright.compiler.images import write_images
from spikewright.compiler.mapping import Mapped, map_network
from spikewright.cosim.run import CosimResult, cosimulate
from spikewright.network import IntegerNetwork
from spikewright.rtl.verilog import write_chip

__all__ = ["Files", "write_files"]


@dataclass(frozen=True, kw_only=True)
class Files:
    """A mapped network and the folder that holds its Verilog and memory images."""

    network: IntegerNetwork
    mapped: Mapped
    folder: Path

    def cosimulate(self, x: Any, **options: Any) -> CosimResult:
        """Co-simulate; see :func:`spikewright.cosim.run.cosimulate`."""
        return cosimulate(
            self.mapped.chip,
            self.network,
            x,
            rtl=self.folder / "rtl",
            memory=self.folder / "memory",
            work=self.folder / "cosim",
            images=self.mapped.images,
            **options,
        )


def write_files(network: IntegerNetwork, folder: Path, mapping: Mapping[str, Any] | None = None) -> Files:
    """Map a network and write what co-simulation needs."""
    mapped = map_network(network, **(mapping or {}))
    write_chip(mapped.chip, folder / "rtl")
    write_images(mapped.chip, mapped.images, folder / "memory")
    return Files(network=network, mapped=mapped, folder=folder)
