"""What a waveform shows first: time steps, spikes and potentials by population, words by stream.

All of it stands in the scope ``harness.view``, one scope a stream below it; the chip's own signals are
in ``harness.dut``. Only runs that write a waveform have it.
"""

from spikewright.config import ChipConfig, CoreConfig, InputConfig, identifier, slot_bits
from spikewright.cosim.names import Names, encoded_inputs, state_memories
from spikewright.memory import MemoryConfig

__all__ = ["MAX_POTENTIALS", "WAVES", "view"]

WAVES = "waves.vcd"
MAX_POTENTIALS = 1024
"""Potentials shown of a population, from neuron 0 on."""


def view(chip: ChipConfig, names: Names) -> str:
    """Scope ``view``, and the window: from clock ``+waves_from`` to ``+waves_to``, where the run ends."""
    scopes = [_input(index, port) for index, port in enumerate(chip.inputs)]
    scopes += [_encoder(port, names) for port in encoded_inputs(chip)]
    memories = {memory.name: memory for memory in state_memories(chip)}
    for core in chip.cores:
        scopes.append(_population(core, names, memories))
    return f"""\
    if (1) begin : view
{"".join(scopes)}    end
    integer waves_from = -1, waves_to = -1;
    initial begin
        if (!$value$plusargs("waves_from=%d", waves_from)) waves_from = -1;
        if (!$value$plusargs("waves_to=%d", waves_to)) waves_to = -1;
    end
    always @(negedge clk) begin
        if (cycle == waves_from) begin
            $dumpfile("{WAVES}");
            $dumpvars(0, harness);
        end
        if (cycle == waves_to) $finish;
    end
"""


def _stream(valid: str, ready: str, word: str, address_bits: int, value: str) -> str:
    """Signals of a word as it is taken; zero while none is."""
    return f"""\
            wire taken = {valid} && {ready};
            wire is_event = taken && {word}[1:0] == 2'd0;
            wire end_of_step = taken && {word}[1:0] == 2'd1;
            wire end_of_sample = taken && {word}[1:0] == 2'd2;
            wire [{address_bits - 1}:0] address = is_event ? {word}[{address_bits + 1}:2] : {address_bits}'d0;
{value}            integer sample = 0, step = 0;
            always @(posedge clk) if (running) begin
                if (end_of_step) step <= step + 1;
                if (end_of_sample) begin
                    sample <= sample + 1;
                    step <= 0;
                end
            end
"""


def _value(word: str, address_bits: int, bits: int, *, signed: bool) -> str:
    """The value of a word that carries one."""
    if not bits:
        return ""
    place = f"{word}[{address_bits + 2 + bits - 1}:{address_bits + 2}]"
    return f"            wire {'signed ' if signed else ''}[{bits - 1}:0] value = is_event ? {place} : 0;\n"


def _input(index: int, port: InputConfig) -> str:
    word, bits = f"word_{index}", port.source_word.address_bits
    value = _value(word, bits, port.source_word.value_bits, signed=port.encoder is not None)
    return f"""\
        if (1) begin : in_{identifier(port.name)}
{_stream(f"valid_{index}", f"ready_{index}", word, bits, value)}        end
"""


def _encoder(port: InputConfig, names: Names) -> str:
    """The stream of spikes behind an input that takes samples of sound."""
    valid, ready, word = (names.encoder_sink(port.name, signal) for signal in ("valid", "ready", "payload"))
    stream = _stream(valid, ready, word, port.word.address_bits, "")
    return f"""\
        if (1) begin : enc_{identifier(port.name)}
{stream}        end
"""


def _states(core: CoreConfig, names: Names, memories: dict[str, MemoryConfig]) -> str:
    """What is stored of every neuron: its potential, its current and its held drive, where it has them."""
    received, lines = core.accumulator_bits, []
    neurons = [(neuron, place) for place, neuron in enumerate(core.placement) if neuron >= 0]
    for neuron, place in sorted(neurons)[:MAX_POTENTIALS]:
        slot, lane = divmod(place, core.lanes)
        words = names.words(memories[f"{core.name}.state.{lane}"])
        fields = {"potential": (slot, 0, received)}
        if core.neuron.current is not None:
            above = core.state_word_bits - core.stored_bits
            fields = {"potential": (slot, above, core.stored_bits), "current": (slot, 0, received)}
        if core.holds:
            fields["held"] = ((1 << slot_bits(core)) + slot, 0, received)
        for name, (word, low, bits) in fields.items():
            value = f"{words}[{word}][{low + bits - 1}:{low}]"
            lines.append(f"            wire signed [{bits - 1}:0] {name}_{neuron} = {value};\n")
    return "".join(lines)


def _population(core: CoreConfig, names: Names, memories: dict[str, MemoryConfig]) -> str:
    """The core's stream, which neurons fire in its step, and what is stored of every neuron."""
    valid, ready, word = (names.sink(core.name, signal) for signal in ("valid", "ready", "payload"))
    bits = core.address_bits
    value = _value(word, bits, core.word.value_bits, signed=True)
    neurons = [(place, neuron) for place, neuron in enumerate(core.placement) if neuron >= 0]
    addresses = core.addresses.tolist()
    cases = "\n".join(f"                    {addresses[neuron]}: neuron = {neuron};" for _, neuron in neurons)
    spikes = f"""\
            reg [{core.neurons - 1}:0] spikes = 0;  // of this step so far
            always @(posedge clk) if (running) begin
                if (end_of_step) spikes <= 0;
                else if (is_event) spikes[neuron] <= 1'b1;
            end
"""
    return f"""\
        if (1) begin : pop_{identifier(core.name)}
{_stream(valid, ready, word, bits, value)}\
            integer neuron;  // of an event
            always @* begin
                neuron = 0;
                if (is_event) case (address)
{cases}
                    default: ;
                endcase
            end
{spikes if core.neuron.fires else ""}{_states(core, names, memories)}        end
"""
