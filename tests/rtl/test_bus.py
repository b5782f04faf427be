"""The bus controller: every transfer made once, on resting cores only, in the cycles that it promises."""

import random
from itertools import pairwise
from typing import Any

import pytest
from amaranth.hdl import Module, Mux, Signal
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from spikewright.memory import MemoryConfig
from spikewright.rtl.bus import BusController, request_layout
from spikewright.rtl.memory import BusShape, ConfiguredMemory
from tests.rtl.cores import encode
from tests.rtl.streams import Run, run_streams

ADDRESS_BITS = 5
SHAPE = BusShape(address_bits=ADDRESS_BITS, transfers=3)
LAYOUT = request_layout(ADDRESS_BITS)
MEMORY = MemoryConfig(name="memory", depth=16, width=32)
Request = tuple[bool, int, int]
"""Write, address, data."""


class Loaded(wiring.Component):  # type: ignore[type-arg]  # not generic at run time
    """A controller, a memory in the lower half of the addresses, and cores at rest while ``works`` is low."""

    request: Any
    response: Any
    works: Any

    def __init__(self) -> None:
        self.controller = BusController(SHAPE)
        self.transfer = Signal()
        super().__init__({"request": In(stream.Signature(LAYOUT)), "response": Out(stream.Signature(32)),
                          "works": In(1)})

    def elaborate(self, platform: object) -> Module:
        m = Module()
        m.submodules.controller = controller = self.controller
        m.submodules.memory = memory = ConfiguredMemory(MEMORY, base=0, shape=SHAPE)
        wiring.connect(m, wiring.flipped(self.request), controller.request)
        wiring.connect(m, wiring.flipped(self.response), controller.response)
        wiring.connect(m, controller.bus, memory.bus)
        # A core that works may begin something new as long as the bus does not claim the chip.
        resting = Signal()
        m.d.sync += resting.eq(Mux(controller.bus.active, resting | ~self.works, ~self.works))
        m.d.comb += [controller.resting.eq(resting), self.transfer.eq(controller.bus.strobe)]
        return m

    def run(self, requests: list[Request], **bench: Any) -> Run:
        """Make the transfers, and watch the bus."""
        words = [encode(LAYOUT, write=write, address=address, data=data) for write, address, data in requests]
        bus = self.controller.bus
        return run_streams(self, send={"request": words},
                           receive={"response": sum(not write for write, _, _ in requests)},
                           watch={"strobe": self.transfer, "resting": self.controller.resting,
                                  "active": bus.active, "write": bus.write, "address": bus.address}, **bench)


def random_requests(count: int, seed: int = 1) -> list[Request]:
    """Writes to and reads of addresses with a memory behind them, and without."""
    chosen = random.Random(seed)
    return [(chosen.random() < 0.6, chosen.randrange(1 << ADDRESS_BITS), chosen.getrandbits(32))
            for _ in range(count)]


def answers(requests: list[Request]) -> list[int]:
    """What the reads give; addresses without a memory give 0."""
    words, read = [0] * MEMORY.depth, []
    for write, address, data in requests:
        if address < MEMORY.depth:
            if write:
                words[address] = data
            else:
                read.append(words[address])
        elif not write:
            read.append(0)
    return read


@pytest.mark.parametrize(("p_valid", "p_ready"), [(1.0, 1.0), (0.2, 1.0), (1.0, 0.3), (0.3, 0.3)])
@pytest.mark.parametrize("p_works", [0.0, 0.5, 0.95])
def test_transfers_in_order_on_resting_cores(p_valid: float, p_ready: float, p_works: float) -> None:
    requests = random_requests(120)
    expected = answers(requests)
    assert len(set(expected)) > 8
    got = Loaded().run(requests, p_valid=p_valid, p_ready=p_ready, toggle={"works": p_works})
    assert got["response"] == expected
    strobes = [cycle for cycle, strobe in enumerate(got.watched["strobe"]) if strobe]
    assert [(got.watched["write"][cycle], got.watched["address"][cycle]) for cycle in strobes] == [
        (write, address) for write, address, _ in requests], "each once"
    assert strobes == got.cycles["request"], "the request is taken with its transfer"
    for cycle in strobes:
        assert all(got.watched["active"][cycle - 4:cycle + 1]), "claimed four cycles before"
        assert all(got.watched["resting"][cycle - 4:cycle]), "at rest for four cycles"


def test_a_write_takes_6_cycles_and_a_read_9() -> None:
    """From one request to the next, on a resting chip; a read's answer comes in its last cycle."""
    writes = [(True, 3, 5), (True, 4, 6), (True, 5, 7)]
    reads = [(False, 5, 0), (False, 4, 0), (False, 3, 0)]
    got = Loaded().run([*writes, *reads, *writes], drain=10)
    taken = got.cycles["request"]
    assert taken[0] == 5, "the first request comes in cycle 0, and is taken in its sixth"
    assert [after - before for before, after in pairwise(taken)] == [6, 6, 6, 9, 9, 9, 6, 6]
    assert got["response"] == [7, 6, 5]
    read = zip(taken[3:6], got.cycles["response"], strict=True)
    assert [answered - transferred for transferred, answered in read] == [3, 3, 3]


def test_the_bus_is_released_between_transfers() -> None:
    """So that a chip is not kept from its work once the last request is made."""
    got = Loaded().run(random_requests(5), drain=20)
    assert not any(got.watched["active"][-15:])
