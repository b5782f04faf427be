"""spiketrum.yaml: either encoder, by its kind; what is wrong is named."""

from dataclasses import asdict
from pathlib import Path

import pytest

from spikewright.compiler.encoder_yaml import (
    encoder_of,
    encoder_text,
    parse_encoder,
    read_encoder,
    read_spiketrum,
)
from spikewright.config import Encoder
from spikewright.errors import ConfigError
from spikewright.filterbank import FilterBankConfig
from spikewright.spiketrum import SpiketrumConfig

EXAMPLES = Path(__file__).parents[2] / "docs" / "examples"


def test_the_examples_are_the_defaults_as_they_say() -> None:
    assert read_encoder(EXAMPLES / "spiketrum.yaml") == SpiketrumConfig()
    assert read_spiketrum(EXAMPLES / "spiketrum.yaml") == SpiketrumConfig()
    assert read_encoder(EXAMPLES / "filterbank.yaml") == FilterBankConfig()


@pytest.mark.parametrize("encoder", [
    SpiketrumConfig(rate_hz=800, gains=(64, 0) * 20), FilterBankConfig(channels=16, leak_shift=None),
])  # fmt: skip
def test_text_and_metadata_give_the_same_encoder(encoder: Encoder) -> None:
    assert encoder_of(asdict(encoder)) == encoder
    assert parse_encoder(encoder_text(encoder), "here") == encoder


def test_nothing_is_no_encoder_in_metadata_and_the_default_in_a_file() -> None:
    assert encoder_of(None) is None
    assert parse_encoder("{}", "here") == SpiketrumConfig()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("kind: cochlea", "here: kind: must be spiketrum or filterbank, not 'cochlea'"),
        ("kind: filterbank\nrate_hz: 400", "here: rate_hz: "),
        ("threshold: 2", "here: threshold: "),
        ("channels: many", "here: channels: "),
    ],
)
def test_refusals(text: str, message: str) -> None:
    with pytest.raises(ConfigError) as error:
        parse_encoder(text, "here")
    assert str(error.value).startswith(message)
    assert "\n" not in str(error.value)


def test_encode_takes_a_spiketrum_only() -> None:
    with pytest.raises(ConfigError, match=r"filterbank\.yaml: kind: must be spiketrum, not filterbank$"):
        read_spiketrum(EXAMPLES / "filterbank.yaml")
