"""A thousand random networks more: hardware equals PyTorch in every spike, read-out and state.

Built without cocotb, and in Icarus where it is installed, which takes a tenth of a second to build where
Verilator takes seconds. One in eight is large, so are its lanes.
"""

import hashlib
import shutil
import tempfile
from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from spikewright.compiler.mapping import map_network
from spikewright.config import CompressedRows, CoreConfig
from spikewright.cosim.simulators import Simulator
from spikewright.errors import ToolError
from spikewright.memories import core_memories
from tests.cosim.builds import write_files
from tests.networks import Case, random_case
from tests.shrink import shrink, tell

SEEDS = range(1000, 2000)
BLOCK = 20
"""Networks of one test."""
SIMULATOR: Simulator = "icarus" if shutil.which("iverilog") else "verilator"

LEVELS = [("shared", "none"), ("shared", "each"), ("constant", "none"), ("constant", "each")]
"""Where levels are shared, and where each neuron has its own, on a chip with a bus."""


def case_of(seed: int) -> Case:
    """The network of a seed: few neurons on few lanes, or as many as random_case likes."""
    if seed % 8 == 0:
        return random_case(seed, steps=8, samples=2)
    case = random_case(seed, largest=16, steps=8, samples=2)
    lanes = case.mapping["lanes"]
    return replace(case, mapping={**case.mapping, "lanes": None if lanes is None else min(lanes, 4)})


def divergence(case: Case, seed: int) -> str | None:
    """How the hardware differs from the model, if it does; everything that there is must be compared."""
    with tempfile.TemporaryDirectory() as folder:
        files = write_files(case.network, Path(folder), case.mapping)
        try:
            found = files.simulate(
                case.x, simulator=SIMULATOR, stall=0.0 if seed % 3 else 0.4, seed=seed
            )  # fmt: skip
        except ToolError as error:  # locked up
            return str(error)
    samples, steps = next(iter(case.x.values())).shape[:2]
    neurons = sum(population.size for population in case.network.populations)
    assert found.places_compared + found.readouts_compared == samples * steps * neurons
    assert found.states_compared >= samples * neurons
    assert found.step_states_compared >= steps * neurons
    return None if found.mismatches == 0 else f"{found.mismatches} mismatches; {found.divergence}"


@pytest.mark.slow
@pytest.mark.parametrize("first", range(SEEDS.start, SEEDS.stop, BLOCK))
def test_networks(first: int) -> None:
    for seed in range(first, first + BLOCK):
        case = case_of(seed)
        found = divergence(case, seed)
        if found:
            small = shrink(case, lambda smaller, seed=seed: bool(divergence(smaller, seed)))  # type: ignore[misc]
            what = divergence(small, seed)
            raise AssertionError(f"seed {seed}: {found}\nmade small: {what}\n{tell(small)}")


def options(core: CoreConfig, case: Case) -> set[object]:
    """What a core is built with, by name, for all of which there is hardware of its own."""
    neuron, bus = core.neuron, case.mapping["contents"]
    ports = {(port.kind, port.value_bits > 0) for port in core.ports}
    made: dict[str, object] = {
        "decay": neuron.decay.kind, "rows": core.rows.kind, "lanes": core.lanes, "contents": bus,
        "reset": (neuron.reset, neuron.reset_when) if neuron.fires else "none",
        "floor": neuron.floor is not None, "bias": any(neuron.bias), "one slot": core.slots == 1,
        "ports": len(core.ports), "ports' kinds": frozenset(ports),
        "places without a neuron": core.neurons < len(core.placement),
        "banks": sum(memory.name.startswith(f"{core.name}.weights") for memory in core_memories(core)),
        "levels": (bus, "shared" if core.levels else "constant", "each" if core.parameters else "none"),
    }  # fmt: skip
    if neuron.fires and neuron.reset == "subtract":
        made["one level"] = (neuron.resets_by_compare, neuron.reset_when, len(neuron.compare) > 1)
    if isinstance(core.rows, CompressedRows):
        made["group"] = core.rows.group
    return set(made.items())


def test_they_cover_the_hardware() -> None:
    """All are different, and together they reach every choice and the pairs that matter."""
    digests, seen = set(), Counter[object]()
    for case in map(case_of, SEEDS):
        content = [edge.weights.tobytes() for edge in case.network.edges]
        digests.add(hashlib.sha256(b"".join([*content, str(case.network.populations).encode()])).hexdigest())
        cores = map_network(case.network, **case.mapping).chip.cores
        seen.update({option for core in cores for option in options(core, case)})
        seen["outputs", len(case.network.outputs) > 1] += 1
        seen["skips", any(len(case.network.edges_to(core.name)) > 1 for core in cores[1:])] += 1
        seen["events", any(np.any(array) for array in case.x.values())] += 1
    assert len(digests) == len(SEEDS)
    assert seen["events", True] > 0.98 * len(SEEDS)
    both, kinds = (False, True), ("drive", "hold")
    wanted: set[object] = {
        *(("decay", kind) for kind in ("none", "shift", "multiply")),
        *(("reset", (how, when)) for how in ("subtract", "set") for when in ("now", "next")),
        *(("one level", (equal, when, each)) for equal in both for when in ("now", "next") for each in both),
        *((name, value) for name in ("floor", "bias", "one slot") for value in both),
        *((name, value) for name in ("places without a neuron", "outputs", "skips") for value in both),
        *(("rows", kind) for kind in ("dense", "compressed")), *(("group", group) for group in (1, 2, 4)),
        *(("lanes", lanes) for lanes in (1, 2, 4, 8, 16)), *(("banks", banks) for banks in (0, 1, 2, 3)),
        *(("ports", count) for count in (1, 2, 3)), ("reset", "none"),
        *(("levels", ("baked", "constant", each)) for each in ("none", "each")),
        *(("levels", ("bus", shared, each)) for shared, each in LEVELS),
        *(("ports' kinds", frozenset({(kind, value)})) for kind in kinds for value in both),
        ("ports' kinds", frozenset({("hold", True), ("drive", False)})),
        ("ports' kinds", frozenset({("hold", False), ("drive", False)})),
        ("ports' kinds", frozenset({("drive", True), ("drive", False)})),
    }  # fmt: skip
    rare = {option: seen[option] for option in wanted if seen[option] < 5}
    assert not rare, f"{rare}; seen {seen}"
