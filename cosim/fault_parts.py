"""Pieces of the harness for runs with faults: what puts them in, and a probe of its own.

The probe knows nothing of the checker's records: every state memory reports all its bits itself
(cosim/verilog/spikewright_memory.sv), whenever the chip rests at the end of a step or sample, and every word
that leaves the chip's ports is noted. It writes ``probe.bin``, 64 bits an entry: tag (8), payload
(56); no cycle, for when something happens is no effect.
"""

from spikewright.config import ChipConfig
from spikewright.cosim.names import Names, state_memories

__all__ = ["BUS_TAG", "OUTPUT_TAG", "STATE_KINDS", "fault_signals", "outputs_probe"]

OUTPUT_TAG = 0
"""Tag of the words of output 0; memories follow from 100 on."""
MEMORY_TAG = 100
BUS_TAG = 255

STATE_KINDS = {"upset": 1, "stuck-at-0": 2, "stuck-at-1": 3}
"""How a bit of a state memory goes wrong, and ``+state_fault`` for it."""


def fault_signals(chip: ChipConfig, names: Names, fault_bits: int) -> str:
    """Reads the fault from the command line; tasks that put it into a state memory and report states."""
    memories = [names.ram(memory) for memory in state_memories(chip)]
    reports = "\n".join(f"            {ram}.report({MEMORY_TAG});" for ram in memories)
    sticks, flips = (
        "\n".join(f"                {index}: {ram}.{call};" for index, ram in enumerate(memories))
        for call in ("stick(state_word, state_bit, state_fault == 3)", "flip(state_word, state_bit)")
    )
    fault = f"    reg [{fault_bits - 1}:0] fault = 0;\n" if fault_bits else ""
    read_fault = '        if (!$value$plusargs("fault=%d", fault)) fault = 0;\n' if fault_bits else ""
    return f"""\
{fault}    integer probe, pauses = 0;
    integer state_fault = 0, state_memory = 0, state_word = 0, state_bit = 0, state_at = 0;

    task start_faults;
        begin
            probe = $fopen("probe.bin", "wb");
    {read_fault}            if (!$value$plusargs("state_fault=%d", state_fault)) state_fault = 0;
            if (!$value$plusargs("state_memory=%d", state_memory)) state_memory = 0;
            if (!$value$plusargs("state_word=%d", state_word)) state_word = 0;
            if (!$value$plusargs("state_bit=%d", state_bit)) state_bit = 0;
            if (!$value$plusargs("state_at=%d", state_at)) state_at = 0;
            if (state_fault > 1) case (state_memory)
{sticks}
                default: ;
            endcase
        end
    endtask

    task probe_states;
        begin
{reports}
        end
    endtask

    task upset_state;  // at the end of a step, when the chip rests
        begin
            if (state_fault == 1 && pauses == state_at) case (state_memory)
{flips}
                default: ;
            endcase
            pauses = pauses + 1;
        end
    endtask
"""


def outputs_probe(chip: ChipConfig) -> str:
    """Notes every word on the chip's own ports."""
    lines = [
        f"    always @(posedge clk) if (running && out_valid_{index})"
        f" $fwrite(probe, \"%u\", {{56'd0 | out_word_{index}, 8'd{OUTPUT_TAG + index}}});"
        for index in range(len(chip.outputs))
    ]
    if chip.contents == "bus":
        lines.append(
            f'    always @(posedge clk) if (response_valid) $fwrite(probe, "%u",'
            f" {{56'd0 | response, 8'd{BUS_TAG}}});"
        )
    return "\n".join(lines)
