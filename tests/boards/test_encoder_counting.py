"""What encoders of sound do: accesses counted in simulation, operations by a walk, and on to energies."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from amaranth.hdl import Fragment
from amaranth.sim import Simulator

from spikewright.boards.activity import EncoderActivity
from spikewright.boards.counting import count_operations
from spikewright.boards.encoder_counting import count_encoder
from spikewright.boards.encoder_energy import encoder_terms, encoder_widths
from spikewright.boards.energy import check_activity, inference_energy
from spikewright.boards.technology_file import load_technology
from spikewright.config import InputConfig
from spikewright.errors import ConfigError
from spikewright.events import Kind
from spikewright.filterbank import FilterBankConfig
from spikewright.memories import encoder_images, encoder_layout
from spikewright.models.encoders import Encoder, Sound, encode_sound
from spikewright.models.integer import IntegerModel
from spikewright.models.spiketrum_windows import spiketrum_windows
from spikewright.rtl.filterbank.core import FilterBankCore
from spikewright.rtl.spiketrum.encoder import SpiketrumEncoder
from tests.boards.watched import Probe
from tests.rtl.spiketrum.encoders import case, noise, small, tone, windows
from tests.sound_networks import BANK, PURSUIT, sound_network

RECORDINGS = (noise(40), noise(0), tone(1), np.zeros(20, np.int64), tone(33, 60000), noise(16, 300, seed=2))

ENCODERS: dict[str, tuple[Encoder, int | None]] = {
    "pursuit": (small(), 2),
    "pursuit, one lane": (small(rate_hz=5000, burst=10), 1),
    "pursuit, lanes without a channel": (small(channels=6, gram_floor=0.0), 4),
    "pursuit, an odd window": (small(window=21, step=7, gate=2500), 2),
    "bank": (FilterBankConfig(channels=5, low_hz=1000.0, threshold=0.3, leak_shift=6, step=16), None),
    "bank without leak": (
        FilterBankConfig(channels=4, low_hz=1000.0, threshold=0.3, leak_shift=None, step=16), None),
}


def port_of(encoder: Encoder, lanes: int | None) -> InputConfig:
    return InputConfig(name="mic", shape=(encoder.lines,), max_events=max(1, encoder.most_events),
                       encoder=encoder, encoder_lanes=lanes)


def watched(port: InputConfig) -> tuple[dict[str, int], dict[str, int]]:
    """Reads and writes of every memory, by its name without the input's and the bank."""
    probe = Probe()
    part: Any = FilterBankCore(port.encoder, port.name) if isinstance(port.encoder, FilterBankConfig) else \
        SpiketrumEncoder(encoder_layout(port), images=encoder_images(port))
    simulator = Simulator(Fragment.get(part, probe))  # type: ignore[no-untyped-call]
    simulator.add_clock(1e-6)
    tokens = [(Kind.END_OF_STEP, 0), (Kind.END_OF_STEP, 0), (Kind.END_OF_SAMPLE, 0)]
    words = [word for samples in RECORDINGS
             for word in [*((Kind.EVENT, sample) for sample in samples.tolist()), *tokens]]
    counts: dict[str, list[int]] = {name: [0, 0] for name in probe.memories}

    async def send(ctx: Any) -> None:
        for kind, sample in words:
            ctx.set(part.source.payload, {"kind": kind, "value": sample})
            ctx.set(part.source.valid, 1)
            taken = 0
            while not taken:
                _, _, taken = await ctx.tick().sample(part.source.ready)
            ctx.set(part.source.valid, 0)

    async def receive(ctx: Any) -> None:
        ctx.set(part.sink.ready, 1)
        ends = 0
        for _ in range(200_000):
            _, _, valid, kind = await ctx.tick().sample(part.sink.valid, part.sink.payload.kind)
            ends += valid and kind == Kind.END_OF_SAMPLE
            if ends == len(RECORDINGS):
                return
        pytest.fail("locks up")

    async def watch(ctx: Any) -> None:
        names = list(probe.memories)
        enables = [enable for name in names for enable in (probe.memories[name].read_enable,
                                                           probe.memories[name].write_enable)]
        async for _, _, *taken in ctx.tick().sample(*enables):
            for index, name in enumerate(names):
                counts[name][0] += taken[2 * index]
                counts[name][1] += taken[2 * index + 1]

    simulator.add_testbench(send, background=True)
    simulator.add_testbench(receive)
    simulator.add_testbench(watch, background=True)
    simulator.run()
    found: tuple[dict[str, int], dict[str, int]] = {}, {}
    for name, pair in counts.items():
        short = name.removeprefix("mic.").partition(".")[0]
        for side, count in zip(found, pair, strict=True):
            side[short] = side.get(short, 0) + count
    return found


@pytest.mark.parametrize("name", ENCODERS)
def test_counts_are_those_of_the_hardware(name: str) -> None:
    port = port_of(*ENCODERS[name])
    counted = count_encoder(port, Sound(samples=RECORDINGS, steps=20))
    for side, seen in zip((counted.reads, counted.writes), watched(port), strict=True):
        assert {key: count for key, count in side.items() if count} == \
            {key: count for key, count in seen.items() if count}
    encoder = ENCODERS[name][0]
    spikes = encode_sound(encoder, Sound(samples=RECORDINGS, steps=20))
    assert (counted.samples, counted.spikes) == (110, int(spikes.sum()))
    assert counted.spikes > 5


def test_operations_are_those_of_a_walk() -> None:
    """Of the reference encoder: what it multiplies, for whole words of lanes."""
    made = case(small(), 2)
    counted = count_encoder(port_of(made.config, 2), Sound(samples=RECORDINGS, steps=20))
    layout, expected = made.layout, 0
    for samples in RECORDINGS:
        for positions, _, _ in windows(made, samples):
            for _ in range(positions):
                expected += sum(2 * length for length in layout.lengths)
    assert counted.operations["correlation multiplication"] == expected
    removed = [layout.lengths[channel // 2] for samples in RECORDINGS
               for _, channels, _ in windows(made, samples) for channel in channels]
    assert counted.operations["removal addition"] == sum(removed)
    assert counted.operations["level comparison"] == 4 * len(removed) == 4 * counted.spikes


def test_windows_are_those_of_the_encoder() -> None:
    made = case(small(rate_hz=5000, burst=10), 1)
    for samples in RECORDINGS:
        found = [(window.positions, window.channels, "silence" if window.silent else "credit")
                 for window in spiketrum_windows(made.config, samples)]
        assert found == windows(made, samples)


@pytest.mark.parametrize("encoder", [PURSUIT, BANK])
@pytest.mark.parametrize("technology", ["45nm", "130nm"])
def test_energy_has_the_encoder_in_its_bill(encoder: Encoder, technology: str) -> None:
    mapped, network = sound_network(encoder)
    sound = Sound(samples=(noise(100), noise(31)), steps=6)
    events = {"mic": encode_sound(encoder, sound)}
    events |= IntegerModel(network).run(events).spikes
    activity = count_operations(mapped.chip, network, events, cycles=10_000, sound={"mic": sound})
    loaded = load_technology(technology)
    energy = inference_energy(mapped.chip, activity, loaded)
    assert list(energy.by_core_nj) == ["hidden", "out", "mic"]
    assert sum(energy.by_core_nj.values()) == pytest.approx(energy.energy_per_inference_nj)
    encoder_pj = sum(item.total_pj for item in energy.items if item.core == "mic")
    assert energy.by_core_nj["mic"] == pytest.approx(encoder_pj / 2 / 1000)
    assert energy.by_core_nj["mic"] > energy.by_core_nj["hidden"], "so small a network takes less"
    assert any("encoders of mic: by the same terms" in line for line in energy.sources) == (
        technology == "130nm")
    port = mapped.chip.inputs[0]
    assert set(activity.encoders["mic"].operations) <= set(encoder_widths(port))
    if technology == "45nm":
        operation, count = next(iter(activity.encoders["mic"].operations.items()))
        (item,) = [item for item in energy.items if (item.core, item.operation) == ("mic", operation)]
        assert (item.count, item.each_pj) == (count, loaded.multiply_pj(*encoder_widths(port)[operation]))
    else:
        terms = encoder_terms(mapped.chip, port, activity)
        assert {item.operation: item.count for item in energy.items
                if (item.core, item.kind) == ("mic", "compute")} == \
            {name: count for name, count in terms.items() if count and name in
             {term.term for term in (loaded.logic.terms if loaded.logic else ())}}


def test_activity_of_a_chip_without_the_encoder_is_refused() -> None:
    mapped, network = sound_network(PURSUIT)
    sound = Sound(samples=(noise(100),), steps=6)
    events = {"mic": encode_sound(PURSUIT, sound)}
    events |= IntegerModel(network).run(events).spikes
    with pytest.raises(ConfigError, match=r"^sound of 'mic': is missing$"):
        count_operations(mapped.chip, network, events)
    activity = count_operations(mapped.chip, network, events, sound={"mic": sound})
    check_activity(mapped.chip, activity)
    other = replace(activity, encoders={"ear": EncoderActivity(samples=0, spikes=0, reads={}, writes={},
                                                               operations={})})
    message = r"^activity does not fit the chip's encoders of sound; co-simulate again$"
    for wrong in (other, replace(activity, encoders={})):
        with pytest.raises(ConfigError, match=message):
            check_activity(mapped.chip, wrong)
