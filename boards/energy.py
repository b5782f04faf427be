"""Energy: counted operations times what each costs in a technology.

Memories cost by their own size and word (:func:`spikewright.memories.core_memories`), a write as much as
a read. Adders and multipliers cost by width:

- an addition of a weight: ``accumulator_bits``; a shift-and-add pass: ``weight_bits + value_bits``;
- a neuron's update: an addition each for held drive and for the comparison (``accumulator_bits``), for
  a reset by subtraction, a decay by shift and a bias (``state_bits``); a multiplication for a decay
  by a factor (``state_bits`` by ``fraction_bits``).

Not modelled, as the technology's table has no such rows: registers, clock tree, streams between cores,
control, leakage; nor what happens while a core waits.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from spikewright.boards.activity import Activity, CoreActivity
from spikewright.boards.technology import Technology
from spikewright.config import ChipConfig, CompressedRows, CoreConfig
from spikewright.errors import ConfigError
from spikewright.memories import chip_memories, core_memories

__all__ = ["Energy", "Item", "check_activity", "inference_energy"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """One line of the bill of a whole run: ``count`` operations at ``each_pj``."""

    core: str
    kind: Literal["memory", "compute"]
    operation: str
    count: int
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
    bills = (core_items(core, activity.cores[core.name], technology) for core in chip.cores)
    items = tuple(item for bill in bills for item in bill if item.count)
    total_pj = sum(item.total_pj for item in items)
    memory_pj = sum(item.total_pj for item in items if item.kind == "memory")
    operations = activity.synaptic_operations
    return Energy(
        energy_per_inference_nj=total_pj / activity.samples / 1000,
        energy_per_sop_pj=total_pj / operations if operations else None,
        memory_nj=memory_pj / activity.samples / 1000,
        compute_nj=(total_pj - memory_pj) / activity.samples / 1000,
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


def core_items(core: CoreConfig, activity: CoreActivity, technology: Technology) -> Iterator[Item]:
    """The bill of one core."""
    access_pj = {}
    for config in core_memories(core):  # the lanes' memories are alike
        kind = config.name.removeprefix(f"{core.name}.").partition(".")[0]
        access_pj[kind] = technology.memory_pj(depth=config.depth, width=config.width)
    weights = "entries" if "entries" in access_pj else "weights"
    for operation, memory, count in (
        ("weight read", weights, activity.weight_words),
        ("row read", "rows", activity.row_words),
        ("parameter read", "parameters", activity.parameter_words),
        ("state read", "state", activity.state_reads),
        ("state write", "state", activity.state_writes),
    ):
        if count:
            each_pj = access_pj[memory]
            yield Item(core=core.name, kind="memory", operation=operation, count=count, each_pj=each_pj)
    neuron, updates = core.neuron, activity.neuron_updates
    for operation, count, each_pj in (
        ("weight addition", activity.additions, technology.add_pj(core.accumulator_bits)),
        ("multiply pass", activity.multiply_passes, technology.add_pj(core.weight_bits + core.value_bits)),
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
    rows = [technology.supply, *technology.adders, *technology.multipliers, *technology.memories]
    sizes = [memory.depth * memory.width / 8 for memory in chip_memories(chip)]
    smallest, largest = technology.memories[0].bytes, technology.memories[-1].bytes
    outside = sum(not smallest <= size <= largest for size in sizes)
    return (
        f"operations: counted from the spikes of {activity.samples} samples of {activity.steps} steps",
        f"energy of an operation: {'; '.join(dict.fromkeys(row.source for row in rows))}",
        "widths and sizes between the table's rows: modelled; adders linear in their width, multipliers a"
        " power law of it, memories in proportion to the word and by a power law of the capacity (its square"
        " root below the smallest row), a write as much as a read",
        f"memories: of {min(sizes):.0f} to {max(sizes):.0f} bytes; {outside} of {len(sizes)} lie outside the"
        f" table's {smallest} to {largest}, their energies are extrapolated",
        "energy: modelled, counted operations times energy of each; without registers, clock tree, links,"
        " control, idling and leakage",
    )
