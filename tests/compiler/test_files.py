"""What a build keeps: config.yaml, memory images and the integer network; round trips and refusals."""

import io
import re
import zipfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spikewright.compiler.config_yaml import config_text, parse_config, read_config, write_config
from spikewright.compiler.images import image_texts, read_images, write_images
from spikewright.compiler.mapping import map_network
from spikewright.compiler.storage import network_bytes, parse_network, read_network_file, write_network
from spikewright.errors import ConfigError
from spikewright.network import IntegerNetwork
from tests.plane_networks import random_plane_network

MakeNetwork = Callable[[int], IntegerNetwork]


def same(one: IntegerNetwork, other: IntegerNetwork) -> bool:
    for a, b in zip(one.edges, other.edges, strict=True):
        assert (a.source, a.target) == (b.source, b.target)
        assert b.weights.dtype == np.int64
        assert a.convolution == b.convolution
        assert a.delay == b.delay
        assert np.array_equal(a.weights, b.weights)
    return replace(one, edges=()).__dict__ == replace(other, edges=()).__dict__


@settings(deadline=None, max_examples=40)
@given(seed=st.integers(0, 2**32))
def test_round_trips(make_network: MakeNetwork, seed: int) -> None:
    network = make_network(seed)
    content = network_bytes(network)
    assert same(network, parse_network(content, "n"))
    assert network_bytes(parse_network(content, "n")) == content
    for contents in ("baked", "bus"):
        chip = map_network(network, contents=contents).chip
        text = config_text(chip)
        assert parse_config(text, "c") == chip
        assert config_text(parse_config(text, "c")) == text


@pytest.mark.parametrize("seed", range(30))
def test_networks_in_the_plane_round_trip(seed: int) -> None:
    network = random_plane_network(seed)
    content = network_bytes(network)
    assert same(network, parse_network(content, "n"))
    assert network_bytes(parse_network(content, "n")) == content


def test_networks_in_the_plane_have_what_a_file_must_keep() -> None:
    networks = [random_plane_network(seed) for seed in range(30)]
    edges = [edge for network in networks for edge in network.edges]
    assert any(edge.convolution for edge in edges)
    assert {1, 2} <= {min(2, len(edge.delay)) for edge in edges if max(edge.delay)}
    neurons = [population.neuron for network in networks for population in network.populations]
    assert {neuron.current.feeds for neuron in neurons if neuron.current} == {"new", "old"}
    assert any(port.max_events > 1 for network in networks for port in network.inputs)


@settings(deadline=None, max_examples=15)
@given(seed=st.integers(0, 2**32))
def test_images_round_trip_through_files(
    make_network: MakeNetwork, tmp_path_factory: pytest.TempPathFactory, seed: int
) -> None:
    folder = tmp_path_factory.mktemp("memory")
    mapped = map_network(make_network(seed), lanes=32)
    paths = write_images(mapped.chip, mapped.images, folder)
    assert {path.name for path in paths} == {f"{name}.hex" for name in mapped.images}
    found = read_images(mapped.chip, folder)
    assert all((found[name] == image).all() for name, image in mapped.images.items())


def test_files_are_the_same_bytes_every_time(make_network: MakeNetwork, tmp_path: Path) -> None:
    network = make_network(11)
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
        mapped = map_network(make_network(11))
        write_network(network, tmp_path / folder / "network.npz")
        write_config(mapped.chip, tmp_path / folder / "config.yaml")
        write_images(mapped.chip, mapped.images, tmp_path / folder)
    names = {path.name for path in (tmp_path / "a").iterdir()}
    assert {"network.npz", "config.yaml"} < names
    assert all((tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes() for name in names)
    assert same(read_network_file(tmp_path / "a" / "network.npz"), network)
    assert read_config(tmp_path / "a" / "config.yaml") == map_network(network).chip


def test_numpy_reads_the_weights(make_network: MakeNetwork) -> None:
    network = make_network(11)
    with np.load(io.BytesIO(network_bytes(network)), allow_pickle=False) as arrays:
        assert (arrays["weights_0"] == network.edges[0].weights).all()


CONFIG = """\
version: 1
name: net
contents: baked
inputs:
- name: input
  shape: [2]
  kind: drive
  value_bits: 0
  value_scale: 1.0
  max_events: 1
cores:
- name: lif
  neuron:
    fires: true
    state_bits: 16
    decay:
      kind: shift
      shift: 4
      factor: [0]
      fraction_bits: 0
    compare: [10]
    reset: subtract
    reset_when: now
    reset_amount: [10]
    reset_value: [0]
    bias: [0]
    max_spikes: 1
  neurons: 2
  lanes: 2
  weight_bits: 8
  accumulator_bits: 16
  potential_bits: 0
  ports:
  - source: input
    kind: drive
    addresses: 2
    value_bits: 0
    first_row: 0
    pool: [1, 1]
    delay: [0]
  rows: {kind: dense}
  placement: [0, 1]
  parameters: []
  levels: []
outputs: [lif]
decode: count
"""


def test_a_configuration_by_hand() -> None:
    chip = parse_config(CONFIG, "c")
    assert chip.core("lif").neuron.decay.shift == 4
    assert config_text(chip) == CONFIG


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("version: 1", "version: 2", "version: must be 1, not 2"),
        ("version: 1", "", "version: must be 1, not None"),
        ("lanes: 2", "lanes: 3", "cores.0: core 'lif': lanes must be a power of two, not 3"),
        ("lanes: 2", "lanes: two", "cores.0.lanes: must be an integer, not 'two'"),
        ("lanes: 2", "lanes: '2'", "cores.0.lanes: must be an integer, not '2'"),
        ("lanes: 2", "lanes: 2.0", "cores.0.lanes: must be an integer, not 2.0"),
        ("lanes: 2", "lanes: true", "cores.0.lanes: must be an integer, not True"),
        ("lanes: 2", "lanes: 2\n  speed: 9", "cores.0.speed: is not a key"),
        ("  lanes: 2\n", "", "cores.0.lanes: is missing"),
        ("lanes: 2", "lanes: 2\n  lanes: 2", "line 30: 'lanes' stands twice"),
        (
            "kind: dense",
            "kind: sparse",
            "cores.0.rows.kind: must be dense or compressed or kernel, not 'sparse'",
        ),
        ("kind: dense", "kind: compressed", "cores.0.rows.entries: is missing"),
        ("kind: dense", "kind: dense, entries: 3", "cores.0.rows.entries: is not a key"),
        (
            "kind: shift",
            "kind: slide",
            "cores.0.neuron.decay.kind: must be 'none', 'shift' or 'multiply', not 'slide'",
        ),
        ("shift: 4", "shift: -4", "cores.0.neuron.decay: decay: shift must be 0 or more, not -4"),
        ("compare: [10]", "compare: 10", "cores.0.neuron.compare: must be a list, not 10"),
        ("compare: [10]", "compare: [x]", "cores.0.neuron.compare.0: must be an integer, not 'x'"),
        (
            "accumulator_bits: 16",
            "accumulator_bits: 9",
            "cores.0: core 'lif': accumulator_bits must be at least the state's 16, not 9",
        ),
        ("value_scale: 1.0", "value_scale: .inf", "inputs.0.value_scale: must be finite, not inf"),
        ("source: input", "source: 7", "cores.0.ports.0.source: must be text, not 7"),
        (
            "source: input",
            "source: imput",
            "core 'lif': port 'imput' must be an input or an earlier core, or a delayed one",
        ),
        (
            "placement: [0, 1]",
            "placement: [0, 0]",
            "cores.0: core 'lif': placement must name each of 2 neurons once",
        ),
        ("outputs: [lif]", "outputs: [lof]", "output 'lof': there is no such core"),
        (
            "decode: count",
            "decode: most",
            "decode: must be 'count', 'potential_sum', 'potential_last' or 'first_spike', not 'most'",
        ),
        ("decode: count", "decode: &a count", None),
        ("decode: count", "decode: *a", "line 46: aliases (*a) are not allowed"),
    ],
)
def test_a_wrong_configuration_is_one_line(old: str, new: str, message: str | None) -> None:
    assert old in CONFIG
    text = CONFIG.replace(old, new, 1)
    if message is None:
        parse_config(text, "config.yaml")
        return
    with pytest.raises(ConfigError, match=f"^{re.escape(f'config.yaml: {message}')}$"):
        parse_config(text, "config.yaml")


def test_wrong_images_are_one_line(make_network: MakeNetwork, tmp_path: Path) -> None:
    mapped = map_network(make_network(11), rows="dense")
    write_images(mapped.chip, mapped.images, tmp_path)
    name = next(name for name in mapped.images if name.endswith("weights"))
    path, text = tmp_path / f"{name}.hex", image_texts(mapped.chip, mapped.images)[name]
    depth = len(mapped.images[name])
    for changed, message in (
        (text + text.splitlines()[0] + "\n", f"must have {depth} words, not {depth + 1}"),
        ("zz\n" + text, r"line 1 must be a hexadecimal number of \d+ bits, not 'zz'"),
        ("9" * len(text) * 9, r"must have at most \d+ bytes, not \d+"),
    ):
        path.write_text(changed)
        with pytest.raises(ConfigError, match=f"^{re.escape(str(path))}: {message}$"):
            read_images(mapped.chip, tmp_path)
    path.unlink()
    with pytest.raises(ConfigError, match=f"^{re.escape(str(path))}: there is no such file$"):
        read_images(mapped.chip, tmp_path)


def test_wrong_network_files_are_one_line(make_network: MakeNetwork, tmp_path: Path) -> None:
    content = network_bytes(make_network(11))

    def changed(old: str, new: str) -> bytes:
        out = io.BytesIO()
        with zipfile.ZipFile(io.BytesIO(content)) as source, zipfile.ZipFile(out, "w") as archive:
            for name in source.namelist():
                data = source.read(name)
                assert name != "network.json" or old.encode() in data
                archive.writestr(
                    name, data.replace(old.encode(), new.encode()) if name == "network.json" else data
                )
        return out.getvalue()

    for data, message in (
        (content[:100], "is not a network file: File is not a zip file"),
        (b"", "is not a network file: File is not a zip file"),
        (changed('"version": 2', '"version": 1'), "version: must be 2, not 1"),
        (changed('"delay": [', '"delays": ['), r"0\.delay: is missing"),
        (changed('"state_bits": ', '"state_bits": 1'), r"0\.neuron: state_bits must be 8\.\.24, not 1\d+"),
        (changed('"outputs"', '"output"'), "is not a network file: 'outputs'"),
    ):
        with pytest.raises(ConfigError, match=f"^n: {message}$"):
            parse_network(data, "n")
    with pytest.raises(ConfigError, match=r"no\.npz: cannot be read: No such file or directory$"):
        read_network_file(tmp_path / "no.npz")
