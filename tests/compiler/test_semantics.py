"""Semantics: what a file may say, who is believed, and how wrong files are refused."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from spikewright.compiler.frameworks import FRAMEWORKS
from spikewright.compiler.metadata import graph_metadata
from spikewright.compiler.semantics import (
    DecaySpec,
    InputSpec,
    SemanticsFile,
    load_semantics,
    parse_semantics,
    resolve_semantics,
)
from spikewright.compiler.summary import semantics_notes
from spikewright.errors import ConfigError
from spikewright.neuron import Decay

KEYS = (
    "dt, integration, leak_gain, if_gain, cuba_order, current_gain, reset, reset_when, compare,"
    " max_spikes_per_step, v_min, nodes, loop_input, delayed_edges, decode, inputs, scales, decays,"
    " weight_bits, state_bits"
)
NODE_KEYS = KEYS.removeprefix("dt, ").partition(", nodes")[0]


def load(tmp_path: Path, text: str | bytes) -> SemanticsFile:
    path = tmp_path / "s.yaml"
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return load_semantics(path)


def test_every_key(tmp_path: Path) -> None:
    given = load(
        tmp_path,
        """
        dt: 1e-4
        integration: exponential
        leak_gain: dt/tau
        if_gain: r
        cuba_order: potential_first
        current_gain: w_in
        reset: zero
        reset_when: next
        compare: ge
        max_spikes_per_step: 1
        v_min: -2
        nodes: {lif1: {reset: subtract, compare: gt}}
        loop_input: neurons
        delayed_edges: [[a, b]]
        decode: first_spike
        inputs: {image: {kind: hold, value_bits: 8, value_scale: 255}}
        scales: {lif1: 6.4e1}
        decays: {lif1: {kind: multiply, factor: 200, fraction_bits: 8}}
        weight_bits: 6
        state_bits: {lif1: 12}
    """,
    )
    semantics = resolve_semantics(given)
    assert (semantics.dt, semantics.v_min, semantics.decode) == (1e-4, -2.0, "first_spike")
    assert semantics.inputs == {"image": InputSpec(kind="hold", value_bits=8, value_scale=255.0)}
    assert semantics.scales == {"lif1": 64.0}
    assert semantics.decays["lif1"].decay() == Decay(kind="multiply", factor=(200,), fraction_bits=8)
    assert semantics.delayed_edges == (("a", "b"),)
    assert (semantics.weight_bits, semantics.state_bits) == (6, {"lif1": 12})
    assert set(semantics.origins.values()) == {"semantics"}


def test_one_node_apart() -> None:
    """Of a node the file may say otherwise what it says of all; the rest stays."""
    apart = {"a": {"reset": "subtract", "max_spikes_per_step": 7}, "b": {"v_min": -1}}
    semantics = resolve_semantics(parse_semantics({"reset": "zero", "nodes": apart}, "given"), "norse")
    assert (semantics.reset, semantics.of("c")) == ("zero", semantics)
    a, b = semantics.of("a"), semantics.of("b")
    assert (a.reset, a.max_spikes_per_step, a.compare, a.v_min) == ("subtract", 7, "gt", None)
    assert (b.reset, b.max_spikes_per_step, b.v_min, b.dt) == ("zero", 1, -1.0, semantics.dt)
    assert "semantics (semantics): a: reset subtract, max_spikes_per_step 7" in semantics_notes(semantics)
    given = {"nodes": {"a": {"max_spikes_per_step": 7}}}
    message = r"^semantics: nodes\.a: max_spikes_per_step above 1 needs reset subtract, now, not zero, now$"
    with pytest.raises(ConfigError, match=message):
        resolve_semantics(parse_semantics(given, "given"))


@pytest.mark.parametrize("text", ["1e-4", "1E-4", "1.0e-4", "0.0001", "+1e-4", ".1e-3", "'1e-4'"])
def test_a_number_is_read_as_a_number(tmp_path: Path, text: str) -> None:
    assert load(tmp_path, f"dt: {text}").dt == 1e-4


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("dtt: 1", f"dtt: is not a key; keys are {KEYS}"),
        ("dt: .nan", "dt: must be above 0, not nan"),
        ("dt: .inf", "dt: must be finite, not inf"),
        ("dt: 0", "dt: must be above 0, not 0"),
        ("dt: true", "dt: must be a number, not True"),
        ("dt: fast", "dt: must be a number, not 'fast'"),
        ("dt: [1]", "dt: must be a number, not [1]"),
        ("v_min: -.inf", "v_min: must be finite, not -inf"),
        ("reset: no", "reset: must be 'subtract', 'zero' or 'none', not False"),
        ("max_spikes_per_step: 0", "max_spikes_per_step: must be at least 1, not 0"),
        ("weight_bits: 8.0", "weight_bits: must be an integer, not 8.0"),
        ("weight_bits: 17", "weight_bits: must be at most 16, not 17"),
        ("state_bits: {a: 7}", "state_bits.a: must be at least 8, not 7"),
        ("state_bits: wide", "state_bits: must be an integer, not 'wide'"),
        ("inputs: {a: {kind: hol}}", "inputs.a.kind: must be 'drive' or 'hold', not 'hol'"),
        ("inputs: {a: 3}", "inputs.a: must be a mapping, not 3"),
        (
            "inputs: {a: {bits: 3}}",
            "inputs.a.bits: is not a key; keys are kind, value_bits, value_scale, max_events",
        ),
        ("nodes: {a: {dt: 1}}", f"nodes.a.dt: is not a key; keys are {NODE_KEYS}"),
        ("nodes: {a: {reset: no}}", "nodes.a.reset: must be 'subtract', 'zero' or 'none', not False"),
        ("decays: {a: {shift: 3}}", "decays.a.kind: is missing"),
        ("scales: {a: -1}", "scales.a: must be above 0, not -1"),
        ("delayed_edges: [[a, b, c]]", "delayed_edges.0: must have at most 2 items, not ['a', 'b', 'c']"),
        ("dt: 1\ndt: 2", "line 2: 'dt' stands twice"),
        ("a: &x [1]\nb: *x", "line 2: aliases (*x) are not allowed"),
        (
            "!!python/object/apply:os.system ['true']",
            "line 1: could not determine a constructor for the tag"
            " 'tag:yaml.org,2002:python/object/apply:os.system'",
        ),
        ("[1, 2]", "must be a mapping of keys to values, not list"),
        ("", "must be a mapping of keys to values, not nothing"),
        ("a: " + "[" * 1000, "line 1: nested deeper than 20 levels"),
        ("? [1]\n: 2", "line 1: keys must be text"),
        ("dt: 1: 2", "line 1: mapping values are not allowed in this context"),
        (b"dt: \xff", "must be UTF-8 text, and is not at byte 4"),
    ],
)
def test_a_wrong_file_is_one_line(tmp_path: Path, text: str | bytes, message: str) -> None:
    with pytest.raises(ConfigError, match=f"^{re.escape(f'{tmp_path}/s.yaml: {message}')}$"):
        load(tmp_path, text)


def test_names_may_be_numbers(tmp_path: Path) -> None:
    """As those of layers in torch's Sequential are; and words that YAML takes for others."""
    given = load(tmp_path, "nodes: {1: {compare: ge}, 0x2: {}, no: {}}\nscales: {07: 2}")
    assert given.nodes is not None
    assert (list(given.nodes), given.scales) == (["1", "0x2", "no"], {"07": 2.0})


def test_files_that_are_not_there_or_too_big(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=f"^{re.escape(str(tmp_path))}/no.yaml: there is no such file$"):
        load_semantics(tmp_path / "no.yaml")
    with pytest.raises(ConfigError, match=f"^{re.escape(str(tmp_path))}: is not a file$"):
        load_semantics(tmp_path)
    with pytest.raises(ConfigError, match=r"s\.yaml: must have at most 1048576 bytes, not 1048577$"):
        load(tmp_path, "#" * 1048577)


def test_who_is_believed() -> None:
    metadata = parse_semantics({"dt": 2.0, "compare": "ge", "reset": "zero", "decode": "count"}, "metadata")
    given = parse_semantics({"dt": 3.0, "v_min": None}, "given")
    semantics = resolve_semantics(given, "snntorch", metadata)
    assert (semantics.dt, semantics.origins["dt"]) == (3.0, "semantics")
    assert (semantics.compare, semantics.origins["compare"]) == ("gt", "--source snntorch")
    assert (semantics.reset, semantics.reset_when) == ("subtract", "next")
    assert (semantics.decode, semantics.origins["decode"]) == ("count", "metadata")
    assert (semantics.if_gain, semantics.origins["if_gain"]) == ("dt*r", "--source snntorch")
    assert (semantics.leak_gain, semantics.origins["leak_gain"]) == ("integrated", "default")
    assert semantics.origins["v_min"] == "semantics"


def test_defaults_are_those_of_nir() -> None:
    semantics = resolve_semantics()
    assert (
        semantics.dt,
        semantics.integration,
        semantics.reset,
        semantics.reset_when,
        semantics.compare,
    ) == (1e-3, "euler", "zero", "now", "gt")
    assert set(semantics.origins.values()) == {"default"}


def test_several_spikes_need_a_reset_that_counts_them() -> None:
    given = parse_semantics({"max_spikes_per_step": 3, "reset": "zero"}, "given")
    message = r"^semantics: max_spikes_per_step above 1 needs reset subtract, now, not zero, now$"
    with pytest.raises(ConfigError, match=message):
        resolve_semantics(given)


def test_a_source_must_be_known() -> None:
    names = "snntorch, norse, sinabs, spikingjelly, rockpool, lava, spyx"
    with pytest.raises(ConfigError, match=f"^source must be one of {names}, not 'brian'$"):
        resolve_semantics(source="brian")
    for source, row in FRAMEWORKS.items():
        assert parse_semantics(row.semantics, source), "every row has keys and values of a semantics file"


def document(**changes: Any) -> dict[str, str]:
    content = {
        "version": 1,
        "name": "net",
        "semantics": {"dt": 0.002, "decode": "count"},
        "inputs": {"in": {"kind": "hold", "value_bits": 8, "value_scale": 255.0}},
        "weight_bits": 8,
        "scales": {"lif": 64.0},
        "state_bits": {"lif": 16},
        "decays": {"lif": {"kind": "shift", "shift": 4, "factor": 0, "fraction_bits": 0}},
        "coding": {"name": "direct", "steps": 8, "seed": 0},
    }
    return {"spikewright": json.dumps(content | changes)}


def test_metadata_is_a_semantics_file() -> None:
    name, semantics = graph_metadata(document())
    assert name == "net"
    assert semantics is not None
    assert (semantics.dt, semantics.weight_bits, semantics.scales) == (0.002, 8, {"lif": 64.0})
    assert semantics.decays == {"lif": DecaySpec(kind="shift", shift=4)}
    assert resolve_semantics(metadata=semantics).trained_bits == 8
    assert graph_metadata({"spikewright": document()["spikewright"].encode()})[0] == "net"
    assert graph_metadata({"other": 1}) == (None, None)
    assert graph_metadata(dict) == (None, None)


@pytest.mark.parametrize(
    ("metadata", "message"),
    [
        ({"spikewright": "{"}, r"must be JSON: .*"),
        ({"spikewright": "[1]"}, "must be a JSON object, not list"),
        ({"spikewright": 3}, "must be a string of JSON, not int"),
        (document(version=2), "version must be 1, not 2"),
        (document(semantics={"dt": "x"}), "dt: must be a number, not 'x'"),
        (document(semantics=3), "semantics: must be a mapping of keys to values, not 3"),
        (document(scales={"lif": 0}), r"scales\.lif: must be above 0, not 0"),
    ],
)
def test_wrong_metadata_is_one_line(metadata: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=f"^metadata 'spikewright': {message}$"):
        graph_metadata(metadata)
