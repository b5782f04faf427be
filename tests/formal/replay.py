"""Counterexamples in Amaranth's simulator: that they are real, and what every port does in every cycle."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from amaranth.hdl import Fragment
from amaranth.sim import Simulator

from tests.formal.formal import Formal

__all__ = ["Trace", "replay"]


@dataclass
class Trace:
    """What was seen, cycle by cycle.

    Parameters
    ----------
    rows
        Values by name.
    broken, reached
        The first cycle in which a check fails, in which a situation that is to be covered comes about.
    """

    cycles: int
    rows: dict[str, list[int]] = field(default_factory=dict)
    broken: dict[str, int] = field(default_factory=dict)
    reached: dict[str, int] = field(default_factory=dict)

    def table(self) -> str:
        """A row for every value, a column for every cycle, in hexadecimal; 0 of a single bit is a dot."""
        lines = [f"cycle {cycle}: {name!r} does not hold" for name, cycle in self.broken.items()]
        cells = {name: ["." if value == 0 and max(values) <= 1 else f"{value:x}" for value in values]
                 for name, values in [("cycle", list(range(self.cycles))), *self.rows.items()]}
        cells["cycle"] = [str(cycle) for cycle in range(self.cycles)]
        label = max(map(len, cells))
        widths = [max(len(row[cycle]) for row in cells.values()) for cycle in range(self.cycles)]
        lines += [f"{name:<{label}}  " + " ".join(f"{cell:>{width}}" for cell, width in
                                                  zip(row, widths, strict=True))
                  for name, row in cells.items()]
        return "\n".join(lines)


def replay(formal: Formal, frames: Sequence[Mapping[str, int]]) -> Trace:
    """Apply these inputs, by port and cycle."""
    trace = Trace(len(frames))
    inputs = {signal.name: signal for signal in formal.inputs.values()}
    watched: dict[str, Any] = {"reset": formal.domain.rst, **{
        name: signal for name, signal in formal.inputs.items() if "." not in name}, **formal.shown}
    sampled = [*watched.values(), *formal.checks.values(), *formal.covers.values()]
    names = [*watched, *formal.checks, *formal.covers]
    seen: list[tuple[int, ...]] = []

    async def process(ctx: Any) -> None:
        for frame in frames:
            for name, signal in inputs.items():
                ctx.set(signal, frame.get(name, 0))
            ctx.set(formal.domain.rst, frame.get("rst", 0))
            _, _, *values = await ctx.tick().sample(*sampled)
            seen.append(tuple(int(value) & (1 << len(signal)) - 1
                              for value, signal in zip(values, sampled, strict=True)))

    simulator = Simulator(Fragment.get(formal, formal.platform))  # type: ignore[no-untyped-call]
    simulator.add_clock(1e-6)
    simulator.add_testbench(process)
    simulator.run()
    for index, name in enumerate(names):
        column = [values[index] for values in seen]
        if index < len(watched):
            trace.rows[name] = column
        elif any(column):
            first = column.index(1)
            (trace.broken if name in formal.checks else trace.reached)[name] = first
    return trace
