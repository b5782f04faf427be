"""Weights in banks: read as one memory, a word at a time, of one bank at a time."""

import random
from typing import Any

import pytest
from amaranth.hdl import Module
from amaranth.lib import wiring

from spikewright.memory import MemoryConfig
from spikewright.rtl import banks
from spikewright.rtl.banks import WeightBanks
from spikewright.rtl.memory import ConfiguredMemory
from tests.rtl.platforms import StrictPlatform
from tests.rtl.streams import Bench

BANK, WIDTH = 4, 6
DEPTHS = [(4,), (3,), (4, 4), (4, 1), (4, 4, 4, 2)]


class Held(wiring.Component):  # type: ignore[type-arg]  # not generic at run time
    """Banks and their memories, all of whose words are known."""

    def __init__(self, depths: tuple[int, ...]) -> None:
        chosen = random.Random(sum(depths))
        self.words = [chosen.getrandbits(WIDTH) for _ in range(sum(depths))]
        self.memories = [
            ConfiguredMemory(MemoryConfig(name=f"weights.{index}", depth=depth, width=WIDTH),
                             init=self.words[index * BANK:][:depth])
            for index, depth in enumerate(depths)]
        self.banks = WeightBanks(self.memories)
        super().__init__({})

    def elaborate(self, platform: object) -> Module:
        m = Module()
        m.submodules.banks = self.banks
        m.submodules += self.memories
        return m

    def read(self, addresses: list[int | None]) -> tuple[list[int], list[list[int]]]:
        """The word shown in every cycle, and which memories are read then; None reads nothing."""
        shown: list[int] = []
        enabled: list[list[int]] = []
        chosen, port = random.Random(2), self.banks

        async def process(ctx: Any) -> None:
            for address in addresses:
                ctx.set(port.read_enable, address is not None)
                ctx.set(port.read_address, chosen.randrange(len(self.words)) if address is None else address)
                _, _, word, *enables = await ctx.tick().sample(
                    port.read_data, *(memory.read_enable for memory in self.memories))
                shown.append(int(word))
                enabled.append([index for index, enable in enumerate(enables) if enable])

        Bench(self, platform=StrictPlatform()).run(process)
        return shown, enabled


def random_addresses(words: int) -> list[int | None]:
    """In any order, with pauses; most of them one after another, as rows are read."""
    chosen = random.Random(7)
    addresses: list[int | None] = []
    for _ in range(40):
        first = chosen.randrange(words)
        addresses += range(first, min(first + chosen.randrange(1, 4), words))
        addresses += [None] * chosen.choice([0, 0, 1, 4])
    return addresses


@pytest.mark.parametrize("depths", DEPTHS)
def test_a_word_comes_after_the_latency_and_holds_until_the_next(
    depths: tuple[int, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(banks, "BANK_WORDS", BANK)
    component = Held(depths)
    latency = component.banks.latency
    assert latency == (1 if len(depths) == 1 else 2)
    addresses = [*random_addresses(len(component.words)), None, None]
    expected: list[int] = []
    for address in addresses:
        expected.append(expected[-1] if address is None and expected else component.words[address or 0])
    shown, _ = component.read(addresses)
    assert addresses[0] is not None
    assert shown[latency:] == expected[:-latency]


@pytest.mark.parametrize("depths", DEPTHS)
def test_only_the_bank_addressed_is_read(depths: tuple[int, ...], monkeypatch: pytest.MonkeyPatch) -> None:
    """A read costs the energy of one bank."""
    monkeypatch.setattr(banks, "BANK_WORDS", BANK)
    component = Held(depths)
    addresses = random_addresses(len(component.words))
    _, enabled = component.read(addresses)
    assert enabled == [[] if address is None else [address // BANK] for address in addresses]
