"""A lane: the state memory of its neurons, and what adds to it, decays, compares and resets."""

from collections.abc import Mapping
from typing import Any

from amaranth.hdl import Const, Module, Mux, Signal, Value, signed
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from spikewright.config import CoreConfig, Parameter, ParameterName, slot_bits
from spikewright.memories import MemoryConfig
from spikewright.rtl.arithmetic import clamped
from spikewright.rtl.decay import decayed
from spikewright.rtl.latency import CoreLatency
from spikewright.rtl.memory import NO_BUS, BusShape, BusSignature, ConfiguredMemory

__all__ = ["Lane", "SweepSignature", "SynapseSignature", "parameter_layout"]


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
    with the potential when it resets (:attr:`CoreLatency.potential` later). ``store`` writes back, into
    ``store_slot``; ``wipe`` empties the held drive of ``slot``.
    """

    def __init__(self, core: CoreConfig) -> None:
        bits = slot_bits(core)
        super().__init__({
            "read": Out(1), "read_hold": Out(1), "slot": Out(bits), "clear": Out(1),
            "store": Out(1), "store_slot": Out(bits), "wipe": Out(1),
        })


def state_address_bits(core: CoreConfig) -> int:
    """Width of an address of the state memory."""
    return slot_bits(core) + core.holds


def parameter_layout(parameters: tuple[Parameter, ...]) -> data.StructLayout:
    """One lane's part of a word of the parameter memory, or the word of shared levels."""
    return data.StructLayout({
        parameter.name: signed(parameter.bits) if parameter.signed else parameter.bits
        for parameter in parameters
    })


class Lane(wiring.Component):
    """State and arithmetic of every ``lanes``-th neuron; bit-exact with docs/numerics.md.

    Synapses are added at one a cycle, two cycles after their last pass; a sweep updates one neuron
    a cycle (two with held drive). :class:`CoreLatency` gives its latencies.

    Members
    -------
    synapse, sweep
        See their signatures. The two must not come at once, but for latencies that the sequencer keeps.
    parameters : ``In(parameter_layout(core.parameters))``
        This lane's fields of the parameter memory, in the cycle after ``sweep.read``.
    levels : ``In(parameter_layout(core.levels))``
        Levels that all neurons share, from the cycle after the first ``sweep.read`` on.
    potential
        ``u``, :attr:`CoreLatency.potential` cycles after ``sweep.read``.
    spike
        Whether it fires, a cycle later.
    """

    synapse: Any
    sweep: Any
    parameters: Any
    levels: Any
    spike: Signal
    potential: Signal
    bus: Any

    def __init__(self, core: CoreConfig, state: MemoryConfig, *, base: int | None = None,
                 shape: BusShape = NO_BUS) -> None:
        self.core = core
        self.memory = ConfiguredMemory(state, base=base, shape=shape)
        ports: dict[str, wiring.Member] = {
            "synapse": In(SynapseSignature(core)), "sweep": In(SweepSignature(core)),
            "parameters": In(parameter_layout(core.parameters)), "levels": In(parameter_layout(core.levels)),
            "spike": Out(1), "potential": Out(signed(core.neuron.state_bits)),
        }
        if base is not None:
            ports["bus"] = In(BusSignature(shape))
        super().__init__(ports)

    def elaborate(self, platform: object) -> Module:
        m = Module()
        m.submodules.state = memory = self.memory
        if self.memory.base is not None:
            wiring.connect(m, wiring.flipped(self.bus), memory.bus)
        total, address, adding = self._accumulate(m)
        stored = self._update(m)
        holds, sweep = self.core.holds, self.sweep
        store = Signal()
        m.d.comb += [
            store.eq(sweep.store | sweep.wipe),
            memory.write_enable.eq(adding | store),
            memory.write_address.eq(Mux(store, sweep.store_slot, address)),
            memory.write_data.eq(Mux(sweep.store, stored, total)),
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
        if core.neuron.stores_spike:
            m.d.comb += total[-1].eq(word[-1])
        if core.forwards:
            m.d.sync += sum_before.eq(total)
        return total, address, added

    def _update(self, m: Module) -> Value:
        """From the words a sweep reads to the word it stores, in time with :class:`CoreLatency`."""
        core, neuron, word = self.core, self.core.neuron, self.memory.read_data
        bits = core.accumulator_bits
        gathered: Value = word[:bits].as_signed()
        before: Value = word[-1] if neuron.stores_spike else Const(0, 1)
        shared = {level.name: self.levels[level.name] for level in core.levels}
        fields = {parameter.name: self.parameters[parameter.name] for parameter in core.parameters}
        if core.holds:
            held, summed, fired = Signal(signed(bits)), Signal(signed(bits + 1)), Signal()
            m.d.sync += [held.eq(gathered), summed.eq(gathered + held), fired.eq(before)]
            gathered, before = summed, fired
            fields = {name: delayed(m, value, 1) for name, value in fields.items()}
        if neuron.stores_spike:
            value = (shared | fields).get("reset_value", Const(neuron.reset_value[0]))
            gathered = Mux(before, value, gathered)
        m.d.sync += self.potential.eq(clamped(gathered, neuron))
        # It fires and resets.
        after = {name: delayed(m, value, 1) for name, value in fields.items()}
        fires, reset, off = self._fire(m, shared | after)
        left, left_off, left_fires = Signal(signed(neuron.state_bits)), Signal.like(off), Signal()
        clear = self.sweep.clear
        m.d.sync += [left.eq(Mux(clear, 0, reset)), left_off.eq(Mux(clear, 0, off)),
                     left_fires.eq(fires & ~clear), self.spike.eq(fires)]
        # It decays; what the next step adds for certain is added now.
        last = shared | {name: delayed(m, value, 1) for name, value in after.items()}
        leaked = decayed(m, left, neuron, last.get("decay"))
        wait = CoreLatency(core).decay
        constant = delayed(m, last["bias"], wait) if "bias" in last else Const(neuron.bias[0])
        stored: Value = leaked + constant
        if neuron.fires and neuron.reset == "subtract" and neuron.reset_when == "next":
            stored = stored - delayed(m, left_off, wait)
        result = Signal(self.memory.config.width)
        m.d.sync += result[:bits].eq(stored)
        if neuron.stores_spike:
            m.d.sync += result[-1].eq(delayed(m, left_fires, wait))
        return result

    def _fire(self, m: Module, levels: Mapping[ParameterName, Value]) -> tuple[Value, Value, Value]:
        """Whether the neuron fires, the potential that this leaves, and what is still to be taken off."""
        neuron, potential = self.core.neuron, self.potential
        nothing = Const(0, 1)
        if not neuron.fires:
            return nothing, potential, nothing
        compare = levels.get("compare", Const(neuron.compare[0]))
        amount = levels.get("reset_amount", Const(neuron.reset_amount[0]))
        above, fires = Signal(signed(neuron.state_bits + 1)), Signal()
        m.d.comb += [above.eq(potential - compare), fires.eq(~above[-1])]
        if neuron.resets_by_compare:  # one level, and where it resets at once one subtraction, does for both
            amount = compare
        if neuron.reset_when == "next":
            return fires, potential, Mux(fires, amount, 0) if neuron.reset == "subtract" else nothing
        after: Value = above if neuron.resets_by_compare else potential - amount
        if neuron.reset == "set":
            after = levels.get("reset_value", Const(neuron.reset_value[0]))
        return fires, Mux(fires, after, potential)[:neuron.state_bits].as_signed(), nothing


def delayed(m: Module, value: Value, cycles: int) -> Value:
    """``value`` so many cycles later."""
    for _ in range(cycles):
        register = Signal.like(value)
        m.d.sync += register.eq(value)
        value = register
    return value
