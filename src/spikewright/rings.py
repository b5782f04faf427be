"""Rings of delayed ports: shapes and memories; RTL, estimates and the timing model agree here."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from spikewright.config import ChipConfig, CoreConfig, InputConfig
from spikewright.errors import ConfigError
from spikewright.events import WordFormat
from spikewright.fixed import unsigned_bits
from spikewright.memory import MemoryConfig

__all__ = [
    "RingConfig",
    "closing_ports",
    "port_ring",
    "port_rings",
    "port_source",
    "ring_memories",
    "ring_tables",
]

WORD_BITS = 16
"""Bits of a ring's word, or less, unless a field alone has more: what a block RAM of the smallest FPGAs has,
and as many as are soon searched for the next event."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RingConfig:
    """A ring: step slots, in each of them a field for every address, all in one memory.

    Word ``slot * words + address // fields`` has the field of an address at ``address % fields`` from the
    lowest bits up. A field is the value of an event, or of spikes their number; 0 where there is none.

    Parameters
    ----------
    name
        Of its memory.
    word
        Format of the words that come and go.
    addresses
        Events carry a physical address below this.
    delays
        Steps by which events come later: of all addresses, or of each physical one.
    most
        Most events of an address in a step.
    leads
        Whether it closes a cycle: it gives an empty step at a sample's start, and then the events of a step
        when its source has ended the step before.
    """

    name: str
    word: WordFormat
    addresses: int
    delays: tuple[int, ...]
    most: int = 1
    leads: bool = False

    def __post_init__(self) -> None:
        least = int(self.leads)
        if len(self.delays) not in (1, self.addresses) or min(self.delays) < least:
            raise ConfigError(
                f"{self.name}: delays must be 1 or {self.addresses} numbers from {least} on, not"
                f" {len(self.delays)} from {min(self.delays)} on"
            )

    @property
    def field_bits(self) -> int:
        """Width of a field: one bit for a spike."""
        return self.word.value_bits or self.most.bit_length()

    @property
    def fields(self) -> int:
        """Fields of a word; a power of two, so that addresses divide by bits."""
        room = max(1, WORD_BITS // self.field_bits)
        return min(1 << (room.bit_length() - 1), 1 << (self.addresses - 1).bit_length())

    @property
    def words(self) -> int:
        """Words of a step slot."""
        return -(-self.addresses // self.fields)

    @property
    def ahead(self) -> tuple[int, ...]:
        """Slots between the one that the source's step ends and that of an event, as of :attr:`delays`."""
        return tuple(delay - self.leads for delay in self.delays)

    @property
    def slots(self) -> int:
        """Step slots: that of the step which ends next, and of those after it that events may belong to."""
        return max(self.ahead) + 1

    @property
    def memory(self) -> MemoryConfig:
        """Its memory."""
        width = self.fields * self.field_bits
        return MemoryConfig(name=self.name, depth=self.slots * self.words, width=width, state=True)

    @property
    def table(self) -> tuple[int, ...]:
        """First word of an event's slot, counted from that of the slot that ends next."""
        return tuple(ahead * self.words for ahead in self.ahead)

    @property
    def table_memory(self) -> MemoryConfig | None:
        """The constant memory of :attr:`table`, a word an address, where delays differ."""
        if len(self.table) == 1:
            return None
        width = unsigned_bits(max(self.table))
        return MemoryConfig(name=f"{self.name}.delays", depth=self.addresses, width=width)


def closing_ports(chip: ChipConfig, core: CoreConfig) -> tuple[int, ...]:
    """Indices of the ports of a core that close a cycle."""
    return tuple(index for index, port in enumerate(core.ports) if chip.closes_cycle(core, port))


def port_source(chip: ChipConfig, core: CoreConfig, index: int) -> CoreConfig | InputConfig:
    """What a port of a core comes from."""
    sources: tuple[CoreConfig | InputConfig, ...] = (*chip.inputs, *chip.cores)
    return next(source for source in sources if source.name == core.ports[index].source)


def port_ring(chip: ChipConfig, core: CoreConfig, index: int) -> RingConfig | None:
    """The ring in front of a core's port, if it has one."""
    port = core.ports[index]
    if not port.delayed:
        return None
    source = port_source(chip, core, index)
    most = source.max_events if isinstance(source, InputConfig) else source.neuron.max_spikes
    leads, physical = chip.closes_cycle(core, port), source.addresses
    delays = port.delay
    if len(delays) > 1:
        each = np.full(int(physical.max()) + 1, min(delays))
        each[physical] = delays
        delays = tuple(int(delay) for delay in each)
        if len(set(delays)) == 1:
            delays = delays[:1]
    return RingConfig(
        name=f"{core.name}.ring.{index}",
        word=source.word,
        addresses=int(physical.max()) + 1,
        delays=delays,
        most=most,
        leads=leads,
    )


def port_rings(chip: ChipConfig) -> Iterator[tuple[CoreConfig, int, RingConfig]]:
    """Every ring of a chip, with its core and the index of its port."""
    for core in chip.cores:
        for index in range(len(core.ports)):
            ring = port_ring(chip, core, index)
            if ring is not None:
                yield core, index, ring


def ring_memories(chip: ChipConfig) -> tuple[MemoryConfig, ...]:
    """Memories of all rings: states that the bus does not reach."""
    return tuple(ring.memory for _, _, ring in port_rings(chip))


def ring_tables(chip: ChipConfig) -> dict[str, tuple[MemoryConfig, tuple[int, ...]]]:
    """Constant memories of rings whose delays differ, by name, with their words."""
    found = ((ring.table_memory, ring.table) for _, _, ring in port_rings(chip))
    return {memory.name: (memory, words) for memory, words in found if memory is not None}
