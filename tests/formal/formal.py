"""A component under proof: free inputs around it, what they keep to, what must hold, what must be possible.

All of it is plain logic, so that the same design goes to the prover and, with the inputs of a
counterexample, into Amaranth's simulator. Reset is a free input too, in any cycle.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from amaranth.hdl import Cat, ClockDomain, Elaboratable, Module, Mux, Signal, Value, ValueLike
from amaranth.lib import data

from tests.formal.faults import Fault

__all__ = ["Flow", "Formal"]


@dataclass(frozen=True)
class Flow:
    """A stream as its far end sees it: the surroundings', or the component's if that sends the words."""

    valid: Any
    ready: Any
    payload: Any
    moved: Signal
    """A word is handed over in this cycle."""

    @property
    def bits(self) -> Value:
        """The payload as a number."""
        return Value.cast(self.payload)


class Formal(Elaboratable):
    """What stands around a component.

    Parameters
    ----------
    faults
        By the name of a stream or of an observed value: what goes wrong between the component and its
        surroundings (see :class:`Fault`; ``alters`` for a value), whenever a free input says so.
    platform
        What the component is elaborated for.
    """

    def __init__(self, faults: Mapping[str, str] | None = None, *, platform: object = None) -> None:
        self.platform = platform
        self.m = Module()
        self.domain: Any = ClockDomain("sync")
        self.m.domains.sync = self.domain
        self.inputs: dict[str, Signal] = {}
        self.checks: dict[str, Signal] = {}
        self.covers: dict[str, Signal] = {}
        self.shown: dict[str, Value] = {}
        self.failed = Signal(name="failed")
        self._faults = dict(faults or {})
        self._lawful = Signal(name="lawful")
        self._laws: list[Value] = []
        self._started = Signal(name="started", reset_less=True)
        self._finished = False

    def free(self, name: str, shape: Any = 1) -> Any:
        """Anything, in every cycle."""
        assert name not in self.inputs, f"{name!r} is there already"
        signal: Any = Signal(shape, name=f"free_{len(self.inputs)}")
        self.inputs[name] = Value.cast(signal)  # type: ignore[assignment]
        return signal

    def constant(self, name: str, shape: Any = 1) -> Any:
        """Anything, the same in all cycles."""
        first, kept = self.free(name, shape), Signal(shape, reset_less=True)
        with self.m.If(~self._started):
            self.m.d.sync += kept.eq(first)
        constant: Any = Signal(shape)
        self.m.d.comb += Value.cast(constant).eq(Mux(self._started, Value.cast(kept), Value.cast(first)))
        return constant

    def assume(self, condition: ValueLike) -> None:
        """The surroundings keep to this in every cycle."""
        self._laws.append(Value.cast(condition))

    def check(self, name: str, condition: ValueLike) -> None:
        """Claim that it holds in every cycle, as long as the surroundings keep to their laws."""
        assert name not in self.checks, f"{name!r} is checked already"
        self.checks[name] = broken = Signal(name=f"check_{len(self.checks)}")
        self.m.d.comb += broken.eq(self._lawful & ~Value.cast(condition).bool())

    def cover(self, name: str, condition: ValueLike) -> None:
        """Claim that it is possible, with lawful surroundings."""
        assert name not in self.covers, f"{name!r} is covered already"
        self.covers[name] = reached = Signal(name=f"cover_{len(self.covers)}")
        self.m.d.comb += reached.eq(self._lawful & Value.cast(condition).bool())

    def past(self, value: ValueLike) -> Signal:
        """The value in the cycle before; 0 after reset."""
        before = Signal(len(Value.cast(value)))
        self.m.d.sync += before.eq(value)
        return before

    def show(self, name: str, value: Any) -> None:
        """Show a value in the table of a counterexample, field by field."""
        if isinstance(value, data.View) and isinstance(value.shape(), data.StructLayout):
            for field, _ in value.shape():
                self.shown[f"{name}.{field}"] = Value.cast(value[field])
        else:
            self.shown[name] = Value.cast(value)

    def observe(self, name: str, value: Any) -> Any:
        """An output of the component that is no stream."""
        value = Value.cast(value).as_unsigned()
        if self._faults.pop(name, None) is not None:
            wrong = self.free(f"{name}: wrong by", len(value))
            value = value ^ wrong
        self.show(name, value)
        return value

    def feed(self, name: str, port: Any) -> Flow:
        """Give a component's stream any words; one that waits stays."""
        valid, payload = self.free(f"{name}.valid"), self.free(f"{name}.payload", port.payload.shape())
        flow, ready = self._flow(name, valid, payload), Signal()
        source: Any = Flow(valid, ready, payload, flow.moved)
        self._join(name, source, port)
        self.m.d.comb += flow.ready.eq(ready)
        self.assume(self._steady(flow))
        return flow

    def drain(self, name: str, port: Any, *, may_retract: bool = False) -> Flow:
        """Take a component's words, whenever; check that one that waits stays, if it must."""
        flow = self._flow(name, Signal(), Signal(port.payload.shape()))
        sink: Any = Flow(flow.valid, self.free(f"{name}.ready"), flow.payload, flow.moved)
        self._join(name, port, sink)
        self.m.d.comb += flow.ready.eq(sink.ready)
        if not may_retract:
            self.check(f"{name}: a waiting word stays", self._steady(flow))
            self.cover(f"{name}: a word waits, then goes", self.past(flow.valid & ~flow.ready) & flow.moved)
        return flow

    def _flow(self, name: str, valid: Any, payload: Any) -> Flow:
        flow = Flow(valid, Signal(), payload, Signal())
        self.m.d.comb += flow.moved.eq(flow.valid & flow.ready)
        self.show(f"{name}.valid", flow.valid)
        self.show(f"{name}.ready", flow.ready)
        self.show(f"{name}.payload", flow.payload)
        return flow

    def _steady(self, flow: Flow) -> Any:
        waited = self.past(flow.valid & ~flow.ready)
        return ~waited | flow.valid & (flow.bits == self.past(flow.bits))

    def _join(self, name: str, source: Any, sink: Any) -> None:
        """Words from source to sink; over a fault, if this stream is to have one."""
        kind = self._faults.pop(name, None)
        if kind is not None:
            fault = Fault(kind, len(Value.cast(source.payload)))
            self.m.submodules[f"fault_{name}"] = fault
            self.m.d.comb += [fault.act.eq(self.free("act")), fault.mask.eq(self.free("mask", fault.width))]
            self._wire(source, fault.source)
            source = fault.sink
        self._wire(source, sink)

    def _wire(self, source: Any, sink: Any) -> None:
        self.m.d.comb += [sink.valid.eq(source.valid), source.ready.eq(sink.ready),
                          Value.cast(sink.payload).eq(Value.cast(source.payload))]

    def elaborate(self, platform: object) -> Module:
        if not self._finished:  # it is elaborated for the prover, and again for the simulator
            assert not self._faults, f"no such stream or value: {', '.join(self._faults)}"
            self._finished = True
            lawful_before = Signal(init=1, reset_less=True)
            self.m.d.sync += [self._started.eq(1), lawful_before.eq(self._lawful)]
            self.m.d.comb += [self._lawful.eq(lawful_before & Cat(*self._laws).all()),
                              self.failed.eq(Cat(*self.checks.values()).any())]
        return self.m
