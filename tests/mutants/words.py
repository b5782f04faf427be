"""Mutants of the way out and from core to core, and of what is written as Verilog."""

from tests.mutants.mutant import Mutant

__all__ = ["MUTANTS"]

EMITTER = "rtl/emitter.py"
LINK = "rtl/link.py"
VERILOG = "rtl/verilog.py"
LINK_CELL = "rtl/verilog/spikewright_link.v"
MEMORY_CELL = "rtl/verilog/spikewright_memory.v"

MUTANTS = [
    Mutant("no-neuron-mask", EMITTER, "places without a neuron fire",
           "(1 << core.partial_lanes * bits) - 1", "(1 << core.lanes * bits) - 1",
           "rtl/test_emitter.py::test_spikes_in_order_then_the_token[1.0-1.0-5-2]"),
    Mutant("no-neuron-slot", EMITTER, "neurons of the first slot are silenced",
           "with m.If(partial_place(core, place)):", "with m.If(place == 0):",
           "rtl/test_emitter.py::test_spikes_in_order_then_the_token[1.0-1.0-5-2]"),
    Mutant("spikes-of-a-token", EMITTER, "a token goes out several times",
           "last.eq((rest == 0) & done | (current.kind != Kind.EVENT))", "last.eq((rest == 0) & done)",
           "rtl/test_emitter.py::test_spikes_in_order_then_the_token[1.0-1.0-8-8]"),
    Mutant("emitter-depth", EMITTER, "with all neurons firing the token finds no room",
           "(core.slots - 1).bit_length()) + 1", "(core.slots - 1).bit_length())",
           "rtl/test_emitter.py::test_a_whole_step_and_its_token_find_room[8-8]"),
    Mutant("silent-slots", EMITTER, "slots without a spike fire",
           "self.valid & real.any() | (self.token != 0)", "self.valid | (self.token != 0)",
           "rtl/test_emitter.py::test_spikes_in_order_then_the_token[1.0-1.0-3-1]"),
    Mutant("lane-order", EMITTER, "the highest lane's address goes out for the lowest",
           "for index in reversed(range(core.lanes)):", "for index in range(core.lanes):",
           "rtl/test_emitter.py::test_spikes_in_order_then_the_token[1.0-1.0-8-8]"),
    Mutant("emitter-ready", EMITTER, "a word that waits is lost",
           "queue.r_en.eq(~busy | self.sink.ready & last)", "queue.r_en.eq(~busy | last)",
           "rtl/test_emitter.py::test_spikes_in_order_then_the_token[1.0-0.5-3-1]"),
    Mutant("readout-lanes", EMITTER, "places without a neuron send potentials",
           "core.partial_lanes - 1", "core.lanes - 1",
           "rtl/test_emitter.py::test_potentials_in_order_then_the_token[8-1.0-5-2]"),
    Mutant("readout-pace", EMITTER, "a cycle is lost in every slot",
           "self.empty.eq(~busy | self.sink.ready & last)", "self.empty.eq(~busy)",
           "rtl/test_emitter.py::test_a_potential_a_cycle[3-1]"),
    Mutant("readout-token", EMITTER, "potentials without a token",
           "busy.eq(self.valid | (self.token != 0))", "busy.eq(self.valid)",
           "rtl/test_emitter.py::test_potentials_in_order_then_the_token[8-1.0-3-1]"),

    Mutant("link-ready", LINK, "a link takes words that the sink does not",
           "wiring.connect(m, wiring.flipped(self.source), wiring.flipped(self.sink))",
           "m.d.comb += [self.sink.valid.eq(self.source.valid), self.source.ready.eq(1),"
           " self.sink.payload.eq(self.source.payload)]",
           "rtl/test_link.py::test_link_hands_on_every_word_in_the_cycle_it_comes[1.0-0.5]"),
    Mutant("fork-twice", LINK, "a sink gets a word again while another waits",
           "sink.valid.eq(self.source.valid & ~done)", "sink.valid.eq(self.source.valid)",
           "rtl/test_link.py::test_fork_gives_every_word_to_every_way_once[1.0-0.5-2]"),
    Mutant("fork-served", LINK, "a word after one that all took is not shown",
           "done.eq(settle & ~self.source.ready)", "done.eq(settle)",
           "rtl/test_link.py::test_fork_without_back_pressure_takes_a_word_a_cycle"),
    Mutant("fork-any", LINK, "a word is gone when the first sink has it",
           "Cat(*settled).all()", "Cat(*settled).any()",
           "rtl/test_link.py::test_fork_gives_every_word_to_every_way_once[1.0-0.5-2]"),

    Mutant("state-has-contents", VERILOG, "state memories ask for a file that there is not",
           " and not config.state\n", "\n",
           "rtl/test_verilog.py::test_memories_are_instances_as_configured[784-128-10-baked]"),
    Mutant("bus-has-contents", VERILOG, "a chip with a bus comes up loaded",
           'contents=chip.contents == "baked"', "contents=True",
           "rtl/test_verilog.py::test_memories_are_instances_as_configured[784-128-10-bus]"),
    Mutant("block-style", VERILOG, "small memories take block RAM",
           'p_STYLE="block" if config.block else "auto"', 'p_STYLE="auto" if config.block else "block"',
           "rtl/test_verilog.py::test_memories_are_instances_as_configured[784-128-10-baked]"),
    Mutant("read-always", VERILOG, "a word read does not hold",
           "i_read_enable=memory.read_enable", "i_read_enable=1",
           "cosim/test_random_networks.py::test_icarus[50]"),
    Mutant("depth", VERILOG, "memories lack their last word",
           "p_DEPTH=config.depth", "p_DEPTH=config.depth - 1",
           "rtl/test_verilog.py::test_memories_are_instances_as_configured[784-128-10-baked]"),

    Mutant("link-cell-ready", LINK_CELL, "the Verilog link takes words that the sink does not",
           "assign source_ready = sink_ready;", "assign source_ready = 1'b1;",
           "rtl/test_verilog_cells.py::test_nothing_tells_the_verilog_link_from_amaranths"),
    Mutant("link-cell-width", LINK_CELL, "the Verilog link loses the highest bit",
           "assign sink_payload = source_payload;", "assign sink_payload = source_payload[WIDTH-2:0];",
           "rtl/test_verilog_cells.py::test_nothing_tells_the_verilog_link_from_amaranths"),

    Mutant("cell-read-enable", MEMORY_CELL, "the Verilog memory does not hold the word read",
           "if (read_enable) begin", "if (1'b1) begin",
           "rtl/test_verilog_cells.py::test_the_verilog_memory_reads_what_amaranths_reads[7-32]"),
    Mutant("cell-write-enable", MEMORY_CELL, "the Verilog memory is written in every cycle",
           "if (write_enable) words", "if (1'b1) words",
           "rtl/test_verilog_cells.py::test_the_verilog_memory_reads_what_amaranths_reads[7-32]"),
    Mutant("cell-depth", MEMORY_CELL, "the Verilog memory lacks its last word",
           "words [0:DEPTH-1]", "words [0:DEPTH-2]",
           "rtl/test_verilog_cells.py::test_the_verilog_memory_reads_what_amaranths_reads[7-32]"),
    Mutant("cell-collision", MEMORY_CELL, "simulation forgives who reads what is being written",
           "write_enable && write_address == read_address", "1'b0",
           "rtl/test_verilog_cells.py::test_the_verilog_memory_finds_out_who_reads_what_is_being_written"),
]  # fmt: skip
