"""What the hardware is built for: one :class:`CoreConfig` a core, one :class:`ChipConfig` a chip.

The compiler writes them, RTL, co-simulation and estimates read them. Contents (weights, row
pointers, per-neuron levels) are not here but in memory images, one file a memory
(:mod:`spikewright.memories` says which).
"""

import re
from dataclasses import dataclass
from math import prod
from typing import Literal

import numpy as np
import numpy.typing as npt

from spikewright.convolution import Convolution
from spikewright.errors import ConfigError
from spikewright.events import PlaneFormat, WordFormat
from spikewright.filterbank import FilterBankConfig
from spikewright.fixed import signed_bits, unsigned_bits
from spikewright.network import Decode
from spikewright.neuron import Levels, NeuronConfig
from spikewright.spiketrum import SpiketrumConfig

__all__ = [
    "VERSION",
    "ChipConfig",
    "CompressedRows",
    "CoreConfig",
    "DenseRows",
    "Encoder",
    "InputConfig",
    "KernelRows",
    "Parameter",
    "ParameterName",
    "PortConfig",
    "identifier",
]

VERSION = 1
"""Version of the schema of ``config.yaml``; a file of another version is refused."""

Encoder = SpiketrumConfig | FilterBankConfig
"""What encodes sound: either of the two front-ends."""

ParameterName = Literal[
    "compare", "reset_amount", "reset_value", "bias", "decay", "current_bias", "current_decay"
]


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
class KernelRows:
    """Kernels of convolutions, stored once: a row is a tap of a channel, walked over all neurons it reaches.

    Word ``first_row + (channel * taps + tap) * group_words + word`` of the weights has, for the lanes of the
    target's word ``first_channel // lanes + word`` of channels, the weights of the tap from that source
    channel; 0 for channels of other groups. ``tap = i * kernel width + j``; ``first_channel`` is the group's.
    """

    kind: Literal["kernel"] = "kernel"


@dataclass(frozen=True, slots=True, kw_only=True)
class PortConfig:
    """One stream of events into a core.

    Parameters
    ----------
    source
        Name of the input or core that it comes from.
    kind
        Whether its events count in their step (drive), stay as held drive (hold), or are dropped, so that
        only its tokens count (pace: of a core which all else reaches a step later).
    addresses
        Events carry an address below this.
    value_bits
        0, or the width of the unsigned value that events carry.
    first_row
        Row of the weight memory that belongs to its address 0; with kernel rows, its first word.
    plane
        Format of the addresses where they are in the plane; else they count rows.
    pool
        Of a port of dense or compressed rows that takes addresses in the plane: height and width of the
        windows whose sources share a row, ``(channel * (height // pool) + y // pool) * (width // pool) + x //
        pool``; rests at the ends are dropped.
    convolution
        Of a port of kernel rows: its geometry.
    delay
        Steps by which its events come later, of all of its source's neurons (in their logical order) or of
        each: the port has a ring of step slots in front.
    """

    source: str
    kind: Literal["drive", "hold", "pace"] = "drive"
    addresses: int
    value_bits: int = 0
    first_row: int = 0
    plane: PlaneFormat | None = None
    pool: tuple[int, int] = (1, 1)
    convolution: Convolution | None = None
    delay: Levels = (0,)

    @property
    def delayed(self) -> bool:
        """Whether it has a ring."""
        return any(self.delay)


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
    no neuron has. Events carry this physical address, or that of the ``plane``.

    Parameters
    ----------
    lanes
        Neurons worked on at once; a power of two.
    accumulator_bits
        Width of a stored potential, or stored current, with a step's drive added; proven from the weights.
    potential_bits
        Width of a stored potential beside a current, proven; 0 where there is no current.
    parameters
        Levels held for every neuron, in the parameter memory.
    levels
        Levels that all neurons share, loaded as one word. The others are constants of ``neuron``.
    plane
        Of a core whose neurons are in the plane: where they live and what addresses they have.
    """

    name: str
    neuron: NeuronConfig
    neurons: int
    lanes: int
    weight_bits: int
    accumulator_bits: int
    potential_bits: int = 0
    ports: tuple[PortConfig, ...]
    rows: DenseRows | CompressedRows | KernelRows
    placement: tuple[int, ...] = ()
    parameters: tuple[Parameter, ...] = ()
    levels: tuple[Parameter, ...] = ()
    plane: PlaneFormat | None = None

    def __post_init__(self) -> None:
        if self.plane is not None:
            if self.placement and self.placement != self.plane.placement:
                raise ConfigError(f"core {self.name!r}: must have no placement but that of its plane")
            object.__setattr__(self, "placement", self.plane.placement)
            if self.plane.lanes != self.lanes:
                raise ConfigError(f"core {self.name!r}: its plane must have {self.lanes} lanes")
        if self.lanes < 1 or self.lanes & (self.lanes - 1):
            raise ConfigError(f"core {self.name!r}: lanes must be a power of two, not {self.lanes}")
        if not 2 <= self.weight_bits <= 16:
            raise ConfigError(f"core {self.name!r}: weight_bits must be 2..16, not {self.weight_bits}")
        current = self.neuron.current
        what, least = ("state", self.neuron.state_bits) if current is None else ("current", current.bits)
        if self.accumulator_bits < least:
            raise ConfigError(
                f"core {self.name!r}: accumulator_bits must be at least the {what}'s {least}, not"
                f" {self.accumulator_bits}"
            )
        if len(self.placement) % self.lanes:
            raise ConfigError(f"core {self.name!r}: placement must fill whole words of {self.lanes} lanes")
        if sorted(n for n in self.placement if n >= 0) != list(range(self.neurons)):
            raise ConfigError(f"core {self.name!r}: placement must name each of {self.neurons} neurons once")
        if self.plane is None and any(n < 0 for n in self.placement[: self.neurons]):
            raise ConfigError(f"core {self.name!r}: places without a neuron must come last")
        row = 0
        for port in self.ports:
            if port.kind == "pace":
                continue
            if (port.convolution is not None) != isinstance(self.rows, KernelRows):
                raise ConfigError(f"core {self.name!r}: port {port.source!r}: kernel rows need a convolution")
            if isinstance(self.rows, KernelRows):
                continue
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
        return sum(port.addresses for port in self.ports if port.kind != "pace")

    @property
    def weight_words(self) -> int:
        """Words of the weight memory of dense rows or kernels."""
        if not isinstance(self.rows, KernelRows):
            return self.total_rows * self.slots
        kernels = [port.convolution for port in self.ports if port.convolution is not None]
        return sum(k.source[0] * prod(k.size) * k.group_words(self.lanes) for k in kernels)

    @property
    def partial_slots(self) -> int:
        """Slots, the last ones, in which only the first :attr:`partial_lanes` lanes have a neuron."""
        if self.neurons == len(self.placement):
            return 0
        return 1 if self.plane is None else self.plane.shape[1] * self.plane.shape[2]

    @property
    def partial_lanes(self) -> int:
        """Lanes that have a neuron in the last slots."""
        return sum(neuron >= 0 for neuron in self.placement[-self.lanes :])

    @property
    def addresses(self) -> npt.NDArray[np.int64]:
        """Physical address of every neuron, ``(neurons,)``."""
        if self.plane is not None:
            return self.plane.addresses()
        places = np.array(self.placement)
        address = np.empty(self.neurons, np.int64)
        address[places[places >= 0]] = np.flatnonzero(places >= 0)
        return address

    @property
    def walkers(self) -> int:
        """What walks rows: one for all lanes, or of compressed rows one a lane."""
        return self.lanes if isinstance(self.rows, CompressedRows) else 1

    @property
    def forwards(self) -> bool:
        """Whether two synapses of a lane, one after the other, may be of the same slot.

        Of kernel rows they are not where each event walks several words of channels, first to last.
        """
        if isinstance(self.rows, KernelRows):
            shapes = [port.convolution for port in self.ports if port.convolution is not None]
            one_group = all(shape.groups == 1 for shape in shapes)
            return not one_group or min(shape.group_words(self.lanes) for shape in shapes) == 1
        return isinstance(self.rows, CompressedRows) or self.slots == 1

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
        if self.plane is not None:
            return self.plane.address_bits
        return unsigned_bits(len(self.placement) - 1)

    @property
    def word(self) -> WordFormat:
        """Format of the words that it emits: spikes, or potentials where it does not fire."""
        if self.neuron.fires:
            return WordFormat(address_bits=self.address_bits)
        return WordFormat(address_bits=self.address_bits, value_bits=self.neuron.state_bits, signed=True)

    @property
    def state_word_bits(self) -> int:
        """Width of a word of the state memory.

        From the lowest bit: what drive is added to (the stored potential, or the stored current where there
        is one), the last spike where it is stored, the stored potential where there is a current.
        """
        return self.accumulator_bits + self.neuron.stores_spike + self.stored_bits

    @property
    def stored_bits(self) -> int:
        """Width of the stored potential beside a stored current; 0 where there is none."""
        return self.potential_bits if self.neuron.current is not None else 0


@dataclass(frozen=True, slots=True, kw_only=True)
class InputConfig:
    """A stream of events into the chip, or of sound that an encoder turns into events.

    Addresses count through ``shape`` in C order, or are those of the ``plane``.

    Parameters
    ----------
    encoder
        Stands between the chip's port and the cores; its lines are the addresses.
    encoder_lanes
        Channels that a spiketrum encoder works on at a time, and no other has; no matter of results.
    """

    name: str
    shape: tuple[int, ...]
    kind: Literal["drive", "hold"] = "drive"
    value_bits: int = 0
    value_scale: float = 1.0
    max_events: int = 1
    plane: PlaneFormat | None = None
    encoder: Encoder | None = None
    encoder_lanes: int | None = None

    def __post_init__(self) -> None:
        spiketrum = isinstance(self.encoder, SpiketrumConfig)
        if self.encoder_lanes not in ((1, 2, 4, 8) if spiketrum else (None,)):
            must = "1, 2, 4 or 8" if spiketrum else "left out, as only a spiketrum encoder has them"
            raise ConfigError(f"input {self.name!r}: encoder_lanes must be {must}, not {self.encoder_lanes}")
        if self.encoder is None:
            return
        if self.shape != (self.encoder.lines,):
            raise ConfigError(
                f"input {self.name!r}: shape must be {(self.encoder.lines,)}, the encoder's lines,"
                f" not {self.shape}"
            )
        if self.kind != "drive" or self.value_bits or self.plane is not None:
            raise ConfigError(f"input {self.name!r}: an encoder's spikes must be drive, and have no values")

    @property
    def size(self) -> int:
        """Number of addresses."""
        return prod(self.shape)

    @property
    def source_word(self) -> WordFormat:
        """Format of the words at the chip's port: samples, where an encoder stands behind it."""
        return self.word if self.encoder is None else self.encoder.sample_word

    @property
    def word(self) -> WordFormat:
        """Format of the words that cores take from it."""
        bits = unsigned_bits(self.size - 1) if self.plane is None else self.plane.address_bits
        return WordFormat(address_bits=bits, value_bits=self.value_bits)

    @property
    def addresses(self) -> npt.NDArray[np.int64]:
        """Physical address of every logical one, ``(size,)``."""
        return np.arange(self.size) if self.plane is None else self.plane.addresses()


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
        later = {core.name for core in self.cores}
        for core in self.cores:
            for port in core.ports:
                if port.source not in known and (port.source not in later or min(port.delay) < 1):
                    raise ConfigError(
                        f"core {core.name!r}: port {port.source!r} must be an input or an earlier core, or a"
                        " delayed one"
                    )
                if port.source in silent:
                    raise ConfigError(
                        f"core {core.name!r}: port {port.source!r} must fire, not give potentials"
                    )
            if core.ports and all(self.closes_cycle(core, port) for port in core.ports):
                raise ConfigError(f"core {core.name!r}: must have a port that closes no cycle")
            known.add(core.name)
        for name in self.outputs:
            if name not in {core.name for core in self.cores}:
                raise ConfigError(f"output {name!r}: there is no such core")

    def closes_cycle(self, core: CoreConfig, port: PortConfig) -> bool:
        """Whether a port of a core takes what that core or a later one fires."""
        order = [other.name for other in self.cores]
        return port.source in order and order.index(port.source) >= order.index(core.name)

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
