"""Walkers of rows before synthesis, and what an event is to a core."""

from spikewright.boards.area.adders import product_columns
from spikewright.boards.area.planes import kernel_terms
from spikewright.config import CompressedRows, CoreConfig, KernelRows, slot_bits
from spikewright.fixed import unsigned_bits
from spikewright.memories import bank_depths
from spikewright.rtl.rows import event_layout

__all__ = ["address_terms", "row_terms"]

Terms = dict[str, float]


def row_terms(core: CoreConfig, lanes: int) -> Terms:
    """Walkers, without their memories; ``lanes``: those that weights feed."""
    if isinstance(core.rows, CompressedRows):
        return compressed_terms(core, core.rows, lanes)
    terms = kernel_terms(core) if isinstance(core.rows, KernelRows) else dense_terms(core)
    banks = len(bank_depths(core.weight_words))
    if banks > 1:
        bits = lanes * core.weight_bits
        terms |= {"banks": bits * (banks - 1), "many banks": bits * max(0, banks - 32), "bank enables": banks}
    return terms


def compressed_terms(core: CoreConfig, rows: CompressedRows, lanes: int) -> Terms:
    """Of every lane a queue, and the look-up and the walk of its own entries."""
    within = rows.offset_bits * (rows.group > 1)
    one: Terms = {
        "walker": 1, "walk": unsigned_bits(rows.entries - 1) + rows.offset_bits, "walk within": within,
        "walk values": core.value_bits > 0, "walk value": core.value_bits,
        "walk forward": slot_bits(core) + core.holds, "walk event": event_layout(core).size}
    return {term: lanes * amount for term, amount in one.items()} | {"idle walker": core.lanes - lanes}


def dense_terms(core: CoreConfig) -> Terms:
    """One for all lanes: the address of a row's first weight, and a slot after the other."""
    address = unsigned_bits(core.weight_words - 1)
    columns = product_columns(core.slots, unsigned_bits(core.total_rows - 1), address)
    terms: Terms = {"dense": 1, "dense slot": slot_bits(core), "dense value": core.value_bits,
                    "dense address": address * (core.slots > 1)}
    return terms | {f"columns of {least}": number for least, number in enumerate(columns, 3)}


def address_terms(core: CoreConfig, *, bus: bool) -> Terms:
    """Choices of the addresses of states: those of compressed rows in every lane, others for all."""
    if core.slots == 1 and not core.holds:
        return {}
    bits = (slot_bits(core) + core.holds) * (core.lanes if isinstance(core.rows, CompressedRows) else 1)
    return {"state address": 2 * bits, "state bus address": bits * bus, "held address": bits * core.holds}
