"""What the harness calls things: records, memories in their order, and places inside the chip."""

from dataclasses import dataclass
from enum import IntEnum

from spikewright.config import ChipConfig, InputConfig, identifier
from spikewright.memories import core_memories
from spikewright.memory import BUS_BITS, MemoryConfig

__all__ = [
    "PAYLOAD_BITS",
    "RECORD_BYTES",
    "Names",
    "Tag",
    "encoded_inputs",
    "put",
    "state_memories",
    "state_parts",
]

RECORD_BYTES, PAYLOAD_BITS = 12, 56


class Tag(IntEnum):
    """First byte of a record; populations and inputs count from their tag up."""

    POPULATION = 0
    """A word on the stream of a core (hidden cores too)."""
    INPUT = 100
    """The first word of a sample on an input, and its tokens."""
    ENCODER = 130
    """A word on the stream of an encoder; encoders count up from here."""
    OUTPUT = 150
    """A word at the chip's own port; outputs count up from here."""
    STATE = 200
    """A word of a state memory, at a sample's end."""
    CONTENTS = 201
    """A transfer read back from a contents memory, after loading."""
    EVENT_CYCLES = 202
    """Cycles that a core spent on events, at a sample's end; one record a core."""
    UPDATE_CYCLES = 203
    FINISHED = 204
    """The run came to its end."""
    LOCKED = 205
    """Nothing moved any more, or the run took more cycles than it was given."""
    ENCODER_CYCLES = 207
    """Cycles that an encoder worked, at a sample's end; one record an encoder."""
    STEP_STATE = 206
    """A word of a state memory, at a step's end, in samples that are stepped through."""


@dataclass(frozen=True, slots=True)
class Names:
    """Verilog names of one chip: the only places where co-simulation looks inside it."""

    chip: ChipConfig

    def sink(self, core: str, signal: str) -> str:
        """A signal of the stream that leaves a core."""
        return f"dut.core_{identifier(core)}.sink__{signal}"

    def encoder_sink(self, port: str, signal: str) -> str:
        """A signal of the stream that leaves the encoder of an input."""
        return f"dut.encoder_{identifier(port)}.sink__{signal}"

    def ram(self, memory: MemoryConfig) -> str:
        """The instance of ``spikewright_memory`` of a state memory."""
        core, _, lane = memory.name.rpartition(".state.")
        return f"dut.core_{identifier(core)}.lane_{lane}.state.memory.ram"

    def words(self, memory: MemoryConfig) -> str:
        """The array of a state memory."""
        return f"{self.ram(memory)}.words"


def encoded_inputs(chip: ChipConfig) -> list[InputConfig]:
    """Inputs that an encoder stands behind."""
    return [port for port in chip.inputs if port.encoder is not None]


def state_memories(chip: ChipConfig) -> list[MemoryConfig]:
    """State memories in the order in which they are recorded."""
    return [memory for core in chip.cores for memory in core_memories(core) if memory.state]


def state_parts(chip: ChipConfig, memory: MemoryConfig) -> tuple[int, int]:
    """Records that a word of a state memory takes, lowest bits first, and bits of each."""
    if chip.contents == "bus":
        return memory.transfers, BUS_BITS
    return -(-memory.width // PAYLOAD_BITS), PAYLOAD_BITS


def put(tag: Tag | int | str, payload: str) -> str:
    """Statement that writes a record. An expression, no task: several processes write in one cycle."""
    tag = tag if isinstance(tag, str) else f"8'd{int(tag)}"
    return f'$fwrite(records, "%u", {{cycle[31:0], 56\'d0 | {payload}, {tag}}});'
