"""Block RAM before synthesis is what Yosys makes: of memories, of queues, with constant bits in contents."""

import shutil
from pathlib import Path
from typing import Literal

import numpy as np
import pytest
from amaranth.hdl import Module
from amaranth.lib import wiring
from amaranth.lib.fifo import SyncFIFOBuffered
from amaranth.lib.wiring import In, Out

import spikewright.rtl
from spikewright.boards.devices import DEVICES
from spikewright.boards.synth import synthesise
from spikewright.compiler.blockram import (
    ECP5,
    ICE40,
    Realised,
    blocks,
    realise,
    realised_memories,
    varying_bits,
)
from spikewright.compiler.images import write_images
from spikewright.compiler.mapping import map_network
from spikewright.compiler.summary import summarise
from spikewright.convolution import Convolution
from spikewright.memories import chip_memories
from spikewright.network import Edge, InputPort, IntegerNetwork, Population
from spikewright.neuron import NeuronConfig
from spikewright.rtl.verilog import to_verilog, write_chip
from tests.cosim.builds import write_files
from tests.networks import random_case

FAMILIES = {"ecp5": ECP5, "ice40": ICE40}
MEMORY = Path(spikewright.rtl.__file__).parent / "verilog" / "spikewright_memory.v"
FORCED = [
    (33, 1), (40, 39), (160, 12), (256, 64), (512, 36), (513, 36), (1024, 18), (1025, 19), (2048, 9),
    (100, 73), (640, 64), (1500, 20), (2048, 11), (2500, 9), (3000, 36), (700, 128),
]
"""Depths and widths of memories that must be block RAM."""
FREE = [(2, 8), (4, 3), (17, 36), (32, 40), (32, 72), (33, 31), (64, 15), (100, 10), (200, 5), (900, 1),
        (48, 20)]
"""Of memories that become whatever is cheapest."""


def memories(folder: Path, shapes: list[tuple[int, int]], style: str, *, written: bool) -> Path:
    """A chip of memories with ports of their own, and contents of random bits where nothing writes them."""
    (folder / "rtl").mkdir(parents=True)
    (folder / "memory").mkdir()
    shutil.copy(MEMORY, folder / "rtl")
    rng = np.random.default_rng(0)
    ports, instances = ["input clk"], []
    for index, (depth, width) in enumerate(shapes):
        bits = max(1, (depth - 1).bit_length())
        write = f".write_enable(1'b0), .write_address({bits}'d0), .write_data({width}'d0)"
        contents = f"memory/{index}.hex"
        if written:
            write = f".write_enable(we{index}), .write_address(wa{index}), .write_data(wd{index})"
            contents = ""
            ports += [f"input we{index}", f"input [{bits - 1}:0] wa{index}",
                      f"input [{width - 1}:0] wd{index}"]
        else:
            words = ["".join(map(str, rng.integers(0, 2, width))) for _ in range(depth)]
            (folder / contents).write_text("".join(f"{int(word, 2):x}\n" for word in words))
        ports += [f"input re{index}", f"input [{bits - 1}:0] ra{index}",
                  f"output [{width - 1}:0] rd{index}"]
        instances.append(
            f'spikewright_memory #(.WIDTH({width}), .DEPTH({depth}), .ADDRESS_BITS({bits}),'
            f' .STYLE("{style}"), .CONTENTS("{contents}")) m{index} (.clk(clk), {write},'
            f" .read_enable(re{index}), .read_address(ra{index}), .read_data(rd{index}));\n")
    text = f"module chip({', '.join(ports)});\n{''.join(instances)}endmodule\n"
    (folder / "rtl" / "chip.v").write_text(text)
    return folder / "rtl"


def cells(realised: Realised) -> tuple[int, int]:
    """Block RAMs and cells of distributed RAM."""
    return (realised.cells if realised.kind == "block" else 0,
            realised.cells if realised.kind == "distributed" else 0)


@pytest.mark.parametrize("technology", ["ecp5", "ice40"])
@pytest.mark.parametrize("written", [True, False], ids=["written", "constant"])
@pytest.mark.parametrize(("style", "shapes"), [("block", FORCED), ("auto", FREE)])
def test_memories_take_what_yosys_makes_of_them(technology: str, written: bool, style: str,
                                                shapes: list[tuple[int, int]], tmp_path: Path) -> None:
    if technology == "ice40" and not written:
        shapes = shapes[:10]  # constant memories of a small part take Yosys long
    rtl = memories(tmp_path, shapes, style, written=written)
    found = synthesise(rtl, DEVICES[technology], tmp_path / "out")
    none: dict[str, int] = {}
    got = {shape: (found.instances.get(f"m{index}", none).get("brams", 0),
                   found.instances.get(f"m{index}", none).get("lutram_cells", 0))
           for index, shape in enumerate(shapes)}
    expected = {(depth, width): cells(realise(FAMILIES[technology], depth, width, written=written,
                                              block=style == "block")) for depth, width in shapes}
    assert got == expected
    assert sum(brams for brams, _ in got.values()) == found.brams
    if style == "block":
        assert all(brams for brams, _ in got.values())


class Queue(wiring.Component):  # type: ignore[type-arg]  # not generic at run time
    """The queue of an emitter, its ports those of a chip."""

    def __init__(self, depth: int, width: int) -> None:
        self.queue = SyncFIFOBuffered(width=width, depth=depth + 1)
        super().__init__({"w_data": In(width), "w_en": In(1), "w_rdy": Out(1),
                          "r_data": Out(width), "r_en": In(1), "r_rdy": Out(1)})

    def elaborate(self, platform: object) -> Module:
        m = Module()
        m.submodules.queue = queue = self.queue
        m.d.comb += [getattr(queue, name).eq(getattr(self, name)) for name in ("w_data", "w_en", "r_en")]
        m.d.comb += [getattr(self, name).eq(getattr(queue, name)) for name in ("w_rdy", "r_data", "r_rdy")]
        return m


def test_varying_bits_are_those_that_differ() -> None:
    case = random_case(4)
    mapped = map_network(case.network, rows="compressed", lanes=1)
    name = f"{mapped.chip.cores[0].name}.entries.0"
    widths = varying_bits(mapped.chip, mapped.images)
    assert widths[name] == varying_bits(mapped.chip)[name]
    halved = {**mapped.images, name: mapped.images[name] & np.uint64(0b1010)}
    assert varying_bits(mapped.chip, halved)[name] == 2


def test_the_bus_writes_every_bit() -> None:
    case = random_case(4)
    mapped = map_network(case.network, contents="bus")
    empty = {name: image * 0 for name, image in mapped.images.items()}
    assert blocks(ECP5, mapped.chip, empty) == blocks(ECP5, mapped.chip, mapped.images)


@pytest.mark.parametrize(("depth", "width", "kind"), [
    (64, 16, "distributed"), (128, 11, "distributed"), (128, 17, "block"), (256, 12, "block"),
    (1024, 13, "block"), (32, 40, "distributed"),
])
def test_queues_read_the_old_word(depth: int, width: int, kind: str, tmp_path: Path) -> None:
    found = realise(ECP5, depth, width, written=True, old=True)
    assert found.kind == kind
    (tmp_path / "rtl").mkdir()
    (tmp_path / "rtl" / "chip.v").write_text(to_verilog(Queue(depth, width)))
    made = synthesise(tmp_path / "rtl", DEVICES["ecp5"], tmp_path / "out")
    assert (made.brams, made.lutram_cells) == cells(found)


@pytest.mark.parametrize("each", [False, True], ids=["one delay", "each its own"])
def test_rings_and_their_tables(each: bool, tmp_path: Path) -> None:
    """A ring of 600 addresses and 8 steps is a block, and so are the delays of all of them."""
    rng = np.random.default_rng(3)
    delay = tuple(int(d) for d in rng.integers(0, 8, 600, endpoint=True)) if each else (8,)
    neuron = NeuronConfig(state_bits=12, compare=(40,), reset_amount=(40,))
    network = IntegerNetwork(
        name="late", weight_bits=4, inputs=(InputPort(name="in", shape=(600,)),),
        populations=(Population(name="p", size=4, neuron=neuron),),
        edges=(Edge(source="in", target="p", weights=rng.integers(-8, 8, (4, 600)), delay=delay),),
        outputs=("p",))
    files = write_files(network, tmp_path)
    chip, images = files.mapped.chip, files.mapped.images
    found = realised_memories(ECP5, chip, images)
    assert found["p.ring.0"].kind == "block"
    made = synthesise(tmp_path / "rtl", DEVICES["ecp5"], tmp_path / "out")
    assert blocks(ECP5, chip, images) == made.brams
    rings = {name: cells.cells for name, cells in found.items() if ".ring." in name}
    assert made.instances["ring_0_of_p"]["brams"] == sum(rings.values()) == 1 + each
    counted = summarise(network, chip)
    states = sum(memory.depth * memory.width for memory in chip_memories(chip) if memory.state)
    assert counted.state_bits == states + 9 * 38 * 16


@pytest.mark.parametrize(("fires", "contents", "states"), [
    (True, "baked", 3), (False, "baked", 4), (True, "bus", 4),
])
def test_lanes_without_a_channel_are_dropped_where_nothing_reads_them(
    fires: bool, contents: Literal["baked", "bus"], states: int, tmp_path: Path
) -> None:
    """Three channels in four lanes: potentials of all go out, and the bus reads all memories."""
    shape = Convolution(source=(1, 8, 8), target=(3, 6, 6), size=(3, 3))
    neuron = NeuronConfig(fires=fires, state_bits=12, compare=(40,), reset_amount=(40,))
    network = IntegerNetwork(
        name="plane", weight_bits=4, inputs=(InputPort(name="in", shape=(1, 8, 8)),),
        populations=(Population(name="p", size=108, shape=(3, 6, 6), neuron=neuron),),
        edges=(Edge(source="in", target="p", convolution=shape,
                    weights=np.random.default_rng(2).integers(-8, 8, shape.kernel_shape)),),
        outputs=("p",))
    mapped = map_network(network, lanes=4, contents=contents)
    found = realised_memories(ECP5, mapped.chip, mapped.images)
    assert sum(".state." in name for name in found) == states
    write_chip(mapped.chip, tmp_path / "rtl")
    write_images(mapped.chip, mapped.images, tmp_path / "memory")
    made = synthesise(tmp_path / "rtl", DEVICES["ecp5"], tmp_path / "out")
    assert blocks(ECP5, mapped.chip, mapped.images) == made.brams
