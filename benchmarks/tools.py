"""How fast the tools are: compiling 784-128-10, the integer model on 40-128-10, co-simulating 64-32-10.

Prints one row a measurement, the median of several runs. Times of one run on one machine: compare rows of the
same run with each other, not with another machine's.
"""

import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch

from spikewright.compiler.images import write_images
from spikewright.compiler.mapping import map_network
from spikewright.cosim.run import cosimulate
from spikewright.cosim.stimulus import bernoulli
from spikewright.models.integer import IntegerModel
from spikewright.network import Edge, InputPort, IntegerNetwork, Population
from spikewright.neuron import Decay, NeuronConfig
from spikewright.rtl.verilog import write_chip

LIF = NeuronConfig(state_bits=12, decay=Decay(kind="shift", shift=3), compare=(64,), reset_amount=(64,))


def dense(*sizes: int, bits: int) -> IntegerNetwork:
    """A dense feed-forward network with random weights."""
    rng = np.random.default_rng(0)
    top = (1 << (bits - 1)) - 1
    names = ["input", *(f"layer{index}" for index in range(1, len(sizes)))]
    return IntegerNetwork(
        name="bench",
        inputs=(InputPort(name="input", shape=(sizes[0],)),),
        populations=tuple(
            Population(name=name, size=n, neuron=LIF) for name, n in zip(names[1:], sizes[1:], strict=True)
        ),
        edges=tuple(
            Edge(
                source=names[i],
                target=names[i + 1],
                weights=rng.integers(-top, top + 1, (sizes[i + 1], sizes[i])),
            )
            for i in range(len(sizes) - 1)
        ),
        outputs=(names[-1],),
        weight_bits=bits,
    )


def median_seconds(action: Callable[[], object], runs: int = 5) -> float:
    """Median over some runs, after one that is not counted."""
    action()
    times = []
    for _ in range(runs):
        started = time.perf_counter()
        action()
        times.append(time.perf_counter() - started)
    return statistics.median(times)


def compile_speed(folder: Path) -> None:
    """Map, write memory images and Verilog of 784-128-10."""
    network = dense(784, 128, 10, bits=8)

    def action() -> None:
        mapped = map_network(network)
        write_images(mapped.chip, mapped.images, folder / "memory")
        write_chip(mapped.chip, folder / "rtl")

    print(f"map 784-128-10, write images and Verilog    {median_seconds(action):8.2f} s")


def model_speed() -> None:
    """The integer model on 40-128-10 at 10 % input, on one thread."""
    torch.set_num_threads(1)
    model = IntegerModel(dense(40, 128, 10, bits=8))
    for batch in (256, 1):
        x = bernoulli((40,), probability=0.1, samples=batch, steps=100, seed=1)
        seconds = median_seconds(lambda x=x: model.run(x))
        print(f"integer model 40-128-10, batch {batch:<4}         {batch * 100 / seconds:10,.0f} steps/s")


def cosim_speed(folder: Path) -> None:
    """Verilator on 64-32-10 at 10 % input; the build of the simulator apart."""
    network = dense(64, 32, 10, bits=6)
    mapped = map_network(network)
    write_images(mapped.chip, mapped.images, folder / "memory")
    write_chip(mapped.chip, folder / "rtl")
    x = bernoulli((64,), probability=0.1, samples=200, steps=100, seed=1)
    speeds, build = [], 0.0
    for _ in range(3):
        result = cosimulate(
            mapped.chip, network, x, rtl=folder / "rtl", memory=folder / "memory", work=folder / "cosim"
        )
        assert result.comparison.mismatches == 0
        speeds.append(result.steps_per_second)
        build = max(build, result.build_seconds)
    cycles = result.hardware.step_cycles.mean()
    print(
        f"co-simulation 64-32-10, Verilator           {statistics.median(speeds):10,.0f} steps/s"
        f" ({cycles:.1f} cycles a step; build {build:.1f} s)"
    )


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as scratch:
        compile_speed(Path(scratch, "c"))
        model_speed()
        cosim_speed(Path(scratch, "a"))
