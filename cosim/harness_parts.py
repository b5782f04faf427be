"""Pieces of the harness: what feeds an input, records a core, and talks over the bus."""

from spikewright.config import ChipConfig
from spikewright.cosim.names import Names, Tag, encoded_inputs, put, state_memories, state_parts
from spikewright.memories import bus_map
from spikewright.rtl.chip import bus_shape

__all__ = ["bus_signals", "encoder_recorder", "feeder", "load", "read_states", "recorder"]


def feeder(index: int) -> str:
    """Feeds an input from its file, a word a cycle, and waits before a sample's end until released.

    In samples that are stepped through it waits after every step, too.
    """
    counts = "fed_steps <= fed_steps + 1;" if index == 0 else ";"
    return f"""\
    reg valid_{index} = 1'b0, waiting_{index} = 1'b0, paused_{index} = 1'b0, first_{index} = 1'b1;
    wire ready_{index};
    reg [63:0] word_{index} = 64'd0, next_{index} = 64'd0;
    integer file_{index}, got_{index}, fed_samples_{index} = 0;
    always @(posedge clk) if (running) begin
        if (valid_{index} && ready_{index}) begin
            if (first_{index} || word_{index}[1:0] != 2'd0) {put(Tag.INPUT + index, f"word_{index}[55:0]")}
            first_{index} <= word_{index}[1:0] == 2'd2;
            if (word_{index}[1:0] == 2'd1) {counts}
            if (word_{index}[1:0] == 2'd2) fed_samples_{index} <= fed_samples_{index} + 1;
        end
        if (waiting_{index}) begin
            if (release_samples) begin
                waiting_{index} <= 1'b0;
                valid_{index} <= 1'b1;
            end
        end else if (paused_{index}) begin
            if (release_steps) paused_{index} <= 1'b0;
        end else if (valid_{index} && ready_{index} && word_{index}[1:0] == 2'd1
                     && fed_samples_{index} >= free_samples) begin
            paused_{index} <= 1'b1;
            valid_{index} <= 1'b0;
        end else if (!valid_{index} || ready_{index}) begin
            got_{index} = $fread(next_{index}, file_{index});
            word_{index} <= next_{index};
            waiting_{index} <= got_{index} == 8 && next_{index}[1:0] == 2'd2;
            valid_{index} <= got_{index} == 8 && next_{index}[1:0] != 2'd2;
        end
    end
"""


def recorder(chip: ChipConfig, index: int, names: Names) -> str:
    """Records every word of a core's stream, where it leaves the core, and counts its busy cycles.

    On events these are those of the row walker that has had most to do.
    """
    core = chip.cores[index]
    valid, ready, payload = (names.sink(core.name, signal) for signal in ("valid", "ready", "payload"))
    low = sum(before.walkers + 1 for before in chip.cores[:index])
    counters = [f"walked_{index}_{walker}" for walker in range(core.walkers)]
    counting = "\n".join(
        f"        if (activity[{low + walker}]) {name} <= {name} + 1;" for walker, name in enumerate(counters)
    )
    most = "\n".join(
        f"        if ({name} > event_cycles_{index}) event_cycles_{index} = {name};" for name in counters
    )
    return f"""\
    integer steps_{index} = 0, samples_{index} = 0, event_cycles_{index} = 0, update_cycles_{index} = 0;
    integer {", ".join(f"{name} = 0" for name in counters)};
    always @(posedge clk) if (running) begin
        if ({valid} && {ready}) begin
            {put(Tag.POPULATION + index, payload)}
            if ({payload}[1:0] == 2'd1) steps_{index} <= steps_{index} + 1;
            if ({payload}[1:0] == 2'd2) samples_{index} <= samples_{index} + 1;
        end
{counting}
        if (activity[{low + core.walkers}]) update_cycles_{index} <= update_cycles_{index} + 1;
    end
    always @(negedge clk) begin
{most}
    end
"""


def encoder_recorder(chip: ChipConfig, index: int, names: Names) -> str:
    """Records every word of an encoder's stream, where it leaves the encoder, and counts its busy cycles."""
    port = encoded_inputs(chip)[index]
    signals = ("valid", "ready", "payload")
    valid, ready, payload = (names.encoder_sink(port.name, signal) for signal in signals)
    place = sum(core.walkers + 1 for core in chip.cores) + index
    return f"""\
    integer encoder_cycles_{index} = 0;
    always @(posedge clk) if (running) begin
        if ({valid} && {ready}) {put(Tag.ENCODER + index, payload)}
        if (activity[{place}]) encoder_cycles_{index} <= encoder_cycles_{index} + 1;
    end
"""


def read_states(chip: ChipConfig, names: Names) -> str:
    """Task that records all state memories: over the bus where the chip has one."""
    lines = []
    bases = bus_map(chip)
    for memory in state_memories(chip):
        if chip.contents == "bus":
            count = memory.depth * memory.transfers
            lines.append(
                f"            for (i = 0; i < {count}; i = i + 1) read_bus({bases[memory.name]} + i, tag);"
            )
        else:
            parts, bits = state_parts(chip, memory)
            ends = [min(bits * part + bits, memory.width) for part in range(parts)]
            word = f"{names.words(memory)}[i]"
            records = [put("tag", f"{word}[{end - 1}:{bits * part}]") for part, end in enumerate(ends)]
            lines.append(f"            for (i = 0; i < {memory.depth}; i = i + 1) begin")
            lines += [f"                {record}" for record in records]
            lines.append("            end")
    body = "\n".join(lines)
    return f"""\
    task read_states(input [7:0] tag);
        begin
{body}
        end
    endtask
"""


def bus_signals(chip: ChipConfig) -> str:
    """Signals of the configuration bus, and tasks for a write and a read."""
    bits = bus_shape(chip).address_bits
    return f"""\
    reg request_valid = 1'b0;
    wire request_ready, response_valid;
    reg [{bits + 32}:0] request = 0;
    wire [31:0] response;
    reg [63:0] transfer;
    integer load_file;

    task write_bus(input [{bits - 1}:0] address, input [31:0] data);
        begin
            request = {{data, address, 1'b1}};
            request_valid = 1'b1;
            @(negedge clk);
            while (!request_ready) @(negedge clk);
            @(negedge clk);
            request_valid = 1'b0;
        end
    endtask

    task read_bus(input [{bits - 1}:0] address, input [7:0] tag);
        begin
            request = {{32'd0, address, 1'b0}};
            request_valid = 1'b1;
            @(negedge clk);
            while (!request_ready) @(negedge clk);
            @(negedge clk);
            request_valid = 1'b0;
            while (!response_valid) @(negedge clk);
            {put("tag", "response")}
        end
    endtask
"""


def load(chip: ChipConfig, *, patched: bool) -> str:
    """Loads every contents memory from ``load.bin`` (address, data), reads all of it back, and resets.

    With ``patched``, ``patch.bin`` is written over it after that: contents gone wrong, for the injection
    of faults.
    """
    bits = bus_shape(chip).address_bits
    write = f"write_bus(transfer[{32 + bits - 1}:32], transfer[31:0]);"
    read = f"read_bus(transfer[{32 + bits - 1}:32], {Tag.CONTENTS});"
    passes = [("load.bin", write), ("load.bin", read)] + ([("patch.bin", write)] if patched else [])
    text = "".join(
        f"""\
        load_file = $fopen("{file}", "rb");
        got = $fread(transfer, load_file);
        while (got == 8) begin
            {action}
            got = $fread(transfer, load_file);
        end
        $fclose(load_file);
"""
        for file, action in passes
    )
    return (
        text
        + """\
        rst = 1'b1;
        cycles(4);
        rst = 1'b0;"""
    )
