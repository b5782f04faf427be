"""Files that others have trained and written, where they are at hand."""

import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from spikewright.compiler.reader import read_network, read_nir
from spikewright.compiler.semantics import load_semantics, resolve_semantics
from spikewright.ir import RealNetwork
from spikewright.models.binning import Binning
from spikewright.models.data import load
from spikewright.models.real import RealModel

DATA = Path(os.environ.get("SPIKEWRIGHT_DATA", "missing"))
EXAMPLES = Path(__file__).parents[2] / "docs" / "examples"

pytestmark = pytest.mark.skipif(not (DATA / "nir").is_dir(), reason="SPIKEWRIGHT_DATA has no folder nir")


def read(name: str, semantics: str) -> RealNetwork:
    return read_network(
        read_nir(DATA / "nir" / name), resolve_semantics(load_semantics(EXAMPLES / semantics))
    )


def accuracy(network: RealNetwork, x: Any, y: Any) -> float:
    counts = RealModel(network).run(x).spikes[network.outputs[0]].sum(1, dtype=np.int64)
    return float((counts.argmax(1) == y).mean())


def test_the_recurrent_network_for_braille() -> None:
    network = read("braille_noDelay_bias_zero.nir", "braille.yaml")
    assert [(e.source, e.target, e.delay) for e in network.edges] == [
        ("input", "lif1.lif", (0,)),
        ("lif1.lif", "lif1.lif", (1,)),
        ("lif1.lif", "lif2", (0,)),
    ]
    assert all(p.current is not None for p in network.populations)
    data = load("braille7:test")
    assert accuracy(network, data.x, data.y) > 0.95


def test_the_convolutional_network_for_events() -> None:
    network = read("cnn_sinabs.nir", "cnn_sinabs.yaml")
    assert [p.shape for p in network.populations] == [(16, 16, 16), (16, 16, 16), (8, 8, 8), (), ()]
    assert [edge.convolution is not None for edge in network.edges] == [True, True, True, False, False]
    assert network.edges[2].convolution is not None
    assert network.edges[2].convolution.pool == (2, 2)
    data = load("nmnist:test[0:10]", Binning(bin_ms=1.0))
    assert accuracy(network, data.x, data.y) >= 0.9
