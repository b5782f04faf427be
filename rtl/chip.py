"""The chip: encoders and cores joined by links, inputs and outputs as streams, the configuration bus."""

from collections.abc import Mapping, Sequence
from typing import Any

from amaranth.hdl import Cat, Module
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from spikewright.config import ChipConfig, CoreConfig, InputConfig, identifier
from spikewright.errors import ConfigError
from spikewright.events import WordFormat
from spikewright.filterbank import FilterBankConfig
from spikewright.memories import bus_map, bus_memories, encoder_layout
from spikewright.memory import BUS_BITS, window
from spikewright.rings import closing_ports, port_ring
from spikewright.rtl.bus import BusController, request_layout
from spikewright.rtl.filterbank.core import FilterBankCore
from spikewright.rtl.lif_core import LifCore, or_all
from spikewright.rtl.link import Fork, Link
from spikewright.rtl.memory import BusShape
from spikewright.rtl.ring import DelayRing
from spikewright.rtl.spiketrum.encoder import SpiketrumEncoder
from spikewright.rtl.words import word_layout, word_stream

__all__ = ["Chip", "bus_shape", "chip_ports"]


def bus_shape(chip: ChipConfig) -> BusShape:
    """The bus that reaches all memories of a chip."""
    bases, memories = bus_map(chip), bus_memories(chip)
    return BusShape(
        address_bits=max(1, (max(bases[m.name] + window(m) for m in memories) - 1).bit_length()),
        transfers=max(-(-m.width // BUS_BITS) for m in memories))


def chip_ports(config: ChipConfig) -> dict[str, wiring.Member]:
    """The ports of a :class:`Chip`, by name."""
    ports: dict[str, wiring.Member] = {
        f"in_{identifier(port.name)}": In(word_stream(port.source_word)) for port in config.inputs
    }
    ports |= {f"out_{identifier(name)}": Out(word_stream(config.core(name).word)) for name in config.outputs}
    encoders = sum(port.encoder is not None for port in config.inputs)
    ports["activity"] = Out(sum(core.walkers + 1 for core in config.cores) + encoders)
    if config.contents == "bus":
        ports |= {
            "bus_request": In(stream.Signature(request_layout(bus_shape(config).address_bits))),
            "bus_response": Out(stream.Signature(BUS_BITS)),
        }
    return ports


class Chip(wiring.Component):
    """All cores of a :class:`ChipConfig`.

    Members
    -------
    in_<input> : ``In(word_stream(input.source_word))``
        Events; samples of sound, where an encoder stands behind it.
    out_<core> : ``Out(word_stream(core.word))``
        One for every output.
    activity
        Core by core, whether this cycle is spent on events (a bit for each of its ``walkers``), on an update;
        then encoder by encoder, whether it works.
    bus_request, bus_response
        Only with contents ``bus``; see :class:`BusController`.
    """

    activity: Any
    bus_request: Any
    bus_response: Any

    def __init__(self, config: ChipConfig, images: Mapping[str, Sequence[int]] | None = None) -> None:
        self.config, self.images = config, images
        names = [port.name for port in config.inputs] + [core.name for core in config.cores]
        if len({identifier(name) for name in names}) != len(names):
            listed = ", ".join(names)
            raise ConfigError(f"names of inputs and cores must differ in letters and digits: {listed}")
        fed = {port.source for core in config.cores for port in core.ports} | set(config.outputs)
        for name in names:
            if name not in fed:
                raise ConfigError(f"{name!r} must feed a core or be an output, and does neither")
        if config.contents == "bus":
            self.bus_shape = bus_shape(config)
        super().__init__(chip_ports(config))

    def elaborate(self, platform: object) -> Module:
        m = Module()
        chip = self.config
        words: dict[str, WordFormat] = {port.name: port.word for port in chip.inputs}
        words |= {core.name: core.word for core in chip.cores}
        cores = {core.name: self._core(m, core.name, words) for core in chip.cores}
        encoders = {port.name: self._encoder(m, port) for port in chip.inputs if port.encoder is not None}
        loaded = [encoder for encoder in encoders.values() if isinstance(encoder, SpiketrumEncoder)]
        m.d.comb += self.activity.eq(Cat(
            *(Cat(core.event_cycle, core.update_cycle) for core in cores.values()),
            *(encoder.active for encoder in encoders.values())))
        sources = {
            port.name: encoders[port.name].sink if port.name in encoders else
            wiring.flipped(getattr(self, f"in_{identifier(port.name)}")) for port in chip.inputs
        }
        sources |= {name: core.sink for name, core in cores.items()}
        for name, source in sources.items():
            sinks = [(f"{identifier(name)}_to_port_{index}_of_{identifier(core.name)}",
                      self._port(m, core, index, cores[core.name]))
                     for core in chip.cores for index, port in enumerate(core.ports) if port.source == name]
            if name in chip.outputs:
                sinks.append((f"out_{identifier(name)}",
                              wiring.flipped(getattr(self, f"out_{identifier(name)}"))))
            self._distribute(m, name, source, sinks, word_layout(words[name]))
        if chip.contents == "bus":
            self._bus(m, [*cores.values(), *loaded])
        return m

    def _encoder(self, m: Module, port: InputConfig) -> SpiketrumEncoder | FilterBankCore:
        """The encoder behind an input; samples come to it over a link."""
        name = identifier(port.name)
        encoder: SpiketrumEncoder | FilterBankCore
        if isinstance(port.encoder, FilterBankConfig):
            encoder = FilterBankCore(port.encoder, port.name)
        else:
            encoder = SpiketrumEncoder(encoder_layout(port), images=self.images, **self._on_bus())
        m.submodules[f"encoder_{name}"] = encoder
        m.submodules[f"link_in_{name}"] = link = Link(word_layout(port.source_word))
        wiring.connect(m, wiring.flipped(getattr(self, f"in_{name}")), link.source)
        wiring.connect(m, link.sink, encoder.source)
        return encoder

    def _on_bus(self) -> dict[str, Any]:
        """What puts the memories of a part on the bus, if there is one."""
        return {} if self.config.contents != "bus" else \
            {"bases": bus_map(self.config), "shape": self.bus_shape}

    def _core(self, m: Module, name: str, words: Mapping[str, WordFormat]) -> LifCore:
        chip = self.config
        config = chip.core(name)
        core = LifCore(config, tuple(words[port.source] for port in config.ports),
                       closing=closing_ports(chip, config), images=self.images, **self._on_bus())
        m.submodules[f"core_{identifier(name)}"] = core
        return core

    def _port(self, m: Module, config: CoreConfig, index: int, core: LifCore) -> Any:
        """Where a link may lead to: a core's port, or the ring in front of it."""
        port = getattr(core, f"source_{index}")
        shape = port_ring(self.config, config, index)
        if shape is None:
            return port
        name = f"ring_{index}_of_{identifier(config.name)}"
        m.submodules[name] = ring = DelayRing(shape)
        m.submodules[f"link_from_{name}"] = link = Link(word_layout(shape.word))
        wiring.connect(m, ring.sink, link.source)
        wiring.connect(m, link.sink, port)
        return ring.source

    def _distribute(self, m: Module, name: str, source: Any, sinks: list[tuple[str, Any]], layout: Any
                    ) -> None:
        """Join a source with all that it feeds, each over a link of that name."""
        branches = [source]
        if len(sinks) > 1:
            m.submodules[f"fork_{identifier(name)}"] = fork = Fork(layout, len(sinks))
            wiring.connect(m, source, fork.source)
            branches = [fork.sinks[index] for index in range(len(sinks))]
        for branch, (end, sink) in zip(branches, sinks, strict=True):
            m.submodules[f"link_{end}"] = link = Link(layout)
            wiring.connect(m, branch, link.source)
            wiring.connect(m, link.sink, sink)

    def _bus(self, m: Module, parts: list[LifCore | SpiketrumEncoder]) -> None:
        m.submodules.bus = controller = BusController(self.bus_shape)
        wiring.connect(m, wiring.flipped(self.bus_request), controller.request)
        wiring.connect(m, wiring.flipped(self.bus_response), controller.response)
        m.d.comb += controller.resting.eq(Cat(part.resting for part in parts).all())
        m.d.comb += controller.bus.read_data.eq(or_all([part.bus.read_data for part in parts]))
        for part in parts:
            m.d.comb += [getattr(part.bus, name).eq(getattr(controller.bus, name))
                         for name in ("active", "strobe", "write", "address", "write_data")]
