"""Single faults to inject: what they are, and how memory faults are drawn."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from spikewright.config import ChipConfig, CoreConfig, identifier, slot_bits
from spikewright.cosim.fault_parts import STATE_KINDS
from spikewright.cosim.mutants import Mutant
from spikewright.cosim.names import state_memories
from spikewright.memories import core_memories
from spikewright.memory import MemoryConfig

__all__ = ["Fault", "contents_faults", "logic_faults", "state_faults"]

Kind = Literal["logic", "contents", "state"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """One fault, there for a whole run; a flipped state bit comes at one moment of it.

    Parameters
    ----------
    where, how
        For people.
    population
        Whose core it sits in; None between cores.
    neurons
        Neurons that it can touch first, where that is known: a divergence must start at one of them.
    memory, word, bit
        The place of a memory fault.
    plusargs
        What tells the simulation.
    """

    kind: Kind
    where: str
    how: str
    population: str | None
    neurons: frozenset[int] | None = None
    memory: str | None = None
    word: int = 0
    bit: int = 0
    plusargs: tuple[str, ...] = ()


def logic_faults(chip: ChipConfig, mutants: Sequence[Mutant]) -> list[Fault]:
    """Faults in the logic, as Yosys put them in."""
    faults = []
    for mutant in mutants:
        instance = [*mutant.module.split("."), ""][1] or mutant.cell
        owner = [core.name for core in chip.cores if instance == f"core_{identifier(core.name)}"]
        faults.append(
            Fault(
                kind="logic",
                where=mutant.where,
                how=mutant.how,
                population=owner[0] if owner else None,
                plusargs=(f"+fault={mutant.number}",),
            )
        )
    return faults


def contents_faults(
    chip: ChipConfig, images: Mapping[str, Any], count: int, random: np.random.Generator
) -> list[Fault]:
    """Single bits flipped in the images: every kind of memory of every core alike, every bit of it alike."""
    groups: dict[tuple[str, str], list[MemoryConfig]] = {}
    for core in chip.cores:
        for memory in core_memories(core):
            if not memory.state:
                what = memory.name.removeprefix(f"{core.name}.").partition(".")[0]
                groups.setdefault((core.name, what), []).append(memory)
    drawn: dict[tuple[str, int, int], Fault] = {}
    keys = list(groups)
    for _ in range(100 * count):
        if len(drawn) == count:
            break
        population, what = keys[int(random.integers(len(keys)))]
        memories = groups[population, what]
        sizes = np.array([memory.depth * memory.width for memory in memories])
        memory = memories[int(random.choice(len(memories), p=sizes / sizes.sum()))]
        word, bit = int(random.integers(len(images[memory.name]))), int(random.integers(memory.width))
        drawn[memory.name, word, bit] = Fault(
            kind="contents",
            where=f"{memory.name}: word {word}, bit {bit}",
            how="flipped",
            population=population,
            neurons=_lane(chip, memory) if what == "rows" else _touched(chip, images, memory.name, word, bit),
            memory=memory.name,
            word=word,
            bit=bit,
        )
    return list(drawn.values())


def _lane(chip: ChipConfig, memory: MemoryConfig) -> frozenset[int]:
    """Neurons of the lane whose row pointers a memory holds: a wrong one may lead to entries of any."""
    core, _, lane = memory.name.rpartition(".rows.")
    placement = chip.core(core).placement
    return frozenset(neuron for neuron in placement[int(lane) :: chip.core(core).lanes] if neuron >= 0)


def _touched(
    chip: ChipConfig, images: Mapping[str, Any], memory: str, word: int, bit: int
) -> frozenset[int] | None:
    """Neurons whose weights or levels differ with a bit flipped; None where the image makes no sense then."""
    from spikewright.compiler.unpack import unpack_edges, unpack_levels

    faulty = flipped(images, memory, word, bit)
    try:
        before, after = (unpack_edges(chip, dict(contents)) for contents in (images, faulty))
        levels, changed = (unpack_levels(chip, dict(contents)) for contents in (images, faulty))
    except (IndexError, ValueError, AssertionError):
        return None
    touched: set[int] = set()
    for edge, other in zip(before, after, strict=True):
        differs = (edge.weights != other.weights).reshape(len(edge.weights), -1).any(axis=1)
        if edge.convolution is not None:  # by channel
            differs = np.repeat(differs, edge.shape[0] // len(differs))
        touched.update(np.flatnonzero(differs).tolist())
    for name, fields in levels.items():
        for field, values in fields.items():
            there = np.array(values) != np.array(changed[name][field])
            touched.update(np.flatnonzero(there).tolist())
    return frozenset(touched) or None


def flipped(images: Mapping[str, Any], memory: str, word: int, bit: int) -> dict[str, Any]:
    """Images with one bit of one word of one memory flipped."""
    words = images[memory].copy()
    words[word] = int(words[word]) ^ (1 << bit)
    return {**images, memory: words}


def state_faults(chip: ChipConfig, pauses: int, count: int, random: np.random.Generator) -> list[Fault]:
    """Bits of state memories that are stuck, or flip once at the end of a step; words of neurons only.

    ``pauses`` is the number of steps that are stepped through, in which a bit can flip.
    """
    places = _state_places(chip)
    kinds = list(STATE_KINDS)
    faults = []
    for index in range(count):
        memory, word, neuron, core = places[int(random.integers(len(places)))]
        config = state_memories(chip)[memory]
        bit, at = int(random.integers(config.width)), int(random.integers(pauses))
        # As many flips as stuck bits.
        how = kinds[0] if index % 2 else kinds[1 + int(random.integers(2))]
        when = f"flips after step {at} of those stepped through" if how == "upset" else how
        faults.append(
            Fault(
                kind="state",
                where=f"{config.name}: word {word}, bit {bit}",
                how=when,
                population=core.name,
                neurons=frozenset({neuron}),
                memory=config.name,
                word=word,
                bit=bit,
                plusargs=(
                    f"+state_fault={STATE_KINDS[how]}",
                    f"+state_memory={memory}",
                    f"+state_word={word}",
                    f"+state_bit={bit}",
                    f"+state_at={at}",
                ),
            )
        )
    return faults


def _state_places(chip: ChipConfig) -> list[tuple[int, int, int, CoreConfig]]:
    """Every word of a state memory that belongs to a neuron: memory, word, neuron, core."""
    index = {memory.name: number for number, memory in enumerate(state_memories(chip))}
    places = []
    for core in chip.cores:
        for place, neuron in enumerate(core.placement):
            if neuron < 0:
                continue
            slot, lane = divmod(place, core.lanes)
            memory = index[f"{core.name}.state.{lane}"]
            places.append((memory, slot, neuron, core))
            if core.holds:
                places.append((memory, (1 << slot_bits(core)) + slot, neuron, core))
    return places
