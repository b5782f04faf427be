"""Mutants of convolutions and delays: kernels, addresses in the plane, rings."""

from tests.mutants.mutant import Mutant

__all__ = ["MUTANTS"]

KERNELS = "rtl/kernels.py"
PLANES = "rtl/planes.py"
RING = "rtl/ring.py"

EVERY_EVENT = "rtl/test_kernels.py::test_every_event_adds_its_column_of_the_matrix[9-1.0]"
ROW = "rtl/test_planes.py::test_row_of_every_source[0-shape2-2-pool2]"
REST = "rtl/test_planes.py::test_row_of_every_source[0-shape6-4-pool6]"
SPIKES = "rtl/test_planes.py::test_spikes_carry_addresses_in_the_plane[0.5-shape4-2]"
STEP = "rtl/test_ring.py::test_every_event_comes_in_its_step[1.0-1.0-words]"

MUTANTS = [
    Mutant("kernel-tap-order", KERNELS, "taps go up where targets do",
           "-columns.tap_step * words - more", "columns.tap_step * words - more", EVERY_EVENT),
    Mutant("kernel-last-row", KERNELS, "the walk ends with its first row",
           "last.eq(last_column & (rows_left == 0))", "last.eq(last_column)", EVERY_EVENT),
    Mutant("kernel-out-of-reach", KERNELS, "an event that reaches nothing along x is walked",
           "& table(event.x, (columns.count > 0).astype(int).tolist())", "& Const(1, 1)", EVERY_EVENT),
    Mutant("kernel-port-rows", KERNELS, "all ports have the kernel of the first",
           "scaled(event.channel, taps * words, len(channels)) + port.first_row",
           "scaled(event.channel, taps * words, len(channels))",
           "rtl/test_kernels.py::test_ports_of_different_geometry[0-1.0]"),

    Mutant("plane-window", PLANES, "sources of a window do not share a row",
           "index // across % columns", "index % columns", ROW),
    Mutant("plane-rest", PLANES, "rests at the end of y have a row",
           "int(index < rows * down)", "1", REST),
    Mutant("plane-carry", PLANES, "y goes up with every x",
           "carry = carry & last", "carry = carry", SPIKES),

    Mutant("ring-not-emptied", RING, "a word that was given comes again a round later",
           """m.d.comb += memory.write_enable.eq(was_read)
                m.d.comb += memory.read_address.eq(place)""",
           "m.d.comb += memory.read_address.eq(place)", STEP),
    Mutant("ring-turn", RING, "a slot beyond the last is not the first again",
           "return Mux(total >= depth, total - depth, total)", "return total", STEP),
    Mutant("ring-one-event-a-word", RING, "of a word only the first event goes out",
           "return field, rest & (rest - 1)", "return field, rest & 0", STEP),
]
