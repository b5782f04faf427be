"""Energy of an encoder of sound: its counted operations times what each costs in a technology."""

from collections.abc import Iterator

from spikewright.boards.activity import Activity
from spikewright.boards.energy_items import Item, access_pj
from spikewright.boards.technology import Technology
from spikewright.boards.technology_rows import TERMS
from spikewright.boards.terms import is_macro
from spikewright.config import ChipConfig, InputConfig
from spikewright.filterbank import FilterBankConfig
from spikewright.filterbank_tables import filterbank_tables
from spikewright.memories import encoder_layout, encoder_memories
from spikewright.memory import MemoryConfig

__all__ = ["encoder_items", "encoder_terms", "encoder_widths"]

GAIN_BITS = 8


def encoder_items(chip: ChipConfig, port: InputConfig, activity: Activity, technology: Technology
                  ) -> Iterator[Item]:
    """Accesses to the memories of an input's encoder, and its logic."""
    counted = activity.encoders[port.name]
    memories = named_memories(port)
    for what, counts in (("read", counted.reads), ("write", counted.writes)):
        for name, count in counts.items():
            if technology.srams is None or is_macro(memories[name]):
                each_pj = access_pj(technology, memories[name], write=what == "write")
                yield Item(core=port.name, kind="memory", operation=f"{name} {what}", count=count,
                           each_pj=each_pj)
    if technology.logic is not None:
        terms = encoder_terms(chip, port, activity)
        for term in technology.logic.terms:
            yield Item(core=port.name, kind="compute", operation=term.term, count=terms[term.term],
                       each_pj=term.energy_pj)
        return
    widths = encoder_widths(port)
    for operation, count in counted.operations.items():
        bits = widths[operation]
        each_pj = technology.multiply_pj(*bits) if len(bits) == 2 else technology.add_pj(*bits)
        yield Item(core=port.name, kind="compute", operation=operation, count=count, each_pj=each_pj)


def named_memories(port: InputConfig) -> dict[str, MemoryConfig]:
    """Memories by their name without the input's; of several banks the first, which is full."""
    memories: dict[str, MemoryConfig] = {}
    for memory in encoder_memories(port):
        memories.setdefault(memory.name.removeprefix(f"{port.name}.").partition(".")[0], memory)
    return memories


def encoder_widths(port: InputConfig) -> dict[str, tuple[int, ...]]:
    """Bits of the operands of every operation: of two of a multiplication, else of an addition."""
    if isinstance(port.encoder, FilterBankConfig):
        config = port.encoder
        return {
            "section multiplication": (config.state_bits, config.coefficient_bits),
            "section addition": (config.state_bits + config.fraction_bits,),
            "neuron addition": (filterbank_tables(config).sum_bits,),
        }
    layout = encoder_layout(port)
    spikes, residual = layout.config, layout.config.pcm_bits + 1
    total = spikes.correlation_bits + layout.fraction_bits + 1
    return {
        "correlation multiplication": (spikes.kernel_bits, residual),
        "correlation addition": (total,),
        "score comparison": (spikes.correlation_bits,),
        "weighing multiplication": (spikes.correlation_bits, GAIN_BITS),
        "choice comparison": (spikes.correlation_bits + GAIN_BITS,),
        "level comparison": (spikes.correlation_bits,),
        "removal multiplication": (spikes.correlation_bits, spikes.kernel_bits),
        "removal addition": (residual + max(0, layout.residual_fraction_bits),),
        "change multiplication": (spikes.correlation_bits, spikes.gram_bits),
        "change addition": (total,),
    }


def encoder_terms(chip: ChipConfig, port: InputConfig, activity: Activity) -> dict[str, float]:
    """What calibrated logic energy is made of (:mod:`spikewright.boards.terms`), of an encoder.

    A lane is a sum and the operands of its multiplier; additions and multiplications by their widths.
    """
    assert port.encoder is not None
    counted, widths, cycles = activity.encoders[port.name], encoder_widths(port), activity.cycles or 0
    lanes = port.encoder_lanes or 1
    products = {operation: bits for operation, bits in widths.items() if len(bits) == 2}
    sums = {operation: bits[0] for operation, bits in widths.items() if len(bits) == 1}
    flops = sum(memory.width * (1 + memory.depth * (memory.state or chip.contents == "bus"))
                for memory in encoder_memories(port) if not is_macro(memory))
    words = port.source_word.width + port.word.width
    terms: dict[str, float] = {
        **dict.fromkeys(TERMS, 0.0),
        "lane_cycles": float(cycles * lanes * max(sums.values())),
        "flop_cycles": float(cycles * flops),
        "port_cycles": float(cycles * words),
        "multiplier_cycles": float(cycles * lanes * max(map(sum, products.values()))),
        "additions": float(sum(counted.operations.get(name, 0) * bits for name, bits in sums.items())),
        "multiplications": float(sum(counted.operations.get(name, 0) * bits[0] * bits[1]
                                     for name, bits in products.items())),
        "events": float(counted.samples * port.source_word.width + counted.spikes * port.word.width),
    }
    return terms
