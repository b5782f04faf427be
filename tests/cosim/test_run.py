"""Co-simulation finds what is wrong, says where, and refuses to compare nothing."""

import shutil
from pathlib import Path

import numpy as np
import pytest

from spikewright.cosim.run import cosimulate
from spikewright.cosim.simulators import Simulator
from spikewright.cosim.timing import predict_cycles
from spikewright.errors import ConfigError, ToolError
from spikewright.network import Edge, InputPort, IntegerNetwork, Population
from spikewright.neuron import Decay, NeuronConfig
from tests.cosim.builds import Files, write_files

LIF = NeuronConfig(state_bits=12, decay=Decay(kind="shift", shift=3), compare=(40,), reset_amount=(40,))
SIMULATOR: Simulator = "icarus" if shutil.which("iverilog") else "verilator"


LOCKED = (
    r"^simulation locked up: nothing moved after 0 of 3 samples;"
    r" population 'hidden': stands still, first in sample 0, step 0$"
)


def network(out: NeuronConfig = LIF) -> IntegerNetwork:
    """20-12-5, dense."""
    rng = np.random.default_rng(3)
    return IntegerNetwork(
        name="small",
        weight_bits=6,
        inputs=(InputPort(name="input", shape=(20,)),),
        populations=(
            Population(name="hidden", size=12, neuron=LIF),
            Population(name="out", size=5, neuron=out),
        ),
        edges=(
            Edge(source="input", target="hidden", weights=rng.integers(-20, 32, (12, 20))),
            Edge(source="hidden", target="out", weights=rng.integers(-20, 32, (5, 12))),
        ),
        outputs=("out",),
    )


@pytest.fixture
def files(tmp_path: Path) -> Files:
    return write_files(network(), tmp_path)


@pytest.fixture(scope="module")
def x() -> np.ndarray:
    return (np.random.default_rng(4).random((3, 25, 20)) < 0.2).astype(np.uint8)


def spoil(path: Path, old: str, new: str) -> None:
    """Replace a piece of text that must be there."""
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


def test_finds_one_wrong_weight_and_names_where_it_shows(files: Files, x: np.ndarray) -> None:
    image = files.folder / "memory" / "hidden.weights.hex"
    lines = image.read_text().split()
    lines[3] = f"{int(lines[3], 16) ^ 0x10:0{len(lines[3])}x}"  # lane 0, bit 4
    image.write_text("\n".join(lines) + "\n")
    result = files.cosimulate(x, simulator=SIMULATOR)
    found = result.comparison.divergence
    assert result.comparison.mismatches > 0
    assert found is not None
    assert found.population == "hidden"
    core = files.mapped.chip.core("hidden")
    assert found.neuron == core.placement[(3 % core.slots) * core.lanes]
    assert found.step is not None, "the states of all steps say in which it starts"
    assert result.stepped_model is not None
    stored = result.stepped_model.states["hidden"]["stored"]
    expected = {"spikes": result.model.spikes["hidden"], "state 'stored'": stored}[found.what]
    assert expected[found.sample, found.step, found.neuron] == found.expected != found.seen
    assert str(found).startswith(f"first divergence: sample {found.sample}, ")


def quiet(folder: Path) -> tuple[Files, np.ndarray]:
    """A network that never fires, and two samples for it."""
    neuron = NeuronConfig(state_bits=16, compare=(30000,), reset_amount=(30000,))
    files = write_files(
        IntegerNetwork(
            name="quiet",
            weight_bits=4,
            inputs=(InputPort(name="input", shape=(3,)),),
            populations=(Population(name="p", size=4, neuron=neuron),),
            edges=(Edge(source="input", target="p", weights=np.ones((4, 3), dtype=np.int64)),),
            outputs=("p",),
        ),
        folder,
    )
    return files, np.ones((2, 4, 3), dtype=np.uint8)


def test_finds_a_state_that_no_spike_shows(tmp_path: Path) -> None:
    """A network that never fires: only the states at the sample's end can tell."""
    files, x = quiet(tmp_path)
    assert files.cosimulate(x, simulator=SIMULATOR, stepped=0).comparison.mismatches == 0
    image = tmp_path / "memory" / "p.weights.hex"
    image.write_text(image.read_text().replace("1", "2", 1))
    comparison = files.cosimulate(x, simulator=SIMULATOR, stepped=0).comparison
    assert comparison.spikes_compared == 0
    assert comparison.mismatches == 2
    assert str(comparison.divergence) == (
        "first divergence: sample 0, at its end, population 'p', neuron"
        f" {comparison.divergence.neuron if comparison.divergence else None}: state 'stored' must be 12,"
        " hardware gave 16"
    )


def test_a_sample_that_is_stepped_through_says_in_which_step_it_starts(tmp_path: Path) -> None:
    files, x = quiet(tmp_path)
    image = tmp_path / "memory" / "p.weights.hex"
    image.write_text(image.read_text().replace("1", "2", 1))
    x[:, 0, :] = 0  # nothing comes in the first step
    comparison = files.cosimulate(x, simulator=SIMULATOR, stepped=1).comparison
    found = comparison.divergence
    assert found is not None
    assert (found.sample, found.step, found.expected, found.seen, found.stepped) == (0, 1, 3, 4, True)
    assert comparison.step_states_compared == 4 * 4


def test_finds_a_stream_that_stands_still(files: Files, x: np.ndarray) -> None:
    spoil(
        files.folder / "rtl" / "spikewright_link.v",
        "assign source_ready = sink_ready;",
        "assign source_ready = 1'b0;",
    )
    with pytest.raises(ToolError, match=LOCKED):
        files.cosimulate(x, simulator=SIMULATOR)


def test_finds_lost_words(files: Files, x: np.ndarray) -> None:
    """Every third word of a link is dropped: the event protocol is breached, or spikes are missing."""
    spoil(
        files.folder / "rtl" / "spikewright_link.v",
        "assign sink_valid = source_valid;",
        (
            "reg [1:0] n = 0; always @(posedge clk) if (source_valid && source_ready)"
            " n <= n == 2 ? 0 : n + 1;"
            " assign sink_valid = source_valid && !(n == 2 && source_payload[1:0] == 0);"
        ),
    )
    spoil(
        files.folder / "rtl" / "spikewright_link.v",
        "assign source_ready = sink_ready;",
        "assign source_ready = sink_ready || (n == 2 && source_payload[1:0] == 0);",
    )
    assert files.cosimulate(x, simulator=SIMULATOR).comparison.mismatches > 0


def test_gaps_change_when_but_not_what(files: Files, x: np.ndarray) -> None:
    plain = files.cosimulate(x, simulator=SIMULATOR)
    stalled = [files.cosimulate(x, simulator=SIMULATOR, stall=0.9, seed=seed) for seed in (1, 2)]
    assert plain.comparison.mismatches == 0
    for run in stalled:
        assert run.comparison.mismatches == 0
        assert run.hardware.cycles.sum() > 1.2 * plain.hardware.cycles.sum()
    assert (stalled[0].hardware.cycles != stalled[1].hardware.cycles).any(), "every seed has gaps of its own"


def test_counts_what_it_compares(files: Files, x: np.ndarray) -> None:
    result = files.cosimulate(x, simulator=SIMULATOR)
    comparison = result.comparison
    assert comparison.spikes_compared == sum(int(s.sum()) for s in result.model.spikes.values()) > 0
    assert comparison.places_compared == 3 * 25 * 17
    assert (comparison.readouts_compared, comparison.states_compared) == (0, 3 * 17)
    assert (result.stepped, comparison.step_states_compared) == (2, 2 * 25 * 17)
    assert set(result.hardware.event_cycles) == {"hidden", "out"}


def test_busy_cycles_and_latency_are_predicted(files: Files, x: np.ndarray) -> None:
    result = files.cosimulate(x, simulator=SIMULATOR)
    predicted = predict_cycles(files.mapped.chip, files.network, {"input": x, **result.model.spikes})
    assert predicted.cycles.sum() == pytest.approx(result.hardware.cycles.sum(), rel=0.02)
    assert predicted.event_cycles == result.hardware.event_cycles
    assert predicted.update_cycles == result.hardware.update_cycles


def test_stepping_through_changes_no_figure(files: Files, x: np.ndarray) -> None:
    """The pauses are in runs of their own: clocks are those of the samples that run freely."""
    without, all_of_them = (files.cosimulate(x, simulator=SIMULATOR, stepped=n) for n in (0, 9))
    assert (without.stepped, all_of_them.stepped) == (0, 3)
    assert all_of_them.comparison.mismatches == without.comparison.mismatches == 0
    assert all_of_them.comparison.step_states_compared == 3 * 25 * 17
    np.testing.assert_array_equal(all_of_them.hardware.cycles, without.hardware.cycles)
    np.testing.assert_array_equal(all_of_them.hardware.step_cycles, without.hardware.step_cycles)
    assert all_of_them.hardware.event_cycles == without.hardware.event_cycles
    assert all_of_them.hardware.update_cycles == without.hardware.update_cycles


def test_finds_what_goes_wrong_on_the_way_out(files: Files, x: np.ndarray) -> None:
    """The checker listens at the cores; a link that changes an output's words is found all the same."""
    spoil(
        files.folder / "rtl" / "spikewright_link.v",
        "assign sink_payload = source_payload;",
        "assign sink_payload = source_payload ^ (WIDTH == 5 && source_payload[1:0] == 0 ? 4 : 0);",
    )
    result = files.cosimulate(x, simulator=SIMULATOR)
    assert result.comparison.divergence is not None
    assert result.comparison.divergence.population == "out"
    assert "do not arrive at the chip's port as the core sent them" in str(result.comparison.divergence)


@pytest.mark.parametrize("contents", ["baked", "bus"])
def test_reads_potentials_of_a_readout(contents: str, tmp_path: Path, x: np.ndarray) -> None:
    readout = NeuronConfig(
        fires=False, state_bits=16, decay=Decay(kind="multiply", factor=(230,), fraction_bits=8)
    )
    files = write_files(network(readout), tmp_path, {"contents": contents})
    result = files.cosimulate(x, simulator=SIMULATOR)
    assert result.comparison.mismatches == 0
    assert result.comparison.readouts_compared == 3 * 25 * 5
    assert np.ptp(result.hardware.readouts["out"]) > 100


def test_nothing_to_compare_is_refused(files: Files) -> None:
    with pytest.raises(ConfigError):
        files.cosimulate(np.zeros((0, 5, 20), dtype=np.uint8), simulator=SIMULATOR)


@pytest.mark.parametrize("stall", [-0.1, 1.0])
def test_stall_out_of_range_is_refused(files: Files, x: np.ndarray, stall: float) -> None:
    with pytest.raises(ConfigError, match=rf"^stall must be 0\.\.0\.95, not {stall}$"):
        files.cosimulate(x, stall=stall)


def test_a_build_without_verilog_is_refused(files: Files, x: np.ndarray, tmp_path: Path) -> None:
    empty = tmp_path / "none"
    empty.mkdir()
    with pytest.raises(ConfigError, match=r"none: there is no Verilog$"):
        cosimulate(
            files.mapped.chip,
            files.network,
            x,
            rtl=empty,
            memory=files.folder / "memory",
            work=tmp_path / "work",
        )


def test_verilog_that_does_not_parse_is_named(files: Files, x: np.ndarray) -> None:
    (files.folder / "rtl" / "chip.v").write_text("module chip(; endmodule\n")
    with pytest.raises(ToolError, match=r"did not build the simulation .*build\.log$"):
        files.cosimulate(x, simulator=SIMULATOR)


def test_missing_icarus_is_named(files: Files, x: np.ndarray, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    with pytest.raises(
        ToolError, match=r"^iverilog is not on PATH: apt-get install iverilog, or use --simulator"
    ):
        files.cosimulate(x, simulator="icarus")
