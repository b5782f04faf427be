"""The encoder on the configuration bus: loaded, read back, and changed between recordings."""

import random
from typing import Any

import numpy as np
from amaranth.hdl import Module
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from spikewright.memory import BUS_BITS, MemoryConfig, window
from spikewright.rtl.bus import BusController, request_layout
from spikewright.rtl.memory import BusShape
from spikewright.rtl.spiketrum.encoder import SpiketrumEncoder
from spikewright.rtl.words import word_stream
from spikewright.spiketrum_memories import SpiketrumLayout, spiketrum_images, spiketrum_memories
from tests.rtl.cores import encode
from tests.rtl.platforms import StrictPlatform
from tests.rtl.spiketrum.encoders import case, encoded_samples, expected_words, meanings, noise, small, tone
from tests.rtl.streams import Bench


class OnBus(wiring.Component):  # type: ignore[type-arg]  # not generic at run time
    """An encoder and the controller of its bus."""

    request: Any
    response: Any
    source: Any
    sink: Any

    def __init__(self, layout: SpiketrumLayout) -> None:
        self.memories, self.bases, address = spiketrum_memories(layout), {}, 0
        for memory in sorted(self.memories, key=window, reverse=True):
            self.bases[memory.name] = address
            address += window(memory)
        shape = BusShape(address_bits=address.bit_length(),
                         transfers=max(-(-memory.width // BUS_BITS) for memory in self.memories))
        self.controller = BusController(shape)
        self.encoder = SpiketrumEncoder(layout, bases=self.bases, shape=shape)
        self.request_layout = request_layout(shape.address_bits)
        super().__init__({
            "request": In(stream.Signature(self.request_layout)), "response": Out(stream.Signature(BUS_BITS)),
            "source": In(word_stream(layout.sample_word)), "sink": Out(word_stream(layout.word))})

    def elaborate(self, platform: object) -> Module:
        m = Module()
        m.submodules.controller, m.submodules.encoder = controller, encoder = self.controller, self.encoder
        wiring.connect(m, wiring.flipped(self.request), controller.request)
        wiring.connect(m, wiring.flipped(self.response), controller.response)
        wiring.connect(m, wiring.flipped(self.source), encoder.source)
        wiring.connect(m, wiring.flipped(self.sink), encoder.sink)
        wiring.connect(m, controller.bus, encoder.bus)
        m.d.comb += controller.resting.eq(encoder.resting)
        return m

    def contents(self) -> list[MemoryConfig]:
        return [memory for memory in self.memories if not memory.state]

    def writes(self, images: dict[str, list[int]]) -> list[int]:
        """Requests that load these memories."""
        return [
            encode(self.request_layout, write=True, data=word >> BUS_BITS * part & 0xFFFFFFFF,
                   address=self.bases[memory.name] + index * memory.transfers + part)
            for memory in self.contents() for index, word in enumerate(images.get(memory.name, []))
            for part in range(-(-memory.width // BUS_BITS))]

    def reads(self, images: dict[str, list[int]], count: int) -> tuple[list[int], list[int]]:
        """Requests that read some of their words, and what they read."""
        chosen, requests, answers = random.Random(1), [], []
        for _ in range(count):
            memory = chosen.choice(self.contents())
            index = chosen.randrange(memory.depth)
            part = chosen.randrange(-(-memory.width // BUS_BITS))
            requests.append(encode(self.request_layout, write=False, data=0,
                                   address=self.bases[memory.name] + index * memory.transfers + part))
            answers.append(images[memory.name][index] >> BUS_BITS * part & 0xFFFFFFFF)
        return requests, answers


def test_loads_and_changes_and_does_not_mind() -> None:
    """Loaded into memories of anything; read while it codes; gains and levels changed between recordings."""
    first = case(small(channels=3), 2)
    second = case(small(channels=3, gains=(10, 200, 90), top_db=-6.0), 2)
    recordings = [noise(40), tone(20)]
    images = spiketrum_images(first.layout, first.tables)
    changed = spiketrum_images(second.layout, second.tables)
    differ = {name for name in images if images[name] != changed[name]}
    assert differ == {"spiketrum.gains", "spiketrum.levels"}
    design = OnBus(first.layout)
    requests, answers = design.reads(images, 40)
    words = [expected_words(made, recordings) for made in (first, second)]
    assert words[0] != words[1]
    runner = Bench(design, platform=StrictPlatform(), patience=20000, p_valid={"request": 0.01},
                   watch={"strobe": design.controller.bus.strobe, "claimed": design.controller.bus.active,
                          "active": design.encoder.active})

    async def process(ctx: Any) -> None:
        runner.p_valid = 1.0
        await runner.exchange(ctx, {"request": design.writes(images)}, {})
        runner.p_valid = {"request": 0.01}
        samples = encoded_samples(first.layout, recordings)
        await runner.exchange(ctx, {"request": requests, "source": samples},
                              {"response": len(answers), "sink": len(words[0])})
        await runner.exchange(ctx, {"request": design.writes({name: changed[name] for name in differ})}, {})
        await runner.exchange(ctx, {"source": samples}, {"sink": len(words[1])})

    got = runner.run(process)
    assert got["response"] == answers
    assert meanings(got["sink"]) == words[0] + words[1]
    strobe, claimed, active = (np.array(got.watched[name], bool) for name in ("strobe", "claimed", "active"))
    assert not (strobe & active).any(), "no transfer while it codes"
    assert (claimed & active).any(), "some wait until a window is done"
    assert not (claimed[:-1] & ~active[:-1] & active[1:]).any(), "and then none begins"
