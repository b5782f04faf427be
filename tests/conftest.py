"""A small network, as NIR and as a build, for the tests of the command line and of the flow."""

import shutil
from pathlib import Path
from typing import Any

import nir  # type: ignore[import-untyped]
import numpy as np
import pytest

SEMANTICS = """\
dt: 1e-3
reset: subtract
reset_when: now
compare: ge
decode: count
"""


def small_graph(seed: int = 0) -> Any:
    """Six inputs, five and three LIF neurons that fire when the inputs do."""
    rng = np.random.default_rng(seed)

    def lif(size: int) -> Any:
        ones = np.ones(size)
        return nir.LIF(tau=0.008 * ones, r=8 * ones, v_leak=0 * ones, v_threshold=ones, v_reset=0 * ones)

    return nir.NIRGraph(
        nodes={
            "input": nir.Input(input_type={"input": np.array([6])}),
            "fc1": nir.Affine(weight=rng.normal(0.3, 0.5, (5, 6)), bias=rng.normal(0, 0.05, 5)),
            "hidden": lif(5),
            "fc2": nir.Affine(weight=rng.normal(0.4, 0.5, (3, 5)), bias=np.zeros(3)),
            "out": lif(3),
            "output": nir.Output(output_type={"output": np.array([3])}),
        },
        edges=[
            ("input", "fc1"), ("fc1", "hidden"), ("hidden", "fc2"), ("fc2", "out"), ("out", "output"),
        ],
    )  # fmt: skip


@pytest.fixture(name="graph")
def graph_fixture() -> Any:
    """The small network."""
    return small_graph()


@pytest.fixture(scope="session")
def network_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The small network as a NIR file, and its semantics beside it as ``semantics.yaml``."""
    folder = tmp_path_factory.mktemp("network")
    nir.write(folder / "small.nir", small_graph())
    (folder / "semantics.yaml").write_text(SEMANTICS)
    return folder / "small.nir"


@pytest.fixture(scope="session")
def compiled(network_file: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The small network's build; tests that change it take ``build``."""
    import spikewright

    path = tmp_path_factory.mktemp("compiled") / "build"
    spikewright.compile(network_file, semantics=network_file.with_name("semantics.yaml"), output=path)
    return path


@pytest.fixture
def build(compiled: Path, tmp_path: Path) -> Path:
    """A copy of the build."""
    return shutil.copytree(compiled, tmp_path / "build")
