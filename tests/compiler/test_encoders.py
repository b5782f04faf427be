"""Encoders of sound in front of a chip: what is put there, written, read again, and refused."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from spikewright.compiler.config_yaml import config_text, parse_config
from spikewright.compiler.encoder_yaml import encoder_text, parse_encoder, read_spiketrum
from spikewright.compiler.encoders import put_encoder
from spikewright.compiler.images import read_images, write_images
from spikewright.compiler.mapping import map_network
from spikewright.config import Encoder
from spikewright.errors import ConfigError
from spikewright.filterbank import FilterBankConfig
from spikewright.memories import bus_memories, chip_memories, encoder_memories
from spikewright.network import InputPort, IntegerNetwork
from spikewright.spiketrum import SpiketrumConfig
from tests.sound_networks import BANK, PURSUIT, network_behind, sound_network, two_inputs


@pytest.mark.parametrize("encoder", [PURSUIT, BANK])
def test_the_chip_takes_sound_and_is_else_the_same(encoder: Encoder) -> None:
    plain = map_network(network_behind(encoder))
    mapped, _ = sound_network(encoder)
    (port,), (before,) = mapped.chip.inputs, plain.chip.inputs
    assert replace(port, encoder=None, encoder_lanes=None) == before
    assert replace(mapped.chip, inputs=plain.chip.inputs) == plain.chip
    assert port.source_word == encoder.sample_word
    assert port.word == before.word
    own = {memory.name for memory in encoder_memories(port) if not memory.state}
    assert set(mapped.images) - set(plain.images) == own
    for name, image in plain.images.items():
        np.testing.assert_array_equal(mapped.images[name], image)


@pytest.mark.parametrize("encoder", [PURSUIT, BANK, replace(PURSUIT, gains=(1, 2, 3, 4, 5, 6)),
                                     replace(BANK, leak_shift=None)])
def test_config_yaml_says_all_of_it(encoder: Encoder) -> None:
    chip = sound_network(encoder, lanes=4)[0].chip
    text = config_text(chip)
    assert parse_config(text, "c") == chip
    assert config_text(parse_config(text, "c")) == text
    assert f"kind: {encoder.kind}" in text


def test_images_are_written_and_read(tmp_path: Path) -> None:
    for encoder in (PURSUIT, BANK):
        mapped, _ = sound_network(encoder)
        write_images(mapped.chip, mapped.images, tmp_path)
        for name, image in read_images(mapped.chip, tmp_path).items():
            assert list(image) == list(mapped.images[name]), name


def test_a_bus_reaches_all_but_a_bank() -> None:
    pursuit, bank = sound_network(PURSUIT, "bus")[0].chip, sound_network(BANK, "bus")[0].chip
    assert set(bus_memories(pursuit)) == set(chip_memories(pursuit))
    assert set(chip_memories(bank)) - set(bus_memories(bank)) == set(encoder_memories(bank.inputs[0]))


@pytest.mark.parametrize(("old", "new", "message"), [
    ("kind: spiketrum", "kind: cochlea",
     "c: inputs.0.encoder.kind: must be spiketrum or filterbank, not 'cochlea'"),
    ("shape: [48]", "shape: [47]",
     "input 'mic': shape must be (48,), the encoder's lines, not (47,)"),
    ("encoder_lanes: 2", "encoder_lanes: 3", "input 'mic': encoder_lanes must be 1, 2, 4 or 8, not 3"),
    ("value_bits: 0", "value_bits: 2",
     "input 'mic': an encoder's spikes must be drive, and have no values"),
    ("levels: 4", "levels: 400", "c: inputs.0.encoder: levels must be "),
    ("levels: 4", "levels: many", "c: inputs.0.encoder.levels: must be an integer, not 'many'"),
    ("kind: spiketrum", "kind: filterbank", "c: inputs.0.encoder.rate_hz: is not a key"),
    ("levels: 4", "depth: 4", "c: inputs.0.encoder.depth: is not a key"),
])
def test_a_wrong_encoder_in_config_yaml_is_refused(old: str, new: str, message: str) -> None:
    text = config_text(sound_network(PURSUIT)[0].chip)
    assert old in text
    with pytest.raises(ConfigError) as refused:
        parse_config(text.replace(old, new, 1), "c")
    assert message in str(refused.value)
    assert "\n" not in str(refused.value)


def refused(network: IntegerNetwork, encoder: Any = PURSUIT, lanes: int | None = None) -> str:
    with pytest.raises(ConfigError) as error:
        put_encoder(map_network(network), encoder, lanes)
    return str(error.value)


def test_what_does_not_fit_the_network_is_refused() -> None:
    network = network_behind(PURSUIT)
    assert refused(network, replace(PURSUIT, levels=5)) == (
        "input 'mic': shape must be (60,), the encoder's lines, not (48,)")
    one = replace(network, inputs=(replace(network.inputs[0], max_events=1),))
    assert refused(one) == (
        "input 'mic': max_events must be 16, as many as the encoder may send of a line in a step, not 1")
    assert refused(network, lanes=3) == "input 'mic': encoder_lanes must be 1, 2, 4 or 8, not 3"
    assert refused(network_behind(BANK), BANK, 2) == (
        "input 'mic': encoder_lanes must be left out, as only a spiketrum encoder has them, not 2")
    assert refused(one, replace(PURSUIT, levels=5)) == (
        "input 'mic': shape must be (60,), the encoder's lines, not (48,)"), "before what it may send"
    edge = replace(network.edges[0], source="ear")
    two = replace(network, inputs=(*network.inputs, InputPort(name="ear", shape=(48,))),
                  edges=(*network.edges, edge))
    assert refused(two) == "encoder: its 48 lines must fit one input, not 2 of mic (48,), ear (48,)"
    assert refused(two_inputs(PURSUIT), replace(PURSUIT, levels=5)) == (
        "encoder: its 60 lines must fit one input, not 0 of mic (48,), context (7,)")


def test_spiketrum_yaml_says_all_of_it() -> None:
    for encoder in (PURSUIT, BANK, replace(BANK, leak_shift=None), SpiketrumConfig(), FilterBankConfig()):
        text = encoder_text(encoder)
        assert parse_encoder(text, "e") == encoder
        assert f"kind: {encoder.kind}" in text
    assert parse_encoder("{}", "e") == SpiketrumConfig()
    assert parse_encoder("kind: filterbank\nlow_hz: 1e2\n", "e") == FilterBankConfig(low_hz=100.0)


@pytest.mark.parametrize(("text", "message"), [
    ("kind: ear\n", "e: kind: must be spiketrum or filterbank, not 'ear'"),
    ("kind: filterbank\nlevels: 3\n", "e: levels: "),
    ("threshold: 3\n", "e: threshold: "),
    ("channels: many\n", "e: channels: "),
])
def test_a_wrong_spiketrum_yaml_is_refused(text: str, message: str) -> None:
    with pytest.raises(ConfigError) as error:
        parse_encoder(text, "e")
    assert str(error.value).startswith(message)
    assert "\n" not in str(error.value)


def test_encode_takes_a_spiketrum_encoder_only(tmp_path: Path) -> None:
    file = tmp_path / "e.yaml"
    file.write_text("kind: filterbank\n")
    with pytest.raises(ConfigError, match=r"e\.yaml: kind: must be spiketrum, not filterbank$"):
        read_spiketrum(file)
