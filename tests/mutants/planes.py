"""Mutants of convolutions and delays: kernels, addresses in the plane, rings."""

from tests.mutants.mutant import Mutant

__all__ = ["MUTANTS"]

KERNELS = "rtl/kernels.py"
PLANES = "rtl/planes.py"
RING = "rtl/ring.py"
INTAKE = "rtl/intake.py"

EVERY_EVENT = "rtl/test_kernels.py::test_every_event_adds_its_column_of_the_matrix[9-1.0]"
ROW = "rtl/test_planes.py::test_row_of_every_source[0-shape2-2-pool2]"
REST = "rtl/test_planes.py::test_row_of_every_source[0-shape6-4-pool6]"
SPIKES = "rtl/test_planes.py::test_spikes_carry_addresses_in_the_plane[0.5-shape4-2]"
LOOP = "rtl/test_intake_cycles.py::test_every_event_of_a_step_then_its_token[0.0-1.0-1.0-loop]"
STEP = "rtl/test_ring.py::test_every_event_comes_in_its_step[1.0-1.0-words]"

MUTANTS = [
    Mutant("kernel-tap-order", KERNELS, "taps go up where targets do",
           "-columns.tap_step * words - more", "columns.tap_step * words - more", EVERY_EVENT),
    Mutant("kernel-last-row", KERNELS, "the walk ends with its first row",
           "last.eq(last_column & (rows_left == 0))", "last.eq(last_column)", EVERY_EVENT),
    Mutant("kernel-out-of-reach", KERNELS, "an event that reaches nothing along x is walked",
           "& table(event.x, (columns.count > 0).astype(int).tolist())", "& Const(1, 1)",
           "rtl/test_kernels.py::test_an_event_that_reaches_nothing_takes_no_cycle_while_another_is_walked"),
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
           "wrapped.eq(Mux(total >= depth, total - depth, total))", "wrapped.eq(total)",
           "rtl/test_ring.py::test_every_event_comes_in_its_step[1.0-1.0-each]"),
    Mutant("ring-restart", RING, "a sample that ends in the middle of a turn leaves the slots apart",
           "with m.If(restarts):", "with m.If(0):", STEP),
    Mutant("ring-uncleared", RING, "a sample's end leaves events in their slots",
           "m.d.comb += [memory.write_enable.eq(1), memory.write_address.eq(place), turns.eq(1)]",
           "m.d.comb += [memory.write_address.eq(place), turns.eq(1)]", STEP),
    Mutant("ring-no-first-step", RING, "a ring that leads begins with the events of its source's first step",
           'm.next = "GIVE" if ring.leads else "TAKE"', 'm.next = "TAKE"',
           "rtl/test_ring.py::test_the_first_step_of_a_ring_that_leads_waits_for_nothing"),
    Mutant("ring-one-event-a-word", RING, "of a word only the first event goes out",
           "return field, rest & (rest - 1)", "return field, rest & 0", STEP),

    Mutant("loop-too-early", INTAKE, "events of a loop are added before their step begins",
           "source.valid & (source.payload.kind != Kind.END_OF_SAMPLE) for source in forward)).any())",
           "source.valid for source in forward)).any())",
           "rtl/test_intake_cycles.py::test_no_event_of_a_loop_before_its_step_begins[loop]"),
    Mutant("loop-begun-for-ever", INTAKE, "once a step has begun, all have",
           "begun.eq(begins & ~self.take)", "begun.eq(begins)",
           "rtl/test_intake_cycles.py::test_no_event_of_a_loop_before_its_step_begins[loop]"),
    Mutant("loop-not-dropped", INTAKE, "what a loop brings too early is of the next sample",
           "m.d.sync += dropping.eq(1)", "m.d.sync += dropping.eq(0)", LOOP),
    Mutant("loop-dropped-for-ever", INTAKE, "a loop brings nothing after the first sample",
           "m.d.sync += dropping.eq(0)", "m.d.sync += dropping.eq(1)", LOOP),
    Mutant("loop-two-ends", INTAKE, "a sample's end is taken while the last one's words are dropped",
           "Cat(*ends).all() & ~Cat(*drops).any()", "Cat(*ends).all()", LOOP),
    Mutant("loop-end-waits", INTAKE, "a sample's end waits for that of the loop, which waits for it",
           "Mux(kind == Kind.END_OF_SAMPLE, Cat(*ends).all() & ~Cat(*drops).any(), brought)",
           "brought", LOOP),
    Mutant("loop-rests", INTAKE, "an event of a loop that reaches nothing is never taken",
           "open_ports[index] & Mux(is_event[index], passes,",
           "open_ports[index] & Mux(has_event[index], passes,",
           "rtl/test_intake_cycles.py::test_sources_of_a_loop_that_reach_nothing_are_passed_over"),
    Mutant("pace-adds", INTAKE, "events that only pace wait for the walkers",
           "passes: Any = self.enable", "passes: Any = self.enable & joined.ready",
           "rtl/test_intake_cycles.py::test_events_of_a_port_that_paces_are_taken_at_once"),
]
