"""Addresses in the plane: their rows in dense cores, those that have none, and the places of a sweep."""

import random
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from amaranth.hdl import Const, Module, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from spikewright.config import CoreConfig, PortConfig
from spikewright.convolution import Plane
from spikewright.events import Kind, PlaneFormat, WordFormat
from spikewright.rtl.planes import plane_row, table
from spikewright.rtl.rows import event_layout
from tests.rtl.cores import decode, meanings, plain_core, word
from tests.rtl.kernels import draw_convolution, kernel_core
from tests.rtl.streams import Bench, run_streams
from tests.rtl.test_emitter import PACES, Fed, readout_steps, spiking_steps
from tests.rtl.test_intake import CHANCES, Tokens

PLANES: list[tuple[Plane, int, tuple[int, int]]] = [
    ((1, 1, 1), 1, (1, 1)), ((3, 4, 4), 1, (1, 1)), ((5, 6, 7), 2, (2, 3)), ((2, 1, 18), 1, (1, 4)),
    ((20, 5, 3), 8, (5, 3)), ((2, 34, 34), 1, (4, 4)), ((17, 3, 5), 4, (2, 1)),
]
"""Shape, lanes and pooling of a source."""


def logical(source: int, shape: Plane, pool: tuple[int, int], first_row: int) -> int | None:
    """Row of a source by its definition, or None."""
    channel, y, x = np.unravel_index(source, shape)
    rows, columns = shape[1] // pool[0], shape[2] // pool[1]
    y, x = y // pool[0], x // pool[1]
    return None if y >= rows or x >= columns else int((channel * rows + y) * columns + x) + first_row


class Row(wiring.Component):  # type: ignore[type-arg]  # not generic at run time
    """plane_row as a component."""

    address: Signal
    row: Signal
    within: Signal

    def __init__(self, port: PortConfig) -> None:
        assert port.plane is not None
        self.port = port
        super().__init__({"address": In(port.plane.address_bits), "row": Out(16), "within": Out(1)})

    def elaborate(self, platform: object) -> Module:
        m = Module()
        row, within = plane_row(self.address, self.port)
        m.d.comb += [self.row.eq(row), self.within.eq(within)]
        return m


@pytest.mark.parametrize(("shape", "lanes", "pool"), PLANES)
@pytest.mark.parametrize("first_row", [0, 5])
def test_row_of_every_source(shape: Plane, lanes: int, pool: tuple[int, int], first_row: int) -> None:
    plane = PlaneFormat(shape=shape, lanes=lanes)
    dut = Row(PortConfig(source="in", addresses=1, plane=plane, pool=pool, first_row=first_row))
    bench, got = Bench(dut), []

    async def process(ctx: Any) -> None:
        for address in plane.addresses():
            ctx.set(dut.address, int(address))
            await ctx.delay(1e-9)
            got.append(ctx.get(dut.row) if ctx.get(dut.within) else None)

    bench.run(process)
    assert got == [logical(source, shape, pool, first_row) for source in range(int(np.prod(shape)))]


def test_a_table_of_equal_words_is_a_constant() -> None:
    index = Signal(3)
    assert isinstance(table(index, [5] * 8), Const)
    assert not isinstance(table(index, [5] * 7 + [4]), Const)


def plane_ports() -> CoreConfig:
    """A dense core behind two sources in the plane, of which one is pooled and has a rest, and another."""
    core = plain_core(ports=[("drive", 24, 0), ("hold", 12, 2), ("drive", 5, 0)])
    planes = {0: ((2, 5, 9), 1, (2, 2)), 1: ((3, 2, 2), 2, (1, 1))}
    ports = [replace(port, addresses=(16, 12, 5)[index], first_row=(0, 16, 28)[index])
             for index, port in enumerate(core.ports)]
    for index, (shape, lanes, pool) in planes.items():
        ports[index] = replace(ports[index], plane=PlaneFormat(shape=shape, lanes=lanes), pool=pool)
    return replace(core, ports=tuple(ports))


def words_of(core: CoreConfig) -> tuple[WordFormat, ...]:
    bits = [port.plane.address_bits if port.plane else 3 for port in core.ports]
    return tuple(WordFormat(address_bits=width, value_bits=port.value_bits)
                 for width, port in zip(bits, core.ports, strict=True))


@pytest.mark.parametrize(("p_valid", "p_ready"), CHANCES)
@pytest.mark.parametrize("p_closed", [0.0, 0.6])
def test_events_take_their_rows_and_rests_are_dropped(p_valid: float, p_ready: float, p_closed: float
                                                      ) -> None:
    core, chosen, steps = plane_ports(), random.Random(3), 10
    formats = words_of(core)
    events: list[list[list[int]]] = []
    expected: list[list[list[int]]] = []
    for port, format in zip(core.ports, formats, strict=True):
        plane = port.plane
        of_port, rows = [], []
        for _ in range(steps):
            size = int(np.prod(plane.shape)) if plane else port.addresses
            sources = [chosen.randrange(size) for _ in range(chosen.choice([0, 1, 6]))]
            addresses = [int(plane.addresses()[source]) if plane else source for source in sources]
            of_port.append([word(format, Kind.EVENT, address, 1) for address in addresses])
            found = [logical(source, plane.shape, port.pool, port.first_row) if plane
                     else source + port.first_row for source in sources]
            rows.append([row for row in found if row is not None])
        events.append(of_port)
        expected.append(rows)
    tokens = [Kind.END_OF_SAMPLE if step % 4 == 3 else Kind.END_OF_STEP for step in range(steps)]
    sent = sum(len(step) for port in events for step in port)
    kept = sum(len(step) for port in expected for step in port)
    assert kept < sent, "some are dropped"
    send = {f"source_{index}": [bits for step, kind in zip(port, tokens, strict=True)
                                for bits in (*step, word(formats[index], kind))]
            for index, port in enumerate(events)}
    got = run_streams(Tokens(core, formats), send=send, receive={"event": kept, "tokens": steps},
                      may_retract=["event", "tokens"], p_valid=p_valid, p_ready=p_ready,
                      toggle={"closed": p_closed})
    seen = sorted((cycle, name, bits) for name in ("event", "tokens")
                  for cycle, bits in zip(got.cycles[name], got[name], strict=True))
    assert len(seen) == kept + steps
    by_step: list[list[int]] = [[]]
    for _, name, bits in seen:
        if name == "tokens":
            by_step.append([])
        else:
            by_step[-1].append(decode(event_layout(core), bits)["row"])
    for step in range(steps):
        assert sorted(by_step[step]) == sorted(row for port in expected for row in port[step])


def test_a_row_in_the_plane_takes_a_cycle_and_the_next_follows() -> None:
    core = plane_ports()
    formats = words_of(core)
    assert core.ports[0].plane is not None
    first = core.ports[0].plane.addresses()
    events: list[list[list[int]]] = [
        [[word(formats[0], Kind.EVENT, int(first[source])) for source in (0, 8, 2, 3)]], [[]], [[]]]
    send = {f"source_{index}": [*port[0], word(formats[index], Kind.END_OF_STEP)]
            for index, port in enumerate(events)}
    got = run_streams(Tokens(core, formats), send=send, receive={"event": 3, "tokens": 1},
                      may_retract=["event", "tokens"])
    assert got.cycles["source_0"] == [0, 1, 2, 3, 5], "the second lies in no window"
    assert got.cycles["event"] == [1, 3, 4]
    assert got.cycles["tokens"] == [5]


def test_fields_of_kernel_cores() -> None:
    """Channel, y, x and port of every source of two ports."""
    rng = np.random.default_rng(4)
    first = draw_convolution(rng)
    core = kernel_core([(first, "drive", 0), (draw_convolution(rng, first.target), "hold", 2)], lanes=2)
    formats = words_of(core)
    events, expected = [], []
    for index, port in enumerate(core.ports):
        assert port.plane is not None
        addresses = port.plane.addresses()
        events.append([[word(formats[index], Kind.EVENT, int(address), 1) for address in addresses]])
        for source in range(len(addresses)):
            channel, y, x = map(int, np.unravel_index(source, port.plane.shape))
            expected.append((index, channel, y, x, int(port.kind == "hold")))
    send = {f"source_{index}": [*port[0], word(formats[index], Kind.END_OF_STEP)]
            for index, port in enumerate(events)}
    got = run_streams(Tokens(core, formats), send=send, receive={"event": len(expected), "tokens": 1},
                      may_retract=["event", "tokens"])
    names = ("port", "channel", "y", "x", "hold")
    decoded = [decode(event_layout(core), bits) for bits in got["event"]]
    assert [tuple(event[name] for name in names) for event in decoded] == expected


PLANE_CORES = [((1, 1, 1), 1), ((4, 3, 5), 4), ((5, 2, 3), 4), ((3, 1, 4), 8), ((9, 4, 2), 2), ((2, 3, 3), 1)]
"""Shape and lanes of cores: one place, whole words of channels, rests of them, fewer channels than lanes."""


def plane_core(shape: Plane, lanes: int, **neuron: Any) -> CoreConfig:
    core = plain_core(int(np.prod(shape)), lanes, **neuron)
    return replace(core, placement=(), plane=PlaneFormat(shape=shape, lanes=lanes))


@pytest.mark.parametrize(("shape", "lanes"), PLANE_CORES)
@pytest.mark.parametrize("p_ready", PACES)
def test_spikes_carry_addresses_in_the_plane(shape: Plane, lanes: int, p_ready: float) -> None:
    core = plane_core(shape, lanes)
    found, expected = spiking_steps(core, 6)
    got = run_streams(Fed(core), send={"found": found}, receive={"sink": len(expected)}, p_ready=p_ready,
                      p_valid=0.8)
    assert meanings(got["sink"]) == expected


@pytest.mark.parametrize(("shape", "lanes"), PLANE_CORES)
@pytest.mark.parametrize("p_ready", PACES)
def test_potentials_carry_addresses_in_the_plane(shape: Plane, lanes: int, p_ready: float) -> None:
    core = plane_core(shape, lanes, fires=False)
    found, expected = readout_steps(core, 3)
    got = run_streams(Fed(core), send={"found": found}, receive={"sink": len(expected)}, p_ready=p_ready)
    assert meanings(got["sink"]) == expected
