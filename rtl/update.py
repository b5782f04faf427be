"""The update of a neuron: from the words that a sweep reads to the word that it stores."""

from collections.abc import Mapping
from contextlib import nullcontext
from typing import Any

from amaranth.hdl import Const, Module, Mux, Signal, Value, signed
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from spikewright.config import CoreConfig, Parameter
from spikewright.rtl.arithmetic import clamped
from spikewright.rtl.decay import decayed
from spikewright.rtl.latency import CoreLatency, current_arithmetic

__all__ = ["NeuronUpdate", "parameter_layout", "state_layout"]


def parameter_layout(parameters: tuple[Parameter, ...]) -> data.StructLayout:
    """One lane's part of a word of the parameter memory, or the word of shared levels."""
    return data.StructLayout({
        parameter.name: signed(parameter.bits) if parameter.signed else parameter.bits
        for parameter in parameters
    })


def state_layout(core: CoreConfig) -> data.StructLayout:
    """A word of the state memory: what drive is added to, the last spike, the potential beside a current."""
    fields: dict[str, Any] = {"gathered": signed(core.accumulator_bits)}
    if core.neuron.stores_spike:
        fields["fired"] = 1
    if core.neuron.current is not None:
        fields["stored"] = signed(core.stored_bits)
    return data.StructLayout(fields)


class NeuronUpdate(wiring.Component):
    """A step of one neuron after the other; bit-exact with docs/numerics.md.

    Takes a neuron a cycle (two with held drive). Where neurons fire several times in a step, each spike
    takes one subtraction, in the register of the potential: ``stall`` must be high while ``fires``, of this
    lane or of another one, until ``turn`` is the last; what stands before that register waits.
    :class:`CoreLatency` gives the latencies, in cycles without ``stall``.

    Members
    -------
    word : ``In(core.state_word_bits)``
        Word of the neuron, in the cycle after ``sweep.read``; before it that of its held drive.
    clear
        With the potential: the sample ends, current and potential become 0.
    stall, turn
        Only where neurons fire several times. With the potential: it stays for another spike, and so does
        what comes after; the number of the spike that it may fire now, from 1.
    parameters : ``In(parameter_layout(core.parameters))``
        The neuron's levels, along with ``word``.
    levels : ``In(parameter_layout(core.levels))``
        Levels that all neurons share.
    potential
        ``u``, :attr:`CoreLatency.potential` cycles after ``sweep.read``.
    fires
        With the potential: whether it does. Only where neurons fire several times.
    spike
        How often it fires, a cycle after the potential.
    stored : ``Out(core.state_word_bits)``
        What to store, :attr:`CoreLatency.store` cycles after ``sweep.read``.
    """

    word: Signal
    clear: Signal
    stall: Signal
    turn: Signal
    parameters: Any
    levels: Any
    potential: Signal
    fires: Signal
    spike: Signal
    stored: Signal

    def __init__(self, core: CoreConfig) -> None:
        self.core, self.latency = core, CoreLatency(core)
        bits = core.neuron.count_bits
        ports: dict[str, wiring.Member] = {
            "word": In(core.state_word_bits), "clear": In(1),
            "parameters": In(parameter_layout(core.parameters)), "levels": In(parameter_layout(core.levels)),
            "potential": Out(signed(core.neuron.state_bits)), "spike": Out(bits),
            "stored": Out(core.state_word_bits),
        }
        if core.neuron.repeats:
            ports |= {"stall": In(1), "turn": In(bits), "fires": Out(1)}
        super().__init__(ports)

    def elaborate(self, platform: object) -> Module:
        m = Module()
        core, neuron, clear = self.core, self.core.neuron, self.clear
        shared: dict[str, Value] = {level.name: self.levels[level.name] for level in core.levels}
        total, along = self._gather(m, shared)
        along = self._later(m, along)
        fires, reset, off = self._fire(m, shared | along)
        m.d.sync += self.potential.eq(clamped(total, neuron))
        if neuron.repeats:
            with m.If(self.stall):
                m.d.sync += self.potential.eq(reset)
        left, left_off, left_fires = Signal(signed(neuron.state_bits)), Signal.like(off), Signal()
        m.d.sync += [left.eq(Mux(clear, 0, reset)), left_off.eq(Mux(clear, 0, off)),
                     left_fires.eq(fires & ~clear)]
        # It decays; what the next step adds for certain is added now.
        last = shared | {name: delayed(m, value, 1) for name, value in along.items()}
        wait = self.latency.decay
        leaked = delayed(m, decayed(m, left, neuron, last.get("decay")), wait - self.latency.potential_decay)
        constant = delayed(m, last["bias"], wait) if "bias" in last else Const(neuron.bias[0])
        result: Any = Signal(state_layout(core))
        if neuron.current is not None:
            current = Mux(clear, 0, along["current"])
            m.d.sync += result.gathered.eq(self._next_current(m, current, last))
            if neuron.current.feeds == "old":  # while the neuron fires there is time for this sum
                bias = (shared | along).get("bias", Const(neuron.bias[0]))
                constant = delayed(m, current + bias, 1 + wait)
        stored: Value = leaked + constant
        if neuron.fires and neuron.reset == "subtract" and neuron.reset_when == "next":
            stored = stored - delayed(m, left_off, wait)
        m.d.sync += (result.gathered if neuron.current is None else result.stored).eq(stored)
        if neuron.stores_spike:
            m.d.sync += result.fired.eq(delayed(m, left_fires, wait))
        m.d.comb += self.stored.eq(result)
        return m

    def _gather(self, m: Module, shared: Mapping[str, Value]) -> tuple[Value, dict[str, Value]]:
        """The potential before it is clamped, and what comes with it: the neuron's levels, its current."""
        core, neuron = self.core, self.core.neuron
        word: Any = data.View(state_layout(core), self.word)
        total: Value = word.gathered
        along: dict[str, Value] = {level.name: self.parameters[level.name] for level in core.parameters}
        along |= {name: word[name] for name, _ in state_layout(core) if name != "gathered"}
        if core.holds:
            bits = core.accumulator_bits
            held, summed = Signal(signed(bits)), Signal(signed(bits + 1))
            with self._moving(m):
                m.d.sync += [held.eq(total), summed.eq(total + held)]
            total, along = summed, self._later(m, along)
        if neuron.current is not None:
            current = clamped(total, current_arithmetic(neuron.current))
            if neuron.current.feeds == "new":
                along = self._later(m, along | {"current": current})
                total = along["stored"] + along["current"]
            else:
                along["current"] = current
                total = along["stored"]
            del along["stored"]
        if neuron.stores_spike:
            value = {**shared, **along}.get("reset_value", Const(neuron.reset_value[0]))
            total = Mux(along.pop("fired"), value, total)
        return total, along

    def _fire(self, m: Module, levels: Mapping[str, Value]) -> tuple[Value, Value, Value]:
        """Whether the neuron fires, the potential that this leaves, and what is still to be taken off."""
        neuron, potential = self.core.neuron, self.potential
        nothing = Const(0, 1)
        if not neuron.fires:
            return nothing, potential, nothing
        compare = levels.get("compare", Const(neuron.compare[0]))
        amount = levels.get("reset_amount", Const(neuron.reset_amount[0]))
        above, fires = Signal(signed(neuron.state_bits + 1)), Signal()
        m.d.comb += [above.eq(potential - compare), fires.eq(~above[-1])]
        if neuron.repeats:  # once it does not fire it does not fire again
            m.d.comb += self.fires.eq(fires)
            with m.If(fires):
                m.d.sync += self.spike.eq(self.turn)
            with m.Elif(self.turn == 1):
                m.d.sync += self.spike.eq(0)
        else:
            m.d.sync += self.spike.eq(fires)
        if neuron.resets_by_compare:  # one level, and where it resets at once one subtraction, does for both
            amount = compare
        if neuron.reset_when == "next":
            return fires, potential, Mux(fires, amount, 0) if neuron.reset == "subtract" else nothing
        after: Value = above if neuron.resets_by_compare else potential - amount
        if neuron.reset == "set":
            after = levels.get("reset_value", Const(neuron.reset_value[0]))
        return fires, Mux(fires, after, potential)[:neuron.state_bits].as_signed(), nothing

    def _next_current(self, m: Module, current: Value, levels: Mapping[str, Value]) -> Value:
        """What to store of the current, in time with the potential."""
        config = self.core.neuron.current
        assert config is not None
        latency, arithmetic = self.latency, current_arithmetic(config)
        leaked = decayed(m, delayed(m, current, 1), arithmetic, levels.get("current_decay"))
        bias = levels.get("current_bias")
        constant = Const(config.bias[0]) if bias is None else delayed(m, bias, latency.decay)
        return delayed(m, leaked, latency.decay - latency.current_decay) + constant

    def _moving(self, m: Module) -> Any:
        """Where registers before the potential move on."""
        return m.If(~self.stall) if self.core.neuron.repeats else nullcontext()

    def _later(self, m: Module, values: Mapping[str, Value]) -> dict[str, Value]:
        """Values a cycle later, before the potential."""
        with self._moving(m):
            return {name: delayed(m, value, 1) for name, value in values.items()}


def delayed(m: Module, value: Value, cycles: int) -> Value:
    """``value`` so many cycles later."""
    for _ in range(cycles):
        register = Signal.like(value)
        m.d.sync += register.eq(value)
        value = register
    return value
