"""Addresses in the plane before synthesis: tables of rows and of kernels, walks over kernels, places."""

from collections.abc import Sequence

from spikewright.boards.area.adders import product_columns
from spikewright.boards.area.tables import table_luts
from spikewright.config import CoreConfig, PortConfig, slot_bits
from spikewright.convolution import Convolution
from spikewright.fixed import unsigned_bits
from spikewright.rtl.kernels import walk_steps
from spikewright.rtl.planes import TABLE

__all__ = ["kernel_adders", "kernel_terms", "place_terms", "plane_row_terms", "row_adders"]

Words = Sequence[int]


def width_of(words: Words) -> int:
    """Bits of a table that vary with its address."""
    return 0 if len(set(words)) == 1 else max(words).bit_length()


def added(tables: Sequence[Words]) -> dict[str, float]:
    """Tables whose words are added up: their logic, and columns in which three meet."""
    widths = sorted(width_of(words) for words in tables)
    return {"tables": sum(table_luts(words, last=True) for words in tables),
            "plane columns": widths[-3] if len(widths) > 2 else 0}


def scaled_words(constant: int, count: int) -> tuple[list[int], float]:
    """``value * constant`` of values below ``count``, as a table or as adders: its words, columns to add."""
    if count <= TABLE:
        return [value * constant for value in range(count)], 0
    bits = (count - 1).bit_length()
    return [0], sum(product_columns(constant, bits, bits + constant.bit_length()))


def plane_row_terms(port: PortConfig) -> dict[str, float]:
    """The row of dense or compressed rows that an address in the plane has."""
    assert port.plane is not None
    (channels, height, width), (down, across) = port.plane.shape, port.pool
    rows, columns = height // down, width // across
    channel, more = scaled_words(rows * columns, channels)
    terms = added([channel, [y // down % rows * columns for y in range(height)],
                   [x // across % columns for x in range(width)]])
    terms["plane columns"] += more
    terms["tables"] += table_luts([int(y < rows * down) for y in range(height)], last=True)
    terms["tables"] += table_luts([int(x < columns * across) for x in range(width)], last=True)
    return terms


def kernel_terms(core: CoreConfig) -> dict[str, float]:
    """The walker of kernel rows, without its memories."""
    shapes = [port.convolution for port in core.ports if port.convolution is not None]
    slot, address = slot_bits(core), unsigned_bits(core.weight_words - 1)
    terms: dict[str, float] = {"kernels": 1, "kernel port choice": 0, "dense value": core.value_bits}
    left = [0, 0, 0]
    for shape in shapes:
        counts, tables = port_tables(shape, core.lanes)
        for name, amount in tables.items():
            terms[name] = terms.get(name, 0) + amount
        left = [max(most, max(count).bit_length()) for most, count in zip(left, counts, strict=True)]
    moves = [bits > 0 for bits in left]
    terms |= {
        "kernel place": (slot + address) * any(moves),
        "kernel words": (slot + address) * moves[0], "kernel columns": (slot + address) * moves[1],
        "kernel rows": (slot + address) * moves[2], "kernel left": sum(left),
        "kernel steps": step_luts(shapes, core.lanes, left[0], slot, address),
        "kernel port choice": (len(shapes) - 1) * (slot + address + sum(left))}
    return terms


def port_tables(shape: Convolution, lanes: int) -> tuple[list[Words], dict[str, float]]:
    """Words, columns and rows to walk after the first of each; and the tables of a port's look-up."""
    (_, height, width), words = shape.target, shape.group_words(lanes)
    rows, columns = shape.taps(0), shape.taps(1)
    reached = [shape.words(channel, lanes) for channel in range(shape.source[0])]
    channel, more = scaled_words(shape.size[0] * shape.size[1] * words, shape.source[0])
    slot = added([(rows.target * width).tolist(), columns.target.tolist(),
                  [word.start * height * width for word in reached]])
    address = added([(rows.tap * shape.size[1] * words).tolist(), (columns.tap * words).tolist(), channel])
    counts = [[len(word) - 1 for word in reached], (columns.count - 1).clip(0).tolist(),
              (rows.count - 1).clip(0).tolist()]
    reaches = [(rows.count > 0).astype(int).tolist(), (columns.count > 0).astype(int).tolist()]
    others = sum(table_luts(table, last=True) for table in (*counts, *reaches))
    return counts, {"tables": slot["tables"] + address["tables"] + others,
                    "plane columns": slot["plane columns"] + address["plane columns"] + more}


def step_luts(shapes: Sequence[Convolution], lanes: int, word_bits: int, slot: int, address: int) -> float:
    """Choices of what slot and address of weights grow by."""
    luts = 0
    each = [walk_steps(shape, lanes, more) for shape in shapes for more in range(1 << word_bits)]
    for what, bits in enumerate((slot, address)):
        for axis in range(3):
            luts += table_luts([steps[what][axis] % (1 << bits) for steps in each], last=True)
        word, column, _ = each[0][what]
        luts += ((word ^ column) % (1 << bits)).bit_count() if word_bits else 0
    return luts


def row_adders(port: PortConfig) -> list[int]:
    """Widths of the adders of the row that an address in the plane has."""
    assert port.plane is not None
    (channels, height, width), (down, across) = port.plane.shape, port.pool
    terms = [channels > 1, height // down > 1, width // across > 1, port.first_row > 0]
    return [(port.addresses - 1).bit_length()] * max(0, sum(terms) - 1)


def kernel_adders(core: CoreConfig) -> list[int]:
    """Widths of the adders of the walker of kernel rows: look-ups, places, what is left of a walk."""
    slot, address = slot_bits(core), unsigned_bits(core.weight_words - 1)
    widths: list[int] = []
    for port in core.ports:
        if port.convolution is not None:
            channels, height, width = port.convolution.source
            down, across = port.convolution.size
            words = len(port.convolution.words(0, core.lanes)) < -(-port.convolution.target[0] // core.lanes)
            reached = (height > 1) + (width > 1) + words
            read = (channels > 1) + (down > 1) + (across > 1) + (port.first_row > 0)
            widths += [slot] * max(0, reached - 1) + [address] * max(0, read - 1)
    return [*widths, slot, address, slot, address]


def place_terms(core: CoreConfig) -> dict[str, float]:
    """Counters of x, y and word in the emitter of a core in the plane."""
    if core.plane is None:
        return {}
    _, height, width = core.plane.shape
    counters = [(count - 1).bit_length() for count in (width, height, core.plane.words)]
    return {"place": sum(counters), "places": sum(bits > 0 for bits in counters)}
