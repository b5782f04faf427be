"""Energy: counted operations times what each costs in a technology.

Memories cost by their own size and word (:func:`spikewright.memories.core_memories`), a write as much as
a read. Adders and multipliers cost by width:

- an addition of a weight: ``accumulator_bits``; a shift-and-add pass: ``weight_bits + value_bits``;
- a neuron's update: an addition each for held drive and for the comparison (``accumulator_bits``), for
  a reset by subtraction, a decay by shift and a bias (``state_bits``); a multiplication for a decay
  by a factor (``state_bits`` by ``fraction_bits``); for a synaptic current the same of its own width, and
  its addition to the potential; where neurons fire several times, an addition a spike.

Not modelled, as such a table has no such rows: registers, clock tree, streams between cores, control,
leakage; nor what happens while a core waits.

A technology with macros and calibrated terms (:mod:`spikewright.boards.sram`, ``terms``) has all of that
but clock tree and leakage; small memories are flip-flops there, a part of the terms. Its energy has an error.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from spikewright.boards.activity import Activity, CoreActivity
from spikewright.boards.encoder_energy import encoder_items
from spikewright.boards.energy_items import Item, access_pj
from spikewright.boards.energy_sources import energy_sources
from spikewright.boards.technology import Technology
from spikewright.boards.terms import core_rings, core_terms, is_macro
from spikewright.config import ChipConfig, CompressedRows, CoreConfig, ParameterName
from spikewright.errors import ConfigError
from spikewright.memories import core_memories
from spikewright.neuron import Current, NeuronConfig

__all__ = ["Energy", "Item", "check_activity", "inference_energy"]


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
        ``energy_per_inference_nj`` core by core, and of the encoder of every input that has one.
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
    bills = [[*memory_items(chip, core, activity.cores[core.name], technology),
              *logic_items(chip, core, activity, technology)] for core in chip.cores]
    encoded = [port for port in chip.inputs if port.encoder is not None]
    bills += [[*encoder_items(chip, port, activity, technology)] for port in encoded]
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
            name: sum(item.total_pj for item in items if item.core == name) / 1000 / activity.samples
            for name in [*(core.name for core in chip.cores), *(port.name for port in encoded)]
        },
        items=items,
        sources=energy_sources(chip, activity, technology),
    )


def check_activity(chip: ChipConfig, activity: Activity) -> None:
    """Refuse activity of another chip."""
    if list(activity.cores) != [core.name for core in chip.cores]:
        raise ConfigError(f"activity is of cores {', '.join(activity.cores)}, the chip has"
                          f" {', '.join(core.name for core in chip.cores)}; co-simulate again")
    if list(activity.encoders) != [port.name for port in chip.inputs if port.encoder is not None]:
        raise ConfigError("activity does not fit the chip's encoders of sound; co-simulate again")
    for core in chip.cores:
        counted = activity.cores[core.name]
        if (counted.row_words and not isinstance(core.rows, CompressedRows)) or (
                counted.parameter_words and not core.parameters) or (
                len(counted.ring_reads) != len(core_rings(chip, core))):
            raise ConfigError(f"activity of core {core.name!r}: counts accesses to memories that it has not;"
                              " co-simulate again")


def memory_items(chip: ChipConfig, core: CoreConfig, activity: CoreActivity, technology: Technology
                 ) -> Iterator[Item]:
    """Accesses to the memories of one core, and of the rings in front of it."""
    memories = {}
    for config in core_memories(core):  # the lanes' memories are alike
        memories[config.name.removeprefix(f"{core.name}.").partition(".")[0]] = config
    weights = "entries" if "entries" in memories else "weights"
    accesses = [(operation, memories[memory], count) for operation, memory, count in (
        ("weight read", weights, activity.weight_words),
        ("row read", "rows", activity.row_words),
        ("parameter read", "parameters", activity.parameter_words),
        ("state read", "state", activity.state_reads),
        ("state write", "state", activity.state_writes),
    ) if count]
    rings = core_rings(chip, core)
    for operation, counts in (("ring read", activity.ring_reads), ("ring write", activity.ring_writes)):
        accesses += [(operation, ring, count) for ring, count in zip(rings, counts, strict=True)]
    for operation, memory, count in accesses:
        if technology.srams is None or is_macro(memory):
            each_pj = access_pj(technology, memory, write=operation.endswith("write"))
            yield Item(core=core.name, kind="memory", operation=operation, count=count, each_pj=each_pj)


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
    again = counted.spikes if neuron.max_spikes > 1 else 0
    operations: list[tuple[str, int, float]] = [
        ("weight addition", counted.additions, technology.add_pj(core.accumulator_bits)),
        ("multiply pass", counted.multiply_passes, technology.add_pj(core.weight_bits + core.value_bits)),
        ("update addition", updates * (core.holds + neuron.fires), technology.add_pj(core.accumulator_bits)),
        ("update addition", updates * (neuron.fires and neuron.reset == "subtract") + again,
         technology.add_pj(neuron.state_bits)),
    ]
    decaying: list[tuple[int, NeuronConfig | Current, ParameterName]] = [(neuron.state_bits, neuron, "bias")]
    if neuron.current is not None:
        decaying.append((neuron.current.bits, neuron.current, "current_bias"))
        operations.append(("update addition", updates, technology.add_pj(neuron.state_bits)))
    for bits, state, bias in decaying:
        biased = any(state.bias) or any(parameter.name == bias for parameter in core.parameters)
        additions = updates * ((state.decay.kind == "shift") + biased)
        operations.append(("update addition", additions, technology.add_pj(bits)))
        if state.decay.kind == "multiply" and state.decay.fraction_bits:
            each_pj = technology.multiply_pj(bits, state.decay.fraction_bits)
            operations.append(("decay multiplication", updates, each_pj))
    for operation, count, each_pj in operations:
        yield Item(core=core.name, kind="compute", operation=operation, count=count, each_pj=each_pj)
