"""A mapped netlist as Yosys writes it in JSON: cells, and nets with who drives and who reads them."""

import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from spikewright.errors import ToolError

__all__ = ["MACRO", "Instance", "Macro", "Net", "Netlist", "read_netlist"]

MACRO = "spikewright_sram"

Bit = int | str
"""A net's number, or a constant: ``"0"``, ``"1"``."""


@dataclass(frozen=True, slots=True)
class Instance:
    """A cell: its name, type, and the bit at every connected pin."""

    name: str
    type: str
    pins: dict[str, Bit]


@dataclass(frozen=True, slots=True, kw_only=True)
class Macro:
    """An SRAM macro of ``depth`` words of ``width`` bits; ``contents`` says that nothing writes it in use."""

    name: str
    depth: int
    width: int
    contents: bool
    clock: Bit
    read_enable: Bit
    write_enable: Bit
    inputs: tuple[Bit, ...]
    outputs: tuple[Bit, ...]


@dataclass(slots=True)
class Net:
    """One bit of wire: its name in SAIF, the pin that drives it, the pins that read it.

    ``driver`` is None where a port or a macro drives it; ``extra`` counts readers that are ports or macros.
    """

    name: str
    driver: tuple[Instance, str] | None = None
    readers: list[tuple[Instance, str]] = field(default_factory=list)
    extra: int = 0


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Netlist:
    """Cells, macros, and nets by number; ``inputs`` are the nets that ports drive."""

    instances: tuple[Instance, ...]
    macros: tuple[Macro, ...]
    nets: dict[int, Net]
    inputs: frozenset[int]

    def cell_types(self) -> Counter[str]:
        """How many cells of each type."""
        return Counter(instance.type for instance in self.instances)

    def connect(self, directions: dict[str, dict[str, str]]) -> None:
        """Find drivers and readers, by the direction of every pin of every cell type."""
        for instance in self.instances:
            for pin, bit in instance.pins.items():
                if isinstance(bit, int):
                    if directions[instance.type].get(pin) == "output":
                        self.nets[bit].driver = (instance, pin)
                    else:
                        self.nets[bit].readers.append((instance, pin))


def read_netlist(path: Path, top: str) -> Netlist:
    """Read what ``write_json`` wrote.

    Raises
    ------
    ToolError
        If it is not such a file.
    """
    try:
        module = json.loads(path.read_text(encoding="utf-8"))["modules"][top]
        nets = {bit: Net(name) for bit, name in names(module)}
        macros = tuple(read_macro(name, cell) for name, cell in module["cells"].items()
                       if cell["type"] == MACRO)
        instances = tuple(
            Instance(name, cell["type"], {pin: bits[0] for pin, bits in cell["connections"].items() if bits})
            for name, cell in module["cells"].items() if cell["type"] != MACRO)
        ports = module["ports"].values()
        inputs = frozenset(b for port in ports if port["direction"] == "input" for b in port["bits"])
        for bit in (b for port in ports if port["direction"] == "output" for b in port["bits"]):
            count(nets, bit)
        for macro in macros:
            for bit in (macro.clock, macro.read_enable, macro.write_enable, *macro.inputs):
                count(nets, bit)
    except (OSError, ValueError, KeyError, TypeError, IndexError) as error:
        raise ToolError(f"yosys: {path.name} cannot be read: {error!r}") from error
    return Netlist(instances=instances, macros=macros, nets=nets, inputs=inputs)


def count(nets: dict[int, Net], bit: Bit) -> None:
    """One more reader that is no cell."""
    if isinstance(bit, int):
        nets[bit].extra += 1


def names(module: dict[str, Any]) -> Iterator[tuple[int, str]]:
    """Name of every bit as SAIF has it; where it has several, the last one given out counts."""
    for name, net in module["netnames"].items():
        for index, bit in enumerate(net["bits"]):
            if isinstance(bit, int):
                yield bit, name if len(net["bits"]) == 1 else f"{name}[{index + net.get('offset', 0)}]"


def read_macro(name: str, cell: dict[str, Any]) -> Macro:
    """One macro, with its parameters."""
    pins, parameters = cell["connections"], cell["parameters"]
    return Macro(
        name=name, depth=int(parameters["DEPTH"], 2), width=int(parameters["WIDTH"], 2),
        contents=pins["write_enable"][0] == "0", clock=pins["clk"][0],
        read_enable=pins["read_enable"][0], write_enable=pins["write_enable"][0],
        inputs=tuple(pins["read_address"] + pins["write_address"] + pins["write_data"]),
        outputs=tuple(pins["read_data"]))
