"""What the hardware is built for: one :class:`CoreConfig` a core, one :class:`ChipConfig` a chip.

The compiler writes them, RTL, co-simulation and estimates read them. Contents (weights, row
pointers, per-neuron levels) are not here but in memory images, one file a memory
(:mod:`spikewright.memories` says which).
"""

import re
from dataclasses import dataclass
from math import prod
from typing import Literal

from spikewright.errors import ConfigError
from spikewright.events import WordFormat
from spikewright.fixed import signed_bits, unsigned_bits
from spikewright.network import Decode
from spikewright.neuron import NeuronConfig

__all__ = [
    "VERSION",
    "ChipConfig",
    "CompressedRows",
    "CoreConfig",
    "DenseRows",
    "InputConfig",
    "Parameter",
    "ParameterName",
    "PortConfig",
    "identifier",
]

VERSION = 1
"""Version of the schema of ``config.yaml``; a file of another version is refused."""

ParameterName = Literal["compare", "reset_amount", "reset_value", "bias", "decay"]


@dataclass(frozen=True, slots=True, kw_only=True)
class DenseRows:
    """Every row has a weight for every neuron: ``slots`` words of ``lanes`` weights."""

    kind: Literal["dense"] = "dense"


@dataclass(frozen=True, slots=True, kw_only=True)
class CompressedRows:
    """A row lists its non-zero weights, in every lane for itself, as (slot, weight) entries.

    Lane ``l`` has an entry memory of ``entries`` words and a row memory with one word for every
    ``group`` rows: where the first row's entries start, then for each row of the group where it ends,
    relative to that start.

    Parameters
    ----------
    entries
        Depth of the entry memory of every lane.
    group
        Rows that share a word of the row memory; a power of two.
    start_bits, offset_bits
        Widths of the start and of each relative end.
    """

    kind: Literal["compressed"] = "compressed"
    entries: int
    group: int
    start_bits: int
    offset_bits: int

    def __post_init__(self) -> None:
        if self.group < 1 or self.group & (self.group - 1):
            raise ConfigError(f"group must be a power of two, not {self.group}")


@dataclass(frozen=True, slots=True, kw_only=True)
class PortConfig:
    """One stream of events into a core.

    Parameters
    ----------
    source
        Name of the input or core that it comes from.
    kind
        Whether its events count in their step, or stay as held drive.
    addresses
        Events carry an address below this.
    value_bits
        0, or the width of the unsigned value that events carry.
    first_row
        Row of the weight memory that belongs to its address 0.
    """

    source: str
    kind: Literal["drive", "hold"] = "drive"
    addresses: int
    value_bits: int = 0
    first_row: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Parameter:
    """A level as a field of the parameter memory, or of the word of levels."""

    name: ParameterName
    bits: int
    signed: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class CoreConfig:
    """What one LIF core is built for.

    Neuron ``placement[slot * lanes + lane]`` lives in that slot of that lane; -1 marks a place that
    no neuron has. Events carry this physical address.

    Parameters
    ----------
    lanes
        Neurons worked on at once; a power of two.
    accumulator_bits
        Width of a stored potential with a step's drive added; proven from the weights.
    parameters
        Levels held for every neuron, in the parameter memory.
    levels
        Levels that all neurons share, loaded as one word. The others are constants of ``neuron``.
    """

    name: str
    neuron: NeuronConfig
    neurons: int
    lanes: int
    weight_bits: int
    accumulator_bits: int
    ports: tuple[PortConfig, ...]
    rows: DenseRows | CompressedRows
    placement: tuple[int, ...]
    parameters: tuple[Parameter, ...] = ()
    levels: tuple[Parameter, ...] = ()

    def __post_init__(self) -> None:
        if self.lanes < 1 or self.lanes & (self.lanes - 1):
            raise ConfigError(f"core {self.name!r}: lanes must be a power of two, not {self.lanes}")
        if not 2 <= self.weight_bits <= 16:
            raise ConfigError(f"core {self.name!r}: weight_bits must be 2..16, not {self.weight_bits}")
        if self.accumulator_bits < self.neuron.state_bits:
            raise ConfigError(
                f"core {self.name!r}: accumulator_bits must be at least the state's"
                f" {self.neuron.state_bits}, not {self.accumulator_bits}"
            )
        if len(self.placement) % self.lanes:
            raise ConfigError(f"core {self.name!r}: placement must fill whole words of {self.lanes} lanes")
        if sorted(n for n in self.placement if n >= 0) != list(range(self.neurons)):
            raise ConfigError(f"core {self.name!r}: placement must name each of {self.neurons} neurons once")
        if any(n < 0 for n in self.placement[: self.neurons]):
            raise ConfigError(f"core {self.name!r}: places without a neuron must come last")
        if self.neuron.max_spikes != 1:
            raise ConfigError(
                f"core {self.name!r}: a LIF core fires at most 1 spike a step, not {self.neuron.max_spikes}"
            )
        row = 0
        for port in self.ports:
            if port.first_row != row:
                raise ConfigError(
                    f"core {self.name!r}: port {port.source!r} must start at row {row}, not {port.first_row}"
                )
            row += port.addresses

    @property
    def slots(self) -> int:
        """Neurons of each lane."""
        return len(self.placement) // self.lanes

    @property
    def total_rows(self) -> int:
        """Rows of the weight memory: the addresses of all ports."""
        return sum(port.addresses for port in self.ports)

    @property
    def walkers(self) -> int:
        """What walks rows: one for all lanes, or of compressed rows one a lane."""
        return self.lanes if isinstance(self.rows, CompressedRows) else 1

    @property
    def holds(self) -> bool:
        """Whether a port holds its drive."""
        return any(port.kind == "hold" for port in self.ports)

    @property
    def value_bits(self) -> int:
        """Widest value that an event of any port carries; 0 where all carry none."""
        return max((port.value_bits for port in self.ports), default=0)

    @property
    def address_bits(self) -> int:
        """Width of the physical address that its events carry."""
        return unsigned_bits(len(self.placement) - 1)

    @property
    def word(self) -> WordFormat:
        """Format of the words that it emits: spikes, or potentials where it does not fire."""
        if self.neuron.fires:
            return WordFormat(address_bits=self.address_bits)
        return WordFormat(address_bits=self.address_bits, value_bits=self.neuron.state_bits, signed=True)

    @property
    def state_word_bits(self) -> int:
        """Width of a word of the state memory: the potential, and the last spike where it is stored."""
        return self.accumulator_bits + self.neuron.stores_spike


@dataclass(frozen=True, slots=True, kw_only=True)
class InputConfig:
    """A stream of events into the chip; addresses count through ``shape`` in C order."""

    name: str
    shape: tuple[int, ...]
    kind: Literal["drive", "hold"] = "drive"
    value_bits: int = 0
    value_scale: float = 1.0

    @property
    def size(self) -> int:
        """Number of addresses."""
        return prod(self.shape)

    @property
    def word(self) -> WordFormat:
        """Format of the words that it takes."""
        return WordFormat(address_bits=unsigned_bits(self.size - 1), value_bits=self.value_bits)


@dataclass(frozen=True, slots=True, kw_only=True)
class ChipConfig:
    """A chip: cores in topological order, joined by streams from every core to those that name it."""

    version: int = VERSION
    name: str
    contents: Literal["baked", "bus"] = "baked"
    inputs: tuple[InputConfig, ...]
    cores: tuple[CoreConfig, ...]
    outputs: tuple[str, ...]
    decode: Decode = "count"

    def __post_init__(self) -> None:
        if self.version != VERSION:
            raise ConfigError(f"version must be {VERSION}, not {self.version}")
        for name in (self.name, *(port.name for port in self.inputs), *(core.name for core in self.cores)):
            if not re.fullmatch(r"[A-Za-z0-9_.-]+", name):
                raise ConfigError(f"names must be of letters, digits, '_', '.' and '-', not {name!r}")
        known = {port.name for port in self.inputs}
        silent = {core.name for core in self.cores if not core.neuron.fires}
        if len(known) + len(self.cores) != len(known | {core.name for core in self.cores}):
            raise ConfigError("names of inputs and cores must differ")
        for core in self.cores:
            for port in core.ports:
                if port.source not in known:
                    raise ConfigError(
                        f"core {core.name!r}: port {port.source!r} must be an input or an earlier core"
                    )
                if port.source in silent:
                    raise ConfigError(
                        f"core {core.name!r}: port {port.source!r} must fire, not give potentials"
                    )
            known.add(core.name)
        for name in self.outputs:
            if name not in {core.name for core in self.cores}:
                raise ConfigError(f"output {name!r}: there is no such core")

    def core(self, name: str) -> CoreConfig:
        """The core of that name."""
        return next(core for core in self.cores if core.name == name)


def identifier(name: str) -> str:
    """A name as it stands in Verilog: letters, digits and underscores."""
    return re.sub(r"\W", "_", name)


def slot_bits(core: CoreConfig) -> int:
    """Width of the number of a slot within a lane."""
    return unsigned_bits(core.slots - 1)


def level_bits(levels: tuple[int, ...]) -> int:
    """Width of a two's complement field that holds all of these levels."""
    return signed_bits(min(levels), max(levels))
