"""A lane: the state memory of its neurons, what adds to it, and what updates it."""

from typing import Any

from amaranth.hdl import Module, Mux, Signal, Value, signed
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from spikewright.config import CoreConfig, slot_bits
from spikewright.memory import MemoryConfig
from spikewright.rtl.memory import NO_BUS, BusShape, BusSignature, ConfiguredMemory
from spikewright.rtl.update import NeuronUpdate, parameter_layout

__all__ = ["Lane", "SweepSignature", "SynapseSignature"]


class SynapseSignature(wiring.Signature):
    """One pass of a synapse on its way into a lane; the walker's side.

    A spike takes one pass with ``first``, ``last`` and ``bit`` set; a value of b bits takes b passes
    with its bits, highest first. ``address`` is the slot, above it whether the drive is held.
    """

    def __init__(self, core: CoreConfig) -> None:
        self.passing = data.StructLayout({
            "valid": 1, "first": 1, "last": 1, "bit": 1, "address": state_address_bits(core)})
        super().__init__({
            **{name: Out(field.shape) for name, field in self.passing},
            "weight": Out(signed(core.weight_bits)),
        })


class SweepSignature(wiring.Signature):
    """What the sequencer tells all lanes of a core.

    ``read_hold`` and ``read`` read ``slot`` (held drive; a cycle later, the potential); ``clear`` goes
    with the potential when it resets (:attr:`CoreLatency.potential` later); so do, where neurons fire several
    times, ``stall`` and ``turn`` (:class:`NeuronUpdate`). ``store`` writes back, into ``store_slot``;
    ``wipe`` empties the held drive of ``slot``.
    """

    def __init__(self, core: CoreConfig) -> None:
        bits = slot_bits(core)
        signals = {
            "read": Out(1), "read_hold": Out(1), "slot": Out(bits), "clear": Out(1),
            "store": Out(1), "store_slot": Out(bits), "wipe": Out(1),
        }
        if core.neuron.repeats:
            signals |= {"stall": Out(1), "turn": Out(core.neuron.count_bits)}
        super().__init__(signals)


def state_address_bits(core: CoreConfig) -> int:
    """Width of an address of the state memory."""
    return slot_bits(core) + core.holds


class Lane(wiring.Component):
    """State and arithmetic of every ``lanes``-th neuron; bit-exact with docs/numerics.md.

    Synapses are added at one a cycle, two cycles after their last pass; a sweep updates one neuron
    a cycle (two with held drive, one more for every further spike). :class:`CoreLatency` gives its latencies.

    Members
    -------
    synapse, sweep
        See their signatures. The two must not come at once, but for latencies that the sequencer keeps.
    parameters : ``In(parameter_layout(core.parameters))``
        This lane's fields of the parameter memory, in the cycle after ``sweep.read``.
    levels : ``In(parameter_layout(core.levels))``
        Levels that all neurons share, from the cycle after the first ``sweep.read`` on.
    potential, fires, spike
        As of :class:`NeuronUpdate`.
    """

    synapse: Any
    sweep: Any
    parameters: Any
    levels: Any
    potential: Signal
    fires: Signal
    spike: Signal
    bus: Any

    def __init__(self, core: CoreConfig, state: MemoryConfig, *, base: int | None = None,
                 shape: BusShape = NO_BUS) -> None:
        self.core = core
        self.memory = ConfiguredMemory(state, base=base, shape=shape)
        ports: dict[str, wiring.Member] = {
            "synapse": In(SynapseSignature(core)), "sweep": In(SweepSignature(core)),
            "parameters": In(parameter_layout(core.parameters)), "levels": In(parameter_layout(core.levels)),
            "spike": Out(core.neuron.count_bits), "potential": Out(signed(core.neuron.state_bits)),
        }
        if core.neuron.repeats:
            ports["fires"] = Out(1)
        if base is not None:
            ports["bus"] = In(BusSignature(shape))
        super().__init__(ports)

    def elaborate(self, platform: object) -> Module:
        m = Module()
        m.submodules.state = memory = self.memory
        if self.memory.base is not None:
            wiring.connect(m, wiring.flipped(self.bus), memory.bus)
        total, address, adding = self._accumulate(m)
        holds, sweep = self.core.holds, self.sweep
        m.submodules.update = update = NeuronUpdate(self.core)
        m.d.comb += [
            update.word.eq(memory.read_data), update.clear.eq(sweep.clear),
            update.parameters.eq(self.parameters), update.levels.eq(self.levels),
            self.potential.eq(update.potential), self.spike.eq(update.spike),
        ]
        if self.core.neuron.repeats:
            m.d.comb += [
                update.stall.eq(sweep.stall), update.turn.eq(sweep.turn), self.fires.eq(update.fires),
            ]
        store = Signal()
        m.d.comb += [
            store.eq(sweep.store | sweep.wipe),
            memory.write_enable.eq(adding | store),
            memory.write_address.eq(Mux(store, sweep.store_slot, address)),
            memory.write_data.eq(Mux(sweep.store, update.stored, total)),
        ]
        if holds:
            wiped = sweep.slot | (1 << slot_bits(self.core))
            m.d.comb += memory.write_address.eq(Mux(store, Mux(sweep.wipe, wiped, sweep.store_slot), address))
            with m.If(sweep.wipe):
                m.d.comb += memory.write_data.eq(0)
        return m

    def _accumulate(self, m: Module) -> tuple[Value, Signal, Signal]:
        """Read the addressed word, add the product: the new word, its address, and when to write it."""
        core, synapse, sweep, memory = self.core, self.synapse, self.sweep, self.memory
        swept = sweep.slot
        if core.holds:
            swept = sweep.slot | (sweep.read_hold << slot_bits(core))
        sweeping = sweep.read | sweep.read_hold
        m.d.comb += [
            memory.read_enable.eq(sweeping | synapse.valid & synapse.last),
            memory.read_address.eq(Mux(sweeping, swept, synapse.address)),
        ]
        product = Signal(signed(core.weight_bits + core.value_bits))
        added = Signal()
        address = Signal(state_address_bits(core))
        if core.value_bits:
            doubled = Mux(synapse.first, 0, product << 1)
            m.d.sync += product.eq(doubled + Mux(synapse.bit, synapse.weight, 0))
        else:
            m.d.sync += product.eq(synapse.weight)
        m.d.sync += [added.eq(synapse.valid & synapse.last), address.eq(synapse.address)]
        word: Value = memory.read_data
        if core.forwards:
            # The word before this one may have the same address: its sum is not in memory yet.
            sum_before, forward = Signal(len(word)), Signal()
            m.d.sync += forward.eq(added & (synapse.address == address))
            word = Mux(forward, sum_before, word)
        bits = core.accumulator_bits
        total = Signal(len(memory.read_data))
        m.d.comb += total.eq((word[:bits] + product)[:bits])
        if len(total) > bits:
            m.d.comb += total[bits:].eq(word[bits:])
        if core.forwards:
            m.d.sync += sum_before.eq(total)
        return total, address, added
