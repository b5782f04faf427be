"""Energy: counted operations times what each costs in a technology.

Memories cost by their own size and word (:func:`spikewright.memories.core_memories`), a write as much as
a read. Adders and multipliers cost by width:

- an addition of a weight: ``accumulator_bits``; a shift-and-add pass: ``weight_bits + value_bits``;
- a neuron's update: an addition each for held drive and for the comparison (``accumulator_bits``), for
  a reset by subtraction, a decay by shift and a bias (``state_bits``); a multiplication for a decay
  by a factor (``state_bits`` by ``fraction_bits``).

Not modelled, as such a table has no such rows: registers, clock tree, streams between cores, control,
leakage; nor what happens while a core waits.

A technology with macros and calibrated terms (:mod:`spikewright.boards.sram`, ``terms``) has all of that
but clock tree and leakage; small memories are flip-flops there, a part of the terms. Its energy has an error.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from spikewright.boards.activity import Activity, CoreActivity
from spikewright.boards.sram import macro_model
from spikewright.boards.technology import Technology
from spikewright.boards.technology_rows import Row
from spikewright.boards.terms import core_terms, is_macro
from spikewright.config import ChipConfig, CompressedRows, CoreConfig
from spikewright.errors import ConfigError
from spikewright.memories import MemoryConfig, chip_memories, core_memories

__all__ = ["Energy", "Item", "check_activity", "inference_energy"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """One line of the bill of a whole run: ``count`` operations at ``each_pj``."""

    core: str
    kind: Literal["memory", "compute"]
    operation: str
    count: float
    each_pj: float

    @property
    def total_pj(self) -> float:
        """Of the whole run."""
        return self.count * self.each_pj


@dataclass(frozen=True, slots=True, kw_only=True)
class Energy:
    """Energy of a run.

    Parameters
    ----------
    energy_per_inference_nj
        Mean of its samples.
    energy_per_sop_pj
        All energy over the synaptic operations; None where there were none.
    memory_nj, compute_nj
        The two parts of ``energy_per_inference_nj``.
    low_nj, high_nj
        Between which ``energy_per_inference_nj`` lies by the error of a calibrated technology.
    by_core_nj
        ``energy_per_inference_nj`` core by core.
    items
        The whole bill.
    sources
        How the figures came about.
    """

    energy_per_inference_nj: float
    energy_per_sop_pj: float | None
    memory_nj: float
    compute_nj: float
    low_nj: float | None
    high_nj: float | None
    by_core_nj: dict[str, float]
    items: tuple[Item, ...]
    sources: tuple[str, ...]


def inference_energy(chip: ChipConfig, activity: Activity, technology: Technology) -> Energy:
    """Energy of an inference.

    Raises
    ------
    ConfigError
        If the activity is of another chip.
    """
    check_activity(chip, activity)
    if technology.logic is not None and activity.cycles is None:
        raise ConfigError(f"technology {technology.name}: needs clocks, and the activity has none;"
                          " co-simulate again")
    bills = ([*memory_items(core, activity.cores[core.name], technology),
              *logic_items(chip, core, activity, technology)] for core in chip.cores)
    items = tuple(item for bill in bills for item in bill if item.count)
    total_pj = sum(item.total_pj for item in items)
    memory_pj = sum(item.total_pj for item in items if item.kind == "memory")
    operations = activity.synaptic_operations
    error = None if technology.logic is None else technology.logic.error
    low, high = ((memory_pj + bound * (total_pj - memory_pj)) / activity.samples / 1000
                 for bound in ((error.low, error.high) if error else (1.0, 1.0)))
    return Energy(
        energy_per_inference_nj=total_pj / activity.samples / 1000,
        energy_per_sop_pj=total_pj / operations if operations else None,
        memory_nj=memory_pj / activity.samples / 1000,
        compute_nj=(total_pj - memory_pj) / activity.samples / 1000,
        low_nj=low if error else None,
        high_nj=high if error else None,
        by_core_nj={
            core.name: sum(item.total_pj for item in items
                           if item.core == core.name) / 1000 / activity.samples
            for core in chip.cores
        },
        items=items,
        sources=energy_sources(chip, activity, technology),
    )


def check_activity(chip: ChipConfig, activity: Activity) -> None:
    """Refuse activity of another chip."""
    if list(activity.cores) != [core.name for core in chip.cores]:
        raise ConfigError(f"activity is of cores {', '.join(activity.cores)}, the chip has"
                          f" {', '.join(core.name for core in chip.cores)}; co-simulate again")
    for core in chip.cores:
        counted = activity.cores[core.name]
        if (counted.row_words and not isinstance(core.rows, CompressedRows)) or (
                counted.parameter_words and not core.parameters):
            raise ConfigError(f"activity of core {core.name!r}: counts accesses to memories that it has not;"
                              " co-simulate again")


def memory_items(core: CoreConfig, activity: CoreActivity, technology: Technology) -> Iterator[Item]:
    """Accesses to the memories of one core."""
    memories = {}
    for config in core_memories(core):  # the lanes' memories are alike
        memories[config.name.removeprefix(f"{core.name}.").partition(".")[0]] = config
    weights = "entries" if "entries" in memories else "weights"
    for operation, memory, count in (
        ("weight read", weights, activity.weight_words),
        ("row read", "rows", activity.row_words),
        ("parameter read", "parameters", activity.parameter_words),
        ("state read", "state", activity.state_reads),
        ("state write", "state", activity.state_writes),
    ):
        if count and (technology.srams is None or is_macro(memories[memory])):
            each_pj = access_pj(technology, memories[memory], write=operation.endswith("write"))
            yield Item(core=core.name, kind="memory", operation=operation, count=count, each_pj=each_pj)


def access_pj(technology: Technology, memory: MemoryConfig, *, write: bool) -> float:
    """Energy of one access."""
    if technology.srams is None:
        return technology.memory_pj(depth=memory.depth, width=memory.width)
    name = "write_pj" if write else "read_pj"
    return macro_model(technology).figure(name, depth=memory.depth, width=memory.width)


def logic_items(chip: ChipConfig, core: CoreConfig, activity: Activity, technology: Technology
                ) -> Iterator[Item]:
    """Logic of one core: calibrated terms, or its adders and multipliers."""
    if technology.logic is not None:
        counts = core_terms(chip, core, activity)
        for term in technology.logic.terms:
            yield Item(core=core.name, kind="compute", operation=term.term, count=counts[term.term],
                       each_pj=term.energy_pj)
        return
    counted = activity.cores[core.name]
    neuron, updates = core.neuron, counted.neuron_updates
    for operation, count, each_pj in (
        ("weight addition", counted.additions, technology.add_pj(core.accumulator_bits)),
        ("multiply pass", counted.multiply_passes, technology.add_pj(core.weight_bits + core.value_bits)),
        ("update addition", updates * (core.holds + neuron.fires), technology.add_pj(core.accumulator_bits)),
        ("update addition", updates * state_additions(core), technology.add_pj(neuron.state_bits)),
    ):
        yield Item(core=core.name, kind="compute", operation=operation, count=count, each_pj=each_pj)
    if neuron.decay.kind == "multiply" and neuron.decay.fraction_bits:
        yield Item(core=core.name, kind="compute", operation="decay multiplication", count=updates,
                   each_pj=technology.multiply_pj(neuron.state_bits, neuron.decay.fraction_bits))


def state_additions(core: CoreConfig) -> int:
    """Additions of ``state_bits`` in an update: reset by subtraction, decay by shift, bias."""
    neuron = core.neuron
    biased = any(neuron.bias) or any(parameter.name == "bias" for parameter in core.parameters)
    return (neuron.fires and neuron.reset == "subtract") + (neuron.decay.kind == "shift") + biased


def energy_sources(chip: ChipConfig, activity: Activity, technology: Technology) -> tuple[str, ...]:
    """Where the figures come from."""
    logic = technology.logic
    rows: list[Row] = [technology.supply, *(technology.adders or ()), *technology.multipliers,
                       *(technology.memories or ()), *(technology.srams or ())]
    if logic is not None:
        rows += [*logic.terms, logic.error]
    return (
        f"operations: counted from the spikes of {activity.samples} samples of {activity.steps} steps",
        f"energy of an operation: {'; '.join(dict.fromkeys(row.source for row in rows))}",
        *(table_sources(chip, technology) if logic is None else ()),
        *(macro_sources(chip, technology) if technology.srams is not None else ()),
        "energy: modelled, counted operations times energy of each; without registers, clock tree, links,"
        " control, idling and leakage" if logic is None else
        "energy: modelled, counted operations times energy of each, calibrated on gate-level runs; without"
        f" clock tree, glitches and leakage; logic measured {logic.error.low:g} to {logic.error.high:g} times"
        f" modelled on {logic.error.designs} designs, each left out of its own calibration",
    )


def table_sources(chip: ChipConfig, technology: Technology) -> Iterator[str]:
    """What is between and beyond the rows of a table."""
    yield ("widths and sizes between the table's rows: modelled; adders linear in their width, multipliers a"
           " power law of it, memories in proportion to the word and by a power law of the capacity (its"
           " square root below the smallest row), a write as much as a read")
    if technology.memories is not None:
        sizes = [memory.depth * memory.width / 8 for memory in chip_memories(chip)]
        smallest, largest = technology.memories[0].bytes, technology.memories[-1].bytes
        outside = sum(not smallest <= size <= largest for size in sizes)
        yield (f"memories: of {min(sizes):.0f} to {max(sizes):.0f} bytes; {outside} of {len(sizes)} lie"
               f" outside the table's {smallest} to {largest}, their energies are extrapolated")


def macro_sources(chip: ChipConfig, technology: Technology) -> Iterator[str]:
    """What is between and beyond the published macros."""
    model, rows = macro_model(technology), technology.srams or ()
    macros = [memory for memory in chip_memories(chip) if is_macro(memory)]
    flops = len(chip_memories(chip)) - len(macros)
    bits = [row.words * row.word_bits for row in rows]
    outside = sum(not min(bits) <= memory.depth * memory.width <= max(bits) for memory in macros)
    yield (f"memories: modelled, {len(macros)} SRAM macros by power laws in words and bits through"
           f" {len(rows)} published ones (energies within {100 * (model.worst['read_pj'] - 1):.0f} % of"
           f" each), never shallower than {model.words} words; {outside} lie outside the published"
           f" {min(bits)} to {max(bits)} bits; {flops} small memories are flip-flops")
