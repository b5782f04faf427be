"""A chip in simulation whose memories are watched: how often each is read and written."""

import warnings
from collections.abc import Mapping
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt
from amaranth.hdl import Elaboratable, Fragment, Module
from amaranth.lib.memory import Memory as AmaranthMemory
from amaranth.sim import Simulator

from spikewright.compiler.mapping import Mapped
from spikewright.config import InputConfig
from spikewright.events import Kind
from spikewright.memories import chip_memories
from spikewright.rings import ring_memories

with warnings.catch_warnings():
    # The emitters import amaranth.lib.coding, which Amaranth 0.5.10 deprecates.
    warnings.simplefilter("ignore", DeprecationWarning)
    from spikewright.rtl.chip import Chip
    from spikewright.rtl.memory import Memory

__all__ = ["simulate"]


class Probe:
    """Platform that keeps every memory of a chip, to be watched in simulation."""

    def __init__(self) -> None:
        self.memories: dict[str, Memory] = {}

    def get_core_memory(self, memory: Memory) -> Elaboratable:
        self.memories[memory.config.name] = memory
        m = Module()
        words: Any = AmaranthMemory(
            shape=memory.config.width, depth=memory.config.depth, init=list(memory.init))
        m.submodules.words = words
        write, read = words.write_port(), words.read_port()
        m.d.comb += [
            write.en.eq(memory.write_enable), write.addr.eq(memory.write_address),
            write.data.eq(memory.write_data), read.en.eq(memory.read_enable),
            read.addr.eq(memory.read_address), memory.read_data.eq(read.data),
        ]
        return m


def words_of(raster: npt.NDArray[np.int64], port: InputConfig) -> list[tuple[int, int, int]]:
    """A run as (kind, address, value); of spikes an address several times."""
    words: list[tuple[int, int, int]] = []
    for sample in raster.reshape(*raster.shape[:2], -1):
        for step in sample:
            for address, value in zip(port.addresses.tolist(), step.tolist(), strict=True):
                several = min(1, value) if port.value_bits else value
                words += [(Kind.EVENT, address, value if port.value_bits else 0)] * several
            words.append((Kind.END_OF_STEP, 0, 0))
        words.append((Kind.END_OF_SAMPLE, 0, 0))
    return words


def simulate(mapped: Mapped, inputs: Mapping[str, npt.NDArray[np.int64]]
             ) -> tuple[dict[str, npt.NDArray[np.int64]], dict[str, tuple[int, int]]]:
    """Spikes of all outputs, and (reads, writes) of every memory from the first event to rest."""
    chip, probe = mapped.chip, Probe()
    samples, steps = next(iter(inputs.values())).shape[:2]
    images = {name: [int(word) for word in image] for name, image in mapped.images.items()}
    top = Chip(chip, images)
    simulator = Simulator(Fragment.get(top, probe))  # type: ignore[no-untyped-call]
    simulator.add_clock(1e-6)
    received: dict[str, list[tuple[int, int]]] = {name: [] for name in chip.outputs}
    accesses = {name: [0, 0] for name in probe.memories}
    # Until reset has swept all states; and as long after the last word, till all is at rest.
    settle = 100 + 3 * max(memory.depth for memory in (*chip_memories(chip), *ring_memories(chip)))
    patience = 100_000

    async def send(ctx: Any, port: Any) -> None:
        stream = getattr(top, f"in_{port.name}")
        await ctx.tick().repeat(settle)
        for kind, address, value in words_of(inputs[port.name], port):
            payload = {"kind": kind, "address": address} | ({"value": value} if port.value_bits else {})
            ctx.set(stream.payload, payload)
            ctx.set(stream.valid, 1)
            taken = 0
            while not taken:
                _, _, taken = await ctx.tick().sample(stream.ready)
            ctx.set(stream.valid, 0)

    async def receive(ctx: Any, name: str) -> None:
        stream = getattr(top, f"out_{name}")
        ctx.set(stream.ready, 1)
        ends = 0
        for _ in range(patience):  # a lock-up must end; what is missing is found afterwards
            _, _, valid, word = await ctx.tick().sample(stream.valid, stream.payload)
            if valid:
                received[name].append((int(word.kind), int(word.address)))
                ends += word.kind == Kind.END_OF_SAMPLE
            if ends == samples:
                break
        await ctx.tick().repeat(settle)

    async def watch(ctx: Any) -> None:
        names = list(probe.memories)
        enables = [enable for name in names for enable in (probe.memories[name].read_enable,
                                                            probe.memories[name].write_enable)]
        await ctx.tick().repeat(settle - 1)
        async for _, _, *taken in ctx.tick().sample(*enables):
            for index, name in enumerate(names):
                accesses[name][0] += taken[2 * index]
                accesses[name][1] += taken[2 * index + 1]

    for port in chip.inputs:
        simulator.add_testbench(partial(send, port=port), background=True)
    for name in chip.outputs:
        simulator.add_testbench(partial(receive, name=name))
    simulator.add_testbench(watch, background=True)
    simulator.run()
    rasters = {core.name: np.zeros((samples, steps, core.neurons), np.int64) for core in chip.cores}
    for name, words in received.items():
        sample = step = 0
        neuron_of = {address: neuron for neuron, address in enumerate(chip.core(name).addresses.tolist())}
        for kind, address in words:
            if kind == Kind.EVENT:
                rasters[name][sample, step, neuron_of[address]] += 1
            step = step + 1 if kind == Kind.END_OF_STEP else step
            sample, step = (sample + 1, 0) if kind == Kind.END_OF_SAMPLE else (sample, step)
        assert sample == samples, f"{name} stopped in sample {sample}, step {step}"
    return rasters, {name: (reads, writes) for name, (reads, writes) in accesses.items()}
