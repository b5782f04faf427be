"""Where the figures of an energy come from, in lines for people."""

from collections.abc import Iterator

from spikewright.boards.activity import Activity
from spikewright.boards.sram import macro_model
from spikewright.boards.technology import Technology
from spikewright.boards.technology_rows import Row
from spikewright.boards.terms import is_macro
from spikewright.config import ChipConfig
from spikewright.memories import chip_memories
from spikewright.memory import MemoryConfig
from spikewright.rings import ring_memories

__all__ = ["energy_sources"]


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
        *(encoder_sources(activity) if activity.encoders and logic is not None else ()),
        "energy: modelled, counted operations times energy of each; without registers, clock tree, links,"
        " control, idling and leakage" if logic is None else
        "energy: modelled, counted operations times energy of each, calibrated on gate-level runs; without"
        f" clock tree, glitches and leakage; logic measured {logic.error.low:g} to {logic.error.high:g} times"
        f" modelled on {logic.error.designs} designs, each left out of its own calibration",
    )


def encoder_sources(activity: Activity) -> Iterator[str]:
    """What terms that were calibrated on cores say of encoders."""
    yield (f"encoders of {', '.join(activity.encoders)}: by the same terms, which were calibrated on cores of"
           " neurons only; their error is not known")


def table_sources(chip: ChipConfig, technology: Technology) -> Iterator[str]:
    """What is between and beyond the rows of a table."""
    yield ("widths and sizes between the table's rows: modelled; adders linear in their width, multipliers a"
           " power law of it, memories in proportion to the word and by a power law of the capacity (its"
           " square root below the smallest row), a write as much as a read")
    if technology.memories is not None:
        sizes = [memory.depth * memory.width / 8 for memory in all_memories(chip)]
        smallest, largest = technology.memories[0].bytes, technology.memories[-1].bytes
        outside = sum(not smallest <= size <= largest for size in sizes)
        yield (f"memories: of {min(sizes):.0f} to {max(sizes):.0f} bytes; {outside} of {len(sizes)} lie"
               f" outside the table's {smallest} to {largest}, their energies are extrapolated")


def all_memories(chip: ChipConfig) -> tuple[MemoryConfig, ...]:
    """Memories of cores, and rings."""
    return (*chip_memories(chip), *ring_memories(chip))


def macro_sources(chip: ChipConfig, technology: Technology) -> Iterator[str]:
    """What is between and beyond the published macros."""
    model, rows = macro_model(technology), technology.srams or ()
    macros = [memory for memory in all_memories(chip) if is_macro(memory)]
    flops = len(all_memories(chip)) - len(macros)
    bits = [row.words * row.word_bits for row in rows]
    outside = sum(not min(bits) <= memory.depth * memory.width <= max(bits) for memory in macros)
    yield (f"memories: modelled, {len(macros)} SRAM macros by power laws in words and bits through"
           f" {len(rows)} published ones (energies within {100 * (model.worst['read_pj'] - 1):.0f} % of"
           f" each), never shallower than {model.words} words; {outside} lie outside the published"
           f" {min(bits)} to {max(bits)} bits; {flops} small memories are flip-flops")
